package helm

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"

	"helm.sh/helm/v4/pkg/chart/v2/loader"
	"helm.sh/helm/v4/pkg/strvals"

	"plumb.cd/plumb/internal/fault"
	"plumb.cd/plumb/internal/render"
)

// mergeValues gives the user's values, later ones over earlier: files in their order, inline values, set, setString,
// setFile. The chart's own defaults come later, and from Helm.
func mergeValues(files render.Files, src *source, opts render.HelmOptions) (map[string]any, error) {
	vals := map[string]any{}
	for _, name := range opts.ValuesFiles {
		p, data, err := readValues(files, src, name)
		if err != nil {
			if opts.IgnoreMissing && fault.Is(err, fault.PathNotFound) {
				continue
			}
			return nil, err
		}
		one, err := loader.LoadValues(bytes.NewReader(data))
		if err != nil {
			return nil, yamlFault(p, "the values", err)
		}
		vals = loader.MergeMaps(vals, one)
	}
	if len(opts.Values) > 0 {
		inline, err := plainJSON(opts.Values)
		if err != nil {
			return nil, invalid(fault.InvalidSpec, "", "the inline values cannot be written as JSON", err)
		}
		vals = loader.MergeMaps(vals, inline)
	}
	return vals, setValues(files, src, opts, vals)
}

func setValues(files render.Files, src *source, opts render.HelmOptions, vals map[string]any) error {
	for _, s := range opts.Set {
		if err := strvals.ParseInto(s, vals); err != nil {
			return setFault("set", s, err)
		}
	}
	for _, s := range opts.SetString {
		if err := strvals.ParseIntoString(s, vals); err != nil {
			return setFault("setString", s, err)
		}
	}
	read := func(rs []rune) (any, error) {
		_, data, err := readValues(files, src, string(rs))
		if err != nil {
			return nil, err
		}
		return string(data), nil
	}
	for _, s := range opts.SetFile {
		if err := strvals.ParseIntoFile(s, vals, read); err != nil {
			if f := new(fault.Error); errors.As(err, &f) {
				return f
			}
			return setFault("setFile", s, err)
		}
	}
	return nil
}

// setFault names the option and the key, never the value: that may be a secret.
func setFault(option, text string, err error) error {
	key, _, _ := strings.Cut(text, "=")
	return &fault.Error{Class: fault.Invalid, Reason: fault.InvalidSpec, Err: err,
		Message: fmt.Sprintf("helm.%s: the entry for %q cannot be read", option, key)}
}

// readValues reads a file that the user named: "/path" from the root of the tree, "$name/path" in the directory that
// the source of that name is mounted at, anything else from the chart's directory (for an archive: in it, then beside it).
func readValues(files render.Files, src *source, name string) (where string, data []byte, err error) {
	if strings.Contains(name, "://") {
		return "", nil, &fault.Error{Class: fault.Invalid, Reason: fault.RemoteRefused, Where: src.where("Chart.yaml"),
			Message: fmt.Sprintf("values file %s would be fetched while rendering, which has no network", redactURL(name)),
			Next:    "commit the file to the repository"}
	}
	if data, ok := src.inArchive(path.Clean(name)); ok {
		return src.where(name), data, nil
	}
	dir := src.dir
	if strings.HasPrefix(name, "$") {
		dir = "."
	}
	p, err := treePath(dir, name)
	if err != nil {
		return "", nil, err
	}
	data, err = files.ReadFile(p)
	if errors.Is(err, fs.ErrNotExist) {
		return p, nil, &fault.Error{Class: fault.Invalid, Reason: fault.PathNotFound, Where: p, Err: err,
			Message: fmt.Sprintf("values file %q does not exist", name),
			Next:    "mend the path, or set ignoreMissingValuesFiles"}
	}
	if err != nil {
		return p, nil, readFault(err, p, "the values file")
	}
	return p, bytes.TrimPrefix(data, bom), nil
}

func redactURL(s string) string {
	scheme, rest, _ := strings.Cut(s, "://")
	if at := strings.LastIndexByte(rest, '@'); at >= 0 {
		rest = rest[at+1:]
	}
	rest, _, _ = strings.Cut(rest, "?")
	return scheme + "://" + rest
}

// plainJSON gives the values the form that a values file would give them, numbers as float64, whether or not the request
// travelled as JSON; it is a copy.
func plainJSON(v map[string]any) (map[string]any, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	var out map[string]any
	return out, json.Unmarshal(b, &out)
}
