package plan

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"pgregory.net/rapid"

	"plumb.cd/plumb/internal/bundle"
	"plumb.cd/plumb/internal/object"
)

// itemsOf is a bundle's own account of its entries.
func itemsOf(t interface{ Fatal(...any) }, list []bundle.Entry) []bundle.Item {
	out := make([]bundle.Item, len(list))
	for i, e := range list {
		d, err := bundle.BodyDigest(e.Body, e.Random)
		if err != nil {
			t.Fatal(err)
		}
		raw, err := bundle.RawDigest(d)
		if err != nil {
			t.Fatal(err)
		}
		api, _ := e.Body["apiVersion"].(string)
		_, version, grouped := strings.Cut(api, "/")
		if !grouped {
			version = api
		}
		out[i] = bundle.Item{ID: e.ID(), Version: version, Digest: raw, Origin: e.Origin, Random: len(e.Random) > 0}
	}
	return out
}

// drawn is an entry with everything that the Memo must not pass over.
func drawn(t *rapid.T) bundle.Entry {
	e := drawEntry(t)
	if rapid.IntRange(0, 9).Draw(t, "definition") > 0 && e.Body["kind"] == "CustomResourceDefinition" {
		e.Body["kind"], e.Body["apiVersion"] = "ConfigMap", "v1"
	}
	meta := e.Body["metadata"].(map[string]any)
	meta["name"] = fmt.Sprintf("%s%d", meta["name"], rapid.IntRange(0, 8).Draw(t, "number"))
	switch rapid.IntRange(0, 12).Draw(t, "odd") {
	case 0:
		e.Random = []string{".data.p"}
	case 1:
		meta["annotations"].(map[string]any)["plumb.cd/wishes"] = "a key that nobody knows"
	case 2:
		meta["annotations"].(map[string]any)["config.kubernetes.io/depends-on"] = "/namespaces/shop/ConfigMap/a1"
	case 3:
		meta["namespace"] = rapid.SampledFrom([]string{"shop", "other"}).Draw(t, "namespace")
	case 4:
		e.Body["apiVersion"], e.Body["kind"] = "example.com/v1", "Unknown"
	}
	e.Body["data"] = map[string]any{"p": fmt.Sprint(rapid.IntRange(0, 3).Draw(t, "value"))}
	e.Origin = object.Origin{File: "a.yaml", Line: rapid.IntRange(1, 3).Draw(t, "line")}
	return e
}

func TestAPlanOfWhatChangedIsThePlanOfEverything(t *testing.T) {
	spared := 0
	rapid.Check(t, func(t *rapid.T) {
		list := rapid.SliceOfN(rapid.Custom(drawn), 1, 15).Draw(t, "entries")
		o := PrepareOptions{Owner: testApp, Namespace: "shop", Scope: scope, Attempt: "one"}
		o.Policy.CreateNamespace = rapid.Bool().Draw(t, "namespace")
		_, _, memo, err := PrepareAll(list, itemsOf(t, list), o)
		if err != nil {
			memo = &Memo{owner: o.Owner, namespace: o.Namespace, scopes: map[schema.GroupVersionKind]scopeAnswer{}, sent: map[memoKey]sent{}}
		}
		for range rapid.IntRange(1, 4).Draw(t, "commits") {
			list = slices.Clone(list)
			for range rapid.IntRange(0, 3).Draw(t, "edits") {
				e := drawn(t)
				if at := rapid.IntRange(0, len(list)).Draw(t, "at"); at < len(list) {
					list[at] = e
				} else {
					list = append(list, e)
				}
			}
			if rapid.IntRange(0, 4).Draw(t, "remove") == 0 && len(list) > 1 {
				list = slices.Delete(list, 0, 1)
			}
			switch rapid.IntRange(0, 12).Draw(t, "elsewhere") {
			case 0:
				o.Namespace = "other"
			case 1:
				o.Scope = func(k schema.GroupVersionKind) (bool, bool) { return k.Kind != "ConfigMap", true }
			case 2:
				o.Attempt = "two"
			}
			spared += checkMemo(t, memo, list, o)
		}
	})
	if spared == 0 {
		t.Error("nothing was ever spared")
	}
}

// checkMemo holds what the Memo gives against what Prepare gives, and the plans of both; it tells how many were spared.
func checkMemo(t *rapid.T, memo *Memo, list []bundle.Entry, o PrepareOptions) int {
	want, wantWarnings, wantErr := Prepare(list, o)
	load := func(places []int) ([]bundle.Entry, error) {
		var out []bundle.Entry
		for _, at := range places {
			out = append(out, list[at])
		}
		return out, nil
	}
	got, warnings, prepared, ok, err := memo.Prepare(itemsOf(t, list), load, o)
	if err != nil {
		t.Fatal(err)
	}
	if !ok {
		return 0
	}
	if wantErr != nil {
		t.Fatalf("what is refused was not seen: %v", wantErr)
	}
	in := Input{Mode: Sync, App: testApp, Bundle: "sha256:test", Policy: Policy{Prune: true}, RunHooks: true, Live: map[object.ID]Live{}}
	for i, d := range want {
		if rapid.IntRange(0, 2).Draw(t, "live") > 0 {
			l := Live{ID: d.ID, UID: fmt.Sprint(i), Owner: &testApp, Applied: d.Digest, InSync: rapid.Bool().Draw(t, "in sync"), Kind: d.Object.GroupVersionKind()}
			if rapid.Bool().Draw(t, "old") {
				l.Applied = "sha256:old"
			}
			in.Live[d.ID] = l
		}
	}
	in.Desired = want
	plan := Compute(in)
	in.Desired = got
	if d := cmp.Diff(plan, Compute(in)); d != "" {
		t.Fatalf("another plan: %s", d)
	}
	known := 0
	for i := range got {
		if got[i].Object == nil {
			known++
			if got[i].Kind != want[i].Object.GroupVersionKind() {
				t.Fatalf("kind %s of %s", got[i].Kind, got[i].ID)
			}
			got[i].Object, got[i].Kind = want[i].Object, schema.GroupVersionKind{}
		}
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Fatal(d)
	}
	if d := cmp.Diff(wantWarnings, warnings); d != "" {
		t.Fatal(d)
	}
	if known+prepared != len(list) {
		t.Fatalf("%d known and %d prepared of %d", known, prepared, len(list))
	}
	return known
}

func manyEntries(n int) []bundle.Entry {
	var list []bundle.Entry
	for i := range n {
		list = append(list, bundle.Entry{
			Body: map[string]any{
				"apiVersion": "v1", "kind": "ConfigMap", "data": map[string]any{"value": "1"},
				"metadata": map[string]any{"name": fmt.Sprintf("app-%05d", i), "labels": map[string]any{"a": "b"}},
			},
			Origin: object.Origin{File: fmt.Sprintf("part-%d.yaml", i/100), Line: 1 + i%100},
		})
	}
	return list
}

func TestWhatIsKnownIsNotAllocatedAgain(t *testing.T) {
	list := manyEntries(10_000)
	items := itemsOf(t, list)
	o := PrepareOptions{Owner: testApp, Namespace: "shop", Scope: scope}
	desired, _, memo, err := PrepareAll(list, items, o)
	if err != nil {
		t.Fatal(err)
	}
	in := Input{Mode: Sync, App: testApp, Bundle: "sha256:test", Live: map[object.ID]Live{}}
	for i, d := range desired {
		in.Live[d.ID] = Live{ID: d.ID, UID: fmt.Sprint(i), Owner: &testApp, Applied: d.Digest, InSync: true}
	}
	list[5000].Body["data"] = map[string]any{"value": "2"}
	items[5000] = itemsOf(t, list[5000:5001])[0]
	fresh := maps.Clone(memo.sent)
	load := func(places []int) ([]bundle.Entry, error) { return []bundle.Entry{list[places[0]]}, nil }
	got := testing.AllocsPerRun(5, func() {
		memo.sent = maps.Clone(fresh)
		out, _, prepared, ok, err := memo.Prepare(items, load, o)
		if !ok || err != nil || prepared != 1 {
			t.Fatal(prepared, ok, err)
		}
		in.Desired = out
		if p := Compute(in); p.Unchanged != len(list)-1 {
			t.Fatal(p.Unchanged)
		}
	})
	if most := 1000.0; got > most {
		t.Errorf("preparing and planning one changed object of %d allocates %.0f times, more than %.0f", len(list), got, most)
	}
}

func BenchmarkPrepareOneOfTenThousand(b *testing.B) {
	list := manyEntries(10_000)
	items := itemsOf(b, list)
	o := PrepareOptions{Owner: testApp, Namespace: "shop", Scope: scope}
	_, _, memo, err := PrepareAll(list, items, o)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for n := 0; b.Loop(); n++ {
		list[5000].Body["data"] = map[string]any{"value": fmt.Sprint("new ", n)}
		items[5000] = itemsOf(b, list[5000:5001])[0]
		load := func(places []int) ([]bundle.Entry, error) { return []bundle.Entry{list[places[0]]}, nil }
		if _, _, prepared, ok, err := memo.Prepare(items, load, o); !ok || err != nil || prepared > 1 {
			b.Fatal(prepared, ok, err)
		}
	}
}

func BenchmarkPrepareTenThousand(b *testing.B) {
	list := manyEntries(10_000)
	o := PrepareOptions{Owner: testApp, Namespace: "shop", Scope: scope}
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := Prepare(list, o); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkComputeOneOfTenThousand(b *testing.B) {
	desired, _, err := Prepare(manyEntries(10_000), PrepareOptions{Owner: testApp, Namespace: "shop", Scope: scope})
	if err != nil {
		b.Fatal(err)
	}
	in := Input{Mode: Sync, App: testApp, Bundle: "sha256:test", Desired: desired, Live: map[object.ID]Live{}}
	for i, d := range desired {
		l := Live{ID: d.ID, UID: fmt.Sprint(i), Owner: &testApp, Applied: d.Digest, InSync: true}
		if i == 5000 {
			l.Applied = "sha256:old"
		}
		in.Live[d.ID] = l
	}
	b.ReportAllocs()
	for b.Loop() {
		if p := Compute(in); p.Unchanged != len(desired)-1 {
			b.Fatal(p.Unchanged)
		}
	}
}
