package harness

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"plumb.cd/plumb/api/v1alpha1"
	"plumb.cd/plumb/internal/cptest"
	"plumb.cd/plumb/internal/git"
	"plumb.cd/plumb/internal/gittest"
	"plumb.cd/plumb/internal/history"
	"plumb.cd/plumb/internal/install"
	"plumb.cd/plumb/internal/object"
	"plumb.cd/plumb/internal/server"
)

// Within is how long a test waits for what should take a moment. It is generous: tests run side by side.
const Within = 90 * time.Second

// Env is what one test works with: a namespace that it has for itself, in which its Apps and, unless they say something
// else, their objects are.
type Env struct {
	*Lab
	Namespace string
	t         testing.TB
}

// Env makes a namespace for a test.
func (l *Lab) Env(t testing.TB) *Env {
	t.Helper()
	return l.In(t, l.CP.Namespace(t))
}

// In is Env for a namespace that is there.
func (l *Lab) In(t testing.TB, namespace string) *Env {
	t.Helper()
	e := &Env{Lab: l, Namespace: namespace, t: t}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the daemon's log about %s:\n%s", e.Namespace, l.current.log.match([]string{e.Namespace}, 60))
		}
	})
	return e
}

// Eventually polls until done is true, for at most Within.
func (e *Env) Eventually(what string, done func() bool) {
	e.t.Helper()
	cptest.Eventually(e.t, Within, what, done)
}

// Apply applies YAML documents as a person with kubectl apply --server-side would.
func (e *Env) Apply(text string) {
	e.t.Helper()
	objects, err := install.Objects([]byte(text))
	if err != nil {
		e.t.Fatal(err)
	}
	for _, u := range objects {
		e.send(u, "kubectl", nil)
	}
}

func (e *Env) send(u *unstructured.Unstructured, manager string, options []client.ApplyOption) {
	e.t.Helper()
	if u.GetNamespace() == "" && u.GetKind() != "Namespace" && u.GetKind() != "Cluster" && u.GetKind() != "CustomResourceDefinition" {
		u.SetNamespace(e.Namespace)
	}
	options = append(options, client.FieldOwner(manager), client.ForceOwnership)
	if err := e.hub.Apply(e.t.Context(), client.ApplyConfigurationFromUnstructured(u), options...); err != nil {
		e.t.Fatalf("applying %s: %v", object.Of(u), err)
	}
}

// App applies an App; spec is YAML. The objects go to the namespace of the test unless spec says something else.
func (e *Env) App(name, spec string) {
	e.t.Helper()
	var fields map[string]any
	if err := yaml.Unmarshal([]byte(spec), &fields); err != nil {
		e.t.Fatalf("%v in\n%s", err, spec)
	}
	if fields["destination"] == nil {
		fields["destination"] = map[string]any{"namespace": e.Namespace}
	}
	e.send(&unstructured.Unstructured{Object: map[string]any{
		"apiVersion": v1alpha1.GroupVersion.String(), "kind": "App",
		"metadata": map[string]any{"name": name}, "spec": fields,
	}}, "kubectl", nil)
}

// Repo is a Git repository and the Repository of that name.
type Repo struct {
	*gittest.Repo
	Name string
	e    *Env
	last string
}

const webhookSecret = "e2e-webhook-secret-0123456789"

// Repo makes a Git repository with one commit of files on main, and a Repository that is told of commits by a webhook.
func (e *Env) Repo(name string, files gittest.Files) *Repo {
	e.t.Helper()
	r := &Repo{Repo: gittest.NewRepo(e.t), Name: name, e: e}
	r.last = r.Repo.Commit("main", "start", files)
	e.Apply(fmt.Sprintf(`
apiVersion: v1
kind: Secret
metadata: {name: webhook-%[1]s}
stringData: {secret: %[2]s}
---
apiVersion: plumb.cd/v1alpha1
kind: Repository
metadata: {name: %[1]s}
spec:
  url: %[3]s
  interval: 1h
  webhook: {secretRef: {name: webhook-%[1]s}}
`, name, webhookSecret, r.Dir))
	return r
}

// Head is the last commit on main.
func (r *Repo) Head() string { return r.last }

// Push adds a commit to main and sends the webhook. It returns the commit.
func (r *Repo) Push(message string, files gittest.Files) string {
	r.e.t.Helper()
	r.last = r.Repo.Commit("main", message, files)
	r.Notify()
	return r.last
}

// Notify sends the signed webhook that says that the repository has news.
func (r *Repo) Notify() {
	r.e.t.Helper()
	body := fmt.Appendf(nil, `{"repository":%q}`, r.Dir)
	r.e.Eventually("the webhook is accepted", func() bool {
		req, err := http.NewRequestWithContext(r.e.t.Context(), http.MethodPost, "http://"+r.e.Address()+"/webhook", bytes.NewReader(body))
		if err != nil {
			r.e.t.Fatal(err)
		}
		req.Header.Set(git.SignatureHeader, git.SignWebhook([]byte(webhookSecret), body))
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			return false
		}
		res.Body.Close()
		return res.StatusCode == http.StatusAccepted
	})
}

// Object is an object of the hub, which is also the cluster in-cluster. Without a namespace it is that of the test.
func (e *Env) ref(apiVersion, kind, name string) *unstructured.Unstructured {
	u := &unstructured.Unstructured{}
	u.SetGroupVersionKind(schema.FromAPIVersionAndKind(apiVersion, kind))
	if ns, n, ok := strings.Cut(name, "/"); ok {
		u.SetNamespace(ns)
		name = n
	} else if kind != "Namespace" && kind != "CustomResourceDefinition" && !strings.HasPrefix(kind, "Cluster") {
		u.SetNamespace(e.Namespace)
	}
	u.SetName(name)
	return u
}

// Get reads an object; nil when there is none. name is NAME, in the namespace of the test, or NAMESPACE/NAME ("/NAME"
// for a kind without namespace).
func (e *Env) Get(apiVersion, kind, name string) *unstructured.Unstructured {
	e.t.Helper()
	u := e.ref(apiVersion, kind, name)
	err := e.hub.Get(e.t.Context(), client.ObjectKeyFromObject(u), u)
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		e.t.Fatal(err)
	}
	return u
}

// Must is Get for an object that has to be there.
func (e *Env) Must(apiVersion, kind, name string) *unstructured.Unstructured {
	e.t.Helper()
	u := e.Get(apiVersion, kind, name)
	if u == nil {
		e.t.Fatalf("there is no %s %s", kind, name)
	}
	return u
}

// Patch sends a strategic merge patch (a merge patch for custom resources), as YAML, under the name of a field manager:
// "kubectl-edit", "kubectl-set", "kubectl-patch".
func (e *Env) Patch(apiVersion, kind, name, manager, patch string) {
	e.t.Helper()
	raw, err := yaml.YAMLToJSON([]byte(patch))
	if err != nil {
		e.t.Fatal(err)
	}
	u := e.ref(apiVersion, kind, name)
	how := client.RawPatch("application/strategic-merge-patch+json", raw)
	if strings.Contains(u.GroupVersionKind().Group, ".") && !strings.HasSuffix(u.GroupVersionKind().Group, ".k8s.io") {
		how = client.RawPatch("application/merge-patch+json", raw)
	}
	if err := e.hub.Patch(e.t.Context(), u, how, client.FieldOwner(manager)); err != nil {
		e.t.Fatalf("patching %s: %v", name, err)
	}
}

// JSONPatch sends a JSON patch under the name of a field manager.
func (e *Env) JSONPatch(apiVersion, kind, name, manager, patch string) {
	e.t.Helper()
	err := e.hub.Patch(e.t.Context(), e.ref(apiVersion, kind, name), client.RawPatch("application/json-patch+json", []byte(patch)), client.FieldOwner(manager))
	if err != nil {
		e.t.Fatalf("patching %s: %v", name, err)
	}
}

// Scale sets the replicas of a Deployment through its scale subresource, under the name of a field manager.
func (e *Env) Scale(name string, replicas int, manager string) {
	e.t.Helper()
	patch := client.RawPatch("application/merge-patch+json", fmt.Appendf(nil, `{"spec":{"replicas":%d}}`, replicas))
	if err := e.hub.SubResource("scale").Patch(e.t.Context(), e.ref("apps/v1", "Deployment", name), patch, client.FieldOwner(manager)); err != nil {
		e.t.Fatalf("scaling %s: %v", name, err)
	}
}

// Delete deletes an object, as a person would.
func (e *Env) Delete(apiVersion, kind, name string) {
	e.t.Helper()
	if err := e.hub.Delete(e.t.Context(), e.ref(apiVersion, kind, name)); err != nil {
		e.t.Fatal(err)
	}
}

// Hub is a client of the administrator.
func (e *Env) Hub() client.Client { return e.hub }

// Status is the App resource as it stands.
func (e *Env) Status(app string) v1alpha1.App {
	e.t.Helper()
	var a v1alpha1.App
	if err := e.hub.Get(e.t.Context(), client.ObjectKey{Namespace: e.Namespace, Name: app}, &a); err != nil {
		e.t.Fatal(err)
	}
	return a
}

// Until waits until the App's status, which speaks about its current spec, is as done says, and returns it.
func (e *Env) Until(app, what string, done func(v1alpha1.AppStatus) bool) v1alpha1.AppStatus {
	e.t.Helper()
	var last v1alpha1.App
	deadline := time.After(Within)
	tick := time.NewTicker(25 * time.Millisecond)
	defer tick.Stop()
	for {
		last = e.Status(app)
		if last.Status.ObservedGeneration == last.Generation && done(last.Status) {
			return last.Status
		}
		select {
		case <-tick.C:
		case <-deadline:
			last.Status.Memory = nil
			raw, _ := yaml.Marshal(last.Status) // of what was read from JSON
			e.t.Fatalf("not within %v: App %s %s; its generation is %d and its status is\n%s", Within, app, what, last.Generation, raw)
		}
	}
}

// WaitState waits for a state of the App.
func (e *Env) WaitState(app, state string) v1alpha1.AppStatus {
	e.t.Helper()
	return e.Until(app, "is "+state, func(s v1alpha1.AppStatus) bool { return s.State == state })
}

// WaitReason waits for a state and reason of the App.
func (e *Env) WaitReason(app, state, reason string) v1alpha1.AppStatus {
	e.t.Helper()
	return e.Until(app, "is "+state+" because of "+reason, func(s v1alpha1.AppStatus) bool { return s.State == state && s.Reason == reason })
}

// WaitSynced waits until the App is Synced at a commit.
func (e *Env) WaitSynced(app, commit string) v1alpha1.AppStatus {
	e.t.Helper()
	return e.Until(app, "is Synced at "+commit, func(s v1alpha1.AppStatus) bool {
		return s.State == "Synced" && s.Revision != nil && s.Revision.Applied == commit && s.Revision.Desired == commit
	})
}

// View is an App in the API.
func (e *Env) View(app string) server.AppView {
	e.t.Helper()
	var v server.AppView
	e.MustCall(http.MethodGet, "/api/v1/apps/"+e.Namespace+"/"+app, nil, &v)
	return v
}

// Do makes a call about an App, such as "sync" or "hold", and returns the id of the request.
func (e *Env) Do(app, call string, body any) string {
	e.t.Helper()
	var accepted server.Accepted
	e.MustCall(http.MethodPost, "/api/v1/apps/"+e.Namespace+"/"+app+"/"+call, body, &accepted)
	return accepted.ID
}

// MustCall is Call for what has to be answered well.
func (e *Env) MustCall(method, path string, body, into any) {
	e.t.Helper()
	if err := e.Call(method, path, body, into); err != nil {
		e.t.Fatalf("%s %s: %v", method, path, err)
	}
}

// Call makes a call of the API with the local token. The API's own errors are server.Problem.
func (e *Env) Call(method, path string, body, into any) error {
	var in io.Reader
	if body != nil {
		raw, err := json.Marshal(body)
		if err != nil {
			return err
		}
		in = bytes.NewReader(raw)
	}
	req, err := http.NewRequestWithContext(e.t.Context(), method, "http://"+e.Address()+path, in)
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+localToken)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		return err
	}
	if res.StatusCode >= 300 {
		p := server.Problem{Status: res.StatusCode}
		if json.Unmarshal(raw, &p) != nil || p.Message == "" {
			p.Message = string(raw)
		}
		p.Status = res.StatusCode
		return p
	}
	if into == nil {
		return nil
	}
	return json.Unmarshal(raw, into)
}

// History gives the App's records of the kinds (none: of all), the newest first.
func (e *Env) History(app string, kinds ...history.Kind) []history.Event {
	e.t.Helper()
	q := url.Values{"limit": {"1000"}}
	for _, k := range kinds {
		q.Add("kind", string(k))
	}
	var list server.List[history.Event]
	e.MustCall(http.MethodGet, "/api/v1/apps/"+e.Namespace+"/"+app+"/history?"+q.Encode(), nil, &list)
	return list.Items
}

// Field reads a field of an object; nil when it has none.
func Field(u *unstructured.Unstructured, path ...string) any {
	if u == nil {
		return nil
	}
	v, _, _ := unstructured.NestedFieldNoCopy(u.Object, path...) // what is no map on the way has no such field
	return v
}

// Merge joins sets of files.
func Merge(sets ...gittest.Files) gittest.Files {
	out := gittest.Files{}
	for _, s := range sets {
		maps.Copy(out, s)
	}
	return out
}
