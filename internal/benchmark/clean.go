package benchmark

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/dynamic"

	"plumb.cd/plumb/internal/fault"
)

// cleanWithin bounds how long the bench waits for its namespaces to be gone.
const cleanWithin = 3 * time.Minute

// Clean removes what runs have left on a cluster (they were killed, or told to keep it), and tells which namespaces that
// were. A namespace is one of ours by its label and its prefix, both.
func Clean(ctx context.Context, kubeconfig []byte, prefix string, say func(format string, args ...any)) ([]string, error) {
	r, err := newRun(Options{Kubeconfig: kubeconfig, Prefix: prefix, Say: say})
	if err != nil {
		return nil, err
	}
	return remove(ctx, r.own, runLabel, prefix, r.o.Say)
}

func (r *run) clean(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, cleanWithin)
	defer cancel()
	_, err := remove(ctx, r.own, runLabel+"="+r.o.Run, r.o.Prefix, r.o.Say)
	if err != nil {
		return fmt.Errorf("removing the namespaces %s-%s-*: %w (plumb bench --clean tries again)", r.o.Prefix, r.o.Run, err)
	}
	return nil
}

// remove deletes the namespaces that a selector finds and waits until there are none.
func remove(ctx context.Context, client dynamic.Interface, selector, prefix string, say func(string, ...any)) ([]string, error) {
	var removed []string
	for {
		list, err := client.Resource(namespaces).List(ctx, metav1.ListOptions{LabelSelector: selector})
		if err != nil {
			return removed, err
		}
		left := slices.DeleteFunc(list.Items, func(u unstructured.Unstructured) bool { return !strings.HasPrefix(u.GetName(), prefix+"-") })
		if len(left) == 0 {
			return removed, nil
		}
		if removed == nil {
			say("removing %d namespaces", len(left))
		}
		for _, u := range left {
			if u.GetDeletionTimestamp() != nil {
				continue
			}
			uid := u.GetUID()
			err := client.Resource(namespaces).Delete(ctx, u.GetName(), metav1.DeleteOptions{Preconditions: &metav1.Preconditions{UID: &uid}})
			if err != nil && !apierrors.IsNotFound(err) && !apierrors.IsConflict(err) {
				return removed, err
			}
			if err == nil {
				removed = append(removed, u.GetName())
			}
		}
		if err := pause(ctx, 200*time.Millisecond); err != nil {
			return removed, fmt.Errorf("%d namespaces are still there: %w", len(left), err)
		}
	}
}

func (r *run) makeNamespaces(ctx context.Context) error {
	for _, side := range sides {
		for i := range namespacesEach {
			u := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "v1", "kind": "Namespace"}}
			u.SetName(r.namespace(side, i))
			u.SetLabels(map[string]string{runLabel: r.o.Run})
			if _, err := r.own.Resource(namespaces).Create(ctx, u, metav1.CreateOptions{FieldManager: Installation}); err != nil {
				return fmt.Errorf("creating the namespace %s: %w", u.GetName(), err)
			}
		}
	}
	return nil
}

// version of the API server.
func (r *run) version(ctx context.Context) (string, error) {
	client, err := discovery.NewDiscoveryClientForConfig(r.config)
	if err != nil {
		return "", err
	}
	v, err := client.ServerVersion()
	if err != nil {
		return "", err
	}
	return v.GitVersion, ctx.Err()
}

// needed are the rights of the bench, by resource, for all namespaces: an engine watches all of them.
var needed = []struct {
	resource schema.GroupVersionResource
	verbs    []string
}{
	{namespaces, []string{"create", "delete", "list"}},
	{resources["ConfigMap"], []string{"create", "get", "list", "patch", "watch"}},
	{resources["Deployment"], []string{"create", "get", "list", "patch", "watch"}},
	{resources["Service"], []string{"create", "get", "list", "patch", "watch"}},
	{resources["ServiceAccount"], []string{"create", "get", "list", "patch", "watch"}},
}

var accessReviews = schema.GroupVersionResource{Group: "authorization.k8s.io", Version: "v1", Resource: "selfsubjectaccessreviews"}

// mayAll refuses, with the list of what is missing, before anything is made.
func (r *run) mayAll(ctx context.Context) error {
	var missing []string
	for _, n := range needed {
		for _, verb := range n.verbs {
			review := &unstructured.Unstructured{Object: map[string]any{
				"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview",
				"spec": map[string]any{"resourceAttributes": map[string]any{"group": n.resource.Group, "resource": n.resource.Resource, "verb": verb}},
			}}
			got, err := r.own.Resource(accessReviews).Create(ctx, review, metav1.CreateOptions{})
			if err != nil {
				return fmt.Errorf("asking what these credentials may do: %w", err)
			}
			if allowed, _, _ := unstructured.NestedBool(got.Object, "status", "allowed"); !allowed {
				missing = append(missing, verb+" "+n.resource.GroupResource().String())
			}
		}
	}
	if len(missing) == 0 {
		return nil
	}
	return &fault.Error{
		Class: fault.Blocked, Reason: fault.Forbidden, Message: "these credentials may not, in all namespaces: " + strings.Join(missing, ", "),
		Next: "use credentials that may, or bench on a control plane of your own (plumb up)",
	}
}
