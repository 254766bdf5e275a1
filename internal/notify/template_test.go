package notify_test

import (
	"strings"
	"testing"
	"time"

	"plumb.cd/plumb/internal/notify"
)

func TestTemplatesAreTriedBeforeTheyAreUsed(t *testing.T) {
	for _, c := range []struct {
		name, title, body string
		form              notify.Form
		err               string // a part of it; empty: none
	}{
		{"fields, loops and functions", "{{.Event}} {{.Count}}", `{{range .Apps}}{{.Namespace}}/{{upper .Name}} {{.Commit.Short}} {{printf "%-10s" .State}}{{"\n"}}{{end}}`, notify.Text, ""},
		{"only a title", "{{.Title}}", "", notify.Text, ""},
		{"a syntax error", "", "{{if}}", notify.Text, "missing value for if"},
		{"a field that does not exist", "", "{{.Nope}}", notify.Text, "can't evaluate field Nope"},
		{"a field that does not exist in a branch that some events take", "", `{{if eq .Event "Recovered"}}{{.Apps.Nope}}{{end}}`, notify.Text, "for the event Recovered"},
		{"a loop without an end", "", "{{range 1000000000}}{{end}}", notify.Text, "more than 10000 steps"},
		{"loops in loops", "", "{{range 900}}{{range 900}}{{end}}{{end}}", notify.Text, "more than 10000 steps"},
		{"a template that calls itself", "", `{{define "a"}}{{template "a"}}{{end}}{{template "a"}}`, notify.Text, "more than 10000 steps"},
		{"too much output", "", `{{range 400}}{{printf "%100s" "x"}}{{end}}`, notify.Text, "more than 16384 bytes"},
		{"text that doubles", "", `{{$x := "0123456789"}}{{range 30}}{{$x = print $x $x}}{{end}}`, notify.Text, "more than 16384 bytes"},
		{"a huge width", "", `{{printf "%1000000d" 1}}`, notify.Text, "at most 3 digits"},
		{"a width out of an argument", "", `{{printf "%*d" 1000000 1}}`, notify.Text, "at most 3 digits"},
		{"the name of the counter is nobody's business", "", "{{define \"plumbTick\"}}{{end}}{{.Event}}", notify.Text, ""},
		{"JSON", "", `{"text": {{json .Text}}, "n": {{.Count}}}`, notify.JSON, ""},
		{"JSON with values pasted in", "", `{"text": "{{.Message}}"}`, notify.JSON, "no valid JSON"},
	} {
		t.Run(c.name, func(t *testing.T) {
			began := time.Now()
			_, err := notify.Compile(c.title, c.body, c.form)
			if took := time.Since(began); took > 5*time.Second {
				t.Errorf("it took %v", took)
			}
			if c.err == "" && err != nil {
				t.Error(err)
			}
			if c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err)) {
				t.Errorf("error %v, want %q", err, c.err)
			}
		})
	}
}

func TestATemplateThatFailsLaterLosesNoAlarm(t *testing.T) {
	tmpl, err := notify.Compile("", `{{range .Apps}}{{index .Message 0}}{{end}}`, notify.Text) // the examples have a message
	if err != nil {
		t.Fatal(err)
	}
	g := gathered(1)
	g.Facts[0].Message = ""
	m := notify.Write(g, tmpl, notify.Surroundings{Channel: "team/chat"})
	if !strings.Contains(m.Text, "Reason: RenderFailed") || !strings.Contains(m.Text, "The template of team/chat failed") || m.Verbatim {
		t.Errorf("%+v", m)
	}
}

func TestATemplateMakesTheWholeBodyOfAWebhookAndPlainTextElsewhere(t *testing.T) {
	for _, c := range []struct {
		form notify.Form
		want string
	}{{notify.Verbatim, "a\x1b<b>"}, {notify.Text, "a <b>"}} {
		tmpl, err := notify.Compile("x\ny", "a\x1b<b>", c.form)
		if err != nil {
			t.Fatal(err)
		}
		if m := notify.Write(gathered(1), tmpl, notify.Surroundings{}); m.Text != c.want || m.Title != "x y" || m.Verbatim != (c.form == notify.Verbatim) {
			t.Errorf("%s: %q, %q, %v", c.form, m.Text, m.Title, m.Verbatim)
		}
	}
}
