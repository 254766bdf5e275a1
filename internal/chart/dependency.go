package chart

import (
	"bytes"
	"errors"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/Masterminds/semver/v3"
	"sigs.k8s.io/yaml"

	"plumb.cd/plumb/internal/fault"
)

// Files is what the search for dependencies reads; render.Files is one.
type Files interface {
	fs.ReadFileFS
	fs.ReadDirFS
	fs.StatFS
}

type dependency struct {
	Name       string `json:"name"`
	Version    string `json:"version"`
	Repository string `json:"repository"`
}

type dependencies struct {
	Dependencies []dependency `json:"dependencies"`
}

// MissingDependencies gives the dependencies of the chart in directory chartPath that are not vendored in charts/ and can
// be fetched reproducibly: at the version of Chart.lock, or at the exact version that Chart.yaml names where there is no
// lock. What else is missing is left to the renderer, which refuses the chart: ranges without a lock, and dependencies
// without an address. A chart that is an archive, or absent, has none.
// Errors: SyntaxInvalid, ChartDependency for a lock that does not fit.
func MissingDependencies(files Files, chartPath string) ([]Reference, error) {
	dir := path.Clean(strings.TrimPrefix(chartPath, "/"))
	if dir == "" {
		dir = "."
	}
	if info, err := files.Stat(dir); err != nil || !info.IsDir() {
		return nil, nil
	}
	declared, err := declaredIn(files, dir)
	if err != nil || len(declared) == 0 {
		return nil, err
	}
	have, err := vendored(files, dir)
	if err != nil {
		return nil, err
	}
	locked, hasLock, err := lockOf(files, dir)
	if err != nil {
		return nil, err
	}
	var out []Reference
	for _, d := range declared {
		if have[d.Name] || !fetchable(d.Repository) {
			continue
		}
		ref := Reference{Repository: d.Repository, Name: d.Name, Version: d.Version}
		switch {
		case hasLock:
			if ref.Version, err = lockedVersion(locked, d, dir); err != nil {
				return nil, err
			}
		case !exact(d.Version):
			continue
		}
		if !slices.Contains(out, ref) {
			out = append(out, ref)
		}
	}
	return out, nil
}

func fetchable(repository string) bool {
	for _, scheme := range []string{"https://", "http://", "oci://"} {
		if strings.HasPrefix(repository, scheme) {
			return true
		}
	}
	return false
}

// declaredIn reads the dependencies of Chart.yaml, or of the requirements.yaml of old charts.
func declaredIn(files Files, dir string) ([]dependency, error) {
	var d dependencies
	if _, err := readYAML(files, path.Join(dir, "Chart.yaml"), &d); err != nil {
		return nil, err
	}
	if len(d.Dependencies) == 0 {
		if _, err := readYAML(files, path.Join(dir, "requirements.yaml"), &d); err != nil {
			return nil, err
		}
	}
	return d.Dependencies, nil
}

func lockOf(files Files, dir string) ([]dependency, bool, error) {
	var d dependencies
	for _, name := range []string{"Chart.lock", "requirements.lock"} {
		if found, err := readYAML(files, path.Join(dir, name), &d); err != nil || found {
			return d.Dependencies, found, err
		}
	}
	return nil, false, nil
}

// lockedVersion finds the version that the lock gives a dependency.
func lockedVersion(locked []dependency, d dependency, dir string) (string, error) {
	for _, l := range locked {
		if l.Name != d.Name || strings.TrimSuffix(l.Repository, "/") != strings.TrimSuffix(d.Repository, "/") {
			continue
		}
		if l.Version == d.Version || inRange(l.Version, d.Version) {
			return l.Version, nil
		}
	}
	return "", &fault.Error{Class: fault.Invalid, Reason: fault.ChartDependency, Where: path.Join(dir, "Chart.lock"),
		Message: "the lock does not fit Chart.yaml: it has no version of " + d.Name + " from " + showURL(d.Repository) + " in the range " + d.Version,
		Next:    "run \"helm dependency update " + dir + "\" and commit the lock"}
}

func inRange(version, constraint string) bool {
	v, err := semver.NewVersion(version)
	if err != nil {
		return false
	}
	c, err := semver.NewConstraint(constraint)
	return err == nil && c.Check(v)
}

// vendored gives the names of the charts in charts/, directories and archives.
func vendored(files Files, dir string) (map[string]bool, error) {
	out := map[string]bool{}
	entries, err := files.ReadDir(path.Join(dir, "charts"))
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return out, nil
		}
		return nil, err
	}
	for _, e := range entries {
		p := path.Join(dir, "charts", e.Name())
		if strings.HasPrefix(e.Name(), ".") || strings.HasPrefix(e.Name(), "_") {
			continue
		}
		var meta dependency
		if strings.HasSuffix(e.Name(), ".tgz") {
			b, err := files.ReadFile(p)
			if err != nil {
				return nil, err
			}
			inside, err := unpack(b, DefaultLimits)
			if err != nil || yaml.Unmarshal(inside["Chart.yaml"], &meta) != nil {
				continue // the renderer says what is wrong with it
			}
		} else if _, err := readYAML(files, path.Join(p, "Chart.yaml"), &meta); err != nil {
			return nil, err
		}
		if meta.Name != "" {
			out[meta.Name] = true
		}
	}
	return out, nil
}

// readYAML reads a file into v; an absent one, or one below what is no directory, is not found.
func readYAML(files Files, p string, v any) (found bool, err error) {
	b, err := files.ReadFile(p)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrInvalid) {
			return false, nil
		}
		return false, err
	}
	if err := yaml.Unmarshal(bytes.TrimPrefix(b, []byte{0xEF, 0xBB, 0xBF}), v); err != nil {
		return true, &fault.Error{Class: fault.Invalid, Reason: fault.SyntaxInvalid, Where: p, Err: err, Message: "it is no valid YAML: " + err.Error()}
	}
	return true, nil
}
