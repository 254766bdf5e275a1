package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// Channel is where notifications go, which ones, and about which Apps: those of its own namespace, or all of them when
// the Channel lives in the namespace of the installation.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=pchannel,categories=plumb
// +kubebuilder:printcolumn:name="Type",type=string,JSONPath=`.spec.type`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.reason`
// +kubebuilder:printcolumn:name="Target",type=string,JSONPath=`.status.target`
// +kubebuilder:printcolumn:name="Waiting",type=integer,JSONPath=`.status.waiting`
// +kubebuilder:printcolumn:name="Sent",type=date,JSONPath=`.status.sent`
// +kubebuilder:printcolumn:name="Message",type=string,JSONPath=`.status.message`,priority=1
// +kubebuilder:validation:XValidation:rule="size(self.metadata.name) <= 63",message="the name of a Channel may have at most 63 characters"
type Channel struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// +required
	Spec   ChannelSpec   `json:"spec"`
	Status ChannelStatus `json:"status,omitempty"`
}

// ChannelList is a list of Channels.
//
// +kubebuilder:object:root=true
type ChannelList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`

	Items []Channel `json:"items"`
}

// ChannelSpec is what a person writes.
//
// +kubebuilder:validation:XValidation:rule="(self.type == 'Email') == has(self.email)",message="email belongs to type Email, which needs it"
// +kubebuilder:validation:XValidation:rule="(self.type == 'CommitStatus') == has(self.commitStatus)",message="commitStatus belongs to type CommitStatus, which needs it"
// +kubebuilder:validation:XValidation:rule="self.type == 'Webhook' || !has(self.webhook)",message="webhook belongs to type Webhook"
// +kubebuilder:validation:XValidation:rule="self.type == 'Email' || has(self.secretRef)",message="this type needs a secretRef"
// +kubebuilder:validation:XValidation:rule="self.type != 'CommitStatus' || !(has(self.events) || has(self.template) || has(self.title))",message="a commit status follows the state of the App: it takes no events, title or template"
type ChannelSpec struct {
	// Slack, Teams: an incoming webhook (key "url" of the Secret). Webhook: a signed POST (keys "url" and "secret").
	// Email: SMTP (keys "username" and "password"). CommitStatus: the state of each App on its commit (key "token").
	// Each takes "ca.crt".
	Type ChannelType `json:"type"`

	// A Secret in the namespace of the Channel, with the keys that the type needs.
	SecretRef *LocalSecret `json:"secretRef,omitempty"`

	// What to tell. Default: all but Deployed.
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	// +listType=set
	Events []ChannelEvent `json:"events,omitempty"`

	// About which Apps. Default: all that the Channel may tell about.
	Apps *ChannelApps `json:"apps,omitempty"`

	// A Go template for the heading: one line of plain text.
	// +kubebuilder:validation:MaxLength=1024
	Title string `json:"title,omitempty"`

	// A Go template for the body: plain text, or for type Webhook the whole body. Its fields are in docs/notifications.md.
	// +kubebuilder:validation:MaxLength=8192
	Template string `json:"template,omitempty"`

	// How long events of the same cause are gathered into one message. Trouble that is over by then is not told.
	// +kubebuilder:default="30s"
	Group Duration `json:"group,omitempty"`

	// Tell trouble that lasts again after this long. Default: once.
	Repeat Duration `json:"repeat,omitempty"`

	// Email has its own.
	Email *ChannelEmail `json:"email,omitempty"`

	// Webhook has its own.
	Webhook *ChannelWebhook `json:"webhook,omitempty"`

	// CommitStatus has its own.
	CommitStatus *ChannelCommitStatus `json:"commitStatus,omitempty"`

	// Stops telling. What happens meanwhile is not told later.
	Suspend bool `json:"suspend,omitempty"`
}

// ChannelType is a way of delivery.
//
// +kubebuilder:validation:Enum=Slack;Teams;Email;Webhook;CommitStatus
type ChannelType string

// The ways of delivery.
const (
	ChannelSlack  ChannelType = "Slack"
	ChannelTeams  ChannelType = "Teams"
	ChannelMail   ChannelType = "Email"
	ChannelHTTP   ChannelType = "Webhook"
	ChannelCommit ChannelType = "CommitStatus"
)

// ChannelEvent is something to tell.
//
// +kubebuilder:validation:Enum=Deployed;Failed;Degraded;Drifted;Fight;WaitingForApproval;RolledBack;Recovered;RepositoryUnreachable;ClusterUnreachable
type ChannelEvent string

// ChannelApps selects Apps; both must match where both are given.
type ChannelApps struct {
	// As in lists: "cluster:prod-* label:team=payments".
	// +kubebuilder:validation:MaxLength=1024
	Filter string `json:"filter,omitempty"`
	// Labels of the App.
	Selector *metav1.LabelSelector `json:"selector,omitempty"`
}

// ChannelEmail is how to send e-mail.
type ChannelEmail struct {
	// Name or address of the SMTP server.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^[A-Za-z0-9.:_-]+$`
	Host string `json:"host"`
	// Default: 587, or 465 with tls: TLS.
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=65535
	Port int32 `json:"port,omitempty"`
	// StartTLS must succeed, TLS from the first byte, or None: then nothing is encrypted and no password is sent.
	// +kubebuilder:default=StartTLS
	TLS ChannelTLS `json:"tls,omitempty"`
	// +kubebuilder:validation:MinLength=3
	// +kubebuilder:validation:MaxLength=320
	From string `json:"from"`
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=50
	// +kubebuilder:validation:items:MaxLength=320
	// +listType=set
	To []string `json:"to"`
}

// ChannelTLS says how SMTP is encrypted.
//
// +kubebuilder:validation:Enum=StartTLS;TLS;None
type ChannelTLS string

// The ways to encrypt SMTP.
const (
	ChannelStartTLS ChannelTLS = "StartTLS"
	ChannelFullTLS  ChannelTLS = "TLS"
	ChannelNoTLS    ChannelTLS = "None"
)

// ChannelWebhook is how to post to any server.
type ChannelWebhook struct {
	// Of what the template makes. Default: application/json.
	// +kubebuilder:validation:MaxLength=127
	// +kubebuilder:validation:Pattern=`^[A-Za-z0-9.+-]+/[A-Za-z0-9.+-]+(; ?charset=[A-Za-z0-9-]+)?$`
	ContentType string `json:"contentType,omitempty"`
}

// ChannelCommitStatus is where commits live.
type ChannelCommitStatus struct {
	Provider ChannelProvider `json:"provider"`
	// Of the server. Default: https://github.com, https://gitlab.com; Gitea needs it. Apps whose repository is on another
	// host are left out.
	// +kubebuilder:validation:MaxLength=2048
	// +kubebuilder:validation:Pattern=`^https?://[A-Za-z0-9.:\[\]_-]+(/[A-Za-z0-9._~/-]*)?$`
	URL string `json:"url,omitempty"`
	// Hosts of repositories, where they differ from the server's: for ssh behind another name.
	// +kubebuilder:validation:MaxItems=8
	// +kubebuilder:validation:items:MaxLength=253
	// +listType=set
	Hosts []string `json:"hosts,omitempty"`
}

// ChannelProvider is a forge.
//
// +kubebuilder:validation:Enum=GitHub;GitLab;Gitea
type ChannelProvider string

// The forges.
const (
	ChannelGitHub ChannelProvider = "GitHub"
	ChannelGitLab ChannelProvider = "GitLab"
	ChannelGitea  ChannelProvider = "Gitea"
)

// ChannelStatus is where a Channel stands. It never holds a secret.
type ChannelStatus struct {
	ObservedGeneration int64  `json:"observedGeneration,omitempty"`
	Reason             string `json:"reason,omitempty"`
	Message            string `json:"message,omitempty"`
	Next               string `json:"next,omitempty"`
	// The host that it sends to.
	Target string `json:"target,omitempty"`
	// Messages in the outbox, at the time of the last write.
	// +optional
	Waiting int32 `json:"waiting,omitempty"`
	// When a message was last delivered.
	Sent *metav1.Time `json:"sent,omitempty"`
	// Messages that were given up, and the newest of them.
	Dead     int64        `json:"dead,omitempty"`
	LastDead *ChannelDead `json:"lastDead,omitempty"`
	// Events that were not taken in, because too many messages waited.
	Dropped int64 `json:"dropped,omitempty"`
	// +listType=map
	// +listMapKey=type
	Conditions []metav1.Condition `json:"conditions,omitempty"`
}

// ChannelDead is a message that was given up.
type ChannelDead struct {
	Title  string      `json:"title"`
	Reason string      `json:"reason"`
	At     metav1.Time `json:"at"`
}
