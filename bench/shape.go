package main

import (
	"fmt"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

// shape is what a stage is filled with: files in Git, the Apps on them, and the same objects for the raw loop.
type shape struct {
	title      string            // of the rows of its first sync
	namespaces []string          // of the objects
	files      map[string]string // of the first commit
	apps       []appShape
	objects    int // with markLabel, of all apps together
	// raw gives the objects of all apps, in groups that are applied one after the other, under a mark of their own.
	raw func(mark string) ([][]*unstructured.Unstructured, error)
	// once says that the raw loop runs before Plumb only: again afterwards, it would take too long.
	once bool
	// share says that the raw loop applies one in so many of the groups, and that its figures are multiplied by it; 0: all.
	share int
}

// appShape is one App.
type appShape struct{ name, repository, path, namespace, cluster string }

const teams = 20 // namespaces that the apps are spread over

func appName(i int) string { return fmt.Sprintf("app-%05d", i) }

func teamOf(prefix string, i int) string { return fmt.Sprintf("%s-%02d", prefix, i%teams) }

// marks are the first parts of the names of namespaces: what Plumb applies, and what the raw loop does.
var marks = []string{plumbMark, "raw-before", "raw-after", "raw-warm"}

func teamNamespaces() []string {
	var out []string
	for _, mark := range marks {
		for i := range teams {
			out = append(out, teamOf(mark, i))
		}
	}
	return out
}

// monorepoShape is that of the field's own benchmarks: each app is a Kustomize directory of one monorepo with a Deployment
// of no replicas, a ServiceAccount, a Service and a ConfigMap. One more app, the single one, has replicas.
func monorepoShape(n int) shape {
	s := shape{title: fmt.Sprintf("first sync, %d apps × 4 objects", n), namespaces: append(teamNamespaces(), single), files: map[string]string{}, objects: 4 * n}
	for i := range n {
		s.add("apps/"+appName(i), manifests(appName(i), 0, "0"), kustomization(teamOf(plumbMark, i), plumbMark))
		s.apps = append(s.apps, appShape{name: appName(i), repository: "mono", path: "apps/" + appName(i), namespace: teamOf(plumbMark, i)})
	}
	s.add("apps/"+single, manifests(single, singleReplicas, "0"), kustomization(single, plumbMark))
	s.raw = func(mark string) ([][]*unstructured.Unstructured, error) {
		return groups(n, func(i int) ([]*unstructured.Unstructured, error) {
			return objectsOf(appName(i), teamOf(mark, i), mark, 0, "0")
		})
	}
	return s
}

func (s *shape) add(dir string, files map[string]string, kustomization string) {
	for file, content := range files {
		s.files[dir+"/"+file] = content
	}
	s.files[dir+"/kustomization.yaml"] = kustomization
}

func groups(n int, of func(int) ([]*unstructured.Unstructured, error)) ([][]*unstructured.Unstructured, error) {
	out := make([][]*unstructured.Unstructured, n)
	for i := range out {
		var err error
		if out[i], err = of(i); err != nil {
			return nil, err
		}
	}
	return out, nil
}

const markLabel = "bench.plumb.cd/run"

// manifests are the files of an app.
func manifests(name string, replicas int, rev string) map[string]string {
	return map[string]string{
		"account.yaml": "apiVersion: v1\nkind: ServiceAccount\nmetadata:\n  name: " + name + "\n",
		"config.yaml":  configMap(name, rev),
		"service.yaml": fmt.Sprintf(`apiVersion: v1
kind: Service
metadata:
  name: %[1]s
spec:
  selector: {app: %[1]s}
  ports:
  - {name: http, port: 80, targetPort: http}
`, name),
		"deployment.yaml": fmt.Sprintf(`apiVersion: apps/v1
kind: Deployment
metadata:
  name: %[1]s
spec:
  replicas: %[2]d
  selector: {matchLabels: {app: %[1]s}}
  template:
    metadata:
      labels: {app: %[1]s}
      annotations: {rev: %[3]q}
    spec:
      serviceAccountName: %[1]s
      containers:
      - name: web
        image: example.com/web:1.2.3
        ports: [{name: http, containerPort: 8080}]
        envFrom: [{configMapRef: {name: %[1]s}}]
        env:
        - {name: LOG_LEVEL, value: info}
        resources:
          requests: {cpu: 10m, memory: 16Mi}
          limits: {memory: 64Mi}
        readinessProbe: {httpGet: {path: /ready, port: http}}
`, name, replicas, rev),
	}
}

func configMap(name, rev string) string {
	return fmt.Sprintf("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: %s\ndata:\n  rev: %q\n  color: blue\n  level: info\n  region: eu\n", name, rev)
}

const fourFiles = "[account.yaml, config.yaml, service.yaml, deployment.yaml]"

func kustomization(namespace, mark string) string {
	return fmt.Sprintf(`apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
namespace: %s
labels:
- pairs: {%s: %s}
resources: %s
`, namespace, markLabel, mark, fourFiles)
}

// objectsOf are the objects that an app renders to, for the raw loop.
func objectsOf(name, namespace, mark string, replicas int, rev string) ([]*unstructured.Unstructured, error) {
	files := manifests(name, replicas, rev)
	var out []*unstructured.Unstructured
	for _, file := range []string{"account.yaml", "config.yaml", "service.yaml", "deployment.yaml"} {
		u := &unstructured.Unstructured{}
		if err := yaml.Unmarshal([]byte(files[file]), &u.Object); err != nil {
			return nil, err
		}
		u.SetNamespace(namespace)
		u.SetLabels(map[string]string{markLabel: mark})
		out = append(out, u)
	}
	return out, nil
}
