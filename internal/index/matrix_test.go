package index_test

import (
	"fmt"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"plumb.cd/plumb/internal/httpapi"
	"plumb.cd/plumb/internal/index"
)

// matrixFleet has 25 components in three environments; of the first, six Apps run in prod.
func matrixFleet() *index.Index {
	x := index.New("e")
	set := func(component, environment, cluster, state string) {
		x.Set(index.App{Row: httpapi.AppRow{
			Namespace: "shop", Name: component + "-" + environment + "-" + cluster, Component: component, Environment: environment, Cluster: cluster, State: state,
		}})
	}
	for i := range 25 {
		for _, environment := range []string{"dev", "staging", "prod"} {
			set(fmt.Sprintf("c-%02d", i), environment, "eu", "Synced")
		}
	}
	for i := range 5 {
		set("c-00", "prod", fmt.Sprintf("edge-%d", i), map[bool]string{true: "Failed", false: "Synced"}[i == 3])
	}
	x.Set(index.App{Row: httpapi.AppRow{Namespace: "shop", Name: "alone", State: "Synced"}})
	return x
}

func TestAMatrixIsReadByComponents(t *testing.T) {
	x := matrixFleet()
	q := index.MatrixQuery{Scope: everything, Limit: 10}
	var names []string
	for range 10 {
		m := x.Matrix(q, now)
		if m.Total != 26 || m.Apps != 81 {
			t.Fatalf("%d components of %d Apps, want 26 of 81", m.Total, m.Apps)
		}
		for _, r := range m.Items {
			names = append(names, r.Component)
		}
		if q.Cursor = m.Next; q.Cursor == "" {
			break
		}
	}
	want := []string{"alone"}
	for i := range 25 {
		want = append(want, fmt.Sprintf("c-%02d", i))
	}
	if d := gocmp.Diff(want, names); d != "" {
		t.Errorf("components, -want +got:\n%s", d)
	}
}

func TestACellOfAMatrixShowsTheWorstAndCountsTheRest(t *testing.T) {
	m := matrixFleet().Matrix(index.MatrixQuery{Scope: everything, Filter: parse(t, "component:c-00"), Limit: 10}, now)
	if len(m.Items) != 1 || m.Items[0].Apps != 8 {
		t.Fatalf("rows: %+v", m.Items)
	}
	var got []string
	for _, c := range m.Items[0].Cells {
		got = append(got, fmt.Sprintf("%s %d of %d, first %s", c.Environment, len(c.Apps), c.Count, c.Apps[0].State))
	}
	want := []string{"dev 1 of 1, first Synced", "prod 4 of 6, first Failed", "staging 1 of 1, first Synced"}
	if d := gocmp.Diff(want, got); d != "" {
		t.Errorf("cells, -want +got:\n%s", d)
	}
	environments := []httpapi.FacetCount{{Value: "prod", Count: 6}, {Value: "dev", Count: 1}, {Value: "staging", Count: 1}}
	if d := gocmp.Diff(environments, m.Environments); d != "" {
		t.Errorf("environments, -want +got:\n%s", d)
	}
}

func TestAMatrixShowsNothingThatItsReaderMayNotSee(t *testing.T) {
	m := matrixFleet().Matrix(index.MatrixQuery{Scope: index.Scope{Namespaces: map[string]bool{"other": true}}, Limit: 10}, now)
	if m.Apps != 0 || m.Total != 0 || len(m.Items) != 0 || len(m.Environments) != 0 {
		t.Errorf("%+v", m)
	}
}

func TestAnEmptyMatrixSaysWhichTermDoesIt(t *testing.T) {
	m := matrixFleet().Matrix(index.MatrixQuery{Scope: everything, Filter: parse(t, "cluster:nowhere"), Limit: 10}, now)
	if m.Hint == nil || m.Hint.Term != "cluster:nowhere" || m.Hint.Without != 81 {
		t.Errorf("hint %+v", m.Hint)
	}
}

func BenchmarkMatrixOfManyApps(b *testing.B) {
	x := index.New("e")
	for i := range 10_000 {
		x.Set(index.App{Row: httpapi.AppRow{Namespace: "n", Name: fmt.Sprintf("a-%d", i), Component: fmt.Sprintf("c-%d", i/3), Environment: fmt.Sprint(i % 3), State: "Synced", Since: time.Unix(int64(i), 0)}})
	}
	for b.Loop() {
		x.Matrix(index.MatrixQuery{Scope: everything, Limit: 100}, now)
	}
}
