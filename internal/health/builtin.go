package health

import "k8s.io/apimachinery/pkg/runtime/schema"

// builtin is the rule for one kind. levels are the verdicts that it can give; a test holds a case for each.
type builtin struct {
	levels []Level
	judge  func(view) Status
}

func levels(l ...Level) []Level { return l }

// builtins are the rules for kinds whose health their conditions alone do not tell. A kind that is absent here is judged
// by fromConditions.
var builtins = map[schema.GroupKind]builtin{
	{Group: "apps", Kind: "Deployment"}:  {levels(Healthy, Progressing, Degraded, Suspended), deployment},
	{Group: "apps", Kind: "StatefulSet"}: {levels(Healthy, Progressing), statefulSet},
	{Group: "apps", Kind: "DaemonSet"}:   {levels(Healthy, Progressing), daemonSet},
	{Group: "apps", Kind: "ReplicaSet"}:  {levels(Healthy, Progressing, Degraded), replicaSet},
	{Kind: "ReplicationController"}:      {levels(Healthy, Progressing, Degraded), replicaSet},
	{Kind: "Pod"}:                        {levels(Healthy, Progressing, Degraded, Unknown), pod},
	{Group: "batch", Kind: "Job"}:        {levels(Healthy, Progressing, Degraded, Suspended), job},
	{Group: "batch", Kind: "CronJob"}:    {levels(Healthy, Suspended), cronJob},

	{Kind: "PersistentVolumeClaim"}:                            {levels(Healthy, Progressing, Degraded), claim},
	{Kind: "PersistentVolume"}:                                 {levels(Healthy, Progressing, Degraded), volume},
	{Group: "snapshot.storage.k8s.io", Kind: "VolumeSnapshot"}: {levels(Healthy, Progressing, Degraded), snapshot},

	{Kind: "Service"}: {levels(Healthy, Progressing), service},
	{Group: "networking.k8s.io", Kind: "Ingress"}:      {levels(Healthy), always},
	{Group: "discovery.k8s.io", Kind: "EndpointSlice"}: {levels(Healthy), always},

	{Group: "autoscaling", Kind: "HorizontalPodAutoscaler"}: {levels(Healthy, Progressing, Degraded), autoscaler},
	{Group: "policy", Kind: "PodDisruptionBudget"}:          {levels(Healthy, Progressing, Degraded), disruptionBudget},

	{Kind: "Namespace"}: {levels(Healthy, Progressing), namespace},
	{Kind: "Node"}:      {levels(Healthy, Degraded, Suspended, Progressing), node},
	{Group: "apiextensions.k8s.io", Kind: "CustomResourceDefinition"}:          {levels(Healthy, Progressing, Degraded), definition},
	{Group: "apiregistration.k8s.io", Kind: "APIService"}:                      {levels(Healthy, Progressing), apiService},
	{Group: "admissionregistration.k8s.io", Kind: "ValidatingAdmissionPolicy"}: {levels(Healthy, Progressing), admissionPolicy},
	{Group: "argoproj.io", Kind: "Rollout"}:                                    {levels(Healthy, Progressing, Degraded, Suspended), rollout},
	{Group: "argoproj.io", Kind: "Application"}:                                {levels(Healthy, Progressing, Degraded, Suspended, Missing, Unknown), argoApplication},
}

// always is the rule for kinds that have a status and nothing in it that a roll-out should wait for.
//
// Ingress is one: Healthy whatever its status says. Many clusters never publish an address (controllers without a
// published service, several controllers, classes that are switched off), and an address says nothing about whether
// requests arrive. Who wants to wait for one writes a rule.
func always(view) Status { return healthy() }
