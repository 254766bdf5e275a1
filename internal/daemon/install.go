package daemon

import (
	"context"
	"log/slog"

	"github.com/go-logr/logr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"plumb.cd/plumb/internal/cli"
	"plumb.cd/plumb/internal/controller"
	"plumb.cd/plumb/internal/install"
)

// Install applies Plumb's definitions, roles and policies, and the daemon where an image is given, to the cluster of a
// kubeconfig.
func Install(ctx context.Context, kubeconfig []byte, o cli.ManifestOptions) error {
	config, err := restConfig(kubeconfig)
	if err != nil {
		return err
	}
	c, err := client.New(config, client.Options{Scheme: controller.Scheme(), Log: logr.FromSlogHandler(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	return classify("", install.Apply(ctx, c, install.Options{Image: o.Image, Namespace: o.Namespace}))
}
