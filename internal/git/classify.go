package git

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"unicode"

	"plumb.cd/plumb/internal/fault"
)

// This file is the only place that reads error texts: git, ssh and servers say what went wrong in no other way. The
// patterns are those of git 2.39 and newer and OpenSSH in the C locale; the first that matches decides.
var patterns = []struct {
	re     *regexp.Regexp
	class  fault.Class
	reason fault.Reason
	what   string
	next   string
}{
	{regexp.MustCompile(`No space left on device|Disk quota exceeded|Read-only file system`), fault.Transient, fault.Internal,
		"the mirror cannot be written", "make room on the disk of the Git store"},
	{regexp.MustCompile(`(?i)bad object|object file .* is empty|is corrupt|unable to read (tree|commit|blob|sha1|[0-9a-f]{40})|missing (blob|tree|commit)|` +
		`did not send all necessary objects|packfile \S+ (cannot|is|does)|inflate|index-pack failed|invalid index-pack output|bad pack header|unexpected line in .*packed-refs|bad ref for|broken ref`), fault.Transient, fault.Internal,
		"objects are damaged or missing, in the mirror or in what the server sends", ""},
	{regexp.MustCompile(`REMOTE HOST IDENTIFICATION HAS CHANGED`), fault.Blocked, fault.UnknownHostKey,
		"the ssh host key of the server is not the one in known_hosts", "check with the server's owner, then update known_hosts in the Secret"},
	{regexp.MustCompile(`Host key verification failed|No \S+ host key is known`), fault.Blocked, fault.UnknownHostKey,
		"the ssh host key of the server is not in known_hosts", "add the server's key to known_hosts in the Secret"},
	{regexp.MustCompile(`Load key .*: (invalid format|error in libcrypto)|incorrect passphrase`), fault.Blocked, fault.AuthenticationFailed,
		"the ssh private key cannot be used", "give an unencrypted private key"},
	{regexp.MustCompile(`(?i)Permission denied \(|Too many authentication failures|Authentication failed|could not read (Username|Password)|` +
		`requested URL returned error: (401|403|407)|HTTP Basic: Access denied|access denied|not authorized`), fault.Blocked, fault.AuthenticationFailed,
		"the server refused the credentials", "check the credentials of the Repository"},
	{regexp.MustCompile(`detected dubious ownership`), fault.Blocked, fault.AuthenticationFailed,
		"the directory belongs to another user, so git refuses to read it", "run as its owner or change the owner"},
	{regexp.MustCompile(`(?i)certificate|SSL|gnutls|TLS`), fault.Blocked, fault.CertificateInvalid,
		"the TLS certificate of the server is not trusted", "give the authority's certificate in the Repository"},
	{regexp.MustCompile(`requested URL returned error: 30\d|redirect`), fault.Blocked, fault.RepositoryNotFound,
		"the server redirects to another address", "use the new address as the URL"},
	{regexp.MustCompile(`(?i)couldn't find remote ref|not our ref|unadvertised object|no such remote ref`), fault.Blocked, fault.RefNotFound,
		"the server has no such ref", ""},
	{regexp.MustCompile(`(?i)repository not found|repository '.*' not found|requested URL returned error: (404|410)|does not appear to be a git repository|` +
		`does not exist|no such file or directory|not a git repository|project you were looking for could not be found`), fault.Blocked, fault.RepositoryNotFound,
		"there is no repository at this address, or it is hidden from these credentials", "check the URL and the credentials"},
	{regexp.MustCompile(`(?i)stale info|fetch first|non-fast-forward|failed to update ref|cannot lock ref|incorrect old value`), fault.Transient, fault.PushRejected,
		"the branch moved meanwhile", ""},
	{regexp.MustCompile(`(?i)remote rejected|pre-receive hook declined|protected branch`), fault.Invalid, fault.PushRejected,
		"the server's rules refused the commit", ""},
	{regexp.MustCompile(`(?i)could not resolve host|name or service not known|connection (refused|reset|timed out|closed)|failed to connect|timed out|` +
		`no route to host|network is unreachable|operation too slow|early EOF|hung up unexpectedly|unexpected disconnect|requested URL returned error: (429|5\d\d)|` +
		`temporary failure|transfer closed|broken pipe|empty reply`), fault.Transient, fault.Unreachable,
		"the server cannot be reached or broke off", ""},
}

// classify turns the failure of a conversation with a remote into a fault. It keeps errors that are classified already.
func (e *endpoint) classify(err error) error {
	if err == nil {
		return nil
	}
	var f *fault.Error
	if errors.As(err, &f) {
		return err
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return failf(fault.Transient, fault.Unreachable, "", "%s: no answer within %s", e.at, e.limits.Timeout)
	}
	if errors.Is(err, context.Canceled) {
		return fmt.Errorf("talking to %s: %w", e.at, err)
	}
	if errors.Is(err, errOutput) {
		return failf(fault.Invalid, fault.LimitExceeded, "", "%s: the server's answer is too large", e.at)
	}
	if isCertificate(err) {
		f := failf(fault.Blocked, fault.CertificateInvalid, "give the authority's certificate in the Repository",
			"%s: the TLS certificate of the server is not trusted: %s", e.at, e.clean(err.Error()))
		return f
	}
	text := err.Error()
	var ee *exitError
	if errors.As(err, &ee) {
		text = ee.stderr
	}
	for _, p := range patterns {
		if p.re.MatchString(text) {
			return failf(p.class, p.reason, p.next, "%s: %s (%s)", e.at, p.what, e.clean(telling(text)))
		}
	}
	return failf(fault.Transient, fault.Unreachable, "", "%s: %s", e.at, e.clean(telling(text)))
}

func isCertificate(err error) bool {
	var verify *tls.CertificateVerificationError
	var unknown x509.UnknownAuthorityError
	var host x509.HostnameError
	var invalid x509.CertificateInvalidError
	var record tls.RecordHeaderError
	return errors.As(err, &verify) || errors.As(err, &unknown) || errors.As(err, &host) || errors.As(err, &invalid) || errors.As(err, &record)
}

// classifyStatus turns an HTTP status other than 200 into a fault.
func (e *endpoint) classifyStatus(code int) error {
	status := fmt.Sprintf("HTTP %d %s", code, http.StatusText(code))
	switch {
	case code == http.StatusUnauthorized && !e.auth.hasHTTP():
		return failf(fault.Blocked, fault.AuthenticationFailed, "give the Repository credentials, and check the URL",
			"%s: the server asks for credentials (%s)", e.at, status)
	case code == http.StatusUnauthorized, code == http.StatusForbidden, code == http.StatusProxyAuthRequired:
		return failf(fault.Blocked, fault.AuthenticationFailed, "check the credentials of the Repository",
			"%s: the server refused the credentials (%s)", e.at, status)
	case code == http.StatusNotFound, code == http.StatusGone:
		return failf(fault.Blocked, fault.RepositoryNotFound, "check the URL and the credentials",
			"%s: there is no repository at this address, or it is hidden from these credentials (%s)", e.at, status)
	}
	return failf(fault.Transient, fault.Unreachable, "", "%s: the server answered %s", e.at, status)
}

// telling picks the line of stderr that says most: the last "fatal:", "ERROR:" or "remote:" line, else the last.
func telling(text string) string {
	best := lastLine(text)
	for _, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "fatal: Could not read from remote") || strings.HasPrefix(line, "fatal: the remote end hung up") {
			continue
		}
		for _, p := range []string{"fatal: ", "ERROR: ", "error: ", "remote: ", "! "} {
			if rest, ok := strings.CutPrefix(line, p); ok && strings.TrimSpace(rest) != "" {
				best = rest
			}
		}
	}
	return best
}

// clean makes foreign text fit to show: no secrets, no control characters, one short line.
func (e *endpoint) clean(s string) string {
	for _, secret := range e.auth.secrets() {
		s = strings.ReplaceAll(s, secret, redacted)
		if _, b64, ok := strings.Cut(secret, " "); ok {
			s = strings.ReplaceAll(s, b64, redacted)
		}
	}
	if e.dir != "" {
		s = strings.ReplaceAll(s, e.dir+"/", "")
	}
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == unicode.ReplacementChar {
			return ' '
		}
		return r
	}, s)
	if r := []rune(s); len(r) > 300 {
		s = string(r[:300]) + "…"
	}
	return strings.TrimSpace(s)
}
