package kustomize

import (
	"path"
	"strings"

	"go.yaml.in/yaml/v3"
	"sigs.k8s.io/kustomize/api/resource"

	"plumb.cd/plumb/internal/render"
)

// document is the head of one object in a resource file.
type document struct {
	group, kind, namespace, name string
	line, index                  int
}

// outline lists the objects of a resource file. Files in the usual block style are skimmed line by line, which costs
// a fiftieth of parsing them; all others are parsed. A file that does not parse has none.
func outline(name string, data []byte) []document {
	if docs, ok := skim(data); ok {
		return docs
	}
	decoded, err := render.Decode(name, data)
	if err != nil {
		return nil
	}
	var docs []document
	for _, d := range decoded {
		body, ok := d.Value.(map[string]any)
		if !ok {
			continue
		}
		for _, item := range listed(body) {
			id := render.IDOf(item)
			docs = append(docs, document{id.Group, id.Kind, id.Namespace, id.Name, d.Line, d.Index})
		}
	}
	return docs
}

func listed(body map[string]any) []map[string]any {
	items, isList := body["items"].([]any)
	kind, _ := body["kind"].(string)
	if !isList || !strings.HasSuffix(kind, "List") {
		return []map[string]any{body}
	}
	var out []map[string]any
	for _, item := range items {
		if m, ok := item.(map[string]any); ok {
			out = append(out, m)
		}
	}
	return out
}

// skimmer follows the lines of a file in block style.
type skimmer struct {
	docs   []document
	cur    document
	any    bool // the document has content
	inMeta bool
	indent int // of the fields of metadata; 0 not seen yet
}

// skim reads apiVersion, kind and metadata.name where they stand in block style, and reports false for anything that
// it cannot be sure of.
func skim(data []byte) ([]document, bool) {
	s := skimmer{}
	line := 0
	for rest := string(data); rest != ""; {
		var text string
		text, rest, _ = strings.Cut(rest, "\n")
		line++
		if !s.line(strings.TrimRight(text, " \r"), line) {
			return nil, false
		}
	}
	return s.docs, s.end()
}

func (s *skimmer) end() bool {
	ok := !s.any || (s.cur.kind != "" && s.cur.name != "" && !strings.HasSuffix(s.cur.kind, "List"))
	if s.any {
		s.docs = append(s.docs, s.cur)
	}
	s.cur = document{index: s.cur.index + 1}
	s.any, s.inMeta, s.indent = false, false, 0
	return ok
}

func (s *skimmer) line(text string, line int) bool {
	if text == "" || text[0] == '#' {
		return true
	}
	if text == "---" || strings.HasPrefix(text, "--- #") {
		if !s.any && s.cur.index == 0 && len(s.docs) == 0 && s.cur.line == 0 {
			s.cur.line = -1 // the separator that opens the file ends no document
			return true
		}
		return s.end()
	}
	if text[0] == ' ' {
		return s.nested(text)
	}
	if text[0] == '-' {
		return s.any && !s.inMeta // an item of a list that is not indented under its key
	}
	key, value, isField := strings.Cut(text, ":")
	if !isField || strings.ContainsAny(text[:1], "{[}]\"'&*!%@`?|>.,\t\ufeff") {
		return false
	}
	if !s.any {
		s.any, s.cur.line = true, line
	}
	s.inMeta, s.indent = key == "metadata", 0
	return s.head(key, value)
}

func (s *skimmer) head(key, value string) bool {
	v, ok := scalar(value)
	switch key {
	case "kind":
		s.cur.kind = v
	case "apiVersion":
		if group, _, has := strings.Cut(v, "/"); has {
			s.cur.group = group
		}
	case "metadata":
		return ok && v == ""
	default:
		return true
	}
	return ok
}

func (s *skimmer) nested(text string) bool {
	if !s.inMeta {
		return true
	}
	body := strings.TrimLeft(text, " ")
	indent := len(text) - len(body)
	if body[0] == '#' {
		return true
	}
	if s.indent == 0 {
		s.indent = indent
	}
	if indent != s.indent {
		return true
	}
	key, value, _ := strings.Cut(body, ":")
	v, ok := scalar(value)
	switch key {
	case "name":
		s.cur.name = v
		return ok
	case "namespace":
		s.cur.namespace = v
		return ok
	case "<<":
		return false
	}
	return true
}

// scalar reads a plain or simply quoted scalar, and reports false for anything more.
func scalar(s string) (string, bool) {
	s, _, _ = strings.Cut(s, " #")
	s = strings.TrimSpace(s)
	if len(s) >= 2 && (s[0] == '"' || s[0] == '\'') && s[len(s)-1] == s[0] {
		s = s[1 : len(s)-1]
		return s, !strings.ContainsAny(s, `\"'`)
	}
	return s, s == "" || !strings.ContainsAny(s[:1], "{[&*!|>\"'%@`")
}

// withOrigins asks Kustomize, in its own terms, to annotate what it builds with where it came from.
func withOrigins(o *overlay, data []byte) ([]byte, error) {
	if o.root == nil {
		return data, nil
	}
	var doc yaml.Node
	if err := yaml.Unmarshal(data, &doc); err != nil {
		return nil, err
	}
	root := doc.Content[0]
	value := &yaml.Node{Kind: yaml.SequenceNode}
	for _, option := range buildMetadata(o, true).([]string) {
		value.Content = append(value.Content, &yaml.Node{Kind: yaml.ScalarNode, Value: option})
	}
	if old := child(root, "buildMetadata"); old != nil {
		*old = *value
	} else {
		root.Content = append(root.Content, &yaml.Node{Kind: yaml.ScalarNode, Value: "buildMetadata"}, value)
	}
	return yaml.Marshal(&doc)
}

const (
	originsOption    = "originAnnotations"
	originAnnotation = "config.kubernetes.io/origin"
	noAnnotations    = "\x00" // no directory has this name
)

// annotatedFile reads the file out of the origin annotation, which names it from the topmost directory.
func (p *places) annotatedFile(r *resource.Resource) string {
	annotation := r.GetAnnotations(originAnnotation)[originAnnotation]
	var origin struct {
		Path         string `yaml:"path"`
		ConfiguredIn string `yaml:"configuredIn"`
	}
	if yaml.Unmarshal([]byte(annotation), &origin) != nil {
		return ""
	}
	name := origin.Path
	if name == "" {
		name = origin.ConfiguredIn
	}
	if name == "" {
		return ""
	}
	top := path.Join(treeMount, p.dir)
	if p.src.wrapper != nil {
		top = optionsMount
	}
	return strings.TrimPrefix(path.Join(top, name), treeMount+"/")
}
