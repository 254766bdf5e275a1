// Package controllers runs kube-controller-manager and kube-scheduler inside this process.
package controllers

import (
	"context"
	"fmt"

	"github.com/spf13/pflag"
	cliflag "k8s.io/component-base/cli/flag"
	managerapp "k8s.io/kubernetes/cmd/kube-controller-manager/app"
	manageroptions "k8s.io/kubernetes/cmd/kube-controller-manager/app/options"
	schedulerapp "k8s.io/kubernetes/cmd/kube-scheduler/app"
	scheduleroptions "k8s.io/kubernetes/cmd/kube-scheduler/app/options"

	"plumb.cd/plumb/controlplane/internal/pki"
	"plumb.cd/plumb/controlplane/internal/supervise"
)

// qps is the client limit of both components; upstream's 20 and 50 would be what a test measures.
const qps = 500

// StartManager runs kube-controller-manager as a part of g, with the kubeconfig given. scratch is a directory for what
// it insists on having.
func StartManager(ctx context.Context, g *supervise.Group, keys *pki.Dir, kubeconfig, scratch string) error {
	s, err := manageroptions.NewKubeControllerManagerOptions()
	if err != nil {
		return err
	}
	known := managerapp.KnownControllers()
	off := managerapp.ControllersDisabledByDefault()
	aliases := managerapp.ControllerAliases()
	flags := s.Flags(known, off, aliases)
	s.ParsedFlags = &flags
	err = parse("kube-controller-manager", flags, append(clientFlags(kubeconfig),
		"--controllers=*,-namespace-controller", // see RunNamespaces
		"--use-service-account-credentials=true",
		"--service-account-private-key-file="+keys.Path("sa.key"),
		"--root-ca-file="+keys.Path("ca.crt"),
		"--cluster-signing-cert-file="+keys.Path("ca.crt"),
		"--cluster-signing-key-file="+keys.Path("ca.key"),
		"--flex-volume-plugin-dir="+scratch,
	))
	if err != nil {
		return err
	}
	config, err := s.Config(context.WithoutCancel(ctx), known, off, aliases)
	if err != nil {
		return err
	}
	g.Go("kube-controller-manager", func(ctx context.Context) error {
		return managerapp.Run(ctx, config.Complete())
	})
	return nil
}

// StartScheduler runs kube-scheduler as a part of g.
func StartScheduler(g *supervise.Group, kubeconfig string) error {
	s := scheduleroptions.NewOptions()
	if err := parse("kube-scheduler", *s.Flags, clientFlags(kubeconfig)); err != nil {
		return err
	}
	g.Go("kube-scheduler", func(ctx context.Context) error {
		// Informers and events hang on the context of Setup: it must be the one that ends.
		config, scheduler, err := schedulerapp.Setup(ctx, s)
		if err != nil {
			return err
		}
		return schedulerapp.Run(ctx, config, scheduler)
	})
	return nil
}

// clientFlags are those that both components share. They have no port of their own: the metrics registry is one per
// process, so /metrics of the API server has theirs too.
func clientFlags(kubeconfig string) []string {
	return []string{
		"--kubeconfig=" + kubeconfig,
		"--secure-port=0",
		"--leader-elect=false",
		fmt.Sprintf("--kube-api-qps=%d", qps),
		fmt.Sprintf("--kube-api-burst=%d", 2*qps),
	}
}

func parse(name string, named cliflag.NamedFlagSets, args []string) error {
	flags := pflag.NewFlagSet(name, pflag.ContinueOnError)
	for _, set := range named.FlagSets {
		flags.AddFlagSet(set)
	}
	return flags.Parse(args)
}
