package kustomize_test

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/api/resmap"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/yaml"

	"plumb.cd/plumb/internal/render"
	"plumb.cd/plumb/internal/render/kustomize"
	"plumb.cd/plumb/internal/rendertest"
)

var update = flag.Bool("update", false, "rewrite the expected origins")

// TestOutputEqualsKustomizeBuild renders every archive of testdata in memory, and on disk with the library as the
// program kustomize drives it, and compares objects and order.
func TestOutputEqualsKustomizeBuild(t *testing.T) {
	archives, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(archives) == 0 {
		t.Fatalf("no archives: %v", err)
	}
	for _, name := range archives {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(name)
			if err != nil {
				t.Fatal(err)
			}
			compare(t, name, archive)
		})
	}
}

func compare(t *testing.T, name string, archive *txtar.Archive) {
	files := rendertest.Tree(string(txtar.Format(archive)))
	dir := strings.TrimSpace(string(files["path"].Data))
	res, err := kustomize.New(nil).Render(t.Context(), files, render.Request{Path: dir})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(oracle(t, archive, dir), bodies(res)); diff != "" {
		t.Errorf("objects differ from kustomize build (-build +ours):\n%s", diff)
	}
	origins := strings.Join(rendertest.Summary(res), "\n") + "\n"
	if *update {
		rewrite(t, name, archive, origins)
	}
	if diff := cmp.Diff(string(files["origins"].Data), origins); diff != "" && !*update {
		t.Errorf("origins (-want +got):\n%s", diff)
	}
}

func rewrite(t *testing.T, name string, archive *txtar.Archive, origins string) {
	for i := range archive.Files {
		if archive.Files[i].Name == "origins" {
			archive.Files[i].Data = []byte(origins)
		}
	}
	if err := os.WriteFile(name, txtar.Format(archive), 0o644); err != nil {
		t.Fatal(err)
	}
}

// oracle gives each object of "kustomize build" as JSON.
func oracle(t *testing.T, archive *txtar.Archive, dir string) []any {
	t.Helper()
	root := t.TempDir()
	if err := txtar.Write(archive, root); err != nil {
		t.Fatal(err)
	}
	options := krusty.MakeDefaultOptions()
	options.Reorder = krusty.ReorderOptionUnspecified
	built, err := krusty.MakeKustomizer(options).Run(filesys.MakeFsOnDisk(), filepath.Join(root, dir))
	if err != nil {
		t.Fatal(err)
	}
	return viaYAML(t, built)
}

func viaYAML(t testing.TB, built resmap.ResMap) []any {
	t.Helper()
	var out []any
	for _, r := range built.Resources() {
		text, err := r.AsYAML()
		if err != nil {
			t.Fatal(err)
		}
		data, err := yaml.YAMLToJSON(text)
		if err != nil {
			t.Fatal(err)
		}
		var v any
		if err := json.Unmarshal(data, &v); err != nil {
			t.Fatal(err)
		}
		out = append(out, v)
	}
	return out
}

func bodies(res render.Result) []any {
	var out []any
	for _, o := range res.Objects {
		data, err := json.Marshal(o.Body)
		if err != nil {
			panic(err)
		}
		var v any
		if err := json.Unmarshal(data, &v); err != nil {
			panic(err)
		}
		out = append(out, v)
	}
	return out
}

// TestBuildsInParallelAreTheSameAsAlone runs builds at once in one process, one of which brings its own schema; the
// race detector watches the library's globals.
func TestBuildsInParallelAreTheSameAsAlone(t *testing.T) {
	const deployment = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: d}\nspec: {template: {spec: {containers: [{name: a, image: a}, {name: b, image: b}]}}}\n"
	const patch = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: d}\nspec: {template: {spec: {containers: [{name: a, tty: true}]}}}\n"
	tree := rendertest.Tree("-- a/d.yaml --\n" + deployment + "-- a/p.yaml --\n" + patch +
		"-- a/kustomization.yaml --\nresources: [d.yaml]\npatches: [{path: p.yaml}]\n" +
		"-- b/d.yaml --\n" + deployment + "-- b/p.yaml --\n" + patch +
		"-- b/kustomization.yaml --\nresources: [d.yaml]\npatches: [{path: p.yaml}]\nopenapi: {path: s.json}\n" +
		`-- b/s.json --
{"definitions": {"x": {"type": "object", "x-kubernetes-group-version-kind": [{"group": "apps", "kind": "Deployment", "version": "v1"}],
 "properties": {"spec": {"type": "object"}}}}}
`)
	r := kustomize.New(nil)
	alone, err := r.Render(t.Context(), tree, render.Request{Path: "a"})
	if err != nil {
		t.Fatal(err)
	}
	if r.Tainted() {
		t.Error("tainted by a build with the built-in schema")
	}
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			dir := "a"
			if i%4 == 3 {
				dir = "b"
			}
			for range 10 {
				res, err := r.Render(t.Context(), tree, render.Request{Path: dir})
				if err != nil {
					t.Error(err)
				} else if same := cmp.Equal(alone.Objects[0].Body, res.Objects[0].Body); same != (dir == "a") {
					t.Errorf("%s: equal to the build alone: %v", dir, same)
				}
			}
		})
	}
	all.Wait()
	if !r.Tainted() {
		t.Error("not tainted by a build with its own schema")
	}
}
