package links

import (
	"fmt"
	"net/url"
	"regexp"
	"strings"
)

// forge says where the commits of a host's repositories are shown.
type forge struct {
	host     string // as in the repository's address, without a port
	template string // {host} with the port of an http address, {path} without .git, {sha}; of a Bitbucket server {project} and {repo}
}

// kinds are the forges that are known by name.
var kinds = map[string]string{
	"github":           "https://{host}/{path}/commit/{sha}",
	"gitlab":           "https://{host}/{path}/-/commit/{sha}",
	"gitea":            "https://{host}/{path}/commit/{sha}",
	"forgejo":          "https://{host}/{path}/commit/{sha}",
	"bitbucket":        "https://{host}/{path}/commits/{sha}",
	"bitbucket-server": "https://{host}/projects/{project}/repos/{repo}/commits/{sha}",
	"azure":            "https://{host}/{path}/commit/{sha}",
}

// public are the forges that need no configuration.
var public = map[string]string{
	"github.com": "github", "gitlab.com": "gitlab", "bitbucket.org": "bitbucket", "codeberg.org": "forgejo", "gitea.com": "gitea",
	"dev.azure.com": "azure",
}

// named are the names by which a forge of one's own is guessed: gitlab.example.com.
var named = []string{"github", "gitlab", "gitea", "forgejo"}

func parseForge(s string) (forge, error) {
	host, what, ok := strings.Cut(s, "=")
	if !ok || host == "" || strings.ContainsAny(host, "/@: ") {
		return forge{}, fmt.Errorf("want HOST=KIND or HOST=URL")
	}
	if template, known := kinds[what]; known {
		return forge{strings.ToLower(host), template}, nil
	}
	if !strings.Contains(what, "://") {
		return forge{}, fmt.Errorf("%q is no forge that is known; want github, gitlab, gitea, forgejo, bitbucket, bitbucket-server, azure or a URL", what)
	}
	if err := fixedHost(what); err != nil {
		return forge{}, err
	}
	if !strings.Contains(what, "{sha}") {
		return forge{}, fmt.Errorf("the address has no {sha}")
	}
	return forge{strings.ToLower(host), what}, nil
}

var (
	commitName = regexp.MustCompile(`^[0-9a-f]{7,64}$`)
	hostName   = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]*$`)
)

// Commit gives the address at which the repository's forge shows a commit; empty where the forge is not known.
func (m *Matcher) Commit(repository, sha string) string {
	host, port, path, ok := locate(repository)
	if !ok || !commitName.MatchString(sha) {
		return ""
	}
	template := m.template(host)
	if template == "" {
		return ""
	}
	project, repo, _ := strings.Cut(strings.TrimPrefix(path, "scm/"), "/")
	address := strings.NewReplacer(
		"{host}", host+port, "{path}", pieces(path), "{sha}", sha, "{project}", escape(project), "{repo}", escape(repo),
	).Replace(template)
	if address, ok := safe(address); ok {
		return address
	}
	return ""
}

func (m *Matcher) template(host string) string {
	if m != nil {
		for _, f := range m.forges {
			if f.host == host {
				return f.template
			}
		}
	}
	if kind, ok := public[host]; ok {
		return kinds[kind]
	}
	for _, label := range strings.Split(host, ".") {
		for _, kind := range named {
			if label == kind {
				return kinds[kind]
			}
		}
	}
	return ""
}

// locate reads https://host/path, ssh://user@host:port/path and user@host:path. The port is kept (":8443") for https only:
// that of ssh is not the forge's.
func locate(repository string) (host, port, path string, ok bool) {
	if !strings.Contains(repository, "://") {
		before, after, found := strings.Cut(repository, ":")
		if !found || strings.ContainsAny(before, "/\\") {
			return "", "", "", false
		}
		repository = "ssh://" + before + "/" + strings.TrimPrefix(after, "/")
	}
	u, err := url.Parse(repository)
	if err != nil || (u.Scheme != "https" && u.Scheme != "http" && u.Scheme != "ssh" && u.Scheme != "git+ssh") {
		return "", "", "", false
	}
	host, path = strings.ToLower(u.Hostname()), strings.TrimSuffix(strings.Trim(u.Path, "/"), ".git")
	if p := u.Port(); p != "" && u.Scheme == "https" {
		port = ":" + p
	}
	return host, port, path, hostName.MatchString(host) && path != ""
}

// pieces escapes a path, its slashes excepted.
func pieces(path string) string {
	parts := strings.Split(path, "/")
	for i, p := range parts {
		parts[i] = escape(p)
	}
	return strings.Join(parts, "/")
}
