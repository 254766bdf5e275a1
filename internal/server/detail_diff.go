package server

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"sync"
	"time"

	"plumb.cd/plumb/internal/compare"
	"plumb.cd/plumb/internal/engine"
	"plumb.cd/plumb/internal/httpapi"
)

type diffQuery struct {
	Left   string `query:"left" doc:"git, applied, live or deployment:<id>; default: what the App's state suggests"`
	Right  string `query:"right" doc:"as left"`
	Object string `query:"object" doc:"Only this object, opened whatever its size"`
	Quiet  bool   `query:"quiet" doc:"List objects too in which nothing but defaults and other managers' fields differ"`
	Cursor string `query:"cursor" doc:"Of an earlier answer"`
	Limit  int    `query:"limit" minimum:"1" maximum:"200" doc:"Objects of a page; default 50"`
}

const diffPage = 50

// pageBytes is how much of an answer the objects of one page fill, about: with it a page stays below 200 kB, compressed,
// whatever its values are.
const pageBytes = 190 << 10

func (d *details) diff(c *call) error {
	q, err := queryOf[diffQuery](c)
	if err != nil {
		return err
	}
	req, err := diffRequest(q)
	if err != nil {
		return err
	}
	at, err := cursorOf(q.Cursor)
	if err != nil {
		return err
	}
	compared, err := d.compared(c, req, at.At)
	if err != nil {
		return answered(err)
	}
	limit := diffPage
	if q.Limit > 0 {
		limit = q.Limit
	}
	return c.reply(diffView(compared, at.Offset, limit))
}

func diffRequest(q diffQuery) (engine.CompareRequest, error) {
	req := engine.CompareRequest{Left: engine.Side(q.Left), Right: engine.Side(q.Right), Quiet: q.Quiet}
	for name, side := range map[string]engine.Side{"left": req.Left, "right": req.Right} {
		if side != "" && !side.Valid() {
			return req, badParameter(name, "want git, applied, live or deployment:<id>")
		}
	}
	var err error
	req.Object, err = objectOf(q.Object)
	return req, err
}

// diffCursor says where a page begins, in the comparison that was made at a time.
type diffCursor struct {
	At     time.Time `json:"at"`
	Offset int       `json:"offset"`
}

func (x diffCursor) String() string {
	raw, err := json.Marshal(x)
	if err != nil {
		return ""
	}
	return base64.RawURLEncoding.EncodeToString(raw)
}

func cursorOf(text string) (diffCursor, error) {
	var x diffCursor
	if text == "" {
		return x, nil
	}
	raw, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || json.Unmarshal(raw, &x) != nil || x.Offset < 0 {
		return x, badParameter("cursor", "want the cursor of an earlier answer")
	}
	return x, nil
}

// compared gives the comparison of an earlier page as long as it is kept, else a new one.
func (d *details) compared(c *call, req engine.CompareRequest, of time.Time) (engine.Compared, error) {
	key := diffKey{app: c.key, left: req.Left, right: req.Right, quiet: req.Quiet}
	if req.Object != nil {
		key.object = req.Object.String()
	}
	if !of.IsZero() {
		if kept, ok := d.diffs.get(key, of); ok {
			return kept, nil
		}
	}
	out, err := d.compareNow(c.Context(), c.key, req)
	if err == nil && len(out.Objects) > diffPage {
		d.diffs.put(key, out)
	}
	return out, err
}

func (d *details) compareNow(ctx context.Context, key engine.Key, req engine.CompareRequest) (engine.Compared, error) {
	ctx, cancel := context.WithTimeout(ctx, longReading)
	defer cancel()
	done, err := d.turn(ctx)
	if err != nil {
		return engine.Compared{}, err
	}
	defer done()
	return d.o.Engine.Compare(ctx, key, req)
}

// diffCache keeps the newest comparisons of several pages, so that the pages of one fit together. No value of a Secret is
// in them, and who reads a page has the right to the App at that time.
type diffCache struct {
	mu   sync.Mutex
	kept []keptDiff // the newest last
}

type diffKey struct {
	app         engine.Key
	left, right engine.Side
	object      string
	quiet       bool
}

type keptDiff struct {
	key diffKey
	out engine.Compared
}

const diffsKept = 4

func (k *diffCache) get(key diffKey, at time.Time) (engine.Compared, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, d := range k.kept {
		if d.key == key && d.out.At.Equal(at) {
			return d.out, true
		}
	}
	return engine.Compared{}, false
}

func (k *diffCache) put(key diffKey, out engine.Compared) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.kept = append(k.kept, keptDiff{key, out})
	if len(k.kept) > diffsKept {
		k.kept = append([]keptDiff(nil), k.kept[1:]...)
	}
}

// diffView is one page of a comparison.
func diffView(in engine.Compared, offset, limit int) httpapi.Diff {
	out := httpapi.Diff{
		Left: string(in.Left), Right: string(in.Right), At: in.At, Compared: in.Compared, Objects: []httpapi.ObjectDiff{},
		Quiet: counts(in.Quiet), QuietObjects: in.QuietObjects,
	}
	if offset == 0 {
		out.Problems = toldAll(in.Problems)
	}
	size := 0
	for i := min(offset, len(in.Objects)); i < len(in.Objects); i++ {
		o := objectView(in.Objects[i])
		size += sizeOf(o)
		if n := len(out.Objects); n == limit || n > 0 && size > pageBytes {
			out.Next = diffCursor{At: in.At, Offset: i}.String()
			break
		}
		out.Objects = append(out.Objects, o)
	}
	return out
}

func objectView(in engine.ObjectDifference) httpapi.ObjectDiff {
	out := httpapi.ObjectDiff{
		Object: in.ID.String(), Action: string(in.Action), Risk: string(in.Risk), Counts: counts(in.Counts), Fields: fieldViews(in.Fields),
		More: in.More, Secret: in.Secret, Summary: in.Summary, Keeps: in.Keeps,
	}
	return out
}

func fieldViews(in []compare.Field) []httpapi.FieldDiff {
	out := make([]httpapi.FieldDiff, 0, len(in))
	for _, f := range in {
		out = append(out, httpapi.FieldDiff{Path: f.Path, Left: f.Left, Right: f.Right, Class: string(f.Class), Owner: f.Owner, Rule: f.Rule, Cut: f.Cut})
	}
	return out
}

func counts(in map[compare.Class]int) httpapi.ClassCounts {
	if len(in) == 0 {
		return nil
	}
	out := httpapi.ClassCounts{}
	for class, n := range in {
		out[string(class)] = n
	}
	return out
}

// sizeOf is about how many bytes an object's difference is as JSON.
func sizeOf(o httpapi.ObjectDiff) int {
	raw, err := json.Marshal(o)
	if err != nil {
		return 0
	}
	return len(raw)
}
