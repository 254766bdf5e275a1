package daemon

import (
	"bufio"
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"plumb.cd/plumb/api/v1alpha1"
	"plumb.cd/plumb/internal/cli"
	"plumb.cd/plumb/internal/controller"
	"plumb.cd/plumb/internal/cptest"
	"plumb.cd/plumb/internal/httpapi"
)

// reader is somebody with a token who reads the API.
type reader struct {
	t     *testing.T
	base  string
	token string
}

func (r reader) get(ctx context.Context, path string) *http.Response {
	r.t.Helper()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, r.base+"/api/v1/"+path, nil)
	if err != nil {
		r.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+r.token)
	res, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { res.Body.Close() })
	return res
}

// apps are the names that a list with this filter has, by name; nil when there is no list.
func (r reader) apps(filter string) []string {
	res := r.get(r.t.Context(), "apps?sort=name&filter="+url.QueryEscape(filter))
	var page httpapi.AppPage
	if res.StatusCode != http.StatusOK || json.NewDecoder(res.Body).Decode(&page) != nil {
		return nil
	}
	out := []string{}
	for _, row := range page.Items {
		out = append(out, row.Namespace+"/"+row.Name)
	}
	return out
}

// stream opens the stream and gives its events, "event data".
func (r reader) stream() <-chan string {
	ctx, cancel := context.WithCancel(r.t.Context())
	res := r.get(ctx, "stream")
	if res.StatusCode != http.StatusOK {
		r.t.Fatalf("the stream: %s", res.Status)
	}
	out := make(chan string, 100)
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer close(out)
		event := ""
		for lines := bufio.NewScanner(res.Body); lines.Scan(); {
			if v, ok := strings.CutPrefix(lines.Text(), "event: "); ok {
				event = v
			}
			if v, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
				out <- event + " " + v
			}
		}
	}()
	r.t.Cleanup(func() { cancel(); <-done })
	return out
}

// hears waits until an event has all of these words.
func hears(t *testing.T, events <-chan string, words ...string) {
	t.Helper()
	var heard []string
	defer func() {
		if t.Failed() {
			t.Logf("heard: %q", heard)
		}
	}()
	cptest.Eventually(t, patience+3*keepAnswers, "the stream says "+strings.Join(words, ", "), func() bool {
		select {
		case e, open := <-events:
			heard = append(heard, e)
			return open && !slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(e, w) })
		default:
			return false
		}
	})
}

// grants gives a tenant a right in its namespace, and says how to take it away.
func grants(t *testing.T, cp *cptest.ControlPlane, ns string, verbs ...string) (revoke func()) {
	t.Helper()
	rbac := cp.Client(t).RbacV1()
	role := &rbacv1.Role{ObjectMeta: metav1.ObjectMeta{Name: "looks"}, Rules: []rbacv1.PolicyRule{{APIGroups: []string{"plumb.cd"}, Resources: []string{"apps"}, Verbs: verbs}}}
	if _, err := rbac.Roles(ns).Create(t.Context(), role, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	binding := &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: "looks"}, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: "looks"},
		Subjects: []rbacv1.Subject{{Kind: "ServiceAccount", Name: "tenant", Namespace: ns}},
	}
	if _, err := rbac.RoleBindings(ns).Create(t.Context(), binding, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := rbac.RoleBindings(ns).Delete(t.Context(), "looks", metav1.DeleteOptions{}); err != nil {
			t.Fatal(err)
		}
	}
}

func TestEverybodyReadsTheListsOfTheirNamespaces(t *testing.T) {
	cp := cptest.Start(t)
	base := daemonWith(t, cp, cli.DaemonOptions{Listen: "127.0.0.1:0", LocalToken: "everything"})
	hub, err := client.New(cp.Config(t), client.Options{Scheme: controller.Scheme()})
	if err != nil {
		t.Fatal(err)
	}
	red, blue := cp.Namespace(t), cp.Namespace(t)
	create := func(ns, name, team string) *v1alpha1.App {
		app := &v1alpha1.App{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: name, Labels: map[string]string{"team": team, "env": "prod"}}}
		app.Spec.Source = &v1alpha1.Source{URL: "https://127.0.0.1:1/none.git", Path: "apps/" + name}
		app.Spec.Destination.Namespace = v1alpha1.Namespace(ns)
		if err := hub.Create(t.Context(), app); err != nil {
			t.Fatal(err)
		}
		return app
	}
	shop := create(red, "shop", "red")
	create(blue, "bank", "blue")
	_, redToken := tenant(t, cp, red)
	_, blueToken := tenant(t, cp, blue)
	revoke := grants(t, cp, red, "get", "list")
	grants(t, cp, blue, "list")
	all, ann, bob := reader{t, base, "everything"}, reader{t, base, redToken}, reader{t, base, blueToken}

	cptest.Eventually(t, patience, "both Apps are listed", func() bool { return len(all.apps("")) == 2 })
	cptest.Eventually(t, patience+keepAnswers, "each sees their own", func() bool {
		return slices.Equal(ann.apps(""), []string{red + "/shop"}) && slices.Equal(bob.apps(""), []string{blue + "/bank"})
	})
	if got := ann.apps("team=blue"); len(got) != 0 {
		t.Errorf("a filter shows %v", got)
	}
	if got := all.apps("team=red env:prod cluster:in-cluster source:none"); !slices.Equal(got, []string{red + "/shop"}) {
		t.Errorf("by label, environment, cluster and source: %v", got)
	}
	for path, want := range map[string]int{"apps/" + blue + "/bank": 404, "apps/" + blue + "/nope": 404, "clusters": 403, "apps/" + red + "/shop": 200} {
		if res := ann.get(t.Context(), path); res.StatusCode != want {
			t.Errorf("%s: %s", path, res.Status)
		}
	}

	events := ann.stream()
	hears(t, events, "apps {", `"counts":{`)
	old := shop.DeepCopy()
	shop.Labels["team"] = "green"
	if err := hub.Patch(t.Context(), shop, client.MergeFrom(old)); err != nil {
		t.Fatal(err)
	}
	hears(t, events, "apps {", `"team":"green"`)
	revoke()
	hears(t, events, "reset {")
	if got := ann.apps(""); len(got) != 0 {
		t.Errorf("without the right: %v", got)
	}
	if err := cp.Client(t).CoreV1().ServiceAccounts(red).Delete(t.Context(), "tenant", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	hears(t, events, "signout {", `"status":401`)
	cptest.Eventually(t, patience, "the stream ends", func() bool {
		select {
		case _, open := <-events:
			return !open
		default:
			return false
		}
	})
}
