package fault

// Reason is a stable code in CamelCase. The list below is closed: docs/reasons.md has a heading for each, a test holds
// the two together, and a code is never reused for another meaning.
type Reason string

const (
	Internal Reason = "Internal" // a defect of Plumb, or an error that nobody classified

	// Git and charts.
	AuthenticationFailed Reason = "AuthenticationFailed" // the server refused the credentials
	UnknownHostKey       Reason = "UnknownHostKey"       // ssh host key absent from known_hosts, or different
	CertificateInvalid   Reason = "CertificateInvalid"   // TLS certificate not trusted
	RepositoryNotFound   Reason = "RepositoryNotFound"
	RepositoryEmpty      Reason = "RepositoryEmpty" // no commit yet
	Unreachable          Reason = "Unreachable"     // network, DNS, time-out
	RefNotFound          Reason = "RefNotFound"     // branch, tag, range or commit does not exist
	PathNotFound         Reason = "PathNotFound"    // path absent from the tree
	PathOutside          Reason = "PathOutside"     // a path or symlink that leaves the repository
	LimitExceeded        Reason = "LimitExceeded"   // a file, tree, output, time or memory limit
	ChartNotFound        Reason = "ChartNotFound"
	ChartDependency      Reason = "ChartDependency" // a dependency is neither vendored nor locked and fetchable
	DigestMismatch       Reason = "DigestMismatch"  // fetched bytes are not the ones that were named
	PushRejected         Reason = "PushRejected"    // the server refused our commit

	// Render.
	SyntaxInvalid     Reason = "SyntaxInvalid"   // YAML, JSON, Jsonnet, CUE or template syntax
	RenderFailed      Reason = "RenderFailed"    // the renderer refused its input
	RendererUnknown   Reason = "RendererUnknown" // nothing in the path says how to render it
	RemoteRefused     Reason = "RemoteRefused"   // a renderer asked for the network
	RenderCrashed     Reason = "RenderCrashed"   // the renderer panicked or was killed
	RenderTimeout     Reason = "RenderTimeout"
	ObjectInvalid     Reason = "ObjectInvalid"     // no kind, no name, over-long name ...
	DuplicateObject   Reason = "DuplicateObject"   // the same object twice in one App
	EmptyRender       Reason = "EmptyRender"       // nothing rendered where something was applied before
	SubstitutionError Reason = "SubstitutionError" // an undefined variable

	// Plan and apply.
	KindUnknown        Reason = "KindUnknown"       // the cluster has no such kind (missing CRD)
	SchemaViolation    Reason = "SchemaViolation"   // the API server rejected the fields
	AdmissionDenied    Reason = "AdmissionDenied"   // a webhook or admission policy refused
	Forbidden          Reason = "Forbidden"         // the credentials may not touch this
	NamespaceMissing   Reason = "NamespaceMissing"  // destination namespace does not exist
	NamespaceRequired  Reason = "NamespaceRequired" // a namespaced object and no namespace anywhere
	OwnedByOther       Reason = "OwnedByOther"      // another App owns the object
	NotOwned           Reason = "NotOwned"          // the object exists and nobody told us to adopt it
	ImmutableField     Reason = "ImmutableField"    // needs a recreate, which force would allow
	Conflict           Reason = "Conflict"          // the object changed meanwhile
	PlanStale          Reason = "PlanStale"         // the approved plan is not the current one
	PruneGuard         Reason = "PruneGuard"        // too large or too precious a deletion waits for approval
	DataLoss           Reason = "DataLoss"          // a change would lose what Git cannot bring back
	HookFailed         Reason = "HookFailed"
	DeadlineExceeded   Reason = "DeadlineExceeded" // a wave, hook or attempt ran out of time
	ClusterUnreachable Reason = "ClusterUnreachable"
	NotFound           Reason = "NotFound"           // the object is not in the cluster
	ClusterUnknown     Reason = "ClusterUnknown"     // no Cluster of that name
	RepositoryUnknown  Reason = "RepositoryUnknown"  // no Repository of that name
	CredentialsMissing Reason = "CredentialsMissing" // a Secret that is named does not exist or lacks a key

	// Notifications.
	DeliveryRefused Reason = "DeliveryRefused" // the receiver took the request and said no
	AddressRefused  Reason = "AddressRefused"  // an address that Channels may not reach

	// States of an App without an error.
	Synced             Reason = "Synced"
	Ready              Reason = "Ready" // a Repository or Cluster is as it should be
	Progressing        Reason = "Progressing"
	Unhealthy          Reason = "Unhealthy"
	Drifted            Reason = "Drifted"
	Fighting           Reason = "Fighting" // we yield a field to another manager
	Superseded         Reason = "Superseded"
	Cancelled          Reason = "Cancelled"
	Suspended          Reason = "Suspended"
	Held               Reason = "Held"
	RolledBack         Reason = "RolledBack"
	AwaitingApproval   Reason = "AwaitingApproval"
	AwaitingSync       Reason = "AwaitingSync" // manual mode
	AwaitingWindow     Reason = "AwaitingWindow"
	DependencyNotReady Reason = "DependencyNotReady"
	AwaitingMove       Reason = "AwaitingMove" // prune waits for the other Apps of the revision
	Initializing       Reason = "Initializing"
	Deleting           Reason = "Deleting"
	DeletionBlocked    Reason = "DeletionBlocked"
	InvalidSpec        Reason = "InvalidSpec"

	// Calls of the API.
	InvalidRequest Reason = "InvalidRequest" // a parameter, a filter or a body that cannot be read
	SignInRequired Reason = "SignInRequired" // nobody is signed in, or no longer
)
