package server_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"plumb.cd/plumb/internal/engine"
	"plumb.cd/plumb/internal/httpapi"
)

// bare is a page whose rows nobody has put into a shape.
type bare struct {
	httpapi.AppPage
	Items []map[string]json.RawMessage `json:"items"`
}

func TestARowHasTheFieldsThatWereAskedForAndSaysWhichAppItIs(t *testing.T) {
	d, f := fleetDesk(t, 30)
	f.put(engine.Snapshot{Key: engine.Key{Namespace: "team-01", Name: "bare"}, State: engine.StateSynced}, engine.RowFacts{})
	whole := read[bare](d, "zoe", "apps?sort=name")
	for fields, want := range map[string][]string{
		"state":                   {"namespace", "name", "state"},
		"name":                    {"namespace", "name"},
		"commit,state,since":      {"namespace", "name", "state", "since", "commit"},
		"images,labels,drifted":   {"namespace", "name", "labels", "images", "drifted"},
		"deployedAt,source,state": {"namespace", "name", "deployedAt", "source", "state"},
	} {
		part := read[bare](d, "zoe", "apps?sort=name&fields="+fields)
		if len(part.Items) != len(whole.Items) || part.Total != whole.Total || part.Epoch != whole.Epoch || part.Seq != whole.Seq || part.Next != whole.Next {
			t.Errorf("%s: the page is another one: %+v", fields, part)
		}
		for i, row := range part.Items {
			left := maps.Clone(whole.Items[i]) // nothing is written of a field that has no value, as in a whole row
			maps.DeleteFunc(left, func(k string, _ json.RawMessage) bool { return !slices.Contains(want, k) })
			if !maps.EqualFunc(row, left, func(a, b json.RawMessage) bool { return string(a) == string(b) }) {
				t.Errorf("%s: %s, want %s", fields, row, left)
			}
		}
	}
}

func TestEveryFieldOfARowCanBeAskedFor(t *testing.T) {
	d, f := fleetDesk(t, 0)
	snap, facts := engine.Snapshot{Key: engine.Key{Namespace: "team-01", Name: "shop"}, State: engine.StateDrifted}, engine.RowFacts{}
	snap.Reason, snap.Message, snap.Counts.Drifted, snap.Since = "Drifted", "one differs", 1, now
	facts.Cluster, facts.URL, facts.Images, facts.Deployed = "c", "https://git.example.com/a/b.git", []string{"web:1"}, now
	facts.Labels, facts.Commit = map[string]string{"env": "prod"}, &engine.CommitView{SHA: "0123456789"}
	f.put(snap, facts)
	row := read[bare](d, "zoe", "apps").Items[0]
	for name := range row {
		if got := read[bare](d, "zoe", "apps?fields="+name).Items[0]; string(got[name]) != string(row[name]) {
			t.Errorf("%s: %s", name, got)
		}
	}
	all := strings.Join(slices.Collect(maps.Keys(row)), ",")
	_, part := d.call("zoe", http.MethodGet, "/api/v1/apps?fields="+all, "")
	if _, whole := d.call("zoe", http.MethodGet, "/api/v1/apps", ""); part != whole || len(row) != 18 {
		t.Errorf("with all %d fields\n%s\nand without a choice\n%s", len(row), part, whole)
	}
}

func TestAPageOfFewFieldsIsSmall(t *testing.T) {
	d, _ := fleetDesk(t, 2_000)
	whole, part := d.sent(t, "zoe", "apps?limit=500&sort=name"), d.sent(t, "zoe", "apps?limit=500&sort=name&fields=state,since")
	t.Logf("500 rows: %d bytes; of state and since: %d bytes", whole, part)
	if part*3 > whole {
		t.Errorf("%d bytes, and %d with two fields", whole, part)
	}
}
