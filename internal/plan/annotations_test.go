package plan

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"plumb.cd/plumb/internal/object"
)

func annotated(pairs ...string) *unstructured.Unstructured {
	u := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "batch/v1", "kind": "Job"}}
	u.SetName("x")
	m := map[string]string{}
	for i := 0; i < len(pairs); i += 2 {
		m[pairs[i]] = pairs[i+1]
	}
	u.SetAnnotations(m)
	return u
}

func TestParseAnnotations(t *testing.T) {
	const argo, flux = "argocd.argoproj.io/", "kustomize.toolkit.fluxcd.io/"
	hook := func(h HookSpec, p ...Phase) *HookSpec { h.Phases = p; return &h }
	tests := map[string]struct {
		in      []string
		options Options
		hook    *HookSpec
		wave    int
		warns   int
	}{
		"nothing":                      {in: []string{"example.com/note", "x"}},
		"a wave":                       {in: []string{"plumb.cd/wave", "-3"}, wave: -3},
		"our wave wins over another's": {in: []string{"plumb.cd/wave", "1", argo + "sync-wave", "2"}, wave: 1},
		"a live object says the wave it was applied in":      {in: []string{object.AnnotationWave, "4", argo + "sync-wave", "2"}, wave: 4},
		"a wave that is no number":                           {in: []string{argo + "sync-wave", "1.5"}, warns: 1},
		"a bad wave of ours leaves the other's":              {in: []string{"plumb.cd/wave", "x", argo + "sync-wave", "2"}, wave: 2, warns: 1},
		"hook phases in a list":                              {in: []string{"plumb.cd/hook", "before, after"}, hook: hook(HookSpec{DeleteBefore: true}, Before, After)},
		"a hook with clean-up":                               {in: []string{argo + "hook", "Sync", argo + "hook-delete-policy", "HookSucceeded,HookFailed"}, hook: hook(HookSpec{DeleteOnSuccess: true, DeleteOnFailure: true}, Main)},
		"a hook that is never cleaned up":                    {in: []string{"plumb.cd/hook", "on-failure", "plumb.cd/hook-delete", "never"}, hook: hook(HookSpec{}, OnFailure)},
		"a hook for rollbacks":                               {in: []string{"plumb.cd/hook", "before", "plumb.cd/hook-in-rollback", "enabled"}, hook: hook(HookSpec{DeleteBefore: true, InRollback: true}, Before)},
		"helm's install and upgrade hooks are one":           {in: []string{"helm.sh/hook", "pre-install,pre-upgrade", "helm.sh/hook-weight", "-5"}, hook: hook(HookSpec{DeleteBefore: true}, Before), wave: -5},
		"helm's rollback hook beside another does not count": {in: []string{"helm.sh/hook", "pre-rollback,post-upgrade"}, hook: hook(HookSpec{DeleteBefore: true}, After)},
		"helm's tests are skipped":                           {in: []string{"helm.sh/hook", "test"}, options: Options{Unmanaged: true}},
		"helm's rollback hooks are skipped":                  {in: []string{"helm.sh/hook", "pre-rollback,post-rollback"}, options: Options{Unmanaged: true}},
		"helm's crd-install is an ordinary object":           {in: []string{"helm.sh/hook", "crd-install"}},
		"helm's weight means nothing without a hook":         {in: []string{"helm.sh/hook-weight", "7"}},
		"argo's hook wins over helm's":                       {in: []string{argo + "hook", "PostSync", "helm.sh/hook", "pre-install"}, hook: hook(HookSpec{DeleteBefore: true}, After)},
		"our hook makes of a helm test a hook":               {in: []string{"plumb.cd/hook", "after", "helm.sh/hook", "test"}, hook: hook(HookSpec{DeleteBefore: true}, After)},
		"helm's clean-up":                                    {in: []string{"helm.sh/hook", "post-delete", "helm.sh/hook-delete-policy", "before-hook-creation,hook-succeeded"}, hook: hook(HookSpec{DeleteBefore: true, DeleteOnSuccess: true}, AfterDelete)},
		"helm's keep":                                        {in: []string{"helm.sh/resource-policy", "keep"}, options: Options{Prune: Off, Delete: Off}},
		"our word over helm's keep":                          {in: []string{"helm.sh/resource-policy", "keep", "plumb.cd/delete", "enabled"}, options: Options{Prune: Off, Delete: On}},
		"argo's options in a list":                           {in: []string{argo + "sync-options", "Prune=confirm, Delete=false,Replace=true,Force=true,Validate=false,PruneLast=true"}, options: Options{ConfirmPrune: true, Delete: Off, Replace: On, Force: On}},
		"argo's propagation":                                 {in: []string{argo + "sync-options", "PrunePropagationPolicy=foreground"}, options: Options{Propagation: "Foreground"}},
		"argo's compare options":                             {in: []string{argo + "compare-options", "IgnoreExtraneous,ServerSideDiff=true"}, options: Options{IgnoreExtraneous: true}},
		"argo's ignored health":                              {in: []string{argo + "ignore-healthcheck", "true"}, options: Options{IgnoreHealth: true}},
		"flux's merge and force":                             {in: []string{flux + "ssa", "Merge", flux + "force", "Enabled"}, options: Options{Merge: true, Force: On}},
		"flux's create-only":                                 {in: []string{flux + "ssa", "IfNotPresent"}, options: Options{SkipIfExists: true}},
		"flux's ignore":                                      {in: []string{flux + "ssa", "Ignore"}, options: Options{Unmanaged: true}},
		"our enabled keeps flux from disabling":              {in: []string{flux + "force", "enabled", "plumb.cd/force", "disabled"}, options: Options{Force: Off}},
		"ignored fields":                                     {in: []string{"plumb.cd/ignore-fields", ".spec.replicas, /data/x\n.spec.c[name=a].image"}, options: Options{IgnoreFields: []string{".spec.replicas", "/data/x", ".spec.c[name=a].image"}}},
		"ignored fields that are no paths":                   {in: []string{"plumb.cd/ignore-fields", "spec.replicas"}, warns: 1},
		"adoption":                                           {in: []string{"plumb.cd/adopt", "enabled"}, options: Options{Adopt: true}},
		"adoption from an App":                               {in: []string{"plumb.cd/adopt", "apps/old"}, options: Options{AdoptFrom: "apps/old"}},
		"adoption from nowhere":                              {in: []string{"plumb.cd/adopt", "yes"}, warns: 1},
		"dependencies": {
			in: []string{"config.kubernetes.io/depends-on", "apps/namespaces/a/Deployment/b, /Namespace/c,rbac.authorization.k8s.io/ClusterRole/d"},
			options: Options{DependsOn: []object.ID{
				{Group: "apps", Kind: "Deployment", Namespace: "a", Name: "b"}, {Kind: "Namespace", Name: "c"},
				{Group: "rbac.authorization.k8s.io", Kind: "ClusterRole", Name: "d"},
			}},
		},
		"dependencies that are none": {in: []string{"config.kubernetes.io/depends-on", "Deployment/b"}, warns: 1},
		"detach and keep":            {in: []string{"client.lifecycle.config.k8s.io/deletion", "detach"}, options: Options{Prune: Off, Delete: Off}},
		"a key of ours nobody knows": {in: []string{"plumb.cd/wvae", "1"}, warns: 1},
		"a value nobody knows":       {in: []string{argo + "hook", "PreSink"}, warns: 1},
		"one bad value of a list":    {in: []string{argo + "hook", "PreSink,PreSync"}, hook: hook(HookSpec{DeleteBefore: true}, Before), warns: 1},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			o, h, wave, warnings := ParseAnnotations(annotated(tt.in...))
			if d := cmp.Diff(tt.options, o); d != "" {
				t.Error(d)
			}
			if d := cmp.Diff(tt.hook, h); d != "" {
				t.Error(d)
			}
			if wave != tt.wave || len(warnings) != tt.warns {
				t.Errorf("wave %d, want %d; warnings %q, want %d", wave, tt.wave, warnings, tt.warns)
			}
			for _, w := range warnings {
				if !strings.HasPrefix(w, "Job.batch/x: ") {
					t.Errorf("warning %q does not name the object", w)
				}
			}
		})
	}
}

func TestFluxKeysCountAsLabelsToo(t *testing.T) {
	u := annotated()
	u.SetLabels(map[string]string{"kustomize.toolkit.fluxcd.io/prune": "disabled", "helm.sh/resource-policy": "keep"})
	if o, _, _, _ := ParseAnnotations(u); o.Prune != Off {
		t.Errorf("got %+v", o)
	}
}

// TestEveryValueOfTheTableIsUnderstood holds the table to itself: each literal value parses without a warning, and each
// that has an effect changes something.
func TestEveryValueOfTheTableIsUnderstood(t *testing.T) {
	for _, a := range table {
		for _, c := range a.choices {
			in := annotated(a.key, c.value)
			if strings.Contains(a.key, "hook-") {
				in = annotated(a.key, c.value, "plumb.cd/hook", "before")
			}
			base, baseHook, _, _ := ParseAnnotations(annotated("plumb.cd/hook", "before"))
			if !strings.Contains(a.key, "hook-") {
				base, baseHook = Options{}, nil
			}
			o, h, _, warnings := ParseAnnotations(in)
			if len(warnings) > 0 {
				t.Errorf("%s: %s: %q", a.key, c.value, warnings)
			}
			same := cmp.Equal(o, base) && cmp.Equal(h, baseHook)
			if !strings.HasSuffix(c.effect, "(the default)") && same != (c.set == nil) && !strings.HasSuffix(c.effect, ": before") {
				t.Errorf("%s: %s: says %q, changes something: %v", a.key, c.value, c.effect, !same)
			}
		}
	}
}

func TestDocumentationHasTheTable(t *testing.T) {
	const begin, end = "<!-- begin: table -->\n", "<!-- end: table -->\n"
	file := filepath.Join("..", "..", "docs", "annotations.md")
	have, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	head, rest, ok := bytes.Cut(have, []byte(begin))
	_, tail, ok2 := bytes.Cut(rest, []byte(end))
	if !ok || !ok2 {
		t.Fatalf("%s lacks the lines %q and %q", file, begin, end)
	}
	want := slices.Concat(head, []byte(begin), []byte(tableText()), []byte(end), tail)
	if bytes.Equal(have, want) {
		return
	}
	if !*update {
		t.Fatalf("%s is not what Annotations says; run the test with -update", file)
	}
	if err := os.WriteFile(file, want, 0o644); err != nil {
		t.Fatal(err)
	}
}

func tableText() string {
	var b strings.Builder
	last := ""
	for _, d := range Annotations() {
		family, _, _ := strings.Cut(d.Key, "/")
		if family != last {
			fmt.Fprintf(&b, "\n### %s\n\n| annotation | value | what it does |\n|---|---|---|\n", family)
			last = family
		}
		fmt.Fprintf(&b, "| `%s` | `%s` | %s |\n", d.Key, d.Value, d.Effect)
	}
	return b.String() + "\n"
}

func FuzzParseAnnotations(f *testing.F) {
	for _, d := range Annotations() {
		f.Add(d.Key, d.Value)
	}
	f.Add("config.kubernetes.io/depends-on", "a/namespaces/b/c/d,,")
	f.Add("plumb.cd/ignore-fields", ",\n,")
	f.Fuzz(func(t *testing.T, key, value string) {
		o, hook, _, warnings := ParseAnnotations(annotated(key, value))
		if hook != nil && len(hook.Phases) == 0 {
			t.Fatal("a hook without a phase")
		}
		for _, id := range o.DependsOn {
			if id.Kind == "" || id.Name == "" {
				t.Fatalf("depends on %v", id)
			}
		}
		known := slices.ContainsFunc(table, func(a annotation) bool { return a.key == key })
		if !known && !strings.HasPrefix(key, ours+"/") && len(warnings) > 0 {
			t.Fatalf("warned about a key that is none of ours: %q", warnings)
		}
	})
}
