package engine

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"plumb.cd/plumb/internal/bundle"
	"plumb.cd/plumb/internal/health"
	"plumb.cd/plumb/internal/object"
	"plumb.cd/plumb/internal/plan"
	"plumb.cd/plumb/internal/render"
)

// forest grows nodes written as "parent>Kind/name level"; a parent is "Kind/name" or empty.
func forest(expand []string, depth int, lines ...string) []string {
	g := grower{below: map[string][]*GraphNode{}, expand: expand}
	for _, l := range lines {
		head, level, _ := strings.Cut(l, " ")
		parent, id, _ := strings.Cut(head, ">")
		kind, name, _ := strings.Cut(id, "/")
		n := &GraphNode{ID: id, Parent: parent, Object: object.ID{Kind: kind, Name: name}, Health: health.Status{Level: health.Level(level)}, Ours: parent == "", InSync: true}
		g.add(n)
	}
	g.emit("", 1, depth)
	var out []string
	for _, n := range g.out {
		text := n.ID
		if n.Folded > 0 {
			text += fmt.Sprintf(" ×%d", n.Folded)
		}
		if n.Children > 0 {
			text += fmt.Sprintf(" +%d", n.Children)
		}
		out = append(out, text)
	}
	return out
}

func many(n int, format string) []string {
	var out []string
	for i := range n {
		out = append(out, fmt.Sprintf(format, i))
	}
	return out
}

func TestAForestShowsTheWayToWhatIsWrongAndFoldsTheRest(t *testing.T) {
	tests := map[string]struct {
		lines  []string
		expand []string
		depth  int
		want   []string
	}{
		"the worst comes first, by what is below it": {
			lines: []string{">Deployment/a Healthy", "Deployment/a>Pod/a1 Healthy", ">Deployment/b Healthy", "Deployment/b>Pod/b1 Degraded", ">Service/c Healthy"},
			want:  []string{"Deployment/b", "Pod/b1", "Deployment/a", "Pod/a1", "Service/c"},
		},
		"twenty siblings that are well stay as they are": {lines: many(20, ">ConfigMap/%02d Healthy"), want: many(20, "ConfigMap/%02d")},
		"more of them are one node":                      {lines: many(21, ">ConfigMap/%02d Healthy"), want: []string{"fold::ConfigMap ×21"}},
		"that can be opened": {
			lines: many(21, ">ConfigMap/%02d Healthy"), expand: []string{"fold::ConfigMap"}, want: many(21, "ConfigMap/%02d"),
		},
		"what is not well is not folded with them": {
			lines: append(many(21, ">Pod/%02d Healthy"), ">Pod/x Degraded"), want: []string{"Pod/x", "fold::Pod ×21"},
		},
		"many that are not well are one node too": {lines: many(51, ">Pod/%02d Degraded"), want: []string{"fold::Pod:Degraded: ×51"}},
		"who has something wrong below is not folded": {
			lines: append(many(22, ">Deployment/%02d Healthy"), "Deployment/07>Pod/p Degraded"), want: []string{"Deployment/07", "Pod/p", "fold::Deployment ×21"},
		},
		"a folded node tells how much is below it": {
			lines: append(many(21, ">Deployment/%02d Healthy"), many(21, "Deployment/%02d>Pod/%[1]d Healthy")...), want: []string{"fold::Deployment ×21 +21"},
		},
		"so does one at the depth that was asked for": {
			lines: []string{">Deployment/a Healthy", "Deployment/a>ReplicaSet/r Healthy", "ReplicaSet/r>Pod/p Healthy"}, depth: 1, want: []string{"Deployment/a +2"},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if d := cmp.Diff(tt.want, forest(tt.expand, tt.depth, tt.lines...)); d != "" {
				t.Error(d)
			}
			slices.Reverse(tt.lines)
			if d := cmp.Diff(tt.want, forest(tt.expand, tt.depth, tt.lines...)); d != "" {
				t.Errorf("in another order: %s", d)
			}
		})
	}
}

func TestImagesAreToldFromTheirTags(t *testing.T) {
	for image, want := range map[string][2]string{
		"nginx":                                 {"nginx", "latest"},
		"nginx:1.25":                            {"nginx", "1.25"},
		"registry.example.com:5000/shop/web":    {"registry.example.com:5000/shop/web", "latest"},
		"registry.example.com:5000/shop/web:v2": {"registry.example.com:5000/shop/web", "v2"},
		"shop/web:v2@sha256:0123":               {"shop/web", "sha256:0123"},
	} {
		if name, tag := splitImage(image); name != want[0] || tag != want[1] {
			t.Errorf("%s: %s and %s", image, name, tag)
		}
	}
}

func TestADeploymentIsLiveUntilAnotherOneSucceeds(t *testing.T) {
	at := func(m int) time.Time { return testNow.Add(time.Duration(m) * time.Minute) }
	list := []DeploymentView{ // the newest first
		{ID: "e", Outcome: runningOutcome, Started: at(50)},
		{ID: "d", Outcome: outcomeOK, Ended: at(40), Bundle: "sha256:d"},
		{ID: "c", Outcome: outcomeFailed, Ended: at(30), Bundle: "sha256:c"},
		{ID: "b", Outcome: outcomeOK, Ended: at(20), Bundle: "sha256:b"},
		{ID: "a", Outcome: outcomeFailed, Ended: at(10), Bundle: "sha256:a"},
	}
	relate(list)
	var got []string
	for _, v := range list {
		got = append(got, fmt.Sprint(v.ID, " ", v.Before.Short(), " ", v.LiveUntil.Format("15:04")))
	}
	want := []string{"e sha256:d 00:00", "d sha256:b 00:00", "c sha256:b 00:00", "b  12:40", "a  00:00"}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestTheInputsOfAnAppAreItsDirectoryAndWhatItReadsElsewhere(t *testing.T) {
	source := func(path string) Source { return Source{Render: render.Request{Path: path}} }
	rev := bundle.Revision{URL: "u", Tree: "t"}
	for name, tt := range map[string]struct {
		sources []Source
		want    []string
	}{
		"a directory":                    {[]Source{source("./apps/shop/")}, []string{"apps/shop"}},
		"the whole repository":           {[]Source{source(".")}, []string{"."}},
		"two directories":                {[]Source{source("b"), source("a")}, []string{"a", "b"}},
		"values of another source alone": {[]Source{{ValuesOnly: true}}, []string{"."}},
	} {
		r := rendered{}
		for range tt.sources {
			r.revs = append(r.revs, rev)
		}
		if d := cmp.Diff(tt.want, inputPaths(App{Sources: tt.sources}, r, rev)); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
}

func TestWhatAStepDoesIsSaidInTheWordsOfTheAPI(t *testing.T) {
	volume := object.ID{Kind: "PersistentVolumeClaim", Namespace: "a", Name: "disk"}
	p := plan.Plan{
		Groups: []plan.Group{{Phase: plan.Main, Wave: 2, Steps: []plan.Step{
			{Action: plan.Create, ID: testWeb, Why: "new"}, {Action: plan.Adopt, ID: testWeb}, {Action: plan.Recreate, ID: testWeb}, {Action: plan.Prune, ID: volume},
			{Action: plan.Orphan, ID: volume},
		}}},
		Kept: []plan.Keep{{ID: volume, Why: "it is annotated"}, {ID: testWeb, Extraneous: true}},
	}
	var got []string
	for _, v := range stepViews(p) {
		got = append(got, strings.TrimSpace(v.Action+" "+v.Object.Kind+" "+string(v.Risk)))
	}
	want := []string{
		"create Deployment", "adopt Deployment", "replace Deployment delete", "delete PersistentVolumeClaim data", "keep PersistentVolumeClaim",
		"keep PersistentVolumeClaim",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]object.ID{testWeb, volume}, deletions(p)); d != "" {
		t.Error(d)
	}
}
