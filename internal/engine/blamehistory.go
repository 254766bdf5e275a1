package engine

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"plumb.cd/plumb/internal/blame"
	"plumb.cd/plumb/internal/git"
	"plumb.cd/plumb/internal/object"
	"plumb.cd/plumb/internal/render"
	"plumb.cd/plumb/internal/tree"
)

func idOf(body map[string]any) object.ID { return object.Of(&unstructured.Unstructured{Object: body}) }

// history finds for each field the newest commit that changed its value: it renders the object at one commit after the
// other, those that touch what the source reads, and compares.
func (st *study) history(ctx context.Context, out *BlameView) {
	in := st.inputs[st.source]
	if in.revision.Tree == "" {
		return // a chart by its version, or a directory
	}
	mirror, err := st.e.o.Mirrors.Mirror(in.revision.URL)
	if err != nil {
		out.stop("the repository's mirror cannot be read")
		return
	}
	commits, err := mirror.Log(ctx, in.revision.Commit, read(in.files), blameCommits+1)
	if err != nil || len(commits) == 0 {
		out.stop("the history of its files cannot be read")
		return
	}
	open := map[string]int{} // fields that are not explained yet
	for i, l := range out.Lines {
		open[l.Path] = i
	}
	newer := valuesOf(st.body)
	for i, c := range commits {
		out.Searched, out.Until = i+1, c.Committer.When
		if i == blameCommits {
			out.stop(fmt.Sprintf("%d commits were looked at", i))
			break
		}
		if why := st.spent(); why != "" || ctx.Err() != nil {
			out.stop(why + " before the whole history was looked at")
			break
		}
		var older map[string]string // none: the object was not there
		if i+1 < len(commits) {
			if older, err = st.valuesAt(ctx, mirror, in, commits[i+1]); err != nil {
				continue // it could not be rendered then, so nobody deployed it: who came before is compared
			}
		}
		for path, line := range open {
			if older[path] != newer[path] {
				out.Lines[line].Commit = &CommitView{SHA: c.SHA, Subject: c.Subject, Author: c.Author.Name, When: c.Author.When}
				delete(open, path)
			}
		}
		if len(open) == 0 {
			return
		}
		newer = older
	}
}

func (v *BlameView) stop(why string) {
	v.Complete = false
	if v.Stopped == "" {
		v.Stopped = why
	}
}

// read are the files that a render read.
func read(files *tree.FS) []string {
	var out []string
	for _, r := range files.Trace().Records() {
		if r.Kind == tree.Read {
			out = append(out, r.Path)
		}
	}
	return out
}

// valuesAt renders the source at a commit and gives the object's values, by path; empty: it was not there.
func (st *study) valuesAt(ctx context.Context, mirror *git.Mirror, in input, c git.Commit) (map[string]string, error) {
	files := in.repo.settings().tree(ctx, mirror, c.Tree)
	objects, err := st.render(ctx, st.source, change{files: files})
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(objects, st.is)
	if i < 0 {
		return map[string]string{}, nil
	}
	return valuesOf(objects[i].Body), nil
}

func valuesOf(body map[string]any) map[string]string {
	out := map[string]string{}
	for _, l := range blame.Leaves(body) {
		out[l.Path] = fmt.Sprintf("%T %v", l.Value, l.Value)
	}
	return out
}

// overlaid shows other content for one file.
type overlaid struct {
	render.Files
	path    string
	content []byte
}

func (o overlaid) ReadFile(name string) ([]byte, error) {
	if name == o.path {
		return slices.Clone(o.content), nil
	}
	return o.Files.ReadFile(name)
}

func (o overlaid) Open(name string) (fs.File, error) {
	f, err := o.Files.Open(name)
	if err != nil || name != o.path {
		return f, err
	}
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	return &overlaidFile{f, bytes.NewReader(o.content), sized{info, int64(len(o.content))}}, nil
}

func (o overlaid) Stat(name string) (fs.FileInfo, error) {
	info, err := o.Files.Stat(name)
	if err != nil || name != o.path {
		return info, err
	}
	return sized{info, int64(len(o.content))}, nil
}

type overlaidFile struct {
	fs.File
	content *bytes.Reader
	info    fs.FileInfo
}

func (f *overlaidFile) Read(b []byte) (int, error) { return f.content.Read(b) }
func (f *overlaidFile) Stat() (fs.FileInfo, error) { return f.info, nil }

// sized is the info of a file with another size.
type sized struct {
	fs.FileInfo
	size int64
}

func (s sized) Size() int64 { return s.size }
