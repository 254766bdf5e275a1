package cluster_test

import (
	"errors"
	"net/http"
	"sync"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"plumb.cd/plumb/internal/cptest"
	"plumb.cd/plumb/internal/fault"
	"plumb.cd/plumb/internal/object"
)

func TestDeleteProvesOwnership(t *testing.T) {
	c, ns := shared(t)
	other := object.Owner{Installation: "main", Namespace: "apps", Name: "other"}
	copied := configMap(ns, "copy", "a")
	{ // somebody copied an object of ours, marks and all, to another name
		original := owned(configMap(ns, "original", "a"))
		copied.SetLabels(original.GetLabels())
		copied.SetAnnotations(original.GetAnnotations())
	}
	labelled := configMap(ns, "labelled", "a")
	labelled.SetLabels(map[string]string{object.LabelApp: shop.Label()})
	foreign := configMap(ns, "foreign", "a")
	other.Stamp(foreign)
	tests := map[string]struct {
		object *unstructured.Unstructured
		uid    string
		class  fault.Class
		reason fault.Reason
	}{
		"a label alone proves nothing":             {labelled, "", fault.Invalid, fault.NotOwned},
		"marks copied to another name are ignored": {copied, "", fault.Invalid, fault.NotOwned},
		"an object of another App stays":           {foreign, "", fault.Invalid, fault.OwnedByOther},
		"an object with another UID stays":         {owned(configMap(ns, "newer", "a")), "11111111-1111-1111-1111-111111111111", fault.Transient, fault.Conflict},
		"an unmarked object stays":                 {configMap(ns, "plain", "a"), "", fault.Invalid, fault.NotOwned},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			live := apply(t, c, tt.object)
			err := c.Delete(t.Context(), configMaps, object.Of(live), object.Preconditions{UID: tt.uid, Owner: shop})
			wantFault(t, err, tt.class, tt.reason)
			err = c.Disown(t.Context(), configMaps, object.Of(live), object.Preconditions{UID: tt.uid, Owner: shop})
			wantFault(t, err, tt.class, tt.reason)
			if got, err := c.Get(t.Context(), configMaps, object.Of(live)); err != nil || got.GetUID() != live.GetUID() || got.GetResourceVersion() != live.GetResourceVersion() {
				t.Errorf("it was touched: %v %v", got, err)
			}
		})
	}
}

func TestDeleteWithoutAnOwnerDeletesNothing(t *testing.T) {
	c, ns := shared(t)
	live := apply(t, c, configMap(ns, "plain", "a"))
	err := c.Delete(t.Context(), configMaps, object.Of(live), object.Preconditions{UID: string(live.GetUID())})
	wantFault(t, err, fault.Invalid, fault.NotOwned)
}

func TestDeleteOfWhatIsGoneSaysSo(t *testing.T) {
	c, ns := shared(t)
	id := object.Of(configMap(ns, "one", ""))
	live := apply(t, c, owned(configMap(ns, "one", "a")))
	p := object.Preconditions{UID: string(live.GetUID()), Owner: shop}
	if err := c.Delete(t.Context(), configMaps, id, p); err != nil {
		t.Fatal(err)
	}
	if err := c.Delete(t.Context(), configMaps, id, p); !errors.Is(err, object.ErrNotFound) {
		t.Errorf("error %v, want ErrNotFound", err)
	}
}

func TestTakeOverMovesFieldsOfPeopleAndLeavesThoseOfControllers(t *testing.T) {
	c, ns := shared(t)
	client := cptest.Shared(t).Client(t).CoreV1().ConfigMaps(ns)
	apply(t, c, owned(configMap(ns, "one", "a")))
	for manager, field := range map[string]string{"kubectl-edit": "person", "cloud-controller": "controller", "argocd-controller": "argo"} {
		patch := []byte(`{"data":{"` + field + `":"x"}}`)
		if _, err := client.Patch(t.Context(), "one", types.MergePatchType, patch, metav1.PatchOptions{FieldManager: manager}); err != nil {
			t.Fatal(err)
		}
	}
	live, err := c.Get(t.Context(), configMaps, object.Of(configMap(ns, "one", "")))
	if err != nil {
		t.Fatal(err)
	}
	apply(t, c, owned(configMap(ns, "one", "b"))) // so that what was read is stale
	if err := c.TakeOver(t.Context(), live, nil); err != nil {
		t.Fatal(err)
	}
	after := apply(t, c, owned(configMap(ns, "one", "b")))
	data, _, _ := unstructured.NestedStringMap(after.Object, "data")
	if len(data) != 2 || data["controller"] != "x" || data["key"] != "b" {
		t.Errorf("data is %v", data)
	}
}

func TestDisownLeavesTheObjectAndNothingOfUs(t *testing.T) {
	c, ns := shared(t)
	live := apply(t, c, owned(configMap(ns, "one", "a")))
	id := object.Of(live)
	p := object.Preconditions{UID: string(live.GetUID()), Owner: shop}
	if err := c.Disown(t.Context(), configMaps, id, p); err != nil {
		t.Fatal(err)
	}
	after, err := c.Get(t.Context(), configMaps, id)
	if err != nil {
		t.Fatal(err)
	}
	if v, _, _ := unstructured.NestedString(after.Object, "data", "key"); v != "a" || after.GetUID() != live.GetUID() {
		t.Errorf("the object changed: %v", after.Object)
	}
	if len(after.GetLabels())+len(after.GetAnnotations()) != 0 {
		t.Errorf("labels %v, annotations %v", after.GetLabels(), after.GetAnnotations())
	}
	for _, e := range after.GetManagedFields() {
		if e.Manager == c.Manager() {
			t.Errorf("we still own fields: %v", e)
		}
	}
}

func TestListOwnersReadsPageByPage(t *testing.T) {
	c, ns := shared(t)
	for _, name := range []string{"a", "b", "c"} {
		apply(t, c, owned(configMap(ns, name, "x")))
	}
	all, err := c.ListOwners(t.Context(), configMaps, ns)
	if err != nil {
		t.Fatal(err)
	}
	marked := 0
	for _, m := range all {
		if o, ok := object.OwnerOf(m.ID, m.Annotations); ok && o == shop && m.UID != "" && len(m.Managers) == 1 {
			marked++
		}
	}
	if marked != 3 {
		t.Errorf("%d of ours in %+v", marked, all)
	}
	some, err := c.List(t.Context(), configMaps, ns, object.LabelApp, 2)
	if err != nil || len(some) != 2 {
		t.Errorf("%d objects, %v", len(some), err)
	}
}

func TestAnObjectThatChangesHandsJustBeforeTheDeleteStays(t *testing.T) {
	direct, ns := shared(t)
	live := apply(t, direct, owned(configMap(ns, "one", "a")))
	taken := configMap(ns, "one", "a")
	object.Owner{Installation: "main", Namespace: "apps", Name: "other"}.Stamp(taken)
	rc := cptest.Shared(t).EngineConfig(t)
	var once sync.Once
	rc.Wrap(func(next http.RoundTripper) http.RoundTripper {
		return roundTripper(func(r *http.Request) (*http.Response, error) {
			if r.Method == http.MethodDelete {
				once.Do(func() { apply(t, direct, taken) })
			}
			return next.RoundTrip(r)
		})
	})
	c := connect(t, rc)
	err := c.Delete(t.Context(), configMaps, object.Of(live), object.Preconditions{UID: string(live.GetUID()), Owner: shop})
	wantFault(t, err, fault.Invalid, fault.OwnedByOther, "apps/other")
	if _, err := direct.Get(t.Context(), configMaps, object.Of(live)); err != nil {
		t.Error(err)
	}
}

func TestAnObjectThatMerelyChangesJustBeforeTheDeleteGoes(t *testing.T) {
	direct, ns := shared(t)
	live := apply(t, direct, owned(configMap(ns, "one", "a")))
	rc := cptest.Shared(t).EngineConfig(t)
	deletes := 0
	rc.Wrap(func(next http.RoundTripper) http.RoundTripper {
		return roundTripper(func(r *http.Request) (*http.Response, error) {
			if r.Method == http.MethodDelete {
				if deletes++; deletes == 1 {
					apply(t, direct, owned(configMap(ns, "one", "b")))
				}
			}
			return next.RoundTrip(r)
		})
	})
	c := connect(t, rc)
	if err := c.Delete(t.Context(), configMaps, object.Of(live), object.Preconditions{UID: string(live.GetUID()), Owner: shop}); err != nil {
		t.Fatal(err)
	}
	if _, err := direct.Get(t.Context(), configMaps, object.Of(live)); !errors.Is(err, object.ErrNotFound) {
		t.Errorf("it is still there: %v", err)
	}
}
