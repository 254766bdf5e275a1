package server

import (
	"context"

	"sigs.k8s.io/yaml"

	"plumb.cd/plumb/internal/engine"
	"plumb.cd/plumb/internal/fault"
	"plumb.cd/plumb/internal/httpapi"
)

// Resources reads App resources as people wrote them: without status and managedFields. Errors are *fault.Error or
// engine.ErrNoApp.
type Resources interface {
	App(ctx context.Context, key engine.Key) (map[string]any, error)
}

var errNoResources = &fault.Error{Class: fault.Blocked, Reason: fault.Internal, Message: "this server cannot read App resources"}

// config answers what an App is told to do. Who may get the App may read all of it at the API server too.
func (d *details) config(c *call) error {
	if d.o.Detail.Resources == nil {
		return errNoResources
	}
	resource, err := d.o.Detail.Resources.App(c.Context(), c.key)
	if err != nil {
		return answered(err)
	}
	raw, err := yaml.Marshal(resource)
	if err != nil {
		return err
	}
	spec, _ := resource["spec"].(map[string]any)
	return c.reply(httpapi.AppConfig{Spec: spec, YAML: string(raw)})
}
