package speed

import (
	"fmt"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"plumb.cd/plumb/internal/cptest"
	"plumb.cd/plumb/internal/engine"
	"plumb.cd/plumb/internal/gittest"
	"plumb.cd/plumb/internal/render"
	"plumb.cd/plumb/test/enginelab"
)

// TestOneChangeOfValuesReachesEveryCluster has one control plane under many names, and one name that nothing answers to.
func TestOneChangeOfValuesReachesEveryCluster(t *testing.T) {
	t.Parallel()
	const n = 20
	cp := cptest.Start(t, cptest.WithNodes(1), cptest.WithAudit())
	namespace := cp.Namespace(t)
	l := enginelab.New(t, cp)
	raw, err := os.ReadFile(cp.EngineKubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	repo := gittest.NewRepo(t)
	head := repo.Commit("main", "start", gittest.Files{
		"chart/Chart.yaml": "apiVersion: v2\nname: chart\nversion: 1.0.0\n", "chart/values.yaml": "rev: \"0\"\n",
		"chart/templates/cm.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: {{ .Release.Name }}}\ndata: {value: {{ .Values.rev | quote }}}\n",
		"values/common.yaml":      "rev: \"1\"\n",
	})
	l.Repository("fleet", repo.Dir)
	put := func(name, cluster string) {
		a := auto(namespace, "fleet", "chart")
		a.Cluster = cluster
		a.Sources[0].Render.Helm = render.HelmOptions{ReleaseName: name, ValuesFiles: []string{"/values/common.yaml"}}
		l.Put(name, a)
	}
	var names []string
	for i := range n {
		name := fmt.Sprintf("c-%02d", i)
		names = append(names, name)
		l.SetTarget(engine.Target{Name: name, Generation: 1, Kubeconfig: raw})
		put(name, name)
	}
	l.SetTarget(engine.Target{Name: "down", Generation: 1, Kubeconfig: []byte(strings.ReplaceAll(string(raw), cp.Server, "https://"+silent(t)))})
	put("lost", "down")
	value := func() map[string]int {
		list, err := cp.Client(t).CoreV1().ConfigMaps(namespace).List(t.Context(), metav1.ListOptions{LabelSelector: "plumb.cd/app"})
		if err != nil {
			t.Fatal(err)
		}
		out := map[string]int{}
		for _, m := range list.Items {
			out[m.Data["value"]]++
		}
		return out
	}
	l.UntilSynced(t, head, names...)
	if got := value(); !maps.Equal(got, map[string]int{"1": n}) {
		t.Errorf("the values are %v", got)
	}
	rendered := l.Renderer.Count()
	_, mark := askedSince(t, cp, 0)
	head = repo.Commit("main", "for all", gittest.Files{"values/common.yaml": "rev: \"2\"\n"})
	l.Look()
	l.UntilSynced(t, head, names...)
	if got := value(); !maps.Equal(got, map[string]int{"2": n}) {
		t.Errorf("after one change of values, they are %v", got)
	}
	now, _ := askedSince(t, cp, mark)
	asked := map[string]int{}
	for _, a := range now {
		asked[a.verb]++
	}
	t.Logf("%d renders and %v for %d clusters", l.Renderer.Count()-rendered, asked, n)
	if got := l.Renderer.Count() - rendered; got > n {
		t.Errorf("%d renders for %d clusters", got, n)
	}
	if asked["patch"] != n || asked["list"]+asked["get"] > 0 {
		t.Errorf("one change of values on %d clusters made us %v", n, asked)
	}
	if s, _ := l.Snapshot(enginelab.Key("lost")); s.State == engine.StateSynced {
		t.Error("the App of the cluster that is down is Synced: the test tests nothing")
	}
}

// TestAppsOfOneRepositoryShareOneLookAtGit counts the requests at the Git server.
func TestAppsOfOneRepositoryShareOneLookAtGit(t *testing.T) {
	t.Parallel()
	const many = 50
	cp := cptest.Shared(t)
	namespace := cp.Namespace(t)
	l := enginelab.New(t, cp)
	root := t.TempDir()
	repo := gittest.NewRepoAt(t, filepath.Join(root, "mono.git"))
	server := gittest.ServeHTTP(t, root, gittest.HTTPOptions{})
	at, err := url.JoinPath(server.URL, "mono.git")
	if err != nil {
		t.Fatal(err)
	}
	files := gittest.Files{}
	for i := range many {
		files[fmt.Sprintf("app-%02d/a.yaml", i)] = configMap(fmt.Sprintf("app-%02d", i), "1")
	}
	head := repo.Commit("main", "start", files)
	l.Repository("mono", at)
	var names []string
	look := func(message string) int64 {
		head = repo.Commit("main", message, gittest.Files{"app-00/a.yaml": configMap("app-00", message)})
		before := server.Requests()
		l.Look()
		l.UntilSynced(t, head, names...)
		return server.Requests() - before
	}
	put := func(from, to int) {
		for i := from; i < to; i++ {
			name := fmt.Sprintf("app-%02d", i)
			names = append(names, name)
			l.Put(name, auto(namespace, "mono", name))
		}
		l.UntilSynced(t, head, names...)
	}
	put(0, 1)
	one := look("one")
	put(1, many)
	all := look("many")
	t.Logf("a commit costs %d requests at the Git server with one App, and %d with %d", one, all, many)
	if one == 0 || all > one {
		t.Errorf("a commit costs %d requests at the Git server with one App, and %d with %d", one, all, many)
	}
}
