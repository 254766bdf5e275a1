package gittest

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// SSHServer is an OpenSSH server that serves repositories to one key, and nothing but Git.
type SSHServer struct {
	Addr       string // 127.0.0.1:port
	User       string
	Key        []byte // private key that is let in
	OtherKey   []byte // private key that is not
	KnownHosts []byte // the server's host key
	WrongHosts []byte // a known_hosts that holds another key for the server
}

// URL of the repository in dir.
func (s *SSHServer) URL(dir string) string { return "ssh://" + s.User + "@" + s.Addr + dir }

// ServeSSH starts sshd as the user who runs the test, root or not, until the test ends.
func ServeSSH(t testing.TB) *SSHServer {
	t.Helper()
	sshd := need(t, "sshd", "openssh-server", "/usr/sbin/sshd", "/usr/local/sbin/sshd")
	shell := need(t, "git-shell", "git")
	me, err := user.Current()
	if err != nil {
		t.Fatalf("who am I: %v", err)
	}
	if me.Uid == "0" {
		if err := os.MkdirAll("/run/sshd", 0o755); err != nil { // privilege separation wants it
			t.Fatalf("making sshd's directory: %v", err)
		}
	}
	dir, err := os.MkdirTemp("", "gittest-sshd-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	for _, k := range []string{"host", "wronghost", "client", "other"} {
		keygen(t, filepath.Join(dir, k))
	}
	port := freePort(t)
	s := &SSHServer{
		Addr: net.JoinHostPort("127.0.0.1", port), User: me.Username,
		Key: read(t, filepath.Join(dir, "client")), OtherKey: read(t, filepath.Join(dir, "other")),
		KnownHosts: knownHost(t, port, filepath.Join(dir, "host.pub")),
		WrongHosts: knownHost(t, port, filepath.Join(dir, "wronghost.pub")),
	}
	config := fmt.Sprintf(`ListenAddress 127.0.0.1
Port %s
HostKey %s/host
PidFile none
AuthorizedKeysFile %s/client.pub
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
UsePAM no
StrictModes no
X11Forwarding no
AllowTcpForwarding no
PermitTTY no
AcceptEnv GIT_PROTOCOL
ForceCommand %s -c "$SSH_ORIGINAL_COMMAND"
`, port, dir, dir, shell)
	file := filepath.Join(dir, "sshd_config")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	start(t, s.Addr, sshd, "-D", "-e", "-f", file)
	return s
}

// start runs a server until the test ends, and waits until it listens.
func start(t testing.TB, addr, program string, args ...string) {
	t.Helper()
	var log bytes.Buffer
	cmd := exec.Command(program, args...)
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		t.Fatalf("starting %s: %v", program, err)
	}
	exited := make(chan struct{})
	go func() { defer close(exited); _ = cmd.Wait() }()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-exited
		if t.Failed() {
			t.Logf("%s said:\n%s", filepath.Base(program), log.String())
		}
	})
	deadline := time.After(10 * time.Second)
	retry := time.NewTicker(5 * time.Millisecond)
	defer retry.Stop()
	for {
		if c, err := net.DialTimeout("tcp", addr, time.Second); err == nil {
			_ = c.Close()
			return
		}
		select {
		case <-exited:
			t.Fatalf("%s ended at once:\n%s", program, log.String())
		case <-deadline:
			t.Fatalf("%s does not listen on %s", program, addr)
		case <-retry.C:
		}
	}
}

func need(t testing.TB, name, pkg string, places ...string) string {
	t.Helper()
	if p, err := exec.LookPath(name); err == nil {
		return p
	}
	for _, p := range places {
		if _, err := os.Stat(p); err == nil {
			return p
		}
	}
	t.Fatalf("%s is missing: run `make deps`, or install the package %s", name, pkg)
	return ""
}

func keygen(t testing.TB, file string) {
	t.Helper()
	if out, err := exec.Command("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "test", "-f", file).CombinedOutput(); err != nil {
		t.Fatalf("ssh-keygen (run `make deps`): %v\n%s", err, out)
	}
}

func read(t testing.TB, file string) []byte {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func knownHost(t testing.TB, port, pub string) []byte {
	t.Helper()
	f := strings.Fields(string(read(t, pub)))
	return []byte("[127.0.0.1]:" + port + " " + f[0] + " " + f[1] + "\n")
}

func freePort(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return strconv.Itoa(l.Addr().(*net.TCPAddr).Port)
}
