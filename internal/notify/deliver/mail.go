package deliver

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"html"
	"io"
	"net"
	netmail "net/mail"
	"net/textproto"
	"strings"

	"github.com/wneessen/go-mail"

	"plumb.cd/plumb/internal/fault"
	"plumb.cd/plumb/internal/notify"
)

// mailer sends e-mail: one connection for each message, whose Message-ID is that of the message at each try.
type mailer struct {
	Mail
	username, password Secret
	pool               *x509.CertPool
	guard              guard
	o                  Options
}

const (
	submission  = 587
	submissions = 465
	// maxTalk bounds what a server may say in one conversation.
	maxTalk = 256 << 10
)

// checkMail finds what no server would take.
func checkMail(m Mail) error {
	if _, err := netmail.ParseAddress(m.From); err != nil {
		return invalid("spec.email.from", "not an e-mail address")
	}
	for _, to := range m.To {
		if _, err := netmail.ParseAddress(to); err != nil {
			return invalid("spec.email.to", fmt.Sprintf("%q is no e-mail address", to))
		}
	}
	if len(m.To) == 0 {
		return invalid("spec.email.to", "nobody to send to")
	}
	return nil
}

func (m mailer) port() int {
	switch {
	case m.Port != 0:
		return m.Port
	case m.TLS == FullTLS:
		return submissions
	}
	return submission
}

func (m mailer) send(ctx context.Context, msg notify.Message) error {
	letter, err := m.letter(msg)
	if err != nil {
		return err
	}
	dial := func(dialing context.Context, network, address string) (net.Conn, error) {
		return m.dial(dialing, ctx, network, address)
	}
	options := []mail.Option{
		mail.WithPort(m.port()), mail.WithTimeout(Timeout), mail.WithDialContextFunc(dial), mail.WithTLSConfig(m.tls()), mail.WithHELO("plumb"),
		mail.WithTLSPolicy(mail.NoTLS), mail.WithoutNoop(), mail.WithoutRset(),
	}
	if m.TLS == StartTLS {
		options = append(options, mail.WithTLSPolicy(mail.TLSMandatory))
	}
	if m.password != "" && m.TLS != NoTLS {
		options = append(options, mail.WithUsername(string(m.username)), mail.WithPassword(string(m.password)),
			mail.WithOpportunisticSMTPAuth(mail.SMTPAuthSCRAMSHA256, mail.SMTPAuthSCRAMSHA1, mail.SMTPAuthPlain, mail.SMTPAuthLogin))
	}
	c, err := mail.NewClient(m.Host, options...)
	if err != nil {
		return invalid("spec.email", err.Error())
	}
	conn, err := c.DialToSMTPClientWithContext(ctx)
	if err != nil {
		return m.classify(ctx, err)
	}
	defer func() { _ = conn.Close() }() // what the server says to QUIT changes nothing: it has the message, or an error was told
	if err := c.SendWithSMTPClient(conn, letter); err != nil && !letter.IsDelivered() {
		return m.classify(ctx, err)
	}
	_ = conn.Quit()
	return nil
}

func (m mailer) tls() *tls.Config {
	return &tls.Config{ServerName: m.Host, RootCAs: m.pool, MinVersion: tls.VersionTLS12}
}

// dial connects to a server that may be reached. The connection ends with sending, whatever the library does with it.
func (m mailer) dial(dialing, sending context.Context, network, address string) (net.Conn, error) {
	conn, err := m.guard.dialer().DialContext(dialing, network, address)
	if err != nil {
		return nil, err
	}
	bounded := &talk{Conn: conn, left: maxTalk}
	bounded.stop = context.AfterFunc(sending, func() { _ = conn.Close() })
	if m.TLS != FullTLS {
		return bounded, nil
	}
	secure := tls.Client(bounded, m.tls())
	if err := secure.HandshakeContext(dialing); err != nil {
		_ = secure.Close()
		return nil, err
	}
	return secure, nil
}

// talk is a connection on which the other side may say so much, and no more.
type talk struct {
	net.Conn
	left int
	stop func() bool
}

var errTalk = errors.New("the server says more than any SMTP server has to")

func (t *talk) Read(p []byte) (int, error) {
	if t.left <= 0 {
		return 0, errTalk
	}
	n, err := t.Conn.Read(p[:min(len(p), t.left)])
	t.left -= n
	return n, err
}

func (t *talk) Close() error {
	t.stop()
	return t.Conn.Close()
}

// letter is the message as e-mail: text, and the same as HTML, in which nothing is markup but our own.
func (m mailer) letter(msg notify.Message) (*mail.Msg, error) {
	l := mail.NewMsg()
	if err := l.From(m.From); err != nil {
		return nil, invalid("spec.email.from", "not an e-mail address")
	}
	if err := l.To(m.To...); err != nil {
		return nil, invalid("spec.email.to", "one of them is no e-mail address")
	}
	_, domain, _ := strings.Cut(m.From, "@")
	domain = strings.Trim(domain, "<> ")
	l.SetMessageIDWithValue(msg.ID + "@" + domain)
	l.SetDateWithValue(msg.At)
	l.Subject("[Plumb] " + notify.OneLine(msg.Title))
	l.SetGenHeader("Auto-Submitted", "auto-generated")
	l.SetGenHeader("X-Plumb-Event", string(msg.Event))
	l.SetGenHeader("X-Plumb-Id", msg.ID)
	l.SetUserAgent(m.o.Name)
	text, page := msg.Text, "<h3>"+html.EscapeString(msg.Title)+"</h3>\n<pre>"+html.EscapeString(msg.Text)+"</pre>\n"
	if u := link(msg); u != "" {
		text += "\n\n" + u
		page += `<p><a href="` + html.EscapeString(u) + `">Open in Plumb</a></p>` + "\n"
	}
	l.SetBodyString(mail.TypeTextPlain, text+"\n")
	l.AddAlternativeString(mail.TypeTextHTML, page)
	return l, nil
}

// classify tells what is about this message from what is about the server or the credentials.
func (m mailer) classify(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	var f *fault.Error
	if errors.As(err, &f) {
		return f
	}
	out := &fault.Error{Class: fault.Transient, Reason: fault.DeliveryRefused, Message: m.Host + ": " + notify.Cut(notify.OneLine(err.Error()), maxExcerpt)}
	var sent *mail.SendError
	var said *textproto.Error
	switch {
	case errors.As(err, &sent) && sent.ErrorCode() != 0:
		if !sent.IsTemp() {
			out.Class = fault.Invalid
		}
		return out
	case errors.As(err, &said):
		if said.Code >= 500 {
			out.Class, out.Reason, out.Next = fault.Blocked, fault.AuthenticationFailed, "correct username and password in the Secret"
		}
		return out
	case errors.Is(err, mail.ErrNoSupportedAuthDiscovered), errors.Is(err, mail.ErrPlainAuthNotSupported), errors.Is(err, mail.ErrLoginAuthNotSupported):
		out.Class, out.Reason = fault.Blocked, fault.AuthenticationFailed
		return out
	case errors.Is(err, io.EOF):
		return classify(m.Host, io.EOF)
	}
	return classify(m.Host, err)
}
