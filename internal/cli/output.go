package cli

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	"sigs.k8s.io/yaml"
)

// outputFlag adds -o to a read command.
func (e *env) outputFlag(cmd *cobra.Command) *cobra.Command {
	cmd.Flags().StringVarP(&e.output, "output", "o", "table", "table, json or yaml")
	cmd.PreRunE = func(*cobra.Command, []string) error { return e.knownOutput() }
	return cmd
}

func (e *env) knownOutput() error {
	switch e.output {
	case "json", "yaml", "table", "":
		return nil
	}
	return usageError{fmt.Errorf("-o %s: want table, json or yaml", e.output)}
}

// print writes a result in the form that -o asks for; table writes the form for people.
func (e *env) print(v any, table func() error) error {
	switch e.output {
	case "json":
		raw, err := json.MarshalIndent(v, "", "  ")
		if err != nil {
			return err
		}
		_, err = fmt.Fprintln(e.Out, string(raw))
		return err
	case "yaml":
		raw, err := yaml.Marshal(v)
		if err != nil {
			return err
		}
		_, err = e.Out.Write(raw)
		return err
	}
	if err := e.knownOutput(); err != nil {
		return err
	}
	return table()
}

func (e *env) line(s string) error {
	_, err := fmt.Fprintln(e.Out, e.shown(s))
	return err
}

// ownColours are the sequences that paint writes.
var ownColours = regexp.MustCompile("\x1b\\[(0|3[1-6]|90)m")

// shown is text as it may reach people: whatever came from a cluster or a commit, a terminal is told nothing but our own
// colours.
func (e *env) shown(s string) string {
	if !e.coloured() {
		return plain(s)
	}
	var b strings.Builder
	at := 0
	for _, m := range ownColours.FindAllStringIndex(s, -1) {
		b.WriteString(plain(s[at:m[0]]) + s[m[0]:m[1]])
		at = m[1]
	}
	return b.String() + plain(s[at:])
}

func (e *env) coloured() bool {
	return e.Terminal && !e.noColor && e.Getenv("NO_COLOR") == "" && e.Getenv("TERM") != "dumb"
}

// say writes progress.
func (e *env) say(format string, args ...any) {
	if !e.quiet {
		fmt.Fprintln(e.Err, e.shown(fmt.Sprintf(format, args...)))
	}
}

// rows writes a table with aligned columns.
func (e *env) rows(header []string, rows [][]string) error {
	w := tabwriter.NewWriter(e.Out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, strings.Join(header, "\t"))
	for _, r := range rows {
		fmt.Fprintln(w, e.shown(strings.TrimRight(strings.Join(r, "\t"), "\t")))
	}
	return w.Flush()
}

// counted is "1 object", "2 objects".
func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// age is how long ago, as people say it.
func age(now, then time.Time) string {
	if then.IsZero() {
		return "-"
	}
	d := now.Sub(then)
	switch {
	case d < 0:
		return "0s"
	case d < 2*time.Minute:
		return fmt.Sprintf("%ds", int(d.Seconds()))
	case d < 2*time.Hour:
		return fmt.Sprintf("%dm", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%dh", int(d.Hours()))
	}
	return fmt.Sprintf("%dd", int(d.Hours()/24))
}

func shortSHA(s string) string {
	if len(s) > 12 && !strings.Contains(s, "@") {
		return s[:12]
	}
	if version, _, ok := strings.Cut(s, "@"); ok {
		return version
	}
	return s
}

// clip shortens a text to n runes, on one line.
func clip(s string, n int) string {
	s = strings.ReplaceAll(s, "\n", " ")
	r := []rune(s)
	if len(r) <= n {
		return s
	}
	return string(r[:n-1]) + "…"
}

// plain strips control characters, so that text from a cluster or a commit cannot play with the terminal.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		if r < 0x20 && r != '\t' && r != '\n' || r == 0x7f || (r >= 0x80 && r < 0xa0) {
			return -1
		}
		switch r {
		case '\u202a', '\u202b', '\u202c', '\u202d', '\u202e', '\u2066', '\u2067', '\u2068', '\u2069':
			return -1
		}
		return r
	}, s)
}

// paint colours text by state on a terminal.
func (e *env) paint(state, s string) string {
	if !e.coloured() {
		return s
	}
	code := map[string]string{
		"Synced": "32", "Healthy": "32", "Failed": "31", "Degraded": "31", "Drifted": "33", "Missing": "33", "Deploying": "36",
		"Progressing": "36", "Waiting": "35", "Paused": "90", "Suspended": "90", "Unknown": "90",
	}[state]
	if code == "" {
		return s
	}
	return "\x1b[" + code + "m" + s + "\x1b[0m"
}

// glyph is the sign of a state, with a form for terminals that cannot draw it.
func (e *env) glyph(level string) string {
	if e.Getenv("TERM") == "dumb" || strings.EqualFold(e.Getenv("LANG"), "C") && !e.Terminal {
		return map[string]string{"Healthy": "[OK]", "Synced": "[OK]", "Progressing": "[..]", "Deploying": "[..]", "Degraded": "[XX]",
			"Failed": "[XX]", "Missing": "[--]", "Suspended": "[||]", "Paused": "[||]", "Drifted": "[!=]", "Waiting": "[wt]"}[level]
	}
	g := map[string]string{"Healthy": "●", "Synced": "●", "Progressing": "◐", "Deploying": "◐", "Degraded": "✖", "Failed": "✖",
		"Missing": "○", "Suspended": "‖", "Paused": "‖", "Drifted": "≠", "Waiting": "◷", "Unknown": "?"}[level]
	return e.paint(level, g)
}
