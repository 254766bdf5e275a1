// Package properties holds what is fast to what is plain: rendering what a commit touches to rendering everything, and
// what the engine knows of a cluster to reading all of it again. Repositories, edits and restarts are random.
package properties

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"plumb.cd/plumb/internal/bundle"
	"plumb.cd/plumb/internal/git"
	"plumb.cd/plumb/internal/gittest"
	"plumb.cd/plumb/internal/tree"
	"plumb.cd/plumb/test/enginelab"
)

// outcome is what a render gave: the digest of a bundle, or an error.
type outcome string

// lab is a repository with a mirror of it.
type lab struct {
	repo     *gittest.Repo
	dir      string // of the store
	store    *git.Store
	renderer *enginelab.Renderer
	branches int
}

func newLab(t *testing.T) *lab {
	t.Helper()
	l := &lab{repo: gittest.NewRepo(t), dir: t.TempDir(), renderer: enginelab.NewRenderer()}
	l.open(t)
	t.Cleanup(func() { _ = l.store.Close() })
	return l
}

func (l *lab) open(t testing.TB) {
	t.Helper()
	var err error
	if l.store, err = git.OpenStore(l.dir); err != nil {
		t.Fatal(err)
	}
}

// restart ends the store and opens it again.
func (l *lab) restart(t testing.TB) {
	t.Helper()
	if err := l.store.Close(); err != nil {
		t.Fatal(err)
	}
	l.open(t)
}

// fetch gives the mirror and the tree that a branch stands at.
func (l *lab) fetch(t *rapid.T, branch string) (*git.Mirror, string) {
	mirror, err := l.store.Mirror(l.repo.Dir)
	if err != nil {
		t.Fatal(err)
	}
	ref := git.Ref{Branch: branch}
	got, err := mirror.Update(context.Background(), git.Remote{URL: l.repo.Dir}, []git.Ref{ref})
	if err != nil || got[ref].Err != nil {
		t.Fatal(err, got[ref].Err)
	}
	return mirror, got[ref].Resolved.Tree
}

// render gives what an app renders to, and what it read.
func (l *lab) render(t *rapid.T, m *git.Mirror, oid string, a app) (outcome, tree.Trace) {
	files := tree.New(context.Background(), m, oid, tree.Limits{})
	res, err := l.renderer.Render(context.Background(), files, a.req)
	if err != nil {
		return outcome("error: " + err.Error()), files.Trace()
	}
	var entries []bundle.Entry
	for _, o := range res.Objects {
		entries = append(entries, bundle.Entry{Body: o.Body, Origin: o.Origin, Random: o.Random})
	}
	b, err := bundle.Seal(string(res.Kind), entries, res.Warnings)
	if err != nil {
		return outcome("error: " + err.Error()), files.Trace()
	}
	return outcome(b.Digest), files.Trace()
}

func TestRenderingWhatACommitTouchesIsRenderingEverything(t *testing.T) {
	l := newLab(t)
	tally := map[string]int{}
	rapid.Check(t, func(rt *rapid.T) {
		l.branches++
		branch := fmt.Sprintf("case-%d", l.branches)
		now := start(rt)
		l.repo.Rewrite(branch, "start", gittest.Files(now))
		mirror, at := l.fetch(rt, branch)
		index, have, traces := tree.NewIndex[string](), map[string]outcome{}, map[string]tree.Trace{}
		for _, a := range apps() {
			have[a.name], traces[a.name] = l.render(rt, mirror, at, a)
			index.Add(a.name, traces[a.name])
		}
		for range rapid.IntRange(1, 4).Draw(rt, "commits") {
			next, did := edit(rt, now)
			if len(next.changes(now)) == 0 {
				continue
			}
			l.repo.Commit(branch, strings.Join(did, ", "), next.changes(now))
			now = next
			if rapid.IntRange(0, 4).Draw(rt, "restart") == 0 {
				l.restart(t)
				index = reread(rt, traces)
			}
			m, to := l.fetch(rt, branch)
			changes, err := m.Diff(context.Background(), at, to)
			if err != nil {
				rt.Fatal(err)
			}
			at = to
			touched := index.Affected(changes)
			for _, a := range apps() {
				fresh, trace := l.render(rt, m, at, a)
				reads := trace.Digest() != traces[a.name].Digest()
				switch is := slices.Contains(touched, a.name); {
				case !is && fresh != have[a.name]:
					rt.Fatalf("after %q, %s renders to %s instead of %s, and the index does not say so", did, a.name, fresh, have[a.name])
				case is && !reads:
					rt.Fatalf("after %q, the index names %s, which reads the same as before", did, a.name)
				case is:
					again, _ := l.render(rt, m, at, a)
					if again != fresh {
						rt.Fatalf("%s renders to %s and then to %s", a.name, fresh, again)
					}
					have[a.name], traces[a.name] = fresh, trace
					index.Add(a.name, trace)
					tally["touched"]++
				default:
					tally["untouched"]++
				}
				if strings.HasPrefix(string(fresh), "error") {
					tally["failed"]++
				}
			}
			if len(touched) == 0 {
				tally["commits that touch none"]++
			}
		}
	})
	t.Logf("%v", tally)
	for _, sort := range []string{"touched", "untouched", "failed", "commits that touch none"} {
		if tally[sort] == 0 {
			t.Errorf("no case had %s", sort)
		}
	}
	if tally["failed"] > tally["touched"]+tally["untouched"]/2 {
		t.Errorf("most renders fail, so that the cases say little: %v", tally)
	}
}

// reread is the index after a restart: out of the traces that were kept, in their stored form.
func reread(t *rapid.T, traces map[string]tree.Trace) *tree.Index[string] {
	index := tree.NewIndex[string]()
	for name, trace := range traces {
		back, err := tree.Unmarshal(trace.Marshal())
		if err != nil {
			t.Fatal(err)
		}
		index.Add(name, back)
	}
	return index
}
