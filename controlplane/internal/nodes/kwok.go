package nodes

import (
	"context"
	"encoding/json"
	"fmt"
	"os"

	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/utils/clock"
	"sigs.k8s.io/kwok/kustomize/stage/node/fast"
	heartbeat "sigs.k8s.io/kwok/kustomize/stage/node/heartbeat-with-lease"
	"sigs.k8s.io/kwok/pkg/apis/internalversion"
	"sigs.k8s.io/kwok/pkg/apis/v1alpha1"
	"sigs.k8s.io/kwok/pkg/client/clientset/versioned"
	"sigs.k8s.io/kwok/pkg/kwok/controllers"
	"sigs.k8s.io/kwok/pkg/log"
	kwokclient "sigs.k8s.io/kwok/pkg/utils/client"

	"plumb.cd/plumb/controlplane/internal/supervise"
)

// leaseSeconds is the duration of a node lease; it is renewed at a quarter of it.
const leaseSeconds = 40

// holder must be the same after a restart: KWOK leaves a node alone until the lease of another holder has expired.
const holder = "plumb-controlplane"

// idlePods is a stage that matches no Pod. Package kubelet plays the Pods, but without any Pod stage KWOK would never
// read the Pod events that it watches.
const idlePods = `{"apiVersion":"kwok.x-k8s.io/v1alpha1","kind":"Stage","metadata":{"name":"none"},"spec":{
"resourceRef":{"apiGroup":"v1","kind":"Pod"},
"selector":{"matchLabels":{"plumb.cd/played-by":"kwok"}},
"next":{}}}`

// Start runs KWOK as a part of g, with the kubeconfig given, logging to the file logPath.
func Start(g *supervise.Group, kubeconfig, logPath string) error {
	logFile, err := os.OpenFile(logPath, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	g.OnStop(func() { _ = logFile.Close() })
	config, err := controllerConfig(kubeconfig)
	if err != nil {
		return err
	}
	if config.LocalStages, err = stages(fast.DefaultNodeInit, heartbeat.DefaultNodeHeartbeatWithLease, idlePods); err != nil {
		return err
	}
	controller, err := controllers.NewController(config)
	if err != nil {
		return err
	}
	logger := log.NewLogger(logFile, log.LevelWarn)
	g.Go("kwok", func(ctx context.Context) error {
		if err := controller.Start(log.NewContext(ctx, logger)); err != nil {
			return err
		}
		<-ctx.Done()
		return nil
	})
	return nil
}

func controllerConfig(kubeconfig string) (c controllers.Config, err error) {
	set, err := kwokclient.NewClientset("", kubeconfig)
	if err != nil {
		return c, err
	}
	config, err := set.ToRESTConfig()
	if err != nil {
		return c, err
	}
	if c.RESTClient, err = rest.RESTClientFor(config); err != nil {
		return c, err
	}
	if c.DynamicClient, err = set.ToDynamicClient(); err != nil {
		return c, err
	}
	if c.RESTMapper, err = set.ToRESTMapper(); err != nil {
		return c, err
	}
	if c.TypedKwokClient, err = versioned.NewForConfig(config); err != nil {
		return c, err
	}
	// KWOK would speak JSON; a kubelet speaks protobuf.
	binary := rest.CopyConfig(config)
	binary.ContentType = "application/vnd.kubernetes.protobuf"
	binary.AcceptContentTypes = binary.ContentType + ",application/json"
	if c.TypedClient, err = kubernetes.NewForConfig(binary); err != nil {
		return c, err
	}
	c.ImpersonatingDynamicClient = set.ToImpersonatingDynamicClient()
	c.ImpersonatingTypedClient = set.ToImpersonatingTypedClient()
	c.Clock = clock.RealClock{}
	c.ManageAllNodes = true
	c.NodeIP = addresses.Addr().Next().String()
	c.NodePort = KubeletPort
	c.CIDR = "10.128.0.0/9"
	c.PodPlayStageParallelism = 1
	c.NodePlayStageParallelism = 4
	c.NodeLeaseParallelism = 4
	c.NodeLeaseDurationSeconds = leaseSeconds
	c.PodsOnNodeSyncParallelism = 1
	c.EnablePodsOnNodeSyncListPager = true
	c.ID = holder
	return c, nil
}

// stages reads one Stage from each document.
func stages(documents ...string) (map[internalversion.StageResourceRef][]*internalversion.Stage, error) {
	out := map[internalversion.StageResourceRef][]*internalversion.Stage{}
	for _, document := range documents {
		data, err := yaml.ToJSON([]byte(document))
		if err != nil {
			return nil, err
		}
		var stage v1alpha1.Stage
		if err := json.Unmarshal(data, &stage); err != nil {
			return nil, err
		}
		v1alpha1.SetObjectDefaults_Stage(&stage)
		internal, err := internalversion.ConvertToInternalStage(&stage)
		if err != nil {
			return nil, fmt.Errorf("stage %s: %w", stage.Name, err)
		}
		ref := internal.Spec.ResourceRef
		out[ref] = append(out[ref], internal)
	}
	return out, nil
}
