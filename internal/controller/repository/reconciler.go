// Package repository watches Repositories and their Secrets, tells the engine about them, and writes what the engine
// says into their status.
package repository

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"plumb.cd/plumb/api/v1alpha1"
	"plumb.cd/plumb/internal/convert"
	"plumb.cd/plumb/internal/engine"
)

// Engine is what the controller needs of the engine.
type Engine interface {
	SetRepository(engine.Repository)
	ForgetRepository(engine.Key)
	RepositorySnapshot(engine.Key) (engine.RepositorySnapshot, bool)
}

const statusOwner = client.FieldOwner("plumb-status")

// Reconciler keeps one Repository after the other.
type Reconciler struct {
	hub    client.Client // reads from the cache; of Secrets, the metadata only
	live   client.Reader // reads from the API server
	engine Engine

	mu   sync.Mutex
	told map[engine.Key]string // mark of what the engine was told
}

// New makes a Reconciler.
func New(hub client.Client, live client.Reader, e Engine) *Reconciler {
	return &Reconciler{hub: hub, live: live, engine: e, told: map[engine.Key]string{}}
}

// Reconcile is called when the Repository or one of its Secrets changed, and when the engine has something new to say.
func (r *Reconciler) Reconcile(ctx context.Context, req reconcile.Request) (reconcile.Result, error) {
	key := engine.Key{Namespace: req.Namespace, Name: req.Name}
	var repo v1alpha1.Repository
	err := r.hub.Get(ctx, req.NamespacedName, &repo)
	if apierrors.IsNotFound(err) || (err == nil && repo.DeletionTimestamp != nil) {
		r.engine.ForgetRepository(key)
		r.remember(key, "")
		return reconcile.Result{}, nil
	}
	if err != nil {
		return reconcile.Result{}, fmt.Errorf("reading Repository %s: %w", key, err)
	}
	if err := r.tell(ctx, key, &repo); err != nil {
		return reconcile.Result{}, err
	}
	snapshot, known := r.engine.RepositorySnapshot(key)
	if !known {
		return reconcile.Result{}, nil
	}
	return reconcile.Result{}, r.report(ctx, &repo, snapshot)
}

// TellAll gives every Repository to the engine, so that no App takes one for missing that is only late.
func (r *Reconciler) TellAll(ctx context.Context) error {
	var list v1alpha1.RepositoryList
	if err := r.hub.List(ctx, &list); err != nil {
		return fmt.Errorf("listing Repositories: %w", err)
	}
	var errs []error
	for i := range list.Items {
		repo := &list.Items[i]
		if repo.DeletionTimestamp == nil {
			errs = append(errs, r.tell(ctx, engine.Key{Namespace: repo.Namespace, Name: repo.Name}, repo))
		}
	}
	return errors.Join(errs...)
}

// tell gives the Repository to the engine when it, or a Secret that it names, is another than before.
func (r *Reconciler) tell(ctx context.Context, key engine.Key, repo *v1alpha1.Repository) error {
	mark, err := r.markOf(ctx, repo)
	if err != nil {
		return err
	}
	r.mu.Lock()
	same := r.told[key] == mark
	r.mu.Unlock()
	if same {
		return nil
	}
	secrets, err := r.secrets(ctx, repo)
	if err != nil {
		return err
	}
	r.engine.SetRepository(convert.Repository(repo, secrets))
	r.remember(key, mark)
	return nil
}

// markOf changes whenever the engine must hear of the Repository again. It costs no request: the versions of the Secrets
// come from the cache.
func (r *Reconciler) markOf(ctx context.Context, repo *v1alpha1.Repository) (string, error) {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %d", repo.UID, repo.Generation)
	for _, name := range convert.SecretsOf(repo) {
		meta := &metav1.PartialObjectMetadata{}
		meta.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("Secret"))
		err := r.hub.Get(ctx, types.NamespacedName{Namespace: repo.Namespace, Name: name}, meta)
		if client.IgnoreNotFound(err) != nil {
			return "", fmt.Errorf("reading Secret %s/%s: %w", repo.Namespace, name, err)
		}
		fmt.Fprintf(&b, "\n%s %s %s", name, meta.UID, meta.ResourceVersion)
	}
	return b.String(), nil
}

// secrets reads what repo names; a Secret that is missing has no entry.
func (r *Reconciler) secrets(ctx context.Context, repo *v1alpha1.Repository) (convert.Secrets, error) {
	out := convert.Secrets{}
	for _, name := range convert.SecretsOf(repo) {
		var s corev1.Secret
		err := r.live.Get(ctx, types.NamespacedName{Namespace: repo.Namespace, Name: name}, &s)
		if apierrors.IsNotFound(err) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("reading Secret %s/%s: %w", repo.Namespace, name, err)
		}
		if s.Data == nil {
			s.Data = map[string][]byte{}
		}
		out[name] = s.Data
	}
	return out, nil
}

func (r *Reconciler) remember(key engine.Key, mark string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if mark == "" {
		delete(r.told, key)
		return
	}
	r.told[key] = mark
}

// report writes the status when it differs from what is there.
func (r *Reconciler) report(ctx context.Context, repo *v1alpha1.Repository, s engine.RepositorySnapshot) error {
	status := convert.RepositoryStatus(repo, s)
	if equality.Semantic.DeepEqual(repo.Status, status) {
		return nil
	}
	before := repo.DeepCopy()
	repo.Status = status
	err := r.hub.Status().Patch(ctx, repo, client.MergeFrom(before), statusOwner)
	if client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("writing the status of Repository %s/%s: %w", repo.Namespace, repo.Name, err)
	}
	return nil
}
