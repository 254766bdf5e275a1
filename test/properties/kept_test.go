package properties

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"plumb.cd/plumb/internal/bundle"
	"plumb.cd/plumb/internal/cptest"
	"plumb.cd/plumb/internal/engine"
	"plumb.cd/plumb/internal/fault"
	"plumb.cd/plumb/internal/gittest"
	"plumb.cd/plumb/internal/render"
	"plumb.cd/plumb/test/enginelab"
)

const eachFile = 60 // objects of a file of TestABundleOfWhichMostIsKeptIsThatOfANewEngine

// document is object i of a file.
func document(file string, i int, value string) string {
	return fmt.Sprintf("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: %s-%d\ndata:\n  value: %q\n", file, i, value)
}

func many(file, value string) string {
	docs := make([]string, eachFile)
	for i := range docs {
		docs[i] = document(file, i, value)
	}
	return strings.Join(docs, "---\n")
}

// disturb edits the files of a large App: what a person does, and what must not be passed over because nothing else changed.
func disturb(r *rand.Rand, step int, now gittest.Files) gittest.Files {
	name := fmt.Sprintf("big/f%d.yaml", r.IntN(8))
	content, there := now[name]
	if !there {
		return gittest.Files{name: many(fmt.Sprintf("back-%d", step), "1")}
	}
	value := fmt.Sprint("step ", step)
	other := fmt.Sprintf("big/f%d.yaml", (r.IntN(8)+1)%8)
	switch r.IntN(10) {
	case 0:
		return gittest.Files{name: "# one line more\n" + content}
	case 1:
		return gittest.Files{name: content + "---\n" + document("more", step, value)}
	case 2:
		return gittest.Files{name: "", "big/renamed.yaml": content}
	case 3: // an object that another file has too
		return gittest.Files{name: content + "---\n" + document("f1", 0, value)}
	case 4:
		return gittest.Files{name: content + "---\n{\n"}
	case 5:
		return gittest.Files{name: "apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: Secret, metadata: {name: listed}, stringData: {p: " + fmt.Sprint(step) + "}}\n- {apiVersion: v1, kind: ConfigMap, metadata: {name: listed}}\n"}
	case 6:
		return gittest.Files{name: "# nothing\n"}
	case 7:
		return gittest.Files{name: gittest.Link(filepath.Base(other))}
	case 8:
		return gittest.Files{"big/nested/more.yaml": many("nested", value), "big/README.md": value}
	default:
		return gittest.Files{name: strings.Replace(content, `value: "1"`, fmt.Sprintf("value: %q", value), 1)}
	}
}

// TestABundleOfWhichMostIsKeptIsThatOfANewEngine follows an App of many files, commit by commit, and holds each bundle, with
// where every object came from, to that of an engine which begins with the commit.
func TestABundleOfWhichMostIsKeptIsThatOfANewEngine(t *testing.T) {
	t.Parallel()
	cp := cptest.Shared(t)
	for seed := range uint64(3) {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			namespace := cp.Namespace(t)
			l := enginelab.New(t, cp)
			repo := gittest.NewRepo(t)
			good := gittest.Files{}
			for i := range 8 {
				good[fmt.Sprintf("big/f%d.yaml", i)] = many(fmt.Sprintf("f%d", i), "1")
			}
			head := repo.Commit("main", "start", good)
			l.Repository("random", repo.Dir)
			spec := specOf(app{name: "big", req: render.Request{Path: "big"}}, namespace, engine.Manual)
			spec.Labels = map[string]string{"team": "shop"}
			l.Put("big", spec)
			r := rand.New(rand.NewPCG(seed, 1))
			rendered := 0
			now := good
			for step := range 12 {
				l.Until(t, "the App knows the commit", func(s engine.Snapshot) bool { return s.Head == head }, "big")
				if n := hold(t, l, repo.Dir, spec); n > 0 {
					rendered += n
				} else { // back to what renders
					now = good
				}
				changes := disturb(r, step, now)
				next := gittest.Files{}
				for p, c := range now {
					next[p] = c
				}
				for p, c := range changes {
					if next[p] = c; c == "" {
						delete(next, p)
					}
				}
				now = next
				head = repo.Rewrite("main", fmt.Sprint("step ", step), now)
				if step == 7 {
					l.Restart(t)
				}
				l.Look()
			}
			if encoded := l.Work().Encoded; encoded >= int64(rendered) {
				t.Errorf("%d objects were encoded, of %d in all bundles: nothing was kept", encoded, rendered)
			}
		})
	}
}

// hold compares what the App wants with what a new engine would, and gives how many objects that is; 0: it does not render.
func hold(t *testing.T, l *enginelab.Lab, url string, spec engine.App) int {
	t.Helper()
	want, wrong := naive(t, url, spec)
	if wrong != nil {
		l.Until(t, fmt.Sprintf("it fails with %v", wrong), func(s engine.Snapshot) bool {
			return s.Reason == fault.Of(wrong).Reason && strings.Contains(s.Message, fault.Of(wrong).Where)
		}, "big")
		return 0
	}
	l.Until(t, "a new engine wants "+string(want.Digest), func(s engine.Snapshot) bool {
		return s.Desired != nil && s.Desired.Bundle == want.Digest && s.State != engine.StateFailed
	}, "big")
	stored, err := bundle.OpenStore(filepath.Join(l.Dir, "bundles"), bundle.StoreOptions{})
	if err != nil {
		t.Fatal(err)
	}
	got, err := stored.Get(want.Digest)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want.Objects, got.Objects); d != "" {
		t.Errorf("other objects, or from elsewhere: %s", d)
	}
	return len(got.Objects)
}
