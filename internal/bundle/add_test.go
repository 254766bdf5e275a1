package bundle

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"plumb.cd/plumb/internal/object"
)

func TestAFrameIsTheEntryAsJSON(t *testing.T) {
	for _, e := range []Entry{
		configMap("x", "a", map[string]any{"html": "<&>"}),
		{Body: map[string]any{}},
		{Body: map[string]any{"kind": "K"}, Origin: object.Origin{Source: "s\"", File: "ü.yaml", Line: 3, Document: 2}, Random: []string{".kind"}},
	} {
		want, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		got, err := newFrame(e)
		if err != nil || string(got.json) != string(want) {
			t.Errorf("got %s (%v), want %s", got.json, err, want)
		}
	}
}

// file is a part of a test: what a file renders to.
type file struct {
	name    string
	content int // other content, other objects
	objects int
}

func (f file) entries() []Entry {
	var out []Entry
	for i := range f.objects {
		e := configMap("x", fmt.Sprintf("%s-%d", f.name, i), map[string]any{"v": fmt.Sprint(i)})
		if i == f.objects/2 {
			e.Body["data"] = map[string]any{"v": fmt.Sprintf("%x", f.content*7919)}
		}
		if i%7 == 3 {
			e.Random = []string{".data.v"}
		}
		e.Origin = object.Origin{File: f.name + ".yaml", Line: 1 + 5*i, Document: i}
		out = append(out, e)
	}
	return out
}

func (f file) key() string { return fmt.Sprintf("%s@%d/%d", f.name, f.content, f.objects) }

// draft keeps what from has.
func draft(files []file, from *Index) Draft {
	d := Draft{Renderer: "Plain", Warnings: []string{"a warning"}, From: from}
	have := map[string]int{}
	first := 0
	if from != nil {
		for _, p := range from.Parts {
			have[p.Key] = first
			first += p.Objects
		}
	}
	for _, f := range files {
		p := Piece{Part: Part{Key: f.key(), Objects: f.objects, Weight: int64(f.objects * 10), Read: 5}}
		if at, ok := have[f.key()]; ok {
			p.Kept, p.First = true, at
		} else {
			p.Entries = f.entries()
		}
		d.Pieces = append(d.Pieces, p)
	}
	return d
}

func TestABundleThatKeepsPartsHasTheBytesOfOneThatIsSealedAnew(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		dir, err := os.MkdirTemp("", "bundles") //nolint:usetesting // what rapid gives has no directory
		if err != nil {
			t.Fatal(err)
		}
		defer os.RemoveAll(dir)
		s, err := OpenStore(dir, StoreOptions{})
		if err != nil {
			t.Fatal(err)
		}
		content := func(label string) int { return rapid.IntRange(0, 1).Draw(t, label) }
		var files []file
		for i := range rapid.IntRange(1, 12).Draw(t, "files") {
			files = append(files, file{fmt.Sprintf("f%02d", i), content("content"), rapid.SampledFrom([]int{0, 1, 3, 40, 400}).Draw(t, "objects")})
		}
		var from *Index
		for range rapid.IntRange(1, 4).Draw(t, "commits") {
			next := slices.Clone(files)
			for i := range next {
				if rapid.IntRange(0, 5).Draw(t, "edit") == 0 {
					next[i].content = content("new content")
				}
			}
			next = slices.DeleteFunc(next, func(file) bool { return rapid.IntRange(0, 9).Draw(t, "remove") == 0 })
			added, err := s.Add(draft(next, from))
			if err != nil {
				t.Fatal(err)
			}
			var all []Entry
			for _, f := range next {
				all = append(all, f.entries()...)
			}
			want, err := Seal("Plain", all, []string{"a warning"})
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range next {
				want.Parts = append(want.Parts, Part{Key: f.key(), Objects: f.objects, Weight: int64(f.objects * 10), Read: 5})
			}
			bytes, err := Encode(want)
			if err != nil {
				t.Fatal(err)
			}
			got, err := os.ReadFile(filepath.Join(dir, string(want.Digest[len("sha256:"):])+suffix))
			if err != nil || added.Digest != want.Digest || added.Count != len(all) || string(got) != string(bytes) {
				t.Fatalf("digest %s, want %s; %d of %d objects; equal bytes: %v; %v", added.Digest, want.Digest, added.Count, len(all), string(got) == string(bytes), err)
			}
			if from, err = s.Index(added.Digest); err != nil {
				t.Fatal(err)
			}
			for i, e := range all {
				it := from.Items[i]
				if it.ID != e.ID() || it.Origin != e.Origin || it.Version != "v1" || it.Random != (len(e.Random) > 0) {
					t.Fatalf("item %+v of %+v", it, e)
				}
			}
			files = next
		}
	})
}

func TestOneFileOfManyIsEncodedAlone(t *testing.T) {
	s := openStore(t, t.TempDir(), 0)
	var files []file
	for i := range 100 {
		files = append(files, file{fmt.Sprintf("f%02d", i), 0, 100})
	}
	first, err := s.Add(draft(files, nil))
	if err != nil {
		t.Fatal(err)
	}
	x, err := s.Index(first.Digest)
	if err != nil {
		t.Fatal(err)
	}
	files[42].content = 1
	second, err := s.Add(draft(files, x))
	if err != nil || second.Fresh != 100 || second.Count != 10_000 {
		t.Fatalf("%+v, %v", second, err)
	}
	if x, err = s.Index(second.Digest); err != nil {
		t.Fatal(err)
	}
	places := []int{0, 4250, 4251, 9999}
	got, err := s.Entries(x, places)
	if err != nil {
		t.Fatal(err)
	}
	b, err := s.Get(second.Digest)
	if err != nil {
		t.Fatal(err)
	}
	for i, at := range places {
		if !cmp.Equal(got[i], b.Objects[at]) {
			t.Errorf("object %d: %s", at, cmp.Diff(b.Objects[at], got[i]))
		}
	}
}

func TestADraftOfABundleThatIsGoneIsRefused(t *testing.T) {
	dir := t.TempDir()
	s := openStore(t, dir, 0)
	files := []file{{"a", 0, 3}, {"b", 0, 3}}
	first, err := s.Add(draft(files, nil))
	if err != nil {
		t.Fatal(err)
	}
	x, err := s.Index(first.Digest)
	if err != nil {
		t.Fatal(err)
	}
	files[1].content = 1
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Add(draft(files, x)); !errors.Is(err, ErrNotFound) {
		t.Errorf("got %v", err)
	}
}

func TestWhatWasJustSealedIsNotReadBack(t *testing.T) {
	dir := t.TempDir()
	s := openStore(t, dir, 0)
	e := configMap("x", "a", map[string]any{"k": "v"})
	added, err := s.Add(Draft{Renderer: "Plain", Pieces: []Piece{{Entries: []Entry{e}}}})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		got, err := s.Recent(added.Digest)
		if err != nil || len(got) != 1 || !cmp.Equal(got[0], e) {
			t.Fatalf("got %v, %v", got, err)
		}
		s = openStore(t, dir, 0) // and read back where it was not
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Recent(added.Digest); !errors.Is(err, ErrNotFound) {
		t.Errorf("of a bundle whose file is gone: %v", err)
	}
	for i := range 3 * youngCount {
		big := configMap("x", "a", map[string]any{"k": fmt.Sprint(i)})
		if _, err := s.Add(Draft{Renderer: "Plain", Pieces: []Piece{{Entries: []Entry{big}}}}); err == nil {
			t.Fatal("stored in a directory that is gone")
		}
	}
}

func TestKeptPartsAreNotAllocatedAgain(t *testing.T) {
	s := openStore(t, t.TempDir(), 0)
	var files []file
	for i := range 100 {
		files = append(files, file{fmt.Sprintf("f%02d", i), 0, 100})
	}
	added, err := s.Add(draft(files, nil))
	if err != nil {
		t.Fatal(err)
	}
	content := 0
	got := testing.AllocsPerRun(5, func() {
		x, err := s.Index(added.Digest)
		if err != nil {
			t.Fatal(err)
		}
		content++
		files[42].content = content
		if added, err = s.Add(draft(files, x)); err != nil {
			t.Fatal(err)
		}
	})
	if most := 5000.0; got > most {
		t.Errorf("storing a bundle of 10000 objects of which one file of 100 changed allocates %.0f times, more than %.0f", got, most)
	}
}

func BenchmarkAddOneFileOfAHundred(b *testing.B) {
	s := openStore(b, b.TempDir(), 0)
	var files []file
	for i := range 100 {
		files = append(files, file{fmt.Sprintf("f%02d", i), 0, 100})
	}
	added, err := s.Add(draft(files, nil))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for n := 1; b.Loop(); n++ {
		x, err := s.Index(added.Digest)
		if err != nil {
			b.Fatal(err)
		}
		files[n%100].content = n
		if added, err = s.Add(draft(files, x)); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAddAll(b *testing.B) {
	s := openStore(b, b.TempDir(), 0)
	var files []file
	for i := range 100 {
		files = append(files, file{fmt.Sprintf("f%02d", i), 0, 100})
	}
	d := draft(files, nil)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Add(d); err != nil {
			b.Fatal(err)
		}
	}
}
