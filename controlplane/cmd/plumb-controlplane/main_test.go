package main

import (
	"bytes"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestReadySaysWhereAndIsTrue(t *testing.T) {
	p := sharedProgram(t)
	if pid := strconv.Itoa(p.cmd.Process.Pid); p.ready["pid"] != pid {
		t.Errorf("pid=%s, want %s", p.ready["pid"], pid)
	}
	host, _, err := net.SplitHostPort(strings.TrimPrefix(p.ready["server"], "https://"))
	if err != nil || host != "127.0.0.1" {
		t.Errorf("server=%s, want one on 127.0.0.1", p.ready["server"])
	}
	c := admin(t)
	if _, err := c.CoreV1().ServiceAccounts("default").Get(t.Context(), "default", metav1.GetOptions{}); err != nil {
		t.Error(err)
	}
	list, err := c.CoreV1().Pods("").List(t.Context(), metav1.ListOptions{LabelSelector: "app.kubernetes.io/name=plumb-controlplane-probe"})
	if err != nil {
		t.Fatal(err)
	}
	if len(list.Items) != 0 {
		t.Error("the probe left a Pod")
	}
}

func TestItListensOnLoopbackOnly(t *testing.T) {
	p := sharedProgram(t)
	_, port, err := net.SplitHostPort(strings.TrimPrefix(p.ready["server"], "https://"))
	if err != nil {
		t.Fatal(err)
	}
	all, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range all {
		n, ok := a.(*net.IPNet)
		if !ok || n.IP.IsLoopback() || n.IP.To4() == nil {
			continue
		}
		if conn, err := net.Dial("tcp", net.JoinHostPort(n.IP.String(), port)); err == nil {
			_ = conn.Close()
			t.Errorf("%s answers", n.IP)
		}
	}
}

func TestStateAndAddressSurviveARestart(t *testing.T) {
	dir := t.TempDir()
	first := start(t, "--dir", dir, "--nodes", "1")
	c := client(t, config(t, first.ready["engine-kubeconfig"]))
	kept := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "kept"}, Data: map[string]string{"a": "b"}}
	if _, err := c.CoreV1().ConfigMaps("default").Create(t.Context(), kept, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	if code := first.end(syscall.SIGTERM); code != 0 {
		t.Fatalf("SIGTERM: exit code %d, want 0: %s", code, first.stderr.String())
	}
	second := start(t, "--dir", dir, "--nodes", "1")
	if second.ready["server"] != first.ready["server"] {
		t.Errorf("%s, want %s as before", second.ready["server"], first.ready["server"])
	}
	// The client of before, with its token of before.
	got, err := c.CoreV1().ConfigMaps("default").Get(t.Context(), "kept", metav1.GetOptions{})
	if err != nil || got.Data["a"] != "b" {
		t.Errorf("%v, %v", got, err)
	}
	if code := second.end(syscall.SIGINT); code != 0 {
		t.Errorf("SIGINT: exit code %d, want 0: %s", code, second.stderr.String())
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*.sock")); len(left) != 0 {
		t.Errorf("sockets left: %v", left)
	}
}

func TestTwoSideBySideKnowNothingOfEachOther(t *testing.T) {
	first := admin(t)
	// A directory with a path too long for a unix socket.
	dir := filepath.Join(t.TempDir(), strings.Repeat("long-", 20))
	p := start(t, "--dir", dir, "--nodes", "1")
	second := client(t, config(t, p.ready["kubeconfig"]))
	name := "side-by-side"
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}
	if _, err := second.CoreV1().Namespaces().Create(t.Context(), namespace, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, err := first.CoreV1().Namespaces().Get(t.Context(), name, metav1.GetOptions{}); !apierrors.IsNotFound(err) {
		t.Errorf("the other control plane has it too: %v", err)
	}
	var used bytes.Buffer
	again := exec.Command(os.Args[0], "--dir", dir)
	again.Env = append(os.Environ(), asProgram+"=1")
	again.Stderr = &used
	if err := again.Run(); err == nil || !strings.Contains(used.String(), "is in use by another control plane, process "+p.ready["pid"]) {
		t.Errorf("a second one in the same directory: %v, %s", err, used.String())
	}
}

func TestItStopsWithTheProcessThatItBelongsTo(t *testing.T) {
	// A process that lives until its standard input ends stands for the owner.
	owner := exec.Command("cat")
	in, err := owner.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := owner.Start(); err != nil {
		t.Fatal(err)
	}
	var once sync.Once
	leave := func() { once.Do(func() { _ = in.Close(); _ = owner.Wait() }) }
	t.Cleanup(leave)
	p := start(t, "--dir", t.TempDir(), "--nodes", "0", "--parent-pid", strconv.Itoa(owner.Process.Pid))
	leave()
	select {
	case <-p.exited:
	case <-time.After(waitTimeout):
		t.Fatalf("it still runs after %v", waitTimeout)
	}
	if code := p.cmd.ProcessState.ExitCode(); code != 0 {
		t.Errorf("exit code %d, want 0: %s", code, p.stderr.String())
	}
}

func TestWrongUseIsExplained(t *testing.T) {
	for name, c := range map[string]struct {
		args []string
		code int
		says string
	}{
		"no directory":       {nil, exitUsage, "--dir is required"},
		"an argument":        {[]string{"--dir", "x", "up"}, exitUsage, `unexpected argument "up"`},
		"an unknown flag":    {[]string{"--nodez", "1"}, exitUsage, "unknown flag: --nodez"},
		"too many nodes":     {[]string{"--dir", "x", "--nodes", "513"}, exitUsage, "between 0 and 512"},
		"an impossible port": {[]string{"--dir", "x", "--port", "65536"}, exitUsage, "between 0 and 65535"},
		"help":               {[]string{"--help"}, 0, "--audit-log"},
	} {
		t.Run(name, func(t *testing.T) {
			var out, errs bytes.Buffer
			if code := run(c.args, &out, &errs); code != c.code {
				t.Errorf("exit code %d, want %d", code, c.code)
			}
			if !strings.Contains(errs.String(), c.says) || out.Len() != 0 {
				t.Errorf("stdout %q, stderr %q, want %q", out.String(), errs.String(), c.says)
			}
		})
	}
}

func TestAPortThatIsTakenIsAnError(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	cmd := exec.Command(os.Args[0], "--dir", t.TempDir(), "--port", strconv.Itoa(l.Addr().(*net.TCPAddr).Port))
	cmd.Env = append(os.Environ(), asProgram+"=1")
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != exitFailed || !strings.Contains(string(out), "address already in use") {
		t.Errorf("%v: %s", err, out)
	}
}
