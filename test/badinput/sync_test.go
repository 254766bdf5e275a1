package badinput

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"plumb.cd/plumb/internal/engine"
	"plumb.cd/plumb/internal/gittest"
)

func TestAMissingDefinitionIsToldAndItsArrivalMendsTheApp(t *testing.T) {
	s := stage(t, "")
	group := s.Namespace + ".example.com"
	commit := s.push(gittest.Files{"bad/web.yaml": "apiVersion: " + group + "/v1\nkind: Widget\nmetadata: {name: web}\n"})
	s.check(commit, told{
		state: "Failed", reason: "KindUnknown", says: []string{"bad/web.yaml:1", "no kind Widget in " + group + "/v1"}, next: "install the CRD",
	})
	s.Apply(fmt.Sprintf(`
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: widgets.%[1]s}
spec:
  group: %[1]s
  scope: Namespaced
  names: {kind: Widget, plural: widgets, singular: widget, listKind: WidgetList}
  versions:
  - {name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}}
`, group))
	s.WaitSynced("bad", commit) // without another commit
}

func TestAnObjectThatAnotherAppOwnsIsRefused(t *testing.T) {
	s := stage(t, "")
	s.App("thief", "source: {repository: shop, path: bad}")
	s.tells("thief", told{state: "Failed", reason: "OwnedByOther", says: []string{"belongs to App " + s.Namespace + "/bad"}, next: "remove it from one of the two"})
	s.WaitSynced("bad", s.repo.Head())
	s.unpruned()
	s.unharmed(s.repo.Head())
	s.Delete("plumb.cd/v1alpha1", "App", "thief")
	s.Eventually("the App is gone", func() bool { return s.Get("plumb.cd/v1alpha1", "App", "thief") == nil })
	s.unpruned()
}

func TestANamespacedObjectWithoutANamespaceIsRefused(t *testing.T) {
	s := stage(t, "")
	s.App("nowhere", "source: {repository: shop, path: bad}\ndestination: {cluster: in-cluster}")
	s.tells("nowhere", told{state: "Failed", reason: "NamespaceRequired", says: []string{"bad/kept.yaml:1", "ConfigMap"}, next: "namespace"})
	s.unpruned()
}

func TestAClusterScopedObjectWithANamespaceLosesItWithAWarning(t *testing.T) {
	s := stage(t, "")
	name := s.Namespace + "-reader"
	s.WaitSynced("bad", s.repo.Push("a role", gittest.Files{"bad/web.yaml": "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: " + name + ", namespace: elsewhere}\nrules: []\n"}))
	var preview engine.Preview
	s.MustCall(http.MethodGet, "/api/v1/apps/"+s.Namespace+"/bad/plan", nil, &preview)
	if got := strings.Join(preview.Plan.Warnings, "\n"); !strings.Contains(got, "bad/web.yaml:1") || !strings.Contains(got, "cluster-scoped") {
		t.Errorf("the warnings are %q", got)
	}
	s.unpruned()
	s.mend(gittest.Files{"bad/web.yaml": gittest.Delete})
	s.Eventually("the role is gone", func() bool { return s.Get("rbac.authorization.k8s.io/v1", "ClusterRole", name) == nil })
}

func TestAMissingNamespaceIsRefused(t *testing.T) {
	s := stage(t, "")
	s.App("lost", "source: {repository: shop, path: good}\ndestination: {namespace: "+s.Namespace+"-nowhere}")
	s.tells("lost", told{state: "Failed", reason: "NamespaceMissing", says: []string{s.Namespace + "-nowhere"}, next: "create its namespace"})
	s.WaitSynced("bad", s.repo.Head())
}

func TestAKindThatTheCredentialsMayNotTouchIsNamed(t *testing.T) {
	s := stage(t, "")
	s.Apply(`
apiVersion: v1
kind: ServiceAccount
metadata: {name: restricted}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: ` + s.Namespace + `-restricted}
rules: [{apiGroups: [""], resources: [configmaps, namespaces], verbs: ["*"]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: ` + s.Namespace + `-restricted}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: ` + s.Namespace + `-restricted}
subjects: [{kind: ServiceAccount, name: restricted, namespace: ` + s.Namespace + `}]
`)
	kubeconfig, err := json.Marshal(s.kubeconfigOf("restricted"))
	if err != nil {
		t.Fatal(err)
	}
	s.Apply(fmt.Sprintf(`
apiVersion: v1
kind: Secret
metadata: {name: restricted-kubeconfig}
stringData: {kubeconfig: %s}
---
apiVersion: plumb.cd/v1alpha1
kind: Cluster
metadata: {name: %s-restricted}
spec: {kubeconfig: {name: restricted-kubeconfig, namespace: %[2]s}}
`, kubeconfig, s.Namespace))
	t.Cleanup(func() { s.forget("Cluster", s.Namespace+"-restricted") })
	destination := "destination: {cluster: " + s.Namespace + "-restricted, namespace: " + s.Namespace + "}"
	s.repo.Push("more", gittest.Files{"may/cm.yaml": configMap("may", "1"), "maynot/role.yaml": "apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: maynot}\n"})
	s.App("may", "source: {repository: shop, path: may}\n"+destination)
	s.WaitState("may", "Synced")
	s.App("maynot", "source: {repository: shop, path: maynot}\n"+destination)
	s.tells("maynot", told{state: "Failed", reason: "Forbidden", says: []string{"serviceaccounts"}})
	s.WaitState("may", "Synced")
	s.unpruned()
}

// kubeconfigOf is a kubeconfig with a token of a service account.
func (s *scene) kubeconfigOf(account string) string {
	s.t.Helper()
	token, err := s.CP.Client(s.t).CoreV1().ServiceAccounts(s.Namespace).CreateToken(s.t.Context(), account, &authenticationv1.TokenRequest{}, metav1.CreateOptions{})
	if err != nil {
		s.t.Fatal(err)
	}
	config, err := clientcmd.LoadFromFile(s.CP.Kubeconfig)
	if err != nil {
		s.t.Fatal(err)
	}
	for name := range config.AuthInfos {
		config.AuthInfos[name] = &clientcmdapi.AuthInfo{Token: token.Status.Token}
	}
	for _, c := range config.Clusters {
		if c.CertificateAuthority == "" {
			continue
		}
		file := c.CertificateAuthority
		if !filepath.IsAbs(file) {
			file = filepath.Join(filepath.Dir(s.CP.Kubeconfig), file)
		}
		if c.CertificateAuthorityData, err = os.ReadFile(file); err != nil {
			s.t.Fatal(err)
		}
		c.CertificateAuthority = ""
	}
	raw, err := clientcmd.Write(*config)
	if err != nil {
		s.t.Fatal(err)
	}
	return string(raw)
}

const denial = "not on a Friday"

func TestAWebhookThatRejectsIsToldWithItsNameAndReason(t *testing.T) {
	s := stage(t, "")
	url, ca := rejecting(t)
	s.Apply(fmt.Sprintf(`
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingWebhookConfiguration
metadata: {name: %[1]s}
webhooks:
- name: no.friday.example.com
  clientConfig: {url: %[2]s, caBundle: %[3]s}
  rules: [{apiGroups: [""], apiVersions: [v1], operations: [CREATE, UPDATE], resources: [configmaps]}]
  namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: %[1]s}}
  objectSelector: {matchLabels: {day: friday}}
  sideEffects: None
  admissionReviewVersions: [v1]
  timeoutSeconds: 5
`, s.Namespace, url, base64.StdEncoding.EncodeToString(ca)))
	t.Cleanup(func() { s.forget("ValidatingWebhookConfiguration", s.Namespace) })
	friday := strings.Replace(configMap("web", "1"), "name: web", "name: web, labels: {day: friday}", 1)
	s.Eventually("the webhook is asked", func() bool {
		err := s.try(friday)
		return err != nil && strings.Contains(err.Error(), "no.friday.example.com")
	})
	s.check(s.push(gittest.Files{"bad/web.yaml": friday}), told{
		state: "Failed", reason: "AdmissionDenied", says: []string{"ConfigMap/" + s.Namespace + "/web", "no.friday.example.com", "not on a Friday"},
		file: "bad/web.yaml:1",
	})
	s.mend(gittest.Files{"bad/web.yaml": configMap("web", "1")})
}

// try creates an object by dry-run.
func (s *scene) try(yaml string) error {
	return s.CP.Client(s.t).CoreV1().RESTClient().Post().Namespace(s.Namespace).Resource("configmaps").
		Param("dryRun", "All").SetHeader("Content-Type", "application/yaml").Body([]byte(yaml)).Do(s.t.Context()).Error()
}

// rejecting is a webhook on loopback that says no; it returns its address and the certificate to trust.
func rejecting(t *testing.T) (url string, ca []byte) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "webhook"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var review struct {
			APIVersion string `json:"apiVersion"`
			Kind       string `json:"kind"`
			Request    struct {
				UID string `json:"uid"`
			} `json:"request"`
		}
		raw, err := io.ReadAll(r.Body)
		if err == nil {
			err = json.Unmarshal(raw, &review)
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]any{"apiVersion": review.APIVersion, "kind": review.Kind, "response": map[string]any{
			"uid": review.Request.UID, "allowed": false, "status": map[string]any{"code": 403, "message": denial},
		}})
	}))
	server.TLS = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}, MinVersion: tls.VersionTLS12}
	server.StartTLS()
	t.Cleanup(server.Close)
	return server.URL, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

func deployment(name, image string) string {
	return fmt.Sprintf(`apiVersion: apps/v1
kind: Deployment
metadata: {name: %[1]s}
spec:
  selector: {matchLabels: {app: %[1]s}}
  template:
    metadata: {labels: {app: %[1]s}}
    spec: {containers: [{name: main, image: "%[2]s"}]}
`, name, image)
}

func annotated(manifest, name, annotations string) string {
	return strings.Replace(manifest, "name: "+name+"}", "name: "+name+", annotations: {"+annotations+"}}", 1)
}

func TestAWaveThatNeverGetsHealthyNamesItsObject(t *testing.T) {
	s := stage(t, "sync: {waveDeadline: 6s}")
	status := s.check(s.push(gittest.Files{
		"bad/web.yaml":  deployment("web", "registry.example.com/web:fail-pull"),
		"bad/next.yaml": annotated(configMap("next", "1"), "next", `plumb.cd/wave: "5"`),
	}), told{state: "Failed", reason: "DeadlineExceeded", says: []string{"Deployment.apps/" + s.Namespace + "/web"}})
	if b := status.Blocking; b == nil || b.Object != "Deployment.apps/"+s.Namespace+"/web" || b.File != "bad/web.yaml:1" {
		t.Errorf("it is blocked by %+v", b)
	}
	if s.Get("v1", "ConfigMap", "next") != nil {
		t.Error("the next wave was applied")
	}
	s.mend(gittest.Files{"bad/web.yaml": deployment("web", "registry.example.com/web:1")})
	s.Must("v1", "ConfigMap", "next")
}

func TestAHookThatFailsStopsTheSyncAndIsNamed(t *testing.T) {
	s := stage(t, "")
	hook := func(image string) string {
		return fmt.Sprintf(`apiVersion: batch/v1
kind: Job
metadata: {name: migrate, annotations: {argocd.argoproj.io/hook: PreSync}}
spec:
  backoffLimit: 0
  template: {spec: {restartPolicy: Never, containers: [{name: main, image: "%s"}]}}
`, image)
	}
	s.check(s.push(gittest.Files{"bad/hook.yaml": hook("registry.example.com/migrate:crash"), "bad/web.yaml": configMap("web", "1")}), told{
		state: "Failed", reason: "HookFailed", says: []string{"Job.batch/" + s.Namespace + "/migrate"},
	})
	if s.Get("v1", "ConfigMap", "web") != nil {
		t.Error("what comes after the hook was applied")
	}
	s.mend(gittest.Files{"bad/hook.yaml": hook("registry.example.com/migrate:1")})
	s.Must("v1", "ConfigMap", "web")
}

// forget deletes an object without namespace, when the test has ended.
func (s *scene) forget(kind, name string) {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second) // that of the test has ended
	defer cancel()
	c := s.CP.Client(s.t)
	path := map[string]string{
		"Cluster":                        "/apis/plumb.cd/v1alpha1/clusters/",
		"ValidatingWebhookConfiguration": "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/",
	}[kind]
	if err := c.RESTClient().Delete().AbsPath(path + name).Do(ctx).Error(); err != nil {
		s.t.Logf("deleting %s %s: %v", kind, name, err)
	}
}
