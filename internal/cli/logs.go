package cli

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"plumb.cd/plumb/internal/engine"
	"plumb.cd/plumb/internal/httpapi"
	"plumb.cd/plumb/internal/object"
	"plumb.cd/plumb/internal/server"
)

// logFlags choose what of the logs is read.
type logFlags struct {
	container string
	tail      int
	since     time.Duration
	follow    bool
	previous  bool
}

// logs prints what containers say.
func (e *env) logs() *cobra.Command {
	var l logFlags
	cmd := &cobra.Command{
		Use: "logs APP | KIND/[NAMESPACE/]NAME | APP KIND/[NAMESPACE/]NAME", Short: "Print the logs of an App's containers", Args: logArgs,
		Example: "  plumb logs shop\n  plumb logs deploy/shop/web -f\n  plumb logs shop pod/web-7c9d-x2k --previous",
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx, cancel := e.withTimeout(cmd.Context(), 0)
			defer cancel()
			c, err := e.connect(ctx)
			if err != nil {
				return err
			}
			defer c.close()
			key, id, err := e.logObject(ctx, c, args)
			if err != nil {
				return cause(ctx, err)
			}
			return cause(ctx, e.printLogs(ctx, c, key, id, l))
		},
	}
	f := cmd.Flags()
	f.StringVarP(&l.container, "container", "c", "", "only this container (default: all but init containers)")
	f.IntVar(&l.tail, "tail", 0, "only the last lines of each container (default: 200 with --follow, else all)")
	f.DurationVar(&l.since, "since", 0, "only lines of this last time")
	f.BoolVarP(&l.follow, "follow", "f", false, "go on until the containers end")
	f.BoolVarP(&l.previous, "previous", "p", false, "of the container before its last restart")
	return e.outputFlag(cmd)
}

func logArgs(cmd *cobra.Command, args []string) error {
	if len(args) < 1 || len(args) > 2 {
		return usageError{fmt.Errorf("%s takes an App, an object, or both, got %q", cmd.CommandPath(), args)}
	}
	return nil
}

// logObject finds out whose logs are meant: an object of an App, or the only one of its objects that has Pods.
func (e *env) logObject(ctx context.Context, c *client, args []string) (engine.Key, object.ID, error) {
	if len(args) == 2 {
		a, err := e.find(ctx, c, args[0])
		if err != nil {
			return engine.Key{}, object.ID{}, err
		}
		id, ok := parseObject(args[1])
		if !ok {
			return engine.Key{}, id, usageError{fmt.Errorf("%q is no object: want KIND/[NAMESPACE/]NAME", args[1])}
		}
		if id.Namespace == "" {
			id.Namespace = a.Namespace
		}
		return keyOf(a), id, nil
	}
	key, id, err := e.meant(ctx, c, args[0])
	if err != nil || id != nil {
		return key, deref(id), err
	}
	found, err := e.workload(ctx, c, key)
	return key, found, err
}

func deref(id *object.ID) object.ID {
	if id == nil {
		return object.ID{}
	}
	return *id
}

// havePods are the kinds whose Pods have logs.
var havePods = []string{"Deployment", "StatefulSet", "DaemonSet", "Job", "CronJob", "ReplicaSet", "ReplicationController", "Pod"}

// workload is the one object of an App that has Pods.
func (e *env) workload(ctx context.Context, c *client, key engine.Key) (object.ID, error) {
	var tree server.List[engine.ObjectView]
	if err := c.do(ctx, http.MethodGet, appPath(key, "tree"), nil, &tree); err != nil {
		return object.ID{}, err
	}
	var names []string
	var found object.ID
	for _, o := range tree.Items {
		if slices.Contains(havePods, o.ID.Kind) && !o.Missing {
			found = o.ID
			names = append(names, o.ID.String())
		}
	}
	switch len(names) {
	case 0:
		return found, exitError{code: exitNotFound, message: "App " + key.String() + " has nothing with Pods", next: "plumb tree " + key.Name}
	case 1:
		return found, nil
	}
	return found, usageError{fmt.Errorf("App %s has several objects with Pods: %s; say which", key, strings.Join(names, ", "))}
}

func (l logFlags) query(id object.ID) url.Values {
	q := url.Values{"object": {id.String()}}
	set := func(name, value string, given bool) {
		if given {
			q.Set(name, value)
		}
	}
	set("container", l.container, l.container != "")
	set("tail", strconv.Itoa(l.tail), l.tail != 0)
	set("since", l.since.String(), l.since != 0)
	set("follow", "true", l.follow)
	set("previous", "true", l.previous)
	return q
}

func (e *env) printLogs(ctx context.Context, c *client, key engine.Key, id object.ID, l logFlags) error {
	var containers httpapi.List[httpapi.Container]
	if err := c.do(ctx, http.MethodGet, appPath(key, "logs/containers?object="+url.QueryEscape(id.String())), nil, &containers); err != nil {
		return err
	}
	several := 0
	for _, one := range containers.Items {
		if l.container == "" && !one.Init || l.container == one.Name {
			several++
		}
	}
	var failed error
	err := c.sse(ctx, appPath(key, "logs?"+l.query(id).Encode()), func(event string, data []byte) (bool, error) {
		switch event {
		case "lines":
			return false, e.logLines(data, several > 1)
		case "dropped":
			var d struct{ Lines int }
			if err := json.Unmarshal(data, &d); err != nil {
				return true, err
			}
			e.say("%s were left out: they came faster than they could be sent", counted(d.Lines, "line"))
		case "problem":
			var p server.Problem
			if err := json.Unmarshal(data, &p); err != nil {
				return true, err
			}
			failed = p
		}
		return event == "end", nil
	})
	if err == nil {
		err = failed
	}
	return err
}

// logLines prints a batch: as JSON lines, or as text with the container in front where there are several.
func (e *env) logLines(data []byte, named bool) error {
	var batch []httpapi.LogLine
	if err := json.Unmarshal(data, &batch); err != nil {
		return err
	}
	for _, l := range batch {
		text := plain(l.Text)
		if e.output == "json" {
			raw, err := json.Marshal(l)
			if err != nil {
				return err
			}
			text = string(raw)
		} else if named {
			text = l.Pod + "/" + l.Container + "  " + text
		}
		if err := e.line(text); err != nil {
			return err
		}
	}
	return nil
}

// sse reads a stream of events to f until f says that it is done, or the stream ends.
func (c *client) sse(ctx context.Context, path string, f func(event string, data []byte) (done bool, err error)) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.base+path, nil)
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+c.token)
	res, err := c.http.Do(req)
	if err != nil {
		return c.unreachable(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		p := server.Problem{Message: "the stream was refused: " + res.Status}
		_ = json.NewDecoder(res.Body).Decode(&p) // what cannot be read leaves the status
		p.Status = res.StatusCode
		return p
	}
	lines := bufio.NewScanner(res.Body)
	lines.Buffer(nil, 8<<20)
	event := ""
	for lines.Scan() {
		if v, ok := strings.CutPrefix(lines.Text(), "event: "); ok {
			event = v
		}
		data, ok := strings.CutPrefix(lines.Text(), "data: ")
		if !ok {
			continue
		}
		if done, err := f(event, []byte(data)); done || err != nil {
			return err
		}
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return errors.Join(lines.Err())
}
