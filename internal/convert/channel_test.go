package convert_test

import (
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"plumb.cd/plumb/api/v1alpha1"
	"plumb.cd/plumb/internal/bundle"
	"plumb.cd/plumb/internal/convert"
	"plumb.cd/plumb/internal/engine"
	"plumb.cd/plumb/internal/fault"
	"plumb.cd/plumb/internal/filter"
	"plumb.cd/plumb/internal/httpapi"
	"plumb.cd/plumb/internal/notify"
	"plumb.cd/plumb/internal/notify/courier"
	"plumb.cd/plumb/internal/notify/deliver"
	"plumb.cd/plumb/internal/plan"
)

const home = "plumb-system"

func channelIn(namespace string, change ...func(*v1alpha1.ChannelSpec)) *v1alpha1.Channel {
	c := &v1alpha1.Channel{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "chat", Generation: 3},
		Spec:       v1alpha1.ChannelSpec{Type: v1alpha1.ChannelSlack, SecretRef: &v1alpha1.LocalSecret{Name: "chat"}},
	}
	for _, f := range change {
		f(&c.Spec)
	}
	return c
}

var slackSecret = map[string][]byte{"url": []byte("https://hooks.slack.com/services/x\n")}

func TestAChannelTellsAboutItsOwnNamespaceAndTheInstallationAboutAll(t *testing.T) {
	sight := func(kind notify.Kind, namespace string, labels map[string]string) courier.Sight {
		row := filter.Fold(&httpapi.AppRow{Namespace: namespace, Name: "web", Cluster: "prod-eu"})
		return courier.Sight{Facts: notify.Facts{Subject: notify.Subject{Kind: kind, Namespace: namespace, Name: "web"}}, Labels: labels, Row: &row}
	}
	lost := sight(notify.App, "team", nil)
	lost.Trouble = notify.ClusterUnreachable
	apps := func(text string, labels map[string]string) func(*v1alpha1.ChannelSpec) {
		return func(s *v1alpha1.ChannelSpec) {
			s.Apps = &v1alpha1.ChannelApps{Filter: text}
			if labels != nil {
				s.Apps.Selector = &metav1.LabelSelector{MatchLabels: labels}
			}
		}
	}
	gold := map[string]string{"tier": "gold"}
	for _, c := range []struct {
		name    string
		channel *v1alpha1.Channel
		sight   courier.Sight
		want    bool
	}{
		{"an App of its namespace", channelIn("team"), sight(notify.App, "team", nil), true},
		{"an App of another namespace", channelIn("team"), sight(notify.App, "other", nil), false},
		{"a Repository of its namespace", channelIn("team"), sight(notify.Repository, "team", nil), true},
		{"a Repository of another namespace", channelIn("team"), sight(notify.Repository, "other", nil), false},
		{"a Cluster belongs to nobody", channelIn("team"), sight(notify.Cluster, "", nil), false},
		{"an App whose cluster is away, for its team", channelIn("team"), lost, true},
		{"the installation hears of the Cluster instead", channelIn(home), lost, false},
		{"the installation hears of Clusters", channelIn(home), sight(notify.Cluster, "", nil), true},
		{"the installation hears of every App", channelIn(home), sight(notify.App, "other", nil), true},
		{"the installation that chooses Apps did not choose Clusters", channelIn(home, apps("cluster:prod-*", nil)), sight(notify.Cluster, "", nil), false},
		{"a filter that matches", channelIn("team", apps("cluster:prod-*", nil)), sight(notify.App, "team", nil), true},
		{"a filter that does not", channelIn("team", apps("cluster:dev-*", nil)), sight(notify.App, "team", nil), false},
		{"a selector that matches", channelIn("team", apps("", gold)), sight(notify.App, "team", gold), true},
		{"a selector that does not", channelIn("team", apps("", gold)), sight(notify.App, "team", nil), false},
		{"a filter that matches and a selector that does not", channelIn("team", apps("cluster:prod-*", gold)), sight(notify.App, "team", nil), false},
		{"its Repository, whatever Apps it chooses", channelIn("team", apps("cluster:dev-*", nil)), sight(notify.Repository, "team", nil), true},
	} {
		t.Run(c.name, func(t *testing.T) {
			out := convert.Channel(c.channel, slackSecret, home)
			if out.Err != nil {
				t.Fatal(out.Err)
			}
			if got := out.Covers(c.sight, time.Time{}); got != c.want {
				t.Errorf("covered: %v", got)
			}
		})
	}
}

func TestChannelsWithoutWhatTheyNeedSaySo(t *testing.T) {
	webhook := func(s *v1alpha1.ChannelSpec) { s.Type = v1alpha1.ChannelHTTP }
	for _, c := range []struct {
		name    string
		channel *v1alpha1.Channel
		secret  map[string][]byte
		reason  fault.Reason
		where   string
	}{
		{"no Secret", channelIn("team"), nil, fault.CredentialsMissing, "Secret/chat"},
		{"no url", channelIn("team"), map[string][]byte{"URL": []byte("x")}, fault.CredentialsMissing, "Secret/chat"},
		{"no key to sign with", channelIn("team", webhook), slackSecret, fault.CredentialsMissing, "Secret/chat"},
		{"a duration that is none", channelIn("team", func(s *v1alpha1.ChannelSpec) { s.Group = "soon" }), slackSecret, fault.InvalidSpec, "spec.group"},
		{"a filter that is none", channelIn("team", func(s *v1alpha1.ChannelSpec) { s.Apps = &v1alpha1.ChannelApps{Filter: "colour:red"} }), slackSecret, fault.InvalidSpec, "spec.apps.filter"},
		{
			"a password in the clear", channelIn("team", func(s *v1alpha1.ChannelSpec) {
				s.Type, s.Email = v1alpha1.ChannelMail, &v1alpha1.ChannelEmail{Host: "mail", TLS: v1alpha1.ChannelNoTLS, From: "a@b.c", To: []string{"d@e.f"}}
			}), map[string][]byte{"username": []byte("u"), "password": []byte("password")}, fault.InvalidSpec, "spec.email.tls",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := fault.Of(convert.Channel(c.channel, c.secret, home).Err)
			if f == nil || f.Reason != c.reason || f.Where != c.where {
				t.Errorf("%+v", f)
			}
		})
	}
}

func TestAChannelWhoseSecretIsMissingKeepsItsRules(t *testing.T) {
	out := convert.Channel(channelIn("team"), nil, home)
	if out.Err == nil || out.Covers == nil || len(out.Rules.Events) != len(notify.Events())-1 {
		t.Errorf("%+v", out)
	}
	for _, e := range out.Rules.Events {
		if e == notify.Deployed {
			t.Error("deployments are told without being asked for")
		}
	}
}

func TestAWrongTemplateIsAWarningAndTheBuiltInFormStays(t *testing.T) {
	out := convert.Channel(channelIn("team", func(s *v1alpha1.ChannelSpec) { s.Template = "{{.Nope}}" }), slackSecret, home)
	if f := fault.Of(out.Warning); out.Err != nil || out.Template != nil || f == nil || f.Reason != fault.InvalidSpec || !strings.Contains(f.Message, "Nope") {
		t.Errorf("%+v", out)
	}
}

func TestLineBreaksOfEditorsAreNoPartOfSecrets(t *testing.T) {
	if out := convert.Channel(channelIn("team"), slackSecret, home); out.Way.URL != deliver.Secret("https://hooks.slack.com/services/x") {
		t.Error("the address has more in it than it should")
	}
}

func TestWhatAnAppIsInIsWhatChannelsCareAbout(t *testing.T) {
	for _, c := range []struct {
		name      string
		state     engine.State
		reason    fault.Reason
		condition notify.Condition
		trouble   notify.Event
	}{
		{"synced", engine.StateSynced, fault.Synced, notify.Calm, ""},
		{"held", engine.StatePaused, fault.Held, notify.Paused, ""},
		{"deploying", engine.StateDeploying, fault.Progressing, notify.Moving, ""},
		{"waiting for an approval", engine.StateWaiting, fault.AwaitingApproval, notify.Waiting, ""},
		{"waiting because of what would be deleted", engine.StateWaiting, fault.PruneGuard, notify.Waiting, ""},
		{"waiting for a dependency", engine.StateWaiting, fault.DependencyNotReady, notify.Moving, ""},
		{"failed", engine.StateFailed, fault.RenderFailed, notify.InTrouble, notify.Failed},
		{"degraded", engine.StateDegraded, fault.Unhealthy, notify.InTrouble, notify.Degraded},
		{"drifted", engine.StateDrifted, fault.Drifted, notify.InTrouble, notify.Drifted},
		{"its cluster is away", engine.StateUnknown, fault.ClusterUnreachable, notify.InTrouble, notify.ClusterUnreachable},
		{"its repository is away: that is told of the Repository", engine.StateUnknown, fault.Unreachable, notify.Unclear, ""},
		{"just met", engine.StateUnknown, fault.Initializing, notify.Unclear, ""},
		{"not known at all", "", "", notify.Unclear, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := convert.AppFacts(engine.Snapshot{Key: engine.Key{Namespace: "team", Name: "web"}, State: c.state, Reason: c.reason}, nil)
			if f.Condition != c.condition || f.Trouble != c.trouble {
				t.Errorf("%q %q", f.Condition, f.Trouble)
			}
		})
	}
}

func TestOnlyADeploymentThatEndedWellIsOne(t *testing.T) {
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		name    string
		attempt engine.Attempt
		want    string
	}{
		{"ended well", engine.Attempt{ID: "1", Mode: plan.Sync, Outcome: "Succeeded", Ended: at}, "1"},
		{"still going", engine.Attempt{ID: "1", Mode: plan.Sync}, ""},
		{"failed", engine.Attempt{ID: "1", Mode: plan.Sync, Outcome: "Failed", Ended: at}, ""},
		{"a rollback", engine.Attempt{ID: "1", Mode: plan.Rollback, Outcome: "Succeeded", Ended: at}, ""},
		{"healing", engine.Attempt{ID: "1", Mode: plan.Heal, Outcome: "Succeeded", Ended: at}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := engine.Snapshot{State: engine.StateSynced, Memory: engine.Memory{Attempt: &c.attempt}}
			if got := convert.AppFacts(s, nil).Deployment; got != c.want {
				t.Errorf("%q", got)
			}
		})
	}
}

func TestTheCommitOfAnAppIsTheFirstThatGitHas(t *testing.T) {
	s := engine.Snapshot{Desired: &engine.Deployed{Revisions: []bundle.Revision{
		{URL: "https://charts.example.com", Commit: "1.2.3@sha256:abc"}, {URL: "https://git.example.com/team/web", Commit: "abc", Tree: "t", Ref: "branch main"},
	}}}
	if c := convert.AppFacts(s, nil).Commit; c.SHA != "abc" || c.Repository != "https://git.example.com/team/web" {
		t.Errorf("%+v", c)
	}
}

func TestACommitThatCannotBeRenderedIsToBlameNotTheOneBeforeIt(t *testing.T) {
	revision := func(sha string) []bundle.Revision {
		return []bundle.Revision{{URL: "https://git.example.com/team/web", Commit: sha, Tree: "t"}}
	}
	broken := engine.Snapshot{
		State: engine.StateFailed, Reason: fault.SyntaxInvalid, Message: "a.yaml:2: invalid YAML",
		Memory: engine.Memory{Applied: &engine.Deployed{Revisions: revision("old")}},
	}
	f := convert.AppFacts(broken, revision("bad"))
	if f.Commit.SHA != "bad" {
		t.Errorf("blamed is %q", f.Commit.SHA)
	}
	if later := convert.AppFacts(broken, revision("newer")); later.Mark != f.Mark {
		t.Error("the same failure, met at another commit after a restart, is another one")
	}
	if f := convert.AppFacts(broken, nil); f.Commit.SHA != "" { // its branch is gone
		t.Errorf("blamed is %q, which is innocent", f.Commit.SHA)
	}
	broken.Desired = &engine.Deployed{Revisions: revision("rendered")}
	if f := convert.AppFacts(broken, nil); f.Commit.SHA != "rendered" || f.Mark != "" {
		t.Errorf("%+v", f)
	}
}

func TestTheStatusOfAChannelShowsWhatIsWrongAndNoSecret(t *testing.T) {
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	c := channelIn("team")
	snapshot := courier.Snapshot{Target: "hooks.slack.com", Err: &fault.Error{Class: fault.Blocked, Reason: fault.AuthenticationFailed, Message: "hooks.slack.com answered 401", Next: "correct the Secret"}}
	snapshot.Waiting, snapshot.Dead, snapshot.DeadTitle, snapshot.DeadReason, snapshot.DeadAt = 7, 2, "team/web failed", "410", at
	s := convert.ChannelStatus(c, snapshot, at)
	if s.Reason != "AuthenticationFailed" || s.Waiting != 7 || s.LastDead == nil || s.LastDead.Title != "team/web failed" || s.ObservedGeneration != 3 {
		t.Errorf("%+v", s)
	}
	for _, want := range []metav1.Condition{{Type: "Ready", Status: "False"}, {Type: "Reconciling", Status: "False"}, {Type: "Stalled", Status: "True"}} {
		found := false
		for _, got := range s.Conditions {
			found = found || got.Type == want.Type && got.Status == want.Status
		}
		if !found {
			t.Errorf("no %s=%s in %+v", want.Type, want.Status, s.Conditions)
		}
	}
	c.Status = s
	if again := convert.ChannelStatus(c, snapshot, at.Add(time.Hour)); again.Conditions[0].LastTransitionTime != s.Conditions[0].LastTransitionTime {
		t.Error("nothing changed, and the time did")
	}
}
