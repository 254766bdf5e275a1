package server_test

import (
	"context"
	"encoding/json"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"plumb.cd/plumb/internal/server"
	"plumb.cd/plumb/internal/signin"
)

func owner(ctx context.Context, token string) (signin.User, error) {
	u, err := staff.Authenticate(ctx, token)
	return signin.User(u), err
}

// callOf is one call of the API, as its document tells it.
type callOf struct {
	method, path string
	right        string // "verb resource"; empty: none is needed
	signedIn     bool
}

// calls are all calls that there are.
func calls(t *testing.T) []callOf {
	t.Helper()
	raw, err := server.Document("test")
	if err != nil {
		t.Fatal(err)
	}
	var doc struct {
		Paths map[string]map[string]struct {
			Right    string           `json:"x-right"`
			Security []map[string]any `json:"security"`
		} `json:"paths"`
	}
	if err := json.Unmarshal(raw, &doc); err != nil {
		t.Fatal(err)
	}
	var out []callOf
	for path, methods := range doc.Paths {
		for method, op := range methods {
			out = append(out, callOf{strings.ToUpper(method), path, op.Right, len(op.Security) > 0})
		}
	}
	if len(out) < 20 {
		t.Fatalf("only %d calls", len(out))
	}
	slices.SortFunc(out, func(a, b callOf) int { return strings.Compare(a.path+a.method, b.path+b.method) })
	return out
}

var placeholder = regexp.MustCompile(`\{(\w+)\}`)

// at fills the path: namespace and name, and something for the rest.
func (c callOf) at(namespace, name string) string {
	return placeholder.ReplaceAllStringFunc(c.path, func(p string) string {
		switch p {
		case "{namespace}":
			return namespace
		case "{name}":
			return name
		}
		return "1"
	})
}

// open are the calls that need no sign-in.
var open = []string{"GET /api/v1/openapi.json", "GET /api/v1/signin", "GET /api/v1/version", "POST /api/v1/signin"}

func TestEveryCallButAFewNeedsASignIn(t *testing.T) {
	d := newDoor(t, signin.Config{})
	for _, c := range calls(t) {
		if !c.signedIn {
			if !slices.Contains(open, c.method+" "+c.path) {
				t.Errorf("%s %s needs no sign-in", c.method, c.path)
			}
			continue
		}
		for name, header := range map[string]string{
			"nobody": "X-None: x", "a made-up cookie": "Cookie: plumb-session=" + strings.Repeat("A", 43), "the wrong scheme": "Authorization: Basic YW5uOmFubg==",
		} {
			status, body, _ := d.visitor().do(c.method, c.at("team-a", "shop"), "", header)
			if status != http.StatusUnauthorized && status != http.StatusTooManyRequests {
				t.Errorf("%s %s for %s: %d %s", c.method, c.path, name, status, body)
			}
		}
	}
}

func TestToWhomeverHasNoRightsThereIsNothing(t *testing.T) {
	d := newDoor(t, signin.Config{})
	eve, zoe := d.as("eve"), d.as("zoe")
	for _, c := range calls(t) {
		what := c.method + " " + c.path
		if c.right == "" {
			if !c.signedIn || strings.HasSuffix(c.path, "/signout") {
				continue
			}
			status, body, _ := eve.do(c.method, c.at("team-a", "shop"), "")
			if status >= 500 || strings.Contains(body, "shop") || strings.Contains(body, "bank") || strings.Contains(body, "team-") {
				t.Errorf("%s tells Eve: %d %s", what, status, body)
			}
			continue
		}
		status, body, _ := eve.do(c.method, c.at("team-b", "bank"), "")
		absent, absentBody, _ := eve.do(c.method, c.at("team-b", "nope"), "")
		if status != http.StatusNotFound || absent != status || strings.ReplaceAll(body, "bank", "X") != strings.ReplaceAll(absentBody, "nope", "X") {
			t.Errorf("%s: what Eve may not see %d %s, and what does not exist %d %s", what, status, body, absent, absentBody)
		}
		if strings.HasSuffix(c.right, " apps") {
			gone, goneBody, _ := zoe.do(c.method, c.at("team-b", "nope"), "")
			if gone != status || strings.ReplaceAll(goneBody, "nope", "X") != strings.ReplaceAll(body, "bank", "X") {
				t.Errorf("%s: what does not exist, for who may see: %d %s; for who may not: %d %s", what, gone, goneBody, status, body)
			}
		}
	}
	if n := len(d.wishes.annotations) + len(d.wishes.patches) + len(d.engine.reverts); n > 0 {
		t.Errorf("%d wishes were written", n)
	}
}

func TestWhoMayLookDoesNothingElse(t *testing.T) {
	d := newDoor(t, signin.Config{})
	bob := d.as("bob")
	for _, c := range calls(t) {
		verb, resource, _ := strings.Cut(c.right, " ")
		if verb == "" || verb == "get" || resource != server.AppResource {
			continue
		}
		status, body, _ := bob.do(c.method, c.at("team-a", "shop"), "")
		if status != http.StatusForbidden || !strings.Contains(body, "ask for the verb") {
			t.Errorf("%s %s: %d %s", c.method, c.path, status, body)
		}
	}
	if n := len(d.wishes.annotations) + len(d.wishes.patches) + len(d.engine.reverts); n > 0 {
		t.Errorf("%d wishes were written", n)
	}
}

func TestNoCallThatChangesSomethingGoesByCookieAlone(t *testing.T) {
	d := newDoor(t, signin.Config{})
	zoe := d.as("zoe")
	for _, c := range calls(t) {
		if c.method == http.MethodGet || !c.signedIn {
			continue
		}
		for name, header := range map[string]string{"without the session's word": "X-Plumb-CSRF: ", "from another site": "Sec-Fetch-Site: cross-site"} {
			if status, body, _ := zoe.do(c.method, c.at("team-a", "shop"), "{}", header); status != http.StatusForbidden {
				t.Errorf("%s %s %s: %d %s", c.method, c.path, name, status, body)
			}
		}
	}
	if n := len(d.wishes.annotations) + len(d.wishes.patches) + len(d.engine.reverts); n > 0 {
		t.Errorf("%d wishes were written", n)
	}
}
