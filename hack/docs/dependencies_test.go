package main

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// direct gives the modules that a go.mod requires for its own sake.
func direct(t *testing.T, file string) []string {
	t.Helper()
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	line := regexp.MustCompile(`(?m)^(?:require|tool|\s)\s*([a-z0-9./_-]+\.[a-zA-Z0-9./_-]+) v\S+$`)
	for _, m := range line.FindAllStringSubmatch(string(raw), -1) {
		out = append(out, m[1])
	}
	return out
}

func TestEachDirectDependencyHasItsReasonInTheDocumentation(t *testing.T) {
	raw, err := os.ReadFile("../../docs/dependencies.md")
	if err != nil {
		t.Fatal(err)
	}
	doc := string(raw)
	plane, err := os.ReadFile("../../controlplane/go.mod")
	if err != nil {
		t.Fatal(err)
	}
	modules := direct(t, "../../go.mod")
	if len(modules) < 10 {
		t.Fatalf("go.mod was not understood: %v", modules)
	}
	for _, m := range append(modules, direct(t, "../../controlplane/go.mod")...) {
		short := strings.TrimSuffix(m, "/v2")
		short = short[strings.LastIndex(short, "/")+1:]
		staged := strings.Contains(string(plane), m+" => ") || strings.HasPrefix(m, "k8s.io/")
		named := strings.Contains(doc, "`"+m+"`") || staged && strings.Contains(doc, "`"+short+"`") || short == "kyaml"
		if !named {
			t.Errorf("docs/dependencies.md has no line for %s", m)
		}
	}
}
