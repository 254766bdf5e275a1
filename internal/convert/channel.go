package convert

import (
	"cmp"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"plumb.cd/plumb/api/v1alpha1"
	"plumb.cd/plumb/internal/bundle"
	"plumb.cd/plumb/internal/engine"
	"plumb.cd/plumb/internal/fault"
	"plumb.cd/plumb/internal/filter"
	"plumb.cd/plumb/internal/notify"
	"plumb.cd/plumb/internal/notify/courier"
	"plumb.cd/plumb/internal/notify/deliver"
	"plumb.cd/plumb/internal/plan"
)

// SecretOfChannel names the Secret that c uses; empty: none.
func SecretOfChannel(c *v1alpha1.Channel) string {
	if c.Spec.SecretRef == nil {
		return ""
	}
	return string(c.Spec.SecretRef.Name)
}

// Channel converts c with its Secret (nil where there is none of that name). home is the namespace of the installation:
// a Channel there may tell about all Apps, Repositories and Clusters.
//
// A Channel without its Secret goes on gathering what it will tell; one whose template is wrong tells it in the built-in
// form.
func Channel(c *v1alpha1.Channel, secret map[string][]byte, home string) courier.Channel {
	s := c.Spec
	out := courier.Channel{Namespace: c.Namespace, Name: c.Name, Generation: c.Generation, Suspend: s.Suspend}
	out.Rules = notify.Rules{Events: channelEvents(s), Statuses: s.Type == v1alpha1.ChannelCommit}
	var errs [4]error
	out.Group, errs[0] = duration("spec.group", s.Group)
	out.Rules.Repeat, errs[1] = duration("spec.repeat", s.Repeat)
	out.Covers, errs[2] = covers(c, home)
	out.Way, errs[3] = way(s, secret)
	for _, err := range errs {
		if err != nil {
			out.Err = err
			break
		}
	}
	var err error
	if out.Template, err = notify.Compile(s.Title, s.Template, form(s)); err != nil {
		out.Template = nil
		out.Warning = invalid("spec.template", "%s; until it is corrected, messages have the built-in form", err)
	}
	return out
}

func channelEvents(s v1alpha1.ChannelSpec) []notify.Event {
	if len(s.Events) == 0 {
		return slices.DeleteFunc(notify.Events(), func(e notify.Event) bool { return e == notify.Deployed })
	}
	var out []notify.Event
	for _, e := range s.Events {
		out = append(out, notify.Event(e))
	}
	return out
}

func form(s v1alpha1.ChannelSpec) notify.Form {
	switch {
	case s.Type != v1alpha1.ChannelHTTP:
		return notify.Text
	case s.Webhook == nil || s.Webhook.ContentType == "" || s.Webhook.ContentType == "application/json":
		return notify.JSON
	}
	return notify.Verbatim
}

// covers says which subjects a Channel may tell about, and wants to.
func covers(c *v1alpha1.Channel, home string) (func(courier.Sight, time.Time) bool, error) {
	selector, wanted := labels.Everything(), filter.Filter{}
	var err error
	if a := c.Spec.Apps; a != nil {
		if a.Selector != nil {
			if selector, err = metav1.LabelSelectorAsSelector(a.Selector); err != nil {
				return nil, invalid("spec.apps.selector", "%s", err)
			}
		}
		if wanted, err = filter.Parse(a.Filter); err != nil {
			return nil, invalid("spec.apps.filter", "%s", err)
		}
	}
	chosen := c.Spec.Apps != nil && (len(wanted.Terms) > 0 || !selector.Empty())
	namespace, all := c.Namespace, c.Namespace == home && home != ""
	return func(s courier.Sight, now time.Time) bool {
		switch {
		case !all && s.Namespace != namespace:
			return false
		case s.Kind != notify.App:
			return !chosen || s.Kind == notify.Repository && !all // who chooses Apps of all, did not choose these
		case all && s.Trouble == notify.ClusterUnreachable:
			return false // it hears of the Cluster
		}
		return selector.Matches(labels.Set(s.Labels)) && (len(wanted.Terms) == 0 || (s.Row != nil && wanted.Match(s.Row, now)))
	}, nil
}

// way converts how a Channel delivers.
func way(s v1alpha1.ChannelSpec, secret map[string][]byte) (deliver.Config, error) {
	out := deliver.Config{Type: deliver.Type(s.Type)}
	name := ""
	if s.SecretRef != nil {
		name = string(s.SecretRef.Name)
		if _, err := secretData(name, secret); err != nil {
			return out, err
		}
	}
	out.CA = first(secret, caKeys)
	need := func(key string) (deliver.Secret, error) {
		if v := line(secret[key]); v != "" {
			return deliver.Secret(v), nil
		}
		return "", lacks(name, "the key "+key)
	}
	var err error
	switch s.Type {
	case v1alpha1.ChannelSlack, v1alpha1.ChannelTeams:
		out.URL, err = need("url")
	case v1alpha1.ChannelHTTP:
		if out.URL, err = need("url"); err == nil {
			out.SigningKey, err = need("secret")
		}
		out.Token = deliver.Secret(line(first(secret, tokenKeys)))
		if s.Webhook != nil {
			out.ContentType = s.Webhook.ContentType
		}
	case v1alpha1.ChannelMail:
		out.Username, out.Password = deliver.Secret(line(first(secret, userKeys))), deliver.Secret(line(first(secret, passwordKeys)))
		if m := s.Email; m != nil {
			out.Mail = deliver.Mail{Host: m.Host, Port: int(m.Port), TLS: deliver.MailTLS(cmp.Or(m.TLS, v1alpha1.ChannelStartTLS)), From: m.From, To: m.To}
			if m.TLS == v1alpha1.ChannelNoTLS && out.Password != "" {
				err = invalid("spec.email.tls", "a password is not sent without encryption")
			}
		}
	case v1alpha1.ChannelCommit:
		out.Token, err = need("token")
		if f := s.CommitStatus; f != nil {
			out.Forge = deliver.Forge{Provider: deliver.Provider(f.Provider), URL: f.URL, Hosts: f.Hosts}
		}
	}
	return out, err
}

// AppFacts are what notifications are made of. tried are the revisions at which the App could not be rendered, if that is
// what ails it: then they are to blame, not what was rendered or applied before.
func AppFacts(s engine.Snapshot, tried []bundle.Revision) notify.Facts {
	out := notify.Facts{
		Subject: notify.Subject{Kind: notify.App, Namespace: s.Key.Namespace, Name: s.Key.Name},
		State:   string(s.State), Reason: string(s.Reason), Message: short(s.Message), Next: short(s.Next), Commit: newest(s),
	}
	out.Condition, out.Trouble = condition(s)
	if s.State == engine.StateFailed && s.Desired == nil {
		// After a restart the same failure is met at whatever commit Git has by then; what it says stays the same.
		out.Mark, out.Commit = out.Commit.SHA+"\n"+out.Message, commitOf(tried)
	}
	if b := s.Blocking; b != nil && b.Object.Kind != "" {
		out.Object, out.File = b.Object.String(), b.File
	}
	if s.Plan != nil && out.Condition == notify.Waiting {
		out.Plan = string(s.Plan.Digest)
	}
	if a := s.Memory.Attempt; a != nil && a.Outcome == "Succeeded" && a.Mode == plan.Sync {
		out.Deployment, out.DeployedAt = a.ID, a.Ended
	}
	if r := s.Memory.RolledBack; r != nil {
		out.RolledBack, out.RolledBackAt, out.RolledBackWhy = string(r.Bad)+" "+r.At.UTC().Format(time.RFC3339), r.At, short(r.Message)
	}
	return out
}

func condition(s engine.Snapshot) (notify.Condition, notify.Event) {
	if s.Deleted {
		return notify.Unclear, ""
	}
	switch s.State {
	case engine.StateSynced:
		return notify.Calm, ""
	case engine.StatePaused:
		return notify.Paused, ""
	case engine.StateDeploying:
		return notify.Moving, ""
	case engine.StateWaiting:
		if s.Reason == fault.AwaitingApproval || s.Reason == fault.PruneGuard {
			return notify.Waiting, ""
		}
		return notify.Moving, ""
	case engine.StateFailed:
		return notify.InTrouble, notify.Failed
	case engine.StateDegraded:
		return notify.InTrouble, notify.Degraded
	case engine.StateDrifted:
		return notify.InTrouble, notify.Drifted
	case engine.StateUnknown:
		if s.Reason == fault.ClusterUnreachable {
			return notify.InTrouble, notify.ClusterUnreachable
		}
	}
	return notify.Unclear, ""
}

// newest is the commit that the App has to do with: what Git says, else what was applied.
func newest(s engine.Snapshot) notify.Commit {
	switch {
	case s.Desired != nil:
		return commitOf(s.Desired.Revisions)
	case s.Memory.Applied != nil:
		return commitOf(s.Memory.Applied.Revisions)
	}
	return notify.Commit{}
}

// commitOf is the first of the revisions that is a commit in Git.
func commitOf(revisions []bundle.Revision) notify.Commit {
	for _, r := range revisions {
		if r.Tree != "" {
			return notify.Commit{SHA: r.Commit, Ref: r.Ref, Repository: r.URL}
		}
	}
	return notify.Commit{}
}

// RepositoryFacts are the same of a Repository.
func RepositoryFacts(r engine.RepositorySnapshot) notify.Facts {
	out := notify.Facts{Subject: notify.Subject{Kind: notify.Repository, Namespace: r.Key.Namespace, Name: r.Key.Name}}
	switch {
	case r.Err != nil:
		f := fault.Of(r.Err)
		out.Condition, out.Trouble, out.State = notify.InTrouble, notify.RepositoryUnreachable, "Unreachable"
		out.Reason, out.Message, out.Next = string(f.Reason), short(f.Error()), short(f.Next)
	case !r.Checked.IsZero():
		out.Condition, out.State, out.Reason = notify.Calm, string(fault.Ready), string(fault.Ready)
	}
	return out
}

// ClusterFacts are the same of a Cluster.
func ClusterFacts(t engine.TargetSnapshot) notify.Facts {
	out := notify.Facts{Subject: notify.Subject{Kind: notify.Cluster, Name: t.Name}, Cluster: t.Name}
	switch {
	case t.Connected:
		out.Condition, out.State, out.Reason = notify.Calm, string(fault.Ready), string(fault.Ready)
	case t.Err != nil:
		f := fault.Of(t.Err)
		out.Condition, out.Trouble, out.State = notify.InTrouble, notify.ClusterUnreachable, "Unreachable"
		out.Reason, out.Message, out.Next = string(f.Reason), short(f.Error()), short(f.Next)
	}
	return out
}

// ChannelStatus is what the status of c says after s. now dates what changed.
func ChannelStatus(c *v1alpha1.Channel, s courier.Snapshot, now time.Time) v1alpha1.ChannelStatus {
	out := v1alpha1.ChannelStatus{
		ObservedGeneration: c.Generation, Target: s.Target, Waiting: int32(min(s.Waiting, 1<<30)), Sent: moment(s.Sent), Dead: s.Dead, Dropped: s.Dropped,
	}
	if s.Dead > 0 {
		out.LastDead = &v1alpha1.ChannelDead{Title: short(s.DeadTitle), Reason: short(s.DeadReason), At: *cmp.Or(moment(s.DeadAt), &metav1.Time{})}
	}
	ready := outcome{status: metav1.ConditionTrue, reason: fault.Ready, message: "messages are delivered"}
	at := now
	switch {
	case s.Err != nil:
		ready = failure(s.Err)
	case c.Spec.Suspend:
		ready = outcome{status: metav1.ConditionFalse, reason: fault.Suspended, message: "suspended: nothing is told"}
	case s.Sent.IsZero():
		ready.message = "nothing to tell yet"
	}
	out.Reason, out.Message, out.Next = string(ready.reason), short(ready.message), short(ready.next)
	out.Conditions = ready.conditions(c.Status.Conditions, c.Generation, at)
	return out
}
