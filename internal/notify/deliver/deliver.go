// Package deliver sends messages: to Slack, Microsoft Teams, by e-mail, to any server as a signed webhook, and as the
// status of a commit to GitHub, GitLab and Gitea. Each try has an end, reads no more than it must, follows no redirect,
// and reaches no address that the installation does not allow. An error never holds a secret.
package deliver

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"net/url"
	"time"

	"plumb.cd/plumb/internal/fault"
	"plumb.cd/plumb/internal/notify"
)

// Secret is a value that is never shown: it prints, marshals and logs as "[redacted]".
type Secret string

const redacted = "[redacted]"

func (Secret) String() string               { return redacted }
func (Secret) GoString() string             { return redacted }
func (Secret) Format(f fmt.State, _ rune)   { _, _ = f.Write([]byte(redacted)) }
func (Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }
func (Secret) LogValue() slog.Value         { return slog.StringValue(redacted) }

// Type is a way of delivery.
type Type string

const (
	Slack        Type = "Slack"
	Teams        Type = "Teams"
	Email        Type = "Email"
	Webhook      Type = "Webhook"
	CommitStatus Type = "CommitStatus"
)

// Config says where to and how. Which fields are used depends on Type.
type Config struct {
	Type        Type
	URL         Secret // Slack, Teams, Webhook
	SigningKey  Secret // Webhook
	Token       Secret // CommitStatus; Webhook: sent as bearer token where there is one
	Username    Secret // Email
	Password    Secret // Email
	CA          []byte // PEM; trusted besides the system's own
	ContentType string // Webhook, of a body that a template made
	Mail        Mail
	Forge       Forge
}

// Mail is how e-mail is sent.
type Mail struct {
	Host string
	Port int
	TLS  MailTLS
	From string
	To   []string
}

// MailTLS says how SMTP is encrypted.
type MailTLS string

const (
	StartTLS MailTLS = "StartTLS" // must succeed
	FullTLS  MailTLS = "TLS"
	NoTLS    MailTLS = "None" // then no password is sent
)

// Forge is where commits live.
type Forge struct {
	Provider Provider
	URL      string   // of the server
	Hosts    []string // of repositories, besides the server's own
}

// Provider is a kind of forge.
type Provider string

const (
	GitHub Provider = "GitHub"
	GitLab Provider = "GitLab"
	Gitea  Provider = "Gitea"
)

// Options are the same for all channels of an installation.
type Options struct {
	// Allow are networks that may be reached although they are not public.
	Allow []netip.Prefix
	// Name tells receivers who sends, e.g. "plumb/1.2.3".
	Name string
	Now  func() time.Time
}

// Timeout ends every try.
const Timeout = 30 * time.Second

// Way is an open way of delivery. It is safe for concurrent use.
type Way struct {
	target  string
	send    func(context.Context, notify.Message) error
	concern func(notify.Facts) bool
	close   func()
	hide    []string
}

// New makes a way of delivery. It sends nothing yet; what cannot work is said.
func New(c Config, o Options) (*Way, error) {
	pool, err := roots(c.CA)
	if err != nil {
		return nil, err
	}
	w := &Way{concern: func(notify.Facts) bool { return true }, close: func() {}}
	for _, s := range []Secret{c.URL, c.SigningKey, c.Token, c.Password} {
		w.conceal(string(s))
	}
	if len(c.Username) >= minPart { // a short one is a word, a long one may be the half of a key
		w.conceal(string(c.Username))
	}
	switch c.Type {
	case Slack, Teams, Webhook:
		return w, w.overHTTP(c, o, pool)
	case Email:
		w.target, w.send = c.Mail.Host, mailer{c.Mail, c.Username, c.Password, pool, guard{o.Allow}, o}.send
		return w, checkMail(c.Mail)
	case CommitStatus:
		return w, w.asStatus(c, o, pool)
	}
	return nil, invalid("spec.type", fmt.Sprintf("there is no type %q", c.Type))
}

// Target is the host that is sent to.
func (w *Way) Target() string { return w.target }

// Concerns reports whether this way has anything to say about a subject: a commit status goes to the server of the
// repository, or nowhere.
func (w *Way) Concerns(f notify.Facts) bool { return w.concern(f) }

// Close drops idle connections.
func (w *Way) Close() { w.close() }

// Send delivers one message, once. Errors are *fault.Error: Transient and Blocked ones may go away, Invalid ones are
// about this message. After says how long the receiver asks to wait.
func (w *Way) Send(ctx context.Context, m notify.Message) error {
	ctx, cancel := context.WithTimeout(ctx, Timeout)
	defer cancel()
	err := w.send(ctx, m)
	if err == nil {
		return nil
	}
	var f *fault.Error
	if !errors.As(err, &f) {
		f = classify(w.target, err)
	}
	clean := *f
	clean.Message, clean.Where, clean.Next, clean.Err = w.hidden(f.Message), w.hidden(f.Where), w.hidden(f.Next), nil // a cause may show the address
	if d := After(err); d > 0 {
		return later{&clean, d}
	}
	return &clean
}

// later is an error after which the receiver asks to wait.
type later struct {
	error
	after time.Duration
}

func (l later) Unwrap() error { return l.error }

// maxAfter bounds what a receiver may ask for.
const maxAfter = time.Hour

// After is how long the receiver asks to wait; zero: it does not.
func After(err error) time.Duration {
	var l later
	if errors.As(err, &l) {
		return min(l.after, maxAfter)
	}
	return 0
}

func roots(pem []byte) (*x509.CertPool, error) {
	if len(pem) == 0 {
		return nil, nil
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	if !pool.AppendCertsFromPEM(pem) {
		return nil, &fault.Error{
			Class: fault.Blocked, Reason: fault.CredentialsMissing, Where: "ca.crt",
			Message: "the Secret's ca.crt has no certificate in PEM form", Next: "correct the Secret",
		}
	}
	return pool, nil
}

func address(secret Secret) (*url.URL, error) {
	u, err := url.Parse(string(secret))
	if err != nil || (u.Scheme != "https" && u.Scheme != "http") || u.Hostname() == "" { // the error would show the address
		return nil, &fault.Error{
			Class: fault.Blocked, Reason: fault.CredentialsMissing, Where: "url",
			Message: "the Secret's url is no address that begins with https:// or http://", Next: "correct the Secret",
		}
	}
	return u, nil
}

func invalid(field, message string) error {
	return &fault.Error{Class: fault.Invalid, Reason: fault.InvalidSpec, Where: field, Message: message, Next: "correct " + field}
}
