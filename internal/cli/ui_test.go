package cli_test

import (
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

// visit opens the address that was printed last, as a browser without cookies does. The answer must have the status, and the
// text in its head or body.
func (l *lab) visit(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: visit STATUS TEXT")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	req, err := http.NewRequestWithContext(l.t.Context(), http.MethodGet, strings.TrimSpace(ts.ReadFile("stdout")), nil)
	ts.Check(err)
	req.Header.Set("Accept", "text/html")
	res, err := (&http.Transport{}).RoundTrip(req)
	ts.Check(err)
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	ts.Check(err)
	var head strings.Builder
	ts.Check(res.Header.Write(&head))
	if res.StatusCode != want || !strings.Contains(head.String()+string(raw), args[1]) {
		ts.Fatalf("%s: %d %s%s", req.URL, res.StatusCode, head.String(), raw)
	}
}
