package main

import (
	"bufio"
	"context"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	admissionv1 "k8s.io/api/admission/v1"
	registrationv1 "k8s.io/api/admissionregistration/v1"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/portforward"
	"k8s.io/client-go/transport/spdy"
	"k8s.io/kube-aggregator/pkg/apis/apiregistration"
)

func TestLogsComeThroughTheAPIServer(t *testing.T) {
	c := admin(t)
	ns := namespace(t, c)
	deploy(t, c, ns, "web", "web:1", 1)
	deploy(t, c, ns, "crash", "web:crash", 1)
	deploy(t, c, ns, "pull", "web:fail-pull", 1)

	p := onePod(t, c, ns, "web", func(p *corev1.Pod) bool { return p.Status.Phase == corev1.PodRunning })
	stream, err := c.CoreV1().Pods(ns).GetLogs(p.Name, &corev1.PodLogOptions{Follow: true}).Stream(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Close()
	lines := bufio.NewScanner(stream)
	for i := 1; i <= 2 && lines.Scan(); i++ {
		if want := fmt.Sprintf(" %s/c line %d", p.Name, i); !strings.HasSuffix(lines.Text(), want) {
			t.Errorf("line %q, want one that ends with %q", lines.Text(), want)
		}
	}
	if err := lines.Err(); err != nil {
		t.Error(err)
	}

	p = onePod(t, c, ns, "crash", func(p *corev1.Pod) bool { return waitingFor(p, "CrashLoopBackOff") })
	log, err := c.CoreV1().Pods(ns).GetLogs(p.Name, &corev1.PodLogOptions{Previous: true}).DoRaw(t.Context())
	if err != nil || !strings.Contains(string(log), "exiting with code 1") {
		t.Errorf("%v, the log of a crashed container: %s", err, log)
	}

	p = onePod(t, c, ns, "pull", func(p *corev1.Pod) bool { return waitingFor(p, "ImagePullBackOff") })
	_, err = c.CoreV1().Pods(ns).GetLogs(p.Name, &corev1.PodLogOptions{}).Stream(t.Context())
	if !apierrors.IsBadRequest(err) || !strings.Contains(err.Error(), "ImagePullBackOff") {
		t.Errorf("the log of a container that never started: %v", err)
	}
}

func TestAPortIsForwardedToWhereThePodSays(t *testing.T) {
	c := admin(t)
	ns := namespace(t, c)
	target := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "hello") }))
	defer target.Close()
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{
		Name: "web", Annotations: map[string]string{"plumb.cd/port-forward-to": target.Listener.Addr().String()},
		Labels: map[string]string{"app": "web"},
	}, Spec: template(nil, "web:1").Spec}
	if _, err := c.CoreV1().Pods(ns).Create(t.Context(), pod, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	onePod(t, c, ns, "web", func(p *corev1.Pod) bool { return p.Status.Phase == corev1.PodRunning })

	roundTripper, upgrader, err := spdy.RoundTripperFor(config(t, sharedProgram(t).ready["kubeconfig"]))
	if err != nil {
		t.Fatal(err)
	}
	at := c.CoreV1().RESTClient().Post().Resource("pods").Namespace(ns).Name("web").SubResource("portforward").URL()
	dialer := spdy.NewDialer(upgrader, &http.Client{Transport: roundTripper}, http.MethodPost, at)
	stop, ready := make(chan struct{}), make(chan struct{})
	f, err := portforward.NewOnAddresses(dialer, []string{"127.0.0.1"}, []string{"0:80"}, stop, ready, io.Discard, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- f.ForwardPorts() }()
	defer close(stop)
	select {
	case <-ready:
	case err := <-ended:
		t.Fatal(err)
	}
	ports, err := f.GetPorts()
	if err != nil {
		t.Fatal(err)
	}
	if body := get(t, http.DefaultClient, fmt.Sprintf("http://127.0.0.1:%d/", ports[0].Local)); body != "hello" {
		t.Errorf("%q, want hello", body)
	}
}

func get(t *testing.T, c *http.Client, url string) string {
	t.Helper()
	r, err := c.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

// denier is a webhook that denies everything and counts.
func denier(t *testing.T) (*httptest.Server, *atomic.Int32) {
	t.Helper()
	calls := new(atomic.Int32)
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		calls.Add(1)
		var review admissionv1.AdmissionReview
		if err := json.NewDecoder(r.Body).Decode(&review); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		review.Response = &admissionv1.AdmissionResponse{UID: review.Request.UID, Result: &metav1.Status{Message: "not on a Friday"}}
		_ = json.NewEncoder(w).Encode(review) // the API server is gone: it will say so
	}))
	t.Cleanup(s.Close)
	return s, calls
}

func authority(s *httptest.Server) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
}

// register makes a webhook for the ConfigMaps of a new namespace, whose name it returns.
func register(t *testing.T, c *kubernetes.Clientset, client registrationv1.WebhookClientConfig) string {
	t.Helper()
	ns := namespace(t, c)
	none := registrationv1.SideEffectClassNone
	hooks := c.AdmissionregistrationV1().ValidatingWebhookConfigurations()
	hook, err := hooks.Create(t.Context(), &registrationv1.ValidatingWebhookConfiguration{
		ObjectMeta: metav1.ObjectMeta{Name: "hook-" + ns},
		Webhooks: []registrationv1.ValidatingWebhook{{
			Name: "deny.plumb.cd", ClientConfig: client, SideEffects: &none, AdmissionReviewVersions: []string{"v1"},
			NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{corev1.LabelMetadataName: ns}},
			Rules: []registrationv1.RuleWithOperations{{
				Operations: []registrationv1.OperationType{registrationv1.Create},
				Rule:       registrationv1.Rule{APIGroups: []string{""}, APIVersions: []string{"v1"}, Resources: []string{"configmaps"}},
			}},
		}},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := hooks.Delete(context.Background(), hook.Name, metav1.DeleteOptions{}); err != nil {
			t.Error(err)
		}
	})
	return ns
}

// expectRefusal waits for the webhook to be in force: the API server learns of it a moment later.
func expectRefusal(t *testing.T, c *kubernetes.Clientset, ns, says string) {
	t.Helper()
	eventually(t, func(ctx context.Context) (bool, string) {
		_, err := c.CoreV1().ConfigMaps(ns).Create(ctx,
			&corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{GenerateName: "c-"}}, metav1.CreateOptions{})
		return err != nil && strings.Contains(err.Error(), says), fmt.Sprintf("%v, want %q", err, says)
	})
}

func TestAWebhookOnLoopbackIsCalled(t *testing.T) {
	c := admin(t)
	hook, calls := denier(t)
	at := hook.URL
	ns := register(t, c, registrationv1.WebhookClientConfig{URL: &at, CABundle: authority(hook)})
	expectRefusal(t, c, ns, "not on a Friday")
	if calls.Load() == 0 {
		t.Error("the webhook was not called")
	}
}

// external makes a Service that is this host, at the port of s.
func external(t *testing.T, c *kubernetes.Clientset, s *httptest.Server) (namespaceName string, port int32) {
	t.Helper()
	ns := namespace(t, c)
	_, text, err := net.SplitHostPort(s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	number, err := strconv.ParseInt(text, 10, 32)
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.CoreV1().Services(ns).Create(t.Context(), &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Name: "host"},
		Spec:       corev1.ServiceSpec{Type: corev1.ServiceTypeExternalName, ExternalName: "localhost"},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return ns, int32(number)
}

func TestAWebhookOfAServiceIsNotDialled(t *testing.T) {
	c := admin(t)
	ns := namespace(t, c)
	_, err := c.CoreV1().Services(ns).Create(t.Context(), &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Name: "hook"},
		Spec:       corev1.ServiceSpec{Ports: []corev1.ServicePort{{Port: 443}}},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	hook, _ := denier(t) // for its certificate
	in := register(t, c, registrationv1.WebhookClientConfig{
		Service: &registrationv1.ServiceReference{Namespace: ns, Name: "hook"}, CABundle: authority(hook),
	})
	expectRefusal(t, c, in, "Pods and Services are simulated")
}

func TestAnAggregatedAPIOnLoopbackIsServed(t *testing.T) {
	c := admin(t)
	documents := map[string]any{
		"/apis/demo.plumb.cd/v1": metav1.APIResourceList{
			TypeMeta: metav1.TypeMeta{Kind: "APIResourceList", APIVersion: "v1"}, GroupVersion: "demo.plumb.cd/v1",
			APIResources: []metav1.APIResource{{Name: "tides", SingularName: "tide", Kind: "Tide", Namespaced: true, Verbs: metav1.Verbs{"list"}}},
		},
		"/apis/demo.plumb.cd/v1/tides": map[string]any{"kind": "TideList", "apiVersion": "demo.plumb.cd/v1", "items": []any{}},
	}
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		document, ok := documents[r.URL.Path]
		if !ok {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(document) // the API server is gone: it will say so
	}))
	s.StartTLS()
	t.Cleanup(s.Close)
	ns, port := external(t, c, s)
	apiServices := c.DiscoveryV1().RESTClient() // any client will do: the path is absolute
	service := map[string]any{
		"apiVersion": apiregistration.GroupName + "/v1", "kind": "APIService",
		"metadata": map[string]any{"name": "v1.demo.plumb.cd"},
		"spec": map[string]any{
			"group": "demo.plumb.cd", "version": "v1", "groupPriorityMinimum": 100, "versionPriority": 100,
			"insecureSkipTLSVerify": true,
			"service":               map[string]any{"namespace": ns, "name": "host", "port": port},
		},
	}
	body, err := json.Marshal(service)
	if err != nil {
		t.Fatal(err)
	}
	const path = "/apis/apiregistration.k8s.io/v1/apiservices"
	create := apiServices.Post().AbsPath(path).SetHeader("Content-Type", "application/json").Body(body)
	if err := create.Do(t.Context()).Error(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := apiServices.Delete().AbsPath(path, "v1.demo.plumb.cd").Do(context.Background()).Error(); err != nil {
			t.Error(err)
		}
	})
	eventually(t, func(ctx context.Context) (bool, string) {
		list, err := apiServices.Get().AbsPath("/apis/demo.plumb.cd/v1/tides").DoRaw(ctx)
		return err == nil && strings.Contains(string(list), "TideList"), fmt.Sprintf("%v %s", err, list)
	})
}

func TestTheEngineHasAllRightsAndIsSubjectToFairness(t *testing.T) {
	p := sharedProgram(t)
	engine := config(t, p.ready["engine-kubeconfig"])
	review, err := client(t, engine).AuthenticationV1().SelfSubjectReviews().Create(t.Context(),
		&authenticationv1.SelfSubjectReview{}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if user := review.Status.UserInfo.Username; user != "system:serviceaccount:plumb-system:plumb" {
		t.Errorf("the engine is %s", user)
	}
	if _, err := client(t, engine).CoreV1().Secrets("").List(t.Context(), metav1.ListOptions{}); err != nil {
		t.Error(err)
	}
	if level := priorityLevel(t, engine); level == "" || level == priorityLevel(t, config(t, p.ready["kubeconfig"])) {
		t.Errorf("the priority level of the engine is %q: it is exempt", level)
	}
}

// priorityLevel returns the id of the priority level that the API server puts a request into.
func priorityLevel(t *testing.T, c *rest.Config) string {
	t.Helper()
	hc, err := rest.HTTPClientFor(c)
	if err != nil {
		t.Fatal(err)
	}
	at, err := url.JoinPath(c.Host, "/api/v1/namespaces/default/secrets")
	if err != nil {
		t.Fatal(err)
	}
	r, err := hc.Get(at)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	return r.Header.Get("X-Kubernetes-Pf-Prioritylevel-Uid")
}

func TestAServiceAccountMayDoWhatItsRoleSays(t *testing.T) {
	c := admin(t)
	ns := namespace(t, c)
	if _, err := c.CoreV1().ServiceAccounts(ns).Create(t.Context(),
		&corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: "viewer"}}, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	_, err := c.RbacV1().RoleBindings(ns).Create(t.Context(), &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: "viewer"},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "view"},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Name: "viewer", Namespace: ns}},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	token, err := c.CoreV1().ServiceAccounts(ns).CreateToken(t.Context(), "viewer",
		&authenticationv1.TokenRequest{}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	viewerConfig := rest.AnonymousClientConfig(config(t, sharedProgram(t).ready["kubeconfig"]))
	viewerConfig.BearerToken = token.Status.Token
	viewer := client(t, viewerConfig)
	eventually(t, func(ctx context.Context) (bool, string) {
		_, err := viewer.CoreV1().ConfigMaps(ns).List(ctx, metav1.ListOptions{})
		return err == nil, fmt.Sprint(err)
	})
	_, err = viewer.CoreV1().ConfigMaps(ns).Create(t.Context(),
		&corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "no"}}, metav1.CreateOptions{})
	if !apierrors.IsForbidden(err) {
		t.Errorf("creating: %v, want forbidden", err)
	}
	if _, err := viewer.CoreV1().Secrets(ns).List(t.Context(), metav1.ListOptions{}); !apierrors.IsForbidden(err) {
		t.Errorf("secrets: %v, want forbidden", err)
	}
}
