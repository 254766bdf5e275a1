package daemon

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"plumb.cd/plumb/internal/cli"
	"plumb.cd/plumb/internal/controller"
	"plumb.cd/plumb/internal/cptest"
	"plumb.cd/plumb/internal/httpapi"
	"plumb.cd/plumb/internal/server"
)

func TestViewsAreKeptOnTheHubForEachUser(t *testing.T) {
	cp := cptest.Shared(t)
	c, err := client.New(cp.EngineConfig(t), client.Options{Scheme: controller.Scheme()})
	if err != nil {
		t.Fatal(err)
	}
	v, ctx := views{c, cp.Namespace(t)}, t.Context()
	const ann, bob = "https://login.example.com/#Ann Å", "bob"
	if got, version, err := v.Views(ctx, ann); err != nil || len(got) != 0 || version != "" {
		t.Fatalf("before: %v %q %v", got, version, err)
	}
	if err := v.KeepViews(ctx, ann, "", nil); err != nil {
		t.Errorf("nothing to keep: %v", err)
	}
	one := []httpapi.View{{Name: "mine", Page: "apps", Query: "filter=x", Changed: time.Unix(1700000000, 0).UTC()}}
	if err := v.KeepViews(ctx, ann, "", one); err != nil {
		t.Fatal(err)
	}
	if err := v.KeepViews(ctx, ann, "", one); !errors.Is(err, server.ErrStale) {
		t.Errorf("made by somebody else: %v", err)
	}
	got, version, err := v.Views(ctx, ann)
	if err != nil || len(got) != 1 || got[0] != one[0] {
		t.Fatalf("%v %v", got, err)
	}
	if got, _, err := v.Views(ctx, bob); err != nil || len(got) != 0 {
		t.Errorf("Bob has %v, %v", got, err)
	}
	if err := v.KeepViews(ctx, ann, version, append(one, httpapi.View{Name: "other", Page: "changes"})); err != nil {
		t.Fatal(err)
	}
	for what, all := range map[string][]httpapi.View{"changed": one, "deleted": nil} {
		if err := v.KeepViews(ctx, ann, version, all); !errors.Is(err, server.ErrStale) {
			t.Errorf("%s by who read it before: %v", what, err)
		}
	}
	_, version, _ = v.Views(ctx, ann)
	if err := v.KeepViews(ctx, ann, version, nil); err != nil {
		t.Fatal(err)
	}
	if err := v.KeepViews(ctx, ann, version, one); !errors.Is(err, server.ErrStale) {
		t.Errorf("after it was deleted: %v", err)
	}
	left := &corev1.ConfigMapList{}
	if err := c.List(ctx, left, client.InNamespace(v.namespace), client.MatchingLabels{viewLabel: "true"}); err != nil || len(left.Items) != 0 {
		t.Errorf("%d ConfigMaps are left, %v", len(left.Items), err)
	}
}

func TestTheLocalUserKeepsViews(t *testing.T) {
	cp := cptest.Start(t)
	const token = "the-local-token-of-plumb-up"
	base := daemonWith(t, cp, cli.DaemonOptions{Listen: "127.0.0.1:0", LocalToken: token})
	ask := func(method, body string) (int, string) {
		req, err := http.NewRequestWithContext(t.Context(), method, base+"/api/v1/views/mine", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+token)
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		raw, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		return res.StatusCode, string(raw)
	}
	if status, body := ask(http.MethodPut, `{"page":"apps","query":"filter=state:failed"}`); status != http.StatusOK {
		t.Fatalf("%d %s", status, body)
	}
	if status, body := ask(http.MethodGet, ""); status != http.StatusOK || !strings.Contains(body, "state:failed") {
		t.Errorf("%d %s", status, body)
	}
	maps, err := cp.Client(t).CoreV1().ConfigMaps("plumb-system").List(t.Context(), metav1.ListOptions{LabelSelector: viewLabel})
	if err != nil || len(maps.Items) != 1 || maps.Items[0].Annotations[viewUser] != localUser {
		t.Errorf("%v, %v", maps, err)
	}
}
