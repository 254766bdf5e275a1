package cluster

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"plumb.cd/plumb/internal/fault"
	"plumb.cd/plumb/internal/object"
)

// subject is what a request was about.
type subject struct {
	id    object.ID
	gvk   schema.GroupVersionKind
	where string // when it was about no object
}

func about(gvk schema.GroupVersionKind, id object.ID) subject { return subject{id: id, gvk: gvk} }

func (s subject) place() string {
	if s.id.Name != "" {
		return s.id.String()
	}
	if s.where != "" {
		return s.where
	}
	return s.gvk.GroupVersion().String() + "/" + s.gvk.Kind
}

// later carries the API server's wish to be left alone for a while.
type later struct {
	error
	after time.Duration
}

// RetryAfter is how long the API server asked to be left alone.
func (l later) RetryAfter() time.Duration { return l.after }

func (l later) Unwrap() error { return l.error }

// classify turns an error of client-go into a *fault.Error. It is the only place that reads an API server's answer.
func classify(err error, s subject) error {
	if err == nil {
		return nil
	}
	if f := (*fault.Error)(nil); errors.As(err, &f) {
		return err
	}
	e := &fault.Error{Where: s.place(), Err: err}
	status := apierrors.APIStatus(nil)
	if errors.As(err, &status) {
		answer(e, status.Status(), s)
	} else {
		noAnswer(e, err)
	}
	if s.id.Sensitive() || s.gvk.Group == "" && s.gvk.Kind == "Secret" {
		conceal(e)
	}
	return e
}

func noAnswer(e *fault.Error, err error) {
	var unknown x509.UnknownAuthorityError
	var host x509.HostnameError
	var invalid x509.CertificateInvalidError
	switch {
	case errors.Is(err, context.Canceled):
		set(e, fault.Transient, fault.Cancelled, "cancelled before the API server answered")
	case errors.Is(err, context.DeadlineExceeded):
		set(e, fault.Transient, fault.ClusterUnreachable, "the API server did not answer in time")
	case errors.As(err, &unknown), errors.As(err, &host), errors.As(err, &invalid):
		set(e, fault.Blocked, fault.CertificateInvalid, "the API server's certificate is not trusted: "+err.Error())
	default:
		set(e, fault.Transient, fault.ClusterUnreachable, "the API server cannot be reached: "+err.Error())
	}
}

func set(e *fault.Error, class fault.Class, reason fault.Reason, message string) {
	e.Class, e.Reason, e.Message = class, reason, message
}

// answer reads a Status.
func answer(e *fault.Error, st metav1.Status, s subject) {
	if st.Details == nil {
		st.Details = &metav1.StatusDetails{}
	}
	if admission(e, st) {
		return
	}
	switch st.Code {
	case http.StatusBadRequest:
		set(e, fault.Invalid, fault.SchemaViolation, shorten(st.Message))
	case http.StatusUnauthorized:
		set(e, fault.Blocked, fault.AuthenticationFailed, "the API server does not accept the credentials")
	case http.StatusForbidden:
		forbidden(e, st)
	case http.StatusNotFound:
		notFound(e, st, s)
	case http.StatusMethodNotAllowed, http.StatusUnsupportedMediaType, http.StatusNotAcceptable:
		set(e, fault.Invalid, fault.SchemaViolation, "the API server does not allow this on objects of the kind")
	case http.StatusConflict:
		conflict(e, st)
	case http.StatusRequestEntityTooLarge:
		set(e, fault.Invalid, fault.LimitExceeded, "the object is too large for the API server")
	case http.StatusUnprocessableEntity:
		unprocessable(e, st)
	default:
		serverError(e, st)
	}
}

// Words that the API server says and has no code for. classify_test.go holds each against the real server.
var (
	webhookDenied = regexp.MustCompile(`admission webhook "([^"]+)" denied the request`)
	webhookFailed = regexp.MustCompile(`failed calling webhook "([^"]+)"`)
	policyDenied  = regexp.MustCompile(`ValidatingAdmissionPolicy '([^']+)'`)

	// malformed introduces what server-side apply says of fields that do not fit the schema; it comes with code 500.
	malformed = []string{"failed to create typed patch object", "failed to convert new object", "field not declared in schema"}

	// immutable are the phrases for "this field cannot be changed", by the validation of Deployment and most others,
	// Service, StatefulSet, PersistentVolumeClaim and CEL rules, Pod, and role bindings.
	immutable = []string{
		"field is immutable",
		"may not change once set",
		"updates to statefulset spec for fields other than",
		"is immutable",
		"pod updates may not change fields other than",
		"cannot change roleRef",
	}
)

func admission(e *fault.Error, st metav1.Status) bool {
	if m := webhookDenied.FindStringSubmatch(st.Message); m != nil {
		set(e, fault.Invalid, fault.AdmissionDenied, shorten(st.Message))
		e.Next = fmt.Sprintf("change the object, or ask who runs the webhook %q", m[1])
		return true
	}
	if m := webhookFailed.FindStringSubmatch(st.Message); m != nil {
		set(e, fault.Transient, fault.AdmissionDenied, "an admission webhook does not answer: "+shorten(st.Message))
		e.Next = fmt.Sprintf("kubectl get validatingwebhookconfigurations,mutatingwebhookconfigurations | grep %s", m[1])
		return true
	}
	if m := policyDenied.FindStringSubmatch(st.Message); m != nil {
		set(e, fault.Invalid, fault.AdmissionDenied, shorten(st.Message))
		e.Next = fmt.Sprintf("change the object, or ask who owns the ValidatingAdmissionPolicy %q", m[1])
		return true
	}
	return false
}

func forbidden(e *fault.Error, st metav1.Status) {
	if slices.ContainsFunc(st.Details.Causes, func(c metav1.StatusCause) bool { return c.Type == "NamespaceTerminating" }) {
		set(e, fault.Transient, fault.NamespaceMissing, "its namespace is being deleted")
		return
	}
	_, why, _ := strings.Cut(st.Message, " is forbidden: ")
	if why == "" || strings.HasPrefix(why, `User "`) {
		set(e, fault.Blocked, fault.Forbidden, shorten(st.Message))
		e.Next = "grant that to the identity, then sync again"
		return
	}
	// A built-in admission plug-in: quota, Pod security, limits, service accounts.
	set(e, fault.Invalid, fault.AdmissionDenied, shorten(st.Message))
}

func notFound(e *fault.Error, st metav1.Status, s subject) {
	unexpected := slices.ContainsFunc(st.Details.Causes, func(c metav1.StatusCause) bool {
		return c.Type == metav1.CauseTypeUnexpectedServerResponse
	})
	switch {
	case unexpected:
		set(e, fault.Blocked, fault.KindUnknown, fmt.Sprintf("the cluster does not serve the kind %s of %s", s.gvk.Kind, s.gvk.GroupVersion()))
		e.Next = "install the CustomResourceDefinition that defines it"
	case st.Details.Kind == "namespaces" && s.gvk.Kind != "Namespace":
		set(e, fault.Blocked, fault.NamespaceMissing, fmt.Sprintf("the namespace %q does not exist", st.Details.Name))
		e.Next = "put it into Git, or let the App create its namespace"
	default:
		set(e, fault.Transient, fault.NotFound, "it does not exist")
		e.Err = errors.Join(object.ErrNotFound, e.Err)
	}
}

func conflict(e *fault.Error, st metav1.Status) {
	if st.Reason == metav1.StatusReasonAlreadyExists {
		set(e, fault.Transient, fault.Conflict, "it exists already")
		e.Err = errors.Join(object.ErrExists, e.Err)
		return
	}
	var fields []string
	for _, c := range st.Details.Causes {
		if c.Type == metav1.CauseTypeFieldManagerConflict {
			fields = append(fields, fmt.Sprintf("%s (%s)", c.Field, strings.TrimPrefix(c.Message, "conflict with ")))
		}
	}
	if len(fields) > 0 {
		set(e, fault.Blocked, fault.Conflict, "other managers own fields of it: "+enumerate(fields))
		return
	}
	set(e, fault.Transient, fault.Conflict, "it changed, or was deleted and made anew, in the meantime")
}

func unprocessable(e *fault.Error, st metav1.Status) {
	var fields, fixed []string
	for _, c := range st.Details.Causes {
		if c.Field == "metadata.uid" {
			set(e, fault.Transient, fault.Conflict, "it was deleted and made anew in the meantime")
			return
		}
		line := c.Field + ": " + shorten(c.Message)
		if slices.ContainsFunc(immutable, func(p string) bool { return strings.Contains(c.Message, p) }) {
			fixed = append(fixed, line)
		} else {
			fields = append(fields, line)
		}
	}
	switch {
	case len(fixed) > 0 && len(fields) == 0:
		set(e, fault.Invalid, fault.ImmutableField, enumerate(dedupe(fixed)))
		e.Next = "undo the change of that field, or allow the object to be deleted and created again (plumb.cd/force)"
	case len(fields)+len(fixed) > 0:
		set(e, fault.Invalid, fault.SchemaViolation, enumerate(dedupe(append(fields, fixed...))))
	default:
		set(e, fault.Invalid, fault.SchemaViolation, shorten(st.Message))
	}
}

func serverError(e *fault.Error, st metav1.Status) {
	switch {
	case slices.ContainsFunc(malformed, func(p string) bool { return strings.Contains(st.Message, p) }):
		set(e, fault.Invalid, fault.SchemaViolation, typedPatch(st.Message))
	case strings.Contains(st.Message, "request is too large"):
		set(e, fault.Invalid, fault.LimitExceeded, "the object is too large for the API server")
	case st.Code == http.StatusTooManyRequests:
		set(e, fault.Transient, fault.ClusterUnreachable, "the API server has too much to do")
	default:
		set(e, fault.Transient, fault.ClusterUnreachable, "the API server failed: "+shorten(st.Message))
	}
	if after := st.Details.RetryAfterSeconds; after > 0 {
		e.Err = later{error: e.Err, after: time.Duration(after) * time.Second}
	}
}

// typedPatch leaves of "failed to create typed patch object (ns/name; apps/v1, Kind=Deployment): errors: ..." the errors.
func typedPatch(message string) string {
	if _, rest, ok := strings.Cut(message, "): "); ok {
		message = strings.TrimPrefix(rest, "errors:")
	}
	var lines []string
	for line := range strings.Lines(message) {
		if line = strings.TrimSpace(line); line != "" {
			lines = append(lines, shorten(line))
		}
	}
	return enumerate(lines)
}

const (
	maxText  = 300
	maxItems = 5
)

// shorten takes the printed value out of messages like "Invalid value: {...}: field is immutable" when it is long, and
// what follows the first line.
func shorten(text string) string {
	text, _, _ = strings.Cut(text, "\n")
	if len(text) <= maxText {
		return text
	}
	if i := strings.LastIndexAny(text, "}]\""); i > 0 && i < len(text)-1 && strings.Contains(text, "Invalid value: ") {
		head, _, _ := strings.Cut(text, "Invalid value: ")
		return head + "Invalid value" + text[i+1:]
	}
	return text[:maxText] + "…"
}

func enumerate(items []string) string {
	if extra := len(items) - maxItems; extra > 0 {
		return strings.Join(items[:maxItems], "; ") + fmt.Sprintf("; and %d more", extra)
	}
	return strings.Join(items, "; ")
}

func dedupe(items []string) []string {
	slices.Sort(items)
	return slices.Compact(items)
}

// secretPath finds the paths of fields in a message about a Secret.
var secretPath = regexp.MustCompile(`(?:^|[\s.])((?:data|stringData|type|metadata|immutable)[A-Za-z0-9_.\-/\[\]]*): `)

// conceal leaves of an error about a Secret what cannot hold a value of it: the API server prints what it refuses.
func conceal(e *fault.Error) {
	switch e.Reason {
	case fault.SchemaViolation, fault.ImmutableField:
		var paths []string
		for _, m := range secretPath.FindAllStringSubmatch(e.Message, -1) {
			paths = append(paths, m[1])
		}
		what := "the API server refused its fields"
		if e.Reason == fault.ImmutableField {
			what = "fields of it are immutable"
		}
		e.Message = what
		if len(paths) > 0 {
			e.Message += ": " + enumerate(dedupe(paths))
		}
		e.Message += " (the values are withheld)"
	case fault.AdmissionDenied:
		name := "admission control"
		if m := webhookDenied.FindStringSubmatch(e.Message); m != nil {
			name = fmt.Sprintf("the admission webhook %q", m[1])
		} else if m := policyDenied.FindStringSubmatch(e.Message); m != nil {
			name = fmt.Sprintf("the ValidatingAdmissionPolicy %q", m[1])
		}
		e.Message = name + " refused it (its message is withheld: it may show values)"
	case fault.ClusterUnreachable:
		if st := apierrors.APIStatus(nil); errors.As(e.Err, &st) {
			e.Message = fmt.Sprintf("the API server failed with code %d", st.Status().Code)
		}
	}
	e.Err = sentinels(e.Err)
}

// sentinels keeps of a chain what code decides by, and nothing that prints.
func sentinels(err error) error {
	var wait later
	switch {
	case errors.Is(err, object.ErrNotFound):
		return object.ErrNotFound
	case errors.Is(err, object.ErrExists):
		return object.ErrExists
	case errors.As(err, &wait):
		return later{error: errors.New("try later"), after: wait.after}
	}
	return nil
}
