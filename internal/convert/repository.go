package convert

import (
	"fmt"
	"maps"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"plumb.cd/plumb/api/v1alpha1"
	"plumb.cd/plumb/internal/engine"
	"plumb.cd/plumb/internal/fault"
	"plumb.cd/plumb/internal/git"
)

// Secrets are the contents of the Secrets that a resource names; nil where there is none of that name.
type Secrets map[string]map[string][]byte

// SecretsOf lists the names of the Secrets that r uses, sorted.
func SecretsOf(r *v1alpha1.Repository) []string {
	var names []string
	if s := r.Spec.SecretRef; s != nil {
		names = append(names, string(s.Name))
	}
	if w := r.Spec.Webhook; w != nil {
		names = append(names, string(w.SecretRef.Name))
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// Repository converts r with the Secrets that SecretsOf lists. A Secret that is missing becomes the Err: Blocked until
// it is there.
func Repository(r *v1alpha1.Repository, secrets Secrets) engine.Repository {
	out := engine.Repository{
		Key:        engine.Key{Namespace: r.Namespace, Name: r.Name},
		Generation: r.Generation,
		URL:        r.Spec.URL,
		Submodules: r.Spec.Submodules,
		Suspend:    r.Spec.Suspend,
	}
	var errs [4]error
	if ref := r.Spec.SecretRef; ref != nil {
		out.Auth, out.ChartAuth, errs[0] = credentials(string(ref.Name), secrets[string(ref.Name)], r.Spec.URL)
	}
	out.ChartAuth.PlainHTTP, out.ChartAuth.PassCredentials = r.Spec.PlainHTTP, r.Spec.PassCredentials
	out.Interval, errs[1] = duration("spec.interval", r.Spec.Interval)
	out.Limits, errs[2] = limits(r.Spec.Limits)
	out.WebhookSecret, errs[3] = webhookSecret(r.Spec.Webhook, secrets)
	for _, err := range errs {
		if err != nil {
			out.Err = err
			break
		}
	}
	return out
}

func webhookSecret(w *v1alpha1.Webhook, secrets Secrets) (string, error) {
	if w == nil {
		return "", nil
	}
	key := w.SecretRef.Key
	if key == "" {
		key = "secret"
	}
	data, err := secretData(string(w.SecretRef.Name), secrets[string(w.SecretRef.Name)])
	if err != nil {
		return "", err
	}
	if len(data[key]) == 0 {
		return "", lacks(string(w.SecretRef.Name), "the key "+key)
	}
	return line(data[key]), nil
}

func limits(l *v1alpha1.Limits) (out git.Limits, err error) {
	if l == nil {
		return out, nil
	}
	out.FileBytes, out.TreeFiles, out.PackBytes = int64(l.FileMiB)<<20, int64(l.Files), int64(l.DownloadMiB)<<20
	out.Timeout, err = duration("spec.limits.timeout", l.Timeout)
	return out, err
}

// RepositoryStatus is what the status of r says after s. It changes when something happened, not at each look.
func RepositoryStatus(r *v1alpha1.Repository, s engine.RepositorySnapshot) v1alpha1.RepositoryStatus {
	out := v1alpha1.RepositoryStatus{
		ObservedGeneration: r.Generation, Apps: int32(s.Apps), Changed: moment(s.Changed), Refs: someRefs(s.Refs),
	}
	if r.Status.Changed != nil && maps.Equal(out.Refs, r.Status.Refs) {
		out.Changed = r.Status.Changed // the engine may have met the refs only now
	}
	ready := outcome{status: metav1.ConditionTrue, reason: fault.Ready, message: refsMessage(s)}
	switch {
	case s.Err != nil:
		ready = failure(s.Err)
	case r.Spec.Suspend:
		ready = outcome{status: metav1.ConditionFalse, reason: fault.Suspended, message: "suspended: nobody looks at the refs"}
	case s.Checked.IsZero():
		if len(r.Status.Conditions) > 0 && r.Status.ObservedGeneration == r.Generation {
			return r.Status // the engine has only just started
		}
		ready = outcome{status: metav1.ConditionUnknown, reconciling: true, reason: fault.Initializing, message: "not looked at yet"}
	}
	out.Reason, out.Message, out.Next = string(ready.reason), short(ready.message), short(ready.next)
	at := s.Checked
	if at.IsZero() {
		at = r.CreationTimestamp.Time
	}
	out.Conditions = ready.conditions(r.Status.Conditions, r.Generation, at)
	return out
}

func refsMessage(s engine.RepositorySnapshot) string {
	if len(s.Refs) == 1 {
		return "1 ref in use"
	}
	return fmt.Sprintf("%d refs in use", len(s.Refs))
}

// someRefs keeps the first maxRefs by name.
func someRefs(refs map[string]string) map[string]string {
	if len(refs) == 0 {
		return nil
	}
	out := map[string]string{}
	for i, name := range slices.Sorted(maps.Keys(refs)) {
		if i == maxRefs {
			break
		}
		out[name] = refs[name]
	}
	return out
}

// outcome is what the three conditions of a Repository or Cluster say.
type outcome struct {
	status               metav1.ConditionStatus // of Ready
	reconciling, stalled bool
	reason               fault.Reason
	message, next        string
}

// failure: what is transient is tried again, anything else waits for somebody.
func failure(err error) outcome {
	f := fault.Of(err)
	transient := f.Class == fault.Transient
	return outcome{
		status: metav1.ConditionFalse, reconciling: transient, stalled: !transient,
		reason: f.Reason, message: f.Error(), next: f.Next,
	}
}

func (o outcome) conditions(prev []metav1.Condition, generation int64, at time.Time) []metav1.Condition {
	c := conditions{prev: prev, generation: generation, reason: string(o.reason), message: short(o.message), at: moment(at)}
	truth := map[bool]metav1.ConditionStatus{true: metav1.ConditionTrue, false: metav1.ConditionFalse}
	return []metav1.Condition{
		c.is(v1alpha1.ConditionReady, o.status),
		c.is(v1alpha1.ConditionReconciling, truth[o.reconciling]),
		c.is(v1alpha1.ConditionStalled, truth[o.stalled]),
	}
}
