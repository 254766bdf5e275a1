package v1alpha1

import "k8s.io/apimachinery/pkg/runtime"

// Source is one input: a path in Git, or a chart of a Helm repository or OCI registry.
//
// +kubebuilder:validation:XValidation:rule="has(self.repository) != has(self.url)",message="give either repository (the name of a Repository) or url"
// +kubebuilder:validation:XValidation:rule="!(has(self.chart) && (has(self.ref) || has(self.path)))",message="a chart has a version, neither ref nor path"
// +kubebuilder:validation:XValidation:rule="[has(self.plain), has(self.kustomize), has(self.helm), has(self.jsonnet), has(self.cue)].filter(x, x).size() <= 1",message="give the options of one renderer only"
// +kubebuilder:validation:XValidation:rule="!has(self.renderer) || ((!has(self.plain) || self.renderer == 'Plain') && (!has(self.kustomize) || self.renderer == 'Kustomize') && (!has(self.helm) || self.renderer == 'Helm') && (!has(self.jsonnet) || self.renderer == 'Jsonnet') && (!has(self.cue) || self.renderer == 'CUE'))",message="the options are those of another renderer"
// +kubebuilder:validation:XValidation:rule="!has(self.chart) || !has(self.renderer) || self.renderer == 'Helm'",message="a chart is rendered by Helm"
// +kubebuilder:validation:XValidation:rule="!self.valuesOnly || (has(self.name) && !has(self.renderer) && !has(self.plain) && !has(self.kustomize) && !has(self.helm) && !has(self.jsonnet) && !has(self.cue))",message="a source with valuesOnly needs a name and takes no renderer"
type Source struct {
	// Names the source where there are several; others read its files as "$name/path".
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`
	Name string `json:"name,omitempty"`

	// Name of a Repository in the App's namespace.
	Repository Name `json:"repository,omitempty"`

	// Address of a repository that needs no credentials.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=2048
	URL string `json:"url,omitempty"`

	// What to take from Git. Without it, the head of the default branch.
	Ref *Ref `json:"ref,omitempty"`

	// Directory (or file, for Plain and Jsonnet) in the repository. Without it, the root.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	// +kubebuilder:validation:XValidation:rule="!self.split('/').exists(p, p == '..')",message="a path may not leave the repository"
	Path string `json:"path,omitempty"`

	// A chart of the repository (a Helm repository or an OCI registry) instead of a path in Git.
	Chart *Chart `json:"chart,omitempty"`

	// Which renderer. Without it, the files say.
	// +kubebuilder:validation:Enum=Plain;Kustomize;Helm;Jsonnet;CUE
	Renderer string `json:"renderer,omitempty"`

	Plain     *Plain     `json:"plain,omitempty"`
	Kustomize *Kustomize `json:"kustomize,omitempty"`
	Helm      *Helm      `json:"helm,omitempty"`
	Jsonnet   *Jsonnet   `json:"jsonnet,omitempty"`
	CUE       *CUE       `json:"cue,omitempty"`

	// Rendered by nobody: other sources of this App read its files as "$name/path".
	// +kubebuilder:default=false
	ValuesOnly bool `json:"valuesOnly,omitempty"`
}

// Ref is what to take from Git.
//
// +kubebuilder:validation:XValidation:rule="[has(self.branch), has(self.tag), has(self.semver), has(self.commit), has(self.name)].filter(x, x).size() == 1",message="give exactly one of branch, tag, semver, commit and name"
type Ref struct {
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=255
	Branch string `json:"branch,omitempty"`
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=255
	Tag string `json:"tag,omitempty"`
	// A range over the tags, the highest of which is taken: ">=1.2 <2".
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=255
	SemVer string `json:"semver,omitempty"`
	// Full or short.
	// +kubebuilder:validation:Pattern=`^[0-9a-f]{7,40}$`
	Commit string `json:"commit,omitempty"`
	// A full ref name: "refs/pull/7/head".
	// +kubebuilder:validation:Pattern=`^refs/`
	// +kubebuilder:validation:MaxLength=255
	Name string `json:"name,omitempty"`
}

// Chart is a chart of a Helm repository or OCI registry.
type Chart struct {
	// Name in the repository. An oci:// address may name the chart itself; then it is left out.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name,omitempty"`
	// A version or a range. What it resolved to is locked, by digest, in the status.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	Version string `json:"version"`
}

// Plain chooses the files of a directory of YAML and JSON.
type Plain struct {
	// Descend into directories.
	Recurse bool `json:"recurse,omitempty"`
	// Globs over the path from the source's path. Default: *.yaml, *.yml, *.json.
	// +kubebuilder:validation:MaxItems=64
	Include []string `json:"include,omitempty"`
	// +kubebuilder:validation:MaxItems=64
	Exclude []string `json:"exclude,omitempty"`
}

// Kustomize is applied on top of the overlay, in Kustomize's own terms.
type Kustomize struct {
	NamePrefix        string            `json:"namePrefix,omitempty"`
	NameSuffix        string            `json:"nameSuffix,omitempty"`
	Namespace         string            `json:"namespace,omitempty"`
	CommonLabels      map[string]string `json:"commonLabels,omitempty"`
	CommonAnnotations map[string]string `json:"commonAnnotations,omitempty"`
	// "name=new:tag", "name:tag" or "name@digest".
	// +kubebuilder:validation:MaxItems=256
	Images []string `json:"images,omitempty"`
	// Workload name to number.
	Replicas map[string]int32 `json:"replicas,omitempty"`
	// +kubebuilder:validation:MaxItems=256
	Patches []KustomizePatch `json:"patches,omitempty"`
	// Paths from the source's path.
	// +kubebuilder:validation:MaxItems=64
	Components []string `json:"components,omitempty"`
}

// KustomizePatch is a strategic-merge or JSON 6902 patch.
type KustomizePatch struct {
	// +kubebuilder:validation:MinLength=1
	Patch string `json:"patch"`
	// What it is for, where the patch does not say: "group/version/Kind:namespace/name", parts may be empty.
	Target string `json:"target,omitempty"`
}

// Helm is what helm template takes.
type Helm struct {
	// Default: the App's name.
	// +kubebuilder:validation:MaxLength=53
	ReleaseName string `json:"releaseName,omitempty"`
	// Paths from the chart's directory; "/path" from the root of the repository, "$name/path" in another source.
	// +kubebuilder:validation:MaxItems=64
	ValuesFiles              []string `json:"valuesFiles,omitempty"`
	IgnoreMissingValuesFiles bool     `json:"ignoreMissingValuesFiles,omitempty"`
	// Inline values, over the files.
	// +kubebuilder:validation:Type=object
	// +kubebuilder:pruning:PreserveUnknownFields
	Values *runtime.RawExtension `json:"values,omitempty"`
	// helm's --set syntax, over the values.
	// +kubebuilder:validation:MaxItems=256
	Set []string `json:"set,omitempty"`
	// +kubebuilder:validation:MaxItems=256
	SetString []string `json:"setString,omitempty"`
	// "key=path".
	// +kubebuilder:validation:MaxItems=64
	SetFile              []string `json:"setFile,omitempty"`
	SkipCRDs             bool     `json:"skipCRDs,omitempty"`
	SkipSchemaValidation bool     `json:"skipSchemaValidation,omitempty"`
	// What .Release.IsUpgrade says.
	IsUpgrade bool `json:"isUpgrade,omitempty"`
}

// Jsonnet is jsonnet's own.
type Jsonnet struct {
	// Library paths from the root of the repository.
	// +kubebuilder:validation:MaxItems=64
	Libs    []string          `json:"libs,omitempty"`
	TLAs    map[string]string `json:"tlas,omitempty"`
	TLACode map[string]string `json:"tlaCode,omitempty"`
	Ext     map[string]string `json:"ext,omitempty"`
	ExtCode map[string]string `json:"extCode,omitempty"`
}

// CUE chooses what of a CUE package is evaluated.
type CUE struct {
	// Default: every struct with apiVersion and kind.
	Expression string            `json:"expression,omitempty"`
	Tags       map[string]string `json:"tags,omitempty"`
}
