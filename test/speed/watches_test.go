package speed

import (
	"bytes"
	"encoding/json"
	"net/url"
	"os"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"plumb.cd/plumb/internal/cptest"
	"plumb.cd/plumb/internal/gittest"
	"plumb.cd/plumb/test/enginelab"
)

// asked is a request of the engine, out of the audit log.
type asked struct {
	verb, resource, version string
	bookmarks               bool
	namespace               string
}

// askedSince reads the requests of the engine after the first offset bytes of the log, and how long the log is.
func askedSince(t *testing.T, cp *cptest.ControlPlane, offset int) ([]asked, int) {
	t.Helper()
	raw, err := os.ReadFile(cp.AuditLog)
	if err != nil {
		t.Fatal(err)
	}
	raw = raw[:bytes.LastIndexByte(raw, '\n')+1]
	var out []asked
	for line := range bytes.Lines(raw[offset:]) {
		var e struct {
			Verb, Stage, RequestURI, UserAgent string
			ObjectRef                          struct{ Resource, Namespace string }
		}
		if err := json.Unmarshal(line, &e); err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(e.UserAgent, "plumb-lab") || (e.Verb == "watch") != (e.Stage == "ResponseStarted") {
			continue
		}
		u, err := url.Parse(e.RequestURI)
		if err != nil {
			t.Fatal(err)
		}
		q := u.Query()
		out = append(out, asked{e.Verb, e.ObjectRef.Resource, q.Get("resourceVersion"), q.Get("allowWatchBookmarks") == "true", e.ObjectRef.Namespace})
	}
	return out, len(raw)
}

func TestADroppedWatchGoesOnWhereItWasAndListsNothing(t *testing.T) {
	t.Parallel()
	cp := cptest.Start(t, cptest.WithNodes(1), cptest.WithAudit())
	namespace := cp.Namespace(t)
	link, kubeconfig := behind(t, cp)
	l := enginelab.Reaching(t, kubeconfig)
	repo := gittest.NewRepo(t)
	head := repo.Commit("main", "start", gittest.Files{"web/a.yaml": fourObjects("web")})
	l.Repository("shop", repo.Dir)
	l.Put("web", auto(namespace, "shop", "web"))
	l.UntilSynced(t, head, "web")
	config := cp.Client(t).CoreV1().ConfigMaps(namespace)
	drift := func(what string) {
		t.Helper()
		_, err := config.Patch(t.Context(), "web", types.MergePatchType, []byte(`{"data":{"value":"mine"}}`), metav1.PatchOptions{FieldManager: "kubectl-edit"})
		if err != nil {
			t.Fatal(err)
		}
		cptest.Eventually(t, soon, what, func() bool {
			m, err := config.Get(t.Context(), "web", metav1.GetOptions{})
			return err == nil && m.Data["value"] == "1"
		})
	}
	drift("drift is undone before the watches are cut")
	kinds := map[string]bool{"configmaps": true, "services": true, "serviceaccounts": true, "deployments": true}
	_, mark := askedSince(t, cp, 0)
	link.cut()
	cptest.Eventually(t, soon, "the watches go on", func() bool {
		again := map[string]bool{}
		now, _ := askedSince(t, cp, mark)
		for _, a := range now {
			if a.verb == "watch" && kinds[a.resource] {
				again[a.resource] = true
			}
		}
		return len(again) == len(kinds)
	})
	drift("drift is undone after the watches were cut")
	now, _ := askedSince(t, cp, mark)
	for _, a := range now {
		switch {
		case a.verb == "list":
			t.Errorf("a dropped watch lists %s again", a.resource)
		case a.verb == "watch" && (a.version == "" || a.version == "0"):
			t.Errorf("the watch of %s does not go on where it was, but at %q", a.resource, a.version)
		}
	}
}
