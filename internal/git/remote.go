package git

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"time"

	"plumb.cd/plumb/internal/fault"
)

// redacted is what every rendering of a secret says.
const redacted = "[redacted]"

// Auth is what a remote needs to let us in. The zero value is anonymous. It prints as "[redacted]" whatever the verb,
// also inside other values, and marshals so too.
type Auth struct {
	// Username and Password are sent as HTTP basic authentication.
	Username, Password string
	// Token is sent as a bearer token; with a Username it is the password of basic authentication instead.
	Token string
	// SSHKey is a private key in OpenSSH or PEM form, SSHKnownHosts the host keys that are accepted, and no others.
	SSHKey, SSHKnownHosts []byte
	// CA is a PEM bundle that replaces the system's certificate authorities for this remote.
	CA []byte
}

func (Auth) String() string   { return redacted }
func (Auth) GoString() string { return redacted }

// Format makes every verb, %#v and %d included, print the redaction.
func (Auth) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(redacted)) }

// MarshalText makes JSON and YAML print the redaction.
func (Auth) MarshalText() ([]byte, error) { return []byte(redacted), nil }

func (a Auth) hasHTTP() bool { return a.Username != "" || a.Password != "" || a.Token != "" }

// secrets are the strings that must never leave the process in a message.
func (a Auth) secrets() []string {
	var s []string
	for _, v := range []string{a.Password, a.Token, a.header()} {
		if v != "" {
			s = append(s, v)
		}
	}
	return s
}

// Limits bound what a remote may cost. Zero fields mean the defaults of withDefaults.
type Limits struct {
	FileBytes  int64         // one blob; a larger one cannot be read
	TreeFiles  int64         // files in the tree of one commit
	PackBytes  int64         // what one fetch may download
	Timeout    time.Duration // one conversation with the server: listing, fetch or push
	Submodules int           // nested repositories of one commit, all levels together
}

func (l Limits) withDefaults() Limits {
	def := func(v *int64, d int64) {
		if *v <= 0 {
			*v = d
		}
	}
	def(&l.FileBytes, 32<<20)
	def(&l.TreeFiles, 2_000_000)
	def(&l.PackBytes, 4<<30)
	if l.Timeout <= 0 {
		l.Timeout = 5 * time.Minute
	}
	if l.Submodules <= 0 {
		l.Submodules = 64
	}
	return l
}

// Remote says where a repository is and how to talk to it.
type Remote struct {
	// URL is https, http, ssh, scp-like (user@host:path), file:// or a plain path.
	URL        string
	Auth       Auth
	Limits     Limits
	Submodules bool          // fetch submodules too, into mirrors of their own
	Interval   time.Duration // between ref checks; for the caller, not used here
}

// fingerprint tells remotes apart that must not share one conversation.
func (r Remote) fingerprint() [32]byte {
	h := sha256.New()
	for _, f := range [][]byte{
		[]byte(r.URL), []byte(r.Auth.Username), []byte(r.Auth.Password), []byte(r.Auth.Token), r.Auth.SSHKey,
		r.Auth.SSHKnownHosts, r.Auth.CA, fmt.Appendf(nil, "%+v %t", r.Limits, r.Submodules),
	} {
		_ = binary.Write(h, binary.BigEndian, uint64(len(f)))
		h.Write(f)
	}
	return [32]byte(h.Sum(nil))
}

// Commit is one commit of a mirror.
type Commit struct {
	SHA, Tree         string
	Parents           []string
	Author, Committer Person
	Subject, Body     string // Body without the subject and the blank line after it
}

// Person is the author or committer of a commit.
type Person struct {
	Name, Email string
	When        time.Time // with the zone that the commit carries
}

func failf(class fault.Class, reason fault.Reason, next, format string, args ...any) *fault.Error {
	return &fault.Error{Class: class, Reason: reason, Next: next, Message: fmt.Sprintf(format, args...)}
}
