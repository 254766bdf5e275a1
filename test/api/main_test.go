// Package api tests the calls of the HTTP API about one App against a real control plane and a real daemon.
package api

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"plumb.cd/plumb/internal/fault"
	"plumb.cd/plumb/internal/httpapi"
	"plumb.cd/plumb/test/e2e/harness"
)

func TestMain(m *testing.M) { harness.Main(m) }

// ask makes a call about an App and reads its answer. query are pairs of name and value.
func ask[T any](p *harness.Env, app, call string, query ...string) T {
	var out T
	p.MustCall(http.MethodGet, at(p, app, call, query...), nil, &out)
	return out
}

func at(p *harness.Env, app, call string, query ...string) string {
	q := url.Values{}
	for i := 0; i+1 < len(query); i += 2 {
		q.Add(query[i], query[i+1])
	}
	path := "/api/v1/apps/" + p.Namespace + "/" + app + "/" + call
	if len(q) > 0 {
		path += "?" + q.Encode()
	}
	return path
}

// known waits until the daemon knows of an App that was just made.
func known(p *harness.Env, app string) {
	p.Eventually("the App is known, and its repository and cluster have answered", func() bool {
		status, _ := p.Read("/api/v1/apps/" + p.Namespace + "/" + app)
		if status != http.StatusOK {
			return false
		}
		_, body := p.Read("/api/v1/apps/" + p.Namespace + "/" + app + "/graph")
		return !strings.Contains(body, string(fault.Initializing))
	})
}

func configMap(name string, pairs ...string) string {
	text := fmt.Sprintf("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: %s}\ndata:\n", name)
	for i := 0; i+1 < len(pairs); i += 2 {
		text += fmt.Sprintf("  %s: %q\n", pairs[i], pairs[i+1])
	}
	return text
}

func deployment(name, image string, replicas int) string {
	return fmt.Sprintf(`apiVersion: apps/v1
kind: Deployment
metadata: {name: %[1]s}
spec:
  replicas: %[3]d
  selector: {matchLabels: {app: %[1]s}}
  template:
    metadata: {labels: {app: %[1]s}}
    spec: {containers: [{name: main, image: %[2]q}]}
`, name, image, replicas)
}

func documents(docs ...string) string { return strings.Join(docs, "---\n") }

// find gives the difference of the object that ends in suffix.
func find(d httpapi.Diff, suffix string) (httpapi.ObjectDiff, bool) {
	for _, o := range d.Objects {
		if strings.HasSuffix(o.Object, suffix) {
			return o, true
		}
	}
	return httpapi.ObjectDiff{}, false
}

// fields writes the differing fields of a class as "path left>right owner".
func fields(o httpapi.ObjectDiff, class string) []string {
	var out []string
	for _, f := range o.Fields {
		if f.Class == class {
			out = append(out, strings.TrimSpace(fmt.Sprintf("%s %v>%v %s", f.Path, f.Left, f.Right, f.Owner)))
		}
	}
	return out
}
