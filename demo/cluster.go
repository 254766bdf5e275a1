package main

import (
	"context"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/tools/clientcmd"
)

var (
	apps        = schema.GroupVersionResource{Group: "plumb.cd", Version: "v1alpha1", Resource: "apps"}
	deployments = schema.GroupVersionResource{Group: "apps", Version: "v1", Resource: "deployments"}
)

// witness asks the API server itself: what it says is what the demo claims.
type witness struct{ client dynamic.Interface }

func newWitness(kubeconfig string) (*witness, error) {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return nil, err
	}
	config.QPS, config.Burst = -1, -1
	client, err := dynamic.NewForConfig(config)
	return &witness{client}, err
}

// app is what the status of an App says.
type app struct {
	name, state, reason, message, applied string
	healthy, total                        int64
}

func appOf(u *unstructured.Unstructured) app {
	text := func(path ...string) string {
		s, _, _ := unstructured.NestedString(u.Object, append([]string{"status"}, path...)...)
		return s
	}
	number := func(path ...string) int64 {
		n, _, _ := unstructured.NestedInt64(u.Object, append([]string{"status"}, path...)...)
		return n
	}
	return app{
		name: u.GetName(), state: text("state"), reason: text("reason"), message: text("message"), applied: text("revision", "applied"),
		healthy: number("counts", "healthy"), total: number("counts", "total"),
	}
}

func (w *witness) apps(ctx context.Context) ([]app, error) {
	list, err := w.client.Resource(apps).List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, err
	}
	var out []app
	for i := range list.Items {
		out = append(out, appOf(&list.Items[i]))
	}
	return out, nil
}

func (w *witness) app(ctx context.Context, name string) (app, error) {
	u, err := w.client.Resource(apps).Namespace(appsIn).Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return app{}, err
	}
	return appOf(u), nil
}

// untilApp waits for an App to be as ok says. The error says how it was when the time was up.
func (w *witness) untilApp(ctx context.Context, within time.Duration, name string, ok func(app) bool) (app, error) {
	var last app
	err := until(ctx, within, func(ctx context.Context) (bool, error) {
		var err error
		last, err = w.app(ctx, name)
		return ok(last), err
	})
	if err != nil {
		err = fmt.Errorf("after %s App %s is %s, %s: %s: %w", within, name, last.state, last.reason, last.message, err)
	}
	return last, err
}

// until asks ask every few milliseconds until it says yes.
func until(ctx context.Context, within time.Duration, ask func(context.Context) (bool, error)) error {
	return wait.PollUntilContextTimeout(ctx, 20*time.Millisecond, within, true, ask)
}

// deployment is what runs.
type deployment struct {
	image             string
	replicas, updated int64
	available         int64
	complete          bool // the controller has seen the newest spec, and all replicas are as it says
	version           string
}

func deploymentOf(u *unstructured.Unstructured) deployment {
	var d deployment
	containers, _, _ := unstructured.NestedSlice(u.Object, "spec", "template", "spec", "containers")
	if len(containers) > 0 {
		first, _ := containers[0].(map[string]any)
		d.image, _ = first["image"].(string)
	}
	number := func(path ...string) int64 {
		n, _, _ := unstructured.NestedInt64(u.Object, path...)
		return n
	}
	d.replicas, d.updated, d.available = number("spec", "replicas"), number("status", "updatedReplicas"), number("status", "availableReplicas")
	d.complete = number("status", "observedGeneration") >= u.GetGeneration() && d.updated == d.replicas && d.available == d.replicas
	d.version = u.GetResourceVersion()
	return d
}

func (w *witness) deployment(ctx context.Context, namespace, name string) (deployment, error) {
	u, err := w.client.Resource(deployments).Namespace(namespace).Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return deployment{}, err
	}
	return deploymentOf(u), nil
}

// runs says no error when a Deployment runs an image, completely.
func (w *witness) runs(ctx context.Context, namespace, name, image string, replicas int64) error {
	d, err := w.deployment(ctx, namespace, name)
	if err != nil {
		return err
	}
	if d.image != image || d.replicas != replicas || !d.complete {
		return fmt.Errorf("%s/%s runs %s: %d replicas, %d updated, %d available", namespace, name, d.image, d.replicas, d.updated, d.available)
	}
	return nil
}

// edit changes the image of a Deployment's only container as manager, and gives the time that passed between the change
// and its undoing, both as the API server's watch tells them.
func (w *witness) edit(ctx context.Context, namespace, name, image, manager string) (healed time.Duration, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, healWithin, fmt.Errorf("the change was not undone within %s", healWithin))
	defer cancel()
	client := w.client.Resource(deployments).Namespace(namespace)
	before, err := w.deployment(ctx, namespace, name)
	if err != nil {
		return 0, err
	}
	events, err := client.Watch(ctx, metav1.ListOptions{FieldSelector: "metadata.name=" + name, ResourceVersion: before.version})
	if err != nil {
		return 0, err
	}
	defer events.Stop()
	patch := fmt.Sprintf(`[{"op":"replace","path":"/spec/template/spec/containers/0/image","value":%q}]`, image)
	if _, err := client.Patch(ctx, name, types.JSONPatchType, []byte(patch), metav1.PatchOptions{FieldManager: manager}); err != nil {
		return 0, err
	}
	var changed time.Time
	for {
		select {
		case <-ctx.Done():
			return 0, context.Cause(ctx)
		case event, ok := <-events.ResultChan():
			u, isObject := event.Object.(*unstructured.Unstructured)
			if !ok || !isObject {
				return 0, fmt.Errorf("the watch of %s/%s ended", namespace, name)
			}
			switch now := deploymentOf(u); {
			case now.image == image && changed.IsZero():
				changed = time.Now()
			case now.image == before.image && !changed.IsZero():
				return time.Since(changed), nil
			}
		}
	}
}
