package bundle

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"plumb.cd/plumb/internal/fault"
	"plumb.cd/plumb/internal/object"
)

func configMap(namespace, name string, data map[string]any) Entry {
	meta := map[string]any{"name": name}
	if namespace != "" {
		meta["namespace"] = namespace
	}
	return Entry{
		Body:   map[string]any{"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": data},
		Origin: object.Origin{File: "apps/" + name + ".yaml", Line: 3},
	}
}

func seal(t testing.TB, entries ...Entry) Bundle {
	t.Helper()
	b, err := Seal("Plain", entries, []string{"a warning"})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestDigestDoesNotDependOnOrderOrProvenance(t *testing.T) {
	a, b := configMap("x", "a", map[string]any{"k": "1"}), configMap("x", "b", nil)
	one := seal(t, a, b)
	a.Origin.Line = 99
	if two := seal(t, b, a); one.Digest != two.Digest {
		t.Errorf("digests %s and %s of the same objects", one.Digest, two.Digest)
	}
	if three := seal(t, a); one.Digest == three.Digest {
		t.Error("a missing object does not show in the digest")
	}
}

func TestDigestLeavesRandomValuesOutButNotThatTheyAreThere(t *testing.T) {
	with := func(value string, random ...string) object.Digest {
		e := configMap("x", "a", map[string]any{"pass.word": value})
		e.Random = random
		return seal(t, e).Digest
	}
	path := `.data["pass.word"]`
	if with("one", path) != with("two", path) {
		t.Error("the value of a random leaf is in the digest")
	}
	if with("one", path) == with("one") {
		t.Error("a random leaf has the digest of a fixed one")
	}
	if with("one") == with("two") {
		t.Error("the value of a fixed leaf is not in the digest")
	}
}

func TestRandomLeavesInKeyedAndIndexedLists(t *testing.T) {
	body := func(a, b string) map[string]any {
		return map[string]any{"spec": map[string]any{
			"containers": []any{map[string]any{"name": "web", "env": []any{map[string]any{"name": "A", "value": a}}}},
			"args":       []any{"x", b},
		}}
	}
	random := []string{".spec.containers[name=web].env[name=A].value", ".spec.args[1]", ".spec.absent.leaf", ".spec.args[7]"}
	for _, c := range object.Diff(body("1", "1"), body("2", "2")) {
		if !slices.Contains(random, c.Path) {
			t.Errorf("the paths of this test are not those of object.Diff: %s", c.Path)
		}
	}
	one, err := BodyDigest(body("1", "1"), random)
	if err != nil {
		t.Fatal(err)
	}
	two, err := BodyDigest(body("2", "2"), random)
	if err != nil || one != two {
		t.Errorf("digests %s and %s, %v", one, two, err)
	}
	if _, err := BodyDigest(body("1", "1"), []string{".spec[oops"}); err == nil {
		t.Error("a path that is none was accepted")
	}
}

func TestDecodeGivesWhatWasEncoded(t *testing.T) {
	b := seal(t,
		configMap("x", "ints", map[string]any{"big": int64(math.MaxInt64), "small": int64(-1), "half": 0.5, "yes": true, "none": nil}),
		configMap("", "lists", map[string]any{"l": []any{int64(1), "2", map[string]any{}}}),
		configMap("y", "ints", map[string]any{"html": "<&>", "unicode": "é\u2028"}),
	)
	b.Revisions = []Revision{{URL: "https://git.example.com/a", Commit: "abc"}}
	stored, err := Encode(b)
	if err != nil {
		t.Fatal(err)
	}
	got, err := Decode(stored)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(b, got); d != "" {
		t.Error(d)
	}
	again, err := Encode(got)
	if err != nil || string(again) != string(stored) {
		t.Errorf("encoding twice differs, %v", err)
	}
}

func TestSealTakesEveryNumberAndRefusesWhatJSONHasNot(t *testing.T) {
	b := seal(t, configMap("x", "a", map[string]any{"int": 3, "typed": map[string]string{"k": "v"}}))
	want := map[string]any{"int": int64(3), "typed": map[string]any{"k": "v"}}
	if d := cmp.Diff(want, b.Objects[0].Body["data"]); d != "" {
		t.Error(d)
	}
	_, err := Seal("Plain", []Entry{configMap("x", "a", map[string]any{"n": math.NaN()})}, nil)
	if f := fault.Of(err); err == nil || f.Reason != fault.ObjectInvalid || f.Where != "apps/a.yaml:3" {
		t.Errorf("got %v", err)
	}
}

func TestADamagedBundleIsToldAndNeverBelieved(t *testing.T) {
	var entries []Entry
	for i := range 300 {
		entries = append(entries, configMap("x", fmt.Sprintf("c%d", i), map[string]any{"v": fmt.Sprintf("%x", i*i*7919)}))
	}
	b := seal(t, entries...)
	stored, err := Encode(b)
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(t *rapid.T) {
		bad := slices.Clone(stored)
		if rapid.Bool().Draw(t, "cut") {
			bad = bad[:rapid.IntRange(0, len(bad)-1).Draw(t, "length")]
		} else {
			bad[rapid.IntRange(0, len(bad)-1).Draw(t, "byte")] ^= byte(rapid.IntRange(1, 255).Draw(t, "flip"))
		}
		got, err := Decode(bad)
		if err == nil && !cmp.Equal(got, b) {
			t.Fatal("a damaged bundle was read as another one")
		}
		if err != nil && !errors.Is(err, ErrCorrupt) {
			t.Fatalf("got %v", err)
		}
	})
}

func TestStoreFindsOneObjectUnderItsDestinationNamespace(t *testing.T) {
	s := openStore(t, t.TempDir(), 0)
	b := seal(t, configMap("", "free", nil), configMap("x", "both", map[string]any{"in": "x"}), configMap("", "both", map[string]any{"in": "none"}))
	put(t, s, b)
	tests := map[string]struct {
		id   object.ID
		want string // namespace of the entry; "absent"
	}{
		"an entry without namespace is found under any":     {object.ID{Kind: "ConfigMap", Namespace: "prod", Name: "free"}, ""},
		"the entry of the very namespace is preferred":      {object.ID{Kind: "ConfigMap", Namespace: "x", Name: "both"}, "x"},
		"another namespace gets the entry without one":      {object.ID{Kind: "ConfigMap", Namespace: "y", Name: "both"}, ""},
		"a name that the bundle does not have is not found": {object.ID{Kind: "ConfigMap", Namespace: "x", Name: "nope"}, "absent"},
		"a kind that the bundle does not have is not found": {object.ID{Kind: "Secret", Namespace: "x", Name: "free"}, "absent"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			e, err := s.Object(b.Digest, tt.id)
			if tt.want == "absent" {
				if !errors.Is(err, ErrNotFound) {
					t.Fatalf("got %v, %v", e.ID(), err)
				}
				return
			}
			if err != nil || e.ID().Namespace != tt.want {
				t.Fatalf("got %v, %v", e.ID(), err)
			}
		})
	}
}

func TestStoreKeepsFilesPrivateAndForgetsDamagedOnes(t *testing.T) {
	dir := t.TempDir()
	s := openStore(t, dir, 0)
	b := seal(t, configMap("x", "a", nil))
	put(t, s, b)
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(files) != 1 {
		t.Fatalf("files %v, %v", files, err)
	}
	if info, err := os.Stat(files[0]); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if err := os.WriteFile(files[0], []byte("rubbish, longer than any header could be, and then some"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Get(b.Digest); !errors.Is(err, ErrNotFound) || !errors.Is(err, ErrCorrupt) {
		t.Errorf("a damaged file gave %v", err)
	}
	if s.Has(b.Digest) {
		t.Error("a damaged file is still there")
	}
	put(t, s, b)
	if got, err := s.Get(b.Digest); err != nil || !cmp.Equal(got, b) {
		t.Errorf("after another Put: %v", err)
	}
}

func TestStoreSurvivesRestartAndDeletionOfItsFiles(t *testing.T) {
	dir := t.TempDir()
	b := seal(t, configMap("x", "a", nil))
	put(t, openStore(t, dir, 0), b)
	if err := os.WriteFile(filepath.Join(dir, "tmp-left"), []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := openStore(t, dir, 0)
	if _, err := s.Get(b.Digest); err != nil {
		t.Errorf("after a restart: %v", err)
	}
	if _, err := os.Stat(filepath.Join(dir, "tmp-left")); !errors.Is(err, os.ErrNotExist) {
		t.Error("a half-written file of a killed process is still there")
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Get(b.Digest); !errors.Is(err, ErrNotFound) {
		t.Errorf("after its files were deleted: %v", err)
	}
}

func TestStoreDropsWhatWasNotUsedForLongest(t *testing.T) {
	dir := t.TempDir()
	one, two, three := seal(t, configMap("x", "a", nil)), seal(t, configMap("x", "b", nil)), seal(t, configMap("x", "c", nil))
	stored, err := Encode(one)
	if err != nil {
		t.Fatal(err)
	}
	s := openStore(t, dir, int64(len(stored))*5/2)
	put(t, s, one)
	put(t, s, two)
	if _, err := s.Get(one.Digest); err != nil {
		t.Fatal(err)
	}
	put(t, s, three)
	if got := []bool{s.Has(one.Digest), s.Has(two.Digest), s.Has(three.Digest)}; !slices.Equal(got, []bool{true, false, true}) {
		t.Errorf("kept %v", got)
	}
}

func TestADigestThatIsAPathIsNoFile(t *testing.T) {
	s := openStore(t, t.TempDir(), 0)
	for _, d := range []object.Digest{"", "sha256:../../etc/passwd", "sha256:ab"} {
		if _, err := s.Get(d); !errors.Is(err, ErrNotFound) {
			t.Errorf("Get(%q) = %v", d, err)
		}
	}
}

func TestDiffTellsWhatChangedAndNoSecret(t *testing.T) {
	secret := func(value string) Entry {
		e := configMap("x", "s", map[string]any{"p": value})
		e.Body["kind"] = "Secret"
		return e
	}
	random := func(value string) Entry {
		e := configMap("x", "r", map[string]any{"token": value})
		e.Random = []string{".data.token"}
		return e
	}
	a := seal(t, configMap("x", "gone", nil), configMap("x", "same", nil), configMap("x", "edited", map[string]any{"k": "1"}), secret("old"), random("1"))
	b := seal(t, configMap("x", "same", nil), configMap("x", "edited", map[string]any{"k": "2"}), secret("new"), configMap("x", "fresh", nil), random("2"))
	var got []string
	for _, c := range Diff(a, b) {
		line := string(c.Kind) + " " + c.ID.String()
		for _, f := range c.Changes {
			line += fmt.Sprintf(" %s %v>%v", f.Path, f.From, f.To)
		}
		got = append(got, line)
	}
	want := []string{
		"Changed ConfigMap/x/edited .data.k 1>2",
		"Added ConfigMap/x/fresh",
		"Removed ConfigMap/x/gone",
		"Changed Secret/x/s .data.p [redacted]>[redacted]",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestShortCommit(t *testing.T) {
	for in, want := range map[string]string{
		"0123456789abcdef0123456789abcdef01234567": "0123456789ab", "abc": "abc",
		"1.2.3@sha256:" + fmt.Sprintf("%064d", 7): "1.2.3@000000000000",
	} {
		if got := ShortCommit(in); got != want {
			t.Errorf("ShortCommit(%q) = %q, want %q", in, got, want)
		}
	}
}

func FuzzDecode(f *testing.F) {
	b, err := Seal("Plain", []Entry{configMap("x", "a", map[string]any{"k": "v"})}, nil)
	if err != nil {
		f.Fatal(err)
	}
	stored, err := Encode(b)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(stored)
	f.Add([]byte(magic))
	f.Fuzz(func(t *testing.T, in []byte) {
		if _, err := Decode(in); err != nil && !errors.Is(err, ErrCorrupt) {
			t.Fatal(err)
		}
	})
}

func BenchmarkObjectOfTenThousand(b *testing.B) {
	var entries []Entry
	for i := range 10_000 {
		entries = append(entries, configMap("x", fmt.Sprintf("c%d", i), map[string]any{"v": fmt.Sprintf("%x", i*7919), "text": "some text that is longer than a key"}))
	}
	bundle := seal(b, entries...)
	s := openStore(b, b.TempDir(), 0)
	put(b, s, bundle)
	for b.Loop() {
		if _, err := s.Object(bundle.Digest, object.ID{Kind: "ConfigMap", Namespace: "x", Name: "c7777"}); err != nil {
			b.Fatal(err)
		}
	}
}

func openStore(t testing.TB, dir string, limit int64) *Store {
	t.Helper()
	s, err := OpenStore(dir, StoreOptions{MaxBytes: limit})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func put(t testing.TB, s *Store, b Bundle) {
	t.Helper()
	if err := s.Put(b); err != nil {
		t.Fatal(err)
	}
}
