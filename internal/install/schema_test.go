package install

import (
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"plumb.cd/plumb/internal/cptest"
)

// TestBadSpecsAreRefused holds what the API server itself keeps out, with the words that people get to see.
func TestBadSpecsAreRefused(t *testing.T) {
	const source = "source: {repository: main}"
	tests := map[string]struct{ kind, spec, want string }{
		"no source":                       {"App", `{}`, "give either source or sources"},
		"source and sources":              {"App", `{source: {repository: a}, sources: [{repository: b}]}`, "give either source or sources"},
		"no sources":                      {"App", `{sources: []}`, "at least 1 items"},
		"neither repository nor url":      {"App", `{source: {path: x}}`, "give either repository"},
		"repository and url":              {"App", `{source: {repository: a, url: b}}`, "give either repository"},
		"two refs":                        {"App", `{source: {repository: a, ref: {branch: a, tag: b}}}`, "exactly one of branch, tag"},
		"no ref at all":                   {"App", `{source: {repository: a, ref: {}}}`, "exactly one of branch, tag"},
		"a commit that is none":           {"App", `{source: {repository: a, ref: {commit: main}}}`, "spec.source.ref.commit"},
		"a path out of the repository":    {"App", `{source: {repository: a, path: a/../../b}}`, "may not leave the repository"},
		"a chart with a path":             {"App", `{source: {repository: a, path: x, chart: {version: "1"}}}`, "neither ref nor path"},
		"a chart without a version":       {"App", `{source: {repository: a, chart: {name: x}}}`, "spec.source.chart.version: Required"},
		"a chart rendered by Kustomize":   {"App", `{source: {repository: a, renderer: Kustomize, chart: {version: "1"}}}`, "rendered by Helm"},
		"an unknown renderer":             {"App", `{source: {repository: a, renderer: Ytt}}`, "Unsupported value"},
		"options of two renderers":        {"App", `{source: {repository: a, plain: {}, helm: {}}}`, "one renderer only"},
		"options of another renderer":     {"App", `{source: {repository: a, renderer: CUE, helm: {}}}`, "those of another renderer"},
		"values alone":                    {"App", `{sources: [{name: a, repository: a, valuesOnly: true}]}`, "at least one source must be rendered"},
		"values with a renderer":          {"App", `{sources: [{name: a, repository: a, valuesOnly: true, helm: {}}, {name: b, repository: b}]}`, "takes no renderer"},
		"sources of one name":             {"App", `{sources: [{name: a, repository: a}, {name: a, repository: b}]}`, "a name of its own"},
		"sources without names":           {"App", `{sources: [{repository: a}, {repository: b}]}`, "a name of its own"},
		"helm values that are a list":     {"App", `{source: {repository: a, helm: {values: []}}}`, "must be of type object"},
		"an unknown mode":                 {"App", `{` + source + `, sync: {mode: Sometimes}}`, "Unsupported value"},
		"a duration in words":             {"App", `{` + source + `, sync: {deadline: soon}}`, "spec.sync.deadline"},
		"a duration without a unit":       {"App", `{` + source + `, sync: {deadline: "60"}}`, "spec.sync.deadline"},
		"a duration as a number":          {"App", `{` + source + `, sync: {deadline: 60}}`, "spec.sync.deadline"},
		"an endless duration":             {"App", `{` + source + `, sync: {deadline: 99999999999h}}`, "spec.sync.deadline"},
		"a duration of nothing":           {"App", `{` + source + `, sync: {deadline: 0s}}`, "must be longer than zero"},
		"a share over all":                {"App", `{` + source + `, sync: {pruneLimit: "101%"}}`, "spec.sync.pruneLimit"},
		"a share of nothing":              {"App", `{` + source + `, sync: {pruneLimit: "0%"}}`, "spec.sync.pruneLimit"},
		"a dependency on nothing":         {"App", `{` + source + `, dependsOn: [{}]}`, "give either app or object"},
		"a dependency on both":            {"App", `{` + source + `, dependsOn: [{app: {name: a}, object: {apiVersion: v1, kind: A, name: a}}]}`, "give either app or object"},
		"a dependency without a kind":     {"App", `{` + source + `, dependsOn: [{object: {apiVersion: v1, name: a}}]}`, "kind: Required"},
		"a health rule in two tongues":    {"App", `{` + source + `, health: [{kind: A, lua: x, cel: {level: x}}]}`, "give either cel or lua"},
		"a health rule that says nothing": {"App", `{` + source + `, health: [{kind: A, cel: {message: x}}]}`, "give either level"},
		"an ignore rule of nothing":       {"App", `{` + source + `, ignore: [{kind: A}]}`, "say what to ignore"},
		"a pointer that is none":          {"App", `{` + source + `, ignore: [{kind: A, pointers: [spec]}]}`, "pointers[0]"},
		"a hold on nothing":               {"App", `{` + source + `, hold: {owner: a}}`, "either a revision or a bundle"},
		"a hold until the 13th month":     {"App", `{` + source + `, hold: {revision: 1a2b3c4, until: "2026-13-01T00:00:00Z"}}`, "spec.hold.until"},
		"a hold until tomorrow":           {"App", `{` + source + `, hold: {revision: 1a2b3c4, until: tomorrow}}`, "spec.hold.until"},
		"an unknown deletion":             {"App", `{` + source + `, deletion: Maybe}`, "Unsupported value"},
		"an over-long name of a cluster":  {"App", `{` + source + `, destination: {cluster: ` + strings.Repeat("a", 254) + `}}`, "spec.destination.cluster"},
		"a field that does not exist":     {"App", `{` + source + `, windows: []}`, `unknown field "spec.windows"`},
		"a Repository without a URL":      {"Repository", `{}`, "spec.url: Required"},
		"a URL of another kind":           {"Repository", `{url: "ftp://example.com"}`, "must be an https://"},
		"a URL with a password":           {"Repository", `{url: "https://ann:secret@example.com/r"}`, "credentials belong in a Secret"},
		"an interval that is none":        {"Repository", `{url: /srv/r, interval: often}`, "spec.interval"},
		"a limit of nothing":              {"Repository", `{url: /srv/r, limits: {fileMiB: 0}}`, "spec.limits.fileMiB"},
		"a Cluster reached by nothing":    {"Cluster", `{}`, "give either inCluster or kubeconfig"},
		"a Cluster reached twice":         {"Cluster", `{inCluster: {}, kubeconfig: {name: a, namespace: b}}`, "give either inCluster or kubeconfig"},
		"a kubeconfig in no namespace":    {"Cluster", `{kubeconfig: {name: a}}`, "namespace: Required"},
	}
	cp := cptest.Shared(t)
	c := client.WithFieldValidation(newClient(t, cp.Config(t)), metav1.FieldValidationStrict)
	if err := ApplyCRDs(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	namespace := cp.Namespace(t)
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			err := create(t, c, namespace, tt.kind, cptest.Name(t), tt.spec)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("the answer is %v, want %q", err, tt.want)
			}
		})
	}
	if err := create(t, c, namespace, "App", strings.Repeat("a", 64), "{"+source+"}"); err == nil || !strings.Contains(err.Error(), "at most 63") {
		t.Errorf("an over-long name gives %v", err)
	}
}

func create(t *testing.T, c client.Client, namespace, kind, name, spec string) error {
	t.Helper()
	u := &unstructured.Unstructured{Object: map[string]any{}}
	var body map[string]any
	if err := yaml.Unmarshal([]byte(spec), &body); err != nil {
		t.Fatal(err)
	}
	u.SetAPIVersion("plumb.cd/v1alpha1")
	u.SetKind(kind)
	u.SetName(name)
	if kind != "Cluster" {
		u.SetNamespace(namespace)
	}
	u.Object["spec"] = body
	return c.Create(t.Context(), u)
}

func TestGoodSpecsAreAcceptedWithTheirDefaults(t *testing.T) {
	cp := cptest.Shared(t)
	c := client.WithFieldValidation(newClient(t, cp.Config(t)), metav1.FieldValidationStrict)
	if err := ApplyCRDs(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	namespace := cp.Namespace(t)
	for name, tt := range map[string]struct{ kind, spec string }{
		"everything at once": {"App", `
sources:
- {name: app, repository: main, path: environments/prod, ref: {semver: ">=1 <2"}, kustomize: {images: ["a=b:c"], replicas: {web: 3}, patches: [{patch: "[]", target: "apps/v1/Deployment:/web"}]}}
- {name: chart, url: "oci://example.com/charts/web", chart: {version: 1.x}, helm: {valuesFiles: [$values/web.yaml], values: {a: {b: [1, 2.5, null]}}}}
- {name: values, repository: config, valuesOnly: true, ref: {branch: main}}
destination: {cluster: east, namespace: shop}
sync: {mode: Approve, prune: false, heal: false, pruneLimit: 5%, deadline: 1h30m, waveDeadline: 90s, hookDeadline: 1h0m0s}
dependsOn: [{app: {name: base, namespace: infra}}, {object: {apiVersion: cert-manager.io/v1, kind: Certificate, name: web, namespace: shop, cluster: east}}]
health: [{group: "*", kind: Thing, cel: {healthy: "self.status.ok"}}, {kind: Other, lua: "return {}"}]
ignore: [{group: apps, kind: Deployment, pointers: [/spec/replicas]}, {managers: [hpa]}]
substitute: {vars: {A: b}}
commonMetadata: {labels: {a: b}}
rollbackOnFailure: true
hold: {revision: 1a2b3c4, owner: ann, reason: why, until: "2026-01-31T18:00:00+01:00"}
suspend: true
deletion: Orphan`},
		"a Git address over ssh": {"Repository", `{url: "git@example.com:team/repo.git", secretRef: {name: key}, interval: 5m, submodules: true, webhook: {secretRef: {name: hook}}, limits: {fileMiB: 64, timeout: 2m}}`},
		"an OCI registry":        {"Repository", `{url: "oci://localhost:5000/charts", plainHTTP: true}`},
		"a path":                 {"Repository", `{url: /srv/git/repo}`},
		"a kubeconfig":           {"Cluster", `{kubeconfig: {name: a, namespace: b}}`},
	} {
		if err := create(t, c, namespace, tt.kind, cptest.Name(t), tt.spec); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := create(t, c, namespace, "App", "small", `{source: {repository: main}}`); err != nil {
		t.Fatal(err)
	}
	u := &unstructured.Unstructured{}
	u.SetAPIVersion("plumb.cd/v1alpha1")
	u.SetKind("App")
	if err := c.Get(t.Context(), client.ObjectKey{Namespace: namespace, Name: "small"}, u); err != nil {
		t.Fatal(err)
	}
	got, err := yaml.Marshal(u.Object["spec"])
	if err != nil {
		t.Fatal(err)
	}
	const want = `deletion: Prune
destination:
  cluster: in-cluster
source:
  repository: main
  valuesOnly: false
sync:
  deadline: 15m
  heal: true
  hookDeadline: 15m
  mode: Auto
  prune: true
  pruneLimit: 50%
  waveDeadline: 10m
`
	if string(got) != want {
		t.Errorf("with its defaults the smallest App is\n%s", got)
	}
}
