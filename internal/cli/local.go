package cli

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"sigs.k8s.io/yaml"

	"plumb.cd/plumb/api/v1alpha1"
	"plumb.cd/plumb/internal/bundle"
	"plumb.cd/plumb/internal/chart"
	"plumb.cd/plumb/internal/cluster"
	"plumb.cd/plumb/internal/convert"
	"plumb.cd/plumb/internal/engine"
	"plumb.cd/plumb/internal/fault"
	"plumb.cd/plumb/internal/git"
	"plumb.cd/plumb/internal/plan"
	"plumb.cd/plumb/internal/render"
	"plumb.cd/plumb/internal/render/worker"
	"plumb.cd/plumb/internal/server"
)

// localFlags say how a directory is rendered, where no App does.
type localFlags struct {
	app         string
	root        string
	name        string
	renderer    string
	destination string
	values      []string
	set         []string
	recurse     bool
	substitute  map[string]string
}

func (l *localFlags) add(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&l.app, "app", "", "file with an App: its sources' options and destination are used")
	f.StringVar(&l.root, "root", "", "root of the tree, which nothing may leave (default: the Git work tree, else the directory)")
	f.StringVar(&l.name, "name", "", "name of the App, and of the Helm release (default: the directory's)")
	f.StringVar(&l.renderer, "renderer", "", "Plain, Kustomize, Helm, Jsonnet or CUE (default: the files say)")
	f.StringVar(&l.destination, "to-namespace", "default", "namespace of objects that name none")
	f.StringSliceVar(&l.values, "values", nil, "Helm values files, from the chart's directory")
	f.StringSliceVar(&l.set, "set", nil, "Helm values, key=value")
	f.BoolVarP(&l.recurse, "recurse", "r", false, "descend into directories of plain YAML")
	f.StringToStringVar(&l.substitute, "substitute", nil, "variables to replace, NAME=value")
}

// localKey is the namespace that Apps of one-shot runs have, so that they never meet those of a daemon.
const localKey = "local"

var renderers = []render.Kind{render.Plain, render.Kustomize, render.Helm, render.Jsonnet, render.CUE}

// appOf makes the App that a path stands for.
func (l *localFlags) appOf(path string) (engine.App, error) {
	if k := render.Kind(l.renderer); k != "" && !slices.Contains(renderers, k) {
		return engine.App{}, usageError{fmt.Errorf("--renderer %s: want Plain, Kustomize, Helm, Jsonnet or CUE", l.renderer)}
	}
	root, sub, err := splitTree(path, l.root)
	if err != nil {
		return engine.App{}, err
	}
	name := l.name
	if name == "" {
		name = dnsName(filepath.Base(filepath.Join(root, sub)))
	}
	spec := engine.App{
		Key: engine.Key{Namespace: localKey, Name: name}, UID: name, Generation: 1, Namespace: l.destination, Substitute: l.substitute,
		Sources: []engine.Source{{
			Dir: root,
			Render: render.Request{
				Kind: render.Kind(l.renderer), Path: sub, Plain: render.PlainOptions{Recurse: l.recurse},
				Helm: render.HelmOptions{ReleaseName: name, ValuesFiles: l.values, Set: l.set},
			},
		}},
		Policy: plan.Policy{Prune: true, CreateNamespace: true},
	}
	if l.app == "" {
		return spec, nil
	}
	raw, err := os.ReadFile(l.app)
	if err != nil {
		return spec, exitError{code: exitNotFound, message: err.Error(), err: err}
	}
	var cr v1alpha1.App
	if err := yaml.UnmarshalStrict(raw, &cr); err != nil {
		return spec, usageError{fmt.Errorf("%s: %w", l.app, err)}
	}
	return localApp(&cr, root)
}

// localApp is an App resource with its Git sources read from a directory.
func localApp(cr *v1alpha1.App, root string) (engine.App, error) {
	spec := convert.App(cr)
	if spec.Err != nil {
		return spec, spec.Err
	}
	for i := range spec.Sources {
		if spec.Sources[i].Chart == nil {
			spec.Sources[i].Dir = root
		}
	}
	spec.Key.Namespace, spec.UID, spec.Generation = localKey, cr.Name, 1
	spec.Hold, spec.DependsOn, spec.Request, spec.Memory = nil, nil, nil, engine.Memory{}
	return spec, nil
}

// splitTree gives the root of the tree that path is in (the Git work tree, else the directory itself) and the path in it.
func splitTree(path, given string) (root, sub string, err error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return "", "", err
	}
	if abs, err = filepath.EvalSymlinks(abs); err != nil {
		return "", "", exitError{code: exitNotFound, message: path + " does not exist", err: err}
	}
	if given != "" {
		return within(abs, given)
	}
	info, err := os.Stat(abs)
	if err != nil {
		return "", "", err
	}
	for dir := abs; ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, ".git")); err == nil {
			rel, err := filepath.Rel(dir, abs)
			return dir, filepath.ToSlash(rel), err
		}
		if dir == filepath.Dir(dir) {
			break
		}
	}
	if !info.IsDir() {
		return filepath.Dir(abs), filepath.Base(abs), nil
	}
	return abs, ".", nil
}

// within gives the path of abs below a root that was named.
func within(abs, given string) (root, sub string, err error) {
	if root, err = filepath.Abs(given); err == nil {
		root, err = filepath.EvalSymlinks(root)
	}
	if err != nil {
		return "", "", exitError{code: exitNotFound, message: "--root " + given + " does not exist", err: err}
	}
	rel, err := filepath.Rel(root, abs)
	if err != nil || !filepath.IsLocal(rel) {
		return "", "", usageError{fmt.Errorf("%s is not below --root %s", abs, given)}
	}
	return root, filepath.ToSlash(rel), nil
}

func dnsName(s string) string {
	s = strings.Trim(strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9', r == '-':
			return r
		case r >= 'A' && r <= 'Z':
			return r + 32
		}
		return '-'
	}, s), "-")
	if s == "" {
		return "app"
	}
	return s
}

// bench is an engine for one invocation: nothing of it outlives the command but a cache of charts.
type bench struct {
	*engine.Engine
	changed chan engine.Key
	close   func()
}

func (e *env) newBench(ctx context.Context) (*bench, error) {
	return e.newBenchWith(ctx, func(*engine.Options) {})
}

// newBenchWith is newBench with other options.
func (e *env) newBenchWith(ctx context.Context, change func(*engine.Options)) (*bench, error) {
	dir, err := os.MkdirTemp("", "plumb-")
	if err != nil {
		return nil, err
	}
	fail := func(err error) (*bench, error) {
		os.RemoveAll(dir)
		return nil, err
	}
	mirrors, err := git.OpenStore(filepath.Join(dir, "git"))
	if err != nil {
		return fail(err)
	}
	bundles, err := bundle.OpenStore(filepath.Join(dir, "bundles"), bundle.StoreOptions{})
	if err != nil {
		return fail(err)
	}
	charts := filepath.Join(dir, "charts")
	if cache, err := os.UserCacheDir(); err == nil {
		charts = filepath.Join(cache, "plumb", "charts")
	}
	pool := worker.NewPool(worker.Options{Command: e.Self, Size: 1})
	b := &bench{changed: make(chan engine.Key, 64)}
	o := engine.Options{
		Mirrors: mirrors, Charts: chart.New(charts, chart.Limits{}), Bundles: bundles, Renderer: pool, HashKey: []byte("one-shot"), Now: e.Now,
		Connect: func(ctx context.Context, t engine.Target) (*cluster.Cluster, error) {
			return cluster.Connect(ctx, cluster.Config{Kubeconfig: t.Kubeconfig, TrustKubeconfig: true, Manager: "plumb", UserAgent: "plumb-cli/" + e.Version})
		},
		Changed: func(k engine.Key) {
			select {
			case b.changed <- k:
			default: // the reader looks at the newest snapshot anyway
			}
		},
	}
	change(&o)
	b.Engine = engine.New(o)
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = b.Run(ctx) // it ends with ctx, and by nothing else
	}()
	b.close = func() {
		cancel()
		<-done
		pool.Close()
		_ = mirrors.Close() // all of it is removed next
		os.RemoveAll(dir)
	}
	return b, nil
}

// target is the cluster that the kubeconfig names.
func (e *env) target() (engine.Target, error) {
	raw, _, err := cluster.LoadKubeconfig(e.kubeconfig, e.context)
	if err != nil {
		return engine.Target{}, exitError{code: exitUnreachable, message: err.Error(), next: "give --kubeconfig, or plumb up for a local control plane", err: err}
	}
	return engine.Target{Name: "", Generation: 1, Kubeconfig: raw}, nil
}

// until waits for a snapshot that f accepts.
func (b *bench) until(ctx context.Context, k engine.Key, f func(engine.Snapshot) (bool, error)) error {
	for {
		if s, ok := b.Snapshot(k); ok {
			if done, err := f(s); done || err != nil {
				return err
			}
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-b.changed:
		}
	}
}

// known accepts the first snapshot that says something about the cluster.
func known(s engine.Snapshot) (bool, error) {
	if s.State == engine.StateUnknown && s.Reason == "Initializing" {
		return false, nil
	}
	return s.State != "", nil
}

func (e *env) render() *cobra.Command {
	var l localFlags
	var output string
	cmd := &cobra.Command{
		Use: "render PATH", Short: "Render a directory and print the objects", Args: oneArg("a directory or file"),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx, cancel := e.withTimeout(cmd.Context(), 5*time.Minute)
			defer cancel()
			if output != "yaml" && output != "json" {
				return usageError{fmt.Errorf("-o %s: want yaml or json", output)}
			}
			spec, err := l.appOf(args[0])
			if err != nil {
				return err
			}
			b, err := e.newBench(ctx)
			if err != nil {
				return err
			}
			defer b.close()
			out, err := b.Render(ctx, spec)
			if err != nil {
				return cause(ctx, outside(err, spec))
			}
			for _, w := range out.Warnings {
				e.say("warning: %s", plain(w))
			}
			return e.printBundle(out, output)
		},
	}
	l.add(cmd)
	cmd.Flags().StringVarP(&output, "output", "o", "yaml", "yaml or json")
	return cmd
}

func (e *env) printBundle(b bundle.Bundle, output string) error {
	if output == "json" {
		e.output = output
		return e.print(b, nil)
	}
	for _, entry := range b.Objects {
		raw, err := yaml.Marshal(entry.Body)
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintf(e.Out, "---\n# %s\n%s", entry.Origin, raw); err != nil {
			return err
		}
	}
	return nil
}

// apply is a sync of a directory without a daemon: the same plan, the same order, the same checks.
func (e *env) apply() *cobra.Command {
	var l localFlags
	var digest string
	var adopt bool
	cmd := &cobra.Command{
		Use: "apply PATH", Short: "Apply a directory once, without a daemon, and wait until it is healthy", Args: oneArg("a directory or file"),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx, cancel := e.withTimeout(cmd.Context(), waitDefault)
			defer cancel()
			spec, b, err := e.localRun(ctx, &l, args[0])
			if err != nil {
				return err
			}
			defer b.close()
			spec.Mode, spec.Heal = engine.Auto, true
			spec.Policy.AdoptForeign = adopt
			if digest != "" {
				spec.Request = &engine.Request{ID: "apply", Plan: objectDigest(digest)}
			}
			return e.applyOnce(ctx, b, spec, args[0])
		},
	}
	l.add(cmd)
	cmd.Flags().StringVar(&digest, "plan", "", "digest of the plan to approve")
	cmd.Flags().BoolVar(&adopt, "adopt", false, "take over objects that exist already and belong to no App")
	return cmd
}

// applyOnce shows how an App gets on, until it is applied and healthy or will not be.
func (e *env) applyOnce(ctx context.Context, b *bench, spec engine.App, path string) error {
	b.SetApp(spec)
	p := e.progress()
	defer p.close()
	var last server.AppView
	err := b.until(ctx, spec.Key, func(s engine.Snapshot) (bool, error) {
		last = viewOf(s)
		p.show(last)
		if s.State == engine.StateUnknown && s.Reason == fault.ClusterUnreachable {
			return true, exitError{code: exitUnreachable, message: s.Message, next: s.Next}
		}
		return settledOrFailed(last)
	})
	var x exitError
	if asExit(err, &x) && last.State == engine.StateWaiting {
		x.next = "plumb plan " + path + ", then plumb apply " + path + " --plan DIGEST"
		return x
	}
	return late(cause(ctx, err), last)
}

// localRun makes the engine and the App of a directory, on the cluster of the kubeconfig.
func (e *env) localRun(ctx context.Context, l *localFlags, path string) (engine.App, *bench, error) {
	spec, err := l.appOf(path)
	if err != nil {
		return spec, nil, err
	}
	t, err := e.target()
	if err != nil {
		return spec, nil, err
	}
	b, err := e.newBench(ctx)
	if err != nil {
		return spec, nil, err
	}
	spec.Cluster = t.Name
	spec.Memory.Targets = engine.CommonTargets(t.Name)
	b.SetTarget(t)
	return spec, b, nil
}

// outside adds what to do when a directory that is in no Git work tree reads files beside it.
func outside(err error, spec engine.App) error {
	f := fault.Of(err)
	if f.Reason != fault.PathOutside || f.Next != "" || spec.Sources[0].Render.Path != "." {
		return err
	}
	told := *f
	told.Next = "give --root, the directory that holds everything that is read, and which nothing may leave"
	return &told
}

// isLocal tells a path from the name of an App: a path says so by its first character, so that a directory which happens
// to have an App's name is never taken for it.
func isLocal(arg string) bool { return strings.HasPrefix(arg, ".") || strings.HasPrefix(arg, "/") }
