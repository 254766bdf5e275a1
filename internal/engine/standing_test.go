package engine

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"plumb.cd/plumb/internal/cluster"
	"plumb.cd/plumb/internal/cptest"
	"plumb.cd/plumb/internal/object"
)

func TestAppsOfOneNamespaceShareTheLookForWhatStandsThere(t *testing.T) {
	cp := cptest.Start(t, cptest.WithAudit())
	ns := cp.Namespace(t)
	kind := schema.GroupVersionKind{Version: "v1", Kind: "ConfigMap"}
	id := func(i int) object.ID { return object.ID{Kind: "ConfigMap", Namespace: ns, Name: fmt.Sprint("c-", i)} }
	const apps = 40
	for i := range apps / 2 {
		c := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: id(i).Name}}
		if _, err := cp.Client(t).CoreV1().ConfigMaps(ns).Create(t.Context(), c, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	const agent = "shared-look"
	conn, err := cluster.Connect(t.Context(), cluster.Config{RESTConfig: cp.EngineConfig(t), Manager: "plumb", UserAgent: agent})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	target := &target{e: New(Options{Now: time.Now})}
	var wg sync.WaitGroup
	for i := range apps {
		wg.Go(func() {
			found, err := target.standing(t.Context(), conn, kind, ns, []object.ID{id(i)})
			if err != nil {
				t.Error(err)
				return
			}
			if exists := i < apps/2; (len(found) == 1) != exists || exists && found[0].ID != id(i) {
				t.Errorf("App %d: found %v", i, found)
			}
		})
	}
	wg.Wait()
	target.e.wg.Wait()
	log, err := os.ReadFile(cp.AuditLog)
	if err != nil {
		t.Fatal(err)
	}
	asked := 0
	for line := range bytes.Lines(log) {
		if bytes.Contains(line, []byte(agent)) && bytes.Contains(line, []byte(`"resource":"configmaps"`)) {
			asked++
		}
	}
	if asked == 0 || asked > apps/4 {
		t.Errorf("%d requests for %d Apps", asked, apps)
	}
}

func TestAnAppOfManyObjectsAsksOnceAndNotForWhatOthersOwn(t *testing.T) {
	cp := cptest.Start(t, cptest.WithAudit())
	ns := cp.Namespace(t)
	kind := schema.GroupVersionKind{Version: "v1", Kind: "ConfigMap"}
	const wanted, agent = 10, "lone-look"
	var ids []object.ID
	for i := range wanted {
		ids = append(ids, object.ID{Kind: "ConfigMap", Namespace: ns, Name: fmt.Sprint("c-", i)})
	}
	stands := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: ids[4].Name}}
	owned := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "another-apps", Labels: map[string]string{object.LabelApp: "other"}}}
	for _, c := range []*corev1.ConfigMap{stands, owned} {
		if _, err := cp.Client(t).CoreV1().ConfigMaps(ns).Create(t.Context(), c, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	conn, err := cluster.Connect(t.Context(), cluster.Config{RESTConfig: cp.EngineConfig(t), Manager: "plumb", UserAgent: agent})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	target := &target{e: New(Options{Now: time.Now})}
	found, err := target.standing(t.Context(), conn, kind, ns, ids)
	if err != nil || len(found) != 1 || found[0].ID != ids[4] {
		t.Errorf("found %v, %v", found, err)
	}
	target.e.wg.Wait()
	log, err := os.ReadFile(cp.AuditLog)
	if err != nil {
		t.Fatal(err)
	}
	var asked []string
	for line := range bytes.Lines(log) {
		if bytes.Contains(line, []byte(agent)) && bytes.Contains(line, []byte(`"resource":"configmaps"`)) && bytes.Contains(line, []byte(`"ResponseComplete"`)) {
			asked = append(asked, string(line))
		}
	}
	if len(asked) != 1 || !strings.Contains(asked[0], "labelSelector=") {
		t.Errorf("%d requests, not one for what carries no label: %s", len(asked), asked)
	}
}

// TestWhatStandsInEveryNamespaceIsListedOnceAndStillFound has Apps that want what every namespace has anyway, beside what
// nobody has.
func TestWhatStandsInEveryNamespaceIsListedOnceAndStillFound(t *testing.T) {
	cp := cptest.Start(t)
	kind := schema.GroupVersionKind{Version: "v1", Kind: "ConfigMap"}
	put := func(ns, name string) {
		t.Helper()
		c := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: name}}
		if _, err := cp.Client(t).CoreV1().ConfigMaps(ns).Create(t.Context(), c, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	var spaces []string
	for range everywhere {
		ns := cp.Namespace(t)
		spaces = append(spaces, ns)
		put(ns, "of-everybody")
	}
	conn, err := cluster.Connect(t.Context(), cluster.Config{RESTConfig: cp.EngineConfig(t), Manager: "plumb"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	target := &target{e: New(Options{Now: time.Now})}
	find := func(ns, name string) bool {
		t.Helper()
		id := object.ID{Kind: "ConfigMap", Namespace: ns, Name: name}
		found, err := target.standing(t.Context(), conn, kind, ns, []object.ID{id})
		if err != nil || len(found) > 1 || len(found) == 1 && found[0].ID != id {
			t.Fatalf("%s: found %v, %v", id, found, err)
		}
		return len(found) == 1
	}
	everything := place{conn: conn, kind: kind}
	look := func() *absence {
		t.Helper()
		target.mu.Lock()
		delete(target.looks, everything)
		target.mu.Unlock()
		a, err := target.shared(t.Context(), everything)
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	for range crowd + 1 { // from here on, all namespaces are looked at
		find(spaces[0], "nothing")
	}
	first, err := target.shared(t.Context(), everything)
	if err != nil {
		t.Fatal(err)
	}
	put(spaces[1], "late")
	second := look()
	if n := len(first.found) - len(second.found); len(second.but) == 0 || n < everywhere {
		t.Errorf("the second look left %v out, and has %d objects less than the first", second.but, n)
	}
	for name, want := range map[string]bool{"of-everybody": true, "late": true, "nothing": false} {
		if got := find(spaces[1], name); got != want {
			t.Errorf("%s is found: %v, want %v", name, got, want)
		}
	}
	if err := cp.Client(t).CoreV1().ConfigMaps(spaces[2]).Delete(t.Context(), "of-everybody", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	if find(spaces[2], "of-everybody") {
		t.Error("what was deleted is found")
	}
	target.e.wg.Wait()
}
