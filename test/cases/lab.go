package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/yaml"

	"plumb.cd/plumb/demo/up"
)

// appsIn is the namespace of all the Apps.
const appsIn = "cases"

var (
	apps         = schema.GroupVersionResource{Group: "plumb.cd", Version: "v1alpha1", Resource: "apps"}
	repositoryOf = schema.GroupVersionResource{Group: "plumb.cd", Version: "v1alpha1", Resource: "repositories"}
	spaces       = schema.GroupVersionResource{Version: "v1", Resource: "namespaces"}
	definitions  = schema.GroupVersionResource{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"}
)

// lab is a control plane with Plumb on it.
type lab struct {
	plumb  *up.Plumb
	client dynamic.Interface
}

func newLab(p *up.Plumb) (*lab, error) {
	config, err := clientcmd.BuildConfigFromFlags("", p.Kubeconfig)
	if err != nil {
		return nil, err
	}
	config.QPS, config.Burst = -1, -1
	client, err := dynamic.NewForConfig(config)
	return &lab{plumb: p, client: client}, err
}

// define applies the definitions in a directory and waits until they are served.
func (l *lab) define(ctx context.Context, dir string) error {
	files, err := filepath.Glob(filepath.Join(dir, "*.yaml"))
	if err != nil || len(files) == 0 {
		return fmt.Errorf("no definitions in %s: %w", dir, err)
	}
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		for _, doc := range strings.Split(string(raw), "\n---\n") {
			var body map[string]any
			if err := yaml.Unmarshal([]byte(doc), &body); err != nil {
				return fmt.Errorf("%s: %w", file, err)
			}
			if err := l.defineOne(ctx, &unstructured.Unstructured{Object: body}); err != nil {
				return fmt.Errorf("%s: %w", file, err)
			}
		}
	}
	return nil
}

func (l *lab) defineOne(ctx context.Context, crd *unstructured.Unstructured) error {
	if _, err := l.client.Resource(definitions).Create(ctx, crd, metav1.CreateOptions{}); err != nil {
		return err
	}
	return wait.PollUntilContextTimeout(ctx, 50*time.Millisecond, time.Minute, true, func(ctx context.Context) (bool, error) {
		now, err := l.client.Resource(definitions).Get(ctx, crd.GetName(), metav1.GetOptions{})
		if err != nil {
			return false, err
		}
		conditions, _, _ := unstructured.NestedSlice(now.Object, "status", "conditions")
		for _, c := range conditions {
			if c, ok := c.(map[string]any); ok && c["type"] == "Established" && c["status"] == "True" {
				return true, nil
			}
		}
		return false, nil
	})
}

// load puts every repository of a directory into Git, makes it known to Plumb, and lists the Apps in them.
func (l *lab) load(ctx context.Context, dir, gitDir string) ([]found, error) {
	names, err := repositories(dir)
	if err != nil {
		return nil, err
	}
	space := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "v1", "kind": "Namespace", "metadata": map[string]any{"name": appsIn},
	}}
	if _, err := l.client.Resource(spaces).Create(ctx, space, metav1.CreateOptions{}); err != nil {
		return nil, err
	}
	var out []found
	for _, name := range names {
		at := filepath.Join(gitDir, name+".git")
		if err := bare(ctx, filepath.Join(dir, name), at); err != nil {
			return nil, err
		}
		repository := &unstructured.Unstructured{Object: map[string]any{
			"apiVersion": "plumb.cd/v1alpha1", "kind": "Repository", "metadata": map[string]any{"name": name},
			"spec": map[string]any{"url": at},
		}}
		if _, err := l.client.Resource(repositoryOf).Namespace(appsIn).Create(ctx, repository, metav1.CreateOptions{}); err != nil {
			return nil, err
		}
		cases, err := find(name, os.DirFS(filepath.Join(dir, name)))
		if err != nil {
			return nil, err
		}
		out = append(out, cases...)
	}
	return out, nil
}

// name makes the name of an App, and of its namespace, out of what it is about.
func (f found) name() string {
	name := shorter.Replace(strings.ToLower(f.label()))
	name = strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return '-'
	}, name)
	const longest = 53 // of a Helm release
	return strings.TrimRight(name[:min(len(name), longest)], "-")
}

var shorter = strings.NewReplacer("argocd-example-apps", "argo", "online-boutique", "boutique", "kustomize/tests", "test", "kustomize/base", "base",
	" (", "-", ")", "")

func (f found) app() *unstructured.Unstructured {
	source := map[string]any{"repository": f.repo, "path": f.path}
	for k, v := range f.options {
		source[k] = v
	}
	namespace := f.namespace
	if namespace == "" {
		namespace = f.name()
	}
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "plumb.cd/v1alpha1", "kind": "App", "metadata": map[string]any{"name": f.name(), "namespace": appsIn},
		"spec": map[string]any{
			"source":      source,
			"destination": map[string]any{"namespace": namespace},
			"sync":        map[string]any{"createNamespace": true, "waveDeadline": waveDeadline.String(), "hookDeadline": waveDeadline.String()},
		},
	}}
}

const (
	waveDeadline = 30 * time.Second
	caseWithin   = 3 * time.Minute
)

// row is how a case ended.
type row struct {
	found
	state, reason, message string
	renderer               string
	objects                int
	render, took           time.Duration
}

// synced reports whether the App is as Git says, and healthy.
func (r row) synced() bool { return r.state == "Synced" }

// refused reports whether Plumb says no, for the reason that is expected. Unknown is such a no: what the App needs cannot
// be reached, and will be asked for again.
func (r row) refused() bool {
	want, known := expected[r.label()]
	return known && r.reason == want && (r.state == "Failed" || r.state == "Unknown")
}

// tryAll tries the cases, some at a time, and gives their rows in the order of the cases.
func (l *lab) tryAll(ctx context.Context, all []found, parallel int) ([]row, error) {
	rows := make([]row, len(all))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(parallel)
	for i, f := range all {
		group.Go(func() error {
			r, err := l.try(ctx, f)
			if err != nil {
				return fmt.Errorf("%s: %w", f.label(), err)
			}
			rows[i] = r
			_, err = fmt.Fprintf(os.Stderr, "%-10s %s\n", r.state, f.label())
			return err
		})
	}
	return rows, group.Wait()
}

// try makes an App and waits for what becomes of it.
func (l *lab) try(ctx context.Context, f found) (row, error) {
	r := row{found: f}
	if f.plugin {
		r.state = leftOut
		return r, nil
	}
	client := l.client.Resource(apps).Namespace(appsIn)
	if _, err := client.Create(ctx, f.app(), metav1.CreateOptions{}); err != nil {
		return r, err
	}
	began := time.Now()
	err := wait.PollUntilContextTimeout(ctx, 25*time.Millisecond, caseWithin, true, func(ctx context.Context) (bool, error) {
		now, err := client.Get(ctx, f.name(), metav1.GetOptions{})
		if err != nil {
			return false, err
		}
		r.read(now)
		return r.synced() || r.state == "Failed" || r.refused(), nil
	})
	r.took = time.Since(began)
	if err != nil && !wait.Interrupted(err) || ctx.Err() != nil {
		return r, err
	}
	return r, l.explain(ctx, &r)
}

func (r *row) read(app *unstructured.Unstructured) {
	text := func(name string) string {
		s, _, _ := unstructured.NestedString(app.Object, "status", name)
		return s
	}
	r.state, r.reason, r.message = text("state"), text("reason"), text("message")
}

// explain asks Plumb how the App was rendered.
func (l *lab) explain(ctx context.Context, r *row) error {
	raw, _, err := l.plumb.Run(ctx, "why", appsIn+"/"+r.name(), "-o", "json")
	if err != nil {
		return err
	}
	var why struct {
		Render *struct {
			Renderer string
			Objects  int
			Took     time.Duration
		}
	}
	if err := json.Unmarshal([]byte(raw), &why); err != nil {
		return fmt.Errorf("plumb why: %w\n%s", err, raw)
	}
	if why.Render != nil {
		r.renderer, r.objects, r.render = why.Render.Renderer, why.Render.Objects, why.Render.Took
	}
	return nil
}

// settled looks at all Apps once more: none may have left its state meanwhile, through another one or by itself.
func (l *lab) settled(ctx context.Context, rows []row) error {
	for i := range rows {
		if rows[i].plugin {
			continue
		}
		now, err := l.client.Resource(apps).Namespace(appsIn).Get(ctx, rows[i].name(), metav1.GetOptions{})
		if err != nil {
			return err
		}
		before := rows[i].state
		if rows[i].read(now); rows[i].state != before {
			rows[i].message = "was " + before + "; " + rows[i].message
		}
	}
	return nil
}
