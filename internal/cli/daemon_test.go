package cli_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"plumb.cd/plumb/internal/cli"
	"plumb.cd/plumb/internal/daemon"
	"plumb.cd/plumb/internal/install"
)

const (
	localToken = "token-of-the-scripts"
	patience   = 90 * time.Second
)

// startDaemon runs a daemon on the control plane until the test ends.
func (l *lab) startDaemon() {
	l.t.Helper()
	self, err := exec.LookPath("plumb") // the test binary under its other name
	if err != nil {
		l.t.Fatal(err)
	}
	admin, err := os.ReadFile(l.cp.Kubeconfig)
	if err != nil {
		l.t.Fatal(err)
	}
	kubeconfig, err := os.ReadFile(l.cp.EngineKubeconfig)
	if err != nil {
		l.t.Fatal(err)
	}
	if err := daemon.Install(l.t.Context(), admin, cli.ManifestOptions{Namespace: "plumb-system"}); err != nil {
		l.t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.WithoutCancel(l.t.Context()))
	ready, done := make(chan string, 1), make(chan error, 1)
	go func() {
		done <- daemon.Run(ctx, cli.DaemonOptions{
			Dir: filepath.Join(l.t.TempDir(), "daemon"), Kubeconfig: kubeconfig, Namespace: "plumb-system", Listen: "127.0.0.1:0",
			Installation: "plumb", LocalToken: localToken, Self: []string{self, "render-worker"}, Log: io.Discard, LogLevel: "error",
			Version: "test", Ready: func(address string) { ready <- address },
		})
	}()
	l.t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			l.t.Errorf("the daemon: %v", err)
		}
	})
	select {
	case l.address = <-ready:
	case err := <-done:
		l.t.Fatalf("the daemon ended: %v", err)
	}
}

// signIn leaves what plumb up leaves.
func (l *lab) signIn(dir string) error {
	raw, err := json.Marshal(map[string]string{"server": "http://" + l.address, "token": localToken})
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "session.json"), raw, 0o600)
}

func (l *lab) hub(ts *testscript.TestScript, _ bool, args []string) {
	objects, err := install.Objects([]byte(os.Expand(ts.ReadFile(args[0]), ts.Getenv)))
	ts.Check(err)
	for _, u := range objects {
		kind := map[string]string{"App": "apps", "Repository": "repositories", "Channel": "channels"}[u.GetKind()]
		gvr := schema.GroupVersionResource{Group: "plumb.cd", Version: "v1alpha1", Resource: kind}
		_, err := l.dynamic.Resource(gvr).Namespace(ts.Getenv("NS")).Apply(l.t.Context(), u.GetName(), u, metav1.ApplyOptions{FieldManager: "kubectl", Force: true})
		ts.Check(err)
	}
}

func (l *lab) commit(ts *testscript.TestScript, _ bool, args []string) {
	dir := ts.MkAbs(args[0])
	git := func(args ...string) string {
		cmd := exec.CommandContext(l.t.Context(), "git", append([]string{"-C", dir, "-c", "user.name=Ana Ruiz", "-c", "user.email=ana@example.com", "-c", "init.defaultBranch=main"}, args...)...)
		out, err := cmd.CombinedOutput()
		if err != nil {
			ts.Fatalf("git %v: %v\n%s", args, err, out)
		}
		return strings.TrimSpace(string(out))
	}
	if _, err := os.Stat(filepath.Join(dir, ".git")); errors.Is(err, os.ErrNotExist) {
		git("init", "-q")
		git("config", "receive.denyCurrentBranch", "updateInstead") // a push changes the files, as people see them
	}
	message, err := strconv.Unquote(`"` + args[1] + `"`)
	ts.Check(err)
	git("add", "-A")
	git("commit", "-q", "--allow-empty", "-m", message)
	ts.Setenv("HEAD", git("rev-parse", "HEAD"))
	ts.Setenv("SHORT", git("rev-parse", "--short=12", "HEAD"))
}

func (l *lab) until(ts *testscript.TestScript, _ bool, args []string) {
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	deadline := time.After(patience)
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		got := 0
		err := ts.Exec(args[1], args[2:]...)
		if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
			got = exit.ExitCode()
		} else {
			ts.Check(err)
		}
		if got == want {
			return
		}
		select {
		case <-tick.C:
		case <-deadline:
			ts.Fatalf("%s: exit code %d after %v, want %d", strings.Join(args[1:], " "), got, patience, want)
		}
	}
}

func (l *lab) token(ts *testscript.TestScript, _ bool, args []string) {
	ctx, ns, account := l.t.Context(), ts.Getenv("NS"), args[0]
	_, err := l.client.CoreV1().ServiceAccounts(ns).Create(ctx, &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: account}}, metav1.CreateOptions{})
	ts.Check(err)
	if verbs := args[1:]; len(verbs) > 0 {
		_, err = l.client.RbacV1().Roles(ns).Create(ctx, &rbacv1.Role{ObjectMeta: metav1.ObjectMeta{Name: account}, Rules: []rbacv1.PolicyRule{
			{APIGroups: []string{"plumb.cd"}, Resources: []string{"apps"}, Verbs: verbs},
		}}, metav1.CreateOptions{})
		ts.Check(err)
		_, err = l.client.RbacV1().RoleBindings(ns).Create(ctx, &rbacv1.RoleBinding{
			ObjectMeta: metav1.ObjectMeta{Name: account}, RoleRef: rbacv1.RoleRef{Kind: "Role", Name: account},
			Subjects: []rbacv1.Subject{{Kind: "ServiceAccount", Name: account, Namespace: ns}},
		}, metav1.CreateOptions{})
		ts.Check(err)
	}
	token, err := l.client.CoreV1().ServiceAccounts(ns).CreateToken(ctx, account, &authenticationv1.TokenRequest{}, metav1.CreateOptions{})
	ts.Check(err)
	ts.Setenv("TOKEN", token.Status.Token)
}
