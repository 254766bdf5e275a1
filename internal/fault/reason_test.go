package fault_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// declared reads the constants of type Reason from their source: what the compiler knows is what must be documented.
func declared(t *testing.T) []string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "reason.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		if kind, ok := spec.Type.(*ast.Ident); !ok || kind.Name != "Reason" {
			t.Errorf("%s is no Reason", spec.Names[0].Name)
			return true
		}
		for i, name := range spec.Names {
			value, err := strconv.Unquote(spec.Values[i].(*ast.BasicLit).Value)
			if err != nil || value != name.Name {
				t.Errorf("%s has the code %q: constant and code are one word", name.Name, value)
			}
			out = append(out, value)
		}
		return true
	})
	if len(out) == 0 {
		t.Fatal("reason.go declares no Reason")
	}
	return out
}

// documented gives the text below each third-level heading of docs/reasons.md, in the order of the headings.
func documented(t *testing.T) (names []string, text map[string]string) {
	t.Helper()
	raw, err := os.ReadFile("../../docs/reasons.md")
	if err != nil {
		t.Fatal(err)
	}
	text = map[string]string{}
	for _, part := range strings.Split("\n"+string(raw), "\n### ")[1:] {
		name, body, _ := strings.Cut(part, "\n")
		body, _, _ = strings.Cut(body, "\n## ")
		if _, twice := text[name]; twice {
			t.Errorf("docs/reasons.md has two headings %s", name)
		}
		names = append(names, name)
		text[name] = strings.TrimSpace(body)
	}
	return names, text
}

func TestEachReasonHasAHeadingInTheDocumentationInTheSameOrder(t *testing.T) {
	code := declared(t)
	docs, text := documented(t)
	for _, r := range code {
		if !slices.Contains(docs, r) {
			t.Errorf("docs/reasons.md has no heading for %s", r)
		} else if text[r] == "" {
			t.Errorf("docs/reasons.md says nothing about %s", r)
		}
	}
	for _, r := range docs {
		if !slices.Contains(code, r) {
			t.Errorf("docs/reasons.md explains %s, which is no Reason", r)
		}
	}
	if !t.Failed() && !slices.Equal(code, docs) {
		t.Errorf("the order differs:\n%s\n%s", strings.Join(code, " "), strings.Join(docs, " "))
	}
}

func TestReasonsAreWordsThatKubernetesAcceptsInConditions(t *testing.T) {
	word := regexp.MustCompile(`^[A-Z][A-Za-z]{1,63}$`)
	for _, r := range declared(t) {
		if !word.MatchString(r) {
			t.Errorf("%q is no word in CamelCase", r)
		}
	}
}
