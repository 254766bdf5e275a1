package server

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"

	"plumb.cd/plumb/internal/engine"
	"plumb.cd/plumb/internal/history"
	"plumb.cd/plumb/internal/httpapi"
)

type changesQuery struct {
	Filter string   `query:"filter" doc:"Only of Apps that it matches; the grammar of the list of Apps"`
	Kind   []string `query:"kind" enum:"deployment,drift,healed,fight,rollback,request,revision,failure,health" doc:"Only of these kinds; repeatable"`
	App    string   `query:"app" doc:"Only of this App, NAMESPACE/NAME"`
	Cursor string   `query:"cursor" doc:"Of an earlier answer"`
	Limit  int      `query:"limit" minimum:"1" maximum:"200" doc:"How many; default 50"`
}

// Limits of one page of changes.
const (
	changesPage = 50
	changesRead = 5000 // records, at the most
	changesAt   = 500  // records at a time
	maxFields   = 50   // of one change
)

// changes lists what happened to the Apps that the reader may see.
func (d *details) changes(c *call) error {
	q, err := queryOf[changesQuery](c)
	if err != nil {
		return err
	}
	out := httpapi.List[httpapi.Change]{Items: []httpapi.Change{}}
	if d.o.History == nil {
		return c.reply(out)
	}
	query := history.Query{App: q.App, Limit: changesAt}
	for _, k := range q.Kind {
		query.Kinds = append(query.Kinds, kindsOf[k]...)
	}
	if q.Cursor != "" {
		if query.Before, err = strconv.ParseInt(q.Cursor, 10, 64); err != nil || query.Before < 1 {
			return badParameter("cursor", "want the cursor of an earlier answer")
		}
	}
	wanted, err := d.wanted(c, q)
	if err != nil {
		return err
	}
	f := folding{limit: cmp.Or(q.Limit, changesPage), wanted: wanted, kinds: q.Kind}
	more, err := d.readChanges(c, query, &f)
	if err != nil {
		return err
	}
	out.Items = append(out.Items, f.out...)
	d.tellBy(c.Context(), out.Items)
	if more {
		out.Next = strconv.FormatInt(f.last, 10)
	}
	return c.reply(out)
}

// commitsTold bounds how long a list waits for the commits behind its lines. What is not known by then is left out.
const commitsTold = time.Second

// tellBy adds the commits that changes stem from.
func (d *details) tellBy(ctx context.Context, changes []httpapi.Change) {
	ctx, cancel := context.WithTimeout(ctx, commitsTold)
	defer cancel()
	for i := range changes {
		if ch := &changes[i]; ch.Commit != "" {
			ch.By = d.commitBehind(ctx, ch.App, ch.Commit)
		}
	}
}

// commitBehind is the commit that changed an App, of a record at a commit; nil when it is not known.
func (s *Server) commitBehind(ctx context.Context, app, commit string) *httpapi.CommitRef {
	namespace, name, _ := strings.Cut(app, "/")
	key := engine.Key{Namespace: namespace, Name: name}
	url := s.repositoryURL(key)
	ref := commitRef(s.o.Engine.Changer(ctx, key, commit), url)
	linked(s.o.List.Links, ref, url)
	return ref
}

// wanted says whether the reader may see what happened to an App, and asked for it.
func (d *details) wanted(c *call, q changesQuery) (func(app string) (bool, error), error) {
	may := d.mayList(c)
	var matching map[string]bool
	if q.Filter != "" {
		f, err := parseFilter(q.Filter)
		if err != nil {
			return nil, err
		}
		matching = d.matching(f)
	}
	return func(app string) (bool, error) {
		namespace, _, _ := strings.Cut(app, "/")
		ok, err := may(namespace)
		return ok && (matching == nil || matching[app]), err
	}, nil
}

// readChanges reads records until the page is full; more: there are older ones.
func (d *details) readChanges(c *call, query history.Query, f *folding) (more bool, err error) {
	for read := 0; read < changesRead; read += changesAt {
		records, err := d.o.History.List(c.Context(), query)
		if err != nil {
			return false, err
		}
		for _, ev := range records {
			full, err := f.take(ev)
			if err != nil || full {
				return true, err
			}
		}
		if len(records) < changesAt {
			return false, nil
		}
		query.Before = records[len(records)-1].Seq
	}
	return true, nil
}

// kindsOf are the records that a kind of change is made of. What was undone is told once: the finding is in it.
var kindsOf = map[string][]history.Kind{
	"deployment": {history.Deployment}, "drift": {history.Drift, history.Healed}, "healed": {history.Drift, history.Healed}, "fight": {history.Fight},
	"rollback": {history.Rollback}, "request": {history.Request}, "revision": {history.Revision}, "failure": {history.Failure}, "health": {history.Health},
}

// folding makes changes of records, newest first: a finding and its undoing are one, and the same thing that happens to one
// object again and again is one with a count.
type folding struct {
	limit  int
	wanted func(app string) (bool, error)
	kinds  []string
	out    []httpapi.Change
	last   int64 // Seq of the last record that is in out, or was passed over

	open   map[string]int            // App and object → the change in out that the next of the same goes into
	undone map[string]httpapi.Change // App and object → the undoing whose finding is still to come
}

// take files a record. full: the page is complete, and the record belongs to the next one.
func (f *folding) take(ev history.Event) (full bool, err error) {
	ok, err := f.wanted(ev.App)
	if err != nil {
		return false, err
	}
	if !ok {
		f.last = ev.Seq
		return false, nil
	}
	change := changeOf(ev)
	place := ev.App + " " + ev.Object
	if f.open == nil {
		f.open, f.undone = map[string]int{}, map[string]httpapi.Change{}
	}
	if undone, ok := f.undone[place]; ok && ev.Kind == history.Drift && same(undone, change) {
		delete(f.undone, place) // the finding of what was undone
		f.last = ev.Seq
		return false, nil
	}
	if len(f.kinds) > 0 && !slices.Contains(f.kinds, change.Kind) {
		f.note(ev, place, change)
		return false, nil
	}
	if i, ok := f.open[place]; ok && ev.Object != "" && f.out[i].Kind == change.Kind && same(f.out[i], change) {
		into := &f.out[i]
		into.Repeats, into.First = max(into.Repeats, 1)+1, change.At
		f.note(ev, place, change)
		return false, nil
	}
	if len(f.out) == f.limit {
		return true, nil
	}
	f.out = append(f.out, change)
	f.open[place] = len(f.out) - 1
	f.note(ev, place, change)
	return false, nil
}

func (f *folding) note(ev history.Event, place string, change httpapi.Change) {
	f.last = ev.Seq
	if ev.Kind == history.Healed {
		f.undone[place] = change
	}
}

// same reports whether two changes of one object are the same thing happening again: the same tool, the same fields.
func same(a, b httpapi.Change) bool {
	return a.Manager == b.Manager && slices.EqualFunc(a.Fields, b.Fields, func(x, y httpapi.FieldDiff) bool { return x.Path == y.Path })
}

var changeKinds = map[history.Kind]string{
	history.Deployment: "deployment", history.Drift: "drift", history.Healed: "healed", history.Fight: "fight", history.Rollback: "rollback",
	history.Request: "request", history.Revision: "revision", history.Failure: "failure", history.Health: "health",
}

// changeOf is a record as the API tells it. The actor of drift is a tool: managedFields name no person.
func changeOf(ev history.Event) httpapi.Change {
	out := httpapi.Change{
		Seq: ev.Seq, At: utc(ev.At), Kind: changeKinds[ev.Kind], App: ev.App, Object: ev.Object, Actor: ev.Actor, Outcome: ev.Outcome, Message: ev.Message, Commit: ev.Commit,
	}
	if ev.Kind != history.Drift && ev.Kind != history.Healed && ev.Kind != history.Fight {
		return out
	}
	out.Actor, out.Manager = "", ev.Actor
	var data engine.DriftData
	if json.Unmarshal(ev.Data, &data) != nil {
		return out
	}
	if data.Deleted && out.Outcome == "" {
		out.Outcome = "Deleted"
	}
	for _, culprit := range data.Culprits {
		for _, change := range culprit.Fields {
			if len(out.Fields) < maxFields {
				out.Fields = append(out.Fields, httpapi.FieldDiff{Path: change.Path, Left: change.From, Right: change.To, Class: "drift", Owner: culprit.Manager})
			}
		}
	}
	return out
}
