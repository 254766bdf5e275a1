package index_test

import (
	"cmp"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"plumb.cd/plumb/internal/filter"
	"plumb.cd/plumb/internal/httpapi"
	"plumb.cd/plumb/internal/index"
)

var everything = index.Scope{All: true}

func parse(t testing.TB, text string) filter.Filter {
	t.Helper()
	f, err := filter.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func keyOf(r httpapi.AppRow) string { return r.Namespace + "/" + r.Name }

func keysOf(rows []httpapi.AppRow) []string {
	out := make([]string, len(rows))
	for i, r := range rows {
		out[i] = keyOf(r)
	}
	return out
}

// pages reads a list to its end.
func pages(t testing.TB, x *index.Index, q index.Query) (rows []httpapi.AppRow, total int) {
	t.Helper()
	for {
		p, err := x.Page(q, now)
		if err != nil {
			t.Fatal(err)
		}
		rows = append(rows, p.Items...)
		if q.Cursor, total = p.Next, p.Total; q.Cursor == "" {
			return rows, total
		}
		if len(p.Items) != q.Limit {
			t.Fatalf("a page of %d that is not the last has %d rows", q.Limit, len(p.Items))
		}
	}
}

// naive is what a list should be: every App looked at, sorted whole.
func naive(apps []index.App, s index.Scope, f filter.Filter, by index.Sort) []string {
	rank := func(state string) int {
		return slices.Index([]string{"Failed", "Degraded", "Drifted", "Deploying", "Waiting", "Paused", "Unknown", "Synced"}, state)
	}
	var rows []httpapi.AppRow
	for _, a := range apps {
		folded := filter.Fold(&a.Row)
		if (s.All || s.Namespaces[a.Row.Namespace]) && f.Match(&folded, now) {
			rows = append(rows, a.Row)
		}
	}
	slices.SortFunc(rows, func(a, b httpapi.AppRow) int {
		name := cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(a.Namespace, b.Namespace))
		switch by {
		case index.ByState:
			return cmp.Or(rank(a.State)-rank(b.State), b.Since.Compare(a.Since), name)
		case index.ByDeployed:
			return cmp.Or(b.DeployedAt.Compare(a.DeployedAt), name)
		case index.ByCluster:
			return cmp.Or(strings.Compare(a.Cluster, b.Cluster), name)
		case index.ByNameDown:
			return -name
		case index.ByName:
		}
		return name
	})
	return keysOf(rows)
}

var sorts = []index.Sort{index.ByState, index.ByName, index.ByNameDown, index.ByDeployed, index.ByCluster}

func drawApp(t *rapid.T) index.App {
	word := func(name string, of ...string) string { return rapid.SampledFrom(of).Draw(t, name) }
	row := httpapi.AppRow{
		Namespace: word("ns", "a", "b", "c"), Name: word("name", "shop", "shop-prod", "bank", "x", "y", "z") + word("suffix", "", "-1", "-2"),
		Cluster: word("cluster", "eu", "us"), Environment: word("env", "", "dev", "prod"), State: word("state", "Failed", "Synced", "Drifted", "Deploying"),
		Sync: "Synced", Health: "Healthy", Since: now.Add(-time.Duration(rapid.IntRange(0, 3).Draw(t, "since")) * time.Hour),
		Message: word("message", "", "it broke", "It is fine"), DeployedAt: now.Add(-time.Duration(rapid.IntRange(0, 2).Draw(t, "deployed")) * time.Hour),
		Source: word("source", "", "git.example.com/Shop/deploy", "git.example.com/shop/deploy-eu", "git.example.com/shop/deploy apps/shop", "charts.example.com deploy"),
	}
	if team := word("team", "", "red", "blue"); team != "" {
		row.Labels = httpapi.Labels{"team": team}
	}
	return index.App{Row: row, Message: row.Message}
}

var someFilters = []string{
	"", "state:failed", "-state:failed", "state:failed,drifted cluster:eu", "team=red", "-team=red", "label:team", "shop", "broke", "-shop state:synced",
	"since:<90m", "since:>90m cluster:*", `environment:""`, "name:shop* namespace:a,b", "cluster:none", "source:deploy", "source:charts.example.com state:synced", "-source:eu", "state:failed cluster:none", "deployed:<30m",
}

func TestAListIsWhatANaiveOneWouldBe(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x, last := index.New("e"), map[string]index.App{}
		for range rapid.IntRange(0, 60).Draw(t, "changes") {
			a := drawApp(t)
			if rapid.IntRange(0, 5).Draw(t, "what") == 0 {
				x.Delete(a.Row.Namespace, a.Row.Name)
				delete(last, keyOf(a.Row))
				continue
			}
			x.Set(a)
			last[keyOf(a.Row)] = a
		}
		var apps []index.App
		for _, a := range last {
			apps = append(apps, a)
		}
		s := rapid.SampledFrom([]index.Scope{everything, {Namespaces: map[string]bool{"a": true}}, {Namespaces: map[string]bool{"b": true, "c": true}}, {}}).Draw(t, "scope")
		text := rapid.SampledFrom(someFilters).Draw(t, "filter")
		f, err := filter.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		q := index.Query{Scope: s, Filter: f, Sort: rapid.SampledFrom(sorts).Draw(t, "sort"), Limit: rapid.IntRange(1, 20).Draw(t, "limit")}
		want := naive(apps, s, f, q.Sort)
		var got []string
		total := 0
		for {
			p, err := x.Page(q, now)
			if err != nil {
				t.Fatal(err)
			}
			got, total = append(got, keysOf(p.Items)...), p.Total
			if q.Cursor = p.Next; q.Cursor == "" {
				break
			}
		}
		if len(want) == 0 {
			want = nil
		}
		if diff := gocmp.Diff(want, got); diff != "" || total != len(want) {
			t.Fatalf("%q by %s: total %d\n%s", text, q.Sort, total, diff)
		}
		checkFacets(t, x, apps, s, f)
		checkWall(t, x, apps, s, f)
	})
}

// checkFacets compares facets with lists that are filtered without the terms on each.
func checkFacets(t *rapid.T, x *index.Index, apps []index.App, s index.Scope, f filter.Filter) {
	got := x.Facets(s, f, now)
	if want := len(naive(apps, s, f, index.ByName)); got.Total != want {
		t.Fatalf("facets: total %d, want %d", got.Total, want)
	}
	for _, facet := range got.Facets {
		sum := 0
		for _, v := range facet.Values {
			sum += v.Count
			text := facet.Key + `:"` + v.Value + `"`
			if label, ok := strings.CutPrefix(facet.Key, "label:"); ok {
				text = label + `="` + v.Value + `"`
			}
			term, err := filter.Parse(text)
			if err != nil {
				t.Fatal(err)
			}
			both := f.Without(facet.Key)
			both.Terms = append(both.Terms, term.Terms...)
			if want := len(naive(apps, s, both, index.ByName)); v.Count != want {
				t.Fatalf("facet %s=%s of %q: %d, want %d", facet.Key, v.Value, f, v.Count, want)
			}
		}
		if want := len(naive(apps, s, f.Without(facet.Key), index.ByName)); !strings.HasPrefix(facet.Key, "label:") && sum != want && facet.Key != "source" {
			t.Fatalf("facet %s of %q: %d in all, want %d", facet.Key, f, sum, want)
		}
	}
}

func TestLabelsThatAreConfiguredAreFacetsFirst(t *testing.T) {
	x := index.New("e", "Team", "cost-center", "nobody-has-it")
	for i := range 200 {
		labels := httpapi.Labels{"cost-center": fmt.Sprint("cc-", i), "tier": []string{"gold", "silver"}[i%2], "build": fmt.Sprint(i)}
		if i < 3 {
			labels["team"] = "red"
		}
		for _, other := range "abcdefg" {
			labels[string(other)] = fmt.Sprint(i % 3)
		}
		x.Set(index.App{Row: httpapi.AppRow{Namespace: "n", Name: fmt.Sprint(i), Labels: labels}})
	}
	labels := func(text string) (out []string) {
		for _, f := range x.Facets(everything, parse(t, text), now).Facets {
			if label, ok := strings.CutPrefix(f.Key, "label:"); ok {
				out = append(out, label)
			}
		}
		return out
	}
	if got := labels(""); !slices.Equal(got, []string{"team", "cost-center", "a", "b", "c", "d"}) {
		t.Errorf("without a filter: %q", got)
	}
	if got := labels("build=7 -cost-center=cc-1"); !slices.Equal(got, []string{"build", "cost-center", "team", "a", "b", "c"}) {
		t.Errorf("what the filter names comes first: %q", got)
	}
	for _, f := range x.Facets(everything, filter.Filter{}, now).Facets {
		if f.Key == "label:cost-center" && (len(f.Values) != 20 || f.More != 180) {
			t.Errorf("%d values, and %d more", len(f.Values), f.More)
		}
	}
}

func TestAppsAreCountedByTheRepositoryThatTheyComeFrom(t *testing.T) {
	x := index.New("e")
	for name, source := range map[string]string{
		"a": "git.example.com/shop/deploy apps/a", "b": "git.example.com/shop/deploy", "c": "git.example.com/shop/deploy-eu apps/c", "d": "", "e": "charts.example.com",
	} {
		x.Set(index.App{Row: httpapi.AppRow{Namespace: "n", Name: name, Source: source}})
	}
	got := x.Facets(everything, parse(t, "source:charts.example.com"), now)
	i := slices.IndexFunc(got.Facets, func(f httpapi.FacetValues) bool { return f.Key == "source" })
	want := []httpapi.FacetCount{
		{Value: "git.example.com/shop/deploy", Count: 3}, // what source:git.example.com/shop/deploy gives
		{Value: "", Count: 1}, {Value: "charts.example.com", Count: 1}, {Value: "git.example.com/shop/deploy-eu", Count: 1},
	}
	if got.Total != 1 || i < 0 || gocmp.Diff(want, got.Facets[i].Values) != "" {
		t.Errorf("%+v", got)
	}
}

func checkWall(t *rapid.T, x *index.Index, apps []index.App, s index.Scope, f filter.Filter) {
	wall := x.Wall(s, f, index.GroupCluster, now)
	want := naive(apps, s, f, index.ByState)
	cells, named := 0, []string{}
	for _, g := range wall.Groups {
		cells += len(g.Cells)
		named = append(named, g.Apps...)
		if len(g.Apps) != len(g.Cells) {
			t.Fatalf("group %s: %d cells, %d names", g.Name, len(g.Cells), len(g.Apps))
		}
	}
	slices.Sort(named)
	slices.Sort(want)
	if wall.Total != len(want) || cells != len(want) || !slices.Equal(named, want) {
		t.Fatalf("the wall has %d of %d: %v", cells, len(want), named)
	}
	for _, c := range wall.Causes {
		cause, err := filter.Parse(c.Filter)
		if err != nil {
			t.Fatal(err)
		}
		both := filter.Filter{Terms: append(slices.Clone(f.Terms), cause.Terms...)}
		p, err := x.Page(index.Query{Scope: s, Filter: both, Sort: index.ByName, Limit: 500}, now)
		if err != nil || p.Total != c.Count {
			t.Fatalf("%s gives %d Apps, the cause has %d (%v)", c.Filter, p.Total, c.Count, err)
		}
	}
}

func TestAPageIsStableWhileOtherAppsChange(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for _, by := range sorts {
		x := fleet(400)
		moved := map[string]bool{}
		q := index.Query{Scope: everything, Sort: by, Limit: 37}
		seen := map[string]int{}
		for {
			p, err := x.Page(q, now)
			if err != nil {
				t.Fatal(err)
			}
			for _, row := range p.Items {
				seen[keyOf(row)]++
			}
			if q.Cursor = p.Next; q.Cursor == "" {
				break
			}
			// The row that the cursor stands at goes, and others change their place.
			last := p.Items[len(p.Items)-1]
			x.Delete(last.Namespace, last.Name)
			moved[keyOf(last)] = true
			for range 5 {
				a := one(r, r.IntN(400))
				a.Row.State, a.Row.Since = "Failed", now
				x.Set(a)
				moved[keyOf(a.Row)] = true
			}
		}
		rows, _ := pages(t, x, index.Query{Scope: everything, Sort: by, Limit: 500})
		for _, row := range rows {
			if n := seen[keyOf(row)]; n != 1 && !moved[keyOf(row)] {
				t.Errorf("by %s: %s was seen %d times", by, keyOf(row), n)
			}
		}
	}
}

func TestACursorOfAnotherListIsRefused(t *testing.T) {
	x := fleet(10)
	first, err := x.Page(index.Query{Scope: everything, Sort: index.ByName, Limit: 3}, now)
	if err != nil || first.Next == "" {
		t.Fatal(first.Next, err)
	}
	for name, q := range map[string]index.Query{
		"another order": {Sort: index.ByState, Cursor: first.Next}, "no base64": {Sort: index.ByName, Cursor: "!"},
		"no JSON": {Sort: index.ByName, Cursor: "AAAA"}, "long": {Sort: index.ByName, Cursor: strings.Repeat("A", 4000)},
	} {
		q.Scope, q.Limit = everything, 3
		var wrong *index.CursorError
		if _, err := x.Page(q, now); !errors.As(err, &wrong) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAnEmptyListSaysWhichTermDoesIt(t *testing.T) {
	x := fleet(200)
	p, err := x.Page(index.Query{Scope: everything, Filter: parse(t, "state:synced cluster:prod-x"), Sort: index.ByName, Limit: 10}, now)
	if err != nil {
		t.Fatal(err)
	}
	if p.Total != 0 || p.Items == nil || p.Hint == nil || p.Hint.Term != "cluster:prod-x" || p.Hint.Without != x.Counts(everything)["Synced"] {
		t.Errorf("%+v", p)
	}
	if p, _ := x.Page(index.Query{Scope: everything, Filter: parse(t, "cluster:a cluster:b"), Sort: index.ByName, Limit: 10}, now); p.Hint != nil {
		t.Errorf("two terms are to blame, and the hint is %v", p.Hint)
	}
}

func TestChangesAreToldOncePerAppWithTheNewestState(t *testing.T) {
	x := index.New("e")
	app := func(name, state string) index.App {
		return index.App{Row: httpapi.AppRow{Namespace: "a", Name: name, State: state, Since: now}}
	}
	x.Set(app("shop", "Synced"))
	x.Set(app("bank", "Synced"))
	from := x.Seq()
	if x.Set(app("shop", "Synced")) || x.Seq() != from {
		t.Error("nothing changed, and it counts as a change")
	}
	x.Set(app("shop", "Deploying"))
	x.Set(app("shop", "Failed"))
	x.Delete("a", "bank")
	x.Delete("a", "bank")
	x.Set(app("new", "Unknown"))
	d, ok := x.Since(from, index.Audience{Scope: everything}, now)
	if !ok || !slices.Equal(keysOf(d.Rows), []string{"a/shop", "a/new"}) || d.Rows[0].State != "Failed" || !slices.Equal(d.Gone, []string{"a/bank"}) || d.Seq != x.Seq() {
		t.Errorf("%v %+v", ok, d)
	}
	if d, ok := x.Since(from, index.Audience{Scope: everything, Filter: parse(t, "state:failed")}, now); !ok || !slices.Equal(keysOf(d.Rows), []string{"a/shop"}) || !slices.Equal(d.Gone, []string{"a/bank", "a/new"}) {
		t.Errorf("filtered: %v %+v", ok, d)
	}
	if d, ok := x.Since(from, index.Audience{Scope: index.Scope{Namespaces: map[string]bool{"b": true}}}, now); !ok || d.Rows != nil || d.Gone != nil {
		t.Errorf("out of sight: %v %+v", ok, d)
	}
	if d, ok := x.Since(x.Seq(), index.Audience{Scope: everything}, now); !ok || d.Rows != nil {
		t.Errorf("nothing since: %v %+v", ok, d)
	}
	if _, ok := x.Since(x.Seq()+1, index.Audience{Scope: everything}, now); ok {
		t.Error("a number of the future is known")
	}
}

func TestDeletedAppsAreRememberedWithinALimit(t *testing.T) {
	x := index.New("e")
	start := x.Seq()
	for i := range 10_050 {
		name := fmt.Sprint(i)
		x.Set(index.App{Row: httpapi.AppRow{Namespace: "a", Name: name}})
		x.Delete("a", name)
	}
	if _, ok := x.Since(start, index.Audience{Scope: everything}, now); ok {
		t.Error("what was forgotten can be told")
	}
	if d, ok := x.Since(x.Seq()-20, index.Audience{Scope: everything}, now); !ok || len(d.Gone) != 10 {
		t.Errorf("the newest: %v %v", ok, d.Gone)
	}
	if n := x.Namespaces(); len(n) != 0 {
		t.Errorf("namespaces %v", n)
	}
}

func TestOneWaitsForTheNextChange(t *testing.T) {
	x := fleet(3)
	wait := x.Changed(x.Seq())
	select {
	case <-wait:
		t.Fatal("nothing changed")
	default:
	}
	x.Delete("team-00", "nobody")
	select {
	case <-wait:
		t.Fatal("nothing was deleted")
	default:
	}
	x.Set(index.App{Row: httpapi.AppRow{Namespace: "a", Name: "b"}})
	<-wait
	<-x.Changed(0)
}

func TestAppsThatSufferFromTheSameAreOneCause(t *testing.T) {
	x := index.New("e")
	set := func(ns, name, state, message string) {
		x.Set(index.App{Row: httpapi.AppRow{Namespace: ns, Name: name, State: state, Reason: "R", Since: now}, Message: message})
	}
	set("a", "shop", "Failed", "Deployment.apps/a/shop is Degraded: registry.example.com cannot be reached after 12 tries")
	set("b", "bank", "Failed", "Deployment.apps/b/bank is Degraded: registry.example.com cannot be reached after 7 tries")
	set("b", "mint", "Failed", "Deployment.apps/b/mint is Degraded: mirror.example.com cannot be reached after 7 tries")
	set("b", "vault", "Degraded", "Deployment.apps/b/vault is Degraded: registry.example.com cannot be reached after 7 tries")
	set("c", "x", "Synced", "same")
	set("c", "y", "Synced", "same")
	set("d", "one", "Degraded", "apps/one/kustomization.yaml:14: one is no field of 9f2c1ab")
	set("d", "two", "Degraded", "apps/two/kustomization.yaml:4: two is no field of 00112233")
	wall := x.Wall(everything, filter.Filter{}, index.GroupNamespace, now)
	if len(wall.Causes) != 2 {
		t.Fatalf("%+v", wall.Causes)
	}
	first, second := wall.Causes[0], wall.Causes[1]
	if first.Count != 2 || !slices.Equal(first.Apps, []string{"a/shop", "b/bank"}) || first.Message != "Deployment … is Degraded: registry.example.com cannot be reached after # tries" {
		t.Errorf("%+v", first)
	}
	if second.Message != "…: … is no field of …" || second.Count != 2 {
		t.Errorf("%+v", second)
	}
	rows, _ := pages(t, x, index.Query{Scope: everything, Filter: parse(t, first.Filter), Sort: index.ByName, Limit: 10})
	if !slices.Equal(keysOf(rows), []string{"b/bank", "a/shop"}) {
		t.Errorf("%v", keysOf(rows))
	}
	if wall.Groups[0].Name != "a" || wall.Groups[1].Cells != "FFG" || !slices.Equal(wall.Groups[1].Apps, []string{"b/bank", "b/mint", "b/vault"}) {
		t.Errorf("%+v", wall.Groups)
	}
}

func TestSearchPutsTheBestFirst(t *testing.T) {
	x := index.New("e")
	for _, a := range []struct{ name, state string }{
		{"pay", "Synced"}, {"payments", "Synced"}, {"payments-eu", "Failed"}, {"shop-pay", "Synced"}, {"repay", "Synced"}, {"p-a-y", "Synced"}, {"bank", "Synced"},
	} {
		x.Set(index.App{Row: httpapi.AppRow{Namespace: "a", Name: a.name, State: a.state}})
	}
	var got []string
	for _, f := range x.Search(everything, " PAY ", 10) {
		got = append(got, f.Row.Name)
	}
	if want := []string{"pay", "payments-eu", "payments", "shop-pay", "repay", "p-a-y"}; !slices.Equal(got, want) {
		t.Errorf("%v", got)
	}
	if found := x.Search(everything, "pay", 2); len(found) != 2 || found[0].Row.Name != "pay" {
		t.Errorf("%v", found)
	}
	if found := x.Search(everything, "a/ban", 2); len(found) != 1 {
		t.Errorf("with a namespace: %v", found)
	}
	if found := x.Search(index.Scope{}, "pay", 2); found != nil {
		t.Errorf("out of sight: %v", found)
	}
}
