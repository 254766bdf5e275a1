package speed

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"plumb.cd/plumb/internal/cptest"
	"plumb.cd/plumb/internal/engine"
	"plumb.cd/plumb/internal/gittest"
	"plumb.cd/plumb/test/enginelab"
)

// fieldless is the way to an API server that has managedFields on no object: as servers do that have been told to save memory,
// and some aggregated ones.
func fieldless(t *testing.T, cp *cptest.ControlPlane) []byte {
	return link{body: stripEach, stream: func(_ *http.Request, w io.Writer, r io.Reader) error { return stripEach(w, r) }}.through(t, cp)
}

// stripEach copies JSON values without managedFields, at whatever depth.
func stripEach(w io.Writer, r io.Reader) error {
	in, out := json.NewDecoder(r), json.NewEncoder(w)
	in.UseNumber()
	for {
		var v any
		if err := in.Decode(&v); err != nil {
			if err == io.EOF {
				return nil
			}
			return err
		}
		strip(v)
		if err := out.Encode(v); err != nil {
			return err
		}
	}
}

func strip(v any) {
	switch v := v.(type) {
	case map[string]any:
		delete(v, "managedFields")
		for _, below := range v {
			strip(below)
		}
	case []any:
		for _, below := range v {
			strip(below)
		}
	}
}

func TestOnAServerThatDropsFieldOwnershipDriftIsUndoneAndNothingIsFoughtOver(t *testing.T) {
	t.Parallel()
	cp := cptest.Start(t, cptest.WithNodes(1), cptest.WithAudit())
	namespace := cp.Namespace(t)
	l := enginelab.Reaching(t, fieldless(t, cp))
	repo := gittest.NewRepo(t)
	head := repo.Commit("main", "start", gittest.Files{"web/a.yaml": fourObjects("web")})
	l.Repository("shop", repo.Dir)
	l.Put("web", auto(namespace, "shop", "web"))
	t.Cleanup(func() {
		if now, _ := askedSince(t, cp, 0); t.Failed() {
			t.Logf("the last requests: %+v", now[max(0, len(now)-20):])
		}
	})
	l.UntilSynced(t, head, "web")
	config := cp.Client(t).CoreV1().ConfigMaps(namespace)
	patch := func(manager, text string) {
		t.Helper()
		if _, err := config.Patch(t.Context(), "web", types.MergePatchType, []byte(text), metav1.PatchOptions{FieldManager: manager}); err != nil {
			t.Fatal(err)
		}
	}
	value := func(want string) func() bool {
		return func() bool {
			m, err := config.Get(t.Context(), "web", metav1.GetOptions{})
			return err == nil && m.Data["value"] == want
		}
	}
	patch("kubectl-edit", `{"data":{"value":"mine"}}`)
	cptest.Eventually(t, soon, "drift is undone", value("1"))
	if err := config.Delete(t.Context(), "web", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	cptest.Eventually(t, soon, "what was deleted is back", value("1"))
	patch("some-controller", `{"metadata":{"annotations":{"example.com/note":"kept"}},"data":{"more":"kept"}}`)
	patch("kubectl-edit", `{"data":{"value":"mine again"}}`)
	cptest.Eventually(t, soon, "drift beside a field of somebody else is undone", value("1"))
	m, err := config.Get(t.Context(), "web", metav1.GetOptions{})
	if err != nil || m.Data["more"] != "kept" || m.Annotations["example.com/note"] != "kept" {
		t.Errorf("what a controller added is gone: %v %v", m.Data, err)
	}
	head = repo.Commit("main", "two", gittest.Files{"web/a.yaml": strings.Replace(fourObjects("web"), `value: "1"`, `value: "2"`, 1)})
	l.Look()
	l.UntilSynced(t, head, "web")
	cptest.Eventually(t, soon, "a commit is applied", value("2"))
	restful(t, cp, l, head)
}

// restful fails when the engine goes on writing while nothing happens.
func restful(t *testing.T, cp *cptest.ControlPlane, l *enginelab.Lab, head string) {
	t.Helper()
	_, mark := askedSince(t, cp, 0)
	quietFor(t, cp, mark)
	l.UntilSynced(t, head, "web")
	s, _ := l.Snapshot(enginelab.Key("web"))
	if s.State != engine.StateSynced {
		t.Errorf("at rest it is %s: %s", s.State, s.Message)
	}
}

// quietFor waits until the engine has made no request but watches for some seconds, after at most a few.
func quietFor(t *testing.T, cp *cptest.ControlPlane, mark int) {
	t.Helper()
	const polls, most = 150, 40 // polls of 20 ms
	still, count := 0, -1
	cptest.Eventually(t, soon, "no request for a while", func() bool {
		now, _ := askedSince(t, cp, mark)
		n := 0
		for _, a := range now {
			if a.verb != "watch" {
				n++
			}
		}
		if n > most {
			t.Fatalf("%d requests while nothing happens: %v", n, now[len(now)-5:])
		}
		if still++; n != count {
			still, count = 0, n
		}
		return still >= polls
	})
}
