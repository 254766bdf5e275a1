package cluster_test

import (
	"encoding/json"
	"encoding/pem"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/yaml"

	"plumb.cd/plumb/internal/cluster"
	"plumb.cd/plumb/internal/cptest"
	"plumb.cd/plumb/internal/fault"
	"plumb.cd/plumb/internal/object"
)

func TestMain(m *testing.M) { cptest.Main(m) }

const patience = 20 * time.Second

var (
	configMaps  = schema.GroupVersionKind{Version: "v1", Kind: "ConfigMap"}
	deployments = schema.GroupVersionKind{Group: "apps", Version: "v1", Kind: "Deployment"}
	shop        = object.Owner{Installation: "main", Namespace: "apps", Name: "shop"}
)

func connect(t testing.TB, rc *rest.Config) *cluster.Cluster {
	t.Helper()
	c, err := cluster.Connect(t.Context(), cluster.Config{RESTConfig: rc})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func shared(t testing.TB) (*cluster.Cluster, string) {
	t.Helper()
	cp := cptest.Shared(t)
	return connect(t, cp.EngineConfig(t)), cp.Namespace(t)
}

// parse reads one YAML document; $NS in it stands for the namespace.
func parse(t testing.TB, namespace, text string) *unstructured.Unstructured {
	t.Helper()
	u := &unstructured.Unstructured{}
	data, err := yaml.YAMLToJSON([]byte(strings.ReplaceAll(text, "$NS", namespace)))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &u.Object); err != nil {
		t.Fatal(err)
	}
	if u.GetNamespace() == "" && namespace != "" {
		u.SetNamespace(namespace)
	}
	return u
}

func configMap(namespace, name, value string) *unstructured.Unstructured {
	u := &unstructured.Unstructured{Object: map[string]any{"data": map[string]any{"key": value}}}
	u.SetGroupVersionKind(configMaps)
	u.SetNamespace(namespace)
	u.SetName(name)
	return u
}

func owned(u *unstructured.Unstructured) *unstructured.Unstructured {
	shop.Stamp(u)
	return u
}

func apply(t testing.TB, c *cluster.Cluster, u *unstructured.Unstructured) *unstructured.Unstructured {
	t.Helper()
	out, err := c.Apply(t.Context(), u, object.WriteOptions{Force: true})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func wantFault(t testing.TB, err error, class fault.Class, reason fault.Reason, words ...string) {
	t.Helper()
	f := fault.Of(err)
	if f == nil {
		t.Fatalf("no error, want %s", reason)
	}
	if f.Class != class || f.Reason != reason {
		t.Errorf("%s/%s (%v), want %s/%s", f.Class, f.Reason, err, class, reason)
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("%q does not say %q", err, w)
		}
	}
}

// recorder is a Sink that remembers.
type recorder struct {
	mu     sync.Mutex
	events []string // "Added ConfigMap/ns/name"
	last   map[object.ID]*unstructured.Unstructured
	synced int
	lost   []error
}

func newRecorder() *recorder { return &recorder{last: map[object.ID]*unstructured.Unstructured{}} }

func (r *recorder) Event(k cluster.EventKind, u *unstructured.Unstructured) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events = append(r.events, k.String()+" "+object.Of(u).String())
	if k == cluster.Deleted {
		delete(r.last, object.Of(u))
	} else {
		r.last[object.Of(u)] = u
	}
}

func (r *recorder) Synced(schema.GroupVersionKind) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.synced++
}

func (r *recorder) Lost(_ schema.GroupVersionKind, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lost = append(r.lost, err)
}

func (r *recorder) count(event string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := 0
	for _, e := range r.events {
		if e == event {
			n++
		}
	}
	return n
}

const startLimit = 16

var zero = resource.MustParse("0")

func pemOf(s *httptest.Server) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
}
