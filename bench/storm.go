package main

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"
)

const (
	stormApps    = 40
	widgets      = 100
	stormWriters = 64
	stormLasts   = 10 * time.Second
)

var widgetResource = schema.GroupVersionResource{Group: "bench.plumb.cd", Version: "v1", Resource: "widgets"}

const widgetDefinition = `apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: widgets.bench.plumb.cd}
spec:
  group: bench.plumb.cd
  scope: Namespaced
  names: {kind: Widget, plural: widgets, singular: widget, listKind: WidgetList}
  versions:
  - name: v1
    served: true
    storage: true
    subresources: {status: {}}
    schema:
      openAPIV3Schema:
        type: object
        properties:
          spec: {type: object, properties: {size: {type: integer}}}
          status: {type: object, properties: {beat: {type: integer}}}
`

// stormShape has an App of many Widgets, a custom resource, beside some Apps whose drift is watched.
func stormShape() shape {
	s := monorepoShape(stormApps)
	var docs []string
	for i := range widgets {
		docs = append(docs, fmt.Sprintf("apiVersion: bench.plumb.cd/v1\nkind: Widget\nmetadata:\n  name: %s\nspec: {size: 1}\n", appName(i)))
	}
	s.files["widgets/widgets.yaml"] = strings.Join(docs, "---\n")
	return s
}

// measureStorm updates the status of objects of one kind as fast as it can, and looks at the daemon and at drift meanwhile.
func measureStorm(ctx context.Context, s *stage, r *report) error {
	if err := s.warm(ctx); err != nil {
		return err
	}
	definition := &unstructured.Unstructured{}
	if err := yaml.Unmarshal([]byte(widgetDefinition), &definition.Object); err != nil {
		return err
	}
	if err := s.hub.Create(ctx, definition); err != nil {
		return err
	}
	if _, err := s.plumbSync(ctx); err != nil {
		return err
	}
	app := appShape{name: "widgets", repository: "mono", path: "widgets", namespace: single}
	synced := s.syncedAt([]appShape{app}, "")
	if err := s.createApp(ctx, app); err != nil {
		return err
	}
	if _, err := synced(ctx, "the Widgets are Synced"); err != nil {
		return err
	}
	if err := s.quiet(); err != nil {
		return err
	}
	var calm, stormy times
	for i := range stormApps {
		if err := s.edit(ctx, plumbMark, i, &calm); err != nil {
			return err
		}
	}
	return s.storm(ctx, r, calm, &stormy)
}

func (s *stage) storm(ctx context.Context, r *report, calm times, stormy *times) error {
	config, err := s.adminConfig()
	if err != nil {
		return err
	}
	c, err := dynamic.NewForConfig(config)
	if err != nil {
		return err
	}
	if _, err := s.audit.since(); err != nil {
		return err
	}
	s.cpuProfile(s.measure, int(stormLasts.Seconds()))
	blowing, calmDown := context.WithTimeout(ctx, stormLasts)
	defer calmDown()
	var beats atomic.Int64
	cpu, began := s.daemonCPU().total(), time.Now()
	g := &errgroup.Group{}
	for w := range stormWriters {
		g.Go(func() error { return s.blow(blowing, c, w, began, &beats) })
	}
	for i := stormApps; i < 2*stormApps && blowing.Err() == nil; i++ {
		if err := s.edit(ctx, plumbMark, i, stormy); err != nil {
			return fmt.Errorf("drift in the storm: %w", err)
		}
	}
	if err := g.Wait(); err != nil {
		return err
	}
	took := time.Since(began)
	cpu = s.daemonCPU().total() - cpu
	asked, err := s.audit.since()
	if err != nil {
		return err
	}
	n := float64(beats.Load())
	r.value("status storm: updates a second reached", n/took.Seconds(), "", fmt.Sprintf("%d tried, by %d writers, on %d objects; the API server sets the pace", s.config.size["storm"], stormWriters, widgets))
	r.value("status storm: CPU of the daemon", 100*cpu.Seconds()/took.Seconds(), "% of a core", "drift among them")
	r.value("status storm: CPU of the daemon an update", float64(cpu.Microseconds())/n, "CPU µs", "drift among them")
	r.value("status storm: requests", float64(asked.total()), "", asked.byVerb()+fmt.Sprintf("; for %d trials of drift", len(*stormy)))
	r.times("drift in the storm: edit → undone", *stormy, calm, fmt.Sprintf("%d trials; the column raw has the same by Plumb without a storm", len(*stormy)))
	return nil
}

// blow updates one Widget after the other, as often as its share of the storm allows, until ctx ends.
func (s *stage) blow(ctx context.Context, c *dynamic.DynamicClient, writer int, began time.Time, beats *atomic.Int64) error {
	every := time.Duration(stormWriters) * time.Second / time.Duration(s.config.size["storm"])
	for i := 0; ctx.Err() == nil; i++ {
		if ahead := time.Duration(i)*every - time.Since(began); ahead > 0 {
			time.Sleep(ahead)
		}
		name := appName((writer + i*stormWriters) % widgets)
		_, err := c.Resource(widgetResource).Namespace(single).Patch(ctx, name, types.MergePatchType,
			fmt.Appendf(nil, `{"status":{"beat":%d}}`, writer*1_000_000+i), metav1.PatchOptions{FieldManager: "storm"}, "status")
		if err != nil && ctx.Err() == nil && client.IgnoreNotFound(err) != nil {
			return fmt.Errorf("a status update: %w", err)
		}
		if err == nil {
			beats.Add(1)
		}
	}
	return nil
}
