package speed

import (
	"fmt"
	"net"
	"sync"
	"testing"

	"plumb.cd/plumb/internal/gittest"
	"plumb.cd/plumb/test/e2e/harness"
)

// silent accepts connections and never says a word, as a server that hangs does.
func silent(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var open []net.Conn
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			open = append(open, c)
			mu.Unlock()
		}
	}()
	t.Cleanup(func() {
		l.Close()
		<-done
		mu.Lock()
		defer mu.Unlock()
		for _, c := range open {
			c.Close()
		}
	})
	return l.Addr().String()
}

// TestBadNeighboursHoldNobodyUp has Apps that fail in every way beside Apps that are well, whose commits and drift are looked
// after as if they were alone: before any of the bad ones gets anywhere, which is never.
func TestBadNeighboursHoldNobodyUp(t *testing.T) {
	t.Parallel()
	const good, bad = 20, 12
	p := harness.NewLab(t).Env(t)
	hanging := silent(t)
	files := gittest.Files{"bad-render/a.yaml": "kind: [\n", "bad-object/a.yaml": "apiVersion: v1\nkind: Service\nmetadata: {name: refused}\nspec: {ports: [{port: 99999}]}\n",
		"bad-health/a.yaml": "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: never}\nspec:\n  selector: {matchLabels: {app: never}}\n" +
			"  template: {metadata: {labels: {app: never}}, spec: {containers: [{name: main, image: web:never-ready}]}}\n"}
	for i := range good {
		files[fmt.Sprintf("good-%02d/a.yaml", i)] = configMap(fmt.Sprintf("good-%02d", i), "0")
	}
	repo := p.Repo("shop", files)
	p.Apply(fmt.Sprintf(`
apiVersion: plumb.cd/v1alpha1
kind: Repository
metadata: {name: hanging}
spec: {url: "http://%[1]s/hanging.git", interval: 1m}
---
apiVersion: v1
kind: Secret
metadata: {name: hanging}
stringData:
  kubeconfig: |
    apiVersion: v1
    kind: Config
    current-context: c
    clusters: [{name: c, cluster: {server: "https://%[1]s", insecure-skip-tls-verify: true}}]
    users: [{name: c, user: {token: none}}]
    contexts: [{name: c, context: {cluster: c, user: c}}]
---
apiVersion: plumb.cd/v1alpha1
kind: Cluster
metadata: {name: %[2]s}
spec: {kubeconfig: {name: hanging, namespace: %[2]s}}
`, hanging, p.Namespace))
	for i := range bad {
		name := fmt.Sprintf("bad-%02d", i)
		to := ", path: " + []string{"bad-render", "bad-object", "bad-health"}[i%3]
		switch i % 4 {
		case 0:
			p.App(name, "source: {repository: hanging, path: x}")
		case 1:
			p.App(name, fmt.Sprintf("source: {repository: shop, path: good-00}\ndestination: {cluster: %s, namespace: default}", p.Namespace))
		default:
			p.App(name, "source: {repository: shop"+to+"}")
		}
	}
	for i := range good {
		name := fmt.Sprintf("good-%02d", i)
		p.App(name, "source: {repository: shop, path: "+name+"}")
	}
	for i := range good {
		p.WaitSynced(fmt.Sprintf("good-%02d", i), repo.Head())
	}
	for round := 1; round <= 3; round++ {
		next := gittest.Files{"bad-render/a.yaml": fmt.Sprintf("kind: [ # %d\n", round)}
		for i := range good {
			next[fmt.Sprintf("good-%02d/a.yaml", i)] = configMap(fmt.Sprintf("good-%02d", i), fmt.Sprint(round))
		}
		head := repo.Push(fmt.Sprintf("round %d", round), next)
		for i := range good {
			p.WaitSynced(fmt.Sprintf("good-%02d", i), head)
		}
		edited := fmt.Sprintf("good-%02d", round) // another one each time: the same field again and again is a fight
		p.Patch("v1", "ConfigMap", edited, "kubectl-edit", "data: {value: mine}")
		p.Eventually(fmt.Sprintf("in round %d, drift is undone beside bad neighbours", round), func() bool {
			return harness.Field(p.Must("v1", "ConfigMap", edited), "data", "value") == fmt.Sprint(round)
		})
	}
	for i := range bad {
		if s := p.Status(fmt.Sprintf("bad-%02d", i)).Status; s.State == "Synced" {
			t.Errorf("bad-%02d is Synced: the test tests nothing", i)
		}
	}
}
