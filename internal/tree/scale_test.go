package tree

import (
	"fmt"
	"slices"
	"testing"

	"plumb.cd/plumb/internal/git"
)

// monorepo is an index of n apps, each a directory that is listed, with a file that is read, one that was looked for in vain,
// and a base that all of them share.
func monorepo(t *testing.T, n int) *Index[int] {
	t.Helper()
	x := NewIndex[int]()
	for i := range n {
		dir := fmt.Sprintf("apps/%05d", i)
		f, err := fromFiles(repo{
			dir + "/kustomization.yaml": {git.ModeFile, []byte("1")}, dir + "/own.yaml": {git.ModeFile, []byte("1")}, "base/cm.yaml": {git.ModeFile, []byte("1")},
		}, Limits{})
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range []string{dir + "/kustomization.yaml", dir + "/kustomization.yml", dir + "/own.yaml", "base/cm.yaml"} {
			_, _ = f.ReadFile(p) // one of them is not there
		}
		if _, err := f.ReadDir(dir); err != nil {
			t.Fatal(err)
		}
		x.Add(i, f.Trace())
	}
	return x
}

func TestFindingWhoIsTouchedCostsTheSameInALargeRepository(t *testing.T) {
	const few, many = 20, 10_000
	small, large := monorepo(t, few), monorepo(t, many)
	change := func(p string) git.Change {
		return git.Change{Path: p, Kind: git.Modified, OldOID: "1", NewOID: "2", OldMode: git.ModeFile, Mode: git.ModeFile}
	}
	dir := func(p string) git.Change {
		return git.Change{Path: p, Kind: git.Modified, OldMode: git.ModeDir, Mode: git.ModeDir}
	}
	for name, tt := range map[string]struct {
		changes []git.Change
		want    []int
	}{
		"a commit to one app":                 {[]git.Change{dir("apps"), dir("apps/00007"), change("apps/00007/own.yaml")}, []int{7}},
		"a new file in the directory of one":  {[]git.Change{dir("apps"), dir("apps/00003"), {Path: "apps/00003/new.yaml", Kind: git.Added, NewOID: "1", Mode: git.ModeFile}}, []int{3}},
		"a file that one has missed so far":   {[]git.Change{dir("apps"), dir("apps/00005"), {Path: "apps/00005/kustomization.yml", Kind: git.Added, NewOID: "1", Mode: git.ModeFile}}, []int{5}},
		"a commit that nobody reads":          {[]git.Change{dir("docs"), change("docs/a.md")}, nil},
		"a new app that nobody has looked at": {[]git.Change{dir("apps"), {Path: "apps/new", Kind: git.Added, Mode: git.ModeDir}, {Path: "apps/new/own.yaml", Kind: git.Added, NewOID: "1", Mode: git.ModeFile}}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			if got := large.Affected(tt.changes); !slices.Equal(got, tt.want) {
				t.Errorf("touched are %v, want %v", got, tt.want)
			}
			cheap := testing.AllocsPerRun(20, func() { small.Affected(tt.changes) })
			dear := testing.AllocsPerRun(20, func() { large.Affected(tt.changes) })
			if dear > cheap {
				t.Errorf("%v allocations among %d apps, %v among %d", cheap, few, dear, many)
			}
			var visited [2]int
			for i, x := range []*Index[int]{small, large} {
				visited[i] = marksAt(x, tt.changes)
			}
			if visited[1] > visited[0] {
				t.Errorf("%d marks are on the way among %d apps, %d among %d", visited[0], few, visited[1], many)
			}
		})
	}
	all := large.Affected([]git.Change{dir("base"), change("base/cm.yaml")})
	if len(all) != many {
		t.Errorf("a commit to the base touches %d of %d", len(all), many)
	}
}

// marksAt counts the marks at the paths of changes: what has to be looked at.
func marksAt[K comparable](x *Index[K], changes []git.Change) int {
	n := 0
	for _, c := range changes {
		v := &x.root
		for _, name := range split(c.Path) {
			if v = v.below[name]; v == nil {
				break
			}
		}
		if v != nil {
			n += len(v.marks)
		}
	}
	return n
}
