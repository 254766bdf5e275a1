package cluster_test

import (
	"errors"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"plumb.cd/plumb/internal/cptest"
	"plumb.cd/plumb/internal/fault"
	"plumb.cd/plumb/internal/object"
)

func TestConnectKnowsWhatIsServed(t *testing.T) {
	c, _ := shared(t)
	if v := c.Version(); len(v) < 5 || v[:3] != "v1." {
		t.Errorf("version %q", v)
	}
	if namespaced, known := c.Scope(deployments); !namespaced || !known {
		t.Error("Deployments are not known to be namespaced")
	}
	for _, want := range []string{"v1", "apps/v1", "apps/v1/Deployment"} {
		if !contains(c.APIVersions(), want) {
			t.Errorf("%s is not among the API versions", want)
		}
	}
	if err := c.Alive(t.Context()); err != nil {
		t.Error(err)
	}
}

func contains(list []string, s string) bool {
	for _, e := range list {
		if e == s {
			return true
		}
	}
	return false
}

func TestCreateNeverTouchesAnObjectThatExists(t *testing.T) {
	c, ns := shared(t)
	if _, err := c.Create(t.Context(), configMap(ns, "one", "a"), object.WriteOptions{}); err != nil {
		t.Fatal(err)
	}
	_, err := c.Create(t.Context(), configMap(ns, "one", "b"), object.WriteOptions{Force: true})
	if !errors.Is(err, object.ErrExists) {
		t.Errorf("error %v, want ErrExists", err)
	}
	live, err := c.Get(t.Context(), configMaps, object.Of(configMap(ns, "one", "")))
	if err != nil {
		t.Fatal(err)
	}
	if v, _, _ := unstructured.NestedString(live.Object, "data", "key"); v != "a" {
		t.Errorf("key is %q", v)
	}
}

func TestApplyWithAUIDTouchesOnlyThatObject(t *testing.T) {
	c, ns := shared(t)
	first := apply(t, c, configMap(ns, "one", "a"))
	if _, err := c.Apply(t.Context(), configMap(ns, "one", "b"), object.WriteOptions{UID: string(first.GetUID())}); err != nil {
		t.Error(err)
	}
	for _, name := range []string{"one", "absent"} {
		_, err := c.Apply(t.Context(), configMap(ns, name, "c"), object.WriteOptions{UID: "11111111-1111-1111-1111-111111111111", Force: true})
		wantFault(t, err, fault.Transient, fault.Conflict)
	}
}

func TestWhatApplyLeavesOutIsRemovedAfterReplace(t *testing.T) {
	c, ns := shared(t)
	live := apply(t, c, configMap(ns, "one", "a"))
	put := configMap(ns, "one", "a")
	put.SetResourceVersion(live.GetResourceVersion())
	if err := unstructured.SetNestedField(put.Object, "x", "data", "extra"); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Replace(t.Context(), put, object.WriteOptions{}); err != nil {
		t.Fatal(err)
	}
	after := apply(t, c, configMap(ns, "one", "a"))
	if v, ok, _ := unstructured.NestedString(after.Object, "data", "extra"); ok {
		t.Errorf("extra=%s survived an apply without it: %v", v, after.GetManagedFields())
	}
	for _, e := range after.GetManagedFields() {
		if e.Operation != "Apply" {
			t.Errorf("ownership is %s", e.Operation)
		}
	}
}

func TestDryRunChangesNothing(t *testing.T) {
	c, ns := shared(t)
	if _, err := c.Apply(t.Context(), configMap(ns, "one", "a"), object.WriteOptions{DryRun: true}); err != nil {
		t.Fatal(err)
	}
	_, err := c.Get(t.Context(), configMaps, object.Of(configMap(ns, "one", "")))
	if !errors.Is(err, object.ErrNotFound) {
		t.Errorf("error %v, want ErrNotFound", err)
	}
}

func TestWatchTellsWhatHappensToMarkedObjects(t *testing.T) {
	c, ns := shared(t)
	r := newRecorder()
	c.EnsureWatch(configMaps, r)
	if err := c.WaitSynced(t.Context(), configMaps); err != nil {
		t.Fatal(err)
	}
	apply(t, c, configMap(ns, "unmarked", "a"))
	live := apply(t, c, owned(configMap(ns, "one", "a")))
	apply(t, c, owned(configMap(ns, "one", "b")))
	id := object.Of(live)
	if err := c.Delete(t.Context(), configMaps, id, object.Preconditions{UID: string(live.GetUID()), Owner: shop}); err != nil {
		t.Fatal(err)
	}
	cptest.Eventually(t, patience, "added, modified and deleted", func() bool {
		return r.count("Added "+id.String()) == 1 && r.count("Modified "+id.String()) == 1 && r.count("Deleted "+id.String()) == 1
	})
	if n := r.count("Added ConfigMap/" + ns + "/unmarked"); n != 0 {
		t.Error("an object without our label was watched")
	}
}
