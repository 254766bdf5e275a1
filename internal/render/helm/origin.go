package helm

import (
	"path"
	"slices"
	"strings"
	"time"

	chart "helm.sh/helm/v4/pkg/chart/v2"
)

// origins remembers where in the tree files were read. A file carries its index as modification time (nanoseconds since
// the epoch, plus one): Helm's loader keeps that, whatever it makes of the file's name, and no template sees it.
type origins struct {
	read []readFile
}

type readFile struct {
	path string
	data []byte
}

func (o *origins) tag(p string, data []byte) time.Time {
	o.read = append(o.read, readFile{p, data})
	return time.Unix(0, int64(len(o.read)))
}

// of gives the path of a file that came from a directory of the tree. Files of archives have times of their own, so the
// bytes must be the very same ones.
func (o *origins) of(f *chartFile) (string, bool) {
	n := f.ModTime.UnixNano()
	if n < 1 || n > int64(len(o.read)) || len(f.Data) == 0 {
		return "", false
	}
	r := o.read[n-1]
	if len(r.data) != len(f.Data) || &r.data[0] != &f.Data[0] {
		return "", false
	}
	return r.path, true
}

// place is where a rendered file comes from.
type place struct {
	file   string // path in the repository; Helm's own name of the file for what lies in an archive
	source []byte
}

// places maps Helm's names of templates and CRD files to where they come from.
func (s *source) places(ch *chart.Chart) map[string]place {
	out := map[string]place{}
	s.origins.collect(ch, out)
	return out
}

func (o *origins) collect(ch *chart.Chart, out map[string]place) {
	base := ch.ChartFullPath()
	add := func(f *chartFile) {
		name := path.Join(base, f.Name)
		p := place{file: name, source: f.Data}
		if inTree, ok := o.of(f); ok {
			p.file = inTree
		}
		out[name] = p
	}
	for _, f := range ch.Templates {
		add(f)
	}
	for _, f := range ch.Files {
		if strings.HasPrefix(f.Name, "crds/") {
			add(f)
		}
	}
	for _, d := range ch.Dependencies() {
		o.collect(d, out)
	}
}

// line says where in the template document doc begins, counting from 1; kinds are the kinds of the documents that the
// template rendered to. It is exact where the template has as many documents as its output, or names the kind as often;
// a loop's documents all begin where the loop's one does. Otherwise it is 1.
func (p place) line(doc int, kinds []string) int {
	chunks := sourceChunks(string(p.source))
	if len(chunks) == len(kinds) {
		return chunks[doc].line
	}
	kind, nth, of := kinds[doc], 0, 0
	for i, k := range kinds {
		if k == kind {
			of++
			if i < doc {
				nth++
			}
		}
	}
	chunks = slices.DeleteFunc(chunks, func(c chunk) bool { return !c.names(kind) })
	switch len(chunks) {
	case 1:
		return chunks[0].line
	case of:
		return chunks[nth].line
	}
	return 1
}

type chunk struct {
	line int // first line that says something, from 1
	text string
}

func (c chunk) names(kind string) bool { return kindOf(c.text) == kind }

// kindOf finds the kind in the text of a document or a template, without parsing it.
func kindOf(text string) string {
	for l := range strings.Lines(text) {
		if v, ok := strings.CutPrefix(l, "kind:"); ok {
			return strings.Trim(strings.TrimSpace(v), `"'`)
		}
	}
	return ""
}

// sourceChunks cuts a template at its separators and leaves out what can render to nothing but white space: blank lines,
// comments, and lines that are template actions alone.
func sourceChunks(src string) []chunk {
	var out []chunk
	var cur chunk
	n, comment := 0, false
	for l := range strings.Lines(src) {
		n++
		t := strings.TrimSpace(l)
		if strings.HasPrefix(l, "---") {
			if cur.line > 0 {
				out = append(out, cur)
			}
			cur = chunk{}
			t = strings.TrimSpace(strings.TrimLeft(t, "-"))
		}
		cur.text += l
		silent := comment || t == "" || strings.HasPrefix(t, "#") || actionOnly(t)
		comment = inComment(t, comment)
		if !silent && cur.line == 0 {
			cur.line = n
		}
	}
	if cur.line > 0 {
		out = append(out, cur)
	}
	return out
}

// actionOnly tells control lines such as "{{- if .Values.x }}" from lines that print, such as "{{ include "x" . }}".
func actionOnly(t string) bool {
	rest, ok := strings.CutPrefix(t, "{{")
	if !ok {
		return false
	}
	rest = strings.TrimLeft(strings.TrimPrefix(rest, "-"), " ")
	for _, word := range []string{"if", "else", "end", "range", "with", "define", "$", "/*", "break", "continue", "block"} {
		if strings.HasPrefix(rest, word) {
			return true
		}
	}
	return false
}

func inComment(t string, inside bool) bool {
	if open := strings.LastIndex(t, "/*"); open >= 0 {
		inside = open > strings.LastIndex(t, "*/")
	} else if strings.Contains(t, "*/") {
		inside = false
	}
	return inside
}
