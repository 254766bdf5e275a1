// Package cli is the command line: commands as constructors over streams. What needs the daemon speaks its API; what
// needs none (render, check, diff, plan and apply of a directory) runs here, with the same engine.
//
// stdout is the result, stderr is progress. Exit codes are a contract, see exit.go.
package cli

import (
	"context"
	"io"
	"net/netip"
	"time"

	"github.com/spf13/cobra"

	"plumb.cd/plumb/internal/render"
)

// Streams are what a command reads and writes.
type Streams struct {
	In       io.Reader
	Out, Err io.Writer
	Terminal bool // Err is a terminal: progress may be redrawn, colour may be used
	Getenv   func(string) string
	Now      func() time.Time
}

// Deps are the parts that the program wires in: this package knows no controller.
type Deps struct {
	Version   string
	Daemon    func(ctx context.Context, o DaemonOptions) error
	Manifest  func(ManifestOptions) ([]byte, error)
	Install   func(ctx context.Context, kubeconfig []byte, o ManifestOptions) error
	Renderers map[render.Kind]render.Renderer
	Self      []string // the command that starts this program again, for render workers
}

// ManifestOptions say what is installed where.
type ManifestOptions struct {
	Image     string // of the daemon; empty: definitions, roles and policies only
	Namespace string
}

// DaemonOptions are what plumb run takes.
type DaemonOptions struct {
	Dir            string // caches and history
	Kubeconfig     []byte // nil: in-cluster
	Namespace      string // of the daemon's own objects (leases)
	Listen         string // API, health, metrics, webhook
	DebugListen    string // profiles; loopback only; empty: none
	LeaderElection bool
	Installation   string
	SignIn         SignInOptions
	LocalToken     string // a token that may do everything, for plumb up; empty: none
	Renderers      int    // worker processes; 0: one a core
	Self           []string
	Links, Forges  []string             // as links.New takes them
	FacetLabels    []string             // by which Apps are counted whenever one has them; nil: those of teams
	NotifyAllow    []netip.Prefix       // networks that Channels may reach although they are not public
	Getenv         func(string) string  // the process's own: OTEL_* is read from it
	Ready          func(address string) // told when the API listens
	Log            io.Writer
	LogLevel       string
	Version        string
}

// env is what every command of one invocation shares.
type env struct {
	Streams
	Deps
	server     string
	kubeconfig string
	context    string
	namespace  string
	output     string
	quiet      bool
	verbose    bool
	noColor    bool
	timeout    time.Duration
}

// New makes the root command.
func New(s Streams, d Deps) *cobra.Command {
	e := &env{Streams: s, Deps: d}
	root := &cobra.Command{
		Use:           "plumb",
		Short:         "Git says what should run; Plumb makes it so on Kubernetes, keeps it so, and explains every object it touched",
		SilenceErrors: true, SilenceUsage: true,
		CompletionOptions: cobra.CompletionOptions{HiddenDefaultCmd: false},
	}
	root.SetIn(s.In)
	root.SetOut(s.Out)
	root.SetErr(s.Err)
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error { return misuse{usageError{err}, cmd.CommandPath()} })
	f := root.PersistentFlags()
	f.StringVar(&e.server, "server", "", "address of the Plumb API (default: the one signed in to, else a port-forward through the kubeconfig)")
	f.StringVar(&e.kubeconfig, "kubeconfig", "", "path of the kubeconfig (default: $KUBECONFIG, ~/.kube/config)")
	f.StringVar(&e.context, "context", "", "context of the kubeconfig")
	f.StringVarP(&e.namespace, "namespace", "n", "", "namespace of the App (default: found by its name)")
	f.BoolVarP(&e.quiet, "quiet", "q", false, "no progress on stderr")
	f.BoolVarP(&e.verbose, "verbose", "v", false, "the whole chain of an error")
	f.BoolVar(&e.noColor, "no-color", false, "no colour")
	f.DurationVar(&e.timeout, "timeout", 0, "give up after this long (exit 5)")
	root.AddGroup(
		&cobra.Group{ID: "start", Title: "Start:"},
		&cobra.Group{ID: "look", Title: "Look:"},
		&cobra.Group{ID: "act", Title: "Act:"},
		&cobra.Group{ID: "local", Title: "Without a daemon:"},
	)
	add(root, "start", e.up(), e.run(), e.install(), e.login(), e.ui())
	look := []*cobra.Command{e.status(), e.get(), e.tree(), e.why(), e.blame(), e.history(), e.drift(), e.changes(), e.logs(), e.dora()}
	act := []*cobra.Command{
		e.sync(), e.refresh(), e.cancel(), e.wait(), e.hold(), e.suspend(), e.resume(), e.adopt(), e.rollback(),
	}
	e.completeNames(append(look, act...)...)
	add(root, "look", look...)
	add(root, "act", append(act, e.channel())...)
	add(root, "local", e.render(), e.check(), e.diff(), e.plan(), e.apply(), e.benchmark())
	root.AddCommand(e.version(), e.renderWorker())
	nameMisuse(root)
	return root
}

func add(root *cobra.Command, group string, cmds ...*cobra.Command) {
	for _, c := range cmds {
		c.GroupID = group
		root.AddCommand(c)
	}
}

// withTimeout bounds a command as --timeout says; fallback 0 means no bound.
func (e *env) withTimeout(ctx context.Context, fallback time.Duration) (context.Context, context.CancelFunc) {
	d := e.timeout
	if d == 0 {
		d = fallback
	}
	if d == 0 {
		return context.WithCancel(ctx)
	}
	return context.WithTimeoutCause(ctx, d, exitError{code: exitTimeout, message: "gave up after " + d.String()})
}

func (e *env) version() *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Print the version", Args: noArgs,
		RunE: func(*cobra.Command, []string) error { return e.line("plumb " + e.Version) },
	}
}
