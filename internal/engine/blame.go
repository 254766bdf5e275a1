package engine

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"

	"plumb.cd/plumb/internal/blame"
	"plumb.cd/plumb/internal/fault"
	"plumb.cd/plumb/internal/object"
	"plumb.cd/plumb/internal/render"
	"plumb.cd/plumb/internal/transform"
	"plumb.cd/plumb/internal/tree"
)

// BlameRequest asks where fields of an object come from.
type BlameRequest struct {
	Object object.ID
	Field  string // one field, or all below it; empty: every field
}

// BlameView says for each field which place sets it, and which commit changed it last.
type BlameView struct {
	Object   object.ID
	Lines    []BlameLine
	Complete bool      // else the budget ended before every field was explained
	Searched int       // commits that were rendered
	Until    time.Time // of the oldest of them
	Stopped  string    // why it is not complete, in words
}

// BlameLine is one field.
type BlameLine struct {
	Path   string
	Value  any
	File   string // file:line
	By     blame.By
	Exact  bool // a render with another value in that place has it in the field
	Note   string
	Commit *CommitView // nil: not found within the budget
}

// The budget of one question. Renders take milliseconds each.
const (
	blameRenders = 400
	blameCommits = 60
	blameTime    = 8 * time.Second
)

// Blame finds the places and commits that set an object's fields, as Git has them now, by rendering the same inputs with
// other values in the places where the fields' values are written, and by rendering history.
func (e *Engine) Blame(ctx context.Context, key Key, req BlameRequest) (BlameView, error) {
	s, err := e.scene(key)
	if err != nil {
		return BlameView{}, err
	}
	s.a.stepping.Lock()
	inputs, err := e.gather(ctx, s.a, s.spec)
	s.a.stepping.Unlock()
	if isPending(err) {
		return BlameView{}, pendingFault()
	}
	if err != nil {
		return BlameView{}, err
	}
	st := &study{e: e, spec: s.spec, where: where(s.spec, s.conn), inputs: inputs, id: req.Object, until: e.o.Now().Add(blameTime)}
	if err := st.find(ctx); err != nil {
		return BlameView{}, err
	}
	out := BlameView{Object: req.Object, Complete: true}
	for _, leaf := range blame.Leaves(st.body) {
		if wantsField(req.Field, leaf.Path) {
			out.Lines = append(out.Lines, BlameLine{Path: leaf.Path, Value: leaf.Value})
			st.leaves = append(st.leaves, leaf)
		}
	}
	if len(out.Lines) == 0 {
		return BlameView{}, &fault.Error{
			Class: fault.Invalid, Reason: fault.ObjectInvalid, Where: req.Object.String(), Message: "Git does not set the field " + req.Field,
			Next: "plumb blame " + req.Object.String() + " lists the fields that it sets",
		}
	}
	st.places(ctx, &out)
	st.history(ctx, &out)
	if req.Object.Sensitive() {
		for i, l := range out.Lines {
			if strings.HasPrefix(l.Path, ".data") || strings.HasPrefix(l.Path, ".stringData") || strings.HasPrefix(l.Path, ".metadata.annotations") {
				out.Lines[i].Value = object.Redacted
			}
		}
	}
	return out, ctx.Err()
}

// wantsField reports whether a leaf is the asked field or below it. The dot in front may be left out.
func wantsField(field, leaf string) bool {
	if field == "" {
		return true
	}
	if field[0] != '.' && field[0] != '[' {
		field = "." + field
	}
	rest, ok := strings.CutPrefix(leaf, field)
	return ok && (rest == "" || rest[0] == '.' || rest[0] == '[')
}

// study is one question on its way.
type study struct {
	e      *Engine
	spec   App
	where  render.Target
	inputs []input
	id     object.ID
	until  time.Time

	source  int // of inputs: the one that the object comes from
	at      int // of the object among those of its source
	body    map[string]any
	origin  string
	leaves  []blame.Leaf
	renders int
}

func (st *study) spent() string {
	switch {
	case st.renders >= blameRenders:
		return fmt.Sprintf("%d renders were made", st.renders)
	case st.e.o.Now().After(st.until):
		return fmt.Sprintf("%s went by", blameTime)
	}
	return ""
}

// change is what is rendered otherwise than Git has it; the zero value is nothing.
type change struct {
	file    string
	content []byte
	app     *settings
	files   *tree.FS // of the source, at another commit
}

// settings are what the App's own spec says to its renderers and transformers.
type settings struct {
	Kustomize   render.KustomizeOptions `json:"kustomize,omitzero"`
	Helm        render.HelmOptions      `json:"helm,omitzero"`
	Jsonnet     render.JsonnetOptions   `json:"jsonnet,omitzero"`
	CUE         render.CUEOptions       `json:"cue,omitzero"`
	Substitute  map[string]string       `json:"substitute,omitempty"`
	Labels      map[string]string       `json:"labels,omitempty"`
	Annotations map[string]string       `json:"annotations,omitempty"`
}

// find renders every source as it is, and finds the object.
func (st *study) find(ctx context.Context) error {
	for i, in := range st.inputs {
		if in.source.ValuesOnly {
			continue
		}
		objects, err := st.render(ctx, i, change{})
		if err != nil {
			return inSource(in.source, err)
		}
		for at, o := range objects {
			if st.is(o) {
				st.source, st.at, st.body, st.origin = i, at, o.Body, o.Origin.String()
				return nil
			}
		}
	}
	return &fault.Error{
		Class: fault.Invalid, Reason: fault.NotFound, Where: st.id.String(), Message: "Git has no such object for this App",
		Next: "plumb tree " + st.spec.Key.Name,
	}
}

// is compares names; what is rendered without a namespace goes to the App's.
func (st *study) is(o transform.Object) bool {
	id := idOf(o.Body)
	if id.Namespace == "" {
		id.Namespace = st.id.Namespace
	}
	return id == st.id
}

// render renders one source, with a change.
func (st *study) render(ctx context.Context, i int, c change) ([]transform.Object, error) {
	st.renders++
	in, spec := st.inputs[i], st.spec
	if c.files != nil {
		in.files = c.files
	}
	if c.app != nil {
		r := &in.source.Render
		r.Kustomize, r.Helm, r.Jsonnet, r.CUE = c.app.Kustomize, c.app.Helm, c.app.Jsonnet, c.app.CUE
		spec.Substitute, spec.Labels, spec.Annotations = c.app.Substitute, c.app.Labels, c.app.Annotations
	}
	mounts := map[string]*tree.FS{}
	for j, other := range st.inputs {
		if other.source.Name != "" && j != i {
			mounts["$"+other.source.Name] = other.files
		}
	}
	if in.source.Name != "" {
		mounts["$"+in.source.Name] = in.files
	}
	files, req, err := st.e.renderable(ctx, in, st.where, mounts)
	if err != nil {
		return nil, err
	}
	if c.file != "" {
		files = overlaid{files, c.file, c.content}
	}
	res, err := st.e.o.Renderer.Render(ctx, files, req)
	if err != nil {
		return nil, err
	}
	objects := make([]transform.Object, 0, len(res.Objects))
	for _, o := range res.Objects {
		objects = append(objects, transform.Object{Body: o.Body, Origin: o.Origin, Random: o.Random})
	}
	return transform.Run(ctx, objects, spec.transforms())
}

// places explains each field by the place that sets it.
func (st *study) places(ctx context.Context, out *BlameView) {
	files := st.files()
	for i, leaf := range st.leaves {
		if why := st.spent(); why != "" || ctx.Err() != nil {
			out.Complete, out.Stopped = false, why+" before every field was explained"
			out.Lines[i].note(st.origin, "not looked for: "+why)
			continue
		}
		st.place(ctx, &out.Lines[i], leaf, blame.Places(files, leaf))
	}
}

func (l *BlameLine) note(origin, note string) { l.File, l.Note = origin, note }

// place tries the proposed places, until one of them has all of the value, and shows in the field when it is changed.
func (st *study) place(ctx context.Context, l *BlameLine, leaf blame.Leaf, proposed []blame.Place) {
	var parts []string
	for _, p := range proposed {
		if st.spent() != "" || ctx.Err() != nil {
			break
		}
		if !st.shows(ctx, leaf, p) {
			continue
		}
		at := fmt.Sprintf("%s:%d", p.File, p.Line)
		if p.By == blame.App {
			at = p.File
		}
		if l.File == "" {
			l.File, l.By, l.Exact = at, p.By, true
		} else if !slices.Contains(parts, at) {
			parts = append(parts, at)
		}
		if p.Whole || len(parts) == 2 {
			break
		}
	}
	switch {
	case l.File == "":
		l.note(st.origin, "no line has this value as it is: it is computed, or a default of the renderer")
	case len(parts) > 0:
		l.Note = "another part of the value is from " + strings.Join(parts, " and ")
	}
}

// shows reports whether another value in the place is then in the field.
func (st *study) shows(ctx context.Context, leaf blame.Leaf, p blame.Place) bool {
	c := change{file: p.File, content: p.Changed}
	if p.By == blame.App {
		c = change{app: &settings{}}
		if json.Unmarshal(p.Changed, c.app) != nil {
			return false
		}
	}
	objects, err := st.render(ctx, st.source, c)
	if err != nil {
		return false
	}
	i := slices.IndexFunc(objects, st.is)
	if i < 0 { // the place sets its name
		i = st.at
	}
	if i >= len(objects) || idOf(objects[i].Body).Kind != st.id.Kind {
		return false
	}
	for _, l := range blame.Leaves(objects[i].Body) {
		if now := fmt.Sprint(l.Value); l.Path == leaf.Path && now != fmt.Sprint(leaf.Value) && strings.Contains(now, p.Mark) {
			return true
		}
	}
	return false
}

// files are the inputs of the object's source, with what its App says itself.
func (st *study) files() []blame.File {
	var out []blame.File
	in := st.inputs[st.source]
	add := func(f *tree.FS, prefix string) {
		for _, r := range f.Trace().Records() {
			if r.Kind != tree.Read {
				continue
			}
			if b, err := fs.ReadFile(f, r.Path); err == nil {
				out = append(out, blame.File{Path: path.Join(prefix, r.Path), Content: b})
			}
		}
	}
	for j, other := range st.inputs {
		if j != st.source && other.source.Name != "" {
			add(other.files, "$"+other.source.Name)
		}
	}
	add(in.files, "")
	r := in.source.Render
	own := settings{r.Kustomize, r.Helm, r.Jsonnet, r.CUE, st.spec.Substitute, st.spec.Labels, st.spec.Annotations}
	if raw, err := json.MarshalIndent(own, "", " "); err == nil {
		out = append(out, blame.File{Path: "App " + st.spec.Key.String(), Content: raw, By: blame.App})
	}
	return out
}
