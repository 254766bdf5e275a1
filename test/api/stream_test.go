package api

import (
	"encoding/json"
	"net/http"
	"testing"

	"plumb.cd/plumb/internal/gittest"
	"plumb.cd/plumb/internal/httpapi"
	"plumb.cd/plumb/test/e2e/harness"
)

func TestOneAppIsFollowedByItsTopic(t *testing.T) {
	t.Parallel()
	p := harness.Shared(t)
	repo := p.Repo("shop", gittest.Files{"cfg.yaml": configMap("cfg", "k", "v")})
	p.App("shop", "source: {repository: shop}")
	p.App("other", "source: {repository: shop}\nsuspend: true")
	p.WaitSynced("shop", repo.Head())
	res := p.Open("/api/v1/stream?topics=app:" + p.Namespace + "/shop")
	if res.StatusCode != http.StatusOK {
		t.Fatal(res.Status)
	}
	events := 0
	read(t, res, func(event, data string) bool {
		var d httpapi.AppsDelta
		if err := json.Unmarshal([]byte(data), &d); err != nil || event != "apps" || len(d.Rows) != 1 || d.Rows[0].Name != "shop" || d.Counts != nil {
			t.Fatalf("%s %s (%v)", event, data, err)
		}
		if events++; events == 1 {
			p.App("other", "source: {repository: shop}\nsuspend: false")
			p.App("shop", "source: {repository: shop}\nsuspend: true")
		}
		return d.Rows[0].State == "Paused"
	})
	if events < 2 {
		t.Errorf("%d events", events)
	}
}
