package cli

import (
	"context"
	"time"

	"github.com/spf13/cobra"
)

// completionBudget is how long somebody who pressed Tab waits at most.
const completionBudget = 300 * time.Millisecond

// appNames completes the name of an App, with its state beside it; a name that several namespaces have is completed with
// the namespace. Whatever goes wrong, nothing is offered.
func (e *env) appNames(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	ctx, cancel := context.WithTimeout(cmd.Context(), completionBudget)
	defer cancel()
	list, _, err := e.listApps(ctx, "", "state")
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	times := map[string]int{}
	for _, a := range list.Items {
		times[a.Name]++
	}
	names := make([]string, 0, len(list.Items))
	for _, a := range list.Items {
		name := a.Name
		if times[name] > 1 {
			name = a.Namespace + "/" + a.Name
		}
		names = append(names, cobra.CompletionWithDesc(name, a.State))
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

// completeNames gives commands that take an App its completion.
func (e *env) completeNames(cmds ...*cobra.Command) {
	for _, c := range cmds {
		c.ValidArgsFunction = e.appNames
	}
}
