package git

import (
	"net"
	"net/netip"
	"net/url"
	"path/filepath"
	"strings"

	"plumb.cd/plumb/internal/fault"
)

// location is a parsed remote URL. It never renders its password.
type location struct {
	scheme         string // https, http, ssh or file
	user, password string
	host, port     string // host without brackets
	path           string // as the server gets it
}

// parseURL reads every form of URL that Plumb accepts and refuses all others: no transport helpers, no options in
// disguise, no control characters.
func parseURL(raw string) (location, error) {
	if raw == "" {
		return location{}, badURL(raw, "is empty")
	}
	if strings.ContainsFunc(raw, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return location{}, badURL("", "contains control characters")
	}
	if raw[0] == '-' {
		return location{}, badURL(raw, "starts with a dash")
	}
	if i := strings.Index(raw, "::"); i > 0 && isWord(raw[:i]) {
		return location{}, badURL(raw, "names a transport helper")
	}
	if scheme, rest, ok := strings.Cut(raw, "://"); ok {
		return parseScheme(strings.ToLower(scheme), rest, raw)
	}
	if colon := strings.IndexByte(raw, ':'); colon > 0 && !strings.Contains(raw[:colon], "/") {
		return parseSCP(raw[:colon], raw[colon+1:], raw)
	}
	abs, err := filepath.Abs(raw)
	if err != nil {
		return location{}, badURL(raw, "cannot be made absolute")
	}
	return location{scheme: "file", path: abs}, nil
}

func isWord(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("+-._", r)
	})
}

func parseScheme(scheme, rest, raw string) (location, error) {
	if scheme == "file" {
		if !strings.HasPrefix(rest, "/") {
			return location{}, badURL(raw, "is a file URL without an absolute path")
		}
		path, err := url.PathUnescape(rest)
		if err != nil || strings.ContainsFunc(path, func(r rune) bool { return r < ' ' }) {
			return location{}, badURL(raw, "has a malformed path")
		}
		return location{scheme: "file", path: filepath.Clean(path)}, nil
	}
	if scheme != "https" && scheme != "http" && scheme != "ssh" {
		return location{}, badURL(raw, "is neither https, http, ssh nor file")
	}
	u, err := url.Parse(scheme + "://" + rest)
	if err != nil {
		return location{}, badURL("", "is malformed")
	}
	if u.RawQuery != "" || u.Fragment != "" {
		return location{}, badURL(scheme+"://"+u.Host, "has a query or a fragment")
	}
	l := location{scheme: scheme, host: strings.ToLower(u.Hostname()), port: u.Port(), path: u.EscapedPath()}
	if u.User != nil {
		l.user = u.User.Username()
		l.password, _ = u.User.Password()
	}
	if scheme == "ssh" {
		l.path = u.Path
		if strings.HasPrefix(l.path, "/~") {
			l.path = l.path[1:]
		}
	}
	return l, l.check()
}

func parseSCP(login, path, raw string) (location, error) {
	user, host, ok := strings.Cut(login, "@")
	if !ok {
		user, host = "", login
	}
	if path == "" || path[0] == ':' {
		return location{}, badURL(raw, "has no path")
	}
	l := location{scheme: "ssh", user: user, host: strings.ToLower(host), path: path}
	return l, l.check()
}

func (l location) check() error {
	bad := ""
	meant := l.path
	if l.scheme != "ssh" {
		if p, err := url.PathUnescape(l.path); err == nil {
			meant = p
		}
	}
	switch {
	case !validHost(l.host):
		bad = "has no valid host"
	case strings.HasPrefix(l.user, "-"):
		bad = "has a user that starts with a dash"
	case strings.Trim(l.path, "/") == "":
		bad = "has no path"
	case strings.HasPrefix(l.path, "-"):
		bad = "has a path that starts with a dash"
	case strings.ContainsFunc(l.host+l.user+meant, func(r rune) bool { return r < ' ' || r == 0x7f }):
		bad = "contains control characters"
	case l.scheme == "ssh" && !isWord(l.user):
		bad = "has odd characters in the user"
	}
	if bad == "" {
		return nil
	}
	return badURL(l.String(), bad)
}

// validHost holds for names and for IP addresses without a zone.
func validHost(h string) bool {
	if strings.Contains(h, ":") {
		a, err := netip.ParseAddr(h)
		return err == nil && a.Zone() == ""
	}
	return h != "" && h[0] != '-' && isWord(h)
}

func badURL(shown, why string) error {
	if shown == "" {
		return failf(fault.Invalid, fault.InvalidSpec, "", "the repository URL %s", why)
	}
	return failf(fault.Invalid, fault.InvalidSpec, "", "the repository URL %q %s", redactURL(shown), why)
}

// redactURL hides a password in a URL that may be too broken to parse.
func redactURL(s string) string {
	scheme, rest, ok := strings.Cut(s, "://")
	if !ok {
		return s
	}
	end := strings.IndexAny(rest, "/?#")
	if end < 0 {
		end = len(rest)
	}
	if at := strings.LastIndexByte(rest[:end], '@'); at >= 0 {
		user, _, _ := strings.Cut(rest[:at], ":")
		rest = user + rest[at:]
	}
	return scheme + "://" + rest
}

// String is the URL for the git program and for messages: no password, and no user for HTTP.
func (l location) String() string {
	switch l.scheme {
	case "file":
		return l.path
	case "ssh":
		path := l.path
		if !strings.HasPrefix(path, "/") && !strings.HasPrefix(path, "~") {
			return l.login() + ":" + path // relative to the home directory: only the scp form can say so
		}
		u := url.URL{Path: "/" + strings.TrimPrefix(path, "/")}
		return "ssh://" + l.userAt() + l.hostPort() + u.EscapedPath() // git decodes it again
	}
	return l.scheme + "://" + l.hostPort() + l.path
}

func (l location) userAt() string {
	if l.user == "" {
		return ""
	}
	return l.user + "@"
}

func (l location) login() string {
	if strings.Contains(l.host, ":") {
		return l.userAt() + "[" + l.host + "]"
	}
	return l.userAt() + l.host
}

func (l location) hostPort() string {
	if l.port != "" {
		return net.JoinHostPort(l.host, l.port)
	}
	if strings.Contains(l.host, ":") {
		return "[" + l.host + "]"
	}
	return l.host
}

// origin is scheme, host and port: where credentials may go.
func (l location) origin() string {
	port := l.port
	if port == "" {
		port = defaultPort[l.scheme]
	}
	return l.scheme + "://" + net.JoinHostPort(l.host, port)
}

var defaultPort = map[string]string{"https": "443", "http": "80", "ssh": "22"}

// normal is the part of the URL that says which repository it is: no scheme, no credentials, no default port, no
// ".git", no trailing slash.
func (l location) normal() string {
	path := strings.TrimRight(l.path, "/")
	path = strings.TrimSuffix(path, ".git")
	if l.scheme == "file" {
		return strings.TrimSuffix(path, "/")
	}
	host := l.host
	if l.port != "" && l.port != defaultPort[l.scheme] {
		host = net.JoinHostPort(l.host, l.port)
	}
	if l.scheme != "ssh" {
		if p, err := url.PathUnescape(path); err == nil {
			path = p
		}
	}
	return host + "/" + strings.Trim(path, "/")
}

// key names the mirror. Unlike normal it keeps scheme and ssh user apart: what plain HTTP serves must not stand in
// for what https serves.
func (l location) key() string {
	if l.scheme == "ssh" {
		return "ssh://" + l.userAt() + l.normal()
	}
	return l.scheme + "://" + l.normal()
}

// NormalizeURL reduces a repository URL to what tells repositories apart: "https://user:pw@Host:443/a/b.git",
// "ssh://git@host/a/b" and "git@host:a/b.git" all become "host/a/b". A webhook's URL and a Repository's meet here.
func NormalizeURL(raw string) (string, error) {
	l, err := parseURL(raw)
	if err != nil {
		return "", err
	}
	return l.normal(), nil
}
