package server

import (
	"context"
	"strings"

	"sigs.k8s.io/yaml"

	"plumb.cd/plumb/internal/engine"
	"plumb.cd/plumb/internal/httpapi"
)

type graphQuery struct {
	Expand []string `query:"expand" doc:"ID of a folded node to open; repeatable"`
	Depth  int      `query:"depth" minimum:"1" maximum:"10" doc:"How many generations; default: all"`
	Lens   string   `query:"lens" enum:"traffic,dependency,nodes" doc:"The question, where it is another one than who made what: nothing is folded then"`
}

const maxNodeMessage = 200 // characters

func (d *details) graph(c *call) error {
	q, err := queryOf[graphQuery](c)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(c.Context(), longReading)
	defer cancel()
	done, err := d.turn(ctx)
	if err != nil {
		return err
	}
	defer done()
	forest, err := d.o.Engine.Graph(ctx, c.key, engine.GraphRequest{Expand: q.Expand, Depth: q.Depth, Lens: engine.Lens(q.Lens)})
	if err != nil {
		return answered(err)
	}
	out := httpapi.Graph{Nodes: make([]httpapi.Node, 0, len(forest.Nodes)), Total: forest.Total, AsOf: forest.AsOf, Lens: q.Lens}
	for _, n := range forest.Nodes {
		out.Nodes = append(out.Nodes, nodeOf(n))
	}
	if forest.Problem != nil {
		p := told(forest.Problem)
		out.Problem = &p
	}
	return c.reply(out)
}

func nodeOf(n engine.GraphNode) httpapi.Node {
	out := httpapi.Node{
		ID: n.ID, Parent: n.Parent, Group: n.Object.Group, Kind: n.Object.Kind, Space: n.Object.Namespace, Name: n.Object.Name,
		Health: string(n.Health.Level), Reason: n.Health.Reason, Message: clip(n.Health.Message, maxNodeMessage), Ours: n.Ours, Hook: n.Hook, Wave: n.Wave,
		Facts: n.Facts, Created: n.Created, File: n.File, Folded: n.Folded, Children: n.Children,
		Node: n.Links.Node, Targets: n.Links.Targets, Sources: n.Links.Sources, Phases: n.Links.Phases, After: n.Links.After,
	}
	switch {
	case !n.Ours:
	case n.Missing:
		out.Sync = "Missing"
	case n.InSync:
		out.Sync = string(engine.InSync)
	default:
		out.Sync = string(engine.OutOfSync)
	}
	if n.Folded > 0 {
		out.FoldedBy = httpapi.StateCounts{}
		for level, count := range n.FoldedBy {
			out.FoldedBy[string(level)] = count
		}
	}
	return out
}

func (d *details) events(c *call) error {
	q, err := queryOf[objectQuery](c)
	if err != nil {
		return err
	}
	id, err := objectOf(q.Object)
	if err != nil {
		return err
	}
	notices, err := d.o.Engine.EventsOf(c.Context(), c.key, id)
	if err != nil {
		return answered(err)
	}
	out := httpapi.List[httpapi.Event]{Items: make([]httpapi.Event, 0, len(notices))}
	for _, n := range notices {
		out.Items = append(out.Items, httpapi.Event{
			At: n.Last.UTC(), Type: n.Type, Reason: n.Reason, Message: clip(n.Message, maxEventMessage), Object: n.Object.String(), Source: n.Source, Count: int(n.Count),
		})
	}
	return c.reply(out)
}

const maxEventMessage = 2000 // characters

type manifestQuery struct {
	Object string `query:"object" doc:"ID of an object of the App, or, live, of one that stems from it; required"`
	Side   string `query:"side" enum:"git,applied,live" doc:"Default: live"`
}

// maxManifest is how much of one object's YAML is given.
const maxManifest = 1 << 20

func (d *details) manifest(c *call) error {
	q, err := queryOf[manifestQuery](c)
	if err != nil {
		return err
	}
	id, err := neededObject(q.Object)
	if err != nil {
		return err
	}
	side := engine.SideLive
	if q.Side != "" {
		side = engine.Side(q.Side)
	}
	view, err := d.o.Engine.Manifest(c.Context(), c.key, id, side)
	if err != nil {
		return answered(err)
	}
	raw, err := yaml.Marshal(view.Body)
	if err != nil {
		return err
	}
	out := httpapi.Manifest{Object: id.String(), Side: string(side), YAML: string(raw)}
	if len(raw) > maxManifest {
		out.YAML, out.Cut = strings.ToValidUTF8(string(raw[:maxManifest]), ""), true
	}
	return c.reply(out)
}
