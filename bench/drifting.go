package main

import (
	"context"
	"fmt"
	"strconv"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
)

// measureDrift changes and deletes what Plumb applied, one object after the other, and measures from the API server's
// answer to that write until the watch shows it undone. The raw twin is a watch whose handler applies.
func measureDrift(ctx context.Context, s *stage, r *report) error {
	if err := s.quiet(); err != nil {
		return err
	}
	if _, err := s.audit.since(); err != nil {
		return err
	}
	s.cpuProfile(s.measure+".drift", 5)
	var edits, deletions, rawEdits times
	for i := range s.config.drifts {
		if err := s.edit(ctx, plumbMark, i, &edits); err != nil {
			return fmt.Errorf("trial %d: %w", i, err)
		}
	}
	if err := s.quiet(); err != nil {
		return err
	}
	asked, err := s.audit.since()
	if err != nil {
		return err
	}
	stopHealing := s.rawHealer(ctx)
	for i := range s.config.drifts {
		if err := s.edit(ctx, "raw-before", i, &rawEdits); err != nil {
			return fmt.Errorf("raw trial %d: %w", i, err)
		}
	}
	stopHealing()
	for i := range min(s.config.drifts, len(s.shape.apps)) {
		if err := s.remove(ctx, i, &deletions); err != nil {
			return fmt.Errorf("deletion %d: %w", i, err)
		}
	}
	what := fmt.Sprintf("drift, %d objects", s.shape.objects)
	r.times(what+": edit → undone", edits, rawEdits, fmt.Sprintf("%d trials; raw: a watch that applies", s.config.drifts))
	r.times(what+": deletion → back", deletions, nil, fmt.Sprintf("%d trials", len(deletions)))
	r.requests(what+": requests an edit", asked, s.config.drifts)
	return nil
}

// edit sets a field that is in Git, as a person would. Each trial has a field of its own: a field that one manager takes
// again and again is a fight, which Plumb does not go on with.
func (s *stage) edit(ctx context.Context, mark string, i int, into *times) error {
	app, field := i%len(s.shape.apps), []string{"color", "level", "region"}[i/len(s.shape.apps)%3]
	namespace, name, value := teamOf(mark, app), appName(app), "drift-"+strconv.Itoa(i)
	was, ok := s.world.get(thing{kind: "ConfigMap", namespace: namespace, name: name}.key())
	if !ok {
		return fmt.Errorf("there is no ConfigMap %s/%s", namespace, name)
	}
	seen := false
	undone := s.world.expect(func(t thing) bool {
		if t.kind != "ConfigMap" || t.namespace != namespace || t.name != name {
			return false
		}
		seen = seen || t.data[field] == value
		return seen && t.data[field] == was.data[field]
	})
	_, err := s.admin.CoreV1().ConfigMaps(namespace).Patch(ctx, name, types.StrategicMergePatchType,
		fmt.Appendf(nil, `{"data":{%q:%q}}`, field, value), metav1.PatchOptions{FieldManager: "kubectl-edit"})
	answered := time.Now()
	if err != nil {
		return err
	}
	return collect(ctx, answered, []stop{{undone, into, "undone"}})
}

// remove deletes an object that is in Git.
func (s *stage) remove(ctx context.Context, i int, into *times) error {
	namespace, name := teamOf(plumbMark, i), appName(i)
	gone := false
	back := s.world.expect(func(t thing) bool {
		if t.kind != "ConfigMap" || t.namespace != namespace || t.name != name {
			return false
		}
		gone = gone || t.deleted
		return gone && !t.deleted
	})
	err := s.admin.CoreV1().ConfigMaps(namespace).Delete(ctx, name, metav1.DeleteOptions{})
	answered := time.Now()
	if err != nil {
		return err
	}
	return collect(ctx, answered, []stop{{back, into, "back"}})
}

// rawHealer applies what its watch shows to be different, with client-go alone, until the returned function is called.
func (s *stage) rawHealer(ctx context.Context) func() {
	ctx, cancel := context.WithCancel(ctx)
	work := make(chan *unstructured.Unstructured, 64)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-ctx.Done():
				return
			case u := <-work:
				if err := apply(ctx, s.raw, u); err != nil && ctx.Err() == nil {
					panic(err) // the trial that waits for it would say less
				}
			}
		}
	}()
	want := map[string]*unstructured.Unstructured{}
	for app := range min(len(s.shape.apps), s.config.drifts) {
		objects, err := parse(configMap(appName(app), "0"), teamOf("raw-before", app), "raw-before")
		if err != nil {
			panic(err) // the same text was read before
		}
		want[thing{kind: "ConfigMap", namespace: objects[0].GetNamespace(), name: objects[0].GetName()}.key()] = objects[0]
	}
	never := s.world.expect(func(t thing) bool {
		u := want[t.key()]
		if u == nil {
			return false
		}
		data, _, _ := unstructured.NestedStringMap(u.Object, "data")
		for k, v := range data {
			if k != "rev" && t.data[k] != v {
				data["rev"] = t.data["rev"]
				_ = unstructured.SetNestedStringMap(u.Object, data, "data")
				work <- u
				break
			}
		}
		return false
	})
	return func() {
		cancel()
		<-done
		_, _ = never(ctx, "never") // it has been cancelled
	}
}
