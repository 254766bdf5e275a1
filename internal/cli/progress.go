package cli

import (
	"errors"
	"fmt"
	"strings"

	"plumb.cd/plumb/internal/server"
)

// progress shows where an App stands: on a terminal as a block that is redrawn, elsewhere as one line a change.
type progress struct {
	e     *env
	lines int    // of the block that stands on the terminal
	last  string // what the newest plain line said
}

func (e *env) progress() *progress { return &progress{e: e} }

func (p *progress) show(v server.AppView) {
	if p.e.quiet || v.State == "" {
		return
	}
	if p.e.Terminal && p.e.Getenv("TERM") != "dumb" && p.e.Getenv("CI") == "" {
		p.redraw(p.block(v))
		return
	}
	line := fmt.Sprintf("%s/%s  %s  %s", v.Namespace, v.Name, v.State, plain(v.Message))
	if line == p.last {
		return
	}
	p.last = line
	p.e.say("%s  %s", p.e.Now().Local().Format("15:04:05"), line)
}

// block is the live tree of waves.
func (p *progress) block(v server.AppView) []string {
	out := []string{fmt.Sprintf("%s %s/%s  %s  %s", p.e.glyph(string(v.State)), v.Namespace, v.Name, p.e.paint(string(v.State), string(v.State)), shortSHA(v.Revision))}
	if g := v.Progress; g != nil {
		bar := strings.Repeat("━", g.Group) + "╸" + strings.Repeat("─", max(g.Groups-g.Group-1, 0))
		out = append(out, fmt.Sprintf("  %s  %s, wave %d (%d of %d)", bar, g.Phase, g.Wave, min(g.Group+1, g.Groups), g.Groups))
		for i, w := range g.Waiting {
			if i == 6 {
				out = append(out, fmt.Sprintf("    and %d more", len(g.Waiting)-i))
				break
			}
			out = append(out, clip(fmt.Sprintf("    %s %s  %s", p.e.glyph("Progressing"), w.Object, plain(w.Message)), 120))
		}
	} else {
		out = append(out, clip("  "+plain(v.Message), 120))
	}
	return append(out, fmt.Sprintf("  %d of %d objects healthy", v.Counts.Healthy, v.Counts.Total))
}

func (p *progress) redraw(lines []string) {
	if p.lines > 0 {
		fmt.Fprintf(p.e.Err, "\x1b[%dA\x1b[J", p.lines)
	}
	for _, l := range lines {
		fmt.Fprintln(p.e.Err, p.e.shown(l))
	}
	p.lines = len(lines)
}

func (p *progress) close() { p.lines = 0 }

func asExit(err error, into *exitError) bool { return errors.As(err, into) }
