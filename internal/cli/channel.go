package cli

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"plumb.cd/plumb/internal/httpapi"
)

func (e *env) listChannels(ctx context.Context) (httpapi.List[httpapi.Channel], error) {
	q := url.Values{}
	if e.namespace != "" {
		q.Set("namespace", e.namespace)
	}
	return fetch[httpapi.Channel](ctx, e, "/api/v1/channels", q)
}

func (e *env) getChannels(ctx context.Context) error {
	list, err := e.listChannels(ctx)
	if err != nil {
		return err
	}
	return e.print(list, func() error {
		var rows [][]string
		for _, c := range list.Items {
			state, message := "Ready", ""
			if p := c.Problem; p != nil {
				state, message = p.Reason, p.Message
			} else if c.Dead+c.Dropped > 0 {
				message = fmt.Sprintf("%d given up, %d not taken in", c.Dead, c.Dropped)
			}
			rows = append(rows, []string{
				c.Namespace + "/" + c.Name, c.Type, state, cmp.Or(c.Target, "-"), strconv.Itoa(c.Waiting), age(e.Now(), c.Sent), clip(plain(message), 90),
			})
		}
		return e.rows([]string{"CHANNEL", "TYPE", "STATE", "TARGET", "WAITING", "SENT", "MESSAGE"}, rows)
	})
}

func (e *env) channel() *cobra.Command {
	cmd := &cobra.Command{
		Use: "channel", Short: "Try the Channels that notifications go to", Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(e.outputFlag(&cobra.Command{
		Use: "test NAME", Short: "Send a test through a Channel now, and say what the receiver answered (exit 1: not delivered)",
		Args: oneArg("a Channel"),
		RunE: func(cmd *cobra.Command, args []string) error { return e.testChannel(cmd.Context(), args[0]) },
	}))
	return cmd
}

func (e *env) testChannel(ctx context.Context, name string) error {
	namespace, name, err := e.findChannel(ctx, name)
	if err != nil {
		return err
	}
	ctx, cancel := e.withTimeout(ctx, 0)
	defer cancel()
	c, err := e.connect(ctx)
	if err != nil {
		return err
	}
	defer c.close()
	var out httpapi.ChannelTest
	path := "/api/v1/channels/" + url.PathEscape(namespace) + "/" + url.PathEscape(name) + "/test"
	if err := cause(ctx, c.do(ctx, http.MethodPost, path, nil, &out)); err != nil {
		return err
	}
	err = e.print(out, func() error {
		if out.OK {
			return e.line("delivered")
		}
		p := out.Problem
		return e.pairs("not delivered", [][2]string{{"reason", p.Reason}, {"message", plain(p.Message)}, {"where", p.Where}, {"next", plain(p.Next)}})
	})
	if err != nil || out.OK {
		return err
	}
	return exitError{code: exitNo}
}

// findChannel says which Channel is meant by NAME or NAMESPACE/NAME.
func (e *env) findChannel(ctx context.Context, name string) (string, string, error) {
	if namespace, rest, ok := strings.Cut(name, "/"); ok {
		return namespace, rest, nil
	}
	if e.namespace != "" {
		return e.namespace, name, nil
	}
	list, err := e.listChannels(ctx)
	if err != nil {
		return "", "", err
	}
	var found []string
	for _, c := range list.Items {
		if c.Name == name {
			found = append(found, c.Namespace)
		}
	}
	switch len(found) {
	case 0:
		return "", "", exitError{code: exitNotFound, message: "there is no Channel " + name + ", or you may not see it", next: "plumb get channels"}
	case 1:
		return found[0], name, nil
	}
	return "", "", usageError{fmt.Errorf("Channel %s is in several namespaces (%s): give --namespace", name, strings.Join(found, ", "))}
}

// networks reads --notify-allow.
func networks(texts []string) ([]netip.Prefix, error) {
	var out []netip.Prefix
	for _, t := range texts {
		p, err := netip.ParsePrefix(t)
		if err != nil {
			addr, bad := netip.ParseAddr(t)
			if bad != nil {
				return nil, usageError{fmt.Errorf("--notify-allow %q: want a network like 10.0.0.0/8, or an address", t)}
			}
			p = netip.PrefixFrom(addr, addr.BitLen())
		}
		out = append(out, p.Masked())
	}
	return out, nil
}

// ownNetworks may be reached by Channels of a Plumb that runs for one person, on that person's machine.
func ownNetworks() []netip.Prefix {
	return []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}
}
