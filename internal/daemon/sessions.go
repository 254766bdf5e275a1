package daemon

import (
	"context"
	"errors"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"plumb.cd/plumb/internal/signin"
)

// secrets keeps sessions as Secrets of one namespace, which all replicas share. What is in them is sealed: who may read
// Secrets cannot take a session over.
type secrets struct {
	hub       client.Client
	namespace string
}

const (
	sessionLabel  = "plumb.cd/session"
	sessionType   = corev1.SecretType("plumb.cd/session")
	sessionUntil  = "plumb.cd/until" // annotation, RFC 3339
	sessionPrefix = "plumb-session-"
	sessionData   = "sealed"
)

func (s secrets) key(name string) client.ObjectKey {
	return client.ObjectKey{Namespace: s.namespace, Name: sessionPrefix + name}
}

func (s secrets) object(name string, r signin.Record) *corev1.Secret {
	return &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: s.namespace, Name: sessionPrefix + name,
			Labels:      map[string]string{sessionLabel: "true", "app.kubernetes.io/part-of": "plumb"},
			Annotations: map[string]string{sessionUntil: r.Until.UTC().Format(time.RFC3339)},
		},
		Type: sessionType,
		Data: map[string][]byte{sessionData: r.Sealed},
	}
}

// Create makes a Secret.
func (s secrets) Create(ctx context.Context, name string, r signin.Record) error {
	return classify("Secret of a session", s.hub.Create(ctx, s.object(name, r)))
}

// Get reads one.
func (s secrets) Get(ctx context.Context, name string) (signin.Record, error) {
	var got corev1.Secret
	if err := gone(s.hub.Get(ctx, s.key(name), &got)); err != nil {
		return signin.Record{}, err
	}
	if got.Type != sessionType {
		return signin.Record{}, signin.ErrGone
	}
	return signin.Record{Sealed: got.Data[sessionData], Until: untilOf(&got)}, nil
}

// Update replaces one. Of two replicas at the same time the later wins; one that was deleted stays so.
func (s secrets) Update(ctx context.Context, name string, r signin.Record) error {
	return gone(s.hub.Update(ctx, s.object(name, r)))
}

// Delete removes one; of several callers one gets nil.
func (s secrets) Delete(ctx context.Context, name string) error {
	return gone(s.hub.Delete(ctx, s.object(name, signin.Record{})))
}

// Sweep deletes those that ended.
func (s secrets) Sweep(ctx context.Context, now time.Time) error {
	list := &metav1.PartialObjectMetadataList{}
	list.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("SecretList"))
	if err := s.hub.List(ctx, list, client.InNamespace(s.namespace), client.MatchingLabels{sessionLabel: "true"}); err != nil {
		return classify("Secrets of sessions", err)
	}
	var problems []error
	for i := range list.Items {
		if untilOf(&list.Items[i]).After(now) {
			continue
		}
		if err := gone(s.hub.Delete(ctx, &list.Items[i])); err != nil && !errors.Is(err, signin.ErrGone) {
			problems = append(problems, err)
		}
	}
	return errors.Join(problems...)
}

func untilOf(o metav1.Object) time.Time {
	until, err := time.Parse(time.RFC3339, o.GetAnnotations()[sessionUntil])
	if err != nil {
		return time.Time{} // ended long ago
	}
	return until
}

func gone(err error) error {
	if apierrors.IsNotFound(err) {
		return signin.ErrGone
	}
	return classify("Secret of a session", err)
}
