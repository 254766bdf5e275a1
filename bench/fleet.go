package main

import (
	"context"
	"fmt"
	"os"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"plumb.cd/plumb/api/v1alpha1"
)

// fleetShape is one chart on n clusters: one control plane under n names, with the namespaces shared out.
func fleetShape(n int) shape {
	s := shape{
		title: fmt.Sprintf("first sync, 1 chart on %d clusters", n), objects: n,
		files: map[string]string{
			"chart/Chart.yaml":         "apiVersion: v2\nname: fleet\nversion: 1.0.0\n",
			"chart/values.yaml":        "rev: \"0\"\n",
			"chart/templates/map.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: fleet\n  labels: {" + markLabel + ": " + plumbMark + "}\ndata: {rev: {{ .Values.rev | quote }}}\n",
		},
	}
	for i := range n {
		for _, mark := range marks {
			s.namespaces = append(s.namespaces, fleetNamespace(mark, i))
		}
		s.apps = append(s.apps, appShape{
			name: appName(i), repository: "mono", path: "chart", namespace: fleetNamespace(plumbMark, i), cluster: fmt.Sprintf("cluster-%03d", i),
		})
	}
	s.raw = func(mark string) ([][]*unstructured.Unstructured, error) { return fleetObjects(n, mark, "0") }
	return s
}

func fleetNamespace(mark string, i int) string { return fmt.Sprintf("fleet-%s-%03d", mark, i) }

func fleetObjects(n int, mark, rev string) ([][]*unstructured.Unstructured, error) {
	return groups(n, func(i int) ([]*unstructured.Unstructured, error) {
		return parse(fmt.Sprintf("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: fleet\ndata:\n  rev: %q\n", rev), fleetNamespace(mark, i), mark)
	})
}

// measureFleet is the first sync of the fleet, its clusters made known in it, and a change of the values that all share.
func measureFleet(ctx context.Context, s *stage, r *report) error {
	if err := s.createClusters(ctx); err != nil {
		return err
	}
	if err := measureSync(ctx, s, r); err != nil {
		return err
	}
	clone, err := s.clone(ctx)
	if err != nil {
		return err
	}
	var all, raw times
	trials := min(s.config.trials, 10)
	for i := range trials {
		if err := s.changeFleet(ctx, clone, fmt.Sprintf("fleet-%d", i), &all, &raw); err != nil {
			return err
		}
	}
	n := len(s.shape.apps)
	r.times(fmt.Sprintf("one change of values for %d clusters: webhook → applied to all", n), all, raw, fmt.Sprintf("%d commits; raw: git fetch, %d applies", trials, n))
	return s.atRest(ctx, r, shortRest)
}

func (s *stage) createClusters(ctx context.Context) error {
	kubeconfig, err := os.ReadFile(s.plane.ready["engine-kubeconfig"])
	if err != nil {
		return err
	}
	return inParallel(ctx, len(s.shape.apps), func(ctx context.Context, i int) error {
		return s.createCluster(ctx, s.shape.apps[i].cluster, kubeconfig)
	})
}

func (s *stage) createCluster(ctx context.Context, name string, kubeconfig []byte) error {
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: hubNamespace, Name: name}, Data: map[string][]byte{"kubeconfig": kubeconfig}}
	if _, err := s.admin.CoreV1().Secrets(hubNamespace).Create(ctx, secret, metav1.CreateOptions{}); err != nil {
		return err
	}
	c := &v1alpha1.Cluster{ObjectMeta: metav1.ObjectMeta{Name: name}}
	c.Spec.Kubeconfig = &v1alpha1.KubeconfigSecret{Name: v1alpha1.Name(name), Namespace: hubNamespace, Key: "kubeconfig"}
	return s.hub.Create(ctx, c)
}

func (s *stage) changeFleet(ctx context.Context, clone, rev string, all, raw *times) error {
	n := len(s.shape.apps)
	at := func(mark string) func(context.Context, string) (thing, error) {
		return s.world.expectCount(n, func(t thing) bool { return t.kind == "ConfigMap" && t.mark == mark && t.data["rev"] == rev })
	}
	if _, err := s.push(ctx, map[string]string{"chart/values.yaml": fmt.Sprintf("rev: %q\n", rev)}); err != nil {
		return err
	}
	is := at(plumbMark)
	began := time.Now()
	if err := s.webhook(ctx); err != nil {
		return err
	}
	if err := collect(ctx, began, []stop{{is, all, "the change is applied to all clusters"}}); err != nil {
		return err
	}
	objects, err := fleetObjects(n, "raw-before", rev)
	if err != nil {
		return err
	}
	is = at("raw-before")
	began = time.Now()
	if _, err := git(ctx, nil, "--git-dir", clone, "fetch", "--quiet", "origin"); err != nil {
		return err
	}
	if err := s.rawApply(ctx, objects); err != nil {
		return err
	}
	return collect(ctx, began, []stop{{is, raw, "the raw loop's change is applied to all clusters"}})
}
