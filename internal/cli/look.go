package cli

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"plumb.cd/plumb/internal/engine"
	"plumb.cd/plumb/internal/filter"
	"plumb.cd/plumb/internal/httpapi"
	"plumb.cd/plumb/internal/object"
	"plumb.cd/plumb/internal/server"
)

// status answers "is all well": one line an App that is not, and the counts.
func (e *env) status() *cobra.Command {
	var filters string
	cmd := &cobra.Command{
		Use: "status [APP]", Short: "Say whether all is well, and what is not (exit 1)", Args: maxArgs(1, "an App"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 {
				return e.withApp(cmd, args[0], 0, func(_ context.Context, _ *client, a server.AppView) error { return e.appStatus(a) })
			}
			list, hint, err := e.listApps(cmd.Context(), filters, e.shownFields()...)
			if err != nil {
				return err
			}
			e.hint(hint, filters)
			return e.fleetStatus(list)
		},
	}
	filterFlag(cmd, &filters)
	return e.outputFlag(cmd)
}

func filterFlag(cmd *cobra.Command, to *string) {
	cmd.Flags().StringVar(to, "filter", "", `only Apps that match, e.g. 'state:failed cluster:prod-* team=payments since:<1h'`)
}

// shownFields are those of a row that appRows and fleetStatus show; none, which is all, where rows are printed whole.
func (e *env) shownFields() []string {
	if e.output == "json" || e.output == "yaml" {
		return nil
	}
	return []string{"state", "since", "cluster", "commit", "objects", "message"}
}

// listApps reads the Apps that match a filter, in the namespace that was given, with these fields or all.
func (e *env) listApps(ctx context.Context, text string, fields ...string) (httpapi.List[httpapi.AppRow], *httpapi.EmptyHint, error) {
	ctx, cancel := e.withTimeout(ctx, 0)
	defer cancel()
	c, err := e.connect(ctx)
	if err != nil {
		return httpapi.List[httpapi.AppRow]{}, nil, err
	}
	defer c.close()
	if e.namespace != "" {
		text = strings.TrimSpace(text + " " + e.namespaceTerm())
	}
	list, hint, err := c.rows(ctx, text, fields...)
	return list, hint, cause(ctx, err)
}

// hint says why a list is empty, by what the person wrote: a namespace is a flag and no term of theirs.
func (e *env) hint(h *httpapi.EmptyHint, typed string) {
	if h == nil {
		return
	}
	without := plain(h.Term)
	if e.namespace != "" && h.Term == e.namespaceTerm() && !strings.Contains(typed, h.Term) {
		without = "-n " + plain(e.namespace)
	}
	e.say("nothing matches; without %s it would be %s", without, counted(h.Without, "App"))
}

// namespaceTerm is the chosen namespace in the grammar of filters.
func (e *env) namespaceTerm() string { return "namespace:" + filter.Literal(e.namespace).String() }

func (e *env) fleetStatus(list httpapi.List[httpapi.AppRow]) error {
	counts := map[engine.State]int{}
	var bad []httpapi.AppRow
	for _, a := range list.Items {
		state := engine.State(a.State)
		counts[state]++
		if state != engine.StateSynced && state != engine.StatePaused {
			bad = append(bad, a)
		}
	}
	err := e.print(list, func() error {
		var parts []string
		for _, st := range []engine.State{
			engine.StateSynced, engine.StateDeploying, engine.StateWaiting, engine.StateDrifted, engine.StateDegraded, engine.StateFailed,
			engine.StatePaused, engine.StateUnknown,
		} {
			if counts[st] > 0 {
				parts = append(parts, fmt.Sprintf("%d %s", counts[st], e.paint(string(st), string(st))))
			}
		}
		if len(parts) == 0 {
			return e.line("no Apps")
		}
		if err := e.line(fmt.Sprintf("%s: %s", counted(len(list.Items), "App"), strings.Join(parts, ", "))); err != nil || len(bad) == 0 {
			return err
		}
		if err := e.line(""); err != nil {
			return err
		}
		return e.appRows(bad)
	})
	if err != nil || len(bad) == 0 {
		return err
	}
	return exitError{code: exitNo}
}

func (e *env) appStatus(a server.AppView) error {
	err := e.print(a, func() error {
		pairs := [][2]string{
			{"state", e.paint(string(a.State), string(a.State)) + "  since " + age(e.Now(), a.Since)},
			{"reason", a.Reason}, {"message", plain(a.Message)},
			{"sync", string(a.Sync)}, {"health", a.Health},
			{"revision", shortSHA(a.Revision)}, {"applied", shortSHA(a.Applied)},
			{"objects", fmt.Sprintf("%d healthy of %d", a.Counts.Healthy, a.Counts.Total)},
		}
		if b := a.Blocking; b != nil {
			pairs = append(pairs, [2]string{"blocking", strings.TrimSpace(b.Object.String() + "  " + plain(b.Message) + "  " + b.File)})
		}
		if a.Plan != "" && a.State == engine.StateWaiting {
			pairs = append(pairs, [2]string{"plan", a.Plan})
		}
		for _, w := range a.Warnings {
			pairs = append(pairs, [2]string{"warning", plain(w)})
		}
		pairs = append(pairs, [2]string{"next", a.Next})
		return e.pairs(a.Namespace+"/"+a.Name, pairs)
	})
	if err != nil || a.State == engine.StateSynced {
		return err
	}
	return exitError{code: exitNo}
}

// pairs writes "key  value" lines under a title; empty values are left out.
func (e *env) pairs(title string, pairs [][2]string) error {
	if err := e.line(title); err != nil {
		return err
	}
	for _, p := range pairs {
		if p[1] == "" {
			continue
		}
		if err := e.line(fmt.Sprintf("  %-9s %s", p[0], p[1])); err != nil {
			return err
		}
	}
	return nil
}

func (e *env) get() *cobra.Command {
	var states []string
	var filters string
	cmd := &cobra.Command{
		Use: "get [apps | repos | clusters | channels | APP]", Short: "List Apps, Repositories, Clusters or Channels, or show one App",
		Args: maxArgs(1, "apps, repos, clusters, channels, or an App"),
		RunE: func(cmd *cobra.Command, args []string) error {
			switch strings.Join(args, "") {
			case "", "app", "apps":
			case "repo", "repos", "repository", "repositories":
				return e.getRepositories(cmd.Context())
			case "cluster", "clusters":
				return e.getClusters(cmd.Context())
			case "channel", "channels":
				return e.getChannels(cmd.Context())
			default:
				return e.withApp(cmd, args[0], 0, func(_ context.Context, _ *client, a server.AppView) error {
					return e.print(a, func() error { return e.appRows([]httpapi.AppRow{rowOf(a)}) })
				})
			}
			if len(states) > 0 {
				filters = strings.TrimSpace("state:" + strings.Join(states, ",") + " " + filters)
			}
			list, hint, err := e.listApps(cmd.Context(), filters, e.shownFields()...)
			if err != nil {
				return err
			}
			e.hint(hint, filters)
			return e.print(list, func() error { return e.appRows(list.Items) })
		},
	}
	cmd.Flags().StringSliceVar(&states, "state", nil, "only Apps in these states")
	filterFlag(cmd, &filters)
	return e.outputFlag(cmd)
}

// rowOf is one App as a line of a list.
func rowOf(a server.AppView) httpapi.AppRow {
	return httpapi.AppRow{
		Namespace: a.Namespace, Name: a.Name, Cluster: a.Cluster, State: string(a.State), Since: a.Since, Message: a.Message,
		Commit: a.Commit, Objects: a.Objects,
	}
}

func (e *env) appRows(apps []httpapi.AppRow) error {
	var rows [][]string
	for _, a := range apps {
		revision := "-"
		if a.Commit != nil {
			revision = shortSHA(a.Commit.SHA)
		}
		rows = append(rows, []string{
			a.Namespace + "/" + a.Name, a.State, age(e.Now(), a.Since), cmp.Or(a.Cluster, "-"), revision, strconv.Itoa(a.Objects), clip(plain(a.Message), 90),
		})
	}
	return e.rows([]string{"APP", "STATE", "SINCE", "CLUSTER", "REVISION", "OBJECTS", "MESSAGE"}, rows)
}

func (e *env) tree() *cobra.Command {
	var all bool
	cmd := &cobra.Command{
		Use: "tree APP", Short: "Show an App's objects by wave, and what is below the unhealthy ones", Args: oneArg("an App"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return e.withApp(cmd, args[0], 0, func(ctx context.Context, c *client, a server.AppView) error {
				with := engine.UnhealthyChildren
				if all {
					with = engine.AllChildren
				}
				var list server.List[engine.ObjectView]
				if err := c.do(ctx, http.MethodGet, appPath(keyOf(a), "tree?children="+string(with)), nil, &list); err != nil {
					return err
				}
				return e.print(list, func() error { return e.drawTree(a, list.Items) })
			})
		},
	}
	cmd.Flags().BoolVar(&all, "all", false, "what controllers made of healthy objects too")
	return e.outputFlag(cmd)
}

func (e *env) drawTree(a server.AppView, items []engine.ObjectView) error {
	if err := e.line(fmt.Sprintf("%s %s/%s  %s  %s", e.glyph(string(a.State)), a.Namespace, a.Name, a.State, plain(a.Message))); err != nil {
		return err
	}
	wave, first := 0, true
	for _, o := range items {
		if first || o.Wave != wave {
			wave, first = o.Wave, false
			if err := e.line(fmt.Sprintf("  wave %d", wave)); err != nil {
				return err
			}
		}
		level := string(o.Health.Level)
		text := fmt.Sprintf("    %s %s", e.glyph(level), o.ID)
		if level != "Healthy" {
			text += "  " + level + "  " + clip(plain(o.Health.Message), 120)
		}
		if !o.InSync {
			text += "  " + e.paint("Drifted", "≠ differs from Git")
		}
		if o.Hook {
			text += "  (hook)"
		}
		if err := e.line(text); err != nil {
			return err
		}
		if err := e.drawChildren(o.Children, "      "); err != nil {
			return err
		}
	}
	return nil
}

func (e *env) drawChildren(children []engine.ChildView, indent string) error {
	healthy := 0
	for _, c := range children {
		level := string(c.Health.Level)
		if level == "Healthy" && len(c.Children) == 0 && len(children) > 3 {
			healthy++
			continue
		}
		if err := e.line(fmt.Sprintf("%s%s %s  %s", indent, e.glyph(level), c.ID, clip(plain(c.Health.Message), 120))); err != nil {
			return err
		}
		for _, ev := range c.Events[:min(len(c.Events), 3)] {
			if err := e.line(fmt.Sprintf("%s    %s %s: %s", indent, ev.Type, ev.Reason, clip(plain(ev.Message), 120))); err != nil {
				return err
			}
		}
		if err := e.drawChildren(c.Children, indent+"  "); err != nil {
			return err
		}
	}
	if healthy > 0 {
		return e.line(fmt.Sprintf("%s+ %d healthy", indent, healthy))
	}
	return nil
}

// parseObject reads an object as people name it: "deploy/web", "deploy/shop/web", "Deployment.apps/shop/web".
func parseObject(arg string) (object.ID, bool) {
	id, err := object.ParseID(arg)
	if err != nil {
		return object.ID{}, false
	}
	if long, ok := shortKinds[strings.ToLower(id.Kind)]; ok && id.Group == "" {
		id.Kind, id.Group = long.Kind, long.Group
	}
	return id, true
}

var shortKinds = map[string]object.ID{
	"deploy": {Group: "apps", Kind: "Deployment"}, "deployment": {Group: "apps", Kind: "Deployment"},
	"sts": {Group: "apps", Kind: "StatefulSet"}, "statefulset": {Group: "apps", Kind: "StatefulSet"},
	"ds": {Group: "apps", Kind: "DaemonSet"}, "daemonset": {Group: "apps", Kind: "DaemonSet"},
	"svc": {Kind: "Service"}, "service": {Kind: "Service"}, "cm": {Kind: "ConfigMap"}, "configmap": {Kind: "ConfigMap"},
	"secret": {Kind: "Secret"}, "ns": {Kind: "Namespace"}, "namespace": {Kind: "Namespace"},
	"sa": {Kind: "ServiceAccount"}, "serviceaccount": {Kind: "ServiceAccount"}, "pvc": {Kind: "PersistentVolumeClaim"},
	"job": {Group: "batch", Kind: "Job"}, "cronjob": {Group: "batch", Kind: "CronJob"}, "cj": {Group: "batch", Kind: "CronJob"},
	"ing": {Group: "networking.k8s.io", Kind: "Ingress"}, "ingress": {Group: "networking.k8s.io", Kind: "Ingress"},
	"hpa": {Group: "autoscaling", Kind: "HorizontalPodAutoscaler"}, "pdb": {Group: "policy", Kind: "PodDisruptionBudget"},
	"crd": {Group: "apiextensions.k8s.io", Kind: "CustomResourceDefinition"}, "role": {Group: "rbac.authorization.k8s.io", Kind: "Role"},
	"rolebinding": {Group: "rbac.authorization.k8s.io", Kind: "RoleBinding"}, "clusterrole": {Group: "rbac.authorization.k8s.io", Kind: "ClusterRole"},
	"netpol": {Group: "networking.k8s.io", Kind: "NetworkPolicy"}, "pod": {Kind: "Pod"}, "po": {Kind: "Pod"},
}
