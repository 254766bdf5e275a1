package deliver

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"plumb.cd/plumb/internal/fault"
	"plumb.cd/plumb/internal/notify"
)

// forge sets commit statuses. All three forges keep one status for each context (GitLab: name) of a commit, so that a
// repeated try changes nothing.
type forge struct {
	provider Provider
	server   *url.URL
	api      string // without a slash at its end
	hosts    []string
	token    Secret
	client   *http.Client
	o        Options
}

var defaultServers = map[Provider]string{GitHub: "https://github.com", GitLab: "https://gitlab.com"}

// asStatus sets w up for commit statuses.
func (w *Way) asStatus(c Config, o Options, pool *x509.CertPool) error {
	server := strings.TrimRight(c.Forge.URL, "/")
	if server == "" {
		server = defaultServers[c.Forge.Provider]
	}
	u, err := url.Parse(server)
	if err != nil || (u.Scheme != "https" && u.Scheme != "http") || u.Hostname() == "" {
		return invalid("spec.commitStatus.url", fmt.Sprintf("%s needs the address of its server, https://...", c.Forge.Provider))
	}
	f := forge{provider: c.Forge.Provider, server: u, token: c.Token, client: client(o, pool), o: o}
	f.hosts = append([]string{strings.ToLower(u.Hostname())}, c.Forge.Hosts...)
	switch {
	case f.provider == GitHub && u.Hostname() == "github.com":
		f.api = "https://api.github.com"
	case f.provider == GitHub:
		f.api = server + "/api/v3"
	case f.provider == GitLab:
		f.api = server + "/api/v4"
	case f.provider == Gitea:
		f.api = server + "/api/v1"
	default:
		return invalid("spec.commitStatus.provider", fmt.Sprintf("there is no provider %q", f.provider))
	}
	w.target, w.send, w.close, w.concern = u.Hostname(), f.send, f.client.CloseIdleConnections, f.concerns
	return nil
}

func (f forge) concerns(facts notify.Facts) bool {
	_, ok := f.project(facts.Commit.Repository)
	return facts.Kind == notify.App && ok && commitID.MatchString(facts.Commit.SHA)
}

var (
	commitID = regexp.MustCompile(`^[0-9a-f]{40,64}$`)
	scpLike  = regexp.MustCompile(`^(?:[^@/]+@)?([^:/]+):([^/].*)$`)
	segment  = regexp.MustCompile(`^[A-Za-z0-9_.~+-]+$`)
)

// project gives the segments of a repository's path on this server: owner and name, for GitLab groups before it.
func (f forge) project(address string) ([]string, bool) {
	host, path := "", ""
	if strings.Contains(address, "://") {
		u, err := url.Parse(address)
		if err != nil {
			return nil, false
		}
		host, path = u.Hostname(), u.Path
	} else if m := scpLike.FindStringSubmatch(address); m != nil {
		host, path = m[1], m[2]
	}
	if !slices.Contains(f.hosts, strings.ToLower(host)) || host == "" {
		return nil, false
	}
	path = strings.TrimPrefix(strings.Trim(path, "/"), strings.Trim(f.server.Path, "/"))
	parts := strings.Split(strings.TrimSuffix(strings.Trim(path, "/"), ".git"), "/")
	if len(parts) < 2 || (len(parts) > 2 && f.provider != GitLab) {
		return nil, false
	}
	for _, p := range parts {
		if !segment.MatchString(p) || p == "." || p == ".." {
			return nil, false
		}
	}
	return parts, true
}

// words are what the forges call a verdict.
var words = map[Provider]map[notify.Verdict]string{
	GitHub: {notify.Pending: "pending", notify.Success: "success", notify.Failure: "failure", notify.Superseded: "error"},
	GitLab: {notify.Pending: "running", notify.Success: "success", notify.Failure: "failed", notify.Superseded: "canceled"},
	Gitea:  {notify.Pending: "pending", notify.Success: "success", notify.Failure: "failure", notify.Superseded: "error"},
}

func (f forge) send(ctx context.Context, m notify.Message) error {
	if m.Status == nil {
		return f.test(ctx)
	}
	s := *m.Status
	parts, ok := f.project(s.Repository)
	if !ok || !commitID.MatchString(s.SHA) {
		return &fault.Error{Class: fault.Invalid, Reason: fault.DeliveryRefused, Message: "the repository is not on " + f.server.Hostname()}
	}
	state := words[f.provider][s.Verdict]
	body := map[string]string{"state": state, "context": s.Context, "description": s.Description}
	address := f.api + "/repos/" + strings.Join(parts, "/") + "/statuses/" + s.SHA
	if f.provider == GitLab {
		body = map[string]string{"state": state, "name": s.Context, "description": s.Description}
		address = f.gitlab(parts) + "/statuses/" + s.SHA
	}
	raw, err := encode(body)
	if err != nil {
		return err
	}
	a, err := do(ctx, f.client, f.o, http.MethodPost, address, raw, f.header())
	if err != nil {
		return classify(f.server.Hostname(), err)
	}
	if f.provider == GitLab && a.code == http.StatusBadRequest && f.stands(ctx, parts, s, state) {
		return nil // GitLab refuses a state that it has already
	}
	if f.provider == Gitea && a.code >= http.StatusInternalServerError && f.lacks(ctx, parts, s.SHA) {
		return &fault.Error{Class: fault.Invalid, Reason: fault.DeliveryRefused, Message: f.server.Hostname() + " has no commit " + s.SHA + " in this repository"}
	}
	return judge(f.server.Hostname(), a, aboutMessage, f.o.Now())
}

// lacks asks Gitea whether it has the commit: for one that it has not (its branch was overwritten) it answers as if it
// were broken itself, and that would hold up all others. Seen with 1.26.
func (f forge) lacks(ctx context.Context, parts []string, sha string) bool {
	a, err := do(ctx, f.client, f.o, http.MethodGet, f.api+"/repos/"+strings.Join(parts, "/")+"/git/commits/"+sha+"?stat=false&files=false&verification=false", nil, f.header())
	return err == nil && a.code == http.StatusNotFound
}

func (f forge) gitlab(parts []string) string {
	return f.api + "/projects/" + url.PathEscape(strings.Join(parts, "/"))
}

func (f forge) header() http.Header {
	h := http.Header{"Content-Type": {"application/json"}, "Accept": {"application/json"}}
	switch f.provider {
	case GitHub:
		h.Set("Accept", "application/vnd.github+json")
		h.Set("X-GitHub-Api-Version", "2022-11-28")
		h.Set("Authorization", "Bearer "+string(f.token))
	case GitLab:
		h.Set("Private-Token", string(f.token))
	case Gitea:
		h.Set("Authorization", "token "+string(f.token))
	}
	return h
}

// stands asks GitLab whether the commit has this status already.
func (f forge) stands(ctx context.Context, parts []string, s notify.Status, state string) bool {
	q := url.Values{"name": {s.Context}}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, f.gitlab(parts)+"/repository/commits/"+s.SHA+"/statuses?"+q.Encode(), nil)
	if err != nil {
		return false
	}
	req.Header = f.header()
	res, err := f.client.Do(req)
	if err != nil {
		return false
	}
	defer res.Body.Close()
	var list []struct{ Name, Status string }
	if res.StatusCode != http.StatusOK || json.NewDecoder(io.LimitReader(res.Body, maxAnswer)).Decode(&list) != nil {
		return false
	}
	for _, one := range list {
		if one.Name == s.Context {
			return one.Status == state
		}
	}
	return false
}

// test asks who the token belongs to: there is no commit to say something about.
func (f forge) test(ctx context.Context) error {
	a, err := do(ctx, f.client, f.o, http.MethodGet, f.api+"/user", nil, f.header())
	if err != nil {
		return classify(f.server.Hostname(), err)
	}
	if a.code == http.StatusForbidden && !limited(a) {
		return nil // the token is known, and may not read this: a token of a project or an installation
	}
	return judge(f.server.Hostname(), a, aboutChannel, f.o.Now())
}
