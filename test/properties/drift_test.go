package properties

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	typedcorev1 "k8s.io/client-go/kubernetes/typed/core/v1"

	"plumb.cd/plumb/internal/cptest"
	"plumb.cd/plumb/internal/engine"
	"plumb.cd/plumb/internal/gittest"
	"plumb.cd/plumb/internal/plan"
	"plumb.cd/plumb/internal/render"
	"plumb.cd/plumb/test/enginelab"
)

const (
	owners  = 3 // Apps
	objects = 4 // ConfigMaps of each
	soon    = 40 * time.Second
)

var keys = []string{"a", "b", "c"}

// view is what is known of the objects of all Apps: "App/name" → synced, drifted or missing.
type view map[string]string

// reference reads everything again and judges it plainly: an object is missing, or has a value that Git has otherwise, or has
// one more that a person's tool put there; else it is in sync.
func reference(t *testing.T, c typedcorev1.ConfigMapInterface) view {
	t.Helper()
	out := view{}
	for o := range owners {
		for i := range objects {
			name := objectName(o, i)
			m, err := c.Get(t.Context(), name, metav1.GetOptions{})
			switch {
			case apierrors.IsNotFound(err):
				out[name] = "missing"
			case err != nil:
				t.Fatal(err)
			default:
				out[name] = judge(m)
			}
		}
	}
	return out
}

func judge(m *corev1.ConfigMap) string {
	for _, k := range keys {
		if m.Data[k] != "git" {
			return "drifted"
		}
	}
	for k := range m.Data {
		if !slices.Contains(keys, k) && strings.HasPrefix(owner(m, k), "kubectl") {
			return "drifted"
		}
	}
	return "synced"
}

// owner is the field manager of a key of the data.
func owner(m *corev1.ConfigMap, key string) string {
	for _, e := range m.ManagedFields {
		var fields struct {
			Data map[string]any `json:"f:data"`
		}
		if e.FieldsV1 != nil && json.Unmarshal(e.FieldsV1.GetRawBytes(), &fields) == nil && fields.Data["f:"+key] != nil {
			return e.Manager
		}
	}
	return ""
}

func objectName(app, i int) string { return fmt.Sprintf("app%d-cm%d", app, i) }

func appOf(o int) string { return fmt.Sprintf("app%d", o) }

// known is what the engine says of the same.
func known(t *testing.T, l *enginelab.Lab) view {
	t.Helper()
	out := view{}
	for o := range owners {
		objects, err := l.Tree(t.Context(), enginelab.Key(appOf(o)), engine.NoChildren)
		if err != nil {
			return view{"error": err.Error()}
		}
		for _, v := range objects {
			out[v.ID.Name] = map[bool]string{true: "synced", false: "drifted"}[v.InSync]
			if v.Missing {
				out[v.ID.Name] = "missing"
			}
		}
	}
	return out
}

// meddle does something to an object, as a person or a controller would, and says what.
func meddle(t *testing.T, c typedcorev1.ConfigMapInterface, r *rand.Rand) string {
	t.Helper()
	name, key := objectName(r.IntN(owners), r.IntN(objects)), keys[r.IntN(len(keys))]
	patch := func(manager, text string) {
		_, err := c.Patch(t.Context(), name, types.MergePatchType, []byte(text), metav1.PatchOptions{FieldManager: manager})
		if err != nil && !apierrors.IsNotFound(err) {
			t.Fatal(err)
		}
	}
	what := []string{"change", "change", "restore", "restore", "remove", "add", "take", "note", "controller", "delete"}[r.IntN(10)]
	switch what {
	case "change":
		patch("kubectl-edit", fmt.Sprintf(`{"data":{%q:"mine-%d"}}`, key, r.IntN(100)))
	case "restore":
		patch("kubectl-edit", `{"data":{"a":"git","b":"git","c":"git","extra":null}}`)
	case "remove":
		patch("kubectl-edit", fmt.Sprintf(`{"data":{%q:null}}`, key))
	case "add":
		patch("kubectl-edit", `{"data":{"extra":"mine"}}`)
	case "take":
		patch("kubectl-edit", `{"data":{"extra":null}}`)
	case "note":
		patch("note-controller", fmt.Sprintf(`{"metadata":{"annotations":{"example.com/note":"%d"}}}`, r.IntN(100)))
	case "controller":
		patch("data-controller", fmt.Sprintf(`{"data":{"status":"%d"}}`, r.IntN(100)))
	case "delete":
		if err := c.Delete(t.Context(), name, metav1.DeleteOptions{}); err != nil && !apierrors.IsNotFound(err) {
			t.Fatal(err)
		}
	}
	return what + " " + name
}

// TestWhatTheEngineKnowsOfTheClusterIsWhatReadingAllOfItAgainShows meddles with what Apps own, restarts the engine in between,
// and holds what it says of each object, from events and hashes alone, to a plain look at everything.
func TestWhatTheEngineKnowsOfTheClusterIsWhatReadingAllOfItAgainShows(t *testing.T) {
	t.Parallel()
	cp := cptest.Shared(t)
	for seed := range uint64(3) {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 0))
			namespace := cp.Namespace(t)
			c := cp.Client(t).CoreV1().ConfigMaps(namespace)
			l, head := withApps(t, cp, namespace)
			strangers := foreign(t, c)
			var did []string
			for round := range 6 {
				for range 1 + r.IntN(4) {
					did = append(did, meddle(t, c, r))
				}
				switch r.IntN(4) {
				case 0:
					l.Restart(t)
					did = append(did, "restart")
				case 1:
					l.LoseFiles(t)
					did = append(did, "restart without files")
				}
				var got, want view
				agree := func() bool {
					got, want = known(t, l), reference(t, c)
					return maps.Equal(got, want)
				}
				t.Cleanup(func() {
					if t.Failed() && !maps.Equal(got, want) {
						t.Logf("after round %d: %v\nthe engine says %v\nit is         %v", round, did, got, want)
					}
				})
				cptest.Eventually(t, soon, "the engine knows what there is", agree)
			}
			for o := range owners {
				l.Put(appOf(o), ownerOf(o, namespace, true))
			}
			for o := range owners {
				l.UntilSynced(t, head, appOf(o))
			}
			cptest.Eventually(t, soon, "everything is as in Git", func() bool {
				for _, state := range reference(t, c) {
					if state != "synced" {
						return false
					}
				}
				return maps.Equal(known(t, l), reference(t, c))
			})
			for name, version := range strangers {
				m, err := c.Get(t.Context(), name, metav1.GetOptions{})
				if err != nil || m.ResourceVersion != version {
					t.Errorf("%s, which nobody owns, was touched: %v", name, err)
				}
			}
		})
	}
}

func ownerOf(o int, namespace string, heal bool) engine.App {
	return engine.App{
		Namespace: namespace, Mode: engine.Auto, Heal: heal, Policy: plan.Policy{Prune: true},
		Sources: []engine.Source{{Repository: "shop", Render: render.Request{Path: appOf(o)}}},
	}
}

// withApps starts an engine whose Apps report drift and do not undo it.
func withApps(t *testing.T, cp *cptest.ControlPlane, namespace string) (*enginelab.Lab, string) {
	t.Helper()
	l := enginelab.New(t, cp)
	repo := gittest.NewRepo(t)
	content := gittest.Files{}
	for o := range owners {
		var docs []string
		for i := range objects {
			docs = append(docs, "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: "+objectName(o, i)+"}\ndata: {a: git, b: git, c: git}\n")
		}
		content[appOf(o)+"/a.yaml"] = strings.Join(docs, "---\n")
	}
	head := repo.Commit("main", "start", content)
	l.Repository("shop", repo.Dir)
	for o := range owners {
		l.Put(appOf(o), ownerOf(o, namespace, false))
	}
	for o := range owners {
		l.UntilSynced(t, head, appOf(o))
	}
	return l, head
}

// foreign makes objects that nobody owns, one of them with the labels and annotations of one that somebody does.
func foreign(t *testing.T, c typedcorev1.ConfigMapInterface) map[string]string {
	t.Helper()
	ours, err := c.Get(context.WithoutCancel(t.Context()), objectName(0, 0), metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for _, m := range []*corev1.ConfigMap{
		{ObjectMeta: metav1.ObjectMeta{Name: "stranger"}, Data: map[string]string{"a": "other"}},
		{ObjectMeta: metav1.ObjectMeta{Name: "copy", Labels: ours.Labels, Annotations: ours.Annotations}, Data: ours.Data},
	} {
		made, err := c.Create(t.Context(), m, metav1.CreateOptions{FieldManager: "kubectl-create"})
		if err != nil {
			t.Fatal(err)
		}
		out[made.Name] = made.ResourceVersion
	}
	return out
}
