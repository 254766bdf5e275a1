package cli_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"plumb.cd/plumb/internal/benchmark"
	"plumb.cd/plumb/internal/cptest"
)

// program is plumb as a process of its own: this test binary under its name.
func program(t *testing.T) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "plumb")
	if err := os.Symlink(self, path); err != nil {
		t.Fatal(err)
	}
	return path
}

// benchSpaces are the namespaces with a prefix, those that are going included.
func benchSpaces(t *testing.T, cp *cptest.ControlPlane, prefix string) []string {
	t.Helper()
	list, err := cp.Client(t).CoreV1().Namespaces().List(context.WithoutCancel(t.Context()), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, ns := range list.Items {
		if strings.HasPrefix(ns.Name, prefix+"-") {
			out = append(out, ns.Name)
		}
	}
	return out
}

func TestBenchMeasuresAndLeavesNothing(t *testing.T) {
	t.Parallel()
	cp := cptest.Shared(t)
	const prefix = "bench-whole"
	var said bytes.Buffer
	cmd := exec.CommandContext(t.Context(), program(t), "bench", "--kubeconfig", cp.Kubeconfig, "--apps", "4", "--objects", "5", "--namespace-prefix", prefix, "-o", "json")
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, said.String())
	}
	var report benchmark.Report
	if err := json.Unmarshal(out, &report); err != nil {
		t.Fatalf("%v in %s", err, out)
	}
	rows := map[string]benchmark.Row{}
	for _, r := range report.Rows {
		rows[r.What] = r
	}
	for what, want := range map[string]func(benchmark.Row) bool{
		"first sync, 4 apps × 5 objects: all objects healthy": func(r benchmark.Row) bool { return r.Plumb > 0 && r.Raw > 0 },
		"first sync, 4 apps × 5 objects: requests":            func(r benchmark.Row) bool { return r.Plumb >= 20 && r.Raw == 20 },
		"nothing changes: requests in 5s":                     func(r benchmark.Row) bool { return r.Plumb == 0 },
		"drift: edit → undone, p99":                           func(r benchmark.Row) bool { return r.Plumb > 0 },
	} {
		if r, ok := rows[what]; !ok || !want(r) {
			t.Errorf("%s is %+v", what, r)
		}
	}
	if left := benchSpaces(t, cp, prefix); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}

// runUntil runs plumb bench until it says something, and gives the process.
func runUntil(t *testing.T, cp *cptest.ControlPlane, prefix, says string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(program(t), "bench", "--kubeconfig", cp.Kubeconfig, "--apps", "100", "--objects", "20", "--namespace-prefix", prefix)
	cmd.Env = append(os.Environ(), "TMPDIR="+t.TempDir()) // who is killed leaves its manifests
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() }) // it has ended by itself if all went well
	said := make(chan bool)
	go func() {
		lines := bufio.NewScanner(stderr)
		for lines.Scan() {
			if strings.Contains(lines.Text(), says) {
				said <- true
			}
		}
		close(said)
	}()
	select {
	case ok := <-said:
		if !ok {
			t.Fatalf("plumb bench ended without saying %q", says)
		}
	case <-time.After(2 * time.Minute):
		t.Fatalf("plumb bench did not say %q", says)
	}
	go func() {
		for range said {
			continue // until it ends
		}
	}()
	return cmd
}

func TestBenchThatIsInterruptedLeavesNothing(t *testing.T) {
	t.Parallel()
	cp := cptest.Shared(t)
	for _, says := range []string{"the raw loop applies 100", "Plumb applies the same"} {
		prefix := "bench-interrupted"
		cmd := runUntil(t, cp, prefix, says)
		if len(benchSpaces(t, cp, prefix)) == 0 {
			t.Fatal("there is nothing yet that could be left")
		}
		if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
			t.Fatal(err)
		}
		if err := cmd.Wait(); err == nil {
			t.Error("an interrupted bench says that all went well")
		}
		if left := benchSpaces(t, cp, prefix); len(left) > 0 {
			t.Errorf("interrupted when it said %q, it left %v", says, left)
		}
	}
}

func TestBenchThatIsKilledIsCleanedUpByTheNext(t *testing.T) {
	t.Parallel()
	cp := cptest.Shared(t)
	const prefix = "bench-killed"
	cmd := runUntil(t, cp, prefix, "the raw loop applies 100")
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // it was killed
	if len(benchSpaces(t, cp, prefix)) == 0 {
		t.Fatal("a bench that was killed left nothing: the test tests nothing")
	}
	other := cp.Namespace(t)
	out, err := exec.CommandContext(t.Context(), program(t), "bench", "--kubeconfig", cp.Kubeconfig, "--namespace-prefix", prefix, "--clean").CombinedOutput()
	if err != nil || !strings.Contains(string(out), "removed 12 namespaces") {
		t.Errorf("%v: %s", err, out)
	}
	if left := benchSpaces(t, cp, prefix); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
	if _, err := cp.Client(t).CoreV1().Namespaces().Get(t.Context(), other, metav1.GetOptions{}); err != nil {
		t.Errorf("somebody else's namespace: %v", err)
	}
}

func TestBenchRefusesWhatItMayNotDoAndSaysWhatIsMissing(t *testing.T) {
	t.Parallel()
	cp := cptest.Shared(t)
	client := cp.Client(t)
	name := cptest.Name(t)
	role := &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: name}, Rules: []rbacv1.PolicyRule{
		{APIGroups: []string{""}, Resources: []string{"configmaps", "services", "serviceaccounts"}, Verbs: []string{"*"}},
		{APIGroups: []string{""}, Resources: []string{"namespaces"}, Verbs: []string{"list", "create"}},
		{APIGroups: []string{"apps"}, Resources: []string{"deployments"}, Verbs: []string{"get", "list", "watch", "create"}},
	}}
	if _, err := client.RbacV1().ClusterRoles().Create(t.Context(), role, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	l, namespace, kubeconfig := newLab(t), cp.Namespace(t), filepath.Join(t.TempDir(), "kubeconfig")
	binding := &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: name}, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: name},
		Subjects: []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Name: "default", Namespace: namespace}},
	}
	if _, err := client.RbacV1().ClusterRoleBindings().Create(t.Context(), binding, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := l.kubeconfigOf(t.Context(), namespace, "default", kubeconfig); err != nil {
		t.Fatal(err)
	}
	const prefix = "bench-refused"
	cmd := exec.CommandContext(t.Context(), program(t), "bench", "--kubeconfig", kubeconfig, "--namespace-prefix", prefix)
	out, err := cmd.CombinedOutput()
	if err == nil || cmd.ProcessState.ExitCode() != 4 {
		t.Errorf("%v, want exit code 4: %s", err, out)
	}
	for _, want := range []string{"delete namespaces", "patch deployments.apps"} {
		if !strings.Contains(string(out), want) {
			t.Errorf("%q is not named: %s", want, out)
		}
	}
	if strings.Contains(string(out), "configmaps") {
		t.Errorf("what it may do is named: %s", out)
	}
	if left := benchSpaces(t, cp, prefix); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}
