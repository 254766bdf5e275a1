package engine

import (
	"encoding/json"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"plumb.cd/plumb/internal/drift"
	"plumb.cd/plumb/internal/health"
	"plumb.cd/plumb/internal/object"
)

// TestOnlyTheVeryStateThatAWriteAnsweredIsKnown changes one thing at a time of an object that was applied.
func TestOnlyTheVeryStateThatAWriteAnsweredIsKnown(t *testing.T) {
	kind := schema.GroupVersionKind{Version: "v1", Kind: "ConfigMap"}
	id := object.ID{Kind: "ConfigMap", Namespace: "n", Name: "a"}
	live := drift.Record{UID: "u", Version: 7, Hash: drift.Hash{1}, Schema: "v1"}
	answer := observation{id: id, kind: kind, live: live, health: health.Status{Level: health.Healthy}}
	tests := map[string]struct {
		change func(*objectSet)
		ask    func(*drift.Record)
		kind   schema.GroupVersionKind
		want   bool
	}{
		"the state of the answer":          {want: true},
		"another version":                  {ask: func(r *drift.Record) { r.Version = 8 }},
		"an older version":                 {ask: func(r *drift.Record) { r.Version = 6 }},
		"another object of the name":       {ask: func(r *drift.Record) { r.UID = "v" }},
		"a schema that changed":            {ask: func(r *drift.Record) { r.Schema = "v1@2" }},
		"another version of the kind":      {kind: schema.GroupVersionKind{Version: "v2", Kind: "ConfigMap"}},
		"it is not what was applied":       {change: func(s *objectSet) { s.update(id, func(r *record) { r.want.Hash[0]++ }) }},
		"nobody knows what was applied":    {change: func(s *objectSet) { s.update(id, func(r *record) { r.applied = "" }) }},
		"it is to be looked at":            {change: func(s *objectSet) { s.suspect[id] = true }},
		"it was deleted":                   {change: func(s *objectSet) { s.deleted(id, "u") }},
		"another one was deleted":          {change: func(s *objectSet) { s.deleted(id, "other") }, want: true},
		"it is being deleted":              {change: func(s *objectSet) { s.update(id, func(r *record) { r.deleting = true }) }},
		"it is a hook":                     {change: func(s *objectSet) { s.update(id, func(r *record) { r.hook = true }) }},
		"time may have changed its health": {change: func(s *objectSet) { s.update(id, func(r *record) { r.recheck = time.Unix(1, 0) }) }},
		"it was forgotten":                 {change: func(s *objectSet) { s.pruned(id) }},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			s := newObjectSet()
			s.applied(id, answer, "digest")
			if tt.change != nil {
				tt.change(s)
			}
			asked, of := live, kind
			if tt.ask != nil {
				tt.ask(&asked)
			}
			if tt.kind.Kind != "" {
				of = tt.kind
			}
			got := s.knows(id, of, asked)
			if got != tt.want {
				t.Errorf("it is known: %v, want %v", got, tt.want)
			}
			if got && s.observed(observation{id: id, kind: kind, live: asked, health: answer.health, at: time.Unix(9, 0)}) {
				t.Error("the same once more is news")
			}
		})
	}
}

// BenchmarkObserve reduces an object as the answer to an apply has it.
func BenchmarkObserve(b *testing.B) {
	const answer = `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a","namespace":"n","uid":"0753b2af-ea11-44a1-9fe9-ce28be093101",
"resourceVersion":"7","labels":{"plumb.cd/app":"n.a","app":"a"},"annotations":{"plumb.cd/owner":"plumb:n/a:ConfigMap/n/a"},
"managedFields":[{"manager":"plumb","operation":"Apply","apiVersion":"v1","time":"2026-01-01T00:00:00Z","fieldsType":"FieldsV1",
"fieldsV1":{"f:data":{"f:a":{}},"f:metadata":{"f:annotations":{"f:plumb.cd/owner":{}},"f:labels":{"f:app":{},"f:plumb.cd/app":{}}}}}]},"data":{"a":"1"}}`
	obj := &unstructured.Unstructured{}
	if err := json.Unmarshal([]byte(answer), &obj.Object); err != nil {
		b.Fatal(err)
	}
	e := New(Options{Now: time.Now, Installation: "plumb", HashKey: make([]byte, 32)})
	t := e.targetFor("hub")
	b.ReportAllocs()
	for b.Loop() {
		t.observe(nil, object.Of(obj), obj)
	}
}
