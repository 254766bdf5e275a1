package daemon

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"plumb.cd/plumb/internal/cli"
	"plumb.cd/plumb/internal/cluster"
	"plumb.cd/plumb/internal/cptest"
	"plumb.cd/plumb/internal/fault"
)

func TestNobodyBecomesTheLocalUserByName(t *testing.T) {
	if u, err := userOf(cluster.User{Name: localUser, UID: "of-the-hub"}); !fault.Is(err, fault.AuthenticationFailed) {
		t.Errorf("%+v, %v", u, err)
	}
}

func TestProfilesAreServedOnLoopbackOnly(t *testing.T) {
	for _, address := range []string{"0.0.0.0:0", ":0", "[::]:0", "192.0.2.1:0", "example.com:0", "nonsense"} {
		if err := serveDebug(t.Context(), address); err == nil || !strings.Contains(err.Error(), "loopback only") {
			t.Errorf("%s: %v", address, err)
		}
	}
}

func TestTheKeyOfFingerprintsIsKeptAndRepaired(t *testing.T) {
	path := filepath.Join(t.TempDir(), "fingerprint.key")
	first, err := hashKey(path)
	if err != nil || len(first) != 32 {
		t.Fatal(first, err)
	}
	if again, err := hashKey(path); err != nil || string(again) != string(first) {
		t.Errorf("read again: %x %v", again, err)
	}
	if err := os.WriteFile(path, []byte("cut"), 0o600); err != nil {
		t.Fatal(err)
	}
	if mended, err := hashKey(path); err != nil || len(mended) != 32 || string(mended) == string(first) {
		t.Errorf("after damage: %x %v", mended, err)
	}
}

func TestADaemonThatCannotStartSaysWhy(t *testing.T) {
	kubeconfig, err := os.ReadFile(cptest.Shared(t).EngineKubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	options := func(change func(*cli.DaemonOptions)) cli.DaemonOptions {
		o := cli.DaemonOptions{
			Dir: t.TempDir(), Kubeconfig: kubeconfig, Namespace: "plumb-system", Listen: "127.0.0.1:0", Installation: "plumb",
			Self: []string{"false"}, Log: t.Output(), LogLevel: "error",
		}
		change(&o)
		return o
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := Run(ctx, options(func(*cli.DaemonOptions) {})); !fault.Is(err, fault.KindUnknown) || fault.Of(err).Next == "" {
		t.Errorf("on a hub without definitions: %v", err)
	}
	admin, err := os.ReadFile(cptest.Shared(t).Kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	if err := Install(ctx, admin, cli.ManifestOptions{Namespace: "plumb-system"}); err != nil {
		t.Fatal(err)
	}
	for says, o := range map[string]cli.DaemonOptions{
		"log level":         options(func(o *cli.DaemonOptions) { o.LogLevel = "loud" }),
		"hub's API server":  options(func(o *cli.DaemonOptions) { o.Kubeconfig = []byte("nonsense") }),
		"state directory":   options(func(o *cli.DaemonOptions) { o.Dir = "/dev/null/plumb" }),
		"listening for the": options(func(o *cli.DaemonOptions) { o.Listen = "256.0.0.1:0" }),
		"loopback only":     options(func(o *cli.DaemonOptions) { o.DebugListen = "0.0.0.0:0" }),
	} {
		if err := Run(ctx, o); err == nil || errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), says) {
			t.Errorf("want %q, got %v", says, err)
		}
	}
}
