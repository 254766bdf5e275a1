package main

import (
	"context"
	"time"

	"golang.org/x/sync/errgroup"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
)

var resources = map[string]schema.GroupVersionResource{
	"Deployment":     {Group: "apps", Version: "v1", Resource: "deployments"},
	"ConfigMap":      {Version: "v1", Resource: "configmaps"},
	"Service":        {Version: "v1", Resource: "services"},
	"ServiceAccount": {Version: "v1", Resource: "serviceaccounts"},
}

// apply is one server-side apply, as the raw loop does it.
func apply(ctx context.Context, c dynamic.Interface, u *unstructured.Unstructured) error {
	_, err := c.Resource(resources[u.GetKind()]).Namespace(u.GetNamespace()).
		Apply(ctx, u.GetName(), u, metav1.ApplyOptions{FieldManager: rawAgent, Force: true})
	return err
}

// rawRun is what the raw loop took. The processor time is that of the bench and of the control plane together: on a busy
// machine it says more than the time.
type rawRun struct {
	took, cpu, server time.Duration
}

// rawSync applies the objects of n apps with client-go alone, parallel apps at a time, and waits until they are
// healthy: the limit of a first sync.
func (s *stage) rawSync(ctx context.Context, mark string, n int) (rawRun, error) {
	apps := make([][]*unstructured.Unstructured, n)
	for i := range apps {
		var err error
		if apps[i], err = objectsOf(appName(i), teamOf(mark, i), mark, 0, "0"); err != nil {
			return rawRun{}, err
		}
	}
	wait := s.world.expectCount(4*n, func(t thing) bool { return t.mark == mark && t.healthy })
	own, server := ownCPU(), cpuOf(s.plane.pid())
	began := time.Now()
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(parallel)
	for _, objects := range apps {
		g.Go(func() error {
			for _, u := range objects {
				if err := apply(gctx, s.raw, u); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return rawRun{}, err
	}
	last, err := wait(ctx, "the objects of the raw loop are healthy")
	server = cpuOf(s.plane.pid()) - server
	return rawRun{took: last.at.Sub(began), cpu: ownCPU() - own + server, server: server}, err
}
