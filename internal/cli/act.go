package cli

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"plumb.cd/plumb/internal/engine"
	"plumb.cd/plumb/internal/fault"
	"plumb.cd/plumb/internal/object"
	"plumb.cd/plumb/internal/server"
)

const waitDefault = 20 * time.Minute

func (e *env) sync() *cobra.Command {
	var planDigest string
	var only []string
	var all, wait bool
	cmd := &cobra.Command{
		Use: "sync APP", Short: "Apply what Git says now; with --plan, approve exactly that plan", Args: oneArg("an App"),
		RunE: func(cmd *cobra.Command, args []string) error {
			body := server.SyncBody{Plan: object.Digest(planDigest), All: all}
			for _, o := range only {
				id, ok := parseObject(o)
				if !ok {
					return usageError{fmt.Errorf("--only %s: want KIND/[NAMESPACE/]NAME", o)}
				}
				body.Only = append(body.Only, id)
			}
			return e.withApp(cmd, args[0], waitDefault, func(ctx context.Context, c *client, a server.AppView) error {
				var acc server.Accepted
				if err := c.do(ctx, http.MethodPost, appPath(keyOf(a), "sync"), body, &acc); err != nil {
					return err
				}
				if !wait {
					e.say("asked for a sync of %s/%s", a.Namespace, a.Name)
					return nil
				}
				return e.waitFor(ctx, c, a, func(v server.AppView) (bool, error) {
					if v.Request != acc.ID {
						return false, nil
					}
					return settledOrFailed(v)
				})
			})
		},
	}
	f := cmd.Flags()
	f.StringVar(&planDigest, "plan", "", "digest of the plan to approve")
	f.StringSliceVar(&only, "only", nil, "only these objects; hooks are left out")
	f.BoolVar(&all, "all", false, "what is in sync too, and hooks again")
	f.BoolVarP(&wait, "wait", "w", false, "wait until it is done")
	return cmd
}

func (e *env) refresh() *cobra.Command {
	return &cobra.Command{
		Use: "refresh APP", Short: "Look at Git now; returns when it was looked at", Args: oneArg("an App"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return e.withApp(cmd, args[0], time.Minute, func(ctx context.Context, c *client, a server.AppView) error {
				var acc server.Accepted
				if err := c.do(ctx, http.MethodPost, appPath(keyOf(a), "refresh"), nil, &acc); err != nil {
					return err
				}
				err := c.follow(ctx, keyOf(a), func(v server.AppView) (bool, error) {
					a = v
					return v.Refreshed == acc.ID, nil
				})
				if err == nil {
					e.say("%s/%s is at %s in Git", a.Namespace, a.Name, shortSHA(a.Revision))
				}
				return err
			})
		},
	}
}
func (e *env) cancel() *cobra.Command {
	return e.simple("cancel APP", "Cancel the running sync", "cancel", "cancelled the sync of")
}
func (e *env) suspend() *cobra.Command {
	return e.simple("suspend APP", "Stop applying and healing; what runs keeps running", "suspend", "suspended")
}
func (e *env) resume() *cobra.Command {
	return e.simple("resume APP", "End a suspension or a hold", "resume", "resumed")
}
func (e *env) adopt() *cobra.Command {
	return e.simple("adopt APP", "Let the App take over objects that exist already and belong to no App", "adopt", "may adopt what exists:")
}

func (e *env) simple(use, short, call, done string) *cobra.Command {
	return &cobra.Command{
		Use: use, Short: short, Args: oneArg("an App"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return e.withApp(cmd, args[0], time.Minute, func(ctx context.Context, c *client, a server.AppView) error {
				if err := c.do(ctx, http.MethodPost, appPath(keyOf(a), call), nil, nil); err != nil {
					return err
				}
				e.say("%s %s/%s", done, a.Namespace, a.Name)
				return nil
			})
		},
	}
}

func (e *env) hold() *cobra.Command {
	var body server.HoldBody
	var bundle string
	var duration time.Duration
	cmd := &cobra.Command{
		Use: "hold APP", Short: "Pin an App to a revision or an earlier bundle; without either, to what runs now", Args: oneArg("an App"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return e.withApp(cmd, args[0], time.Minute, func(ctx context.Context, c *client, a server.AppView) error {
				body.Bundle = object.Digest(bundle)
				if body.Revision == "" && body.Bundle == "" {
					body.Revision = a.Applied
				}
				if duration > 0 {
					body.Until = e.Now().Add(duration)
				}
				if err := c.do(ctx, http.MethodPost, appPath(keyOf(a), "hold"), body, nil); err != nil {
					return err
				}
				e.say("%s/%s is held at %s; plumb resume %s ends it", a.Namespace, a.Name, shortSHA(body.Revision)+body.Bundle.Short(), a.Name)
				return nil
			})
		},
	}
	f := cmd.Flags()
	f.StringVar(&body.Revision, "revision", "", "commit")
	f.StringVar(&bundle, "bundle", "", "digest of an earlier bundle (plumb history)")
	f.StringVar(&body.Reason, "reason", "", "why")
	f.DurationVar(&duration, "for", 0, "end by itself after this long")
	return cmd
}

func (e *env) wait() *cobra.Command {
	var states []string
	var revision string
	cmd := &cobra.Command{
		Use: "wait APP", Short: "Wait until an App is Synced; exit 1 when it fails, 5 when the time is up", Args: oneArg("an App"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return e.withFound(cmd, args[0], waitDefault, e.findSoon, func(ctx context.Context, c *client, a server.AppView) error {
				if revision != "" {
					if err := e.waitRevision(ctx, c, keyOf(a), revision); err != nil {
						return err
					}
				}
				return e.waitFor(ctx, c, a, func(v server.AppView) (bool, error) {
					if len(states) > 0 {
						return slices.ContainsFunc(states, func(s string) bool { return strings.EqualFold(s, string(v.State)) }), nil
					}
					return settledOrFailed(v)
				})
			})
		},
	}
	cmd.Flags().StringSliceVar(&states, "for", nil, "wait for one of these states instead")
	cmd.Flags().StringVar(&revision, "revision", "", "wait for this commit")
	return cmd
}

// waitRevision waits until Git, as Plumb knows it, stands at the commit. A commit that does not touch the App makes no
// event of it, so the App is looked at now and then.
func (e *env) waitRevision(ctx context.Context, c *client, k engine.Key, revision string) error {
	const every = 300 * time.Millisecond
	for {
		var v server.AppView
		if err := c.do(ctx, http.MethodGet, appPath(k, ""), nil, &v); err != nil {
			return err
		}
		if strings.HasPrefix(v.Head, revision) || strings.HasPrefix(v.Revision, revision) {
			return nil
		}
		select {
		case <-ctx.Done():
			return exitError{code: exitTimeout, message: fmt.Sprintf("%s has not reached %s in Git; it stands at %s", k, revision, shortSHA(v.Head)), next: "plumb refresh " + k.Name}
		case <-time.After(every):
		}
	}
}

// settledOrFailed ends a wait: well when the App is Synced (or held healthily), badly when it will not get there.
func settledOrFailed(v server.AppView) (bool, error) {
	switch v.State {
	case engine.StateUnknown, engine.StateDegraded, engine.StateDrifted, engine.StateDeploying:
		return false, nil
	case engine.StateSynced:
		return true, nil
	case engine.StatePaused:
		return true, exitError{code: exitRefused, message: v.Namespace + "/" + v.Name + " is paused: " + plain(v.Message), next: v.Next}
	case engine.StateWaiting:
		code := exitRefused
		if v.Reason == string(fault.PlanStale) {
			code = exitConflict
		}
		return true, exitError{code: code, message: v.Namespace + "/" + v.Name + " waits: " + plain(v.Message), next: v.Next}
	case engine.StateFailed:
		return true, exitError{code: exitNo, message: v.Namespace + "/" + v.Name + " failed: " + plain(v.Message), next: v.Next}
	}
	return false, nil
}

// waitFor follows an App, showing progress, until done says so. When the time is up it says what blocks.
func (e *env) waitFor(ctx context.Context, c *client, a server.AppView, done func(server.AppView) (bool, error)) error {
	p := e.progress()
	defer p.close()
	last := a
	err := c.follow(ctx, keyOf(a), func(v server.AppView) (bool, error) {
		last = v
		p.show(v)
		return done(v)
	})
	return late(cause(ctx, err), last)
}

// late makes a timeout say where the App stood, and which object held it up.
func late(err error, last server.AppView) error {
	var x exitError
	if !asExit(err, &x) || x.code != exitTimeout || last.State == "" {
		return err
	}
	x.message = fmt.Sprintf("%s: %s/%s is %s: %s", x.message, last.Namespace, last.Name, last.State, last.Message)
	if b := last.Blocking; b != nil && b.Object.Kind != "" && !strings.Contains(x.message, b.Object.String()) {
		x.message += "; " + b.Object.String() + ": " + b.Message
	}
	if b := last.Blocking; b != nil && b.File != "" {
		x.message += " (" + b.File + ")"
	}
	x.next = last.Next
	return x
}

func (e *env) rollback() *cobra.Command {
	var req engine.RevertRequest
	var now, yes bool
	var shared string
	cmd := &cobra.Command{
		Use: "rollback APP", Short: "Restore this App's inputs in Git by a commit; --now holds the earlier bundle at once", Args: oneArg("an App"),
		RunE: func(cmd *cobra.Command, args []string) error {
			req.Shared = engine.SharedInputs(shared)
			if req.Shared != engine.AskShared && req.Shared != engine.IncludeShared && req.Shared != engine.SkipShared {
				return usageError{fmt.Errorf("--shared %s: want include or skip", shared)}
			}
			return e.withApp(cmd, args[0], waitDefault, func(ctx context.Context, c *client, a server.AppView) error {
				if now {
					return e.rollbackNow(ctx, c, a, req)
				}
				return e.rollbackInGit(ctx, c, a, req, yes)
			})
		},
	}
	f := cmd.Flags()
	f.StringVar(&req.To, "to", "", "commit to go back to (default: the last one that was healthy)")
	f.StringVar(&shared, "shared", "", "files that other Apps read too: include or skip (default: ask)")
	f.BoolVar(&req.Preview, "dry-run", false, "name the files, commit nothing")
	f.StringVarP(&req.Message, "message", "m", "", "commit message")
	f.BoolVar(&now, "now", false, "do not touch Git: hold the last healthy bundle at once")
	f.BoolVarP(&yes, "yes", "y", false, "do not ask")
	return cmd
}

func (e *env) rollbackNow(ctx context.Context, c *client, a server.AppView, req engine.RevertRequest) error {
	body := server.HoldBody{Reason: "plumb rollback --now"}
	switch {
	case req.To != "":
		body.Revision = req.To
	case a.Healthy != nil && a.Healthy.Bundle != object.Digest(a.Bundle):
		body.Bundle = a.Healthy.Bundle
	default:
		var prev engine.Reverted
		req.Preview = true
		if err := c.do(ctx, http.MethodPost, appPath(keyOf(a), "revert"), req, &prev); err != nil {
			return err
		}
		body.Revision = prev.To
	}
	if err := c.do(ctx, http.MethodPost, appPath(keyOf(a), "hold"), body, nil); err != nil {
		return err
	}
	e.say("%s/%s is held at %s; revert in Git, then plumb resume %s", a.Namespace, a.Name, shortSHA(body.Revision)+body.Bundle.Short(), a.Name)
	return nil
}

func (e *env) rollbackInGit(ctx context.Context, c *client, a server.AppView, req engine.RevertRequest, yes bool) error {
	var out engine.Reverted
	asked := req
	asked.Preview = true
	if err := c.do(ctx, http.MethodPost, appPath(keyOf(a), "revert"), asked, &out); err != nil {
		return err
	}
	e.say("restore %s of %s/%s on %s as they were at %s:", counted(len(out.Files), "file"), a.Namespace, a.Name, out.Branch, shortSHA(out.To))
	for _, f := range out.Files {
		note := ""
		if f.Deleted {
			note = "  (deleted)"
		}
		if others := out.Shared[f.Path]; len(others) > 0 {
			var names []string
			for _, k := range others {
				names = append(names, k.String())
			}
			note += "  shared with " + strings.Join(names, ", ")
		}
		e.say("  %s%s", f.Path, note)
	}
	if req.Preview {
		return e.print(out, func() error { return nil })
	}
	if len(out.Shared) > 0 && req.Shared == engine.AskShared {
		answer, err := e.ask("files are shared with other Apps: [i]nclude, [s]kip or [a]bort? ")
		if err != nil {
			return exitError{code: exitRefused, message: "some files are shared with other Apps", next: "plumb rollback " + a.Name + " --shared include, or --shared skip"}
		}
		switch {
		case strings.HasPrefix(answer, "i"):
			req.Shared = engine.IncludeShared
		case strings.HasPrefix(answer, "s"):
			req.Shared = engine.SkipShared
		default:
			return exitError{code: exitRefused, message: "aborted"}
		}
	} else if !yes && e.Terminal {
		if answer, err := e.ask("commit and push? [y/N] "); err != nil || !strings.HasPrefix(strings.ToLower(answer), "y") {
			return exitError{code: exitRefused, message: "aborted"}
		}
	}
	if err := c.do(ctx, http.MethodPost, appPath(keyOf(a), "revert"), req, &out); err != nil {
		return err
	}
	e.say("pushed %s to %s", shortSHA(out.Commit), out.Branch)
	return e.line(out.Commit)
}

// ask puts a question to the person at the terminal.
func (e *env) ask(question string) (string, error) {
	if !e.Terminal {
		return "", fmt.Errorf("no terminal to ask on")
	}
	fmt.Fprint(e.Err, question)
	answer, err := bufio.NewReader(e.In).ReadString('\n')
	return strings.TrimSpace(answer), err
}

func (e *env) login() *cobra.Command {
	var token string
	cmd := &cobra.Command{
		Use: "login", Short: "Sign in to a Plumb API with a token (a Kubernetes token, or the one that plumb up printed)", Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, cancel := e.withTimeout(cmd.Context(), 30*time.Second)
			defer cancel()
			if token == "" {
				token = e.Getenv("PLUMB_TOKEN")
			}
			if token == "" {
				answer, err := e.ask("token: ")
				if err != nil || answer == "" {
					return usageError{fmt.Errorf("no token: give --token, or PLUMB_TOKEN")}
				}
				token = answer
			}
			if e.server == "" {
				return usageError{fmt.Errorf("which Plumb? give --server ADDRESS")}
			}
			c := &client{base: strings.TrimRight(e.server, "/"), token: token, http: &http.Client{}, close: func() {}}
			var u server.User
			if err := c.do(ctx, http.MethodGet, "/api/v1/whoami", nil, &u); err != nil {
				return cause(ctx, err)
			}
			if err := e.saveSession(session{Server: c.base, Token: token}); err != nil {
				return err
			}
			e.say("signed in to %s as %s", c.base, u.Name)
			return nil
		},
	}
	cmd.Flags().StringVar(&token, "token", "", "token (default: $PLUMB_TOKEN, else asked for)")
	return cmd
}
