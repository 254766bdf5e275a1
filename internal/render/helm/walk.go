package helm

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"time"

	"helm.sh/helm/v4/pkg/chart/common"
	"helm.sh/helm/v4/pkg/chart/loader/archive"
	"helm.sh/helm/v4/pkg/ignore"

	"plumb.cd/plumb/internal/fault"
	"plumb.cd/plumb/internal/render"
)

type chartFile = common.File

func (r *reader) ignoreRules(dir string) (*ignore.Rules, error) {
	rules := ignore.Empty()
	p := path.Join(dir, ignore.HelmIgnore)
	data, err := r.files.ReadFile(p)
	switch {
	case err == nil:
		if rules, err = ignore.Parse(bytes.NewReader(data)); err != nil {
			return nil, invalid(fault.SyntaxInvalid, p, "a rule cannot be read", err)
		}
	case !errors.Is(err, fs.ErrNotExist):
		return nil, readFault(err, p, "the file")
	}
	rules.AddDefaults()
	return rules, nil
}

// walk reads the directory rel of the chart, and those below, in the order of names, leaving out what rules ignore.
func (r *reader) walk(src *source, rules *ignore.Rules, rel string, depth int) error {
	dir := path.Join(src.dir, rel)
	if depth > maxNesting {
		return invalid(fault.LimitExceeded, dir, fmt.Sprintf("directories are nested deeper than %d", maxNesting), nil)
	}
	entries, err := r.files.ReadDir(dir)
	if err != nil {
		return readFault(err, dir, "the directory")
	}
	render.Prefetch(r.files, inside(entries, rules, rel, dir))
	for _, e := range entries {
		name, full := path.Join(rel, e.Name()), path.Join(dir, e.Name())
		mode := e.Type()
		if mode&fs.ModeSymlink != 0 {
			info, err := r.files.Stat(full)
			if err != nil {
				return readFault(err, full, "what the link points to")
			}
			mode = info.Mode().Type()
		}
		if rules.Ignore(name, entryInfo{name: e.Name(), mode: mode}) {
			continue
		}
		switch {
		case mode.IsDir():
			err = r.walk(src, rules, name, depth+1)
		case mode.IsRegular():
			err = r.add(src, name, full)
		default:
			err = invalid(fault.RenderFailed, full, "a chart holds regular files only, this is something else", nil)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// inside lists what walk reads of the entries of dir; what a symbolic link leads to is left to it.
func inside(entries []fs.DirEntry, rules *ignore.Rules, rel, dir string) render.Ahead {
	var ahead render.Ahead
	for _, e := range entries {
		mode, full := e.Type(), path.Join(dir, e.Name())
		if mode&fs.ModeSymlink != 0 || rules.Ignore(path.Join(rel, e.Name()), entryInfo{name: e.Name(), mode: mode}) {
			continue
		}
		switch {
		case mode.IsDir():
			ahead.Dirs = append(ahead.Dirs, full)
		case mode.IsRegular():
			ahead.Files = append(ahead.Files, full)
		}
	}
	return ahead
}

func (r *reader) add(src *source, name, full string) error {
	data, err := r.read(full)
	if err != nil {
		return err
	}
	src.files = append(src.files, &archive.BufferedFile{Name: name, ModTime: src.origins.tag(full, data), Data: data})
	return nil
}

// entryInfo is as much of a fs.FileInfo as ignore rules look at.
type entryInfo struct {
	name string
	mode fs.FileMode
}

func (i entryInfo) Name() string      { return i.name }
func (entryInfo) Size() int64         { return 0 }
func (i entryInfo) Mode() fs.FileMode { return i.mode }
func (entryInfo) ModTime() time.Time  { return time.Time{} }
func (i entryInfo) IsDir() bool       { return i.mode.IsDir() }
func (entryInfo) Sys() any            { return nil }
