package main

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"
)

// expected are the Apps that may be refused with good reason, and that reason.
var expected = map[string]string{
	// The chart's dependency is not in the repository. Where its server can be reached, the App may be Synced.
	"argocd-example-apps/helm-dependency":                       "ChartDependency",
	"argocd-example-apps/helm-dependency (values-nomaria.yaml)": "ChartDependency",
	// Both of its autoscalers are for the Deployment backend, and its autoscaler controller refuses both.
	"podinfo/deploy/webapp": "DeadlineExceeded",
}

// leftOut is the state of what needs a plug-in.
const leftOut = "left out: needs a plug-in"

// report prints the table, and is an error when a case did not end as it should.
func report(out io.Writer, rows []row) error {
	table := [][]string{{"App", "renderer", "objects", "render", "synced after", "state"}}
	var wrong []string
	synced, refused := 0, 0
	for _, r := range rows {
		state, ok := verdict(r)
		switch {
		case !ok:
			wrong = append(wrong, r.label())
		case r.synced():
			synced++
		case !r.plugin:
			refused++
		}
		line := []string{r.label(), r.renderer, "", "", "", state}
		if r.synced() {
			line[2], line[3], line[4] = fmt.Sprint(r.objects), r.render.Round(100*time.Microsecond).String(), fmt.Sprintf("%.2f s", r.took.Seconds())
		}
		table = append(table, line)
	}
	if err := write(out, table); err != nil {
		return err
	}
	if _, err := fmt.Fprintf(out, "\n%d Synced, %d refused as expected, %d otherwise\n", synced, refused, len(wrong)); err != nil {
		return err
	}
	if synced == 0 {
		return errors.New("no App was found that could be synced")
	}
	if len(wrong) > 0 {
		return fmt.Errorf("not as they should be: %s", strings.Join(wrong, ", "))
	}
	return nil
}

// verdict says how a case ended, and whether that is as it should be.
func verdict(r row) (state string, ok bool) {
	switch {
	case r.plugin:
		return r.state, true
	case r.synced():
		return r.state, true
	case r.refused():
		return "refused, " + r.reason + ": " + oneLine(r.message), true
	}
	return "✖ " + r.state + ", " + r.reason + ": " + oneLine(r.message), false
}

// oneLine fits a message into a cell of the table. What it says about the network of this machine is left out.
func oneLine(s string) string {
	s, _, _ = strings.Cut(s, ": dial tcp")
	return strings.ReplaceAll(strings.Join(strings.Fields(s), " "), "|", `\|`)
}

// write prints a table that is Markdown, and straight on a terminal; the last column is as wide as it is.
func write(out io.Writer, table [][]string) error {
	width := make([]int, len(table[0])-1)
	for _, line := range table {
		for i := range width {
			width[i] = max(width[i], utf8.RuneCountInString(line[i]))
		}
	}
	rule := make([]string, len(table[0]))
	for i := range rule {
		rule[i] = "-----"
		if i < len(width) {
			rule[i] = strings.Repeat("-", width[i])
		}
	}
	for _, line := range append([][]string{table[0], rule}, table[1:]...) {
		var b strings.Builder
		for i, cell := range line {
			b.WriteString("| " + cell)
			if i < len(width) {
				b.WriteString(strings.Repeat(" ", width[i]-utf8.RuneCountInString(cell)))
			}
			b.WriteString(" ")
		}
		if _, err := fmt.Fprintln(out, b.String()+"|"); err != nil {
			return err
		}
	}
	return nil
}
