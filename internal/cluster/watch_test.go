package cluster_test

import (
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/rest"

	"plumb.cd/plumb/internal/cptest"
	"plumb.cd/plumb/internal/object"
)

// cable is a TCP connection to the API server that can be cut.
type cable struct {
	listener net.Listener
	target   string
	mu       sync.Mutex
	open     map[net.Conn]bool
	cut      bool
}

func newCable(t *testing.T, rc *rest.Config) (*cable, *rest.Config) {
	t.Helper()
	target, err := url.Parse(rc.Host)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := &cable{listener: l, target: target.Host, open: map[net.Conn]bool{}}
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			near, err := l.Accept()
			if err != nil {
				return
			}
			serving.Go(func() { c.carry(near) })
		}
	})
	t.Cleanup(func() {
		l.Close()
		c.sever()
		serving.Wait()
	})
	out := rest.CopyConfig(rc)
	out.Host = "https://" + l.Addr().String()
	return c, out
}

func (c *cable) carry(near net.Conn) {
	defer near.Close()
	far, err := net.Dial("tcp", c.target)
	if err != nil {
		return
	}
	defer far.Close()
	c.mu.Lock()
	c.open[near], c.open[far] = true, true
	refuse := c.cut
	c.mu.Unlock()
	if refuse {
		return
	}
	done := make(chan struct{}, 2)
	pipe := func(to, from net.Conn) {
		_, _ = io.Copy(to, from) // ends when either side does
		to.Close()
		from.Close()
		done <- struct{}{}
	}
	go pipe(near, far)
	go pipe(far, near)
	<-done
	<-done
}

// sever cuts all connections; new ones fail until mend.
func (c *cable) sever() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.cut = true
	for conn := range c.open {
		conn.Close()
	}
	clear(c.open)
}

func (c *cable) mend() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.cut = false
}

func TestWatchGoesOnWhereItWasCut(t *testing.T) {
	cp := cptest.Shared(t)
	ns := cp.Namespace(t)
	direct := connect(t, cp.EngineConfig(t))
	var lists atomic.Int32
	rc := cp.EngineConfig(t)
	rc.Wrap(countLists(&lists))
	line, rc := newCable(t, rc)
	c := connect(t, rc)
	r := newRecorder()
	apply(t, direct, owned(configMap(ns, "before", "a")))
	c.EnsureWatch(configMaps, r)
	if err := c.WaitSynced(t.Context(), configMaps); err != nil {
		t.Fatal(err)
	}
	line.sever()
	apply(t, direct, owned(configMap(ns, "meanwhile", "a")))
	live := apply(t, direct, owned(configMap(ns, "before", "b")))
	if err := direct.Delete(t.Context(), configMaps, object.Of(live), object.Preconditions{Owner: shop}); err != nil {
		t.Fatal(err)
	}
	cptest.Eventually(t, patience, "the loss is told", func() bool { return !c.Synced(configMaps) })
	line.mend()
	cptest.Eventually(t, patience, "it has caught up", func() bool {
		return r.count("Added ConfigMap/"+ns+"/meanwhile") == 1 && r.count("Modified ConfigMap/"+ns+"/before") == 1 &&
			r.count("Deleted ConfigMap/"+ns+"/before") == 1
	})
	if n := r.count("Added ConfigMap/" + ns + "/before"); n != 1 {
		t.Errorf("added %d times", n)
	}
	if n := lists.Load(); n != 1 {
		t.Errorf("%d lists of ConfigMaps, want the first alone", n)
	}
}

// countLists counts the requests that read all ConfigMaps from the start, as a list or as a streaming one.
func countLists(n *atomic.Int32) func(http.RoundTripper) http.RoundTripper {
	return func(next http.RoundTripper) http.RoundTripper {
		return roundTripper(func(r *http.Request) (*http.Response, error) {
			resp, err := next.RoundTrip(r)
			q := r.URL.Query()
			if err == nil && strings.HasSuffix(r.URL.Path, "/configmaps") && r.Method == http.MethodGet && q.Get("resourceVersion") == "" {
				n.Add(1)
			}
			return resp, err
		})
	}
}

func TestAfterAGapTheWatchListsAgainAndFindsDeletions(t *testing.T) {
	for name, plain := range map[string]bool{"with streaming lists": false, "without streaming lists": true} {
		t.Run(name, func(t *testing.T) {
			cp := cptest.Shared(t)
			ns := cp.Namespace(t)
			direct := connect(t, cp.EngineConfig(t))
			var expired atomic.Bool
			rc := cp.EngineConfig(t)
			rc.Wrap(func(next http.RoundTripper) http.RoundTripper {
				return roundTripper(func(r *http.Request) (*http.Response, error) {
					q := r.URL.Query()
					switch {
					case plain && q.Get("sendInitialEvents") != "":
						return refusal(http.StatusUnprocessableEntity, metav1.StatusReasonInvalid), nil
					case q.Get("watch") == "true" && q.Get("resourceVersion") != "" && expired.CompareAndSwap(true, false):
						return refusal(http.StatusGone, metav1.StatusReasonExpired), nil
					}
					return next.RoundTrip(r)
				})
			})
			line, rc := newCable(t, rc)
			c := connect(t, rc)
			kept := apply(t, direct, owned(configMap(ns, "kept", "a")))
			gone := apply(t, direct, owned(configMap(ns, "gone", "a")))
			again := apply(t, direct, owned(configMap(ns, "again", "a")))
			r := newRecorder()
			secrets := schema.GroupVersionKind{Version: "v1", Kind: "Secret"}
			c.EnsureWatch(secrets, newRecorder())
			c.EnsureWatch(configMaps, r)
			if err := c.WaitSynced(t.Context(), configMaps); err != nil {
				t.Fatal(err)
			}
			if err := c.WaitSynced(t.Context(), secrets); err != nil {
				t.Fatal(err)
			}
			line.sever()
			for _, u := range []object.ID{object.Of(gone), object.Of(again)} {
				if err := direct.Delete(t.Context(), configMaps, u, object.Preconditions{Owner: shop}); err != nil {
					t.Fatal(err)
				}
			}
			fresh := apply(t, direct, owned(configMap(ns, "again", "b")))
			cptest.Eventually(t, patience, "the losses are told", func() bool { return !c.Synced(configMaps) && !c.Synced(secrets) })
			expired.Store(true)
			line.mend()
			cptest.Eventually(t, patience, "it has caught up", func() bool {
				return c.Synced(configMaps) && r.count("Deleted "+object.Of(gone).String()) == 1
			})
			cptest.Eventually(t, patience, "the new object of an old name is known", func() bool {
				r.mu.Lock()
				defer r.mu.Unlock()
				u := r.last[object.Of(again)]
				return u != nil && u.GetUID() == fresh.GetUID()
			})
			if n := r.count("Deleted " + object.Of(kept).String()); n != 0 {
				t.Error("an object that was there all the time was told as deleted")
			}
		})
	}
}

func TestAnAPIServerThatAsksForAMomentIsNoLoss(t *testing.T) {
	cp := cptest.Shared(t)
	ns := cp.Namespace(t)
	rc := cp.EngineConfig(t)
	var asked atomic.Int32
	rc.Wrap(func(next http.RoundTripper) http.RoundTripper {
		return roundTripper(func(r *http.Request) (*http.Response, error) {
			if r.URL.Query().Get("watch") == "true" && asked.Add(1) <= 3 {
				return refusal(http.StatusTooManyRequests, metav1.StatusReasonTooManyRequests), nil
			}
			return next.RoundTrip(r)
		})
	})
	c := connect(t, rc)
	r := newRecorder()
	c.EnsureWatch(configMaps, r)
	apply(t, c, owned(configMap(ns, "one", "a")))
	if err := c.WaitSynced(t.Context(), configMaps); err != nil {
		t.Fatal(err)
	}
	cptest.Eventually(t, patience, "the sink is told", func() bool {
		r.mu.Lock()
		defer r.mu.Unlock()
		return r.synced > 0
	})
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.lost) > 0 || r.synced != 1 || asked.Load() < 4 {
		t.Errorf("lost %v, synced %d times, asked %d times", r.lost, r.synced, asked.Load())
	}
}

// refusal is an answer of the API server.
func refusal(code int, reason metav1.StatusReason) *http.Response {
	w := httptest.NewRecorder()
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(metav1.Status{TypeMeta: metav1.TypeMeta{Kind: "Status", APIVersion: "v1"},
		Status: metav1.StatusFailure, Code: int32(code), Reason: reason, Message: string(reason)})
	return w.Result()
}

func TestKindThatComesAndGoes(t *testing.T) {
	c, ns := shared(t)
	group := strings.TrimPrefix(ns, "t-") + ".example.com"
	widgets := schema.GroupVersionKind{Group: group, Version: "v1", Kind: "Widget"}
	r := newRecorder()
	c.EnsureWatch(widgets, r)
	crd := parse(t, "", `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: widgets.`+group+`}
spec:
  group: `+group+`
  scope: Namespaced
  names: {kind: Widget, plural: widgets, singular: widget, listKind: WidgetList}
  versions:
  - {name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}}`)
	shop.Stamp(crd)
	live := apply(t, c, crd)
	cptest.Eventually(t, patience, "the kind is known", func() bool {
		namespaced, known := c.Scope(widgets)
		return namespaced && known
	})
	cptest.Eventually(t, patience, "the kind is watched", func() bool { return c.Synced(widgets) })
	one := parse(t, ns, "{apiVersion: "+group+"/v1, kind: Widget, metadata: {name: one}}")
	shop.Stamp(one)
	apply(t, c, one)
	id := object.Of(one)
	cptest.Eventually(t, patience, "the object is seen", func() bool { return r.count("Added "+id.String()) == 1 })
	if err := c.Delete(t.Context(), live.GroupVersionKind(), object.Of(live), object.Preconditions{Owner: shop}); err != nil {
		t.Fatal(err)
	}
	cptest.Eventually(t, patience, "its end is seen", func() bool { return r.count("Deleted "+id.String()) == 1 })
	cptest.Eventually(t, patience, "the kind is forgotten", func() bool {
		_, known := c.Scope(widgets)
		return !known && !c.Synced(widgets)
	})
}
