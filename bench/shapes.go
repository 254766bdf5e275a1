package main

import (
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

// fluxShape is the one of Flux's public benchmark: each app is a Deployment of no replicas, a ServiceAccount, a Service and
// an Ingress.
func fluxShape(n int) shape {
	of := func(i int) string {
		files := manifests(appName(i), 0, "0")
		return files["account.yaml"] + "---\n" + files["deployment.yaml"] + "---\n" + files["service.yaml"] + "---\n" + ingress(appName(i))
	}
	return plainShape(fmt.Sprintf("first sync of Flux's benchmark, %d apps × 4 objects", n), n, of)
}

func ingress(name string) string {
	return fmt.Sprintf(`apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: %[1]s
spec:
  rules:
  - host: %[1]s.example.com
    http:
      paths:
      - {path: /, pathType: Prefix, backend: {service: {name: %[1]s, port: {name: http}}}}
`, name)
}

// manyShape is many Apps of one ConfigMap.
func manyShape(n int) shape {
	s := plainShape(fmt.Sprintf("first sync, %d apps × 1 object", n), n, func(i int) string { return configMap(appName(i), "0") })
	s.once = n > 2000
	return s
}

const wideEach = 10 // objects of an App of wideShape: nine ConfigMaps and a ServiceAccount

// wideShape is Apps of ten objects, mostly ConfigMaps. No Services: at each new one the API server counts all addresses
// that it has given out, twice, so that ten thousand of them would measure that alone.
func wideShape(n int) shape {
	s := plainShape(fmt.Sprintf("first sync, %d apps × %d objects", n, wideEach), n, func(i int) string {
		files := manifests(appName(i), 0, "0")
		docs := []string{files["account.yaml"], files["config.yaml"]}
		for k := len(docs); k < wideEach; k++ {
			docs = append(docs, configMap(fmt.Sprintf("%s-%d", appName(i), k), "0"))
		}
		return strings.Join(docs, "---\n")
	})
	s.once = n > 500
	if n > 2000 {
		s.share = 10
	}
	return s
}

// plainShape has one file of documents for each app.
func plainShape(title string, n int, documents func(int) string) shape {
	s := shape{title: title, namespaces: teamNamespaces(), files: map[string]string{}}
	for i := range n {
		path := "apps/" + appName(i)
		s.files[path+"/app.yaml"] = marked(documents(i), plumbMark)
		s.apps = append(s.apps, appShape{name: appName(i), repository: "mono", path: path, namespace: teamOf(plumbMark, i)})
		s.objects += 1 + strings.Count(documents(i), "\n---\n")
	}
	s.raw = func(mark string) ([][]*unstructured.Unstructured, error) {
		return groups(n, func(i int) ([]*unstructured.Unstructured, error) { return parse(documents(i), teamOf(mark, i), mark) })
	}
	return s
}

// marked gives each document the label by which the bench finds its objects.
func marked(documents, mark string) string {
	return strings.ReplaceAll(documents, "\nmetadata:\n", "\nmetadata:\n  labels: {"+markLabel+": "+mark+"}\n")
}

// parse gives the objects of documents, for the raw loop.
func parse(documents, namespace, mark string) ([]*unstructured.Unstructured, error) {
	var out []*unstructured.Unstructured
	for doc := range strings.SplitSeq(documents, "---\n") {
		u := &unstructured.Unstructured{}
		if err := yaml.Unmarshal([]byte(doc), &u.Object); err != nil {
			return nil, err
		}
		u.SetNamespace(namespace)
		u.SetLabels(map[string]string{markLabel: mark})
		out = append(out, u)
	}
	return out, nil
}

// bigFile is how many objects of bigShape one file holds.
const bigFile = 100

// bigShape is one App of n ConfigMaps. The raw loop applies them in parallel, as Plumb does those of one wave.
func bigShape(n int) shape {
	s := shape{
		title: fmt.Sprintf("first sync, 1 app of %d objects", n), namespaces: teamNamespaces(), files: map[string]string{}, objects: n, once: n > 5000,
		apps: []appShape{{name: "big", repository: "mono", path: "big", namespace: teamOf(plumbMark, 0)}},
	}
	for from := 0; from < n; from += bigFile {
		s.files[bigPath(from)] = bigDocuments(from, n, "0")
	}
	s.raw = func(mark string) ([][]*unstructured.Unstructured, error) {
		return groups(n, func(i int) ([]*unstructured.Unstructured, error) {
			return parse(configMap(appName(i), "0"), teamOf(mark, 0), mark)
		})
	}
	return s
}

func bigPath(i int) string { return fmt.Sprintf("big/part-%05d.yaml", i/bigFile) }

// bigDocuments are the documents of the file that object i is in; the object has rev.
func bigDocuments(i, n int, rev string) string {
	var docs []string
	for k := i / bigFile * bigFile; k < min(n, i/bigFile*bigFile+bigFile); k++ {
		at := "0"
		if k == i {
			at = rev
		}
		docs = append(docs, configMap(appName(k), at))
	}
	return marked(strings.Join(docs, "---\n"), plumbMark)
}

// baseEvery is how many apps of monoShape there are for one that uses the shared base.
const baseEvery = 100

// monoShape is a monorepo of five files an app, each of which renders to one ConfigMap; one in baseEvery uses a base.
func monoShape(n int) shape {
	s := shape{
		title: fmt.Sprintf("first sync, %d apps × 1 object in a repository of %d files", n, 5*n+2), namespaces: teamNamespaces(), files: map[string]string{},
		objects: n, once: true,
	}
	s.files["base/kustomization.yaml"] = "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\npatches:\n- {path: base.yaml, target: {kind: ConfigMap}}\n"
	s.files["base/base.yaml"] = basePatch("0")
	for i := range n {
		dir, name := "apps/"+appName(i), appName(i)
		kustomization := fmt.Sprintf("namespace: %s\nlabels:\n- pairs: {%s: %s}\nresources: [config.yaml]\n", teamOf(plumbMark, i), markLabel, plumbMark)
		if i%baseEvery == 0 {
			kustomization += "components: [../../base]\n"
		}
		s.add(dir, map[string]string{
			"config.yaml": configMap(name, "0"), "README.md": "# " + name + "\n", "OWNERS": "team-" + name + "\n", "docs/runbook.md": "Restart " + name + ".\n",
		}, kustomization)
		s.apps = append(s.apps, appShape{name: name, repository: "mono", path: dir, namespace: teamOf(plumbMark, i)})
	}
	s.raw = func(mark string) ([][]*unstructured.Unstructured, error) {
		return groups(n, func(i int) ([]*unstructured.Unstructured, error) {
			return parse(configMap(appName(i), "0"), teamOf(mark, i), mark)
		})
	}
	return s
}

func basePatch(value string) string {
	return fmt.Sprintf("- {op: add, path: /data/base, value: %q}\n", value)
}
