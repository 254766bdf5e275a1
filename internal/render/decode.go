package render

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"plumb.cd/plumb/internal/fault"
)

// Document is one document of a YAML or JSON file.
type Document struct {
	Value any // map[string]any for an object; nil for an empty document
	Line  int // of its first line that is neither a comment nor a separator
	Index int // among the documents of the file, empty ones counted, from 0
}

// Decode reads every document of a YAML or JSON file as kubectl reads them. Errors name file and line.
func Decode(file string, data []byte) ([]Document, error) {
	if i := bytes.IndexByte(data, 0); i >= 0 {
		return nil, syntax(file, 1+bytes.Count(data[:i], newline), "a NUL byte: the file is not text")
	}
	if first := bytes.TrimLeft(data, " \t\r\n\ufeff"); len(first) > 0 && first[0] == '{' {
		if docs, err := decodeJSON(file, data); err == nil {
			return docs, nil
		} else if strings.HasSuffix(file, ".json") {
			return nil, err
		}
	}
	return decodeYAML(file, data)
}

var newline = []byte{'\n'}

func decodeYAML(file string, data []byte) (docs []Document, err error) {
	dec := yaml.NewDecoder(bytes.NewReader(data))
	for index := 0; ; index++ {
		var n yaml.Node
		err := safeDecode(dec, &n)
		if errors.Is(err, io.EOF) {
			return docs, nil
		}
		if err != nil {
			line, message := yamlError(data, err)
			return nil, syntax(file, line, message)
		}
		v, err := NodeValue(&n, Kubectl)
		if err != nil {
			return nil, Placed(file, 0, err)
		}
		docs = append(docs, Document{Value: v, Line: nodeLine(&n), Index: index})
	}
}

// safeDecode keeps a panic of the parser on foreign bytes from being anything but a syntax error.
func safeDecode(dec *yaml.Decoder, n *yaml.Node) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("yaml: not parsable: %v", r)
		}
	}()
	return dec.Decode(n)
}

func nodeLine(n *yaml.Node) int {
	if n.Kind == yaml.DocumentNode && len(n.Content) > 0 {
		return n.Content[0].Line
	}
	return n.Line
}

var (
	lineOf  = regexp.MustCompile(`^(?:yaml: )?(?:line (\d+): )?(?s:(.*))$`)
	anchor  = regexp.MustCompile(`^unknown anchor '(.*)' referenced`)
	grammar = regexp.MustCompile(`^did not find expected (<.*>|node content|key|'-' indicator|',' or ']'|',' or '}')$`)
)

// yamlError takes apart the library's message, which is the only form that it gives a position in: none for the first
// line and for unknown anchors, one too few for errors of grammar.
func yamlError(data []byte, err error) (line int, message string) {
	m := lineOf.FindStringSubmatch(err.Error())
	line, _ = strconv.Atoi(m[1])
	message = m[2]
	switch {
	case anchor.MatchString(message):
		if i := bytes.Index(data, []byte("*"+anchor.FindStringSubmatch(message)[1])); i >= 0 {
			line = 1 + bytes.Count(data[:i], newline)
		}
	case line == 0, grammar.MatchString(message):
		line++
	}
	return min(line, 1+bytes.Count(data, newline)), "invalid YAML: " + message
}

func syntax(file string, line int, message string) error {
	return &fault.Error{Class: fault.Invalid, Reason: fault.SyntaxInvalid, Where: At(file, line), Message: message}
}

// At is "file:line", or the file alone where the line is unknown.
func At(file string, line int) string {
	if line <= 0 {
		return file
	}
	return file + ":" + strconv.Itoa(line)
}

// Placed turns an error of NodeValue into a fault at its place in file, whose lines start after the given one.
func Placed(file string, after int, err error) error {
	var p *PlacedError
	if !errors.As(err, &p) {
		return syntax(file, 0, err.Error())
	}
	line := p.Line
	if line > 0 {
		line += after
	}
	return syntax(file, line, p.Message)
}

func decodeJSON(file string, data []byte) ([]Document, error) {
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	d := jsonReader{dec: json.NewDecoder(bytes.NewReader(data)), data: data}
	d.dec.UseNumber()
	var docs []Document
	for index := 0; ; index++ {
		start := d.dec.InputOffset()
		v, err := d.value(0)
		if errors.Is(err, io.EOF) && len(bytes.TrimSpace(data[start:])) == 0 {
			return docs, nil
		}
		if err != nil {
			return nil, d.fault(file, err)
		}
		docs = append(docs, Document{Value: v, Line: d.line(start), Index: index})
	}
}

// jsonReader reads JSON token by token, because duplicate keys show nowhere else.
type jsonReader struct {
	dec  *json.Decoder
	data []byte
}

// line is that of the first character after offset that is not white space.
func (d *jsonReader) line(offset int64) int {
	rest := d.data[offset:]
	skipped := len(rest) - len(bytes.TrimLeft(rest, " \t\r\n"))
	return 1 + bytes.Count(d.data[:int(offset)+skipped], newline)
}

func (d *jsonReader) fault(file string, err error) error {
	offset := d.dec.InputOffset()
	var bad *json.SyntaxError
	if errors.As(err, &bad) {
		offset = min(max(bad.Offset-1, 0), int64(len(d.data)))
	}
	line := 1 + bytes.Count(d.data[:offset], newline)
	var p *PlacedError
	if errors.As(err, &p) {
		return syntax(file, line, p.Message)
	}
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return syntax(file, line, "invalid JSON: "+err.Error())
}

func (d *jsonReader) value(depth int) (any, error) {
	if depth > maxDepth {
		return nil, &PlacedError{Message: fmt.Sprintf("nested deeper than %d levels", maxDepth)}
	}
	tok, err := d.dec.Token()
	if err != nil {
		return nil, err
	}
	switch t := tok.(type) {
	case json.Delim:
		if t == '{' {
			return d.object(depth)
		}
		return d.array(depth)
	case json.Number:
		return jsonNumber(t)
	default:
		return t, nil
	}
}

func (d *jsonReader) object(depth int) (any, error) {
	m := map[string]any{}
	for d.dec.More() {
		tok, err := d.dec.Token()
		if err != nil {
			return nil, err
		}
		key := tok.(string)
		if _, dup := m[key]; dup {
			return nil, &PlacedError{Message: fmt.Sprintf("duplicate key %q", key)}
		}
		if m[key], err = d.value(depth + 1); err != nil {
			return nil, err
		}
	}
	_, err := d.dec.Token()
	return m, err
}

func (d *jsonReader) array(depth int) (any, error) {
	list := []any{}
	for d.dec.More() {
		v, err := d.value(depth + 1)
		if err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	_, err := d.dec.Token()
	return list, err
}

func jsonNumber(n json.Number) (any, error) {
	if i, err := n.Int64(); err == nil {
		return i, nil
	}
	f, err := n.Float64()
	if err != nil {
		return nil, &PlacedError{Message: fmt.Sprintf("%s is not a number of 64 bits", n)}
	}
	return Number(f), nil
}

// FromJSON reads one JSON value as NodeValue would give it. Duplicate keys are refused.
func FromJSON(data []byte) (any, error) {
	d := jsonReader{dec: json.NewDecoder(bytes.NewReader(data)), data: data}
	d.dec.UseNumber()
	return d.value(0)
}
