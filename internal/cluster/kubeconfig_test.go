package cluster_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"plumb.cd/plumb/internal/cluster"
	"plumb.cd/plumb/internal/cptest"
	"plumb.cd/plumb/internal/fault"
)

func TestKubeconfigOfAStrangerRunsAndReadsNothingHere(t *testing.T) {
	touched := filepath.Join(t.TempDir(), "touched")
	tests := map[string]struct{ user, cluster, says string }{
		"a program":                {"exec: {apiVersion: client.authentication.k8s.io/v1, interactiveMode: Never, command: touch, args: [" + touched + "]}", "", "program"},
		"a token file":             {"tokenFile: /etc/hostname", "", "file"},
		"a client certificate":     {"client-certificate: /etc/hostname", "", "file"},
		"a certificate authority":  {"token: a", "certificate-authority: /etc/hostname", "file"},
		"an authentication plugin": {"auth-provider: {name: oidc}", "", "auth-provider"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			config := "apiVersion: v1\nkind: Config\ncurrent-context: a\n" +
				"contexts: [{name: a, context: {cluster: c, user: u}}]\n" +
				"clusters: [{name: c, cluster: {server: \"https://127.0.0.1:1\", " + tt.cluster + "}}]\n" +
				"users: [{name: u, user: {" + tt.user + "}}]\n"
			_, err := cluster.Connect(t.Context(), cluster.Config{Kubeconfig: []byte(config)})
			wantFault(t, err, fault.Invalid, fault.InvalidSpec, tt.says)
			if _, err := os.Stat(touched); err == nil {
				t.Error("the program ran")
			}
		})
	}
}

func TestBrokenKubeconfigIsNotQuoted(t *testing.T) {
	_, err := cluster.Connect(t.Context(), cluster.Config{Kubeconfig: []byte("users: [{user: {token: hunter2}")})
	wantFault(t, err, fault.Invalid, fault.InvalidSpec)
	if strings.Contains(err.Error(), "hunter2") {
		t.Errorf("the token is in %q", err)
	}
}

func TestLoadKubeconfigGivesOneContextWhole(t *testing.T) {
	cp := cptest.Shared(t)
	data, namespace, err := cluster.LoadKubeconfig(cp.Kubeconfig, "")
	if err != nil {
		t.Fatal(err)
	}
	if namespace != "default" {
		t.Errorf("namespace %q", namespace)
	}
	c, err := cluster.Connect(t.Context(), cluster.Config{Kubeconfig: data})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.Alive(t.Context()); err != nil {
		t.Error(err)
	}
	_, _, err = cluster.LoadKubeconfig(cp.Kubeconfig, "no-such-context")
	wantFault(t, err, fault.Invalid, fault.InvalidSpec, "no-such-context")
	_, _, err = cluster.LoadKubeconfig(filepath.Join(t.TempDir(), "absent"), "")
	wantFault(t, err, fault.Blocked, fault.CredentialsMissing)
}
