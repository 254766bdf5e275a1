package benchmark

import (
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/yaml"
)

const (
	runLabel  = "bench.plumb.cd/run"  // on everything that a run makes: its name
	sideLabel = "bench.plumb.cd/side" // whose object it is

	sideBefore = "before"
	sidePlumb  = "plumb"
	sideAfter  = "after"

	namespacesEach = 4 // of a side
)

var sides = []string{sideBefore, sidePlumb, sideAfter}

var resources = map[string]schema.GroupVersionResource{
	"ConfigMap":      {Version: "v1", Resource: "configmaps"},
	"Service":        {Version: "v1", Resource: "services"},
	"ServiceAccount": {Version: "v1", Resource: "serviceaccounts"},
	"Deployment":     {Group: "apps", Version: "v1", Resource: "deployments"},
}

var namespaces = schema.GroupVersionResource{Version: "v1", Resource: "namespaces"}

// fields of a ConfigMap that trials of drift edit, one after the other: a field that is edited again and again is a fight.
var fields = []string{"color", "level", "region", "size", "tone"}

func objectName(app, i int) string { return fmt.Sprintf("bench-%05d-%d", app, i) }

// manifest is object i of an App: a ConfigMap, a Deployment of no replicas, a Service, a ServiceAccount, and ConfigMaps from
// there on.
func manifest(app, i int, labels string) string {
	head := func(version, kind string) string {
		return fmt.Sprintf("apiVersion: %s\nkind: %s\nmetadata:\n  name: %s\n  labels: {%s}\n", version, kind, objectName(app, i), labels)
	}
	switch i {
	case 1:
		return head("apps/v1", "Deployment") + fmt.Sprintf(`spec:
  replicas: 0
  selector: {matchLabels: {app: %[1]s}}
  template:
    metadata: {labels: {app: %[1]s}}
    spec: {containers: [{name: main, image: example.com/none:1}]}
`, objectName(app, i))
	case 2:
		return head("v1", "Service") + "spec:\n  selector: {app: " + objectName(app, i) + "}\n  ports: [{port: 80}]\n"
	case 3:
		return head("v1", "ServiceAccount")
	}
	text := head("v1", "ConfigMap") + "data:\n"
	for _, f := range fields {
		text += "  " + f + ": as in Git\n"
	}
	return text
}

func labelsOf(run, side string) string {
	return runLabel + ": " + quoted(run) + ", " + sideLabel + ": " + side
}

func quoted(s string) string { return `"` + s + `"` }

// documents are the manifests of an App.
func documents(app, n int, run, side string) string {
	docs := make([]string, 0, n)
	for i := range n {
		docs = append(docs, manifest(app, i, labelsOf(run, side)))
	}
	return strings.Join(docs, "---\n")
}

// objects are the same for the raw loop.
func objects(app, n int, namespace, run, side string) []*unstructured.Unstructured {
	out := make([]*unstructured.Unstructured, 0, n)
	for i := range n {
		u := &unstructured.Unstructured{}
		if err := yaml.Unmarshal([]byte(manifest(app, i, labelsOf(run, side))), &u.Object); err != nil {
			panic(err) // the text is ours
		}
		u.SetNamespace(namespace)
		out = append(out, u)
	}
	return out
}
