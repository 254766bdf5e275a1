package deliver_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"plumb.cd/plumb/internal/fault"
	"plumb.cd/plumb/internal/notify"
	"plumb.cd/plumb/internal/notify/deliver"
)

var (
	sha  = strings.Repeat("0123456789abcdef", 4)[:40]
	gone = strings.Repeat("fedcba9876543210", 4)[:40]
)

// forge answers as the documented API does: what it does not document is a 404.
type forge struct {
	t        *testing.T
	provider deliver.Provider
	requests []string
	states   map[string]string // by context
}

func (f *forge) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path := r.URL.EscapedPath()
	f.requests = append(f.requests, r.Method+" "+path)
	token := map[deliver.Provider][2]string{
		deliver.GitHub: {"Authorization", "Bearer tokentoken"}, deliver.GitLab: {"Private-Token", "tokentoken"}, deliver.Gitea: {"Authorization", "token tokentoken"},
	}[f.provider]
	if r.Header.Get(token[0]) != token[1] {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	var body struct{ State, Context, Name, Description string }
	raw, err := io.ReadAll(r.Body)
	if err != nil {
		f.t.Error(err)
	}
	if r.Method == http.MethodPost {
		if err := json.Unmarshal(raw, &body); err != nil {
			f.t.Error(err)
		}
	}
	switch r.Method + " " + path {
	case "POST /api/v3/repos/team/web/statuses/" + sha, "POST /api/v1/repos/team/web/statuses/" + sha:
		if len(body.Description) > 140 || body.Context == "" || !strings.Contains(" pending success error failure ", " "+body.State+" ") {
			w.WriteHeader(http.StatusUnprocessableEntity)
			return
		}
		f.states[body.Context] = body.State
		w.WriteHeader(http.StatusCreated)
	case "POST /api/v4/projects/group%2Fteam%2Fweb/statuses/" + sha:
		if !strings.Contains(" pending running success failed canceled ", " "+body.State+" ") {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		if f.states[body.Name] == body.State {
			w.WriteHeader(http.StatusBadRequest)
			_, _ = io.WriteString(w, `{"message":"Cannot transition status via :run from :running"}`)
			return
		}
		f.states[body.Name] = body.State
		w.WriteHeader(http.StatusCreated)
	case "GET /api/v4/projects/group%2Fteam%2Fweb/repository/commits/" + sha + "/statuses":
		name := r.URL.Query().Get("name")
		fmt.Fprintf(w, `[{"name":%q,"status":%q}]`, name, f.states[name])
	case "POST /api/v1/repos/team/web/statuses/" + gone: // what Gitea does for a commit that it does not have
		w.WriteHeader(http.StatusInternalServerError)
	case "GET /api/v3/user", "GET /api/v4/user", "GET /api/v1/user":
		_, _ = io.WriteString(w, `{"login":"plumb"}`)
	default:
		w.WriteHeader(http.StatusNotFound)
	}
}

func startForge(t *testing.T, p deliver.Provider) (*forge, deliver.Config) {
	t.Helper()
	f := &forge{t: t, provider: p, states: map[string]string{}}
	s := httptest.NewServer(f)
	t.Cleanup(s.Close)
	return f, deliver.Config{Type: deliver.CommitStatus, Token: "tokentoken", Forge: deliver.Forge{Provider: p, URL: s.URL, Hosts: []string{"git.example.com"}}}
}

func commitStatus(repository string, v notify.Verdict) notify.Message {
	return notify.Message{ID: "msg_1", Status: &notify.Status{Repository: repository, SHA: sha, Context: "plumb/team/web", Verdict: v, Description: "Synced: 3 objects"}}
}

func TestCommitStatusesAreWhatEachForgeTakes(t *testing.T) {
	for _, c := range []struct {
		provider   deliver.Provider
		repository string
		states     map[notify.Verdict]string
	}{
		{deliver.GitHub, "https://git.example.com/team/web.git", map[notify.Verdict]string{notify.Pending: "pending", notify.Success: "success", notify.Failure: "failure", notify.Superseded: "error"}},
		{deliver.GitLab, "git@git.example.com:group/team/web.git", map[notify.Verdict]string{notify.Pending: "running", notify.Success: "success", notify.Failure: "failed", notify.Superseded: "canceled"}},
		{deliver.Gitea, "ssh://git@git.example.com:2222/team/web", map[notify.Verdict]string{notify.Pending: "pending", notify.Success: "success", notify.Failure: "failure", notify.Superseded: "error"}},
	} {
		t.Run(string(c.provider), func(t *testing.T) {
			f, config := startForge(t, c.provider)
			w := open(t, config, options)
			for v, want := range c.states {
				for range 2 { // a try whose answer was lost is made again
					if err := w.Send(t.Context(), commitStatus(c.repository, v)); err != nil {
						t.Errorf("%s: %v (%v)", v, err, f.requests)
					}
				}
				if got := f.states["plumb/team/web"]; got != want {
					t.Errorf("%s became %q, want %q", v, got, want)
				}
			}
			if err := w.Send(t.Context(), notify.Message{Event: notify.Test}); err != nil {
				t.Errorf("test: %v", err)
			}
		})
	}
}

func TestAWrongTokenIsToldByATest(t *testing.T) {
	_, config := startForge(t, deliver.Gitea)
	config.Token = "anothertoken"
	err := open(t, config, options).Send(t.Context(), notify.Message{Event: notify.Test})
	if f := fault.Of(err); f == nil || f.Reason != fault.AuthenticationFailed || f.Class != fault.Blocked {
		t.Errorf("%+v", f)
	}
}

func TestARepositoryThatTheTokenMayNotTouchHoldsUpNoOther(t *testing.T) {
	_, config := startForge(t, deliver.Gitea)
	err := open(t, config, options).Send(t.Context(), commitStatus("https://git.example.com/other/repo", notify.Success))
	if f := fault.Of(err); f == nil || f.Class != fault.Invalid {
		t.Errorf("%+v", f)
	}
}

func TestACommitThatIsGoneHoldsUpNoOther(t *testing.T) {
	_, config := startForge(t, deliver.Gitea)
	m := commitStatus("https://git.example.com/team/web", notify.Success)
	m.Status.SHA = gone
	err := open(t, config, options).Send(t.Context(), m)
	if f := fault.Of(err); f == nil || f.Class != fault.Invalid || !strings.Contains(f.Message, "has no commit") {
		t.Errorf("%+v", f)
	}
}

func TestStatusesGoToTheServerOfTheRepositoryOrNowhere(t *testing.T) {
	w := open(t, deliver.Config{Type: deliver.CommitStatus, Token: "t", Forge: deliver.Forge{Provider: deliver.GitHub}}, options)
	gitlab := open(t, deliver.Config{Type: deliver.CommitStatus, Token: "t", Forge: deliver.Forge{Provider: deliver.GitLab, URL: "https://example.com/gitlab/"}}, options)
	for _, c := range []struct {
		repository string
		w          *deliver.Way
		want       bool
	}{
		{"https://github.com/team/web.git", w, true},
		{"https://GitHub.com/team/web/", w, true},
		{"https://user@github.com/team/web", w, true},
		{"git@github.com:team/web.git", w, true},
		{"ssh://git@github.com/team/web", w, true},
		{"https://github.com.evil.example.com/team/web", w, false},
		{"https://gitlab.com/team/web", w, false},
		{"https://github.com/team", w, false},
		{"https://github.com/a/b/c", w, false},
		{"https://github.com/../user/web", w, false},
		{"https://github.com/team/we%2fb", w, false},
		{"/srv/git/team/web", w, false},
		{"file:///team/web", w, false},
		{"oci://github.com/team/web", w, true}, // its revision is no commit
		{"https://example.com/gitlab/group/sub/web.git", gitlab, true},
	} {
		f := notify.Facts{Subject: notify.Subject{Kind: notify.App}, Commit: notify.Commit{Repository: c.repository, SHA: sha}}
		if got := c.w.Concerns(f); got != c.want {
			t.Errorf("%s: %v", c.repository, got)
		}
		f.Commit.SHA = "1.2.3@sha256:abc"
		if c.w.Concerns(f) {
			t.Errorf("%s with the version of a chart", c.repository)
		}
	}
}
