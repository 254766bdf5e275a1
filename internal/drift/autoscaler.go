package drift

import "slices"

// ReplicasField is the field that autoscalers own.
const ReplicasField = ".spec.replicas"

// autoscalers are the managers that scale for a reason of their own: kube-controller-manager is what the built-in
// HorizontalPodAutoscaler writes under.
var autoscalers = compileNames([]string{
	"kube-controller-manager", "keda*", "horizontal-pod-autoscaler*", "vpa-*", "cluster-proportional-autoscaler*",
	"cluster-autoscaler*", "karpenter*", "datadog-cluster-agent*", "autoscaler*",
})

// AutoscalerOwns reports whether the culprit is an autoscaler that set the number of replicas. Such a field is yielded at
// once (Fights.Yield); everything else the culprit did is drift like any other.
func AutoscalerOwns(c Culprit) bool {
	for _, f := range c.Fields {
		if f.Path != ReplicasField {
			continue
		}
		// The controller manager writes replicas of a Deployment through scale for an autoscaler only.
		return autoscalers.has(c.Manager) && (c.Sub == "scale" || !slices.Contains(plainControllers, c.Manager))
	}
	return false
}

// plainControllers write objects for many reasons, so that only the scale subresource tells an autoscaler.
var plainControllers = []string{"kube-controller-manager"}
