package convert

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"plumb.cd/plumb/api/v1alpha1"
	"plumb.cd/plumb/internal/engine"
	"plumb.cd/plumb/internal/fault"
)

// Target converts c with the contents of the Secret that it names; nil when there is none.
func Target(c *v1alpha1.Cluster, secret map[string][]byte) engine.Target {
	out := engine.Target{Name: c.Name, Generation: c.Generation}
	k := c.Spec.Kubeconfig
	switch {
	case (k == nil) == (c.Spec.InCluster == nil):
		out.Err = invalid("spec", "give either inCluster or kubeconfig")
	case k != nil:
		key := k.Key
		if key == "" {
			key = "kubeconfig"
		}
		name := string(k.Namespace) + "/" + string(k.Name)
		data, err := secretData(name, secret)
		switch {
		case err != nil:
			out.Err = err
		case len(data[key]) == 0:
			out.Err = lacks(name, "the key "+key)
		default:
			out.Kubeconfig = data[key]
		}
	}
	return out
}

// ClusterStatus is what the status of c says after s. How many objects are managed is no part of it: it would be written
// all day.
func ClusterStatus(c *v1alpha1.Cluster, s engine.TargetSnapshot) v1alpha1.ClusterStatus {
	out := v1alpha1.ClusterStatus{ObservedGeneration: c.Generation, Version: s.Version, Since: moment(s.Since)}
	if out.Version == "" {
		out.Version = c.Status.Version
	}
	ready := outcome{status: metav1.ConditionTrue, reason: fault.Ready, message: "connected"}
	switch {
	case s.Err != nil:
		ready = failure(s.Err)
	case !s.Connected:
		if len(c.Status.Conditions) > 0 && c.Status.ObservedGeneration == c.Generation {
			return c.Status // the engine has only just started, or no App uses the cluster
		}
		ready = outcome{status: metav1.ConditionUnknown, reconciling: true, reason: fault.Initializing, message: "not connected yet"}
	}
	out.Reason, out.Message, out.Next = string(ready.reason), short(ready.message), short(ready.next)
	if out.Reason == c.Status.Reason && c.Status.Since != nil {
		out.Since = c.Status.Since
	}
	at := s.Since
	if at.IsZero() {
		at = c.CreationTimestamp.Time
	}
	out.Conditions = ready.conditions(c.Status.Conditions, c.Generation, at)
	return out
}
