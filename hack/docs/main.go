// Command docs writes docs/cli.md: every command of plumb, with its flags, as the commands themselves tell it.
package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"plumb.cd/plumb/internal/cli"
)

const head = `# Commands

<!-- Written by make generate: change the commands in internal/cli, not this file. -->

Results go to stdout, progress to stderr. Where a command has ` + "`-o`" + `, its JSON is a contract. A command finds Plumb
by ` + "`--server`" + ` (or ` + "`PLUMB_SERVER`" + `), else where you signed in with ` + "`plumb login`" + ` or ` + "`plumb up`" + `, else by a port-forward through
the kubeconfig. An App is named ` + "`NAME`" + ` or ` + "`NAMESPACE/NAME`" + `, an object ` + "`KIND[.GROUP]/[NAMESPACE/]NAME`" + `.

| exit code | meaning |
|---|---|
| 0 | yes, done |
| 1 | no: different, unhealthy, would fail |
| 2 | the command line is wrong |
| 3 | not found |
| 4 | not permitted |
| 5 | the time is up |
| 6 | unreachable |
| 7 | refused by a gate or policy |
| 8 | conflict |
| 70 | a defect of Plumb |
| 130 | interrupted |

These flags work everywhere:

`

func main() {
	out := bufio.NewWriter(os.Stdout)
	write(out, cli.New(cli.Streams{}, cli.Deps{}))
	if err := out.Flush(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func write(w io.Writer, root *cobra.Command) {
	root.InitDefaultHelpFlag()
	fmt.Fprint(w, head)
	flags(w, root.PersistentFlags())
	for _, g := range root.Groups() {
		fmt.Fprintf(w, "\n## %s\n", strings.TrimSuffix(g.Title, ":"))
		for _, c := range root.Commands() {
			if c.GroupID == g.ID && !c.Hidden {
				command(w, c)
			}
		}
	}
	fmt.Fprint(w, "\n## Others\n")
	for _, c := range root.Commands() {
		if c.GroupID == "" && !c.Hidden {
			command(w, c)
		}
	}
}

func command(w io.Writer, c *cobra.Command) {
	fmt.Fprintf(w, "\n### plumb %s\n\n", c.Use)
	fmt.Fprintf(w, "%s.\n", strings.TrimSuffix(c.Short, "."))
	if c.Long != "" {
		fmt.Fprintf(w, "\n%s\n", c.Long)
	}
	if c.Example != "" {
		fmt.Fprintf(w, "\n```sh\n%s\n```\n", unindent(c.Example))
	}
	if c.LocalNonPersistentFlags().HasAvailableFlags() {
		fmt.Fprintln(w)
		flags(w, c.LocalNonPersistentFlags())
	}
}

func flags(w io.Writer, set *pflag.FlagSet) {
	fmt.Fprint(w, "| flag | meaning |\n|---|---|\n")
	set.VisitAll(func(f *pflag.Flag) {
		if f.Hidden || f.Name == "help" {
			return
		}
		name := "--" + f.Name
		if f.Shorthand != "" {
			name = "-" + f.Shorthand + ", " + name
		}
		kind, usage := pflag.UnquoteUsage(f)
		if kind != "" {
			name += " " + kind
		}
		if d := f.DefValue; d != "" && d != "false" && d != "0" && d != "0s" && d != "[]" {
			usage += " (default `" + d + "`)"
		}
		fmt.Fprintf(w, "| `%s` | %s |\n", name, strings.ReplaceAll(usage, "|", `\|`))
	})
}

func unindent(s string) string {
	lines := strings.Split(s, "\n")
	for i := range lines {
		lines[i] = strings.TrimPrefix(lines[i], "  ")
	}
	return strings.Join(lines, "\n")
}
