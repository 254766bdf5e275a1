package git

import (
	"bytes"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"plumb.cd/plumb/internal/fault"
)

// header is the value of the Authorization header, empty when anonymous.
func (a Auth) header() string {
	switch {
	case a.Token != "" && a.Username == "":
		return "Bearer " + a.Token
	case a.Token != "":
		return "Basic " + base64.StdEncoding.EncodeToString([]byte(a.Username+":"+a.Token))
	case a.Username != "" || a.Password != "":
		return "Basic " + base64.StdEncoding.EncodeToString([]byte(a.Username+":"+a.Password))
	}
	return ""
}

// endpoint is a remote made ready for child processes: parsed, with its secrets in files and environment values.
type endpoint struct {
	at     location
	auth   Auth
	limits Limits
	dir    string // private directory with key material, empty when there is none
	sshArg []string
}

// connect prepares r. The caller must call close, which removes what was written to disk.
func (s *Store) connect(r Remote) (*endpoint, error) {
	at, err := parseURL(r.URL)
	if err != nil {
		return nil, err
	}
	e := &endpoint{at: at, auth: r.Auth, limits: r.Limits.withDefaults()}
	if !e.auth.hasHTTP() && at.scheme != "ssh" {
		e.auth.Username, e.auth.Password = at.user, at.password
	}
	if strings.ContainsAny(e.auth.Token+e.auth.Username+e.auth.Password, "\r\n\x00") {
		return nil, failf(fault.Blocked, fault.AuthenticationFailed, "check the Secret for a stray line break",
			"the credentials for %s contain a line break", at)
	}
	switch {
	case at.scheme == "ssh":
		err = e.prepareSSH(s)
	case len(r.Auth.CA) > 0 && at.scheme == "https":
		err = e.prepareCA(s)
	}
	if err != nil {
		e.close()
		return nil, err
	}
	return e, nil
}

func (e *endpoint) close() {
	if e.dir != "" {
		_ = os.RemoveAll(e.dir)
	}
}

func (e *endpoint) write(s *Store, name string, data []byte) (string, error) {
	if e.dir == "" {
		dir, err := os.MkdirTemp(s.session, "auth-")
		if err != nil {
			return "", err
		}
		e.dir = dir
	}
	path := filepath.Join(e.dir, name)
	return path, os.WriteFile(path, data, 0o600)
}

func (e *endpoint) prepareCA(s *Store) error {
	if !x509.NewCertPool().AppendCertsFromPEM(e.auth.CA) {
		return failf(fault.Blocked, fault.CertificateInvalid, "", "the CA for %s is not a PEM certificate", e.at)
	}
	_, err := e.write(s, "ca.pem", e.auth.CA)
	return err
}

func (e *endpoint) prepareSSH(s *Store) error {
	if s.ssh == "" {
		return failf(fault.Blocked, fault.Unreachable, "install OpenSSH's client", "%s needs the ssh program, which is not installed", e.at)
	}
	known, err := e.write(s, "known_hosts", unix(e.auth.SSHKnownHosts))
	if err != nil {
		return err
	}
	o := []string{
		"-F", "none", "-a", "-x", "-T", "-oBatchMode=yes", "-oIdentityAgent=none", "-oIdentitiesOnly=yes", "-oStrictHostKeyChecking=yes",
		"-oGlobalKnownHostsFile=/dev/null", "-oUpdateHostKeys=no", "-oUserKnownHostsFile=" + known, "-oCheckHostIP=no",
		"-oPreferredAuthentications=publickey", "-oConnectTimeout=30", "-oServerAliveInterval=15", "-oServerAliveCountMax=4",
		"-oControlPath=none", "-oClearAllForwardings=yes", "-oPermitLocalCommand=no", "-oSendEnv=GIT_PROTOCOL",
	}
	key := "/dev/null"
	if len(e.auth.SSHKey) > 0 {
		if key, err = e.write(s, "key", unix(e.auth.SSHKey)); err != nil {
			return err
		}
	}
	e.sshArg = append(o, "-oIdentityFile="+key)
	return nil
}

// unix turns CRLF into LF and ends the text with a newline, which OpenSSH insists on.
func unix(b []byte) []byte {
	b = bytes.TrimSpace(bytes.ReplaceAll(b, []byte("\r\n"), []byte("\n")))
	return append(b, '\n')
}

// command adds what a git child needs to talk to the remote.
func (e *endpoint) command(s *Store, c command) command {
	switch e.at.scheme {
	case "ssh":
		words := []string{shellQuote(s.ssh)}
		for _, a := range e.sshArg {
			words = append(words, shellQuote(a))
		}
		c.env = append(c.env, "GIT_SSH_COMMAND="+strings.Join(words, " "), "GIT_SSH_VARIANT=ssh", "GIT_ALLOW_PROTOCOL=ssh")
	case "file":
		c.env = append(c.env, "GIT_ALLOW_PROTOCOL=file")
	default:
		// The ref listing has followed the redirects that may be followed; from here on there must be none.
		scope := "http." + e.at.origin() + "/."
		c.settings = append(c.settings, setting{"http.followRedirects", "false"})
		if h := e.auth.header(); h != "" {
			c.settings = append(c.settings, setting{scope + "extraHeader", "Authorization: " + h})
		}
		if e.dir != "" {
			c.settings = append(c.settings, setting{scope + "sslCAInfo", filepath.Join(e.dir, "ca.pem")})
		}
		c.env = append(c.env, "GIT_ALLOW_PROTOCOL="+e.at.scheme)
	}
	return c
}

func shellQuote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

// transport returns the shared HTTP transport for one set of authorities.
func (s *Store) transport(ca []byte) *http.Transport {
	key := sha256.Sum256(ca)
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.transports[key]
	if t == nil {
		t = &http.Transport{
			Proxy: http.ProxyFromEnvironment, ForceAttemptHTTP2: true, IdleConnTimeout: 90 * time.Second,
			MaxIdleConnsPerHost: 4, TLSHandshakeTimeout: 30 * time.Second, MaxResponseHeaderBytes: 64 << 10,
		}
		if len(ca) > 0 {
			pool := x509.NewCertPool()
			pool.AppendCertsFromPEM(ca)
			t.TLSClientConfig = &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
		}
		s.transports[key] = t
	}
	return t
}

// remoteCommand is the argument list of an ssh process that runs service on the server.
func (e *endpoint) remoteCommand(service string) []string {
	args := append([]string{}, e.sshArg...)
	if e.at.port != "" {
		if p, err := strconv.ParseUint(e.at.port, 10, 16); err == nil {
			args = append(args, "-p", strconv.FormatUint(p, 10))
		}
	}
	return append(args, "--", e.at.userAt()+e.at.host, service+" "+shellQuote(e.at.path))
}
