package worker

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"plumb.cd/plumb/internal/render"
)

func anyValue(depth int) *rapid.Generator[any] {
	leaves := []*rapid.Generator[any]{
		rapid.Just[any](nil), rapid.Bool().AsAny(), rapid.Int64().AsAny(), rapid.Float64().AsAny(), rapid.String().AsAny(),
	}
	if depth > 0 {
		inner := anyValue(depth - 1)
		leaves = append(leaves, rapid.SliceOfN(inner, 0, 4).AsAny(), rapid.MapOfN(rapid.String(), inner, 0, 4).AsAny())
	}
	return rapid.OneOf(leaves...)
}

func TestResultsPassUnchanged(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := render.Result{Kind: render.Helm, Objects: []render.Object{}, Warnings: []string{"w"}, AskedAPIs: []string{"a/v1", ""}}
		for i := range rapid.IntRange(0, 3).Draw(t, "objects") {
			want.Objects = append(want.Objects, render.Object{
				Body:   rapid.MapOfN(rapid.String(), anyValue(3), 0, 4).Draw(t, "body"),
				Origin: render.Origin{Source: "s", File: "f", Line: i * 300, Document: i}, Random: []string{".x"},
			})
		}
		b, err := appendResult(nil, want)
		if err != nil {
			t.Fatal(err)
		}
		got, err := (&decoder{s: string(b)}).result()
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("(-want +got):\n%s", diff)
		}
		for cut := range len(b) {
			if _, err := (&decoder{s: string(b[:cut])}).result(); err == nil {
				t.Fatalf("a message cut at %d of %d was taken", cut, len(b))
			}
		}
	})
}

func TestOnlyValuesOfJSONPass(t *testing.T) {
	if _, err := appendValue(nil, map[string]any{"a": []string{"x"}}); err == nil {
		t.Error("a []string was taken")
	}
}

func FuzzResult(f *testing.F) {
	b, err := appendResult(nil, render.Result{Kind: "x", Objects: []render.Object{{Body: map[string]any{"a": []any{int64(1), 1.5, nil, "s"}}}}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(b))
	f.Fuzz(func(_ *testing.T, s string) {
		_, _ = (&decoder{s: s}).result()
	})
}
