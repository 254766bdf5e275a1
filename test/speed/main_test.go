// Package speed has the gates of what is fast: counts of requests, renders, allocations and bytes, never times; and what must
// hold however fast it is, when servers are odd and neighbours are bad.
package speed

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"plumb.cd/plumb/test/e2e/harness"
)

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == argBeat {
		if err := beatMain(os.Args[2:]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	harness.Main(m)
}

func configMap(name, value string) string {
	return fmt.Sprintf("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: %s\ndata:\n  value: %q\n", name, value)
}

// fourObjects are a Deployment of no replicas, a ServiceAccount, a Service and a ConfigMap.
func fourObjects(name string) string {
	return strings.Join([]string{
		configMap(name, "1"),
		"apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: " + name + "}\n",
		"apiVersion: v1\nkind: Service\nmetadata: {name: " + name + "}\nspec: {selector: {app: " + name + "}, ports: [{port: 80}]}\n",
		"apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: " + name + "}\nspec:\n  replicas: 0\n  selector: {matchLabels: {app: " + name + "}}\n" +
			"  template:\n    metadata: {labels: {app: " + name + "}}\n    spec: {containers: [{name: main, image: web:1}]}\n",
	}, "---\n")
}
