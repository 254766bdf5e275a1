package install

import (
	"context"
	"strings"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"plumb.cd/plumb/api/v1alpha1"
	"plumb.cd/plumb/internal/cptest"
)

// as gives a client of a user who may edit Apps in the namespace, and has the verbs on them besides.
func as(t *testing.T, admin client.Client, config *rest.Config, namespace string, verbs ...string) client.Client {
	t.Helper()
	user := cptest.Name(t)
	role := &rbacv1.Role{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: user},
		Rules: []rbacv1.PolicyRule{{
			APIGroups: []string{"plumb.cd"}, Resources: []string{"apps"},
			Verbs: append([]string{"get", "create", "update", "patch", "delete"}, verbs...),
		}},
	}
	binding := &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: user},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: user},
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: "User", Name: user}},
	}
	for _, o := range []client.Object{role, binding} {
		if err := admin.Create(t.Context(), o); err != nil {
			t.Fatal(err)
		}
	}
	config = rest.CopyConfig(config)
	config.Impersonate.UserName = user
	c := newClient(t, config)
	cptest.Eventually(t, soon, "the role counts", func() bool {
		err := c.Get(t.Context(), client.ObjectKey{Namespace: namespace, Name: "none"}, &v1alpha1.App{})
		return apierrors.IsNotFound(err)
	})
	return c
}

func patch(ctx context.Context, c client.Client, a *v1alpha1.App, body string) error {
	return c.Patch(ctx, a.DeepCopy(), client.RawPatch(types.MergePatchType, []byte(body)))
}

func TestRightsAreAskedForByTheAPIServerItself(t *testing.T) {
	cp := cptest.Shared(t)
	admin := newClient(t, cp.Config(t))
	if err := Apply(t.Context(), admin, Options{}); err != nil {
		t.Fatal(err)
	}
	namespace := cp.Namespace(t)
	editor := as(t, admin, cp.Config(t), namespace)
	enforced(t, admin, editor, namespace)

	digest := "sha256:" + strings.Repeat("0", 64)
	held := `{"spec":{"hold":{"revision":"1a2b3c4"}}}`
	request := func(json string) string {
		return `{"metadata":{"annotations":{"plumb.cd/sync-request":` + quote(json) + `}}}`
	}
	tests := map[string]struct {
		before string // by the administrator
		patch  string
		verb   string // that it takes; empty: none
	}{
		"an ordinary edit": {"", `{"spec":{"sync":{"heal":false}}}`, ""},
		"a label":          {"", `{"metadata":{"labels":{"a":"b"}}}`, ""},
		"a sync request":   {"", request(`{"id":"1"}`), "sync"},
		"a sync request in the engine's own form": {"", request(`{"ID":"1","Plan":"","Only":null}`), "sync"},
		"taking a sync request away":              {request(`{"id":"1"}`), `{"metadata":{"annotations":{"plumb.cd/sync-request":null}}}`, ""},
		"an edit beside a sync request":           {request(`{"id":"1"}`), `{"spec":{"sync":{"heal":false}}}`, ""},
		"an approval":                             {"", request(`{"id":"1","plan":"` + digest + `"}`), "approve"},
		"an approval with odd letters and blanks": {"", request("{\"id\":\"1\",\"pLAN\" \t\n: \n\"" + digest + "\"}"), "approve"},
		"an approval behind an escape":            {"", request(`{"id":"1","pl\u0061n":"` + digest + `"}`), "approve"},
		"an approval after an empty one":          {"", request(`{"id":"1","plan":"","plan":"` + digest + `"}`), "approve"},
		"a refresh":                               {"", `{"metadata":{"annotations":{"plumb.cd/refresh":"1"}}}`, "refresh"},
		"a cancel":                                {"", `{"metadata":{"annotations":{"plumb.cd/cancel":"1"}}}`, "cancel"},
		"suspending":                              {"", `{"spec":{"suspend":true}}`, "suspend"},
		"resuming":                                {`{"spec":{"suspend":true}}`, `{"spec":{"suspend":null}}`, "suspend"},
		"holding":                                 {"", held, "hold"},
		"releasing a hold":                        {held, `{"spec":{"hold":null}}`, "hold"},
		"changing a hold":                         {held, `{"spec":{"hold":{"revision":"5555555"}}}`, "hold"},
		"an edit beside a hold":                   {held, `{"spec":{"sync":{"heal":false}}}`, ""},
		"holding an earlier bundle":               {"", `{"spec":{"hold":{"bundle":"` + digest + `"}}}`, "rollback"},
		"asking for approval":                     {"", `{"spec":{"sync":{"mode":"Approve"}}}`, ""},
		"asking for approval no more":             {`{"spec":{"sync":{"mode":"Approve"}}}`, `{"spec":{"sync":{"mode":"Auto"}}}`, "approve"},
		"leaving approval to the default":         {`{"spec":{"sync":{"mode":"Approve"}}}`, `{"spec":{"sync":null}}`, "approve"},
		"raising the limit of pruning":            {"", `{"spec":{"sync":{"pruneLimit":"100%"}}}`, "approve"},
		"letting an empty render prune":           {"", `{"spec":{"sync":{"allowEmpty":true}}}`, "approve"},
		"taking over what nobody owns":            {"", `{"spec":{"sync":{"adopt":true}}}`, "approve"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			a := &v1alpha1.App{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: cptest.Name(t)}}
			a.Spec.Source = &v1alpha1.Source{Repository: "main"}
			if err := editor.Create(t.Context(), a); err != nil {
				t.Fatal(err)
			}
			if tt.before != "" {
				if err := patch(t.Context(), admin, a, tt.before); err != nil {
					t.Fatal(err)
				}
			}
			err := patch(t.Context(), editor, a, tt.patch)
			if tt.verb == "" {
				if err != nil {
					t.Errorf("an editor may not: %v", err)
				}
				return
			}
			if !apierrors.IsForbidden(err) || !strings.Contains(err.Error(), tt.verb) {
				t.Errorf("an editor without the verb gets %v", err)
			}
			if err := patch(t.Context(), as(t, admin, cp.Config(t), namespace, tt.verb), a, tt.patch); err != nil {
				t.Errorf("an editor with the verb %s may not: %v", tt.verb, err)
			}
		})
	}
	t.Run("creating an App that is held already", func(t *testing.T) {
		a := &v1alpha1.App{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: cptest.Name(t)}}
		a.Spec = v1alpha1.AppSpec{Source: &v1alpha1.Source{Repository: "main"}, Hold: &v1alpha1.Hold{Revision: "1a2b3c4"}}
		if err := editor.Create(t.Context(), a); !apierrors.IsForbidden(err) {
			t.Errorf("an editor without the verb gets %v", err)
		}
	})
}

// enforced waits until the policy, which the API server takes up by and by, counts.
func enforced(t *testing.T, admin, editor client.Client, namespace string) {
	t.Helper()
	a := &v1alpha1.App{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "probe"}}
	a.Spec.Source = &v1alpha1.Source{Repository: "main"}
	if err := admin.Create(t.Context(), a); err != nil {
		t.Fatal(err)
	}
	cptest.Eventually(t, soon, "the policy counts", func() bool {
		err := patch(t.Context(), admin, a, `{"spec":{"suspend":null}}`)
		if err != nil {
			t.Fatal(err)
		}
		return apierrors.IsForbidden(patch(t.Context(), editor, a, `{"spec":{"suspend":true}}`))
	})
}

func quote(s string) string {
	r := strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`, "\t", `\t`)
	return `"` + r.Replace(s) + `"`
}
