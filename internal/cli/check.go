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
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	"plumb.cd/plumb/api/v1alpha1"
	"plumb.cd/plumb/internal/bundle"
	"plumb.cd/plumb/internal/engine"
	"plumb.cd/plumb/internal/fault"
	"plumb.cd/plumb/internal/object"
	"plumb.cd/plumb/internal/plan"
)

// Checked is the result of plumb check. It is a contract.
type Checked struct {
	Apps []CheckedApp `json:"apps"`
}

// CheckedApp is one App, or the directory itself.
type CheckedApp struct {
	Name     string    `json:"name"`
	Path     string    `json:"path"`
	Objects  int       `json:"objects"`
	Problems []Problem `json:"problems,omitempty"`
	Warnings []string  `json:"warnings,omitempty"`
}

// Problem is one thing that would fail.
type Problem struct {
	Where   string `json:"where,omitempty"` // file:line
	Object  string `json:"object,omitempty"`
	Reason  string `json:"reason,omitempty"`
	Message string `json:"message"`
	Next    string `json:"next,omitempty"`
}

func (e *env) check() *cobra.Command {
	var l localFlags
	var plane, crds string
	cmd := &cobra.Command{
		Use: "check PATH", Args: oneArg("a directory or file"),
		Short: "Say what of a directory would fail: render it, and try it on a throw-away control plane (exit 1: something)",
		Long: `Renders PATH and tries every object against the real API server of a throw-away control plane. Apps (plumb.cd) among
the rendered objects whose source is a path of the same tree are checked too. With --context or --kubeconfig the objects
are tried by dry-run on that cluster instead.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx, cancel := e.withTimeout(cmd.Context(), 10*time.Minute)
			defer cancel()
			spec, err := l.appOf(args[0])
			if err != nil {
				return err
			}
			out, err := e.runCheck(ctx, spec, plane, crds)
			if err != nil {
				return cause(ctx, err)
			}
			if err := e.print(out, func() error { return e.drawChecked(out) }); err != nil {
				return err
			}
			if slices.ContainsFunc(out.Apps, func(a CheckedApp) bool { return len(a.Problems) > 0 }) {
				return exitError{code: exitNo}
			}
			return nil
		},
	}
	l.add(cmd)
	cmd.Flags().StringVar(&plane, "controlplane", "", "path of the control plane's binary")
	cmd.Flags().StringVar(&crds, "crds", "", "directory of CRDs that the cluster has, applied before the check")
	return e.outputFlag(cmd)
}

func (e *env) runCheck(ctx context.Context, spec engine.App, plane, crds string) (Checked, error) {
	t, err := e.newTrial(ctx)
	if err != nil {
		return Checked{}, err
	}
	defer t.close()
	rendered, err := t.Render(ctx, spec)
	if err != nil {
		return Checked{Apps: []CheckedApp{{Name: spec.Key.Name, Path: spec.Sources[0].Render.Path, Problems: problemsOf(err)}}}, nil
	}
	done, err := e.tryOn(ctx, t, plane, crds)
	if err != nil {
		return Checked{}, err
	}
	defer done()
	var out Checked
	for _, one := range append([]engine.App{spec}, childApps(rendered, spec.Sources[0].Dir)...) {
		checked, err := t.checkOne(ctx, one)
		if err != nil {
			return Checked{}, err
		}
		out.Apps = append(out.Apps, checked)
	}
	return out, nil
}

// tryOn says where Apps are tried: on the cluster that was named, or on a throw-away control plane, which done ends.
func (e *env) tryOn(ctx context.Context, t *trial, plane, crds string) (done func(), err error) {
	if e.kubeconfig != "" || e.context != "" {
		cluster, err := e.target()
		if err != nil {
			return nil, err
		}
		t.SetTarget(cluster)
		t.try = t.Preview
		return func() {}, nil
	}
	binary, err := e.findPlane(plane)
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "plumb-check-")
	if err != nil {
		return nil, err
	}
	e.say("starting a throw-away control plane ...")
	c, err := e.startPlane(ctx, binary, dir, 0, 0)
	if err != nil {
		os.RemoveAll(dir)
		return nil, err
	}
	done = func() {
		_ = c.stop() // a throw-away: how it ends is nobody's concern
		os.RemoveAll(dir)
	}
	raw, err := os.ReadFile(c.Kubeconfig)
	if err == nil {
		err = e.Install(ctx, raw, ManifestOptions{Namespace: "plumb-system"}) // Apps among the objects are known kinds
	}
	if err != nil {
		done()
		return nil, err
	}
	t.SetTarget(engine.Target{Kubeconfig: raw})
	if crds != "" {
		if err := e.applyCRDs(ctx, t.bench, crds); err != nil {
			done()
			return nil, err
		}
	}
	t.try = t.Check
	return done, nil
}

// applyCRDs applies a directory of CRDs to the throw-away control plane.
func (e *env) applyCRDs(ctx context.Context, b *bench, dir string) error {
	l := localFlags{name: "crds", renderer: "Plain", recurse: true, destination: "default"}
	spec, err := l.appOf(dir)
	if err != nil {
		return err
	}
	spec.Mode = engine.Auto
	b.SetApp(spec)
	return b.until(ctx, spec.Key, func(s engine.Snapshot) (bool, error) { return settledOrFailed(viewOf(s)) })
}

// checkOne tries one App. The error says that it could not be tried.
func (t *trial) checkOne(ctx context.Context, spec engine.App) (CheckedApp, error) {
	out := CheckedApp{Name: spec.Key.Name, Path: spec.Sources[0].Render.Path}
	spec.Mode, spec.Cluster = engine.Manual, ""
	p, refused, err := t.all(ctx, spec)
	if fault.Is(err, fault.ClusterUnreachable) || ctx.Err() != nil {
		return out, err
	}
	if err != nil {
		out.Problems = problemsOf(err)
		return out, nil
	}
	for _, g := range p.Plan.Groups {
		out.Objects += len(g.Steps)
	}
	out.Objects += p.Plan.Unchanged + len(refused)
	for id, msg := range p.Errors {
		out.Problems = append(out.Problems, Problem{Where: p.Files[id], Object: id, Message: strings.TrimPrefix(msg, id+": ")})
	}
	slices.SortFunc(out.Problems, func(x, y Problem) int { return strings.Compare(x.Object, y.Object) })
	out.Problems = append(refused, out.Problems...)
	for _, r := range p.Plan.Refused {
		out.Problems = append(out.Problems, Problem{Object: r.ID.String(), Reason: string(r.Reason), Message: r.Message, Next: r.Next})
	}
	out.Warnings = p.Plan.Warnings
	return out, nil
}

// patiently tries again while the API server is busy with a definition that it was just given.
func patiently(ctx context.Context, try func() (engine.Preview, error)) (engine.Preview, error) {
	const attempts, pause = 20, 250 * time.Millisecond
	for i := 1; ; i++ {
		p, err := try()
		if err == nil || i == attempts || fault.Of(err).Class != fault.Transient {
			return p, err
		}
		select {
		case <-ctx.Done():
			return p, context.Cause(ctx)
		case <-time.After(pause):
		}
	}
}

// problemsOf lists everything that an error holds.
func problemsOf(err error) []Problem {
	faults := plan.Faults(err)
	if len(faults) == 0 {
		faults = []*fault.Error{fault.Of(err)}
	}
	var out []Problem
	for _, f := range faults {
		out = append(out, Problem{Where: f.Where, Reason: string(f.Reason), Message: f.Message, Next: f.Next})
	}
	return out
}

// childApps are the Apps among the objects of a bundle whose source is a path of the same tree.
func childApps(b bundle.Bundle, root string) []engine.App {
	var out []engine.App
	for _, entry := range b.Objects {
		u := &unstructured.Unstructured{Object: entry.Body}
		if id := object.Of(u); id.Group != v1alpha1.GroupVersion.Group || id.Kind != "App" {
			continue
		}
		var cr v1alpha1.App
		if runtime.DefaultUnstructuredConverter.FromUnstructured(entry.Body, &cr) != nil {
			continue // the API server says so
		}
		spec, err := localApp(&cr, root)
		if err != nil || len(spec.Sources) == 0 || spec.Sources[0].Chart != nil {
			continue
		}
		if _, err := os.Stat(filepath.Join(root, spec.Sources[0].Render.Path)); err == nil {
			out = append(out, spec)
		}
	}
	return out
}

func (e *env) drawChecked(c Checked) error {
	bad := 0
	for _, a := range c.Apps {
		sign := e.glyph("Healthy")
		if len(a.Problems) > 0 {
			sign = e.glyph("Failed")
		}
		if err := e.line(fmt.Sprintf("%s %s  %s  %s", sign, a.Name, a.Path, counted(a.Objects, "object"))); err != nil {
			return err
		}
		for _, p := range a.Problems {
			bad++
			var parts []string
			for _, part := range []string{p.Where, p.Object, plain(p.Message)} {
				if part != "" {
					parts = append(parts, part)
				}
			}
			if err := e.line("    " + strings.Join(parts, "  ")); err != nil {
				return err
			}
			if p.Next != "" {
				if err := e.line("      next  " + p.Next); err != nil {
					return err
				}
			}
		}
		for _, w := range a.Warnings {
			e.say("    warning: %s", plain(w))
		}
	}
	if bad == 0 {
		return e.line("all would apply")
	}
	return e.line(counted(bad, "problem"))
}
