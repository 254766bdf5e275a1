package archtest

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "plumb.cd/plumb"

// listed is one package of this module, as go list tells it.
type listed struct {
	ImportPath string
	Imports    []string
	Deps       []string // direct and indirect
}

// short is the path below the module.
func (p listed) short() string { return strings.TrimPrefix(p.ImportPath, module+"/") }

func root(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

func packages(t *testing.T) []listed {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-e", "-json=ImportPath,Imports,Deps", "./...")
	cmd.Dir = root(t)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	raw, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, stderr.String())
	}
	var out []listed
	for dec := json.NewDecoder(bytes.NewReader(raw)); ; {
		var p listed
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return out
		} else if err != nil {
			t.Fatal(err)
		}
		out = append(out, p)
	}
}

// matches reports whether a package (short path, or import path of another module) is meant by a pattern.
func matches(pattern, pkg string) bool {
	if base, ok := strings.CutSuffix(pattern, "/..."); ok {
		return pkg == base || strings.HasPrefix(pkg, base+"/")
	}
	return pkg == pattern
}

func (r rule) covers(pkg string) bool {
	return matches(r.from, pkg) && !slices.ContainsFunc(r.except, func(e string) bool { return matches(e, pkg) })
}

func TestImports(t *testing.T) {
	all := packages(t)
	for _, p := range all {
		for _, r := range rules {
			if r.covers(p.short()) {
				for _, complaint := range r.check(p) {
					t.Error(complaint)
				}
			}
		}
	}
}

// check gives what p imports against the rule.
func (r rule) check(p listed) []string {
	var out []string
	for _, b := range r.never {
		list, how := p.Imports, " imports "
		if b.through {
			list, how = p.Deps, " depends on "
		}
		for _, imported := range list {
			if name := strings.TrimPrefix(imported, module+"/"); matches(b.path, name) {
				out = append(out, p.short()+how+name+": "+b.reason)
			}
		}
	}
	if r.may == nil {
		return out
	}
	list := p.Imports
	if r.pure {
		list = p.Deps
	}
	for _, imported := range list {
		name, ours := strings.CutPrefix(imported, module+"/")
		if ours && !slices.Contains(r.may, name) {
			out = append(out, p.short()+" imports "+name+", and may import of this module: "+strings.Join(r.may, ", "))
		}
	}
	return out
}

// TestTableNamesWhatExists keeps a rename from disarming a rule.
func TestTableNamesWhatExists(t *testing.T) {
	known := map[string]bool{"math/rand": true, "math/rand/v2": true}
	for _, p := range packages(t) {
		known[p.short()] = true
		for _, d := range p.Deps {
			known[d] = true
		}
	}
	exists := func(pattern string) bool {
		for k := range known {
			if matches(pattern, k) {
				return true
			}
		}
		return false
	}
	for _, r := range rules {
		named := append(slices.Clone(r.except), r.from)
		named = append(named, r.may...)
		for _, b := range r.never {
			named = append(named, b.path)
		}
		for _, n := range named {
			if !exists(n) {
				t.Errorf("the rule for %s names %s, which does not exist (any more)", r.from, n)
			}
		}
	}
}

func TestEveryPackageHasARule(t *testing.T) {
	free := []string{"internal/archtest", "internal/daemon", "internal/install", "cmd/...", "config", "bench/...", "demo/...", "hack/...", "test/..."}
	free = append(free, testSupport...)
	for _, p := range packages(t) {
		name := p.short()
		ruled := slices.ContainsFunc(rules, func(r rule) bool { return r.from != "internal/..." && r.covers(name) })
		if !ruled && !slices.ContainsFunc(free, func(f string) bool { return matches(f, name) }) {
			t.Errorf("%s is not in the table", name)
		}
	}
}

// TestNoPackageIsNamedForNothing: a name says what is inside.
func TestNoPackageIsNamedForNothing(t *testing.T) {
	banned := []string{"pkg", "util", "utils", "common", "helper", "helpers", "types", "misc", "shared", "base"}
	for _, p := range packages(t) {
		for _, part := range strings.Split(p.short(), "/") {
			if slices.Contains(banned, part) {
				t.Errorf("%s: %q says nothing about what is inside", p.short(), part)
			}
		}
	}
}

// TestTheRulesBite holds the checks against packages that break them.
func TestTheRulesBite(t *testing.T) {
	client := "k8s.io/client-go/dynamic"
	tests := map[string]struct {
		pkg  listed
		want string
	}{
		"a direct import that is banned": {
			listed{ImportPath: module + "/internal/plan", Imports: []string{client}, Deps: []string{client}}, "internal/plan depends on " + client,
		},
		"one that another package drags in": {
			listed{ImportPath: module + "/internal/health", Deps: []string{client}}, "internal/health depends on " + client,
		},
		"a package of ours that a pure one reaches": {
			listed{ImportPath: module + "/internal/drift", Deps: []string{module + "/internal/git"}}, "internal/drift imports internal/git",
		},
		"a package below a banned one": {
			listed{ImportPath: module + "/internal/server", Deps: []string{module + "/internal/controller/app"}}, "internal/server depends on internal/controller/app",
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, r := range rules {
				if r.covers(tt.pkg.short()) {
					got = append(got, r.check(tt.pkg)...)
				}
			}
			if !slices.ContainsFunc(got, func(s string) bool { return strings.HasPrefix(s, tt.want) }) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
	if !matches("a/...", "a") || !matches("a/...", "a/b") || matches("a/...", "ab") || matches(path.Join("a", "b"), "a") {
		t.Error("patterns do not match what they should")
	}
}
