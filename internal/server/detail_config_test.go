package server_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"plumb.cd/plumb/internal/engine"
	"plumb.cd/plumb/internal/httpapi"
	"plumb.cd/plumb/internal/server"
)

// written are App resources by name.
type written map[engine.Key]map[string]any

func (w written) App(_ context.Context, key engine.Key) (map[string]any, error) {
	if r := w[key]; r != nil {
		return r, nil
	}
	return nil, engine.ErrNoApp
}

func TestTheConfigurationOfAnAppIsItsResource(t *testing.T) {
	d := newDesk(t)
	if status, body := d.call("bob", http.MethodGet, path+"/config", ""); status < 500 {
		t.Errorf("without a reader of resources: %d %s", status, body)
	}
	spec := map[string]any{"destination": map[string]any{"namespace": "shop"}}
	d.resources(written{shop: {"kind": "App", "spec": spec}})
	status, body := d.call("bob", http.MethodGet, path+"/config", "")
	var got httpapi.AppConfig
	if err := json.Unmarshal([]byte(body), &got); err != nil || status != http.StatusOK {
		t.Fatalf("%d %s: %v", status, body, err)
	}
	if where, _ := got.Spec["destination"].(map[string]any); where["namespace"] != "shop" || !strings.Contains(got.YAML, "kind: App\n") {
		t.Errorf("%+v", got)
	}
	if status, _ = d.call("eve", http.MethodGet, path+"/config", ""); status != http.StatusNotFound {
		t.Errorf("who may not get the App: %d", status)
	}
	if status, _ = d.call("zoe", http.MethodGet, "/api/v1/apps/team-b/bank/config", ""); status != http.StatusNotFound {
		t.Errorf("an App whose resource went away: %d", status)
	}
}

// resources has the server of a desk begin again with a reader of resources.
func (d *desk) resources(r server.Resources) {
	d.http.Config.Handler = server.New(server.Options{
		Engine: d.engine, Access: staff, Intents: d.wishes, History: d.history, Registry: prometheus.NewRegistry(), Changes: d.changes,
		Detail: server.DetailOptions{Resources: r}, Version: "v1", Now: func() time.Time { return now }, Log: slog.New(slog.DiscardHandler),
	})
}
