package e2e

import (
	"fmt"
	"strings"

	"plumb.cd/plumb/api/v1alpha1"
)

type (
	statusOf  = v1alpha1.AppStatus
	waitingOf = v1alpha1.Waiting
)

// deployment is a Deployment; more is YAML put into its metadata ("annotations: {...}").
func deployment(name, image string, more ...string) string {
	return fmt.Sprintf(`apiVersion: apps/v1
kind: Deployment
metadata:
  name: %[1]s
  %[3]s
spec:
  replicas: 1
  selector: {matchLabels: {app: %[1]s}}
  template:
    metadata: {labels: {app: %[1]s}}
    spec:
      containers:
      - name: main
        image: %[2]s
`, name, image, strings.Join(more, "\n  "))
}

// configMap is a ConfigMap with one value; more is YAML put into its metadata.
func configMap(name, value string, more ...string) string {
	return fmt.Sprintf(`apiVersion: v1
kind: ConfigMap
metadata:
  name: %s
  %s
data: {value: %q}
`, name, strings.Join(more, "\n  "), value)
}

// job is a Job that ends at once, or as its image says.
func job(name, image string, more ...string) string {
	return fmt.Sprintf(`apiVersion: batch/v1
kind: Job
metadata:
  name: %s
  %s
spec:
  backoffLimit: 0
  template:
    spec:
      restartPolicy: Never
      containers:
      - {name: main, image: %s}
`, name, strings.Join(more, "\n  "), image)
}

// documents joins YAML documents.
func documents(docs ...string) string { return strings.Join(docs, "---\n") }

// annotate is the annotations of an object, as pairs of name and value.
func annotate(pairs ...string) string {
	var b strings.Builder
	b.WriteString("annotations: {")
	for i := 0; i+1 < len(pairs); i += 2 {
		fmt.Fprintf(&b, "%s%q: %q", map[bool]string{true: "", false: ", "}[i == 0], pairs[i], pairs[i+1])
	}
	return b.String() + "}"
}
