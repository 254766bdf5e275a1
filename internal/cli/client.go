package cli

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"plumb.cd/plumb/internal/cluster"
	"plumb.cd/plumb/internal/engine"
	"plumb.cd/plumb/internal/filter"
	"plumb.cd/plumb/internal/httpapi"
	"plumb.cd/plumb/internal/server"
)

// client speaks the API.
type client struct {
	base  string
	token string
	http  *http.Client
	close func()

	forwarded bool // through the kubeconfig: the way ends with this process
}

// session is what plumb login, and plumb up, leave behind.
type session struct {
	Server string `json:"server"`
	Token  string `json:"token"`
}

func (e *env) sessionFile() (string, error) {
	if dir := e.Getenv("PLUMB_CONFIG_DIR"); dir != "" {
		return filepath.Join(dir, "session.json"), nil
	}
	dir, err := os.UserConfigDir()
	if err != nil {
		return "", fmt.Errorf("no place to keep the sign-in: %w", err)
	}
	return filepath.Join(dir, "plumb", "session.json"), nil
}

func (e *env) loadSession() (session, error) {
	path, err := e.sessionFile()
	if err != nil {
		return session{}, err
	}
	raw, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return session{}, nil
	}
	if err != nil {
		return session{}, err
	}
	var s session
	if err := json.Unmarshal(raw, &s); err != nil {
		return session{}, exitError{code: exitUsage, message: path + " cannot be read: " + err.Error(), next: "plumb login"}
	}
	return s, nil
}

func (e *env) saveSession(s session) error {
	path, err := e.sessionFile()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	raw, err := json.Marshal(s)
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(raw, '\n'), 0o600)
}

// connect finds the daemon: --server, the sign-in, else a port-forward to it through the kubeconfig.
func (e *env) connect(ctx context.Context) (*client, error) {
	s, err := e.loadSession()
	if err != nil {
		return nil, err
	}
	token := e.Getenv("PLUMB_TOKEN")
	base := e.server
	if base == "" {
		base = e.Getenv("PLUMB_SERVER")
	}
	if base == "" && e.kubeconfig == "" && e.context == "" {
		base = s.Server
	}
	if token == "" && (base == s.Server || base == "") {
		token = s.Token
	}
	if base != "" {
		return &client{base: strings.TrimRight(base, "/"), token: token, http: &http.Client{}, close: func() {}}, nil
	}
	return e.forward(ctx, token)
}

// forward reaches the daemon inside the cluster of the kubeconfig, with that kubeconfig's own identity.
func (e *env) forward(ctx context.Context, token string) (*client, error) {
	raw, _, err := cluster.LoadKubeconfig(e.kubeconfig, e.context)
	if err != nil {
		return nil, exitError{
			code: exitUnreachable, message: "no Plumb to speak to: not signed in, and " + err.Error(),
			next: "plumb up (a local control plane), or plumb login --server ADDRESS", err: err,
		}
	}
	conn, err := cluster.Connect(ctx, cluster.Config{Kubeconfig: raw, TrustKubeconfig: true, UserAgent: "plumb-cli/" + e.Version})
	if err != nil {
		return nil, err
	}
	addr, stop, err := conn.PortForward(ctx, "plumb-system", "app.kubernetes.io/name=plumb", 8080)
	if err != nil {
		return nil, exitError{code: exitUnreachable, message: "Plumb cannot be reached through the kubeconfig: " + err.Error(), next: "plumb install --image REF --apply, or plumb login --server ADDRESS", err: err}
	}
	if token == "" {
		token = conn.BearerToken()
	}
	return &client{base: "http://" + addr, token: token, http: &http.Client{}, close: stop, forwarded: true}, nil
}

// do makes one call. Errors of the API are server.Problem.
func (c *client) do(ctx context.Context, method, path string, body, into any) error {
	var r io.Reader
	if body != nil {
		raw, err := json.Marshal(body)
		if err != nil {
			return err
		}
		r = bytes.NewReader(raw)
	}
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, r)
	if err != nil {
		return usageError{fmt.Errorf("the address %q: %w", c.base, err)}
	}
	req.Header.Set("Authorization", "Bearer "+c.token)
	res, err := c.http.Do(req)
	if err != nil {
		return c.unreachable(err)
	}
	defer res.Body.Close()
	const limit = 256 << 20
	raw, err := io.ReadAll(io.LimitReader(res.Body, limit))
	if err != nil {
		return c.unreachable(err)
	}
	if res.StatusCode >= 300 {
		var p server.Problem
		if json.Unmarshal(raw, &p) != nil || p.Message == "" {
			p = server.Problem{Message: fmt.Sprintf("%s answered %s", c.base, res.Status)}
		}
		p.Status = res.StatusCode
		return p
	}
	if into == nil {
		return nil
	}
	return json.Unmarshal(raw, into)
}

func (c *client) unreachable(err error) error {
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return err
	}
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err
	}
	return exitError{code: exitUnreachable, message: "the Plumb API at " + c.base + " cannot be reached: " + err.Error(), next: "plumb up, or plumb login --server ADDRESS", err: err}
}

func appPath(k engine.Key, call string) string {
	p := "/api/v1/apps/" + url.PathEscape(k.Namespace) + "/" + url.PathEscape(k.Name)
	if call != "" {
		p += "/" + call
	}
	return p
}

// find gives the App that a person means: "name" or "namespace/name". A name in several namespaces is asked about.
func (e *env) find(ctx context.Context, c *client, arg string) (server.AppView, error) {
	arg = strings.TrimPrefix(strings.TrimPrefix(arg, "app/"), "apps/")
	missing := exitError{code: exitNotFound, message: "there is no App " + arg + ", or you may not see it", next: "plumb get apps"}
	namespace, name, ok := strings.Cut(arg, "/")
	if !ok {
		namespace, name = e.namespace, arg
	}
	if namespace == "" {
		rows, _, err := c.rows(ctx, "name:"+filter.Literal(name).String(), "name")
		if err != nil {
			return server.AppView{}, err
		}
		if len(rows.Items) == 0 {
			return server.AppView{}, missing
		}
		if len(rows.Items) > 1 {
			var names []string
			for _, a := range rows.Items {
				names = append(names, a.Namespace+"/"+a.Name)
			}
			return server.AppView{}, usageError{fmt.Errorf("%s is the name of several Apps: %s; say which", arg, strings.Join(names, ", "))}
		}
		namespace = rows.Items[0].Namespace
	}
	var a server.AppView
	err := c.do(ctx, http.MethodGet, appPath(engine.Key{Namespace: namespace, Name: name}, ""), nil, &a)
	var p server.Problem
	if errors.As(err, &p) && p.Status == http.StatusNotFound {
		return a, missing
	}
	return a, err
}

// rows reads a list of Apps, all pages of it: of each its namespace, its name and these fields, or all without any. Of an empty
// list it says which term of the filter does it, where that is known.
func (c *client) rows(ctx context.Context, text string, fields ...string) (httpapi.List[httpapi.AppRow], *httpapi.EmptyHint, error) {
	out := httpapi.List[httpapi.AppRow]{Items: []httpapi.AppRow{}}
	q := url.Values{"sort": {"name"}, "limit": {"500"}}
	if text != "" {
		q.Set("filter", text)
	}
	if len(fields) > 0 {
		q.Set("fields", strings.Join(fields, ","))
	}
	for {
		var page httpapi.AppPage
		if err := c.do(ctx, http.MethodGet, "/api/v1/apps?"+q.Encode(), nil, &page); err != nil {
			return out, nil, err
		}
		out.Items = append(out.Items, page.Items...)
		out.Total = len(out.Items)
		if page.Next == "" {
			return out, page.Hint, nil
		}
		q.Set("cursor", page.Next)
	}
}

// findSoon is find for an App that somebody may have created a moment ago: the daemon is given a while to notice it.
func (e *env) findSoon(ctx context.Context, c *client, arg string) (server.AppView, error) {
	const notices, pause = 10 * time.Second, 100 * time.Millisecond
	for until := e.Now().Add(notices); ; {
		a, err := e.find(ctx, c, arg)
		var x exitError
		if !asExit(err, &x) || x.code != exitNotFound || e.Now().After(until) {
			return a, err
		}
		select {
		case <-ctx.Done():
			return a, err
		case <-time.After(pause):
		}
	}
}

type finder func(ctx context.Context, c *client, arg string) (server.AppView, error)

// withApp connects, finds the App and calls f.
func (e *env) withApp(cmd *cobra.Command, arg string, fallback time.Duration, f func(ctx context.Context, c *client, a server.AppView) error) error {
	return e.withFound(cmd, arg, fallback, e.find, f)
}

func (e *env) withFound(
	cmd *cobra.Command, arg string, fallback time.Duration, find finder, f func(ctx context.Context, c *client, a server.AppView) error,
) error {
	ctx, cancel := e.withTimeout(cmd.Context(), fallback)
	defer cancel()
	c, err := e.connect(ctx)
	if err != nil {
		return err
	}
	defer c.close()
	a, err := find(ctx, c, arg)
	if err != nil {
		return cause(ctx, err)
	}
	return cause(ctx, f(ctx, c, a))
}

// cause replaces "context deadline exceeded" with what the deadline meant.
func cause(ctx context.Context, err error) error {
	if err != nil && errors.Is(err, context.DeadlineExceeded) {
		if c := context.Cause(ctx); c != nil {
			return c
		}
	}
	return err
}

func keyOf(a server.AppView) engine.Key { return engine.Key{Namespace: a.Namespace, Name: a.Name} }

// follow streams an App's states to f until f says that it is done. A stream that breaks is opened again.
func (c *client) follow(ctx context.Context, k engine.Key, f func(server.AppView) (done bool, err error)) error {
	path := "/api/v1/events?" + url.Values{"namespace": {k.Namespace}, "name": {k.Name}}.Encode()
	for tries := 0; ; tries++ {
		done, err := c.stream(ctx, path, f)
		if done || err != nil && tries >= 3 || ctx.Err() != nil {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			return err
		}
	}
}

func (c *client) stream(ctx context.Context, path string, f func(server.AppView) (bool, error)) (bool, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.base+path, nil)
	if err != nil {
		return true, err
	}
	req.Header.Set("Authorization", "Bearer "+c.token)
	res, err := c.http.Do(req)
	if err != nil {
		return false, c.unreachable(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return true, server.Problem{Status: res.StatusCode, Message: "the stream of events was refused: " + res.Status}
	}
	lines := bufio.NewScanner(res.Body)
	lines.Buffer(nil, 4<<20)
	event := ""
	for lines.Scan() {
		line := lines.Text()
		if v, ok := strings.CutPrefix(line, "event: "); ok {
			event = v
		}
		data, ok := strings.CutPrefix(line, "data: ")
		if !ok {
			continue
		}
		if event == "gone" {
			return true, exitError{code: exitNotFound, message: "the App was deleted"}
		}
		if event == "signout" {
			p := server.Problem{Status: http.StatusUnauthorized, Message: "the sign-in has ended"}
			err := json.Unmarshal([]byte(data), &p)
			return true, cmp.Or(err, error(p))
		}
		if event != "app" {
			continue // of a newer server
		}
		var a server.AppView
		if err := json.Unmarshal([]byte(data), &a); err != nil {
			return true, err
		}
		if done, err := f(a); done || err != nil {
			return true, err
		}
	}
	return false, lines.Err()
}
