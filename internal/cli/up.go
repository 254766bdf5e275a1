package cli

import (
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/sync/errgroup"

	"plumb.cd/plumb/internal/links"
)

// up is everything on one machine: control plane, engine, API. It signs the command line in to it.
func (e *env) up() *cobra.Command {
	var dir, plane, listen, level string
	var port, nodes int
	var shown showFlags
	cmd := &cobra.Command{
		Use: "up", Short: "Start a local Kubernetes control plane with Plumb on it, and sign in", Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if dir == "" {
				state, err := e.stateDir()
				if err != nil {
					return err
				}
				dir = filepath.Join(state, "up")
			}
			if err := shown.check(); err != nil {
				return err
			}
			abs, err := filepath.Abs(dir)
			if err != nil {
				return err
			}
			binary, err := e.findPlane(plane)
			if err != nil {
				return err
			}
			return e.runUp(cmd.Context(), upOptions{dir: abs, binary: binary, listen: listen, level: level, port: port, nodes: nodes, shown: shown})
		},
	}
	f := cmd.Flags()
	f.StringVar(&dir, "dir", "", "state: control plane, caches, history (default: the user's state directory)")
	f.StringVar(&plane, "controlplane", "", "path of the control plane's binary (default: beside this one, or on PATH)")
	f.StringVar(&listen, "listen", "127.0.0.1:7373", "address of the API")
	f.IntVar(&port, "port", 0, "port of the Kubernetes API server (0: a free one)")
	f.IntVar(&nodes, "nodes", 3, "simulated nodes")
	f.StringVar(&level, "log-level", "warn", "of the daemon's log in DIR/daemon.log")
	shown.add(f)
	return cmd
}

type upOptions struct {
	dir, binary, listen, level string
	port, nodes                int
	shown                      showFlags
}

// showFlags say where what commits name, and commits themselves, are shown, and by which labels Apps are counted.
type showFlags struct{ links, forges, facetLabels []string }

func (s *showFlags) add(f *pflag.FlagSet) {
	f.StringArrayVar(&s.links, "link", nil, "REGEXP=URL: what a commit message names becomes a link, e.g. '\\b([A-Z]+-[0-9]+)\\b=https://jira.example.com/browse/$1' (repeatable)")
	f.StringArrayVar(&s.forges, "forge", nil, "HOST=KIND or HOST=URL: where commits of a host's repositories are shown, e.g. git.example.com=gitlab (repeatable)")
	f.StringSliceVar(&s.facetLabels, "facet-label", nil, "label of Apps that lists can always be narrowed by (repeatable; default: plumb.cd/team and team)")
}

// check refuses what links.New would refuse, before anything is started.
func (s *showFlags) check() error {
	if _, err := links.New(s.links, s.forges); err != nil {
		return usageError{err}
	}
	return nil
}

func (e *env) runUp(ctx context.Context, o upOptions) error {
	if err := os.MkdirAll(o.dir, 0o700); err != nil {
		return err
	}
	e.say("starting the control plane ...")
	c, err := e.startPlane(ctx, o.binary, filepath.Join(o.dir, "controlplane"), o.port, o.nodes)
	if err != nil {
		return err
	}
	defer func() {
		if err := c.stop(); err != nil {
			e.say("the control plane did not stop cleanly: %v", err)
		}
	}()
	raw, err := c.engineConfig()
	if err != nil {
		return err
	}
	if err := e.Install(ctx, raw, ManifestOptions{Namespace: "plumb-system"}); err != nil {
		return fmt.Errorf("installing the definitions: %w", err)
	}
	log, err := os.OpenFile(filepath.Join(o.dir, "daemon.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	token, err := localToken(o.dir)
	if err != nil {
		return err
	}
	g, ctx := errgroup.WithContext(ctx)
	listens := make(chan session, 1)
	g.Go(func() error {
		select {
		case <-ctx.Done():
		case s := <-listens:
			e.greet(ctx, o, c, s)
		}
		return nil
	})
	g.Go(func() error {
		return e.Daemon(ctx, DaemonOptions{
			Dir: filepath.Join(o.dir, "daemon"), Kubeconfig: raw, Namespace: "plumb-system", Listen: o.listen, Installation: "plumb",
			LocalToken: token, NotifyAllow: ownNetworks(), Links: o.shown.links, Forges: o.shown.forges,
			FacetLabels: o.shown.facetLabels,
			Self:        e.Self, Getenv: e.Getenv, Log: log, LogLevel: o.level, Version: e.Version,
			Ready: func(address string) { listens <- session{Server: "http://" + address, Token: token} },
		})
	})
	g.Go(func() error {
		select {
		case <-ctx.Done():
			return nil
		case <-c.done:
			return exitError{code: exitUnreachable, message: "the control plane stopped; its log is in " + filepath.Join(o.dir, "controlplane")}
		}
	})
	err = g.Wait()
	if ctx.Err() != nil && err == nil {
		e.say("stopped")
	}
	return err
}

// localToken is what signs in to this Plumb. It stays from one start to the next, so that browsers and terminals stay signed in.
func localToken(dir string) (string, error) {
	path := filepath.Join(dir, "token")
	raw, err := os.ReadFile(path)
	if token := strings.TrimSpace(string(raw)); err == nil && token != "" {
		return token, nil
	}
	token := rand.Text()
	return token, os.WriteFile(path, []byte(token+"\n"), 0o600)
}

// greet says where everything is, and signs in.
func (e *env) greet(ctx context.Context, o upOptions, c *child, s session) {
	if err := e.saveSession(s); err != nil {
		e.say("not signed in: %v", err)
	}
	fmt.Fprintf(e.Out, "READY api=%s kubeconfig=%s dir=%s\n", s.Server, c.Kubeconfig, o.dir)
	link, err := e.clientOf(s).invitation(ctx, time.Hour)
	if err != nil {
		link = "plumb ui (" + err.Error() + ")"
	}
	e.say("\nPlumb is up. The console, signed in (the address works once, within the hour; later: plumb ui):\n\n  %s\n\nIn another terminal:\n\n  plumb status\n  KUBECONFIG=%s kubectl get apps.plumb.cd -A\n\nStop it with ^C; its state stays in %s.", link, c.Kubeconfig, o.dir)
}
