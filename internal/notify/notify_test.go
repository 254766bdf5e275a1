package notify_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"plumb.cd/plumb/internal/notify"
)

var (
	begin = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	all   = notify.Rules{Events: notify.Events(), Since: begin}
)

func app(condition notify.Condition, change ...func(*notify.Facts)) notify.Facts {
	f := notify.Facts{
		Subject: notify.Subject{Kind: notify.App, Namespace: "team", Name: "web"}, Condition: condition,
		Commit: notify.Commit{SHA: strings.Repeat("a", 40), Repository: "https://git.example.com/team/web"},
	}
	for _, c := range change {
		c(&f)
	}
	return f
}

func failing(reason string) func(*notify.Facts) {
	return func(f *notify.Facts) { f.Trouble, f.State, f.Reason = notify.Failed, "Failed", reason }
}

func degraded(f *notify.Facts) {
	f.Trouble, f.State, f.Reason = notify.Degraded, "Degraded", "Unhealthy"
}

func commit(sha string) func(*notify.Facts) {
	return func(f *notify.Facts) { f.Commit.SHA = strings.Repeat(sha, 40) }
}

func deployed(id string, at time.Time) func(*notify.Facts) {
	return func(f *notify.Facts) { f.Deployment, f.DeployedAt = id, at }
}

func plan(digest string) func(*notify.Facts) {
	return func(f *notify.Facts) { f.Plan, f.Reason = digest, "AwaitingApproval" }
}

func rolledBack(id string, at time.Time) func(*notify.Facts) {
	return func(f *notify.Facts) { f.RolledBack, f.RolledBackAt = id, at }
}

func TestWhatIsToldOfAnAppThatGoesThroughItsStates(t *testing.T) {
	later := begin.Add(time.Hour)
	for _, c := range []struct {
		name  string
		rules notify.Rules
		facts []notify.Facts // one after the other, a minute apart
		want  string         // what is told at each, separated by spaces; - for nothing
	}{
		{"an App that is as it should be says nothing", all, []notify.Facts{app(notify.Calm), app(notify.Calm)}, "- -"},
		{"a failure is told once, however often it is seen", all, []notify.Facts{
			app(notify.InTrouble, failing("RenderFailed")), app(notify.InTrouble, failing("RenderFailed")),
		}, "Failed -"},
		{"a failure that is tried again and stays is no news", all, []notify.Facts{
			app(notify.InTrouble, failing("HookFailed")), app(notify.Moving), app(notify.InTrouble, failing("HookFailed")),
		}, "Failed - -"},
		{"the same failure at the next commit is news", all, []notify.Facts{
			app(notify.InTrouble, failing("HookFailed")), app(notify.Moving, commit("b")), app(notify.InTrouble, failing("HookFailed"), commit("b")),
		}, "Failed - Failed"},
		{"another reason is news", all, []notify.Facts{
			app(notify.InTrouble, failing("HookFailed")), app(notify.InTrouble, failing("SchemaViolation")),
		}, "Failed Failed"},
		{"the end of trouble is told once", all, []notify.Facts{
			app(notify.InTrouble, degraded), app(notify.Moving), app(notify.Calm), app(notify.Calm),
		}, "Degraded - Recovered -"},
		{"degraded after failed is told, and one recovery ends both", all, []notify.Facts{
			app(notify.InTrouble, failing("HookFailed")), app(notify.InTrouble, degraded), app(notify.Calm), app(notify.Calm),
		}, "Failed Degraded Recovered -"},
		{"an App that nobody can see changes nothing of what was told", all, []notify.Facts{
			app(notify.InTrouble, degraded), app(notify.Unclear), app(notify.InTrouble, degraded), app(notify.Unclear), app(notify.Calm),
		}, "Degraded - - - Recovered"},
		{"who pauses a broken App knows it, and is told no recovery", all, []notify.Facts{
			app(notify.InTrouble, degraded), app(notify.Paused), app(notify.Calm),
		}, "Degraded - -"},
		{"a deployment is told when it ended well", all, []notify.Facts{
			app(notify.Moving), app(notify.Calm, deployed("1", later)), app(notify.Calm, deployed("1", later)), app(notify.Calm, deployed("2", later)),
		}, "- Deployed - Deployed"},
		{"a deployment from before the channel is not told", all, []notify.Facts{app(notify.Calm, deployed("1", begin.Add(-time.Hour)))}, "-"},
		{"trouble from before the channel is told: it is still there", all, []notify.Facts{app(notify.InTrouble, degraded)}, "Degraded"},
		{"a deployment that mends an App is told after the recovery", all, []notify.Facts{
			app(notify.InTrouble, degraded), app(notify.Calm, deployed("2", later)),
		}, "Degraded Recovered+Deployed"},
		{"a deployment that ended while the App is not calm yet is told when it is, after the recovery", all, []notify.Facts{
			app(notify.InTrouble, degraded), app(notify.Moving, deployed("2", later)), app(notify.Calm, deployed("2", later)),
		}, "Degraded - Recovered+Deployed"},
		{"each plan that waits for approval is told once", all, []notify.Facts{
			app(notify.Waiting, plan("p1")), app(notify.Waiting, plan("p1")), app(notify.Moving), app(notify.Waiting, plan("p2")),
		}, "WaitingForApproval - - WaitingForApproval"},
		{"a plan that waits does not end the trouble before it", all, []notify.Facts{
			app(notify.InTrouble, degraded), app(notify.Waiting, plan("p1")), app(notify.Calm),
		}, "Degraded WaitingForApproval Recovered"},
		{"a rollback is told, and what it rolled back to is no recovery of a trouble that was not told", all, []notify.Facts{
			app(notify.Calm), app(notify.Calm, rolledBack("bad", later)), app(notify.Calm, rolledBack("bad", later)),
		}, "- RolledBack -"},
		{"what a channel does not ask for is not told", notify.Rules{Events: []notify.Event{notify.Failed}, Since: begin}, []notify.Facts{
			app(notify.InTrouble, degraded), app(notify.InTrouble, failing("HookFailed")), app(notify.Calm, deployed("1", later)),
		}, "- Failed -"},
		{"a recovery from trouble that was not asked for is not told", notify.Rules{Events: []notify.Event{notify.Failed, notify.Recovered}, Since: begin},
			[]notify.Facts{app(notify.InTrouble, degraded), app(notify.Calm)}, "- -"},
		{"who asks for recoveries alone gets all of them", notify.Rules{Events: []notify.Event{notify.Recovered}, Since: begin},
			[]notify.Facts{app(notify.InTrouble, degraded), app(notify.Calm)}, "- Recovered"},
		{"lasting trouble is repeated where that is wanted", notify.Rules{Events: notify.Events(), Since: begin, Repeat: 2 * time.Minute},
			[]notify.Facts{app(notify.InTrouble, degraded), app(notify.InTrouble, degraded), app(notify.InTrouble, degraded), app(notify.InTrouble, degraded)},
			"Degraded - Degraded! -"},
		{"trouble that comes and goes is told as that, and then left alone", all, []notify.Facts{
			app(notify.InTrouble, degraded), app(notify.Calm), app(notify.InTrouble, degraded), app(notify.Calm), app(notify.InTrouble, degraded), app(notify.Calm),
			app(notify.InTrouble, degraded), app(notify.Calm), app(notify.InTrouble, degraded), app(notify.Calm),
		}, "Degraded Recovered Degraded Recovered Degraded Recovered Degraded~ - - -"},
		{"new commits that fail one after the other do not come and go", all, []notify.Facts{
			app(notify.InTrouble, degraded), app(notify.InTrouble, degraded, commit("b")), app(notify.InTrouble, degraded, commit("c")),
			app(notify.InTrouble, degraded, commit("d")), app(notify.InTrouble, degraded, commit("e")), app(notify.Calm),
		}, "Degraded Degraded Degraded Degraded Degraded Recovered"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var told notify.Told
			var got []string
			for i, f := range c.facts {
				next, notices := notify.Decide(c.rules, told, f, begin.Add(time.Duration(i)*time.Minute))
				told = next
				var words []string
				for _, n := range notices {
					word := string(n.Event)
					if n.Again {
						word += "!"
					}
					if n.Flaps {
						word += "~"
					}
					words = append(words, word)
				}
				if len(words) == 0 {
					words = []string{"-"}
				}
				got = append(got, strings.Join(words, "+"))
			}
			if s := strings.Join(got, " "); s != c.want {
				t.Errorf("told %s, want %s", s, c.want)
			}
		})
	}
}

func TestWhatComesAndGoesIsToldOnceAnHourUntilItStaysWell(t *testing.T) {
	var told notify.Told
	count := map[string]int{}
	see := func(f notify.Facts, at time.Time) {
		var notices []notify.Notice
		told, notices = notify.Decide(all, told, f, at)
		for _, n := range notices {
			count[string(n.Event)]++
		}
	}
	at := begin
	for range 300 { // ten hours
		see(app(notify.InTrouble, degraded), at)
		see(app(notify.Calm), at.Add(time.Minute))
		at = at.Add(2 * time.Minute)
	}
	if count["Degraded"] < 12 || count["Degraded"] > 14 || count["Recovered"] != 3 {
		t.Errorf("in ten hours %v", count)
	}
	at = at.Add(2 * time.Hour)
	clear(count)
	see(app(notify.InTrouble, degraded), at)
	see(app(notify.Calm), at.Add(time.Minute))
	if count["Degraded"] != 1 || count["Recovered"] != 1 {
		t.Errorf("after two quiet hours %v", count)
	}
}

func TestCommitStatusesFollowTheState(t *testing.T) {
	state := func(word string) func(*notify.Facts) { return func(f *notify.Facts) { f.State = word } }
	for _, c := range []struct {
		name  string
		facts []notify.Facts
		want  string
	}{
		{"pending while it is deployed, success when it is healthy", []notify.Facts{
			app(notify.Moving, state("Deploying")), app(notify.Moving, state("Deploying")), app(notify.Calm, state("Synced")), app(notify.Calm, state("Synced")),
		}, "aPending - aSuccess -"},
		{"a failure is one, and the retry that works ends it", []notify.Facts{
			app(notify.InTrouble, failing("HookFailed")), app(notify.Moving, state("Deploying")), app(notify.Calm, state("Synced")),
		}, "aFailure aPending aSuccess"},
		{"drift is not the commit's fault", []notify.Facts{
			app(notify.Calm, state("Synced")), app(notify.InTrouble, func(f *notify.Facts) { f.Trouble, f.State = notify.Drifted, "Drifted" }), app(notify.Calm, state("Synced")),
		}, "aSuccess - -"},
		{"a commit that was left behind does not stay pending", []notify.Facts{
			app(notify.Moving, state("Deploying")), app(notify.Moving, state("Deploying"), commit("b")), app(notify.Calm, state("Synced"), commit("b")),
		}, "aPending aSuperseded+bPending bSuccess"},
		{"a commit that was deployed stays a success when the next one comes", []notify.Facts{
			app(notify.Calm, state("Synced")), app(notify.Moving, state("Deploying"), commit("b")),
		}, "aSuccess bPending"},
		{"an App without a commit has no status", []notify.Facts{app(notify.Calm, func(f *notify.Facts) { f.Commit = notify.Commit{} })}, "-"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var told notify.Told
			var got []string
			for _, f := range c.facts {
				next, statuses := notify.DecideStatus(told, f)
				told = next
				words := []string{}
				for _, s := range statuses {
					words = append(words, s.SHA[:1]+string(s.Verdict))
					if s.Context != "plumb/team/web" {
						t.Errorf("context %q", s.Context)
					}
				}
				if len(words) == 0 {
					words = []string{"-"}
				}
				got = append(got, strings.Join(words, "+"))
			}
			if s := strings.Join(got, " "); s != c.want {
				t.Errorf("set %s, want %s", s, c.want)
			}
		})
	}
}

func TestADescriptionFitsWhatForgesTake(t *testing.T) {
	f := app(notify.InTrouble, failing("HookFailed"))
	f.Message = strings.Repeat("ä\n", 500)
	_, s := notify.DecideStatus(notify.Told{}, f)
	if n := len([]rune(s[0].Description)); n != 140 || strings.ContainsAny(s[0].Description, "\n") {
		t.Errorf("a description of %d characters: %q", n, s[0].Description)
	}
}

func TestCausesAreTheSameWhereOnlyNamesAndNumbersDiffer(t *testing.T) {
	notice := func(name, object, message string) notify.Notice {
		f := app(notify.InTrouble, degraded)
		f.Name, f.Object, f.Message = name, object, message
		return notify.Notice{Event: notify.Degraded, Facts: f}
	}
	for _, c := range []struct {
		name string
		a, b notify.Notice
		same bool
	}{
		{
			"Pods that cannot pull one image",
			notice("web", "apps/Deployment/team/web", "apps/Deployment/team/web is Degraded: pod web-6c5b9d7f8-x2x9z: ImagePullBackOff registry.example.com/base"),
			notice("shop", "apps/Deployment/team/shop", "apps/Deployment/team/shop is Degraded: pod shop-7f9c4d5b6-abcde: ImagePullBackOff registry.example.com/base"), true,
		},
		{"counts", notice("web", "", "2 of 3 replicas are ready"), notice("shop", "", "0 of 12 replicas are ready"), true},
		{"digests", notice("web", "", "no bundle 0123456789abcdef"), notice("shop", "", "no bundle fedcba9876543210"), true},
		{"another image", notice("web", "", "ImagePullBackOff base"), notice("shop", "", "ImagePullBackOff other"), false},
		{"a name inside of a longer word stays", notice("web", "", "webhook refused it"), notice("shop", "", "webhook refused it"), true},
		{"another word of the reason", notice("web", "", "crash loop"), notice("web", "", "out of memory"), false},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := notify.Cause(c.a) == notify.Cause(c.b); got != c.same {
				t.Errorf("same = %v\n%q\n%q", got, c.a.Facts.Message, c.b.Facts.Message)
			}
		})
	}
	again := notice("web", "", "crash loop")
	again.Again = true
	if notify.Cause(again) == notify.Cause(notice("web", "", "crash loop")) {
		t.Error("what is told again is gathered with what is new")
	}
	one, two := app(notify.Calm), app(notify.Calm)
	two.Name = "shop"
	if notify.Cause(notify.Notice{Event: notify.Deployed, Facts: one}) != notify.Cause(notify.Notice{Event: notify.Deployed, Facts: two}) {
		t.Error("Apps that one commit deployed are not gathered")
	}
}

func gathered(n int) notify.Gathered {
	g := notify.Gathered{ID: "msg_1", Event: notify.Failed, At: begin, Count: n}
	for i := range min(n, notify.MaxApps) {
		f := app(notify.InTrouble, failing("RenderFailed"))
		f.Name, f.Message, f.Next = fmt.Sprintf("web-%d", i), "base/kustomization.yaml: no such file", "plumb why web"
		g.Facts = append(g.Facts, f)
	}
	return g
}

func TestAMessageNamesTenAppsAndCountsTheRest(t *testing.T) {
	m := notify.Write(gathered(10_000), nil, notify.Surroundings{Channel: "team/chat", Console: "https://plumb.example.com"})
	if m.Title != "10000 Apps failed" || len(m.Items) != 10 || !strings.Contains(m.Text, "and 9990 more") || !strings.Contains(m.Text, "- team/web-9\n") {
		t.Errorf("%s\n%s", m.Title, m.Text)
	}
	one := notify.Write(gathered(1), nil, notify.Surroundings{Console: "https://plumb.example.com"})
	if one.Title != "team/web-0 failed" || one.Items[0].Link != "https://plumb.example.com/a/team/web-0" || !strings.Contains(one.Text, "Commit: aaaaaaa") {
		t.Errorf("%s\n%s\n%+v", one.Title, one.Text, one.Items[0])
	}
}

func TestHostileTextStaysOnItsLine(t *testing.T) {
	g := gathered(1)
	g.Facts[0].Commit.Subject = "fix\r\nBcc: everybody@example.com\x1b[2J\u202Egnp.exe"
	m := notify.Write(g, nil, notify.Surroundings{})
	for _, bad := range []string{"\r", "\x1b", "\u202e", "\nBcc"} {
		if strings.Contains(m.Text, bad) {
			t.Errorf("%q got through: %q", bad, m.Text)
		}
	}
}
