package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
)

// stage is what the spectator sees.
type stage struct {
	out           io.Writer
	colour        bool
	facts, failed int
}

func (s *stage) paint(code, text string) string {
	if !s.colour {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

// title opens a scene.
func (s *stage) title(text string) {
	fmt.Fprintf(s.out, "\n%s\n%s\n", s.paint("1", text), strings.Repeat("─", len([]rune(text))))
}

// say is one paragraph of commentary.
func (s *stage) say(format string, args ...any) {
	fmt.Fprintf(s.out, "\n"+format+"\n", args...)
}

// command shows a command that was run, and what it printed.
func (s *stage) command(line, output string) {
	fmt.Fprintf(s.out, "\n  %s\n", s.paint("36", "$ "+line))
	s.text(output)
}

// text shows the output of something, indented.
func (s *stage) text(output string) {
	if output == "" {
		return
	}
	for line := range strings.Lines(strings.TrimRight(output, "\n") + "\n") {
		fmt.Fprint(s.out, strings.TrimRight("  "+line, " \n")+"\n")
	}
}

// diff shows the changed lines of a file.
func (s *stage) diff(file, before, after string) {
	fmt.Fprintf(s.out, "\n  %s\n  %s\n  %s\n", file, s.paint("31", "- "+before), s.paint("32", "+ "+after))
}

// fact tells whether a claim holds; a nil error says that it does.
func (s *stage) fact(claim string, err error) {
	if errors.Is(err, context.Canceled) {
		return // somebody interrupts: it proves nothing
	}
	s.facts++
	if err == nil {
		fmt.Fprintf(s.out, "\n  %s %s\n", s.paint("32", "✔"), claim)
		return
	}
	s.failed++
	fmt.Fprintf(s.out, "\n  %s %s: %v\n", s.paint("31", "✖ not so:"), claim, err)
}
