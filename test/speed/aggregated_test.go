package speed

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"sigs.k8s.io/yaml"

	"plumb.cd/plumb/internal/gittest"
	"plumb.cd/plumb/test/e2e/harness"
)

// things is an aggregated API server of one kind, Thing, as small as such servers are: it keeps no managedFields, streams no
// initial events, and applies by taking what it is given.
type things struct {
	group string

	mu      sync.Mutex
	version int
	objects map[string]map[string]any // by namespace/name
	events  []map[string]any          // of all watches, in order
	more    chan struct{}             // closed when there are more
	patches int
}

func newThings(group string) *things {
	return &things{group: group, objects: map[string]map[string]any{}, more: make(chan struct{})}
}

func answer(w http.ResponseWriter, code int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(v) // whoever went away needs no answer
}

func failure(w http.ResponseWriter, code int, reason string) {
	answer(w, code, map[string]any{"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": reason, "code": code, "message": reason})
}

// ServeHTTP answers what the aggregation layer passes on.
func (s *things) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	root := "/apis/" + s.group + "/v1"
	rest, mine := strings.CutPrefix(r.URL.Path, root)
	parts := strings.Split(strings.Trim(rest, "/"), "/")
	switch {
	case mine && rest == "":
		answer(w, http.StatusOK, map[string]any{"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": s.group + "/v1", "resources": []any{map[string]any{
			"name": "things", "singularName": "thing", "namespaced": true, "kind": "Thing", "verbs": []string{"get", "list", "watch", "patch", "create", "delete"},
		}}})
	case mine && parts[len(parts)-1] == "things" && r.URL.Query().Has("watch"):
		s.watch(w, r)
	case mine && parts[len(parts)-1] == "things" && r.Method == http.MethodGet:
		s.list(w)
	case mine && len(parts) == 4:
		s.one(w, r, parts[1], parts[3])
	default:
		failure(w, http.StatusNotFound, "NotFound")
	}
}

func (s *things) list(w http.ResponseWriter) {
	s.mu.Lock()
	defer s.mu.Unlock()
	items := []any{}
	for _, k := range slices.Sorted(maps.Keys(s.objects)) {
		items = append(items, s.objects[k])
	}
	answer(w, http.StatusOK, map[string]any{
		"kind": "ThingList", "apiVersion": s.group + "/v1", "metadata": map[string]any{"resourceVersion": strconv.Itoa(s.version)}, "items": items,
	})
}

func (s *things) watch(w http.ResponseWriter, r *http.Request) {
	if r.URL.Query().Has("resourceVersionMatch") { // as API servers without watch-list say
		failure(w, http.StatusUnprocessableEntity, "Invalid")
		return
	}
	from, _ := strconv.Atoi(r.URL.Query().Get("resourceVersion")) // 0: everything
	w.Header().Set("Content-Type", "application/json")
	flush := http.NewResponseController(w)
	out := json.NewEncoder(w)
	_ = flush.Flush() // the stream begins
	for next := 0; ; {
		s.mu.Lock()
		news, more := s.events[next:], s.more
		s.mu.Unlock()
		for _, e := range news {
			next++
			version, _ := strconv.Atoi(field(e["object"], "metadata", "resourceVersion"))
			if version > from && out.Encode(e) != nil {
				return
			}
		}
		_ = flush.Flush() // who went away is seen below
		select {
		case <-r.Context().Done():
			return
		case <-more:
		}
	}
}

func field(v any, path ...string) string {
	for _, p := range path {
		m, _ := v.(map[string]any)
		v = m[p]
	}
	s, _ := v.(string)
	return s
}

func (s *things) one(w http.ResponseWriter, r *http.Request, namespace, name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	key := namespace + "/" + name
	have, ok := s.objects[key]
	switch {
	case r.Method == http.MethodPatch:
		raw, err := io.ReadAll(r.Body)
		next := map[string]any{}
		if err == nil {
			err = yaml.Unmarshal(raw, &next)
		}
		if err != nil {
			failure(w, http.StatusBadRequest, "BadRequest")
			return
		}
		s.patch(w, r, key, have, next)
	case !ok:
		failure(w, http.StatusNotFound, "NotFound")
	case r.Method == http.MethodDelete:
		delete(s.objects, key)
		s.tell("DELETED", have)
		answer(w, http.StatusOK, map[string]any{"kind": "Status", "apiVersion": "v1", "status": "Success"})
	default:
		answer(w, http.StatusOK, have)
	}
}

// patch takes what was applied. s.mu is held.
func (s *things) patch(w http.ResponseWriter, r *http.Request, key string, have, next map[string]any) {
	meta, _ := next["metadata"].(map[string]any)
	meta["uid"] = fmt.Sprintf("%s-%d", strings.ReplaceAll(key, "/", "-"), s.version+1)
	kind := "ADDED"
	if have != nil {
		kind, meta["uid"] = "MODIFIED", field(have, "metadata", "uid")
	}
	meta["creationTimestamp"] = "2026-01-01T00:00:00Z"
	meta["resourceVersion"] = strconv.Itoa(s.version)
	if !r.URL.Query().Has("dryRun") {
		s.patches++
		s.objects[key] = next
		s.tell(kind, next)
	}
	answer(w, http.StatusOK, next)
}

// tell adds an event. s.mu is held.
func (s *things) tell(kind string, object map[string]any) {
	s.version++
	told := maps.Clone(object)
	meta, _ := object["metadata"].(map[string]any)
	meta["resourceVersion"] = strconv.Itoa(s.version)
	told["metadata"] = maps.Clone(meta)
	s.events = append(s.events, map[string]any{"type": kind, "object": told})
	close(s.more)
	s.more = make(chan struct{})
}

func (s *things) get(key string) map[string]any {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.objects[key]
}

func thing(group, name, size string) string {
	return fmt.Sprintf("apiVersion: %s/v1\nkind: Thing\nmetadata: {name: %s}\nspec: {size: %q}\n", group, name, size)
}

// register tells the API server where the aggregated one is.
func register(p *harness.Env, group, address string) {
	_, port, _ := strings.Cut(address, ":")
	p.Apply(fmt.Sprintf(`
apiVersion: v1
kind: Service
metadata: {name: aggregated}
spec: {type: ExternalName, externalName: localhost, ports: [{port: %[3]s}]}
---
apiVersion: apiregistration.k8s.io/v1
kind: APIService
metadata: {name: v1.%[1]s, namespace: ""}
spec:
  group: %[1]s
  version: v1
  groupPriorityMinimum: 100
  versionPriority: 100
  insecureSkipTLSVerify: true
  service: {name: aggregated, namespace: %[2]s, port: %[3]s}
`, group, p.Namespace, port))
}

// TestAnAggregatedAPIThatHangsHurtsNobodyAndIsUsedWhenItAnswers registers an API whose server says nothing, and lets it answer
// later.
func TestAnAggregatedAPIThatHangsHurtsNobodyAndIsUsedWhenItAnswers(t *testing.T) {
	t.Parallel()
	const group = "things.speed.test"
	p := harness.NewLab(t).Env(t)
	l, err := net.Listen("tcp", "127.0.0.1:0") // connections are made and nobody answers
	if err != nil {
		t.Fatal(err)
	}
	register(p, group, l.Addr().String())
	repo := p.Repo("shop", gittest.Files{"calm/c.yaml": configMap("calm", "1"), "things/t.yaml": thing(group, "t", "1")})
	p.App("things", "source: {repository: shop, path: things}")
	p.App("calm", "source: {repository: shop, path: calm}")
	p.WaitSynced("calm", repo.Head())
	p.Patch("v1", "ConfigMap", "calm", "kubectl-edit", "data: {value: mine}")
	p.Eventually("drift is undone beside an API that hangs", func() bool {
		return harness.Field(p.Must("v1", "ConfigMap", "calm"), "data", "value") == "1"
	})
	head := repo.Push("two", gittest.Files{"calm/c.yaml": configMap("calm", "2")})
	p.WaitSynced("calm", head)
	if s := p.Status("things").Status; s.State == "Synced" {
		t.Fatal("the App of the API that hangs is Synced")
	}

	t.Log("the server answers")
	s := newThings(group)
	server := &httptest.Server{Listener: l, Config: &http.Server{Handler: s}}
	server.StartTLS()
	t.Cleanup(server.CloseClientConnections)
	p.WaitState("things", "Synced")
	key := p.Namespace + "/t"
	if got := field(s.get(key), "spec", "size"); got != "1" {
		t.Errorf("the Thing has size %q", got)
	}
	head = repo.Push("three", gittest.Files{"things/t.yaml": thing(group, "t", "2")})
	p.Eventually("a commit reaches the aggregated API", func() bool { return field(s.get(key), "spec", "size") == "2" })
	p.WaitSynced("things", head)
	s.mu.Lock()
	gone := s.objects[key]
	delete(s.objects, key)
	s.tell("DELETED", gone)
	s.mu.Unlock()
	p.Eventually("what was deleted is back", func() bool { return s.get(key) != nil })
	p.WaitCalm(calm)
	s.mu.Lock()
	patches := s.patches
	s.mu.Unlock()
	if patches > 8 {
		t.Errorf("%d writes for one object, a commit and a deletion", patches)
	}
}
