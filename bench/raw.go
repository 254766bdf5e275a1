package main

import (
	"context"
	"fmt"
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
	"Ingress":        {Group: "networking.k8s.io", Version: "v1", Resource: "ingresses"},
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

func meanOf(a, b rawRun) rawRun {
	return rawRun{took: (a.took + b.took) / 2, cpu: (a.cpu + b.cpu) / 2, server: (a.server + b.server) / 2}
}

// planeRests returns when the control plane has used less than a tenth of a core for a second.
func (s *stage) planeRests(ctx context.Context) error {
	for end := time.Now().Add(s.world.patience); time.Now().Before(end); {
		before := cpuOf(s.plane.pid())
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Second):
		}
		if cpuOf(s.plane.pid())-before < time.Second/10 {
			return nil
		}
	}
	return fmt.Errorf("the control plane does not come to rest within %v", s.world.patience)
}

// rawSync applies the groups of objects with client-go alone, parallel groups at a time, and waits until they are healthy:
// the limit of a first sync.
func (s *stage) rawSync(ctx context.Context, mark string, groups [][]*unstructured.Unstructured) (rawRun, error) {
	n := 0
	for _, g := range groups {
		n += len(g)
	}
	wait := s.world.expectCount(n, func(t thing) bool { return t.mark == mark && t.healthy })
	own, server := ownCPU(), cpuOf(s.plane.pid())
	began := time.Now()
	if err := s.rawApply(ctx, groups); err != nil {
		return rawRun{}, err
	}
	last, err := wait(ctx, fmt.Sprintf("the %d objects of the raw loop are healthy", n))
	server = cpuOf(s.plane.pid()) - server
	return rawRun{took: last.at.Sub(began), cpu: ownCPU() - own + server, server: server}, err
}

func (s *stage) rawApply(ctx context.Context, groups [][]*unstructured.Unstructured) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(parallel)
	for _, objects := range groups {
		g.Go(func() error {
			for _, u := range objects {
				if err := apply(ctx, s.raw, u); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return g.Wait()
}
