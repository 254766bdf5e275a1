package engine

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"plumb.cd/plumb/internal/object"
)

func nodeFrom(t *testing.T, lens Lens, text string) GraphNode {
	t.Helper()
	var body map[string]any
	if err := yaml.Unmarshal([]byte(text), &body); err != nil {
		t.Fatal(err)
	}
	id := object.Of(&unstructured.Unstructured{Object: body})
	id.Namespace = "shop"
	n := GraphNode{ID: id.String(), Object: id, Ours: true}
	lens.applied(&n, body)
	return n
}

func TestTrafficGoesWhereTheManifestsSay(t *testing.T) {
	tests := map[string]struct {
		yaml             string
		targets, sources []string
	}{
		"an Ingress, to each Service of its rules once, and to its default": {
			yaml: `{apiVersion: networking.k8s.io/v1, kind: Ingress, metadata: {name: i}, spec: {defaultBackend: {service: {name: fallback}}, rules: [
				{host: shop.example.com, http: {paths: [{backend: {service: {name: web}}}, {backend: {service: {name: web}}}]}}]}}`,
			targets: []string{"Service/shop/fallback", "Service/shop/web"},
		},
		"a route, from its gateways to its Services, in other namespaces too": {
			yaml: `{apiVersion: gateway.networking.k8s.io/v1, kind: HTTPRoute, metadata: {name: r}, spec: {parentRefs: [{name: public, namespace: infra}],
				rules: [{backendRefs: [{name: web}, {name: old, namespace: legacy}]}]}}`,
			targets: []string{"Service/legacy/old", "Service/shop/web"}, sources: []string{"Gateway.gateway.networking.k8s.io/infra/public"},
		},
		"a route of a mesh, from a Service": {
			yaml:    `{apiVersion: gateway.networking.k8s.io/v1, kind: GRPCRoute, metadata: {name: r}, spec: {parentRefs: [{name: web, kind: Service, group: ""}]}}`,
			sources: []string{"Service/shop/web"},
		},
		"an EndpointSlice, from its Service to Pods": {
			yaml: `{apiVersion: discovery.k8s.io/v1, kind: EndpointSlice, metadata: {name: e, labels: {kubernetes.io/service-name: db}},
				endpoints: [{targetRef: {kind: Pod, name: db-0}}, {addresses: [10.0.0.1]}]}`,
			targets: []string{"Pod/shop/db-0"}, sources: []string{"Service/shop/db"},
		},
		"what is of another shape than it should be is nothing": {
			yaml: `{apiVersion: networking.k8s.io/v1, kind: Ingress, metadata: {name: i}, spec: {defaultBackend: 7, rules: {a: b}}}`,
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			n := nodeFrom(t, ByTraffic, tt.yaml)
			if d := cmp.Diff(tt.targets, n.Links.Targets); d != "" {
				t.Error("targets", d)
			}
			if d := cmp.Diff(tt.sources, n.Links.Sources); d != "" {
				t.Error("sources", d)
			}
		})
	}
}

func podWith(namespace, name string, labels map[string]any) GraphNode {
	n := GraphNode{ID: "Pod/" + namespace + "/" + name, Object: object.ID{Kind: "Pod", Namespace: namespace, Name: name}}
	ByTraffic.made(&n, &unstructured.Unstructured{Object: map[string]any{"metadata": map[string]any{"labels": labels}, "spec": map[string]any{"nodeName": "n1"}}})
	return n
}

func TestAServiceReachesThePodsThatHaveAllLabelsOfItsSelector(t *testing.T) {
	service := nodeFrom(t, ByTraffic, `{apiVersion: v1, kind: Service, metadata: {name: web}, spec: {selector: {app: web, tier: front}}}`)
	headless := nodeFrom(t, ByTraffic, `{apiVersion: v1, kind: Service, metadata: {name: outside}, spec: {type: ExternalName, externalName: example.com}}`)
	nodes := []GraphNode{
		service, headless,
		podWith("shop", "a", map[string]any{"app": "web", "tier": "front", "more": "x"}), podWith("shop", "b", map[string]any{"app": "web"}),
		podWith("other", "c", map[string]any{"app": "web", "tier": "front"}),
	}
	connect(nodes)
	if d := cmp.Diff([]string{"Pod/shop/a"}, nodes[0].Links.Targets); d != "" {
		t.Error(d)
	}
	if len(nodes[1].Links.Targets) > 0 {
		t.Error("a Service without a selector reaches", nodes[1].Links.Targets)
	}
	if nodes[2].Links.Node != "n1" {
		t.Error("the Pod is on", nodes[2].Links.Node)
	}
}

func TestManyServicesOverManyPodsAreConnectedAtOnce(t *testing.T) {
	var nodes []GraphNode
	for i := range 500 {
		s := GraphNode{Object: object.ID{Kind: "Service", Namespace: "shop"}}
		s.Links.selector = map[string]string{"app": fmt.Sprint(i), "stage": "prod"}
		nodes = append(nodes, s)
		for p := range 6 {
			nodes = append(nodes, podWith("shop", fmt.Sprintf("%d-%d", i, p), map[string]any{"app": fmt.Sprint(i), "stage": "prod"}))
		}
	}
	began := time.Now()
	connect(nodes)
	if took := time.Since(began); took > time.Second {
		t.Error("it took", took)
	}
	for i := range 500 {
		if got := len(nodes[i*7].Links.Targets); got != 6 {
			t.Fatal("a Service reaches", got)
		}
	}
}

func TestAHookSaysWhenItRunsAndAnObjectWhatItIsAppliedAfter(t *testing.T) {
	hook := nodeFrom(t, ByOrder, `{apiVersion: batch/v1, kind: Job, metadata: {name: migrate, annotations: {plumb.cd/hook: before}}}`)
	if d := cmp.Diff([]string{"Before"}, hook.Links.Phases); d != "" {
		t.Error(d)
	}
	late := nodeFrom(t, ByOrder, `{apiVersion: apps/v1, kind: Deployment, metadata: {name: web, annotations: {config.kubernetes.io/depends-on: apps/namespaces/shop/StatefulSet/db}}}`)
	if d := cmp.Diff([]string{"StatefulSet.apps/shop/db"}, late.Links.After); d != "" {
		t.Error(d)
	}
}

func TestALensShowsWhatItsQuestionIsAboutAndFoldsNothing(t *testing.T) {
	g := grower{below: map[string][]*GraphNode{}, lens: ByNode}
	for i := range 30 {
		id := object.ID{Kind: "Pod", Namespace: "shop", Name: fmt.Sprint(i)}
		g.add(&GraphNode{ID: id.String(), Object: id})
	}
	g.add(&GraphNode{ID: "d", Object: object.ID{Group: "apps", Kind: "Deployment"}, Ours: true})
	g.emit("", 1, 0)
	if len(g.out) != 31 {
		t.Errorf("%d nodes: something was folded", len(g.out))
	}
	for lens, want := range map[Lens]int{ByOwner: 31, ByTraffic: 30, ByNode: 30, ByOrder: 1} {
		left := slices.DeleteFunc(slices.Clone(g.out), func(n GraphNode) bool { return !lens.shows(&n) })
		if len(left) != want {
			t.Errorf("%q shows %d, want %d", lens, len(left), want)
		}
	}
}
