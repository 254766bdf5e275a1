package links

import (
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"plumb.cd/plumb/internal/httpapi"
)

var patterns = []string{
	`([A-Z]+-[0-9]+)=https://jira.example.com/browse/$1`,
	`#([0-9]+)=https://git.example.com/shop/issues?id=${1}&view=1`,
	`incident (?P<what>.+?) end=https://status.example.com/i/$1`,
}

func matcher(t *testing.T) *Matcher {
	t.Helper()
	m, err := New(patterns, []string{"git.corp=gitlab", "code.corp=https://code.corp/x/{path}?c={sha}", "stash.corp=bitbucket-server"})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestLinksOfAMessage(t *testing.T) {
	tests := map[string]struct {
		text string
		want []httpapi.Link
	}{
		"no key is no link":  {"tidy the shop", nil},
		"a ticket is a link": {"PAY-12: pay once", []httpapi.Link{{Text: "PAY-12", URL: "https://jira.example.com/browse/PAY-12"}}},
		"several are links in the order of the text": {"fix #7 and PAY-1", []httpapi.Link{
			{Text: "#7", URL: "https://git.example.com/shop/issues?id=7&view=1"}, {Text: "PAY-1", URL: "https://jira.example.com/browse/PAY-1"},
		}},
		"the same one is a link once": {"PAY-1 PAY-1", []httpapi.Link{{Text: "PAY-1", URL: "https://jira.example.com/browse/PAY-1"}}},
		"a thread of Slack is a link as it is": {"see https://acme.slack.com/archives/C012AB3/p16000000 PAY-2", []httpapi.Link{
			{Text: "Slack thread", URL: "https://acme.slack.com/archives/C012AB3/p16000000"}, {Text: "PAY-2", URL: "https://jira.example.com/browse/PAY-2"},
		}},
		"a reply in a thread too": {"https://acme.slack.com/archives/C01/p1600?thread_ts=1.2&cid=C01", []httpapi.Link{
			{Text: "Slack thread", URL: "https://acme.slack.com/archives/C01/p1600?thread_ts=1.2&cid=C01"},
		}},
		"another host that only looks like Slack's is none": {"https://acme.slack.com.evil.example/archives/C01/p1", nil},
		"a script is no link":                               {"javascript:alert(1) data:text/html,PAY", nil},
		"what a group caught cannot leave its place in the address": {"incident ../../x?a=b#c&d\\@evil end", []httpapi.Link{
			{Text: `incident ../../x?a=b#c&d\@evil end`, URL: "https://status.example.com/i/..%2F..%2Fx%3Fa%3Db%23c%26d%5C%40evil"},
		}},
		"text that turns its direction is shown straight": {"incident a\u202eb\u0000c\u2066 end", []httpapi.Link{
			{Text: "incident abc end", URL: "https://status.example.com/i/a%E2%80%AEb%00c%E2%81%A6"},
		}},
	}
	m := matcher(t)
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if d := cmp.Diff(tt.want, m.Find(tt.text)); d != "" {
				t.Error(d)
			}
		})
	}
	if got := (*Matcher)(nil).Find("https://acme.slack.com/archives/C01/p1 PAY-1"); len(got) != 1 {
		t.Errorf("without patterns: %v", got)
	}
}

func TestWhateverAMessageSaysLinksAreHarmless(t *testing.T) {
	m := matcher(t)
	hosts := []string{"jira.example.com", "git.example.com", "status.example.com"}
	rapid.Check(t, func(t *rapid.T) {
		piece := rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{
			"PAY-1", "#12", "incident ", " end", "javascript:", "https://a.slack.com/archives/C1/p1", "//evil", "@", "\u202e", "\x00", "%2f", "$1", "${9}",
		}))
		text := strings.Join(rapid.SliceOfN(piece, 0, 30).Draw(t, "text"), "")
		got := m.Find(text)
		if len(got) > maxLinks {
			t.Fatalf("%d links", len(got))
		}
		for _, l := range got {
			u, err := url.Parse(l.URL)
			if err != nil || u.Scheme != "https" || u.User != nil || (!slices.Contains(hosts, u.Host) && !strings.HasSuffix(u.Host, ".slack.com")) || strings.ContainsAny(l.URL, " \"'<>\\") {
				t.Fatalf("a link to %q (%v)", l.URL, err)
			}
			if strings.ContainsAny(l.Text, "\x00\u202e\n") || len([]rune(l.Text)) > maxName {
				t.Fatalf("a link's text %q", l.Text)
			}
		}
	})
	long := strings.Repeat("PAY-1 #2 incident ", 100_000)
	if got := m.Find(long); len(got) > maxLinks {
		t.Errorf("%d links of a long text", len(got))
	}
}

func TestPatternsThatAreRefused(t *testing.T) {
	for name, p := range map[string]string{
		"no address":                           `([A-Z]+)`,
		"no expression":                        `=https://x.example`,
		"a script":                             `([A-Z]+)=javascript:alert($1)`,
		"a file":                               `([A-Z]+)=file:///$1`,
		"an expression that is none":           `([A-Z+=https://x.example/$1`,
		"an expression that matches anything":  `([A-Z]*)=https://x.example/$1`,
		"a group that is not there":            `[A-Z]+=https://x.example/$1`,
		"a host that the message chooses":      `([a-z.]+)=https://$1/x`,
		"half a host that the message chooses": `([a-z.]+)=https://x.$1.example/`,
		"a user that the message chooses":      `([a-z.]+)=https://$1@x.example/`,
		"no host":                              `([a-z.]+)=https:///$1`,
	} {
		if _, err := New([]string{p}, nil); err == nil {
			t.Errorf("%s: %s was accepted", name, p)
		}
	}
	for name, f := range map[string]string{
		"no kind": "git.corp", "no host": "=gitlab", "a kind that is none": "git.corp=svn", "a script": "git.corp=javascript://{sha}",
		"no commit": "git.corp=https://git.corp/{path}", "a host that the repository chooses": "git.corp=https://{host}/{sha}",
	} {
		if _, err := New(nil, []string{f}); err == nil {
			t.Errorf("%s: %s was accepted", name, f)
		}
	}
}

func TestWhereAForgeShowsACommit(t *testing.T) {
	const sha = "0123456789abcdef0123456789abcdef01234567"
	m := matcher(t)
	for repository, want := range map[string]string{
		"https://github.com/acme/shop.git":               "https://github.com/acme/shop/commit/" + sha,
		"https://user:secret@github.com/acme/shop":       "https://github.com/acme/shop/commit/" + sha,
		"git@github.com:acme/shop.git":                   "https://github.com/acme/shop/commit/" + sha,
		"ssh://git@gitlab.example.com:2222/a/b/c.git":    "https://gitlab.example.com/a/b/c/-/commit/" + sha,
		"https://gitlab.example.com:8443/a/b.git":        "https://gitlab.example.com:8443/a/b/-/commit/" + sha,
		"https://bitbucket.org/acme/shop.git":            "https://bitbucket.org/acme/shop/commits/" + sha,
		"https://codeberg.org/acme/shop":                 "https://codeberg.org/acme/shop/commit/" + sha,
		"https://dev.azure.com/acme/web/_git/shop":       "https://dev.azure.com/acme/web/_git/shop/commit/" + sha,
		"git@git.corp:acme/shop":                         "https://git.corp/acme/shop/-/commit/" + sha,
		"https://code.corp/acme/shop.git":                "https://code.corp/x/acme/shop?c=" + sha,
		"https://stash.corp/scm/PROJ/shop.git":           "https://stash.corp/projects/PROJ/repos/shop/commits/" + sha,
		"https://github.com/acme/sh op?x=1#y":            "https://github.com/acme/sh%20op/commit/" + sha,
		"https://unknown.example/acme/shop.git":          "",
		"https://notgithub.example/acme/shop.git":        "",
		"/srv/git/shop.git":                              "",
		"file:///srv/git/shop.git":                       "",
		"C:\\git\\shop":                                  "",
		"javascript://github.com/%0aalert(1)":            "",
		"https://github.com":                             "",
		"https://github.com\"onclick=alert(1)/acme/shop": "",
		"": "",
	} {
		if got := m.Commit(repository, sha); got != want {
			t.Errorf("%q: %q, want %q", repository, got, want)
		}
	}
	for _, bad := range []string{"", "main", "../../x", "0123456789ABCDEF", strings.Repeat("a", 65)} {
		if got := m.Commit("https://github.com/acme/shop", bad); got != "" {
			t.Errorf("commit %q: %s", bad, got)
		}
	}
	if got := (*Matcher)(nil).Commit("git@github.com:acme/shop.git", sha); got == "" {
		t.Error("a public forge needs a configuration")
	}
}
