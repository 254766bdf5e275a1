package daemon

import (
	"context"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"plumb.cd/plumb/internal/controller"
	"plumb.cd/plumb/internal/install"
)

// Install applies Plumb's definitions, roles and policies, and the daemon where an image is given, to the cluster of a
// kubeconfig.
func Install(ctx context.Context, kubeconfig []byte, image, namespace string) error {
	config, err := restConfig(kubeconfig)
	if err != nil {
		return err
	}
	c, err := client.New(config, client.Options{Scheme: controller.Scheme()})
	if err != nil {
		return err
	}
	return classify("", install.Apply(ctx, c, install.Options{Image: image, Namespace: namespace}))
}
