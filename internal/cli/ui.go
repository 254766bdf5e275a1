package cli

import (
	"context"
	"net/http"
	"os/exec"
	"runtime"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"plumb.cd/plumb/internal/httpapi"
)

// ui opens the console in a browser, signed in as the command line is.
func (e *env) ui() *cobra.Command {
	var printOnly bool
	cmd := &cobra.Command{
		Use: "ui", Short: "Open the console in a browser, signed in as the command line is", Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := e.connect(cmd.Context())
			if err != nil {
				return err
			}
			defer c.close()
			address, err := e.consoleAddress(cmd.Context(), c)
			if err != nil {
				return err
			}
			if err := e.line(address); err != nil {
				return err
			}
			if !printOnly && e.Terminal {
				e.browse(cmd.Context(), address)
			}
			if c.forwarded {
				e.say("the way to the console goes through this command: ^C ends it")
				<-cmd.Context().Done()
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&printOnly, "print", false, "print the address only (it is good for two minutes, once)")
	return cmd
}

const linkGood = 2 * time.Minute

// consoleAddress signs a browser in once; who has no token that could be lent gets the sign-in page.
func (e *env) consoleAddress(ctx context.Context, c *client) (string, error) {
	ctx, cancel := e.withTimeout(ctx, 30*time.Second)
	defer cancel()
	if c.token == "" {
		var ways httpapi.Ways
		if err := c.do(ctx, http.MethodGet, "/api/v1/signin", nil, &ways); err != nil {
			return "", cause(ctx, err)
		}
		e.say("there is no token to sign in with: choose a way in the browser")
		return c.base + "/", nil
	}
	link, err := c.invitation(ctx, linkGood)
	return link, cause(ctx, err)
}

// invitation asks for an address that signs a browser in once.
func (c *client) invitation(ctx context.Context, good time.Duration) (string, error) {
	var i httpapi.Invitation
	if err := c.do(ctx, http.MethodPost, "/api/v1/signin/link", httpapi.InvitationWish{Seconds: int(good.Seconds())}, &i); err != nil {
		return "", err
	}
	return c.base + i.Path, nil
}

// browse opens an address with what the desktop has for that. It is printed too, so a failure is no harm.
func (e *env) browse(ctx context.Context, address string) {
	program := map[string][]string{"darwin": {"open"}, "windows": {"rundll32", "url.dll,FileProtocolHandler"}}[runtime.GOOS]
	if program == nil {
		program = []string{"xdg-open"}
	}
	if err := exec.CommandContext(ctx, program[0], append(program[1:], address)...).Start(); err != nil {
		e.say("no browser could be opened; open the address yourself")
	}
}

// clientOf speaks to the Plumb of a sign-in.
func (e *env) clientOf(s session) *client {
	return &client{base: strings.TrimRight(s.Server, "/"), token: s.Token, http: &http.Client{}, close: func() {}}
}
