package git

import (
	"fmt"
	"testing"

	"plumb.cd/plumb/internal/gittest"
)

// monorepo has 2,000 apps of five files in one directory.
func monorepo(b *testing.B) (*gittest.Repo, *Mirror, Remote) {
	b.Helper()
	repo := gittest.NewRepo(b)
	files := gittest.Files{}
	for i := range 2000 {
		for _, f := range []string{"kustomization", "deployment", "service", "config", "ingress"} {
			files[fmt.Sprintf("apps/app-%05d/%s.yaml", i, f)] = fmt.Sprintf("app: %d\nfile: %s\n", i, f)
		}
	}
	repo.Commit("main", "all", files)
	s, err := OpenStore(b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = s.Close() })
	m, err := s.Mirror(repo.Dir)
	if err != nil {
		b.Fatal(err)
	}
	return repo, m, Remote{URL: repo.Dir}
}

func must(b *testing.B, m *Mirror, r Remote) Resolved {
	b.Helper()
	got, err := m.Update(b.Context(), r, []Ref{{}})
	if err != nil || got[Ref{}].Err != nil {
		b.Fatal(got, err)
	}
	return got[Ref{}].Resolved
}

func BenchmarkUpdateWithoutNews(b *testing.B) {
	_, m, r := monorepo(b)
	must(b, m, r)
	for b.Loop() {
		must(b, m, r)
	}
}

func BenchmarkUpdateWithOneCommitAndItsDiff(b *testing.B) {
	repo, m, r := monorepo(b)
	old := must(b, m, r)
	n := 0
	for b.Loop() {
		b.StopTimer()
		n++
		repo.Commit("main", "tag", gittest.Files{fmt.Sprintf("apps/app-%05d/config.yaml", n%2000): fmt.Sprint("n: ", n)})
		b.StartTimer()
		now := must(b, m, r)
		changes, err := m.Diff(b.Context(), old.Tree, now.Tree)
		if err != nil || len(changes) != 1 {
			b.Fatal(changes, err)
		}
		old = now
	}
}

func BenchmarkReadBlob(b *testing.B) {
	_, m, r := monorepo(b)
	at := must(b, m, r)
	e, ok, err := m.find(b.Context(), at.Tree, "apps/app-00000/config.yaml")
	if err != nil || !ok {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := m.Blob(b.Context(), e.OID); err != nil {
			b.Fatal(err)
		}
	}
}
