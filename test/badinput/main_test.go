// Package badinput holds what becomes of wrong input: the App that has it says what is wrong, where, why and what to do;
// no other App is harmed; nothing is pruned; and the next good commit mends it.
package badinput

import (
	"fmt"
	"strings"
	"testing"

	"plumb.cd/plumb/api/v1alpha1"
	"plumb.cd/plumb/internal/gittest"
	"plumb.cd/plumb/test/e2e/harness"
)

func TestMain(m *testing.M) { harness.Main(m) }

// configMap is a ConfigMap with one value.
func configMap(name, value string) string {
	return fmt.Sprintf("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: %s}\ndata: {value: %q}\n", name, value)
}

// told is what an App has to say.
type told struct {
	state  string
	reason string
	says   []string // in its message
	next   string   // in the next step; empty: any, but some
	file   string   // of the object that blocks
}

// scene is two Apps on one repository, both synced: "bad", to which something happens, and "good", which must not mind.
type scene struct {
	*harness.Env
	t    *testing.T
	repo *harness.Repo
	uids map[string]string // of the objects of bad
	good int               // commits that good has seen
}

// stage has both Apps synced. spec is that of "bad", without its source.
func stage(t *testing.T, spec string) *scene {
	t.Helper()
	t.Parallel()
	s := &scene{Env: harness.Shared(t), t: t, uids: map[string]string{}}
	s.repo = s.Repo("shop", gittest.Files{
		"bad/kept.yaml": configMap("kept", "1"), "bad/leaving.yaml": configMap("leaving", "1"), "good/good.yaml": configMap("good", "0"),
	})
	s.App("bad", "source: {repository: shop, path: bad}\n"+spec)
	s.App("good", "source: {repository: shop, path: good}")
	s.WaitSynced("bad", s.repo.Head())
	s.WaitSynced("good", s.repo.Head())
	for _, name := range []string{"kept", "leaving"} {
		s.uids[name] = string(s.Must("v1", "ConfigMap", name).GetUID())
	}
	return s
}

// push commits something bad in one commit with an object that leaves "bad", which a sync would prune, and a change of
// "good".
func (s *scene) push(files gittest.Files) string {
	s.t.Helper()
	s.good++
	return s.repo.Push("something bad", harness.Merge(gittest.Files{
		"bad/leaving.yaml": gittest.Delete, "good/good.yaml": configMap("good", fmt.Sprint(s.good)),
	}, files))
}

// check holds that "bad" tells what it has to, that nothing was pruned, and that "good" is at the commit.
func (s *scene) check(commit string, want told) v1alpha1.AppStatus {
	s.t.Helper()
	status := s.tells("bad", want)
	s.unharmed(commit)
	s.unpruned()
	return status
}

// tells waits for what an App has to say.
func (s *scene) tells(app string, want told) v1alpha1.AppStatus {
	s.t.Helper()
	status := s.WaitReason(app, want.state, want.reason)
	for _, part := range want.says {
		if !strings.Contains(status.Message, part) {
			s.t.Errorf("App %s says %q; want %q in it", app, status.Message, part)
		}
	}
	if want.next == "" && status.Next == "" {
		s.t.Errorf("App %s does not say what to do; its message is %q", app, status.Message)
	}
	if b := status.Blocking; want.file != "" && (b == nil || b.File != want.file) {
		s.t.Errorf("App %s is blocked by %+v; want %s in it", app, b, want.file)
	}
	if !strings.Contains(status.Next, want.next) {
		s.t.Errorf("App %s says %q is next; want %q in it", app, status.Next, want.next)
	}
	return status
}

func (s *scene) unpruned() {
	s.t.Helper()
	for name, uid := range s.uids {
		if u := s.Get("v1", "ConfigMap", name); u == nil || string(u.GetUID()) != uid || u.GetDeletionTimestamp() != nil {
			s.t.Errorf("ConfigMap %s was deleted", name)
		}
	}
}

func (s *scene) unharmed(commit string) {
	s.t.Helper()
	s.WaitSynced("good", commit)
	if v := harness.Field(s.Must("v1", "ConfigMap", "good"), "data", "value"); v != fmt.Sprint(s.good) {
		s.t.Errorf("good has the value %v, want %d", v, s.good)
	}
}

// mend commits good files again and waits until both Apps are synced.
func (s *scene) mend(files gittest.Files) {
	s.t.Helper()
	s.WaitSynced("bad", s.repo.Push("mended", harness.Merge(gittest.Files{
		"bad/leaving.yaml": configMap("leaving", "1"), "bad/mended.yaml": configMap("mended", "1"),
	}, files)))
	s.unpruned()
}
