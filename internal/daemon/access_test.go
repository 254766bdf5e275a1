package daemon

import (
	"context"
	"strconv"
	"testing"
	"time"

	authnv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"plumb.cd/plumb/internal/cluster"
	"plumb.cd/plumb/internal/cptest"
	"plumb.cd/plumb/internal/engine"
	"plumb.cd/plumb/internal/fault"
	"plumb.cd/plumb/internal/server"
)

func TestMain(m *testing.M) { cptest.Main(m) }

const patience = 20 * time.Second

// clock is a time that only the test moves.
type clock struct{ at time.Time }

func (c *clock) now() time.Time { return c.at }

func hubOf(t *testing.T, cp *cptest.ControlPlane) *cluster.Cluster {
	t.Helper()
	hub, err := cluster.Connect(t.Context(), cluster.Config{RESTConfig: cp.EngineConfig(t)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(hub.Close)
	return hub
}

// tenant makes a service account, and gives its name for the API server and a token of it.
func tenant(t *testing.T, cp *cptest.ControlPlane, ns string) (name, token string) {
	t.Helper()
	accounts := cp.Client(t).CoreV1().ServiceAccounts(ns)
	sa := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: "tenant"}}
	if _, err := accounts.Create(t.Context(), sa, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	answer, err := accounts.CreateToken(t.Context(), "tenant", &authnv1.TokenRequest{}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return "system:serviceaccount:" + ns + ":tenant", answer.Status.Token
}

// ended is a context in which no question reaches the hub.
func ended(t *testing.T) context.Context {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx
}

func TestTheLocalTokenNeedsNoHub(t *testing.T) {
	a := newAccess(nil, "secret", time.Now)
	u, err := a.Authenticate(t.Context(), "secret")
	if err != nil || u.Name != localUser {
		t.Fatalf("%+v, %v", u, err)
	}
	if ok, err := a.Allowed(t.Context(), u, onApp("delete", "any", "app")); !ok || err != nil {
		t.Errorf("the local user may not: %v", err)
	}
}

func TestWithoutALocalTokenAnEmptyOneIsNobody(t *testing.T) {
	a := newAccess(hubOf(t, cptest.Shared(t)), "", time.Now)
	for _, token := range []string{"", "wrong"} {
		u, err := a.Authenticate(t.Context(), token)
		if err == nil || u.Name != "" {
			t.Errorf("token %q is %+v, %v", token, u, err)
		}
	}
	if _, err := a.Authenticate(t.Context(), "wrong"); !fault.Is(err, fault.AuthenticationFailed) {
		t.Errorf("a wrong token: %v", err)
	}
	if len(a.tokens) != 0 {
		t.Errorf("%d refusals are kept", len(a.tokens))
	}
}

func TestATokenIsAskedAboutAgainAfterAWhile(t *testing.T) {
	cp := cptest.Shared(t)
	name, token := tenant(t, cp, cp.Namespace(t))
	c := &clock{at: time.Now()}
	a := newAccess(hubOf(t, cp), "secret", c.now)
	u, err := a.Authenticate(t.Context(), token)
	if err != nil || u.Name != name || u.UID == "" || len(u.Groups) == 0 {
		t.Fatalf("%+v, %v", u, err)
	}
	c.at = c.at.Add(keepAnswers - 1)
	if again, err := a.Authenticate(ended(t), token); err != nil || again.Name != name || again.UID != u.UID {
		t.Errorf("%+v, %v: the answer was not kept", again, err)
	}
	c.at = c.at.Add(1)
	if _, err := a.Authenticate(ended(t), token); err == nil {
		t.Error("an old answer was given without a question to the hub")
	}
}

func TestARightThatIsTakenAwayEndsAfterAWhile(t *testing.T) {
	cp := cptest.Shared(t)
	ns := cp.Namespace(t)
	hub := hubOf(t, cp)
	name, token := tenant(t, cp, ns)
	rbac := cp.Client(t).RbacV1()
	role := &rbacv1.Role{ObjectMeta: metav1.ObjectMeta{Name: "tenant"},
		Rules: []rbacv1.PolicyRule{{APIGroups: []string{"plumb.cd"}, Resources: []string{"apps"}, ResourceNames: []string{"shop"}, Verbs: []string{"get"}}}}
	if _, err := rbac.Roles(ns).Create(t.Context(), role, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	binding := &rbacv1.RoleBinding{ObjectMeta: metav1.ObjectMeta{Name: "tenant"},
		RoleRef:  rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: "tenant"},
		Subjects: []rbacv1.Subject{{Kind: "ServiceAccount", Name: "tenant", Namespace: ns}}}
	if _, err := rbac.RoleBindings(ns).Create(t.Context(), binding, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	says := func(want bool) func() bool {
		return func() bool {
			got, _, err := hub.CanI(t.Context(), cluster.User{Name: name}, cluster.Attributes{
				Verb: "get", Group: "plumb.cd", Resource: "apps", Namespace: ns, Name: "shop"})
			return err == nil && got == want
		}
	}
	cptest.Eventually(t, patience, "the API server knows of the right", says(true))

	c := &clock{at: time.Now()}
	a := newAccess(hub, "", c.now)
	u, err := a.Authenticate(t.Context(), token)
	if err != nil {
		t.Fatal(err)
	}
	may := func(verb, namespace, app string) bool {
		t.Helper()
		ok, err := a.Allowed(t.Context(), u, onApp(verb, namespace, app))
		if err != nil {
			t.Fatal(err)
		}
		return ok
	}
	if !may("get", ns, "shop") {
		t.Fatal("the right does not hold")
	}
	if may("get", ns, "other") || may("delete", ns, "shop") || may("get", "default", "shop") || may("get", ns, "") {
		t.Error("a right for one thing holds for another")
	}

	if err := rbac.RoleBindings(ns).Delete(t.Context(), "tenant", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	cptest.Eventually(t, patience, "the API server knows that the right is gone", says(false))
	c.at = c.at.Add(keepAnswers - 1)
	if !may("get", ns, "shop") {
		t.Error("the answer was not kept")
	}
	c.at = c.at.Add(1)
	if may("get", ns, "shop") {
		t.Error("the right outlives the time for which answers are kept")
	}
	c.at = c.at.Add(keepAnswers)
	if ok, err := a.Allowed(ended(t), u, onApp("get", ns, "shop")); ok || err == nil {
		t.Errorf("%v, %v: an answer without the hub", ok, err)
	}
}

func TestAnswersDoNotPileUp(t *testing.T) {
	cp := cptest.Shared(t)
	ns := cp.Namespace(t)
	_, token := tenant(t, cp, ns)
	c := &clock{at: time.Now()}
	a := newAccess(hubOf(t, cp), "", c.now)
	for i := range maxAnswers + 1 {
		a.tokens[[32]byte{byte(i), byte(i >> 8), byte(i >> 16), 1}] = cached[server.User]{}
		a.rights[right{user: strconv.Itoa(i)}] = cached[bool]{}
	}
	u, err := a.Authenticate(t.Context(), token)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.Allowed(t.Context(), u, onApp("get", ns, "")); err != nil {
		t.Fatal(err)
	}
	if len(a.tokens) != 1 || len(a.rights) != 1 {
		t.Errorf("%d tokens, %d rights are kept", len(a.tokens), len(a.rights))
	}
}

func onApp(verb, namespace, name string) server.Right {
	return server.Right{Verb: verb, Resource: server.AppResource, Key: engine.Key{Namespace: namespace, Name: name}}
}
