package blame

import (
	"bytes"
	"cmp"
	"errors"
	"io"
	"path"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// By says what kind of place sets a field.
type By string

// The kinds of places.
const (
	Manifest    By = "manifest"
	Overlay     By = "overlay" // a kustomization
	Patch       By = "patch"
	Values      By = "values"
	Template    By = "template"
	Program     By = "program" // Jsonnet, CUE
	App         By = "app"     // the App's own spec
	Transformer By = "transformer"
)

// File is one input of a render.
type File struct {
	Path    string
	Content []byte
	By      By // empty: told by its name
}

// Place is where a value is written that may be the field's.
type Place struct {
	File    string
	Line    int // from 1
	By      By
	Changed []byte // the file with Mark in its place
	Mark    string // what is written there then; a field that the place sets has it in its value
	Whole   bool   // the place has all of the value, not a part of it
	score   int
}

// maxPlaces bounds the places of one field, the likeliest first; maxFile the files that are searched.
const (
	maxPlaces = 20
	maxFile   = 1 << 20
)

// Places proposes where the value of a field is written, the likeliest first.
func Places(files []File, leaf Leaf) []Place {
	value, ok := leaf.text()
	if !ok {
		return nil
	}
	var out []Place
	for _, f := range files {
		if len(f.Content) > maxFile || !utf8.Valid(f.Content) {
			continue
		}
		by := cmp.Or(f.By, byName(f.Path))
		found, data := words(f, by)
		if !data {
			out = append(out, near(f, by, leaf, value)...)
		}
		for _, w := range found {
			if p, ok := w.place(f, by, leaf, value); ok {
				out = append(out, p)
			}
		}
	}
	slices.SortStableFunc(out, func(a, b Place) int { return b.score - a.score })
	return out[:min(len(out), maxPlaces)]
}

func byName(p string) By {
	base := path.Base(p)
	switch ext := path.Ext(base); {
	case base == "kustomization.yaml" || base == "kustomization.yml" || base == "Kustomization":
		return Overlay
	case ext == ".tpl" || strings.Contains("/"+p, "/templates/"):
		return Template
	case ext == ".jsonnet" || ext == ".libsonnet" || ext == ".cue":
		return Program
	case strings.Contains(base, "values") || base == "Chart.yaml":
		return Values
	case strings.Contains(p, "patch"):
		return Patch
	}
	return Manifest
}

// word is one value in a file: text at a position.
type word struct {
	text       string
	start, end int // bytes of the file
	line       int
	keys       []string // on the way to it, where the file is data
}

// words lists the scalars of a file that is data: YAML or JSON. Others are searched by value.
func words(f File, by By) (found []word, data bool) {
	if by == Template || by == Program || bytes.Contains(f.Content, []byte("{{")) {
		return nil, false
	}
	return scalars(f.Content, lineStarts(f.Content))
}

func lineStarts(b []byte) []int {
	out := []int{0}
	for i, c := range b {
		if c == '\n' {
			out = append(out, i+1)
		}
	}
	return out
}

// scalars reads all documents of a YAML or JSON file.
func scalars(b []byte, lines []int) ([]word, bool) {
	var out []word
	for dec := yaml.NewDecoder(bytes.NewReader(b)); ; {
		var doc yaml.Node
		if err := dec.Decode(&doc); errors.Is(err, io.EOF) {
			return out, true
		} else if err != nil {
			return nil, false
		}
		collect(&doc, nil, b, lines, &out)
	}
}

func collect(n *yaml.Node, keys []string, b []byte, lines []int, out *[]word) {
	switch n.Kind {
	case yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			collect(n.Content[i+1], append(slices.Clip(keys), n.Content[i].Value), b, lines, out)
		}
	case yaml.ScalarNode:
		*out = append(*out, locate(n, keys, b, lines)...)
	default:
		for _, c := range n.Content {
			collect(c, keys, b, lines, out)
		}
	}
}

// locate finds the bytes of a scalar. One of several lines gives the lines' own words.
func locate(n *yaml.Node, keys []string, b []byte, lines []int) []word {
	if n.Line < 1 || n.Line > len(lines) {
		return nil
	}
	start := lines[n.Line-1] + columnBytes(b[lines[n.Line-1]:], n.Column-1)
	if n.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0 {
		return block(n, keys, b, lines)
	}
	if n.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle) != 0 {
		start++
	}
	if n.Value == "" || !bytes.HasPrefix(b[min(start, len(b)):], []byte(n.Value)) {
		return nil
	}
	return []word{{text: n.Value, start: start, end: start + len(n.Value), line: n.Line, keys: keys}}
}

// columnBytes is how many bytes n characters take.
func columnBytes(b []byte, n int) int {
	at := 0
	for range n {
		_, size := utf8.DecodeRune(b[at:])
		at += size
	}
	return at
}

// block reads a block scalar as YAML of its own, where it is: inline patches are.
func block(n *yaml.Node, keys []string, b []byte, lines []int) []word {
	count := strings.Count(strings.TrimRight(n.Value, "\n"), "\n") + 1
	first := n.Line // the line after the | is the first one of the text
	if first >= len(lines) {
		return nil
	}
	last := min(first+count, len(lines)-1)
	from, to := lines[first], len(b)
	if last < len(lines) && last > first {
		to = lines[last]
	}
	var inner yaml.Node
	if yaml.Unmarshal([]byte(n.Value), &inner) == nil && len(inner.Content) == 1 && inner.Content[0].Kind != yaml.ScalarNode {
		var out []word
		text := b[from:to]
		var nested yaml.Node
		if yaml.Unmarshal(text, &nested) == nil {
			collect(&nested, keys, text, lineStarts(text), &out)
			for i := range out {
				out[i].start += from
				out[i].end += from
				out[i].line += first
			}
			return out
		}
	}
	var out []word
	for i := first; i < last; i++ {
		end := len(b)
		if i+1 < len(lines) {
			end = lines[i+1] - 1
		}
		text := strings.TrimSpace(string(b[lines[i]:end]))
		if text == "" {
			continue
		}
		at := lines[i] + strings.Index(string(b[lines[i]:end]), text)
		out = append(out, word{text: text, start: at, end: at + len(text), line: i + 1, keys: keys})
	}
	return out
}

// kustomizeKeys are fields of a kustomization whose value becomes a part of others.
var kustomizeKeys = []string{"namePrefix", "nameSuffix", "newTag", "newName", "digest", "namespace"}

// place makes a Place of a word that may be the field's value, or a part of it.
func (w word) place(f File, by By, leaf Leaf, value string) (Place, bool) {
	whole := w.text == value
	key := ""
	if len(w.keys) > 0 {
		key = w.keys[len(w.keys)-1]
	}
	if !whole && !(strings.Contains(value, w.text) && (len(w.text) > 2 || slices.Contains(kustomizeKeys, key))) {
		return Place{}, false
	}
	p := Place{File: f.Path, Line: w.line, By: by, Mark: mark(w.text), Whole: whole}
	p.Changed = slices.Concat(f.Content[:w.start], []byte(p.Mark), f.Content[w.end:])
	p.score = w.score(by, leaf, whole, key)
	return p, true
}

func (w word) score(by By, leaf Leaf, whole bool, key string) int {
	s := 0
	if whole {
		s += 8
	}
	if key == leaf.last() {
		s += 6
	}
	for i := 2; i <= min(len(w.keys), len(leaf.keys)) && w.keys[len(w.keys)-i] == leaf.keys[len(leaf.keys)-i]; i++ {
		s++
	}
	switch by {
	case App:
		s += 5
	case Overlay, Patch:
		s += 4
	case Values:
		s += 3
	case Manifest, Template, Program, Transformer:
	}
	if slices.Contains(kustomizeKeys, key) {
		s += 2
	}
	return s
}

// mark is another value of the same form.
func mark(text string) string {
	switch text {
	case "true":
		return "false"
	case "false":
		return "true"
	}
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		return strconv.FormatInt(n+7, 10)
	}
	if n, err := strconv.ParseFloat(text, 64); err == nil {
		return strconv.FormatFloat(n+7, 'f', -1, 64)
	}
	return text + "x7q"
}
