package helm_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
	k8sjson "k8s.io/apimachinery/pkg/util/json"
	"sigs.k8s.io/yaml"

	"plumb.cd/plumb/internal/fault"
	"plumb.cd/plumb/internal/render"
	"plumb.cd/plumb/internal/render/helm"
)

var (
	update = flag.Bool("update", false, "rewrite the expected output in testdata")
	record = flag.String("record", "", "path of a helm program: rewrite the oracle's output in testdata")
)

// A case is a tree, with request.json (a render.Request), expect (what Render gives) and, where Helm's own program takes
// the same input, helm (what "helm template --include-crds" printed).
func TestCases(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatal("no cases", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) { runCase(t, file) })
	}
}

func runCase(t *testing.T, file string) {
	ar, err := txtar.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	tree, req := treeOf(t, ar)
	req.Kind = render.Helm
	res, err := render.Run(t.Context(), map[render.Kind]render.Renderer{render.Helm: helm.New()}, tree, req)
	got := describe(t, res, err)
	if *record != "" && has(ar, "helm") {
		set(ar, "helm", runHelm(t, tree, req))
		write(t, file, ar)
	}
	if *update {
		set(ar, "expect", got)
		write(t, file, ar)
	}
	if diff := cmp.Diff(section(ar, "expect"), got); diff != "" {
		t.Errorf("output differs (-want +got):\n%s", diff)
	}
	if has(ar, "helm") {
		compareWithHelm(t, section(ar, "helm"), res)
	}
}

// compareWithHelm holds the objects, and their order, to what Helm printed, leaving out random leaves.
func compareWithHelm(t *testing.T, printed string, res render.Result) {
	t.Helper()
	want := objectsOf(t, printed)
	if len(want) != len(res.Objects) {
		t.Fatalf("helm prints %d objects, we render %d", len(want), len(res.Objects))
	}
	for i, o := range res.Objects {
		if len(o.Random) > 0 {
			want[i], o.Body = map[string]any{"kind": want[i]["kind"]}, map[string]any{"kind": o.Body["kind"]}
		}
		if diff := cmp.Diff(want[i], o.Body); diff != "" {
			t.Errorf("object %d differs from helm's (-helm +ours):\n%s", i, diff)
		}
	}
}

// objectsOf reads Helm's output: lists taken apart, test and rollback hooks left out, numbers as Kubernetes reads them.
func objectsOf(t *testing.T, printed string) []map[string]any {
	t.Helper()
	var out []map[string]any
	for doc := range strings.SplitSeq("\n"+printed, "\n---") {
		j, err := yaml.YAMLToJSON([]byte(doc))
		if err != nil {
			t.Fatalf("helm printed what is no YAML: %v\n%s", err, doc)
		}
		var v map[string]any
		if err := k8sjson.Unmarshal(j, &v); err != nil {
			t.Fatal(err)
		}
		if v == nil || skipped(v) {
			continue
		}
		if items, ok := v["items"].([]any); ok && v["kind"] == "List" {
			for _, i := range items {
				out = append(out, i.(map[string]any))
			}
			continue
		}
		out = append(out, v)
	}
	return out
}

func skipped(v map[string]any) bool {
	meta, _ := v["metadata"].(map[string]any)
	ann, _ := meta["annotations"].(map[string]any)
	hook, _ := ann["helm.sh/hook"].(string)
	if hook == "" {
		return false
	}
	for h := range strings.SplitSeq(hook, ",") {
		if !slices.Contains([]string{"test", "test-success", "pre-rollback", "post-rollback"}, strings.TrimSpace(h)) {
			return false
		}
	}
	return true
}

func treeOf(t *testing.T, ar *txtar.Archive) (fstest.MapFS, render.Request) {
	t.Helper()
	tree := fstest.MapFS{}
	req := render.Request{Path: "chart"}
	for _, f := range ar.Files {
		switch f.Name {
		case "expect", "helm":
		case "request.json":
			if err := json.Unmarshal(f.Data, &req); err != nil {
				t.Fatal(err)
			}
		default:
			tree[f.Name] = &fstest.MapFile{Data: f.Data}
		}
	}
	return tree, req
}

// describe writes a result down: an object is a comment with its origin and its YAML.
func describe(t *testing.T, res render.Result, err error) string {
	t.Helper()
	var b strings.Builder
	if err != nil {
		var f *fault.Error
		if !errors.As(err, &f) {
			t.Fatalf("an error without a class: %v", err)
		}
		fmt.Fprintf(&b, "%s %s\n%s\n", f.Class, f.Reason, f.Error())
		if f.Next != "" {
			fmt.Fprintf(&b, "next: %s\n", f.Next)
		}
		return b.String()
	}
	for _, w := range res.Warnings {
		fmt.Fprintf(&b, "# warning: %s\n", w)
	}
	for _, a := range res.AskedAPIs {
		fmt.Fprintf(&b, "# asked: %s\n", a)
	}
	for _, o := range res.Objects {
		fmt.Fprintf(&b, "---\n# %s:%d document %d\n", o.Origin.File, o.Origin.Line, o.Origin.Document)
		for _, r := range o.Random {
			fmt.Fprintf(&b, "# random: %s\n", r)
			blank(o.Body, r)
		}
		y, err := yaml.Marshal(o.Body)
		if err != nil {
			t.Fatal(err)
		}
		b.Write(y)
	}
	return b.String()
}

// blank replaces a random leaf, so that goldens hold still.
func blank(body map[string]any, p string) {
	steps := strings.Split(strings.TrimPrefix(p, "."), ".")
	for _, s := range steps[:len(steps)-1] {
		next, ok := body[s].(map[string]any)
		if !ok {
			return
		}
		body = next
	}
	body[steps[len(steps)-1]] = "RANDOM"
}

func runHelm(t *testing.T, tree fstest.MapFS, req render.Request) string {
	t.Helper()
	dir := t.TempDir()
	for name, f := range tree {
		p := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, f.Data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.CommandContext(t.Context(), *record, helmArgs(t, dir, req)...)
	cmd.Env = append(os.Environ(), "HOME="+t.TempDir(), "TZ=UTC")
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("helm: %v\n%s", err, stderr.String())
	}
	return stdout.String()
}

func helmArgs(t *testing.T, dir string, req render.Request) []string {
	t.Helper()
	chart := req.Path
	if req.Helm.Chart != "" {
		chart = req.Helm.Chart
	}
	name := req.Helm.ReleaseName
	if name == "" {
		name = "release-name"
	}
	args := []string{"template", name, filepath.Join(dir, chart)}
	flagged := func(flag string, values ...string) {
		for _, v := range values {
			args = append(args, flag, v)
		}
	}
	if !req.Helm.SkipCRDs {
		args = append(args, "--include-crds")
	}
	if req.Helm.IsUpgrade {
		args = append(args, "--is-upgrade")
	}
	if req.Target.Namespace != "" {
		flagged("--namespace", req.Target.Namespace)
	}
	if req.Target.KubeVersion != "" {
		flagged("--kube-version", req.Target.KubeVersion)
	}
	flagged("--api-versions", req.Target.APIVersions...)
	for _, v := range req.Helm.ValuesFiles {
		base := filepath.Join(dir, chart)
		if strings.HasPrefix(v, "/") || strings.HasPrefix(v, "$") {
			base = dir
		}
		flagged("--values", filepath.Join(base, v))
	}
	if len(req.Helm.Values) > 0 {
		b, err := yaml.Marshal(req.Helm.Values)
		if err != nil {
			t.Fatal(err)
		}
		p := filepath.Join(t.TempDir(), "inline.yaml")
		if err := os.WriteFile(p, b, 0o644); err != nil {
			t.Fatal(err)
		}
		flagged("--values", p)
	}
	flagged("--set", req.Helm.Set...)
	flagged("--set-string", req.Helm.SetString...)
	for _, s := range req.Helm.SetFile {
		key, p, _ := strings.Cut(s, "=")
		flagged("--set-file", key+"="+filepath.Join(dir, chart, p))
	}
	return args
}

func has(ar *txtar.Archive, name string) bool {
	return slices.ContainsFunc(ar.Files, func(f txtar.File) bool { return f.Name == name })
}

func section(ar *txtar.Archive, name string) string {
	for _, f := range ar.Files {
		if f.Name == name {
			return string(f.Data)
		}
	}
	return ""
}

func set(ar *txtar.Archive, name, text string) {
	for i := range ar.Files {
		if ar.Files[i].Name == name {
			ar.Files[i].Data = []byte(text)
			return
		}
	}
	ar.Files = append(ar.Files, txtar.File{Name: name, Data: []byte(text)})
}

func write(t *testing.T, file string, ar *txtar.Archive) {
	t.Helper()
	if err := os.WriteFile(file, txtar.Format(ar), 0o644); err != nil {
		t.Fatal(err)
	}
}
