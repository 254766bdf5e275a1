package notify

import (
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"net/url"
	"regexp"
	"strings"
	"text/template"
	"text/template/parse"
	"time"
)

// MaxOutput is how many bytes a template may make.
const MaxOutput = 16 << 10

// maxSteps is how many turns of loops, and calls of templates, one execution may take.
const maxSteps = 10_000

var (
	errSteps  = fmt.Errorf("the template takes more than %d steps", maxSteps)
	errOutput = fmt.Errorf("the template makes more than %d bytes", MaxOutput)
	errWidth  = errors.New("printf: a width or precision has at most 3 digits, and none is taken from an argument")
)

// Template is a checked template of a channel. It makes plain text.
type Template struct {
	title, body *template.Template
	verbatim    bool
	json        bool
}

// Form says what a body has to be.
type Form string

const (
	Text     Form = "Text"     // put into the form of the way of delivery
	Verbatim Form = "Verbatim" // the whole body
	JSON     Form = "JSON"     // the whole body, and JSON
)

// View is what a template sees. It is a contract: fields are added, never renamed.
type View struct {
	Event   string // Failed, Deployed ...
	Title   string // in the built-in form
	Text    string // in the built-in form
	At      string // RFC 3339, UTC
	Count   int
	More    int // Count without the Apps that are named
	Apps    []AppView
	Reason  string // of the first App
	Message string
	Next    string
	Again   bool // told before; it lasts
	Flaps   bool // it comes and goes
	Channel string
	ID      string // the same at each try
}

// AppView is an App in a View; or a Repository or Cluster, as Kind says.
type AppView struct {
	Kind, Namespace, Name, Cluster, State, Reason, Message, Next, Object, File, Link string
	Commit                                                                           CommitView
}

// CommitView is a commit in a View.
type CommitView struct{ SHA, Short, Subject, Author, Ref, Repository string }

// Compile reads the templates of a channel, and tries them on each kind of event, so that a missing field shows now.
// Empty ones leave the built-in form; both empty: nil.
func Compile(title, body string, form Form) (*Template, error) {
	if title == "" && body == "" {
		return nil, nil
	}
	t := &Template{verbatim: form != Text, json: form == JSON}
	var err error
	if t.title, err = compile("title", title); err != nil {
		return nil, err
	}
	if t.body, err = compile("template", body); err != nil {
		return nil, err
	}
	return t, t.try()
}

func compile(name, source string) (*template.Template, error) {
	if source == "" {
		return nil, nil
	}
	t, err := template.New(name).Option("missingkey=error").Funcs(functions()).Parse(source)
	if err != nil {
		return nil, err
	}
	for _, each := range t.Templates() {
		if each.Tree != nil && each.Root != nil {
			meter(each.Root)
			each.Root.Nodes = append([]parse.Node{tick(each.Root.Pos)}, each.Root.Nodes...)
		}
	}
	return t, nil
}

// meter has each turn of a loop counted, so that no template runs for long.
func meter(list *parse.ListNode) {
	if list == nil {
		return
	}
	for _, n := range list.Nodes {
		switch n := n.(type) {
		case *parse.RangeNode:
			meter(n.List)
			meter(n.ElseList)
			n.List.Nodes = append([]parse.Node{tick(n.Pos)}, n.List.Nodes...)
		case *parse.IfNode:
			meter(n.List)
			meter(n.ElseList)
		case *parse.WithNode:
			meter(n.List)
			meter(n.ElseList)
		}
	}
}

// tick is {{plumbTick}}, which makes no output.
func tick(at parse.Pos) parse.Node {
	id := parse.NewIdentifier(tickName).SetPos(at)
	cmd := &parse.CommandNode{NodeType: parse.NodeCommand, Pos: at, Args: []parse.Node{id}}
	return &parse.ActionNode{NodeType: parse.NodeAction, Pos: at, Pipe: &parse.PipeNode{NodeType: parse.NodePipe, Pos: at, Cmds: []*parse.CommandNode{cmd}}}
}

const tickName = "plumbTick"

var wide = regexp.MustCompile(`%[^a-zA-Z%]*([0-9]{4}|\*)`)

// functions replace those built-in ones that make text, so that none makes too much, and add a few.
func functions() template.FuncMap {
	bound := func(s string) (string, error) {
		if len(s) > MaxOutput {
			return "", errOutput
		}
		return s, nil
	}
	return template.FuncMap{
		tickName: func() string { return "" }, // replaced for each execution
		"printf": func(format string, args ...any) (string, error) {
			if wide.MatchString(format) {
				return "", errWidth
			}
			return bound(fmt.Sprintf(format, args...))
		},
		"print":    func(args ...any) (string, error) { return bound(fmt.Sprint(args...)) },
		"println":  func(args ...any) (string, error) { return bound(fmt.Sprintln(args...)) },
		"html":     func(args ...any) (string, error) { return bound(html.EscapeString(fmt.Sprint(args...))) },
		"urlquery": func(args ...any) (string, error) { return bound(url.QueryEscape(fmt.Sprint(args...))) },
		"js":       func(args ...any) (string, error) { return bound(template.JSEscapeString(fmt.Sprint(args...))) },
		"upper":    strings.ToUpper,
		"lower":    strings.ToLower,
		"cut": func(n int, s string) (string, error) {
			if n < 1 {
				return "", errors.New("cut: want a length of 1 or more")
			}
			return Cut(s, n), nil
		},
		"json": func(v any) (string, error) {
			raw, err := json.Marshal(v)
			if err != nil {
				return "", err
			}
			return bound(string(raw))
		},
	}
}

// bounded is a writer with a limit.
type bounded struct{ strings.Builder }

func (b *bounded) Write(p []byte) (int, error) {
	if b.Len()+len(p) > MaxOutput {
		return 0, errOutput
	}
	return b.Builder.Write(p)
}

func execute(t *template.Template, v View) (string, error) {
	steps := 0
	own, err := t.Clone()
	if err != nil {
		return "", err
	}
	own.Funcs(template.FuncMap{tickName: func() (string, error) {
		if steps++; steps > maxSteps {
			return "", errSteps
		}
		return "", nil
	}})
	var out bounded
	if err := own.Execute(&out, v); err != nil {
		return "", err
	}
	return out.String(), nil
}

// apply puts what the templates make over the built-in form.
func (t *Template) apply(m Message, s Surroundings) (Message, error) {
	v := view(m, s)
	if t.title != nil {
		out, err := execute(t.title, v)
		if err != nil {
			return m, err
		}
		m.Title = Cut(OneLine(out), maxTitle)
	}
	if t.body == nil {
		return m, nil
	}
	out, err := execute(t.body, v)
	if err != nil {
		return m, err
	}
	if t.json && !json.Valid([]byte(out)) {
		return m, errors.New("the template makes no valid JSON: write values as {{json .Message}}, without quotes around them")
	}
	m.Text, m.Verbatim = out, t.verbatim
	if !t.verbatim {
		m.Text = Plain(out)
	}
	return m, nil
}

func view(m Message, s Surroundings) View {
	v := View{
		Event: string(m.Event), Title: m.Title, Text: m.Text, At: m.At.UTC().Format(time.RFC3339), Count: m.Count, More: m.Count - len(m.Items),
		Reason: m.Reason, Message: m.Message, Next: m.Next, Again: m.Again, Flaps: m.Flaps, Channel: s.Channel, ID: m.ID,
	}
	for _, i := range m.Items {
		v.Apps = append(v.Apps, AppView{
			Kind: string(i.Kind), Namespace: i.Namespace, Name: i.Name, Cluster: i.Cluster, State: i.State, Reason: i.Reason,
			Message: i.Message, Next: i.Next, Object: i.Object, File: i.File, Link: i.Link,
			Commit: CommitView{
				SHA: i.Commit.SHA, Short: ShortSHA(i.Commit.SHA), Subject: i.Commit.Subject, Author: i.Commit.Author,
				Ref: i.Commit.Ref, Repository: i.Commit.Repository,
			},
		})
	}
	return v
}

// try executes the templates on an example of each event, with one App and with many.
func (t *Template) try() error {
	s := Surroundings{Channel: "team/channel", Console: "https://plumb.example.com"}
	f := Facts{
		Subject: Subject{Kind: App, Namespace: "team", Name: "app"}, State: "Failed", Reason: "RenderFailed", Message: `no "image"`, RolledBackWhy: "HookFailed",
		Commit: Commit{SHA: "0123456789abcdef0123456789abcdef01234567", Repository: "https://git.example.com/team/app", Subject: "a commit"},
	}
	for _, e := range append(Events(), Test) {
		for _, n := range []int{1, MaxApps} {
			g := Gathered{ID: "example", Event: e, Count: n * n, At: time.Unix(0, 0).UTC()}
			for range n {
				g.Facts = append(g.Facts, f)
			}
			if _, err := t.apply(Write(g, nil, s), s); err != nil {
				return fmt.Errorf("for the event %s: %w", e, err)
			}
		}
	}
	return nil
}
