package convert

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/yaml"

	"plumb.cd/plumb/api/v1alpha1"
	"plumb.cd/plumb/internal/bundle"
	"plumb.cd/plumb/internal/chart"
	"plumb.cd/plumb/internal/drift"
	"plumb.cd/plumb/internal/engine"
	"plumb.cd/plumb/internal/fault"
	"plumb.cd/plumb/internal/git"
	"plumb.cd/plumb/internal/health"
	"plumb.cd/plumb/internal/object"
	"plumb.cd/plumb/internal/plan"
	"plumb.cd/plumb/internal/render"
)

func parse(t *testing.T, text string) *v1alpha1.App {
	t.Helper()
	app := &v1alpha1.App{ObjectMeta: metav1.ObjectMeta{Namespace: "apps", Name: "shop", UID: "u1", Generation: 7}}
	if err := yaml.UnmarshalStrict([]byte(text), app); err != nil {
		t.Fatal(err)
	}
	return app
}

// base is what the smallest App gives.
func base() engine.App {
	return engine.App{
		Key: engine.Key{Namespace: "apps", Name: "shop"}, UID: "u1", Generation: 7, Cluster: "in-cluster", Mode: engine.Auto, Heal: true,
		Policy:  plan.Policy{Prune: true},
		Sources: []engine.Source{{Repository: "main", Render: render.Request{Path: ".", Helm: render.HelmOptions{ReleaseName: "shop"}}}},
	}
}

func TestApp(t *testing.T) {
	key := engine.Key{Namespace: "apps", Name: "base"}
	tests := map[string]struct {
		in   string
		want func(*engine.App)
	}{
		"the smallest App prunes and heals by itself, in the cluster of the daemon": {
			`spec: {source: {repository: main}}`, func(*engine.App) {},
		},
		"what is switched off stays off": {
			`spec: {source: {repository: main}, sync: {mode: Manual, prune: false, heal: false}}`,
			func(a *engine.App) { a.Mode, a.Policy.Prune, a.Heal = engine.Manual, false, false },
		},
		"sync options become the policy": {
			`spec: {source: {repository: main}, sync: {adopt: true, replace: true, force: true, skipIfExists: true, createNamespace: true,
			  applyUnchanged: true, allowEmpty: true, pruneLimit: 25%, deadline: 1h, waveDeadline: 2m, hookDeadline: 90s}}`,
			func(a *engine.App) {
				a.Deadline = time.Hour
				a.Policy = plan.Policy{
					Prune: true, AdoptForeign: true, Replace: true, Force: true, SkipIfExists: true, CreateNamespace: true,
					ApplyUnchanged: true, AllowEmpty: true, PruneLimit: 0.25, WaveDeadline: 2 * time.Minute, HookDeadline: 90 * time.Second,
				}
			},
		},
		"options of a renderer choose it": {
			`spec: {source: {url: "https://example.com/r.git", path: /charts/web/, ref: {branch: main}, helm: {valuesFiles: [a.yaml], values: {replicas: 1000000, ratio: 0.5}}}}`,
			func(a *engine.App) {
				a.Sources = []engine.Source{{
					URL: "https://example.com/r.git", Ref: git.Ref{Branch: "main"},
					Render: render.Request{Kind: render.Helm, Path: "charts/web", Helm: render.HelmOptions{
						ReleaseName: "shop", ValuesFiles: []string{"a.yaml"}, Values: map[string]any{"replicas": int64(1000000), "ratio": 0.5},
					}},
				}}
			},
		},
		"a chart is rendered by Helm": {
			`spec: {source: {repository: charts, chart: {name: web, version: 1.x}, helm: {releaseName: other}}}`,
			func(a *engine.App) {
				a.Sources = []engine.Source{{
					Repository: "charts", Chart: &chart.Reference{Name: "web", Version: "1.x"},
					Render: render.Request{Kind: render.Helm, Path: ".", Helm: render.HelmOptions{ReleaseName: "other"}},
				}}
			},
		},
		"several sources, one of values": {
			`spec: {sources: [{name: app, repository: main, path: ./a/b}, {name: values, repository: config, valuesOnly: true, ref: {semver: ">=1 <2"}}]}`,
			func(a *engine.App) {
				a.Sources = []engine.Source{
					{Name: "app", Repository: "main", Render: render.Request{Path: "a/b", Helm: render.HelmOptions{ReleaseName: "shop"}}},
					{Name: "values", Repository: "config", ValuesOnly: true, Ref: git.Ref{Semver: ">=1 <2"}, Render: render.Request{Path: ".", Helm: render.HelmOptions{ReleaseName: "shop"}}},
				}
			},
		},
		"dependencies on an App beside it and on an object elsewhere": {
			`spec: {source: {repository: main}, dependsOn: [{app: {name: base}}, {object: {apiVersion: apps/v1, kind: Deployment, name: db, namespace: data, cluster: east}}]}`,
			func(a *engine.App) {
				a.DependsOn = []engine.Dependency{
					{App: &key},
					{
						Cluster: "east", Object: &object.ID{Group: "apps", Kind: "Deployment", Namespace: "data", Name: "db"},
						Kind: schema.GroupVersionKind{Group: "apps", Version: "v1", Kind: "Deployment"},
					},
				}
			},
		},
		"health, ignore, substitute, metadata, rollback, suspend, orphan": {
			`spec:
  source: {repository: main}
  destination: {cluster: east, namespace: shop}
  health: [{group: x.io, kind: Thing, cel: {healthy: "true", degraded: "false"}}, {kind: Z, lua: "return {}"}]
  ignore: [{group: apps, kind: Deployment, pointers: [/spec/replicas], managers: [hpa]}]
  substitute: {vars: {A: b}}
  commonMetadata: {labels: {l: "1"}, annotations: {a: "2"}}
  rollbackOnFailure: true
  suspend: true
  deletion: Orphan`,
			func(a *engine.App) {
				a.Cluster, a.Namespace = "east", "shop"
				a.Health = []health.Rule{{Group: "x.io", Kind: "Thing", CEL: &health.CELRule{Current: "true", Failed: "false"}}, {Kind: "Z", Lua: "return {}"}}
				a.Ignore = []drift.Ignore{{Group: "apps", Kind: "Deployment", Pointers: []string{"/spec/replicas"}, Managers: []string{"hpa"}}}
				a.Substitute = map[string]string{"A": "b"}
				a.Labels, a.Annotations = map[string]string{"l": "1"}, map[string]string{"a": "2"}
				a.RollbackOnFailure, a.Suspend, a.Orphan = true, true, true
			},
		},
		"a hold": {
			`spec: {source: {repository: main}, hold: {revision: 1a2b3c4, owner: ann, reason: why, until: "2026-01-31T18:00:00Z"}}`,
			func(a *engine.App) {
				a.Hold = &engine.Hold{Revision: "1a2b3c4", Owner: "ann", Reason: "why", Until: time.Date(2026, 1, 31, 18, 0, 0, 0, time.UTC)}
			},
		},
		"what annotations ask for": {
			`{metadata: {annotations: {plumb.cd/refresh: r1, plumb.cd/cancel: c1, plumb.cd/sync-request: '{"id":"7","actor":"ann","only":["Deployment.apps/shop/web"],"at":"2026-01-31T18:00:00Z"}'}}, spec: {source: {repository: main}}}`,
			func(a *engine.App) {
				a.Refresh, a.Cancel = "r1", "c1"
				a.Request = &engine.Request{
					ID: "7", Actor: "ann", Only: []object.ID{{Group: "apps", Kind: "Deployment", Namespace: "shop", Name: "web"}},
					At: time.Date(2026, 1, 31, 18, 0, 0, 0, time.UTC),
				}
			},
		},
		"what the status remembers": {
			`{spec: {source: {repository: main}}, status: {memory: {lastRequest: "6", targets: [{cluster: east, version: v1, kind: Pod}]}}}`,
			func(a *engine.App) {
				a.Memory = engine.Memory{LastRequest: "6", Targets: []engine.TargetUse{{Cluster: "east", Version: "v1", Kind: "Pod"}}}
			},
		},
		"a deletion": {
			`{metadata: {deletionTimestamp: "2026-01-31T18:00:00Z"}, spec: {source: {repository: main}}}`,
			func(a *engine.App) { a.Deleting = true },
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			want := base()
			tt.want(&want)
			in := parse(t, tt.in)
			in.Namespace, in.Name, in.UID, in.Generation = "apps", "shop", "u1", 7
			if d := cmp.Diff(want, App(in), cmpopts.EquateEmpty()); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestAppThatCannotBeConvertedNamesTheField(t *testing.T) {
	const ok = "repository: main"
	tests := map[string]struct{ in, where string }{
		"no source":                      {`spec: {}`, "spec.source"},
		"source and sources":             {`spec: {source: {repository: a}, sources: [{repository: b}]}`, "spec.source"},
		"neither repository nor url":     {`spec: {source: {path: x}}`, "spec.source"},
		"repository and url":             {`spec: {sources: [{repository: a, url: b}]}`, "spec.sources[0]"},
		"two sources without names":      {`spec: {sources: [{repository: a}, {repository: b}]}`, "spec.sources[0].name"},
		"two sources of one name":        {`spec: {sources: [{name: x, repository: a}, {name: x, repository: b}]}`, "spec.sources[1].name"},
		"nothing to render":              {`spec: {source: {repository: a, name: x, valuesOnly: true}}`, "spec.source.valuesOnly"},
		"a bad range":                    {`spec: {source: {repository: a, ref: {semver: "one"}}}`, "spec.source.ref"},
		"a bad branch":                   {`spec: {source: {repository: a, ref: {branch: "a..b"}}}`, "spec.source.ref"},
		"a chart with a path":            {`spec: {source: {repository: a, path: x, chart: {version: "1"}}}`, "spec.source.chart"},
		"options of another renderer":    {`spec: {source: {repository: a, renderer: Plain, helm: {}}}`, "spec.source.helm"},
		"options of two renderers":       {`spec: {source: {repository: a, plain: {}, cue: {}}}`, "spec.source.cue"},
		"helm values that are no object": {`spec: {source: {repository: a, helm: {values: [1]}}}`, "spec.source.helm.values"},
		"a bad deadline":                 {`spec: {source: {` + ok + `}, sync: {deadline: soon}}`, "spec.sync.deadline"},
		"a negative deadline":            {`spec: {source: {` + ok + `}, sync: {waveDeadline: -5m}}`, "spec.sync.waveDeadline"},
		"a bad share":                    {`spec: {source: {` + ok + `}, sync: {pruneLimit: "101%"}}`, "spec.sync.pruneLimit"},
		"a dependency on nothing":        {`spec: {source: {` + ok + `}, dependsOn: [{}]}`, "spec.dependsOn[0]"},
		"a dependency on itself":         {`spec: {source: {` + ok + `}, dependsOn: [{app: {name: shop}}]}`, "spec.dependsOn[0]"},
		"a hold on nothing":              {`spec: {source: {` + ok + `}, hold: {owner: a}}`, "spec.hold"},
		"a hold until never":             {`spec: {source: {` + ok + `}, hold: {revision: 1a2b3c4, until: "2026-13-01T00:00:00Z"}}`, "spec.hold.until"},
		"a request that is no JSON":      {`{metadata: {annotations: {plumb.cd/sync-request: now}}, spec: {source: {` + ok + `}}}`, "metadata.annotations[plumb.cd/sync-request]"},
		"a request without id":           {`{metadata: {annotations: {plumb.cd/sync-request: '{}'}}, spec: {source: {` + ok + `}}}`, "metadata.annotations[plumb.cd/sync-request]"},
		"a memory that cannot be read":   {`{spec: {source: {` + ok + `}}, status: {memory: {targets: 1}}}`, "status.memory"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			app := &v1alpha1.App{}
			if err := yaml.UnmarshalStrict([]byte(tt.in), app); err != nil {
				t.Fatal(err)
			}
			app.Namespace, app.Name = "apps", "shop"
			f := fault.Of(App(app).Err)
			if f == nil || f.Where != tt.where || f.Reason != fault.InvalidSpec || f.Class != fault.Invalid {
				t.Errorf("Err = %#v, want one at %s", f, tt.where)
			}
		})
	}
}

func TestRequestAnnotationReadsBack(t *testing.T) {
	want := engine.Request{
		ID: "42", Actor: "ann <a@b>", Plan: "sha256:00", All: true, At: time.Date(2026, 1, 31, 18, 0, 0, 0, time.UTC),
		Only: []object.ID{{Kind: "ConfigMap", Namespace: "a", Name: "b"}},
	}
	value, err := RequestAnnotation(want)
	if err != nil {
		t.Fatal(err)
	}
	got, err := request(value)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(&want, got); d != "" {
		t.Error(d)
	}
	raw, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	if got, err = request(string(raw)); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(&want, got); d != "" {
		t.Errorf("the engine's own form: %s", d)
	}
	if _, err := RequestAnnotation(engine.Request{}); err == nil {
		t.Error("a request without ID was written")
	}
}

func TestMemoryReadsBack(t *testing.T) {
	at := func(bundle string, revisions ...bundle.Revision) *engine.Deployed {
		return &engine.Deployed{Bundle: object.Digest(bundle), Revisions: revisions, At: time.Unix(1000, 5).UTC()}
	}
	one, two := bundle.Revision{URL: "https://example.test/a.git", Commit: "1"}, bundle.Revision{URL: "https://example.test/a.git", Commit: "2"}
	attempt := &engine.Attempt{ID: "a1", Mode: plan.Sync, Bundle: "sha256:1", Revisions: []bundle.Revision{one}, Started: time.Unix(1000, 5).UTC(), Hooks: map[string]string{"h": "Started"}}
	for name, want := range map[string]engine.Memory{
		"an attempt":                        {Attempt: attempt, Charts: []chart.Locked{{Name: "web"}}},
		"all of one bundle":                 {Attempt: attempt, Applied: at("sha256:1", one), Healthy: at("sha256:1", one)},
		"the same bundle of another commit": {Attempt: attempt, Applied: at("sha256:1", two), Healthy: at("sha256:1", one)},
		"another bundle was healthy":        {Attempt: attempt, Applied: at("sha256:1", one), Healthy: at("sha256:2", two)},
		"nothing was healthy":               {Applied: at("sha256:2", one)},
	} {
		before, _ := json.Marshal(want)
		raw, err := Memory(want)
		if err != nil {
			t.Fatal(err)
		}
		if after, _ := json.Marshal(want); string(after) != string(before) {
			t.Errorf("%s: it was changed to %s", name, after)
		}
		got, err := memory(&v1alpha1.App{Status: v1alpha1.AppStatus{Memory: &runtime.RawExtension{Raw: raw}}})
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
	all := engine.Memory{Attempt: attempt, Applied: at("sha256:1", one), Healthy: at("sha256:1", one)}
	if raw, err := Memory(all); err != nil || strings.Count(string(raw), one.URL) != 1 {
		t.Errorf("the revisions are stored more than once: %s, %v", raw, err)
	}
}
