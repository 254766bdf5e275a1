package engine

import (
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"plumb.cd/plumb/internal/object"
	"plumb.cd/plumb/internal/plan"
)

// Lens is the question that a forest is asked for. Any but the first answers with single objects, never folded.
type Lens string

const (
	ByOwner   Lens = ""           // who made what
	ByTraffic Lens = "traffic"    // what traffic passes: gateways, routes, Ingresses, Services, EndpointSlices, Pods
	ByOrder   Lens = "dependency" // what is applied when: what we apply, hooks included
	ByNode    Lens = "nodes"      // where Pods run: Pods
)

// NodeLinks is what a lens other than ByOwner knows of an object. IDs may name objects that are not in the forest.
type NodeLinks struct {
	Node    string   // of a Pod that others made: the machine that it is on; empty: none yet
	Targets []string // IDs of what it sends traffic to
	Sources []string // IDs of what it says it gets traffic from
	Phases  []string // of a hook: when it runs, as plan.Phase writes it
	After   []string // IDs of the objects that it is applied after

	labels   map[string]string
	selector map[string]string // of a Service
}

// shows reports whether an object is part of the answer to a lens.
func (l Lens) shows(n *GraphNode) bool {
	switch l {
	case ByTraffic:
		return carriesTraffic(n.Object.Group, n.Object.Kind)
	case ByOrder:
		return n.Ours
	case ByNode:
		return n.Object.Group == "" && n.Object.Kind == "Pod"
	default:
		return true
	}
}

func carriesTraffic(group, kind string) bool {
	switch group {
	case "":
		return kind == "Service" || kind == "Pod"
	case "networking.k8s.io", "extensions":
		return kind == "Ingress"
	case "discovery.k8s.io":
		return kind == "EndpointSlice"
	case gatewayGroup:
		return kind == "Gateway" || strings.HasSuffix(kind, "Route")
	}
	return false
}

const gatewayGroup = "gateway.networking.k8s.io"

// made reads the links of an object that a controller made.
func (l Lens) made(n *GraphNode, u *unstructured.Unstructured) {
	if l == ByOwner || n.Object.Kind != "Pod" {
		return
	}
	n.Links.Node, _, _ = unstructured.NestedString(u.Object, "spec", "nodeName")
	n.Links.labels = u.GetLabels()
}

// applied reads the links of an object that we apply from what Git says of it.
func (l Lens) applied(n *GraphNode, body map[string]any) {
	u := &unstructured.Unstructured{Object: body}
	switch l {
	case ByOrder:
		options, hook, _, _ := plan.ParseAnnotations(u)
		if hook != nil {
			for _, p := range hook.Phases {
				n.Links.Phases = append(n.Links.Phases, string(p))
			}
		}
		for _, id := range options.DependsOn {
			n.Links.After = append(n.Links.After, id.String())
		}
	case ByTraffic:
		n.Links.labels = u.GetLabels()
		traffic(n, u)
	case ByOwner, ByNode: // what Git says has neither
	}
}

// traffic reads what an object says of the way that traffic takes.
func traffic(n *GraphNode, u *unstructured.Unstructured) {
	in := n.Object.Namespace
	switch {
	case n.Object.Kind == "Service":
		n.Links.selector, _, _ = unstructured.NestedStringMap(u.Object, "spec", "selector")
	case n.Object.Kind == "Ingress":
		n.Links.Targets = ingressTargets(u, in)
		n.Facts = hosts(n.Facts, listAt(u.Object, "spec", "rules"))
	case n.Object.Kind == "EndpointSlice":
		if service := u.GetLabels()["kubernetes.io/service-name"]; service != "" {
			n.Links.Sources = []string{object.ID{Kind: "Service", Namespace: in, Name: service}.String()}
		}
		for _, e := range listAt(u.Object, "endpoints") {
			if ref := mapAt(e, "targetRef"); textAt(ref, "kind") == "Pod" {
				n.Links.Targets = append(n.Links.Targets, object.ID{Kind: "Pod", Namespace: in, Name: textAt(ref, "name")}.String())
			}
		}
	case n.Object.Group == gatewayGroup && n.Object.Kind != "Gateway":
		routeLinks(n, u)
	}
	n.Links.Targets, n.Links.Sources = sorted(n.Links.Targets), sorted(n.Links.Sources)
}

func routeLinks(n *GraphNode, u *unstructured.Unstructured) {
	for _, p := range listAt(u.Object, "spec", "parentRefs") {
		n.Links.Sources = append(n.Links.Sources, reference(p, gatewayGroup, "Gateway", n.Object.Namespace))
	}
	for _, rule := range listAt(u.Object, "spec", "rules") {
		for _, b := range listAt(rule, "backendRefs") {
			n.Links.Targets = append(n.Links.Targets, reference(b, "", "Service", n.Object.Namespace))
		}
	}
	if names := listOf(u.Object, "spec", "hostnames"); len(names) > 0 {
		if host, ok := names[0].(string); ok {
			n.Facts = append(n.Facts, host)
		}
	}
}

func ingressTargets(u *unstructured.Unstructured, namespace string) []string {
	var out []string
	add := func(backend map[string]any) {
		if name := textAt(mapAt(backend, "service"), "name"); name != "" {
			out = append(out, object.ID{Kind: "Service", Namespace: namespace, Name: name}.String())
		}
	}
	spec := mapAt(u.Object, "spec")
	add(mapAt(spec, "defaultBackend"))
	for _, rule := range listAt(spec, "rules") {
		for _, path := range listAt(mapAt(rule, "http"), "paths") {
			add(mapAt(path, "backend"))
		}
	}
	return out
}

// reference is the ID that a reference of the Gateway API names, with its defaults.
func reference(ref map[string]any, group, kind, namespace string) string {
	id := object.ID{Group: group, Kind: kind, Namespace: namespace, Name: textAt(ref, "name")}
	if k := textAt(ref, "kind"); k != "" {
		id.Kind = k
	}
	if g, ok := ref["group"].(string); ok {
		id.Group = g
	}
	if ns := textAt(ref, "namespace"); ns != "" {
		id.Namespace = ns
	}
	return id.String()
}

func hosts(facts []string, rules []map[string]any) []string {
	for _, r := range rules {
		if host := textAt(r, "host"); host != "" {
			return append(facts, host)
		}
	}
	return facts
}

// maxSelected bounds the Pods that are told for all Services of an App together: each of many may select all of many.
const maxSelected = 20_000

// connect finds the Pods that each Service selects. The rarest label of a selector narrows the search, so that many
// Services over many Pods stay cheap.
func connect(nodes []GraphNode) {
	type label struct{ namespace, key, value string }
	pods := map[label][]int{}
	for i := range nodes {
		if nodes[i].Object.Kind == "Pod" {
			for k, v := range nodes[i].Links.labels {
				at := label{nodes[i].Object.Namespace, k, v}
				pods[at] = append(pods[at], i)
			}
		}
	}
	told := 0
	for i := range nodes {
		n := &nodes[i]
		if len(n.Links.selector) == 0 || told >= maxSelected {
			continue
		}
		var few []int
		for j, k := range slices.Sorted(maps.Keys(n.Links.selector)) {
			if have := pods[label{n.Object.Namespace, k, n.Links.selector[k]}]; j == 0 || len(have) < len(few) {
				few = have
			}
		}
		for _, p := range few {
			if selects(n.Links.selector, nodes[p].Links.labels) {
				n.Links.Targets = append(n.Links.Targets, nodes[p].ID)
				told++
			}
		}
	}
}

func selects(selector, labels map[string]string) bool {
	for k, v := range selector {
		if have, ok := labels[k]; !ok || have != v {
			return false
		}
	}
	return true
}

func sorted(ids []string) []string {
	slices.Sort(ids)
	return slices.Compact(ids)
}

// Foreign bytes: what is not of the shape that is wanted counts as absent.

func listOf(m map[string]any, path ...string) []any {
	v, _, _ := unstructured.NestedFieldNoCopy(m, path...)
	list, _ := v.([]any)
	return list
}

func listAt(m map[string]any, path ...string) []map[string]any {
	var out []map[string]any
	for _, v := range listOf(m, path...) {
		if one, ok := v.(map[string]any); ok {
			out = append(out, one)
		}
	}
	return out
}

func mapAt(m map[string]any, key string) map[string]any {
	out, _ := m[key].(map[string]any)
	return out
}

func textAt(m map[string]any, key string) string {
	out, _ := m[key].(string)
	return out
}
