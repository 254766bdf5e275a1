package tree

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"plumb.cd/plumb/internal/git"
)

// repo is a model of a tree: path → file.
type repo map[string]mapFile

var (
	words   = []string{"a", "b", "c"}
	targets = []string{"a", "b", "../a", "../b/c", "b/c", "c/..", "..", "../..", "/a", "a/../b", ".", "x"}
	commits = []string{strings.Repeat("1", 40), strings.Repeat("2", 40)}
)

func genPath(t *rapid.T) string {
	parts := rapid.SliceOfN(rapid.SampledFrom(words), 1, 3).Draw(t, "path")
	return strings.Join(parts, "/")
}

func genFile(t *rapid.T) mapFile {
	switch rapid.SampledFrom([]string{"file", "file", "file", "exec", "link", "link", "module"}).Draw(t, "kind") {
	case "exec":
		return mapFile{git.ModeExec, []byte(rapid.SampledFrom([]string{"1", "2", "a"}).Draw(t, "content"))}
	case "link":
		return mapFile{git.ModeSymlink, []byte(rapid.SampledFrom(targets).Draw(t, "target"))}
	case "module":
		return mapFile{git.ModeGitlink, []byte(rapid.SampledFrom(commits).Draw(t, "commit"))}
	}
	return mapFile{git.ModeFile, []byte(rapid.SampledFrom([]string{"1", "2", "a"}).Draw(t, "content"))}
}

// put adds a file, in place of whatever stands in its way.
func (r repo) put(p string, f mapFile) {
	r.drop(p)
	for d := path.Dir(p); d != "."; d = path.Dir(d) {
		delete(r, d)
	}
	r[p] = f
}

func (r repo) drop(p string) {
	for q := range r {
		if q == p || strings.HasPrefix(q, p+"/") {
			delete(r, q)
		}
	}
}

func genRepo(t *rapid.T) repo {
	r := repo{}
	for range rapid.IntRange(0, 10).Draw(t, "files") {
		r.put(genPath(t), genFile(t))
	}
	return r
}

// edit adds, changes, deletes and renames.
func edit(t *rapid.T, old repo) repo {
	r := maps.Clone(old)
	for range rapid.IntRange(0, 3).Draw(t, "edits") {
		p := genPath(t)
		switch rapid.SampledFrom([]string{"put", "drop", "rename"}).Draw(t, "edit") {
		case "put":
			r.put(p, genFile(t))
		case "drop":
			r.drop(p)
		case "rename":
			to := genPath(t)
			moved := repo{}
			for q, f := range r {
				if q == p || strings.HasPrefix(q, p+"/") {
					moved[to+strings.TrimPrefix(q, p)] = f
				}
			}
			r.drop(p)
			for q, f := range moved {
				r.put(q, f)
			}
		}
	}
	return r
}

// entries are all paths with what they are, directories included.
func (r repo) entries() map[string]git.Entry {
	out := map[string]git.Entry{}
	for p, f := range r {
		id := string(f.data)
		if f.mode != git.ModeGitlink {
			id = objectID("blob", f.data)
		}
		out[p] = git.Entry{Mode: f.mode, OID: id}
		for d := path.Dir(p); d != "."; d = path.Dir(d) {
			out[d] = git.Entry{Mode: git.ModeDir}
		}
	}
	return out
}

// diff is the plain definition of what git.Mirror.Diff computes.
func diff(a, b repo) []git.Change {
	old, now := a.entries(), b.entries()
	var changes []git.Change
	for p, o := range old {
		n, ok := now[p]
		switch {
		case !ok || (o.Mode == git.ModeDir) != (n.Mode == git.ModeDir):
			changes = append(changes, git.Change{Path: p, Kind: git.Removed, OldOID: o.OID, OldMode: o.Mode})
		case o != n:
			changes = append(changes, git.Change{Path: p, Kind: git.Modified, OldOID: o.OID, NewOID: n.OID, OldMode: o.Mode, Mode: n.Mode})
		}
	}
	for p, n := range now {
		if o, ok := old[p]; !ok || (o.Mode == git.ModeDir) != (n.Mode == git.ModeDir) {
			changes = append(changes, git.Change{Path: p, Kind: git.Added, NewOID: n.OID, Mode: n.Mode})
		}
	}
	return changes
}

// op is one thing that a renderer does.
type op struct{ what, path string }

func genOps(t *rapid.T) []op {
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) op {
		p := "."
		if rapid.IntRange(0, 9).Draw(t, "root") > 0 {
			p = genPath(t)
		}
		return op{rapid.SampledFrom([]string{"read", "list", "stat", "lstat", "readlink", "open", "size"}).Draw(t, "op"), p}
	}), 1, 6).Draw(t, "ops")
}

// perform does the ops and describes everything that came out of them.
func perform(f *FS, ops []op) string {
	var b strings.Builder
	for _, o := range ops {
		var out any
		var err error
		switch o.what {
		case "read":
			var data []byte
			data, err = f.ReadFile(o.path)
			out = string(data)
		case "list":
			var list []fs.DirEntry
			list, err = f.ReadDir(o.path)
			var names []string
			for _, e := range list {
				names = append(names, e.Type().String()+e.Name())
			}
			out = names
		case "stat", "lstat", "size":
			stat := f.Stat
			if o.what == "lstat" {
				stat = f.Lstat
			}
			var i fs.FileInfo
			if i, err = stat(o.path); err == nil {
				out = i.Mode().String()
				if o.what == "size" {
					out = fmt.Sprint(i.Mode(), i.Size())
				}
			}
		case "readlink":
			out, err = f.ReadLink(o.path)
		case "open":
			var file fs.File
			if file, err = f.Open(o.path); err == nil {
				i, _ := file.Stat()
				out = i.Mode().String()
			}
		}
		if err != nil {
			out = errors.Unwrap(err)
		}
		fmt.Fprintf(&b, "%s %s: %v\n", o.what, o.path, out)
	}
	return b.String()
}

func open(t interface{ Fatal(...any) }, r repo) *FS {
	f, err := fromFiles(r, Limits{})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// TestAffectedIsWhatReadingAgainWouldShow holds Touches, Index and Holds to the plain definition: do the same again on
// the new tree, and compare the records. What comes out differently must be among them.
func TestAffectedIsWhatReadingAgainWouldShow(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		old := genRepo(t)
		now := edit(t, old)
		changes := diff(old, now)
		index := NewIndex[string]()
		want := []string{}
		before := open(t, now)
		for i := range 5 {
			ops := genOps(t)
			key := fmt.Sprint("app-", i)
			a, b := open(t, old), open(t, now)
			outA, outB := perform(a, ops), perform(b, ops)
			index.Add(key, Trace{}) // and replace it
			index.Add(key, a.Trace())
			differs := a.Trace().Digest() != b.Trace().Digest()
			if outA != outB && !differs {
				t.Fatalf("the outcome differs, the trace does not:\n%s---\n%s\nops %v", outA, outB, ops)
			}
			if differs {
				want = append(want, key)
			}
			if got := a.Trace().Touches(changes); got != differs {
				t.Fatalf("Touches is %v, reading again differs: %v\nchanges %+v\nbefore %v\nafter %v", got, differs, changes, a.Trace(), b.Trace())
			}
			same, err := a.Trace().Holds(before)
			if err != nil || same == differs {
				t.Fatalf("Holds is %v (%v), reading again differs: %v\nbefore %v\nafter %v", same, err, differs, a.Trace(), b.Trace())
			}
			back, err := Unmarshal(a.Trace().Marshal())
			if err != nil || !slices.Equal(back.records, a.Trace().records) {
				t.Fatalf("Unmarshal: %v\n%v\n%v", err, back, a.Trace())
			}
		}
		if got := index.Affected(changes); !slices.Equal(got, want) {
			t.Fatalf("Affected is %v, want %v\nchanges %+v", got, want, changes)
		}
		for i := range 5 {
			index.Remove(fmt.Sprint("app-", i))
		}
		if index.Len() != 0 || len(index.root.below) != 0 {
			t.Fatalf("the index keeps %d vertices after everything is removed", len(index.root.below))
		}
	})
}
