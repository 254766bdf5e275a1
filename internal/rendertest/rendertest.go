// Package rendertest holds what every renderer must do, and the means to try it: trees written as txtar archives.
package rendertest

import (
	"encoding/json"
	"errors"
	"io/fs"
	"path"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"plumb.cd/plumb/internal/fault"
	"plumb.cd/plumb/internal/render"
)

// Tree makes Files of a txtar archive.
func Tree(archive string) fstest.MapFS { return treeOf(txtar.Parse([]byte(archive))) }

func treeOf(a *txtar.Archive) fstest.MapFS {
	files := fstest.MapFS{}
	for _, f := range a.Files {
		files[f.Name] = &fstest.MapFile{Data: f.Data, Mode: 0o644}
	}
	return files
}

// Case is one input with what must come of it: an error of a reason (and a place), or objects by their short names
// in order, "Kind/name at file:line".
type Case struct {
	Name    string
	Tree    string // txtar
	Files   render.Files
	Request render.Request
	Want    []string
	Reason  fault.Reason
	Where   string // prefix of the error's place
	Message string // part of the error's message
}

// Run holds r to its cases and, in each, to what Renderer promises: the same result again, values of JSON only,
// an origin for every object, inputs unchanged, errors classified as Invalid.
func Run(t *testing.T, r render.Renderer, cases []Case) {
	t.Helper()
	for _, c := range cases {
		t.Run(c.Name, func(t *testing.T) { run(t, r, c) })
	}
}

func run(t *testing.T, r render.Renderer, c Case) {
	files := c.Files
	if files == nil {
		files = Tree(c.Tree)
	}
	before, err := json.Marshal(c.Request)
	if err != nil {
		t.Fatal(err)
	}
	res, err := r.Render(t.Context(), files, c.Request)
	if c.Reason != "" {
		wantFault(t, err, c)
		return
	}
	if err != nil {
		t.Fatalf("render: %v (%#v)", err, fault.Of(err))
	}
	if diff := cmp.Diff(c.Want, Summary(res)); diff != "" {
		t.Errorf("objects (-want +got):\n%s", diff)
	}
	for _, o := range res.Objects {
		onlyJSON(t, Name(o.Body), o.Body)
		if o.Origin.File == "" {
			t.Errorf("%s has no origin", Name(o.Body))
		}
	}
	again, err := r.Render(t.Context(), files, c.Request)
	if err != nil {
		t.Fatalf("render again: %v", err)
	}
	if diff := cmp.Diff(res, again); diff != "" {
		t.Errorf("the second render differs (-first +second):\n%s", diff)
	}
	if after, _ := json.Marshal(c.Request); string(after) != string(before) {
		t.Errorf("the request was changed: %s", after)
	}
}

func wantFault(t *testing.T, err error, c Case) {
	t.Helper()
	var f *fault.Error
	if !errors.As(err, &f) {
		t.Fatalf("want a fault %s, got %v", c.Reason, err)
	}
	if f.Reason != c.Reason || f.Class != fault.Invalid {
		t.Errorf("want an invalid %s, got %s %s: %v", c.Reason, f.Class, f.Reason, err)
	}
	if !strings.HasPrefix(f.Where, c.Where) {
		t.Errorf("want it at %q, got %q: %v", c.Where, f.Where, err)
	}
	if !strings.Contains(f.Message, c.Message) {
		t.Errorf("want %q in the message: %v", c.Message, err)
	}
}

// Summary lists objects as "Kind/name at file:line".
func Summary(res render.Result) []string {
	var out []string
	for _, o := range res.Objects {
		out = append(out, Name(o.Body)+" at "+render.Place(o.Origin))
	}
	return out
}

// Name is "Kind/name", or "Kind/namespace/name".
func Name(body map[string]any) string {
	id := render.IDOf(body)
	return path.Join(id.Kind, id.Namespace, id.Name)
}

func onlyJSON(t *testing.T, at string, v any) {
	t.Helper()
	switch v := v.(type) {
	case nil, bool, string, int64, float64:
	case map[string]any:
		for k, e := range v {
			onlyJSON(t, at+"."+k, e)
		}
	case []any:
		for _, e := range v {
			onlyJSON(t, at+"[]", e)
		}
	default:
		t.Errorf("%s is a %T, which is no value of JSON", at, v)
	}
}

// Traced is Files that lists what was read, in order, misses with a "!" before them.
type Traced struct {
	render.Files
	mu    sync.Mutex
	names []string
}

// Names gives the trace so far.
func (t *Traced) Names() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return append([]string(nil), t.names...)
}

func (t *Traced) note(name string, err error) {
	if err != nil {
		name = "!" + name
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.names = append(t.names, name)
}

func (t *Traced) ReadFile(name string) ([]byte, error) {
	b, err := t.Files.ReadFile(name)
	t.note(name, err)
	return b, err
}

func (t *Traced) ReadDir(name string) ([]fs.DirEntry, error) {
	e, err := t.Files.ReadDir(name)
	t.note(name, err)
	return e, err
}

func (t *Traced) Stat(name string) (fs.FileInfo, error) {
	i, err := t.Files.Stat(name)
	t.note(name, err)
	return i, err
}
