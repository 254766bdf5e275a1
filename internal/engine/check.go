package engine

import (
	"context"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"plumb.cd/plumb/internal/cluster"
	"plumb.cd/plumb/internal/fault"
	"plumb.cd/plumb/internal/health"
	"plumb.cd/plumb/internal/object"
	"plumb.cd/plumb/internal/plan"
)

// establishTimeout bounds the wait for the API server to serve a CRD.
const establishTimeout = 15 * time.Second

// Check says what the API server has against an App's objects. It creates the namespaces, and the CRDs that the App
// brings, for real, so that everything else can be tried by dry-run: use it on a throw-away control plane only.
func (e *Engine) Check(ctx context.Context, key Key) (Preview, error) {
	a := e.app(key)
	if a == nil {
		return Preview{}, ErrNoApp
	}
	a.stepping.Lock()
	err := e.prepareGround(ctx, a)
	a.stepping.Unlock()
	if err != nil {
		return Preview{}, err
	}
	return e.Preview(ctx, key)
}

func (e *Engine) prepareGround(ctx context.Context, a *app) error {
	a.mu.Lock()
	spec := a.spec
	a.mu.Unlock()
	if a.target == nil {
		return errPending
	}
	conn, err := a.target.connection()
	if err != nil {
		return err
	}
	if err := a.compile(spec); err != nil {
		return err
	}
	d, err := e.desire(ctx, a, spec, where(spec, conn))
	if err != nil {
		return err
	}
	b, err := e.o.Bundles.Get(d.bundle)
	if err != nil {
		return err
	}
	if err := conn.RefreshKinds(ctx); err != nil { // definitions may have come a moment ago
		return err
	}
	desired, _, err := e.prepare(a, spec, conn, b.Objects, "check")
	if err != nil {
		return err
	}
	namespaces := map[string]bool{spec.Namespace: true}
	for _, d := range desired {
		namespaces[d.ID.Namespace] = true
	}
	for ns := range namespaces {
		if ns == "" {
			continue
		}
		obj := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "v1", "kind": "Namespace", "metadata": map[string]any{"name": ns}}}
		if _, err := conn.Apply(ctx, obj, object.WriteOptions{Force: true}); err != nil {
			return err
		}
	}
	return e.establish(ctx, conn, desired)
}

// establish applies the CRDs among desired and waits until they are served.
func (e *Engine) establish(ctx context.Context, conn *cluster.Cluster, desired []plan.Desired) error {
	ctx, cancel := context.WithTimeout(ctx, establishTimeout)
	defer cancel()
	for _, d := range desired {
		if d.ID.Kind != "CustomResourceDefinition" {
			continue
		}
		if _, err := conn.Apply(ctx, d.Object, object.WriteOptions{Force: true}); err != nil {
			return err
		}
		for {
			live, err := conn.Get(ctx, d.Object.GroupVersionKind(), d.ID)
			if err != nil {
				return err
			}
			if health.Compute(live, e.o.Now(), nil).Level == health.Healthy {
				break
			}
			select {
			case <-ctx.Done():
				return &fault.Error{Class: fault.Blocked, Reason: fault.DeadlineExceeded, Where: d.ID.String(), Message: "the CRD is not established"}
			case <-time.After(50 * time.Millisecond):
			}
		}
	}
	return conn.RefreshKinds(ctx)
}

// CommonTargets are the kinds that nearly every App uses. A one-shot run, which remembers nothing, looks for what it
// owns among these besides the kinds that it renders.
func CommonTargets(cluster string) []TargetUse {
	var out []TargetUse
	for _, k := range [][3]string{
		{"", "v1", "ConfigMap"}, {"", "v1", "Secret"}, {"", "v1", "Service"}, {"", "v1", "ServiceAccount"}, {"", "v1", "PersistentVolumeClaim"},
		{"", "v1", "Namespace"}, {"apps", "v1", "Deployment"}, {"apps", "v1", "StatefulSet"}, {"apps", "v1", "DaemonSet"}, {"batch", "v1", "Job"},
		{"batch", "v1", "CronJob"}, {"networking.k8s.io", "v1", "Ingress"}, {"networking.k8s.io", "v1", "NetworkPolicy"},
		{"autoscaling", "v2", "HorizontalPodAutoscaler"}, {"policy", "v1", "PodDisruptionBudget"}, {"rbac.authorization.k8s.io", "v1", "Role"},
		{"rbac.authorization.k8s.io", "v1", "RoleBinding"}, {"rbac.authorization.k8s.io", "v1", "ClusterRole"},
		{"rbac.authorization.k8s.io", "v1", "ClusterRoleBinding"}, {"apiextensions.k8s.io", "v1", "CustomResourceDefinition"},
	} {
		out = append(out, TargetUse{Cluster: cluster, Group: k[0], Version: k[1], Kind: k[2]})
	}
	return out
}
