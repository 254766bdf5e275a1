package helm

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"plumb.cd/plumb/internal/fault"
)

// Helm's template errors are text: the type of text/template's own error does not come through, and the line is only in
// the text. These are its forms: "parse error at (FILE:LINE): CAUSE", "execution error at (FILE:LINE:COLUMN): CAUSE", and
// a stack of "FILE:LINE:COLUMN", "  executing ... at <...>:", "    CAUSE"; and text/template's own chain of
// "template: FILE:LINE:COLUMN: executing ... at <...>: error calling ...: " on one line, where Helm could not take it apart.
var (
	inParentheses = regexp.MustCompile(`(?s)^(parse error|execution error) (?:at|in) \(([^()]+?):(\d+)(?::\d+)?\): (.*)$`)
	stackLine     = regexp.MustCompile(`(?m)^(\S.*?):(\d+)(?::\d+)?$`)
	chainLink     = regexp.MustCompile(`template: ([^\s:]+):(\d+)(?::\d+)?: `)
	chainStep     = regexp.MustCompile(`^executing "[^"]*" at <.*?>: (?:error calling \w+: )?`)
	tplText       = regexp.MustCompile(`(?s)(error during tpl function execution for|cannot parse template) "(?:[^"\\]|\\.)*": `)
)

// maxCause bounds what is kept of Helm's own words: a recursion makes them long.
const maxCause = 4096

// tplName is what Helm calls the text given to tpl. The text itself is taken out of every message: it is often a value.
const tplName = "gotpl"

// templateFault turns an error of Helm's engine into one that names file, line and cause.
func templateFault(err error, places map[string]place) error {
	if f := new(fault.Error); errors.As(err, &f) {
		return f
	}
	text := tplText.ReplaceAllString(err.Error(), "")
	err = errors.New(text[:min(len(text), maxCause)])
	if m := inParentheses.FindStringSubmatch(text); m != nil {
		reason := fault.RenderFailed
		if m[1] == "parse error" {
			reason = fault.SyntaxInvalid
		}
		return &fault.Error{Class: fault.Invalid, Reason: reason, Where: spot(places, m[2], m[3]), Message: strings.TrimSpace(m[4]), Err: err}
	}
	frames, msg := stackLine.FindAllStringSubmatch(text, -1), cause(text)
	if links := chainLink.FindAllStringSubmatchIndex(text, -1); len(frames) == 0 && len(links) > 0 {
		frames = chainLink.FindAllStringSubmatch(text, -1)
		msg = chainStep.ReplaceAllString(text[links[len(links)-1][1]:], "")
	}
	if len(frames) == 0 {
		return &fault.Error{Class: fault.Invalid, Reason: fault.RenderFailed, Message: "the templates cannot be rendered: " + msg, Err: err}
	}
	inner, outer := frames[len(frames)-1], frames[0]
	if inner[1] == tplName {
		msg = fmt.Sprintf("in line %s of a text given to tpl: %s", inner[2], msg)
		for len(frames) > 1 && inner[1] == tplName {
			frames = frames[:len(frames)-1]
			inner = frames[len(frames)-1]
		}
	}
	if inner[0] != outer[0] {
		msg += fmt.Sprintf(" (included from %s)", spot(places, outer[1], outer[2]))
	}
	return &fault.Error{Class: fault.Invalid, Reason: fault.RenderFailed, Where: spot(places, inner[1], inner[2]), Message: msg, Err: err}
}

// cause is the innermost message of a stack of frames.
func cause(text string) string {
	return strings.TrimPrefix(lastLine(text), "template: ")
}

func lastLine(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.TrimSpace(lines[len(lines)-1])
}

func spot(places map[string]place, name, line string) string {
	if p, ok := places[name]; ok {
		name = p.file
	}
	return name + ":" + line
}

// yamlLine finds the line in a YAML library's message; its errors have no field for it.
var yamlLine = regexp.MustCompile(`yaml: line (\d+): `)

// yamlFault names the file of a YAML error. The line in what is the line within the text that was parsed.
func yamlFault(where, what string, err error) error {
	text := err.Error()
	if i := strings.LastIndex(text, "yaml: "); i >= 0 {
		text = text[i:]
	}
	msg := fmt.Sprintf("%s is no valid YAML: %s", what, strings.TrimPrefix(text, "yaml: "))
	if errors.Is(err, errNoObject) {
		msg = fmt.Sprintf("%s cannot be applied: %v", what, err)
		return &fault.Error{Class: fault.Invalid, Reason: fault.ObjectInvalid, Where: where, Message: msg, Err: err}
	}
	if m := yamlLine.FindStringSubmatch(text); m != nil && !strings.Contains(where, ":") {
		where += ":" + m[1]
	}
	return &fault.Error{Class: fault.Invalid, Reason: fault.SyntaxInvalid, Where: where, Message: msg, Err: err}
}

// loadFault turns an error of Helm's loader into one that names the file.
func loadFault(err error, s *source) error {
	text := err.Error()
	for _, file := range []string{"Chart.yaml", "values.yaml", "Chart.lock", "requirements.yaml", "requirements.lock"} {
		if strings.HasPrefix(text, "cannot load "+file) {
			return yamlFault(s.where(file), file, err)
		}
	}
	reason := fault.RenderFailed
	if strings.Contains(text, "yaml: ") {
		reason = fault.SyntaxInvalid
	}
	return &fault.Error{Class: fault.Invalid, Reason: reason, Where: s.where("Chart.yaml"), Message: "the chart cannot be loaded: " + text, Err: err}
}
