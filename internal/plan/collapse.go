package plan

import (
	"fmt"
	"strings"
)

// keyed is a list that the API server keys by some fields of its elements: server-side apply refuses two elements with
// one key, which client-side apply let through.
type keyed struct {
	field string
	keys  []string
	// inside are the keyed lists of each element.
	inside []keyed
}

var containerLists = []keyed{
	{field: "env", keys: []string{"name"}},
	{field: "ports", keys: []string{"containerPort", "protocol"}},
	{field: "volumeMounts", keys: []string{"mountPath"}},
	{field: "volumeDevices", keys: []string{"devicePath"}},
}

var podLists = []keyed{
	{field: "containers", keys: []string{"name"}, inside: containerLists},
	{field: "initContainers", keys: []string{"name"}, inside: containerLists},
	{field: "volumes", keys: []string{"name"}},
	{field: "imagePullSecrets", keys: []string{"name"}},
	{field: "hostAliases", keys: []string{"ip"}},
	{field: "topologySpreadConstraints", keys: []string{"topologyKey", "whenUnsatisfiable"}},
	{field: "resourceClaims", keys: []string{"name"}},
}

// podSpecs is where kinds keep a pod's spec.
var podSpecs = map[string][]string{
	"v1/Pod":                   {"spec"},
	"v1/PodTemplate":           {"template", "spec"},
	"v1/ReplicationController": {"spec", "template", "spec"},
	"apps/v1/ReplicaSet":       {"spec", "template", "spec"},
	"apps/v1/Deployment":       {"spec", "template", "spec"},
	"apps/v1/StatefulSet":      {"spec", "template", "spec"},
	"apps/v1/DaemonSet":        {"spec", "template", "spec"},
	"batch/v1/Job":             {"spec", "template", "spec"},
	"batch/v1/CronJob":         {"spec", "jobTemplate", "spec", "template", "spec"},
}

// otherLists are the keyed lists of further kinds, by the path of the map that holds them.
var otherLists = map[string]struct {
	path  []string
	lists []keyed
}{
	"v1/Service":        {[]string{"spec"}, []keyed{{field: "ports", keys: []string{"port", "protocol"}}}},
	"v1/ServiceAccount": {nil, []keyed{{field: "secrets", keys: []string{"name"}}}},
	"admissionregistration.k8s.io/v1/MutatingWebhookConfiguration":   {nil, []keyed{{field: "webhooks", keys: []string{"name"}}}},
	"admissionregistration.k8s.io/v1/ValidatingWebhookConfiguration": {nil, []keyed{{field: "webhooks", keys: []string{"name"}}}},
}

// defaults are key fields that the API server fills in.
var keyDefaults = map[string]string{"protocol": "TCP"}

// collapse makes the elements of keyed lists unique, the last one winning, and tells what it left out. It changes body.
func collapse(body map[string]any) []string {
	apiVersion, _ := body["apiVersion"].(string)
	kind, _ := body["kind"].(string)
	var out []string
	if path, ok := podSpecs[apiVersion+"/"+kind]; ok {
		collapseAt(body, path, podLists, &out)
	}
	if other, ok := otherLists[apiVersion+"/"+kind]; ok {
		collapseAt(body, other.path, other.lists, &out)
	}
	return out
}

func collapseAt(body map[string]any, path []string, lists []keyed, out *[]string) {
	for _, f := range path {
		next, ok := body[f].(map[string]any)
		if !ok {
			return
		}
		body = next
	}
	collapseLists("."+strings.Join(path, "."), body, lists, out)
}

func collapseLists(path string, in map[string]any, lists []keyed, out *[]string) {
	path = strings.TrimSuffix(path, ".")
	for _, l := range lists {
		list, ok := in[l.field].([]any)
		if !ok {
			continue
		}
		at := path + "." + l.field
		unique, dropped := l.unique(list)
		if len(dropped) > 0 {
			in[l.field] = unique
			*out = append(*out, fmt.Sprintf("%s has %s more than once, the last counts", at, strings.Join(dropped, ", ")))
		}
		for _, e := range unique {
			m, ok := e.(map[string]any)
			if !ok || len(l.inside) == 0 {
				continue
			}
			key, _ := l.key(e)
			collapseLists(fmt.Sprintf("%s[%s]", at, key), m, l.inside, out)
		}
	}
}

// unique keeps the last element of each key, in the place where it stands.
func (l keyed) unique(list []any) (unique []any, dropped []string) {
	last := make(map[string]int, len(list))
	for i, e := range list {
		if key, ok := l.key(e); ok {
			if _, twice := last[key]; twice {
				dropped = append(dropped, key)
			}
			last[key] = i
		}
	}
	if len(dropped) == 0 {
		return list, nil
	}
	for i, e := range list {
		if key, ok := l.key(e); !ok || last[key] == i {
			unique = append(unique, e)
		}
	}
	return unique, dropped
}

// key writes the element's key; ok is false for an element without one, which the API server judges.
func (l keyed) key(e any) (key string, ok bool) {
	m, isMap := e.(map[string]any)
	if !isMap {
		return "", false
	}
	parts := make([]string, len(l.keys))
	for i, k := range l.keys {
		v := m[k]
		if d, has := keyDefaults[k]; v == nil && has {
			v = d
		}
		if v == nil {
			return "", false
		}
		parts[i] = fmt.Sprintf("%s=%v", k, v)
	}
	return strings.Join(parts, ","), true
}
