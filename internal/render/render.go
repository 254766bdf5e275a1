// Package render turns a tree into objects. This file is the contract; detect.go says which renderer a path wants;
// each renderer is a package of its own below; worker runs them in warm child processes.
//
// A renderer reads files through Files alone: no network, no disk, no clock, no cluster. The same Request over the same
// files gives the same Result, byte for byte.
package render

import (
	"context"
	"io/fs"

	"plumb.cd/plumb/internal/object"
)

// Kind names a renderer.
type Kind string

const (
	Detect    Kind = "" // look at the files
	Plain     Kind = "Plain"
	Kustomize Kind = "Kustomize"
	Helm      Kind = "Helm"
	Jsonnet   Kind = "Jsonnet"
	CUE       Kind = "CUE"
)

// Files is what a renderer may read: slash-separated paths from the root of the tree. *tree.FS is one, and so is the
// worker's remote view of it. Errors of absent paths satisfy errors.Is(err, fs.ErrNotExist).
type Files interface {
	fs.ReadFileFS
	fs.ReadDirFS
	fs.StatFS
}

// Request says what to render and how. It is a value that travels to a worker as JSON, and (with the trace of what was
// read) the cache key of its Result.
type Request struct {
	Kind      Kind             `json:"kind,omitempty"`
	Path      string           `json:"path"` // directory (or file, for Plain and Jsonnet) in Files
	Plain     PlainOptions     `json:"plain,omitzero"`
	Kustomize KustomizeOptions `json:"kustomize,omitzero"`
	Helm      HelmOptions      `json:"helm,omitzero"`
	Jsonnet   JsonnetOptions   `json:"jsonnet,omitzero"`
	CUE       CUEOptions       `json:"cue,omitzero"`
	Target    Target           `json:"target,omitzero"`
	Limits    Limits           `json:"limits,omitzero"`
}

// Target is what a renderer may know of where its objects go. It is part of the cache key: keep it to what is used.
type Target struct {
	Namespace   string   `json:"namespace,omitempty"`
	KubeVersion string   `json:"kubeVersion,omitempty"` // "v1.36.3"; empty means the renderer's own default
	APIVersions []string `json:"apiVersions,omitempty"` // "apps/v1", "apps/v1/Deployment"; sorted
}

// Limits bound one render; zero fields mean the defaults of DefaultLimits.
type Limits struct {
	OutputBytes int64 `json:"outputBytes,omitempty"`
	Objects     int   `json:"objects,omitempty"`
}

// DefaultLimits: 64 MiB of output, 50,000 objects.
var DefaultLimits = Limits{OutputBytes: 64 << 20, Objects: 50_000}

// PlainOptions choose the files of a directory of YAML and JSON.
type PlainOptions struct {
	Recurse bool     `json:"recurse,omitempty"`
	Include []string `json:"include,omitempty"` // globs over the path relative to Path ("*.yaml", "sub/**"); empty: *.yaml, *.yml, *.json
	Exclude []string `json:"exclude,omitempty"`
	// Only are the files to read, from the root of the tree, in place of those that are found: some of PlainFiles.
	Only []string `json:"only,omitempty"`
}

// KustomizeOptions are applied on top of the overlay, in Kustomize's own terms.
type KustomizeOptions struct {
	NamePrefix        string            `json:"namePrefix,omitempty"`
	NameSuffix        string            `json:"nameSuffix,omitempty"`
	Namespace         string            `json:"namespace,omitempty"`
	CommonLabels      map[string]string `json:"commonLabels,omitempty"`
	CommonAnnotations map[string]string `json:"commonAnnotations,omitempty"`
	Images            []string          `json:"images,omitempty"`   // "name=new:tag", "name:tag", "name@digest"
	Replicas          map[string]int64  `json:"replicas,omitempty"` // by workload name
	Patches           []KustomizePatch  `json:"patches,omitempty"`
	Components        []string          `json:"components,omitempty"` // paths from Path
}

// KustomizePatch is a strategic-merge or JSON 6902 patch, with a target where the patch does not name one.
type KustomizePatch struct {
	Patch  string `json:"patch"`
	Target string `json:"target,omitempty"` // "group/version/Kind:namespace/name", parts may be empty
}

// HelmOptions are what helm template takes.
type HelmOptions struct {
	Chart         string         `json:"chart,omitempty"` // path of the chart's directory or .tgz in Files; empty: Path
	ReleaseName   string         `json:"releaseName"`
	ValuesFiles   []string       `json:"valuesFiles,omitempty"` // paths from the chart's directory; "$name/path" for another source, "/path" from the root
	IgnoreMissing bool           `json:"ignoreMissingValuesFiles,omitempty"`
	Values        map[string]any `json:"values,omitempty"` // inline, over the files
	Set           []string       `json:"set,omitempty"`    // helm's --set syntax, over the values
	SetString     []string       `json:"setString,omitempty"`
	SetFile       []string       `json:"setFile,omitempty"` // key=path
	SkipCRDs      bool           `json:"skipCRDs,omitempty"`
	SkipSchema    bool           `json:"skipSchemaValidation,omitempty"`
	IsUpgrade     bool           `json:"isUpgrade,omitempty"` // .Release.IsUpgrade; false is what helm template says
}

// JsonnetOptions are jsonnet's own.
type JsonnetOptions struct {
	Libs    []string          `json:"libs,omitempty"` // library paths from the root of the tree
	TLAs    map[string]string `json:"tlas,omitempty"`
	TLACode map[string]string `json:"tlaCode,omitempty"`
	Ext     map[string]string `json:"ext,omitempty"`
	ExtCode map[string]string `json:"extCode,omitempty"`
}

// CUEOptions choose what of a CUE package is evaluated.
type CUEOptions struct {
	Expression string            `json:"expression,omitempty"` // default: every struct with apiVersion and kind
	Tags       map[string]string `json:"tags,omitempty"`
}

// Result is what came out, in the renderer's own order.
type Result struct {
	Kind     Kind     `json:"kind"` // the renderer that ran
	Objects  []Object `json:"objects"`
	Warnings []string `json:"warnings,omitempty"`
	// Reads is what helped decide Capabilities-dependent output: the API versions a chart asked for. Empty: none asked.
	AskedAPIs []string `json:"askedAPIs,omitempty"`
}

// Object is one rendered object with where it came from.
type Object struct {
	Body   map[string]any `json:"body"`
	Origin Origin         `json:"origin"`
	// Random lists the leaves (object.Change paths) that differed between two renders of the same input.
	Random []string `json:"random,omitempty"`
}

// Origin is the place that an object was rendered from.
type Origin = object.Origin

// Renderer renders one Kind. Errors are *fault.Error of class Invalid, with file and line where known; anything else
// is a defect of ours.
type Renderer interface {
	Render(ctx context.Context, files Files, req Request) (Result, error)
}

// Key is the part of a cache key that the Request makes; the other parts are the trace of what was read and the
// version of the renderer.
func (r Request) Key() (object.Digest, error) { return object.DigestValue(r) }
