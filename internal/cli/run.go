package cli

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"plumb.cd/plumb/internal/cluster"
	"plumb.cd/plumb/internal/render/worker"
)

// stateDir is where a daemon outside of a cluster keeps its caches and history.
func (e *env) stateDir() (string, error) {
	if dir := e.Getenv("PLUMB_STATE_DIR"); dir != "" {
		return dir, nil
	}
	if dir := e.Getenv("XDG_STATE_HOME"); dir != "" {
		return filepath.Join(dir, "plumb"), nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", usageError{fmt.Errorf("no home directory: give --dir")}
	}
	return filepath.Join(home, ".local", "state", "plumb"), nil
}

func (e *env) run() *cobra.Command {
	o := DaemonOptions{Self: e.Self, Version: e.Version}
	var allow []string
	var shown showFlags
	cmd := &cobra.Command{
		Use: "run", Short: "Run the daemon: controllers, engine and API", Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := shown.check(); err != nil {
				return err
			}
			o.Links, o.Forges, o.FacetLabels = shown.links, shown.forges, shown.facetLabels
			if o.Dir == "" {
				dir, err := e.stateDir()
				if err != nil {
					return err
				}
				o.Dir = filepath.Join(dir, "daemon")
			}
			if e.kubeconfig != "" || e.context != "" || e.Getenv("KUBERNETES_SERVICE_HOST") == "" {
				raw, _, err := cluster.LoadKubeconfig(e.kubeconfig, e.context)
				if err != nil {
					return exitError{code: exitUnreachable, message: err.Error(), next: "give --kubeconfig, or run inside a cluster", err: err}
				}
				o.Kubeconfig = raw
			}
			var err error
			if o.NotifyAllow, err = networks(allow); err != nil {
				return err
			}
			o.LocalToken = e.Getenv("PLUMB_LOCAL_TOKEN")
			o.Log, o.Getenv = e.Err, e.Getenv
			o.Ready = func(address string) { fmt.Fprintf(e.Out, "READY api=%s%s\n", o.SignIn.scheme(), address) }
			return e.Daemon(cmd.Context(), o)
		},
	}
	f := cmd.Flags()
	o.SignIn.flags(f)
	f.StringVar(&o.Dir, "dir", "", "caches and history (default: the user's state directory)")
	f.StringVar(&o.Listen, "listen", "127.0.0.1:8080", "address of the API, health, metrics and webhook")
	f.StringVar(&o.DebugListen, "debug-listen", "", "address of profiles; loopback only")
	f.StringVar(&o.Installation, "installation", "plumb", "name of this installation: field manager and ownership marks")
	f.StringVar(&o.Namespace, "lease-namespace", "plumb-system", "namespace of the leader's Lease")
	f.BoolVar(&o.LeaderElection, "leader-elect", true, "let one of several replicas work at a time")
	f.IntVar(&o.Renderers, "renderers", 0, "worker processes that render (default: one a core)")
	shown.add(f)
	f.StringSliceVar(&allow, "notify-allow", nil, "networks that Channels may reach although they are not public, e.g. 10.0.0.0/8 (repeatable)")
	f.StringVar(&o.LogLevel, "log-level", "info", "debug, info, warn or error")
	return cmd
}

// renderWorker is what a pool of renderers starts; it speaks a protocol on its streams and is no command for people.
func (e *env) renderWorker() *cobra.Command {
	return &cobra.Command{
		Use: "render-worker", Hidden: true, Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return worker.Main(cmd.Context(), e.Renderers, e.In, e.Out)
		},
	}
}

func (e *env) install() *cobra.Command {
	var m ManifestOptions
	var apply bool
	cmd := &cobra.Command{
		Use: "install --image REF", Short: "Print the manifest that puts Plumb into a cluster, for kubectl apply; --apply applies it", Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if m.Image == "" {
				return usageError{fmt.Errorf("--image is needed: nothing is published, build one with `make image`")}
			}
			manifest, err := e.Manifest(m)
			if err != nil {
				return usageError{err}
			}
			if !apply {
				_, err := e.Out.Write(manifest)
				return err
			}
			raw, _, err := cluster.LoadKubeconfig(e.kubeconfig, e.context)
			if err != nil {
				return exitError{code: exitUnreachable, message: err.Error(), next: "give --kubeconfig", err: err}
			}
			ctx, cancel := e.withTimeout(cmd.Context(), 0)
			defer cancel()
			if err := e.Install(ctx, raw, m); err != nil {
				return cause(ctx, err)
			}
			e.say("Plumb is installed in namespace %s", m.Namespace)
			return nil
		},
	}
	cmd.Flags().StringVar(&m.Image, "image", "", "image of the daemon")
	cmd.Flags().StringVar(&m.Namespace, "in-namespace", "plumb-system", "namespace for the daemon")
	cmd.Flags().BoolVar(&apply, "apply", false, "apply it to the cluster of the kubeconfig")
	return cmd
}

// child is a control plane that runs below this process.
type child struct {
	Kubeconfig       string
	EngineKubeconfig string
	stop             func() error
	done             <-chan struct{}
}

func (c *child) engineConfig() ([]byte, error) { return os.ReadFile(c.EngineKubeconfig) }
