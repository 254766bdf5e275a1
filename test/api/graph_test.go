package api

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"plumb.cd/plumb/internal/gittest"
	"plumb.cd/plumb/internal/httpapi"
	"plumb.cd/plumb/test/e2e/harness"
)

func nodes(g httpapi.Graph, match func(httpapi.Node) bool) []httpapi.Node {
	return slices.DeleteFunc(slices.Clone(g.Nodes), func(n httpapi.Node) bool { return !match(n) })
}

func ofKind(kind string) func(httpapi.Node) bool {
	return func(n httpapi.Node) bool { return n.Kind == kind }
}

func TestTheGraphLeadsFromWhatWeApplyToWhatIsToBlame(t *testing.T) {
	t.Parallel()
	p := harness.Shared(t)
	var many strings.Builder
	for i := range 30 {
		fmt.Fprintf(&many, "---\n%s", configMap(fmt.Sprintf("c%02d", i), "k", "v"))
	}
	p.Repo("shop", gittest.Files{
		"a.yaml": documents(deployment("good", "shop/web:1.0", 25), deployment("bad", "shop/web:1.0-fail-pull", 2)), "many.yaml": many.String(),
	})
	p.App("shop", "source: {repository: shop}")
	known(p, "shop")
	var g httpapi.Graph
	p.Eventually("the cause is in the graph", func() bool {
		g = ask[httpapi.Graph](p, "shop", "graph")
		bad := nodes(g, func(n httpapi.Node) bool { return n.Kind == "Pod" && n.Health == "Degraded" })
		return len(bad) == 2 && len(nodes(g, func(n httpapi.Node) bool { return n.Kind == "Pod" && n.Folded == 25 })) == 1
	})
	if first := g.Nodes[0]; first.Name != "bad" || first.Kind != "Deployment" || first.Parent != "" || !first.Ours || first.File != "a.yaml:11" {
		t.Errorf("the worst comes first: %+v", first)
	}
	seen := map[string]bool{"": true}
	for _, n := range g.Nodes {
		if !seen[n.Parent] {
			t.Errorf("%s comes before its parent %s", n.ID, n.Parent)
		}
		seen[n.ID] = true
	}
	pods := nodes(g, func(n httpapi.Node) bool { return n.Kind == "Pod" && n.Folded == 0 })
	if len(pods) != 2 || !strings.Contains(pods[0].Message+pods[0].Reason, "ImagePull") || pods[0].Ours || pods[0].Created.IsZero() {
		t.Errorf("the Pods that are to blame: %+v", pods)
	}
	fold := nodes(g, func(n httpapi.Node) bool { return n.Kind == "ConfigMap" })
	if len(fold) != 1 || fold[0].Folded != 30 || fold[0].FoldedBy["Healthy"] != 30 {
		t.Errorf("30 siblings that are well are one node: %+v", fold)
	}
	if want := 2 + 2 + 27 + 30; g.Total != want {
		t.Errorf("there are %d objects, want %d", g.Total, want)
	}
	good := nodes(g, func(n httpapi.Node) bool { return n.Kind == "Deployment" && n.Name == "good" })
	if len(good) != 1 || !slices.Equal(good[0].Facts, []string{"25/25 ready", "web:1.0"}) {
		t.Errorf("what one sees of a Deployment: %+v", good)
	}
	opened := ask[httpapi.Graph](p, "shop", "graph", "expand", fold[0].ID)
	if n := len(nodes(opened, ofKind("ConfigMap"))); n != 30 {
		t.Errorf("opened, the node is %d", n)
	}
	ours := ask[httpapi.Graph](p, "shop", "graph", "depth", "1", "expand", fold[0].ID)
	if len(ours.Nodes) != 32 || len(nodes(ours, ofKind("Pod"))) != 0 {
		t.Errorf("what we apply is %d nodes", len(ours.Nodes))
	}

	var warned []httpapi.Event
	p.Eventually("the kubelet's words are told", func() bool {
		warned = ask[httpapi.List[httpapi.Event]](p, "shop", "events").Items
		return slices.ContainsFunc(warned, func(e httpapi.Event) bool {
			return e.Type == "Warning" && e.Reason == "Failed" && strings.HasPrefix(e.Object, "Pod/"+p.Namespace+"/bad-")
		})
	})
	if !slices.IsSortedFunc(warned, func(a, b httpapi.Event) int { return b.At.Compare(a.At) }) {
		t.Error("the newest event does not come first")
	}
	about := ask[httpapi.List[httpapi.Event]](p, "shop", "events", "object", pods[0].ID).Items
	if len(about) == 0 || slices.ContainsFunc(about, func(e httpapi.Event) bool { return e.Object != pods[0].ID }) {
		t.Errorf("about one Pod: %+v", about)
	}
	m := ask[httpapi.Manifest](p, "shop", "manifest", "object", pods[0].ID)
	if !strings.Contains(m.YAML, "kind: Pod") || !strings.Contains(m.YAML, "shop/web:1.0-fail-pull") {
		t.Errorf("a Pod's manifest is\n%s", m.YAML)
	}
}

// TestTheGraphOfThreeThousandObjectsIsSmall holds the budget of the console: 60 kB, compressed.
func TestTheGraphOfThreeThousandObjectsIsSmall(t *testing.T) {
	t.Parallel()
	p := harness.Shared(t)
	files := gittest.Files{}
	for f := range 30 {
		var text strings.Builder
		for i := range 95 {
			n := f*95 + i
			if n%10 == 0 {
				fmt.Fprintf(&text, "---\napiVersion: v1\nkind: ServiceAccount\nmetadata: {name: a%04d}\n", n)
			} else {
				fmt.Fprintf(&text, "---\n%s", configMap(fmt.Sprintf("c%04d", n), "k", "v"))
			}
		}
		files[fmt.Sprintf("f%02d.yaml", f)] = text.String()
	}
	for i := range 15 {
		image := "shop/web:1.0"
		if i%5 == 0 {
			image = "shop/web:1.0-fail-pull"
		}
		files[fmt.Sprintf("d%02d.yaml", i)] = deployment(fmt.Sprintf("d%02d", i), image, 8)
	}
	p.Repo("big", files)
	p.App("big", "source: {repository: big}")
	known(p, "big")
	var status int
	var body string
	p.Eventually("all is there", func() bool {
		var g httpapi.Graph
		p.MustCall(http.MethodGet, at(p, "big", "graph"), nil, &g)
		return g.Total == 3000 && len(nodes(g, func(n httpapi.Node) bool { return n.Kind == "Pod" && n.Health == "Degraded" })) == 24
	})
	began := time.Now()
	status, body = p.Read(at(p, "big", "graph"))
	took := time.Since(began)
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	if _, err := io.WriteString(z, body); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	t.Logf("the graph: %d bytes, %d compressed, in %s", len(body), packed.Len(), took)
	if status != http.StatusOK || packed.Len() > 60_000 {
		t.Errorf("%d: %d bytes compressed", status, packed.Len())
	}
	var before httpapi.Diff
	began = time.Now()
	p.MustCall(http.MethodGet, at(p, "big", "diff", "left", "git", "right", "live"), nil, &before)
	t.Logf("the difference of %d objects in %s", before.Compared, time.Since(began))
	if before.Compared < 2800 || before.QuietObjects < 15 {
		t.Errorf("compared %d, quiet %d", before.Compared, before.QuietObjects)
	}
}
