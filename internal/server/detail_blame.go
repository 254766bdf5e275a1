package server

import (
	"plumb.cd/plumb/internal/engine"
	"plumb.cd/plumb/internal/httpapi"
)

type blameQuery struct {
	Object string `query:"object" doc:"ID of an object of the App; required"`
	Field  string `query:"field" doc:"One field, or all below it, as in a diff: .spec.replicas; default: every field that Git sets"`
}

func (d *details) blame(c *call) error {
	q, err := queryOf[blameQuery](c)
	if err != nil {
		return err
	}
	id, err := neededObject(q.Object)
	if err != nil {
		return err
	}
	done, err := d.turn(c.Context())
	if err != nil {
		return err
	}
	defer done()
	view, err := d.o.Engine.Blame(c.Context(), c.key, engine.BlameRequest{Object: id, Field: q.Field})
	if err != nil {
		return answered(err)
	}
	out := httpapi.Blame{
		Object: id.String(), Fields: make([]httpapi.BlameLine, 0, len(view.Lines)),
		Complete: view.Complete, Searched: view.Searched, Until: view.Until, Stopped: view.Stopped,
	}
	url := d.repositoryURL(c.key)
	for _, l := range view.Lines {
		line := httpapi.BlameLine{
			Path: l.Path, Value: l.Value, File: l.File, By: string(l.By), Exact: l.Exact, Note: l.Note, Commit: commitRef(l.Commit, url),
		}
		linked(d.o.List.Links, line.Commit, url)
		out.Fields = append(out.Fields, line)
	}
	return c.reply(out)
}
