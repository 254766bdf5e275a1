package daemon

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"plumb.cd/plumb/internal/cli"
	"plumb.cd/plumb/internal/cptest"
	"plumb.cd/plumb/internal/oidctest"
)

// daemonWith runs the whole daemon until the test ends, and gives its address.
func daemonWith(t *testing.T, cp *cptest.ControlPlane, o cli.DaemonOptions) string {
	t.Helper()
	kubeconfig, err := os.ReadFile(cp.EngineKubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	admin, err := os.ReadFile(cp.Kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	if err := Install(t.Context(), admin, cli.ManifestOptions{Namespace: "plumb-system"}); err != nil {
		t.Fatal(err)
	}
	ready := make(chan string, 1)
	o.Dir, o.Kubeconfig, o.Namespace, o.Installation = t.TempDir(), kubeconfig, "plumb-system", "plumb"
	o.Self, o.Log, o.LogLevel, o.Version = []string{"false"}, t.Output(), "info", "test"
	o.Ready = func(address string) { ready <- address }
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- Run(ctx, o) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	select {
	case address := <-ready:
		return "http://" + address
	case err := <-done:
		done <- nil
		t.Fatalf("the daemon did not start: %v", err)
	case <-time.After(patience):
		t.Fatal("the daemon did not start")
	}
	return ""
}

// Other tests want a hub without our definitions, so this one has its own.
func TestPeopleSignInToTheDaemon(t *testing.T) {
	cp := cptest.Start(t)
	t.Run("groups of a provider are groups of the hub", func(t *testing.T) { groupsOfAProvider(t, cp) })
	t.Run("a token of the hub signs in, and its end signs out", func(t *testing.T) { tokenOfTheHub(t, cp) })
}

func groupsOfAProvider(t *testing.T, cp *cptest.ControlPlane) {
	port := freePort(t)
	public := "http://127.0.0.1:" + port
	p := oidctest.At(t, oidctest.Options{Redirect: public + "/auth/oidc/people/callback"})
	dir := t.TempDir()
	file := filepath.Join(dir, "config.yaml")
	config := "publicURL: " + public + "\nproviders:\n- name: People\n  issuer: " + p.Issuer + "\n  clientID: " + oidctest.Client + "\n  clientSecretFile: secret\n"
	for path, text := range map[string]string{file: config, filepath.Join(dir, "secret"): oidctest.Secret} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	// The provider is away when the daemon starts.
	base := daemonWith(t, cp, cli.DaemonOptions{Listen: "127.0.0.1:" + port, SignIn: cli.SignInOptions{File: file, Sessions: "secrets"}})
	b := oidctest.NewBrowser(t)
	if page := b.Get(base + "/api/v1/signin"); !strings.Contains(page.Body, "connection refused") {
		t.Errorf("%d %s", page.Status, page.Body)
	}
	p.Run()
	cptest.Eventually(t, patience, "the provider is there", func() bool { return !strings.Contains(b.Get(base+"/api/v1/signin").Body, "down") })
	back := b.Submit(b.AtForm(base+"/auth/oidc/people"), oidctest.Login("ada", "ada-password"))
	if page := b.Get(back.Next.String()); page.Status != http.StatusSeeOther {
		t.Fatalf("%d %s", page.Status, page.Body)
	}
	if page := b.Get(base + "/api/v1/whoami"); !strings.Contains(page.Body, `"name":"oidc:ada@example.com"`) || strings.Contains(page.Body, "system:") {
		t.Errorf("%d %s", page.Status, page.Body)
	}
	if page := b.Get(base + "/api/v1/clusters"); page.Status != http.StatusForbidden {
		t.Errorf("without rights: %d %s", page.Status, page.Body)
	}
	binding := &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: "platform-looks"},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "plumb-viewer"},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.GroupKind, APIGroup: rbacv1.GroupName, Name: "oidc:platform"}},
	}
	bindings := cp.Client(t).RbacV1().ClusterRoleBindings()
	if _, err := bindings.Create(t.Context(), binding, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := bindings.Delete(context.WithoutCancel(t.Context()), binding.Name, metav1.DeleteOptions{}); err != nil {
			t.Error(err)
		}
	})
	cptest.Eventually(t, patience, "the group's right holds", func() bool { return b.Get(base+"/api/v1/clusters").Status == http.StatusOK })
	kept, err := cp.Client(t).CoreV1().Secrets("plumb-system").List(t.Context(), metav1.ListOptions{LabelSelector: sessionLabel})
	if err != nil || len(kept.Items) != 1 {
		t.Errorf("%d sessions are kept, %v", len(kept.Items), err)
	}
}

func tokenOfTheHub(t *testing.T, cp *cptest.ControlPlane) {
	ns := cp.Namespace(t)
	name, token := tenant(t, cp, ns)
	base := daemonWith(t, cp, cli.DaemonOptions{Listen: "127.0.0.1:0"})
	b := oidctest.NewBrowser(t)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, base+"/api/v1/signin", strings.NewReader(`{"token":"`+token+`"}`))
	if err != nil {
		t.Fatal(err)
	}
	if page := b.Do(req); page.Status != http.StatusNoContent {
		t.Fatalf("%d %s", page.Status, page.Body)
	}
	if page := b.Get(base + "/api/v1/whoami"); !strings.Contains(page.Body, name) {
		t.Errorf("%d %s", page.Status, page.Body)
	}
	if page := b.Get(base+"/", "Accept: text/html"); page.Status != http.StatusOK || !strings.Contains(page.Body, "<base href") {
		t.Errorf("the console: %d %s", page.Status, page.Body)
	}
	told := streamOf(t, b, base)
	if err := cp.Client(t).CoreV1().ServiceAccounts(ns).Delete(t.Context(), "tenant", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	cptest.Eventually(t, patience+keepAnswers, "the session is over", func() bool { return b.Get(base+"/api/v1/whoami").Status == http.StatusUnauthorized })
	select {
	case text := <-told:
		if !strings.Contains(text, "event: apps") || !strings.Contains(text, "event: signout") || !strings.Contains(text, "401") {
			t.Errorf("the stream said %s", text)
		}
	case <-time.After(patience + keepAnswers):
		t.Error("the stream goes on after the sign-in")
	}
	site, err := url.Parse(base)
	if err != nil {
		t.Fatal(err)
	}
	if left := b.Client.Jar.Cookies(site); len(left) != 0 {
		t.Errorf("the browser still has %v", left)
	}
}

// streamOf opens the stream of events; what it said comes when it ends.
func streamOf(t *testing.T, b *oidctest.Browser, base string) <-chan string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, base+"/api/v1/stream", nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := b.Client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	told := make(chan string, 1)
	go func() {
		defer res.Body.Close()
		raw, err := io.ReadAll(res.Body)
		if err != nil {
			raw = append(raw, err.Error()...)
		}
		told <- string(raw)
	}()
	return told
}

func TestASignInThatCannotWorkKeepsTheDaemonFromStarting(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	provider := "providers:\n- name: P\n  issuer: https://p.example\n  clientID: x\n"
	for says, o := range map[string]cli.DaemonOptions{
		"no such file":        {SignIn: cli.SignInOptions{File: "/nowhere/at/all/config.yaml"}},
		"unknown field":       {SignIn: cli.SignInOptions{File: write("typo.yaml", "povider: []")}},
		"publicURL":           {SignIn: cli.SignInOptions{File: write("noaddress.yaml", provider)}},
		"no certificate":      {SignIn: cli.SignInOptions{PublicURL: "https://x.example", File: write("ca.yaml", provider+"  caFile: "+write("ca.pem", "x"))}},
		"the base path":       {SignIn: cli.SignInOptions{BasePath: `/"`}},
		"trusted proxy":       {SignIn: cli.SignInOptions{TrustedProxies: []string{"proxy"}}},
		"files or in secrets": {SignIn: cli.SignInOptions{Sessions: "memory"}},
	} {
		o.Dir = t.TempDir()
		if _, err := security(o, newAccess(nil, "x", time.Now), nil, slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("want %q, got %v", says, err)
		}
	}
	good := cli.DaemonOptions{Dir: t.TempDir(), SignIn: cli.SignInOptions{File: filepath.Join(dir, "not-made.yaml"), NoConsole: true}}
	if out, err := security(good, newAccess(nil, "x", time.Now), nil, slog.New(slog.DiscardHandler)); err != nil || out.Console != nil || out.SignIn == nil {
		t.Errorf("%+v, %v", out, err)
	}
}
