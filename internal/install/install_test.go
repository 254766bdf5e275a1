package install

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr"
	appsv1 "k8s.io/api/apps/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"plumb.cd/plumb/api/v1alpha1"
	"plumb.cd/plumb/internal/cptest"
)

func TestMain(m *testing.M) {
	ctrl.SetLogger(logr.Discard())
	cptest.Main(m)
}

const soon = 20 * time.Second

func newClient(t *testing.T, c *rest.Config) client.Client {
	t.Helper()
	s := runtime.NewScheme()
	if err := clientgoscheme.AddToScheme(s); err != nil {
		t.Fatal(err)
	}
	if err := v1alpha1.AddToScheme(s); err != nil {
		t.Fatal(err)
	}
	out, err := client.New(c, client.Options{Scheme: s})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func objects(t *testing.T, o Options) []*unstructured.Unstructured {
	t.Helper()
	stream, err := Manifest(o)
	if err != nil {
		t.Fatal(err)
	}
	list, err := Objects(stream)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func TestManifestIsSmallEnoughForPlainKubectlApply(t *testing.T) {
	stream, err := Manifest(Options{Image: "registry.example.com/plumb:v1", Storage: "10Gi"})
	if err != nil {
		t.Fatal(err)
	}
	if len(stream) >= 300_000 {
		t.Errorf("the manifest has %d bytes", len(stream))
	}
	for _, o := range objects(t, Options{Image: "registry.example.com/plumb:v1"}) {
		b, err := o.MarshalJSON()
		if err != nil {
			t.Fatal(err)
		}
		const annotation = 262_144
		if len(b) >= annotation {
			t.Errorf("%s %s has %d bytes, more than an annotation holds", o.GetKind(), o.GetName(), len(b))
		}
		if o.GroupVersionKind().Group == v1alpha1.GroupVersion.Group {
			t.Errorf("%s %s: kubectl looks for its kind before it has created it", o.GetKind(), o.GetName())
		}
	}
}

func TestOptionsThatWouldBreakTheManifestAreRefused(t *testing.T) {
	for name, o := range map[string]Options{
		"a namespace that is no name":     {Namespace: "a: b"},
		"an image that is no reference":   {Image: "x\n---\nkind: Secret"},
		"a size that is no quantity":      {Storage: "much"},
		"a size below zero":               {Storage: "-1Gi"},
		"a namespace with capital letter": {Namespace: "Plumb"},
	} {
		if _, err := Manifest(o); err == nil {
			t.Errorf("%s is accepted", name)
		}
	}
	for _, o := range objects(t, Options{Namespace: "123", Image: "1.5/x:1"}) {
		if ns := o.GetNamespace(); ns != "" && ns != "123" {
			t.Errorf("%s %s is in namespace %q", o.GetKind(), o.GetName(), ns)
		}
	}
}

// stateOf changes when somebody changes what an object says: its generation, which a controller's status leaves alone,
// or, for kinds that have none, its version.
func stateOf(obj client.Object) string {
	if g := obj.GetGeneration(); g != 0 {
		return strconv.FormatInt(g, 10)
	}
	return obj.GetResourceVersion()
}

func TestManifestIsAcceptedByTheAPIServer(t *testing.T) {
	cp := cptest.Start(t)
	c := client.WithFieldValidation(newClient(t, cp.Config(t)), metav1.FieldValidationStrict)
	o := Options{Image: "registry.example.com/plumb:v1", Storage: "1Gi"}
	for _, obj := range objects(t, o) {
		if err := c.Create(t.Context(), obj); err != nil && !apierrors.IsAlreadyExists(err) {
			t.Errorf("creating %s %s: %v", obj.GetKind(), obj.GetName(), err)
		}
	}
	if err := Apply(t.Context(), c, o); err != nil {
		t.Fatal(err)
	}
	cptest.Eventually(t, soon, "the daemon's Pod is admitted and runs", func() bool {
		var d appsv1.Deployment
		err := c.Get(t.Context(), client.ObjectKey{Namespace: DefaultNamespace, Name: "plumb"}, &d)
		return err == nil && d.Status.AvailableReplicas == 1
	})
	versions := func() map[string]string {
		out := map[string]string{}
		for _, obj := range objects(t, o) {
			live := obj.DeepCopy()
			if err := c.Get(t.Context(), client.ObjectKeyFromObject(obj), live); err != nil {
				t.Fatal(err)
			}
			if obj.GetKind() != "Deployment" && obj.GetKind() != "PersistentVolumeClaim" {
				out[obj.GetKind()+" "+obj.GetName()] = stateOf(live)
			}
		}
		return out
	}
	// Controllers have filled in what they fill in by now (an aggregated role, a type check of a policy).
	before := versions()
	cptest.Eventually(t, soon, "the objects are left alone", func() bool {
		now := versions()
		same := equal(before, now)
		before = now
		return same
	})
	if err := Apply(t.Context(), c, o); err != nil {
		t.Fatal(err)
	}
	for name, v := range versions() {
		if before[name] != v {
			t.Errorf("applying again changed %s", name)
		}
	}
	var cluster v1alpha1.Cluster
	if err := c.Get(t.Context(), client.ObjectKey{Name: "in-cluster"}, &cluster); err != nil || cluster.Spec.InCluster == nil {
		t.Errorf("the Cluster in-cluster: %+v, %v", cluster.Spec, err)
	}
	policy := &unstructured.Unstructured{}
	policy.SetAPIVersion("admissionregistration.k8s.io/v1")
	policy.SetKind("ValidatingAdmissionPolicy")
	cptest.Eventually(t, soon, "the policy is type-checked", func() bool {
		err := c.Get(t.Context(), client.ObjectKey{Name: "plumb-app-rights"}, policy)
		_, found, _ := unstructured.NestedMap(policy.Object, "status", "typeChecking")
		return err == nil && found
	})
	if warnings, _, _ := unstructured.NestedSlice(policy.Object, "status", "typeChecking", "expressionWarnings"); len(warnings) > 0 {
		t.Errorf("the policy has type errors: %v", warnings)
	}
}

func equal(a, b map[string]string) bool {
	for k, v := range a {
		if b[k] != v {
			return false
		}
	}
	return len(a) == len(b)
}

func TestDefinitionsAreAsGenerated(t *testing.T) {
	list, err := Objects(CRDs())
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, o := range list {
		names = append(names, o.GetName())
	}
	if got := strings.Join(names, " "); got != "apps.plumb.cd channels.plumb.cd clusters.plumb.cd repositories.plumb.cd" {
		t.Errorf("definitions are %s", got)
	}
}
