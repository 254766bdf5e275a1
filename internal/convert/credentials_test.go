package convert

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"plumb.cd/plumb/api/v1alpha1"
	"plumb.cd/plumb/internal/engine"
	"plumb.cd/plumb/internal/fault"
)

func repository(url string) *v1alpha1.Repository {
	r := &v1alpha1.Repository{}
	r.Namespace, r.Name = "apps", "main"
	r.Spec.URL, r.Spec.Interval = url, "30s"
	r.Spec.SecretRef = &v1alpha1.LocalSecret{Name: "login"}
	return r
}

func login(kv ...string) Secrets {
	data := map[string][]byte{}
	for i := 0; i < len(kv); i += 2 {
		data[kv[i]] = []byte(kv[i+1])
	}
	return Secrets{"login": data}
}

func TestCredentialsInEveryShapeInUse(t *testing.T) {
	auth := base64.StdEncoding.EncodeToString([]byte("ann:s3cret:x"))
	docker := fmt.Sprintf(`{"auths":{"example.com":{"username":"host","password":"h"},"https://example.com/team/":{"auth":%q}}}`, auth)
	tests := map[string]struct {
		url  string
		in   Secrets
		want string // username password token key hosts ca
	}{
		"username and password": {"https://example.com/r", login("username", "ann\n", "password", "s3cret\n"), "ann|s3cret||||"},
		"a token":               {"https://example.com/r", login("token", "t"), "||t|||"},
		"a bearer token":        {"https://example.com/r", login("bearerToken", "t"), "||t|||"},
		"an ssh identity":       {"ssh://git@example.com/r", login("identity", "key\n", "known_hosts", "hosts\n"), "|||key\n|hosts\n|"},
		"a kubernetes.io/ssh-auth with an scp-like address": {"git@example.com:r", login("ssh-privatekey", "key", "known_hosts", "hosts"), "|||key|hosts|"},
		"only a CA":                                  {"https://example.com/r", login("caFile", "pem"), "|||||pem"},
		"a CA beside a token":                        {"https://example.com/r", login("ca.crt", "pem", "token", "t"), "||t|||pem"},
		"a docker configuration":                     {"oci://example.com/other/chart", login(".dockerconfigjson", docker), "host|h||||"},
		"a docker configuration with a longer match": {"oci://example.com/team/chart", login(".dockerconfigjson", docker), "ann|s3cret:x||||"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got := Repository(repository(tt.url), tt.in)
			if got.Err != nil {
				t.Fatal(got.Err)
			}
			a := got.Auth
			text := strings.Join([]string{a.Username, a.Password, a.Token, string(a.SSHKey), string(a.SSHKnownHosts), string(a.CA)}, "|")
			if text != tt.want {
				t.Errorf("got %s, want %s", text, tt.want)
			}
		})
	}
}

func TestCredentialsThatAreMissingSayWhatIsMissing(t *testing.T) {
	tests := map[string]struct {
		url  string
		in   Secrets
		want string
	}{
		"no Secret":                        {"https://example.com/r", nil, "does not exist"},
		"an empty Secret":                  {"https://example.com/r", Secrets{"login": {}}, "none of username"},
		"ssh without a key":                {"ssh://git@example.com/r", login("password", "p"), "lacks the key identity"},
		"ssh without known hosts":          {"ssh://git@example.com/r", login("identity", "key"), "lacks the key known_hosts"},
		"a docker file without the host":   {"oci://example.com/r", login(".dockerconfigjson", `{"auths":{"other.com":{}}}`), "login for example.com"},
		"a docker file that is not JSON":   {"oci://example.com/r", login(".dockerconfigjson", "p4ssw0rd"), "readable docker configuration"},
		"a docker file with a broken auth": {"oci://example.com/r", login(".dockerconfigjson", `{"auths":{"example.com":{"auth":"p4ssw0rd"}}}`), "readable login"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			f := fault.Of(Repository(repository(tt.url), tt.in).Err)
			if f == nil || f.Reason != fault.CredentialsMissing || f.Class != fault.Blocked || !strings.Contains(f.Message, tt.want) {
				t.Fatalf("Err = %v, want %q", f, tt.want)
			}
			if strings.Contains(f.Error(), "p4ssw0rd") {
				t.Error("the message shows the Secret")
			}
		})
	}
}

func TestRepositoryWebhookSecret(t *testing.T) {
	r := repository("https://example.com/r")
	r.Spec.SecretRef = nil
	r.Spec.Webhook = &v1alpha1.Webhook{SecretRef: v1alpha1.SecretKey{Name: "hook"}}
	if got := Repository(r, Secrets{"hook": {"secret": []byte("s\n")}}); got.WebhookSecret != "s" || got.Err != nil {
		t.Errorf("secret %q, err %v", got.WebhookSecret, got.Err)
	}
	if got := Repository(r, nil); !fault.Is(got.Err, fault.CredentialsMissing) {
		t.Errorf("err %v", got.Err)
	}
	if got := SecretsOf(r); len(got) != 1 || got[0] != "hook" {
		t.Errorf("SecretsOf = %v", got)
	}
}

func TestTarget(t *testing.T) {
	c := &v1alpha1.Cluster{}
	c.Name = "east"
	if got := Target(c, nil); !fault.Is(got.Err, fault.InvalidSpec) {
		t.Errorf("an empty spec gives %v", got.Err)
	}
	c.Spec.InCluster = &v1alpha1.InCluster{}
	if got := Target(c, nil); got.Err != nil || got.Kubeconfig != nil || got.Name != "east" {
		t.Errorf("in-cluster gives %+v", got)
	}
	c.Spec = v1alpha1.ClusterSpec{Kubeconfig: &v1alpha1.KubeconfigSecret{Name: "k", Namespace: "n"}}
	if got := Target(c, map[string][]byte{"kubeconfig": []byte("x")}); got.Err != nil || string(got.Kubeconfig) != "x" {
		t.Errorf("kubeconfig gives %v", got.Err)
	}
	for _, data := range []map[string][]byte{nil, {}, {"value": []byte("x")}} {
		if got := Target(c, data); !fault.Is(got.Err, fault.CredentialsMissing) {
			t.Errorf("%v gives %v", data, got.Err)
		}
	}
	var _ engine.Target = Target(c, nil)
}
