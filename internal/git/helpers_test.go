package git

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"plumb.cd/plumb/internal/fault"
	"plumb.cd/plumb/internal/gittest"
)

func openStore(t *testing.T) *Store {
	t.Helper()
	s, err := OpenStore(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("closing the store: %v", err)
		}
	})
	return s
}

func openMirror(t *testing.T, url string) *Mirror {
	t.Helper()
	m, err := openStore(t).Mirror(url)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// update expects the whole conversation to succeed.
func update(t *testing.T, m *Mirror, r Remote, refs ...Ref) map[Ref]Result {
	t.Helper()
	got, err := m.Update(t.Context(), r, refs)
	if err != nil {
		t.Fatalf("Update: %v", err)
	}
	return got
}

// updateOne expects one ref to resolve.
func updateOne(t *testing.T, m *Mirror, r Remote, ref Ref) Resolved {
	t.Helper()
	res := update(t, m, r, ref)[ref]
	if res.Err != nil {
		t.Fatalf("%s: %v", ref, res.Err)
	}
	return res.Resolved
}

func wantReason(t *testing.T, err error, reason fault.Reason, class fault.Class) {
	t.Helper()
	if !fault.Is(err, reason) {
		t.Fatalf("got error %v, want reason %s", err, reason)
	}
	if f := fault.Of(err); f.Class != class {
		t.Fatalf("error %v has class %s, want %s", err, f.Class, class)
	}
}

func readPath(t *testing.T, m *Mirror, tree, path string) string {
	t.Helper()
	e, ok, err := m.find(t.Context(), tree, path)
	if err != nil || !ok {
		t.Fatalf("finding %s: %v %v", path, ok, err)
	}
	b, err := m.Blob(t.Context(), e.OID)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func serveOne(t *testing.T, o gittest.HTTPOptions) (*gittest.Repo, *gittest.HTTPServer, string) {
	t.Helper()
	root := t.TempDir()
	repo := gittest.NewRepoAt(t, filepath.Join(root, "repo.git"))
	srv := gittest.ServeHTTP(t, root, o)
	return repo, srv, srv.URL + "/repo.git"
}

// noLeftovers fails when private files of a finished operation are still on disk.
func noLeftovers(t *testing.T, s *Store) {
	t.Helper()
	entries, err := os.ReadDir(s.session)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.Name() != "lock" {
			t.Errorf("left behind in the private directory: %s", e.Name())
		}
	}
}

func mustNotContain(t *testing.T, text string, secrets ...string) {
	t.Helper()
	for _, s := range secrets {
		if strings.Contains(text, s) {
			t.Errorf("a secret shows in %q", text)
		}
	}
}

func cancelled() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}
