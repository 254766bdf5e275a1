package archtest

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const (
	maxFile     = 700 // lines; ask why above 400
	maxFunction = 90  // lines; ask why above 40
	maxMain     = 150 // lines of cmd/plumb
)

// source is one Go file of the repository, other modules in it included.
type source struct {
	name      string // slash-separated path from the root
	text      []byte
	generated bool
}

func (s source) test() bool { return strings.HasSuffix(s.name, "_test.go") }

func (s source) lines() int { return bytes.Count(s.text, []byte("\n")) }

func sources(t *testing.T) []source {
	t.Helper()
	top := root(t)
	var out []source
	err := filepath.WalkDir(top, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == "testdata" || d.Name() == "node_modules" || strings.HasPrefix(d.Name(), ".") && path != top) {
			return fs.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(path, ".go") {
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		name, err := filepath.Rel(top, path)
		if err != nil {
			return err
		}
		out = append(out, source{filepath.ToSlash(name), text, bytes.Contains(text[:min(len(text), 2000)], []byte("\n// Code generated "))})
		return nil
	})
	if err != nil || len(out) < 50 {
		t.Fatalf("%d files, %v", len(out), err)
	}
	return out
}

func TestFilesAndFunctionsStayShort(t *testing.T) {
	main := 0
	for _, s := range sources(t) {
		if s.generated {
			continue
		}
		if n := s.lines(); n > maxFile {
			t.Errorf("%s has %d lines, the most is %d", s.name, n, maxFile)
		}
		if strings.HasPrefix(s.name, "cmd/plumb/") && !s.test() {
			main += s.lines()
		}
		if s.test() {
			continue // tables are long
		}
		set := token.NewFileSet()
		for _, d := range parse(t, set, s).Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok {
				continue
			}
			if n := set.Position(f.End()).Line - set.Position(f.Pos()).Line + 1; n > maxFunction {
				t.Errorf("%s: %s has %d lines, the most is %d", s.name, f.Name.Name, n, maxFunction)
			}
		}
	}
	if main > maxMain {
		t.Errorf("cmd/plumb has %d lines, the most is %d: it is flags and wiring only", main, maxMain)
	}
}

// use is a name of another package that files in some places may not use.
type use struct {
	pkg, name string
	reason    string
	in        func(source) bool
}

func product(s source) bool { return !s.test() && strings.HasPrefix(s.name, "internal/") }

// below gives the product files of some packages.
func below(dirs ...string) func(source) bool {
	return func(s source) bool {
		return product(s) && slices.ContainsFunc(dirs, func(d string) bool { return strings.HasPrefix(s.name, "internal/"+d+"/") })
	}
}

// but leaves some packages out of the product.
func but(dirs ...string) func(source) bool {
	in := below(dirs...)
	return func(s source) bool { return product(s) && !in(s) }
}

var (
	clockFree = below("object", "fault", "plan", "health", "drift", "bundle", "transform", "apply", "convert", "render", "tree", "history", "controller", "server", "signin")
	wiring    = []string{"daemon", "cptest", "gittest", "oidctest"}
)

var uses = []use{
	{"time", "Now", "time arrives as an argument", clockFree},
	{"time", "Since", "time arrives as an argument", clockFree},
	{"time", "Until", "time arrives as an argument", clockFree},
	{"time", "Sleep", "waiting is a state", but("cptest", "gittest")},
	{"time", "Sleep", "a test waits for a condition", source.test},
	{"os", "Getenv", "the environment arrives as an argument", but(wiring...)},
	{"context", "Background", "a context comes from the caller", but(wiring...)},
	{"context", "TODO", "a context comes from the caller", func(source) bool { return true }},
	{"fmt", "Print", "output goes to a stream that was handed in", product},
	{"fmt", "Println", "output goes to a stream that was handed in", product},
	{"fmt", "Printf", "output goes to a stream that was handed in", product},
	{"t", "Skip", "a test that does not run tells nothing", source.test},
	{"t", "Skipf", "a test that does not run tells nothing", source.test},
	{"t", "SkipNow", "a test that does not run tells nothing", source.test},
}

func TestForbiddenUses(t *testing.T) {
	for _, s := range sources(t) {
		if s.generated || strings.HasPrefix(s.name, "internal/archtest/") {
			continue
		}
		set := token.NewFileSet()
		for _, complaint := range forbidden(set, parse(t, set, s), s) {
			t.Error(complaint)
		}
	}
}

func forbidden(set *token.FileSet, file *ast.File, s source) []string {
	var out []string
	ast.Inspect(file, func(n ast.Node) bool {
		sel, ok := n.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		x, ok := sel.X.(*ast.Ident)
		if !ok {
			return true
		}
		for _, u := range uses {
			if x.Name == u.pkg && sel.Sel.Name == u.name && u.in(s) {
				out = append(out, fmt.Sprintf("%s:%d: %s.%s: %s", s.name, set.Position(n.Pos()).Line, u.pkg, u.name, u.reason))
			}
		}
		return true
	})
	return out
}

// TestEveryPackageSaysWhatItIsFor wants one package comment in each package of the product.
func TestEveryPackageSaysWhatItIsFor(t *testing.T) {
	said := map[string]bool{}
	for _, s := range sources(t) {
		if s.test() || s.generated || !strings.HasPrefix(s.name, "internal/") && !strings.HasPrefix(s.name, "api/") {
			continue
		}
		dir := filepath.Dir(s.name)
		said[dir] = said[dir] || parse(t, token.NewFileSet(), s).Doc != nil
	}
	for dir, ok := range said {
		if !ok {
			t.Errorf("%s has no package comment", dir)
		}
	}
}

func TestForbiddenUsesAreFound(t *testing.T) {
	for name, want := range map[string]int{"internal/plan/x.go": 2, "internal/daemon/x.go": 0, "internal/plan/x_test.go": 0, "internal/engine/x.go": 1} {
		s := source{name: name, text: []byte("package x\nvar _ = time.Now\nvar _ = os.Getenv(" + strconv.Quote("HOME") + ")\n")}
		set := token.NewFileSet()
		if got := forbidden(set, parse(t, set, s), s); len(got) != want {
			t.Errorf("%s: %q, want %d", name, got, want)
		}
	}
}

func parse(t *testing.T, set *token.FileSet, s source) *ast.File {
	t.Helper()
	f, err := parser.ParseFile(set, s.name, s.text, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	return f
}
