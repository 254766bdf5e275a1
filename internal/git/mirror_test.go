package git

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"plumb.cd/plumb/internal/gittest"
)

func TestConcurrentUpdatesShareConversations(t *testing.T) {
	root := t.TempDir()
	repo := gittest.NewRepoAt(t, filepath.Join(root, "repo.git"))
	one := repo.Commit("main", "one", gittest.Files{"a": "1"})
	hold := make(chan struct{})
	var mu sync.Mutex
	greetings := 0
	srv := gittest.ServeHTTP(t, root, gittest.HTTPOptions{Before: func(_ http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodGet && r.Header.Get("User-Agent") == "git/2.39.0 (plumb)" {
			mu.Lock()
			greetings++
			first := greetings == 1
			mu.Unlock()
			if first {
				<-hold
			}
		}
		return false
	}})
	url := srv.URL + "/repo.git"
	m := openMirror(t, url)
	var wg sync.WaitGroup
	ask := func() {
		wg.Go(func() {
			got, err := m.Update(t.Context(), Remote{URL: url}, []Ref{{}, {Branch: "main"}})
			if err != nil || got[Ref{}].Resolved.Commit != one || got[Ref{Branch: "main"}].Resolved.Commit != one {
				t.Errorf("%+v, %v", got, err)
			}
		})
	}
	ask()
	eventually(t, func() bool { m.mu.Lock(); defer m.mu.Unlock(); return m.current != nil })
	for range 20 {
		ask()
	}
	eventually(t, func() bool {
		m.mu.Lock()
		defer m.mu.Unlock()
		return len(m.pending) == 1 && m.pending[0].waiters == 20
	})
	close(hold)
	wg.Wait()
	if greetings != 2 {
		t.Errorf("21 calls held %d conversations, want 2", greetings)
	}
}

// eventually waits for a condition that other goroutines bring about.
func eventually(t *testing.T, ok func() bool) {
	t.Helper()
	deadline := time.After(10 * time.Second)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatal("the condition did not come about")
		}
	}
}

func TestACallerThatGivesUpEndsOnlyItsOwnWait(t *testing.T) {
	root := t.TempDir()
	repo := gittest.NewRepoAt(t, filepath.Join(root, "repo.git"))
	one := repo.Commit("main", "one", gittest.Files{"a": "1"})
	hold := make(chan struct{})
	srv := gittest.ServeHTTP(t, root, gittest.HTTPOptions{Before: func(_ http.ResponseWriter, r *http.Request) bool { <-hold; return false }})
	url := srv.URL + "/repo.git"
	m := openMirror(t, url)
	impatient, cancel := context.WithCancel(t.Context())
	done := make(chan error, 2)
	go func() { _, err := m.Update(impatient, Remote{URL: url}, []Ref{{}}); done <- err }()
	eventually(t, func() bool { m.mu.Lock(); defer m.mu.Unlock(); return m.current != nil })
	go func() {
		got, err := m.Update(t.Context(), Remote{URL: url}, []Ref{{}})
		if err == nil && got[Ref{}].Resolved.Commit != one {
			err = fmt.Errorf("got %+v", got)
		}
		done <- err
	}()
	eventually(t, func() bool { m.mu.Lock(); defer m.mu.Unlock(); return len(m.pending) == 1 })
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("the impatient caller got %v", err)
	}
	close(hold)
	if err := <-done; err != nil {
		t.Errorf("the patient caller got %v", err)
	}
}

func TestLogListsTheCommitsThatTouchPaths(t *testing.T) {
	repo := gittest.NewRepo(t)
	one := repo.Commit("main", "one", gittest.Files{"a/x": "1", "b": "1"})
	repo.Commit("main", "two", gittest.Files{"b": "2"})
	three := repo.Commit("main", "three\n\nwith a body\nof two lines", gittest.Files{"a/x": "2"})
	m := openMirror(t, repo.Dir)
	at := updateOne(t, m, Remote{URL: repo.Dir}, Ref{})
	shas := func(paths []string, limit int) string {
		commits, err := m.Log(t.Context(), at.Commit, paths, limit)
		if err != nil {
			t.Fatal(err)
		}
		var out []string
		for _, c := range commits {
			out = append(out, c.Subject)
		}
		return strings.Join(out, " ")
	}
	for _, c := range []struct {
		paths []string
		limit int
		want  string
	}{
		{nil, 10, "three two one"}, {nil, 2, "three two"}, {[]string{"a"}, 10, "three one"}, {[]string{"b"}, 1, "two"},
		{[]string{"a", "b"}, 10, "three two one"}, {[]string{"."}, 10, "three two one"}, {[]string{"*"}, 10, ""}, {[]string{"b", "."}, 1, "three"},
	} {
		if got := shas(c.paths, c.limit); got != c.want {
			t.Errorf("%q, %d: %q, want %q", c.paths, c.limit, got, c.want)
		}
	}
	c, err := m.Commit(t.Context(), three)
	if err != nil || c.Body != "with a body\nof two lines" || c.Author.Name != "Ada" || c.Committer.Email != "bob@example.test" {
		t.Errorf("%+v, %v", c, err)
	}
	if c.Author.When.Format(time.RFC3339) != "2023-11-14T23:16:20+01:00" {
		t.Errorf("author date %s", c.Author.When.Format(time.RFC3339))
	}
	if _, err := m.Commit(t.Context(), one); err != nil {
		t.Error(err)
	}
	if _, err := m.Log(t.Context(), "--all", nil, 1); err == nil {
		t.Error("an option passes for a commit")
	}
}

func TestPinnedCommitsSurviveFullMaintenance(t *testing.T) {
	repo := gittest.NewRepo(t)
	pinned := repo.Commit("main", "one", gittest.Files{"a": "1"})
	m := openMirror(t, repo.Dir)
	r := Remote{URL: repo.Dir}
	updateOne(t, m, r, Ref{})
	if err := m.Pin(t.Context(), "team/app/0", pinned); err != nil {
		t.Fatal(err)
	}
	dropped := repo.Rewrite("main", "two", gittest.Files{"a": "2"})
	updateOne(t, m, r, Ref{})
	last := repo.Rewrite("main", "three", gittest.Files{"a": "3"})
	updateOne(t, m, r, Ref{})
	long := time.Now().Add(-2 * Grace)
	age(t, m.dir, long)
	if did, err := m.Maintain(t.Context(), Full); err != nil || !did {
		t.Fatal(did, err)
	}
	age(t, m.dir, long) // what was loose is now in a cruft pack, as old as it was
	if _, err := m.Maintain(t.Context(), Full); err != nil {
		t.Fatal(err)
	}
	for sha, want := range map[string]bool{pinned: true, last: true, dropped: false} {
		if _, err := m.Commit(t.Context(), sha); (err == nil) != want {
			t.Errorf("%s: readable %v, want %v (%v)", sha, err == nil, want, err)
		}
	}
	if err := m.Unpin(t.Context(), "team/app/0"); err != nil {
		t.Fatal(err)
	}
	if err := m.Unpin(t.Context(), "never-pinned"); err != nil {
		t.Error(err)
	}
	if err := m.Pin(t.Context(), "x", dropped); err == nil {
		t.Error("pinned a commit that is not there")
	}
}

// age sets every object file back in time.
func age(t *testing.T, dir string, to time.Time) {
	t.Helper()
	err := filepath.WalkDir(filepath.Join(dir, "objects"), func(p string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		return os.Chtimes(p, to, to)
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestLightMaintenanceRollsPacksUpWhileOthersRead(t *testing.T) {
	repo := gittest.NewRepo(t)
	m := openMirror(t, repo.Dir)
	r := Remote{URL: repo.Dir}
	var at Resolved
	for i := range lightPacks + 3 {
		repo.Commit("main", "c", gittest.Files{"a": fmt.Sprint(i)})
		at = updateOne(t, m, r, Ref{})
	}
	stop, done := make(chan struct{}), make(chan error, 1)
	go func() {
		for {
			select {
			case <-stop:
				done <- nil
				return
			default:
			}
			commits, err := m.Log(t.Context(), at.Commit, nil, 100)
			if err == nil && len(commits) != lightPacks+3 {
				err = fmt.Errorf("%d commits", len(commits))
			}
			for _, c := range commits {
				if err == nil {
					_, err = m.rawTree(t.Context(), c.Tree)
				}
			}
			if err != nil {
				done <- err
				return
			}
		}
	}()
	did, err := m.Maintain(t.Context(), Light)
	close(stop)
	if rerr := <-done; rerr != nil {
		t.Errorf("a reader met %v", rerr)
	}
	packs, _ := filepath.Glob(filepath.Join(m.dir, "objects/pack/*.pack"))
	if err != nil || !did || len(packs) > 3 {
		t.Errorf("did %v, %v: %d packs", did, err, len(packs))
	}
	if did, err := m.Maintain(t.Context(), Light); err != nil || did {
		t.Errorf("again: did %v, %v", did, err)
	}
}

func TestReadersAreBoundedSurviveCancelledReadsAndEndWhenIdle(t *testing.T) {
	repo := gittest.NewRepo(t)
	repo.Commit("main", "one", gittest.Files{"a": strings.Repeat("x", 100_000)})
	m := openMirror(t, repo.Dir)
	at := updateOne(t, m, Remote{URL: repo.Dir}, Ref{})
	e, _, err := m.find(t.Context(), at.Tree, "a")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for i := range 40 {
		wg.Go(func() {
			ctx := t.Context()
			if i%4 == 0 {
				ctx = cancelled()
			}
			b, err := m.Blob(ctx, e.OID)
			if i%4 == 0 {
				if err == nil && len(b) != 100_000 {
					t.Error("a cancelled read returned half a file")
				}
			} else if err != nil || len(b) != 100_000 {
				t.Errorf("%d bytes, %v", len(b), err)
			}
		})
	}
	wg.Wait()
	m.reader.mu.Lock()
	n := len(m.reader.idle)
	procs := slices.Clone(m.reader.idle)
	m.reader.mu.Unlock()
	if n == 0 || n > readersPerMirror {
		t.Errorf("%d processes are kept", n)
	}
	m.reader.reap(procs[0])
	if procs[0].cmd.ProcessState == nil {
		t.Error("the idle process was not ended")
	}
	if _, err := m.Blob(t.Context(), strings.Repeat("0", 40)); !errors.Is(err, errMissing) {
		t.Errorf("a missing object: %v", err)
	}
	if _, err := m.Blob(t.Context(), at.Tree); err == nil {
		t.Error("a tree passes for a blob")
	}
	if _, err := m.Blob(t.Context(), "HEAD"); err == nil {
		t.Error("a name passes for an object id")
	}
}

func TestPrivateFilesOfADeadProcessAreSwept(t *testing.T) {
	dir := t.TempDir()
	dead := filepath.Join(dir, "tmp", "s-dead")
	if err := os.MkdirAll(dead, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, f := range []string{"lock", "key"} {
		if err := os.WriteFile(filepath.Join(dead, f), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	one, err := OpenStore(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer one.Close()
	if _, err := os.Stat(dead); !os.IsNotExist(err) {
		t.Errorf("the dead one's files are still there: %v", err)
	}
	two, err := OpenStore(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer two.Close()
	if _, err := os.Stat(one.session); err != nil {
		t.Errorf("the living one's files are gone: %v", err)
	}
}

func TestTwoProcessesShareAStore(t *testing.T) {
	repo := gittest.NewRepo(t)
	one := repo.Commit("main", "one", gittest.Files{"a": "1"})
	dir := t.TempDir()
	var wg sync.WaitGroup
	for range 4 {
		s, err := OpenStore(dir)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		wg.Go(func() {
			m, err := s.Mirror(repo.Dir)
			if err != nil {
				t.Error(err)
				return
			}
			if got, err := m.Update(t.Context(), Remote{URL: repo.Dir}, []Ref{{}}); err != nil || got[Ref{}].Resolved.Commit != one {
				t.Errorf("%+v, %v", got, err)
			}
		})
	}
	wg.Wait()
}

func TestAClosedStoreRefuses(t *testing.T) {
	repo := gittest.NewRepo(t)
	repo.Commit("main", "one", gittest.Files{"a": "1"})
	s, err := OpenStore(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	m, err := s.Mirror(repo.Dir)
	if err != nil {
		t.Fatal(err)
	}
	at := updateOne(t, m, Remote{URL: repo.Dir}, Ref{})
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := m.Commit(t.Context(), at.Commit); !errors.Is(err, errClosed) {
		t.Errorf("reading: %v", err)
	}
	if _, err := m.Update(t.Context(), Remote{URL: repo.Dir}, []Ref{{}}); !errors.Is(err, errClosed) {
		t.Errorf("updating: %v", err)
	}
	if _, err := s.Mirror(repo.Dir); !errors.Is(err, errClosed) {
		t.Errorf("opening: %v", err)
	}
}

// TestDiffEqualsGitsOwn compares random pairs of trees with what git diff-tree says.
func TestDiffEqualsGitsOwn(t *testing.T) {
	repo := gittest.NewRepo(t)
	m := openMirror(t, repo.Dir)
	n := 0
	rapid.Check(t, func(rt *rapid.T) {
		if n++; n > 40 {
			return // each round costs processes
		}
		a, b := genTree(rt), genTree(rt)
		n++
		branch := fmt.Sprint("b", n)
		one := repo.Rewrite(branch, "a", a)
		two := repo.Rewrite(branch, "b", b)
		trees := make([]string, 2)
		for i, sha := range []string{one, two} {
			repo.Git("update-ref", "refs/heads/now", sha)
			got, err := m.Update(t.Context(), Remote{URL: repo.Dir}, []Ref{{Branch: "now"}})
			if err != nil || got[Ref{Branch: "now"}].Err != nil {
				rt.Fatal(got, err)
			}
			trees[i] = got[Ref{Branch: "now"}].Resolved.Tree
		}
		changes, err := m.Diff(t.Context(), trees[0], trees[1])
		if err != nil {
			rt.Fatal(err)
		}
		var got []string
		for _, c := range changes {
			got = append(got, fmt.Sprintf("%06o %06o %s %s %s", c.OldMode, c.Mode, orZero(c.OldOID), orZero(c.NewOID), c.Path))
		}
		var want []string
		for _, line := range strings.Split(repo.Git("diff-tree", "-r", "-t", "--no-renames", one, two), "\n") {
			meta, path, ok := strings.Cut(line, "\t")
			f := strings.Fields(strings.TrimPrefix(meta, ":"))
			if ok && !(f[0] == "040000" && f[1] == "040000") {
				want = append(want, strings.Join(append(f[:4:4], path), " "))
			}
		}
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			rt.Fatalf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	})
}

func orZero(oid string) string {
	if oid == "" {
		return strings.Repeat("0", 40)
	}
	return oid
}

func genTree(t *rapid.T) gittest.Files {
	files := gittest.Files{}
	for range rapid.IntRange(0, 8).Draw(t, "files") {
		p := strings.Join(rapid.SliceOfN(rapid.SampledFrom([]string{"a", "a.b", "a-b", "b"}), 1, 3).Draw(t, "path"), "/")
		clash := false
		for q := range files {
			clash = clash || q == p || strings.HasPrefix(q, p+"/") || strings.HasPrefix(p, q+"/")
		}
		if clash {
			continue
		}
		content := rapid.SampledFrom([]string{"1", "2"}).Draw(t, "content")
		switch rapid.IntRange(0, 5).Draw(t, "kind") {
		case 0:
			content = gittest.Link(content)
		case 1:
			content = gittest.Exec(content)
		case 2:
			content = gittest.Gitlink(strings.Repeat(content, 40))
		}
		files[p] = content
	}
	return files
}

func TestRemoveKeepsJustTheMirrorsInUse(t *testing.T) {
	s := openStore(t)
	var urls, dirs []string
	for range 2 {
		repo := gittest.NewRepo(t)
		repo.Commit("main", "one", gittest.Files{"a": "1"})
		m, err := s.Mirror(repo.Dir)
		if err != nil {
			t.Fatal(err)
		}
		updateOne(t, m, Remote{URL: repo.Dir}, Ref{})
		urls, dirs = append(urls, repo.Dir), append(dirs, m.dir)
	}
	if err := s.Remove(urls[:1]); err != nil {
		t.Fatal(err)
	}
	for i, want := range []bool{true, false} {
		if _, err := os.Stat(dirs[i]); (err == nil) != want {
			t.Errorf("mirror %d: kept %v, want %v", i, err == nil, want)
		}
	}
	m, err := s.Mirror(urls[1])
	if err != nil {
		t.Fatal(err)
	}
	updateOne(t, m, Remote{URL: urls[1]}, Ref{}) // and it can come back
}
