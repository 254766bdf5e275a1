package tree

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"plumb.cd/plumb/internal/fault"
	"plumb.cd/plumb/internal/git"
)

func fromMap(t *testing.T, files map[string]string, lim Limits) *FS {
	t.Helper()
	m := map[string]mapFile{}
	for p, content := range files {
		f := mapFile{git.ModeFile, []byte(content)}
		if target, ok := strings.CutPrefix(content, "-> "); ok {
			f = mapFile{git.ModeSymlink, []byte(target)}
		}
		if commit, ok := strings.CutPrefix(content, "@ "); ok {
			f = mapFile{git.ModeGitlink, []byte(commit)}
		}
		m[p] = f
	}
	f, err := fromFiles(m, lim)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func want(t *testing.T, f *FS, name, content string) {
	t.Helper()
	if b, err := f.ReadFile(name); err != nil || string(b) != content {
		t.Errorf("%s: %q, %v; want %q", name, b, err, content)
	}
}

func records(tr Trace) []string {
	var out []string
	for _, r := range tr.Records() {
		out = append(out, r.Kind.String()+" "+r.Path)
	}
	return out
}

func wantRecords(t *testing.T, f *FS, want ...string) {
	t.Helper()
	if got := records(f.Trace()); !slices.Equal(got, want) {
		t.Errorf("trace is %q, want %q", got, want)
	}
}

func TestItIsAFileSystemByTheStandardsOwnTest(t *testing.T) {
	files := map[string]string{"a.yaml": "a", "d/b.yaml": "b", "d/e/c.yaml": "c", "d/link": "-> e/c.yaml"}
	t.Run("objects", func(t *testing.T) {
		f := fromMap(t, files, Limits{})
		if err := fstest.TestFS(f, "a.yaml", "d/b.yaml", "d/e/c.yaml"); err != nil {
			t.Error(err)
		}
	})
	t.Run("a directory", func(t *testing.T) {
		f, err := FromDir(writeDir(t, files), Limits{})
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if err := fstest.TestFS(f, "a.yaml", "d/b.yaml", "d/e/c.yaml"); err != nil {
			t.Error(err)
		}
	})
	t.Run("a copy", func(t *testing.T) {
		f, err := FromFS(os.DirFS(writeDir(t, files)), Limits{})
		if err != nil {
			t.Fatal(err)
		}
		if err := fstest.TestFS(f, "a.yaml", "d/b.yaml", "d/e/c.yaml"); err != nil {
			t.Error(err)
		}
	})
}

func writeDir(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for p, content := range files {
		full := filepath.Join(dir, p)
		if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
			t.Fatal(err)
		}
		var err error
		if target, ok := strings.CutPrefix(content, "-> "); ok {
			err = os.Symlink(target, full)
		} else {
			err = os.WriteFile(full, []byte(content), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestEveryReadListingAndMissIsTraced(t *testing.T) {
	f := fromMap(t, map[string]string{"app/k.yaml": "k", "app/x/y.yaml": "y", "base/z.yaml": "z", "other": "o"}, Limits{})
	want(t, f, "app/k.yaml", "k")
	if _, err := f.ReadDir("app"); err != nil {
		t.Fatal(err)
	}
	for _, missing := range []string{"app/nope", "no/such/dir", "other/below"} {
		if _, err := f.ReadFile(missing); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: %v", missing, err)
		}
	}
	if i, err := f.Stat("base"); err != nil || !i.IsDir() {
		t.Fatal(err)
	}
	if _, err := f.Stat("other"); err != nil {
		t.Fatal(err)
	}
	wantRecords(t, f, "listed app", "read app/k.yaml", "missing app/nope", "is-dir base", "missing no/such/dir", "is-file other", "missing other/below")
}

func TestSymlinksAreFollowedInsideAndTracedAtBothEnds(t *testing.T) {
	f := fromMap(t, map[string]string{
		"real/v.yaml": "v", "app/values.yaml": "-> ../real/v.yaml", "app/dir": "-> ../real", "app/gone": "-> ../real/none",
	}, Limits{})
	want(t, f, "app/values.yaml", "v")
	want(t, f, "app/dir/v.yaml", "v")
	if _, err := f.Stat("app/gone"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a dangling symlink: %v", err)
	}
	wantRecords(t, f, "is-dir app", "link app/dir", "link app/gone", "link app/values.yaml", "missing real/none", "read real/v.yaml")
}

func TestWhatLeavesTheRepositoryIsRefused(t *testing.T) {
	outside := t.TempDir()
	if err := os.WriteFile(filepath.Join(outside, "secret"), []byte("s"), 0o600); err != nil {
		t.Fatal(err)
	}
	files := map[string]string{
		"a/abs": "-> " + outside + "/secret", "a/up": "-> ../../secret", "a/far": "-> ../../../../../../etc/passwd",
		"a/dir": "-> " + outside, "a/two": "-> up", "a/loop": "-> loop2", "a/loop2": "-> loop",
	}
	dir, err := FromDir(writeDir(t, files), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	for what, f := range map[string]*FS{"objects": fromMap(t, files, Limits{}), "a directory": dir} {
		t.Run(what, func(t *testing.T) {
			for _, p := range []string{"a/abs", "a/up", "a/far", "a/dir/secret", "a/two"} {
				if _, err := f.ReadFile(p); !fault.Is(err, fault.PathOutside) {
					t.Errorf("ReadFile %s: %v", p, err)
				}
				if _, err := f.Stat(p); !fault.Is(err, fault.PathOutside) {
					t.Errorf("Stat %s: %v", p, err)
				}
			}
			if _, err := f.ReadFile("a/loop"); !fault.Is(err, fault.PathNotFound) {
				t.Errorf("a loop: %v", err)
			}
			for _, p := range []string{"../x", "/etc/passwd", "a/../../x", "a//b", ""} {
				if _, err := f.ReadFile(p); !errors.Is(err, fs.ErrInvalid) {
					t.Errorf("ReadFile %q: %v", p, err)
				}
			}
		})
	}
}

func TestADirectoryThatIsSwappedForASymlinkStaysConfined(t *testing.T) {
	outside := writeDir(t, map[string]string{"v": "secret"})
	dir := writeDir(t, map[string]string{"a/v": "mine"})
	f, err := FromDir(dir, Limits{})
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.Stat("a/v"); err != nil { // the listing of a is known now
		t.Fatal(err)
	}
	if err := errors.Join(os.RemoveAll(filepath.Join(dir, "a")), os.Symlink(outside, filepath.Join(dir, "a"))); err != nil {
		t.Fatal(err)
	}
	if b, err := f.ReadFile("a/v"); err == nil {
		t.Errorf("read %q from outside", b)
	}
}

func TestLimitsNameTheFile(t *testing.T) {
	files := map[string]string{"small": "12345", "large": "1234567890", "other": "54321"}
	dir, err := FromDir(writeDir(t, files), Limits{FileBytes: 8, TotalBytes: 8})
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	for what, f := range map[string]*FS{"objects": fromMap(t, files, Limits{FileBytes: 8, TotalBytes: 8}), "a directory": dir} {
		t.Run(what, func(t *testing.T) {
			want(t, f, "small", "12345")
			want(t, f, "small", "12345") // reading again costs nothing
			for _, p := range []string{"large", "other"} {
				_, err := f.ReadFile(p)
				if !fault.Is(err, fault.LimitExceeded) || fault.Of(err).Where != p {
					t.Errorf("%s: %v", p, err)
				}
			}
		})
	}
}

func TestASubmoduleThatIsNotFetchedReadsAsEmptyWithANote(t *testing.T) {
	f := fromMap(t, map[string]string{"lib": "@ 1111111111111111111111111111111111111111", "a": "a"}, Limits{})
	list, err := f.ReadDir("lib")
	if err != nil || len(list) != 0 {
		t.Fatalf("%v, %v", list, err)
	}
	if _, err := f.ReadFile("lib/x"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("below: %v", err)
	}
	if n := f.Notes(); len(n) != 1 || !strings.HasPrefix(n[0], "lib is a submodule") {
		t.Errorf("notes: %q", n)
	}
	wantRecords(t, f, "is-submodule lib", "missing lib/x")
}

func TestMountsKeepTheirOwnTraces(t *testing.T) {
	base := fromMap(t, map[string]string{"app/k": "k"}, Limits{})
	values := fromMap(t, map[string]string{"env/prod.yaml": "prod"}, Limits{})
	chart := fromMap(t, map[string]string{"Chart.yaml": "chart"}, Limits{})
	f := Mount(base, map[string]*FS{"$values": values, ".charts/redis/1.0": chart})
	want(t, f, "$values/env/prod.yaml", "prod")
	want(t, f, ".charts/redis/1.0/Chart.yaml", "chart")
	want(t, f, "app/k", "k")
	if list, err := f.ReadDir(".charts/redis"); err != nil || len(list) != 1 || list[0].Name() != "1.0" {
		t.Errorf("%v, %v", list, err)
	}
	if i, err := f.Stat(".charts"); err != nil || !i.IsDir() {
		t.Errorf("%v, %v", i, err)
	}
	if list, err := f.ReadDir("."); err != nil || names(list) != ".charts app" {
		t.Errorf("the root lists %q, %v", names(list), err)
	}
	if list, err := f.ReadDir("$values/env"); err != nil || len(list) != 1 {
		t.Errorf("%v, %v", list, err)
	}
	got := f.Traces()
	for name, want := range map[string][]string{
		"": {"listed .", "missing .charts", "missing .charts/redis", "read app/k"}, "$values": {"listed env", "read env/prod.yaml"}, ".charts/redis/1.0": {"read Chart.yaml"},
	} {
		if !slices.Equal(records(got[name]), want) {
			t.Errorf("trace of %q is %q, want %q", name, records(got[name]), want)
		}
	}
	sub, err := f.Below("$values/env")
	if err != nil {
		t.Fatal(err)
	}
	want(t, sub, "prod.yaml", "prod")
}

func names(list []fs.DirEntry) string {
	var out []string
	for _, e := range list {
		out = append(out, e.Name())
	}
	return strings.Join(out, " ")
}

func TestAMountedChartIsFoundByWalking(t *testing.T) {
	base := fromMap(t, map[string]string{"app/Chart.yaml": "c", "app/charts/a/Chart.yaml": "a", "app/charts/b": "in the way"}, Limits{})
	dep := FromMap(map[string][]byte{"Chart.yaml": []byte("dep")})
	f := Mount(base, map[string]*FS{"app/charts/b": dep, "app/charts/c": dep})
	var found []string
	err := fs.WalkDir(f, ".", func(p string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			found = append(found, p)
		}
		return err
	})
	if want := []string{"app/Chart.yaml", "app/charts/a/Chart.yaml", "app/charts/b/Chart.yaml", "app/charts/c/Chart.yaml"}; err != nil || !slices.Equal(found, want) {
		t.Errorf("%q, %v", found, err)
	}
	wantRecords(t, dep, "listed .")
}

func TestASubTreeSharesTheTrace(t *testing.T) {
	f := fromMap(t, map[string]string{"app/k": "-> ../base/k", "base/k": "k"}, Limits{})
	sub, err := f.Below("app")
	if err != nil {
		t.Fatal(err)
	}
	want(t, sub, "k", "k")
	wantRecords(t, f, "is-dir app", "link app/k", "read base/k")
}

func TestEqualContentHasEqualDigestsOnDiskAndInObjects(t *testing.T) {
	files := map[string]string{"a": "1", "d/b": "2", "d/l": "-> b"}
	dir, err := FromDir(writeDir(t, files), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	objects := fromMap(t, files, Limits{})
	for _, f := range []*FS{dir, objects} {
		want(t, f, "d/l", "2")
		if _, err := f.ReadDir("."); err != nil {
			t.Fatal(err)
		}
	}
	if a, b := dir.Trace(), objects.Trace(); a.Digest() != b.Digest() {
		t.Errorf("%v\n%v", a, b)
	}
	if ok, err := objects.Trace().Holds(dir); err != nil || !ok {
		t.Errorf("Holds: %v, %v", ok, err)
	}
}

func TestManyReadersAtOnce(t *testing.T) {
	f := fromMap(t, map[string]string{"a/b": "1", "c": "-> a/b"}, Limits{})
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 100 {
				_, _ = f.ReadFile("c")
				_, _ = f.ReadDir("a")
				_, _ = f.Stat("nope")
				f.Trace().Digest()
			}
		})
	}
	wg.Wait()
	wantRecords(t, f, "listed a", "read a/b", "link c", "missing nope")
}

func TestReadBytesBelongToTheCaller(t *testing.T) {
	f := fromMap(t, map[string]string{"a": "abc"}, Limits{})
	b, err := f.ReadFile("a")
	if err != nil {
		t.Fatal(err)
	}
	b[0] = 'X'
	want(t, f, "a", "abc")
}

func TestAMapThatIsNoTreeIsRefused(t *testing.T) {
	for _, files := range []map[string][]byte{{"a": nil, "a/b": nil}, {"../x": nil}, {"/x": nil}, {"a//b": nil}, {".": nil}} {
		if _, err := FromMap(files).ReadDir("."); !fault.Is(err, fault.PathOutside) && !fault.Is(err, fault.ObjectInvalid) {
			t.Errorf("%v: %v", files, err)
		}
	}
}

func TestACancelledContextEndsReads(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	f := New(ctx, failing{}, strings.Repeat("1", 40), Limits{})
	cancel()
	if _, err := f.ReadFile("a"); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

// failing answers with what its context says.
type failing struct{}

func (failing) TreeEntries(ctx context.Context, _ string) ([]git.Entry, error) { return nil, ctx.Err() }
func (failing) Blob(ctx context.Context, _ string) ([]byte, error)             { return nil, ctx.Err() }

func FuzzUnmarshal(f *testing.F) {
	f.Add(Trace{}.Marshal())
	f.Add(Trace{[]Record{{"a/b", Read, strings.Repeat("ab", 20)}, {"a/c", Missing, ""}}}.Marshal())
	f.Fuzz(func(t *testing.T, b []byte) {
		tr, err := Unmarshal(b)
		if err != nil {
			return
		}
		back, err := Unmarshal(tr.Marshal())
		if err != nil || !slices.Equal(back.records, tr.records) {
			t.Fatalf("%v: %v, %v", tr, back, err)
		}
	})
}

func BenchmarkAffectedOf10000Apps(b *testing.B) {
	x := NewIndex[string]()
	for i := range 10000 {
		dir := "teams/t" + string(rune('a'+i%26)) + "/app" + strings.Repeat("x", i%7) + string(rune('a'+i%26)) + strconv.Itoa(i)
		tr := recorder{}
		tr.add(dir, Listed, "00")
		tr.add("base/kustomization.yaml", Read, "00")
		for _, n := range []string{"kustomization.yaml", "a.yaml", "b.yaml", "c.yaml"} {
			tr.add(dir+"/"+n, Read, "00")
			tr.add(dir+"/no-"+n, Missing, "")
		}
		x.Add(strconv.Itoa(i), tr.trace())
	}
	change := []git.Change{{Path: "teams/tb/app" + strings.Repeat("x", 1) + "b" + "1" + "/a.yaml", Kind: git.Modified, OldOID: "1", NewOID: "2", OldMode: git.ModeFile, Mode: git.ModeFile}}
	b.ReportAllocs()
	for b.Loop() {
		if got := x.Affected(change); len(got) != 1 {
			b.Fatal(got)
		}
	}
}
