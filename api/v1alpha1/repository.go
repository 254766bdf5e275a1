package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// Repository is where sources come from: Git over https, ssh or a file path, a Helm repository, or an OCI registry.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=prepo,categories=plumb
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.reason`
// +kubebuilder:printcolumn:name="Apps",type=integer,JSONPath=`.status.apps`
// +kubebuilder:printcolumn:name="URL",type=string,JSONPath=`.spec.url`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:printcolumn:name="Message",type=string,JSONPath=`.status.message`,priority=1
type Repository struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// +required
	Spec   RepositorySpec   `json:"spec"`
	Status RepositoryStatus `json:"status,omitempty"`
}

// RepositoryList is a list of Repositories.
//
// +kubebuilder:object:root=true
type RepositoryList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`

	Items []Repository `json:"items"`
}

// RepositorySpec is what a person writes.
type RepositorySpec struct {
	// "https://host/path.git", "ssh://git@host/path.git", "git@host:path.git", "file:///path", "/path" for Git;
	// "oci://host/path" for an OCI registry; "https://host/charts" for a Helm repository.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=2048
	// +kubebuilder:validation:XValidation:rule="self.startsWith('https://') || self.startsWith('http://') || self.startsWith('ssh://') || self.startsWith('oci://') || self.startsWith('file://') || self.startsWith('/') || self.matches('^[A-Za-z0-9._-]+@[A-Za-z0-9._-]+:')",message="must be an https://, http://, ssh://, oci:// or file:// address, user@host:path, or an absolute path"
	// +kubebuilder:validation:XValidation:rule="!self.matches('^https?://[^/]*:[^/]*@')",message="credentials belong in a Secret (secretRef), not in the address"
	URL string `json:"url"`

	// A Secret with the credentials: username and password, or token; identity (or ssh-privatekey) and known_hosts;
	// ca.crt. The kinds kubernetes.io/basic-auth, ssh-auth and dockerconfigjson work too.
	SecretRef *LocalSecret `json:"secretRef,omitempty"`

	// The OCI registry speaks http.
	PlainHTTP bool `json:"plainHTTP,omitempty"`

	// Send the credentials also to other hosts that the index of a Helm repository points to.
	PassCredentials bool `json:"passCredentials,omitempty"`

	// How often to look at the refs in use. Webhooks make it immediate.
	// +kubebuilder:default="1m"
	Interval Duration `json:"interval,omitempty"`

	// Take submodules along. They are fetched with the same credentials when they are on the same host.
	Submodules bool `json:"submodules,omitempty"`

	// Stops looking. Apps stay at what is known.
	Suspend bool `json:"suspend,omitempty"`

	// Accept a signed webhook that says that something changed.
	Webhook *Webhook `json:"webhook,omitempty"`

	Limits *Limits `json:"limits,omitempty"`
}

// LocalSecret names a Secret in the same namespace.
type LocalSecret struct {
	Name Name `json:"name"`
}

// Webhook says how a webhook proves that it may speak.
type Webhook struct {
	SecretRef SecretKey `json:"secretRef"`
}

// SecretKey names a key of a Secret in the same namespace.
type SecretKey struct {
	Name Name `json:"name"`
	// +kubebuilder:default=secret
	// +kubebuilder:validation:MaxLength=253
	Key string `json:"key,omitempty"`
}

// Limits bound what is fetched and read; what goes over is refused with a clear error.
type Limits struct {
	// One file, in MiB. Default: 32.
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=4096
	FileMiB int32 `json:"fileMiB,omitempty"`
	// Files in the tree of one commit. Default: 2,000,000.
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=100000000
	Files int32 `json:"files,omitempty"`
	// What one fetch may download, in MiB. Default: 4096.
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1048576
	DownloadMiB int32 `json:"downloadMiB,omitempty"`
	// How long one conversation with the server may take. Default: 5m.
	Timeout Duration `json:"timeout,omitempty"`
}

// RepositoryStatus is where a Repository stands. It is written when something changed, not at each look.
type RepositoryStatus struct {
	ObservedGeneration int64  `json:"observedGeneration,omitempty"`
	Reason             string `json:"reason,omitempty"`
	Message            string `json:"message,omitempty"`
	Next               string `json:"next,omitempty"`
	// Refs in use and their commits; at most 64.
	Refs map[string]string `json:"refs,omitempty"`
	// When a ref last moved.
	Changed *metav1.Time `json:"changed,omitempty"`
	// Apps with a source here.
	// +optional
	Apps int32 `json:"apps,omitempty"`
	// +listType=map
	// +listMapKey=type
	Conditions []metav1.Condition `json:"conditions,omitempty"`
}
