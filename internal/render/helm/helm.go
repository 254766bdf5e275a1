// Package helm renders Helm charts with Helm's own libraries, from memory alone: no cluster, no network, no disk, no
// environment. The result is what "helm template --include-crds" prints, with these differences, each on purpose:
//
//   - hooks of test and rollback only are left out; other hooks are normal objects that keep their annotations;
//   - a List is taken apart into its items;
//   - what Helm leaves to chance is fixed: the order of keys and values of a dict, the order of subcharts, and the
//     time zone (UTC);
//   - .Capabilities.APIVersions is exactly what Target says, where it says something, as in an installation;
//   - a dependency on "file://..." that is not vendored is read from the tree;
//   - a values.schema.json that refers to another file or to the network is refused.
//
// A template cannot be cancelled, and a tpl that calls itself without end takes the process with it: the worker that
// runs this package is killed then.
package helm

import (
	"context"
	"fmt"

	chart "helm.sh/helm/v4/pkg/chart/v2"
	chartutil "helm.sh/helm/v4/pkg/chart/v2/util"
	"helm.sh/helm/v4/pkg/engine"

	"helm.sh/helm/v4/pkg/chart/common"
	commonutil "helm.sh/helm/v4/pkg/chart/common/util"

	"plumb.cd/plumb/internal/fault"
	"plumb.cd/plumb/internal/render"
)

type renderer struct{}

// New gives the renderer of charts. It holds nothing between two renders and may be used by many goroutines.
func New() render.Renderer { return renderer{} }

// Render implements render.Renderer. Panics of Helm's libraries outside of templates pass; render.Run guards against them.
func (renderer) Render(ctx context.Context, files render.Files, req render.Request) (render.Result, error) {
	j, err := newJob(files, req)
	if err != nil {
		return render.Result{}, err
	}
	first := newFunctions(nil)
	out, err := j.run(ctx, first)
	if err != nil {
		return render.Result{}, err
	}
	if first.random {
		if err := ctx.Err(); err != nil {
			return render.Result{}, err
		}
		again, err := j.run(ctx, newFunctions(first))
		if err != nil {
			return render.Result{}, err
		}
		markRandom(out, again)
	}
	return out.result(j.warnings), nil
}

// job is one Request with all that it needs read from the tree. Running it reads nothing more and changes nothing in it,
// so that it can run twice.
type job struct {
	req      render.Request
	src      *source
	values   map[string]any // the user's, merged; without the chart's defaults
	maxBytes int64
	warnings []string
}

func newJob(files render.Files, req render.Request) (*job, error) {
	j := &job{req: req, maxBytes: req.Limits.OutputBytes}
	if j.maxBytes <= 0 {
		j.maxBytes = render.DefaultLimits.OutputBytes
	}
	if j.req.Helm.ReleaseName == "" {
		j.req.Helm.ReleaseName = "release-name"
	}
	if j.req.Target.Namespace == "" {
		j.req.Target.Namespace = "default"
	}
	if err := chartutil.ValidateReleaseName(j.req.Helm.ReleaseName); err != nil {
		return nil, &fault.Error{Class: fault.Invalid, Reason: fault.InvalidSpec, Err: err,
			Message: fmt.Sprintf("%q is no release name: %v", j.req.Helm.ReleaseName, err)}
	}
	var err error
	if j.src, err = openSource(files, req); err != nil {
		return nil, err
	}
	if j.values, err = mergeValues(files, j.src, req.Helm); err != nil {
		return nil, err
	}
	return j, nil
}

// run renders once.
func (j *job) run(ctx context.Context, f *functions) (*output, error) {
	ch, err := j.src.load()
	if err != nil {
		return nil, err
	}
	if err := installable(ch, j.src.where("Chart.yaml")); err != nil {
		return nil, err
	}
	if err := chartutil.ProcessDependencies(ch, j.values); err != nil {
		return nil, invalid(fault.RenderFailed, j.src.where("Chart.yaml"), "the chart's dependencies cannot be processed", err)
	}
	caps, err := newCapabilities(j.req.Target)
	if err != nil {
		return nil, err
	}
	if v := ch.Metadata.KubeVersion; v != "" && !chartutil.IsCompatibleRange(v, caps.KubeVersion.String()) {
		return nil, invalid(fault.RenderFailed, j.src.where("Chart.yaml"),
			fmt.Sprintf("the chart requires kubeVersion %s, the cluster is %s", v, caps.KubeVersion.Version), nil)
	}
	vals, err := j.renderValues(ch, caps)
	if err != nil {
		return nil, err
	}
	places := j.src.places(ch)
	e := engine.Engine{CustomTemplateFuncs: f.funcMap()}
	rendered, err := e.RenderWithContext(ctx, ch, vals)
	if err != nil {
		return nil, templateFault(err, places)
	}
	out := &output{maxBytes: j.maxBytes, places: places, asked: caps.asked.list(), lookups: f.lookups}
	if err := out.collect(ch, rendered, j.req.Helm); err != nil {
		return nil, err
	}
	return out, nil
}

func (j *job) renderValues(ch *chart.Chart, caps *capabilities) (common.Values, error) {
	release := common.ReleaseOptions{
		Name:      j.req.Helm.ReleaseName,
		Namespace: j.req.Target.Namespace,
		Revision:  1,
		IsInstall: !j.req.Helm.IsUpgrade,
		IsUpgrade: j.req.Helm.IsUpgrade,
	}
	vals, err := commonutil.ToRenderValuesWithSchemaValidation(ch, j.values, release, caps.Capabilities, true)
	if err != nil {
		return nil, invalid(fault.RenderFailed, j.src.where("values.yaml"), "the values do not fit together", err)
	}
	vals["Capabilities"] = caps
	if !j.req.Helm.SkipSchema {
		table, err := vals.Table("Values")
		if err != nil {
			return nil, invalid(fault.RenderFailed, j.src.where("values.yaml"), "the values are no table", err)
		}
		if err := checkSchemas(ch, table, j.src); err != nil {
			return nil, err
		}
	}
	return vals, nil
}

// installable refuses what Helm refuses to install.
func installable(ch *chart.Chart, where string) error {
	switch ch.Metadata.Type {
	case "", "application":
		return nil
	case "library":
		return invalid(fault.RenderFailed, where, fmt.Sprintf("chart %s is a library: it has nothing to install, other charts use it", ch.Name()), nil)
	default:
		return invalid(fault.RenderFailed, where, fmt.Sprintf("a chart of type %q cannot be installed", ch.Metadata.Type), nil)
	}
}

func invalid(reason fault.Reason, where, message string, cause error) *fault.Error {
	if cause != nil {
		message += ": " + cause.Error()
	}
	return &fault.Error{Class: fault.Invalid, Reason: reason, Where: where, Message: message, Err: cause}
}
