package cluster_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	authnv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"

	"plumb.cd/plumb/internal/cluster"
	"plumb.cd/plumb/internal/cptest"
	"plumb.cd/plumb/internal/fault"
	"plumb.cd/plumb/internal/object"
)

// The phrases by which an immutable field is recognised are the API server's own: each row holds one against it.
func TestImmutableFieldsAreRecognised(t *testing.T) {
	c, ns := shared(t)
	tests := map[string]struct{ object, old, changed, field string }{
		"selector of a Deployment": {`
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec: {selector: {matchLabels: {a: b}}, template: {metadata: {labels: {a: b}}, spec: {containers: [{name: a, image: x}]}}}`,
			"a: b", "a: c", "spec.selector"},
		"address of a Service": {`
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {ports: [{port: 80}]}`, "{ports", "{clusterIP: None, ports", "spec.clusterIPs[0]"},
		"template of a Job": {`
apiVersion: batch/v1
kind: Job
metadata: {name: one}
spec: {template: {spec: {restartPolicy: Never, containers: [{name: a, image: x}]}}}`, "image: x", "image: z", "spec.template"},
		"service of a StatefulSet": {`
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: db}
spec: {serviceName: db, selector: {matchLabels: {a: b}}, template: {metadata: {labels: {a: b}}, spec: {containers: [{name: a, image: x}]}}}`,
			"serviceName: db", "serviceName: other", "spec"},
		"access modes of a claim": {`
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: data}
spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}`, "ReadWriteOnce", "ReadWriteMany", "spec"},
		"command of a Pod": {`
apiVersion: v1
kind: Pod
metadata: {name: one}
spec: {containers: [{name: a, image: x}]}`, "image: x", "image: x, command: [a]", "spec"},
		"role of a RoleBinding": {`
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: one}
roleRef: {kind: Role, name: x, apiGroup: rbac.authorization.k8s.io}`, "name: x", "name: z", "roleRef"},
		"data of an immutable ConfigMap": {`
apiVersion: v1
kind: ConfigMap
metadata: {name: one}
immutable: true
data: {a: b}`, "a: b", "a: c", "data"},
		"type of a Secret": {`
apiVersion: v1
kind: Secret
metadata: {name: one}
type: example.com/a`, "com/a", "com/b", "type"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			u := parse(t, ns, tt.object)
			apply(t, c, u)
			_, err := c.Apply(t.Context(), parse(t, ns, strings.ReplaceAll(tt.object, tt.old, tt.changed)), object.WriteOptions{Force: true})
			wantFault(t, err, fault.Invalid, fault.ImmutableField, tt.field, object.Of(u).String())
			if len(err.Error()) > 600 {
				t.Errorf("the message has %d characters: %s", len(err.Error()), err)
			}
		})
	}
}

func TestWhatTheAPIServerRefuses(t *testing.T) {
	c, ns := shared(t)
	tests := map[string]struct {
		object string
		class  fault.Class
		reason fault.Reason
		words  []string
	}{
		"a misspelt field": {`
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec: {replicsa: 1, selector: {matchLabels: {a: b}}, template: {metadata: {labels: {a: b}}, spec: {containers: [{name: a, image: x, prots: 1}]}}}`,
			fault.Invalid, fault.SchemaViolation, []string{"not declared in schema"}},
		"a value of the wrong type": {`
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec: {replicas: one}`, fault.Invalid, fault.SchemaViolation, []string{"spec.replicas"}},
		"a value that makes no sense": {`
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec: {replicas: -1, selector: {matchLabels: {a: b}}, template: {metadata: {labels: {a: b}}, spec: {containers: [{name: a, image: x}]}}}`,
			fault.Invalid, fault.SchemaViolation, []string{"spec.replicas", "-1"}},
		"an unknown kind": {`
apiVersion: example.com/v1
kind: Unheard
metadata: {name: one}`, fault.Blocked, fault.KindUnknown, []string{"Unheard.example.com/"}},
		"a version that is not served": {`
apiVersion: apps/v1beta1
kind: Deployment
metadata: {name: one}`, fault.Blocked, fault.KindUnknown, []string{"it serves apps/v1"}},
		"a namespace that does not exist": {`
apiVersion: v1
kind: ConfigMap
metadata: {name: one, namespace: nowhere}`, fault.Blocked, fault.NamespaceMissing, []string{`"nowhere"`}},
		"an over-long name": {`
apiVersion: v1
kind: ConfigMap
metadata: {name: ` + strings.Repeat("long", 70) + `}`, fault.Invalid, fault.SchemaViolation, []string{"metadata.name"}},
		"an object that is too large": {`
apiVersion: v1
kind: ConfigMap
metadata: {name: one}
data: {a: ` + strings.Repeat("x", 4<<20) + `}`, fault.Invalid, fault.LimitExceeded, nil},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := c.Apply(t.Context(), parse(t, ns, tt.object), object.WriteOptions{Force: true})
			wantFault(t, err, tt.class, tt.reason, tt.words...)
		})
	}
}

func TestConflictNamesManagersAndFields(t *testing.T) {
	c, ns := shared(t)
	apply(t, c, configMap(ns, "one", "a"))
	cp := cptest.Shared(t)
	theirs, err := cluster.Connect(t.Context(), cluster.Config{RESTConfig: cp.EngineConfig(t), Manager: "theirs"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(theirs.Close)
	_, err = theirs.Apply(t.Context(), configMap(ns, "one", "b"), object.WriteOptions{})
	wantFault(t, err, fault.Blocked, fault.Conflict, ".data.key", `"plumb"`)
}

func TestErrorsAboutSecretsHoldNoValues(t *testing.T) {
	c, ns := shared(t)
	const value = "hunter2hunter2"
	tests := map[string]string{
		"no base64":        `{data: {p: "` + value + `!"}}`,
		"not a string":     `{stringData: {p: {inner: ` + value + `}}}`,
		"a type's own law": `{type: kubernetes.io/dockerconfigjson, stringData: {.dockerconfigjson: ` + value + `}}`,
		"an unknown field": `{dtaa: {p: ` + value + `}}`,
	}
	for name, body := range tests {
		t.Run(name, func(t *testing.T) {
			u := parse(t, ns, body)
			u.SetAPIVersion("v1")
			u.SetKind("Secret")
			u.SetName("one")
			_, err := c.Apply(t.Context(), u, object.WriteOptions{Force: true})
			wantFault(t, err, fault.Invalid, fault.SchemaViolation, "Secret/")
			for e := err; e != nil; e = errors.Unwrap(e) {
				if text := fmt.Sprintf("%v %+v", e, e); strings.Contains(text, value[:7]) {
					t.Errorf("the value is in %q", text)
				}
			}
		})
	}
}

func TestWebhookAndPolicyRefusalsNameWhoRefused(t *testing.T) {
	c, ns := shared(t)
	client := cptest.Shared(t).Client(t)
	hook := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var in struct {
			Request struct{ UID string }
		}
		if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
			t.Error(err)
		}
		fmt.Fprintf(w, `{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","response":{"uid":%q,"allowed":false,"status":{"message":"no hats indoors"}}}`, in.Request.UID)
	}))
	t.Cleanup(hook.Close)
	name := cptest.Name(t) + ".example.com"
	configuration := &admissionv1.ValidatingWebhookConfiguration{ObjectMeta: metav1.ObjectMeta{Name: name}}
	none, fail := admissionv1.SideEffectClassNone, admissionv1.Fail
	configuration.Webhooks = []admissionv1.ValidatingWebhook{{
		Name: "hats.example.com", AdmissionReviewVersions: []string{"v1"}, SideEffects: &none, FailurePolicy: &fail,
		ClientConfig:      admissionv1.WebhookClientConfig{URL: &hook.URL, CABundle: pemOf(hook)},
		NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"kubernetes.io/metadata.name": ns}},
		Rules: []admissionv1.RuleWithOperations{{Operations: []admissionv1.OperationType{"CREATE"},
			Rule: admissionv1.Rule{APIGroups: []string{""}, APIVersions: []string{"v1"}, Resources: []string{"configmaps"}}}},
	}}
	webhooks := client.AdmissionregistrationV1().ValidatingWebhookConfigurations()
	if _, err := webhooks.Create(t.Context(), configuration, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = webhooks.Delete(t.Context(), name, metav1.DeleteOptions{}) })
	var err error
	cptest.Eventually(t, patience, "the webhook is asked", func() bool {
		_, err = c.Apply(t.Context(), configMap(ns, "one", "a"), object.WriteOptions{DryRun: true})
		return err != nil
	})
	wantFault(t, err, fault.Invalid, fault.AdmissionDenied, "hats.example.com", "no hats indoors")
	hook.Close()
	_, err = c.Apply(t.Context(), configMap(ns, "one", "a"), object.WriteOptions{})
	wantFault(t, err, fault.Transient, fault.AdmissionDenied, "hats.example.com")
}

func TestAdmissionPlugInsAreNoMissingRights(t *testing.T) {
	c, ns := shared(t)
	client := cptest.Shared(t).Client(t)
	quota := &corev1.ResourceQuota{ObjectMeta: metav1.ObjectMeta{Name: "none"}}
	quota.Spec.Hard = corev1.ResourceList{"count/secrets": zero}
	if _, err := client.CoreV1().ResourceQuotas(ns).Create(t.Context(), quota, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	secret := parse(t, ns, "{apiVersion: v1, kind: Secret, metadata: {name: one}}")
	var err error
	cptest.Eventually(t, patience, "the quota is computed", func() bool {
		_, err = c.Apply(t.Context(), secret, object.WriteOptions{DryRun: true})
		return err != nil && !strings.Contains(err.Error(), "status unknown")
	})
	wantFault(t, err, fault.Invalid, fault.AdmissionDenied)
}

func TestForbiddenKindNamesTheRight(t *testing.T) {
	cp := cptest.Shared(t)
	ns := cp.Namespace(t)
	c := connect(t, restricted(t, cp, ns))
	apply(t, c, configMap(ns, "one", "a"))
	_, err := c.Apply(t.Context(), parse(t, ns, "{apiVersion: v1, kind: Secret, metadata: {name: one}}"), object.WriteOptions{})
	wantFault(t, err, fault.Blocked, fault.Forbidden, "secrets", "patch")
	r := newRecorder()
	c.EnsureWatch(configMaps, r) // in all namespaces: not allowed
	cptest.Eventually(t, patience, "the sink is told", func() bool {
		r.mu.Lock()
		defer r.mu.Unlock()
		return len(r.lost) == 1 && fault.Is(r.lost[0], fault.Forbidden)
	})
}

// restricted is a service account that may do everything with ConfigMaps of one namespace, and nothing else.
func restricted(t *testing.T, cp *cptest.ControlPlane, ns string) *rest.Config {
	t.Helper()
	client := cp.Client(t)
	sa := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: "tenant"}}
	if _, err := client.CoreV1().ServiceAccounts(ns).Create(t.Context(), sa, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	role := &rbacv1.Role{ObjectMeta: metav1.ObjectMeta{Name: "tenant"},
		Rules: []rbacv1.PolicyRule{{APIGroups: []string{""}, Resources: []string{"configmaps"}, Verbs: []string{"*"}}}}
	if _, err := client.RbacV1().Roles(ns).Create(t.Context(), role, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	binding := &rbacv1.RoleBinding{ObjectMeta: metav1.ObjectMeta{Name: "tenant"},
		RoleRef:  rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: "tenant"},
		Subjects: []rbacv1.Subject{{Kind: "ServiceAccount", Name: "tenant", Namespace: ns}}}
	if _, err := client.RbacV1().RoleBindings(ns).Create(t.Context(), binding, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	token, err := client.CoreV1().ServiceAccounts(ns).CreateToken(t.Context(), "tenant", &authnv1.TokenRequest{}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	rc := rest.AnonymousClientConfig(cp.Config(t))
	rc.BearerToken = token.Status.Token
	return rc
}

func TestWrongCredentials(t *testing.T) {
	rc := rest.AnonymousClientConfig(cptest.Shared(t).Config(t))
	rc.BearerToken = "wrong"
	_, err := cluster.Connect(t.Context(), cluster.Config{RESTConfig: rc})
	wantFault(t, err, fault.Blocked, fault.AuthenticationFailed)
}

func TestClusterThatIsNotThere(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close() // nobody listens there now
	_, err = cluster.Connect(t.Context(), cluster.Config{RESTConfig: &rest.Config{Host: "https://" + l.Addr().String()}})
	wantFault(t, err, fault.Transient, fault.ClusterUnreachable)

	rc := rest.CopyConfig(cptest.Shared(t).Config(t))
	rc.CAData, rc.CAFile = pemOf(httptest.NewTLSServer(nil)), ""
	_, err = cluster.Connect(t.Context(), cluster.Config{RESTConfig: rc})
	wantFault(t, err, fault.Blocked, fault.CertificateInvalid)
}

func TestClusterThatNeverAnswersIsGivenUp(t *testing.T) {
	over := make(chan struct{})
	silent := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-over }))
	t.Cleanup(silent.Close)
	t.Cleanup(func() { close(over) })
	_, err := cluster.Connect(t.Context(), cluster.Config{RESTConfig: &rest.Config{Host: silent.URL},
		Limits: cluster.Limits{Timeout: 50 * time.Millisecond}})
	wantFault(t, err, fault.Transient, fault.ClusterUnreachable, "in time")
}

func TestBusyAPIServerSaysWhenToComeBack(t *testing.T) {
	c, ns := shared(t)
	rc := cptest.Shared(t).EngineConfig(t)
	rc.Wrap(func(next http.RoundTripper) http.RoundTripper {
		return roundTripper(func(r *http.Request) (*http.Response, error) {
			if r.Method != http.MethodPatch {
				return next.RoundTrip(r)
			}
			w := httptest.NewRecorder()
			w.Header().Set("Retry-After", "7")
			http.Error(w, "Too many requests, please try again later.", http.StatusTooManyRequests)
			return w.Result(), nil
		})
	})
	busy := connect(t, rc)
	before := busy.Limit()
	_, err := busy.Apply(t.Context(), configMap(ns, "one", "a"), object.WriteOptions{})
	wantFault(t, err, fault.Transient, fault.ClusterUnreachable)
	var asked interface{ RetryAfter() time.Duration }
	if !errors.As(err, &asked) || asked.RetryAfter() != 7*time.Second {
		t.Errorf("nothing says when to come back: %v", err)
	}
	if busy.Limit() >= before || c.Limit() < startLimit {
		t.Errorf("limits %d → %d, of another connection %d", before, busy.Limit(), c.Limit())
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
