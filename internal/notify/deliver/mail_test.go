package deliver_test

import (
	"context"
	"crypto/tls"
	"encoding/pem"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net"
	"net/http/httptest"
	netmail "net/mail"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"

	"plumb.cd/plumb/internal/fault"
	"plumb.cd/plumb/internal/notify/deliver"
)

// letters is the back end of a real SMTP server.
type letters struct {
	got      chan letter
	password string // empty: nobody has to sign in
	refuse   error  // of a recipient
}

type letter struct {
	from string
	to   []string
	data []byte
}

func (l *letters) NewSession(*smtp.Conn) (smtp.Session, error) { return &session{l: l}, nil }

type session struct {
	l      *letters
	letter letter
	user   string
}

func (s *session) AuthMechanisms() []string {
	if s.l.password == "" {
		return nil
	}
	return []string{sasl.Plain}
}

func (s *session) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, password string) error {
		if password != s.l.password {
			return smtp.ErrAuthFailed
		}
		s.user = user
		return nil
	}), nil
}

func (s *session) Mail(from string, _ *smtp.MailOptions) error {
	if s.l.password != "" && s.user == "" {
		return smtp.ErrAuthRequired
	}
	s.letter.from = from
	return nil
}

func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	s.letter.to = append(s.letter.to, to)
	return s.l.refuse
}

func (s *session) Data(r io.Reader) (err error) {
	if s.letter.data, err = io.ReadAll(r); err == nil {
		s.l.got <- s.letter
	}
	return err
}

func (s *session) Reset()        {}
func (s *session) Logout() error { return nil }

// post starts an SMTP server with a certificate of its own authority, and gives the configuration that reaches it.
func post(t *testing.T, l *letters, mode deliver.MailTLS) deliver.Config {
	t.Helper()
	l.got = make(chan letter, 10)
	certificates := httptest.NewTLSServer(nil) // for its certificate
	t.Cleanup(certificates.Close)
	s := smtp.NewServer(l)
	s.Domain, s.AllowInsecureAuth = "localhost", true
	if mode != deliver.NoTLS {
		s.TLSConfig = &tls.Config{Certificates: certificates.TLS.Certificates, MinVersion: tls.VersionTLS12}
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := listener.Addr().(*net.TCPAddr).Port
	if mode == deliver.FullTLS {
		listener = tls.NewListener(listener, s.TLSConfig)
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve(listener) }()
	t.Cleanup(func() { _ = s.Close(); <-served })
	return deliver.Config{
		Type: deliver.Email, CA: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificates.Certificate().Raw}),
		Mail: deliver.Mail{Host: "127.0.0.1", Port: port, TLS: mode, From: "Plumb <plumb@example.com>", To: []string{"team@example.com", "ops@example.com"}},
	}
}

// parts reads the text and the HTML of a letter.
func parts(t *testing.T, l letter) (h netmail.Header, text, page string) {
	t.Helper()
	m, err := netmail.ReadMessage(strings.NewReader(string(l.data)))
	if err != nil {
		t.Fatal(err)
	}
	_, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil {
		t.Fatal(err)
	}
	r := multipart.NewReader(m.Body, params["boundary"])
	for {
		p, err := r.NextRawPart()
		if errors.Is(err, io.EOF) {
			return m.Header, text, page
		}
		if err != nil {
			t.Fatal(err)
		}
		raw, err := io.ReadAll(quotedprintable.NewReader(p))
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(p.Header.Get("Content-Type"), "text/html") {
			page = string(raw)
		} else {
			text = string(raw)
		}
	}
}

func TestEmailArrivesInEveryWayOfEncryption(t *testing.T) {
	for _, mode := range []deliver.MailTLS{deliver.StartTLS, deliver.FullTLS, deliver.NoTLS} {
		t.Run(string(mode), func(t *testing.T) {
			l := &letters{}
			config := post(t, l, mode)
			if mode != deliver.NoTLS {
				l.password, config.Username, config.Password = "password", "user", "password"
			}
			if err := open(t, config, options).Send(t.Context(), message()); err != nil {
				t.Fatal(err)
			}
			got := <-l.got
			h, text, page := parts(t, got)
			if got.from != "plumb@example.com" || strings.Join(got.to, " ") != "team@example.com ops@example.com" {
				t.Errorf("from %s to %v", got.from, got.to)
			}
			if h.Get("Message-Id") != "<msg_1@example.com>" || h.Get("Subject") != "[Plumb] team/web failed" || h.Get("Auto-Submitted") != "auto-generated" {
				t.Errorf("%v", h)
			}
			if !strings.Contains(text, "no such image") || !strings.Contains(text, "https://plumb.example.com/a/team/web") {
				t.Errorf("%q", text)
			}
			if strings.Contains(page, "<script>") || !strings.Contains(page, "&lt;script&gt;") || !strings.Contains(page, `<a href="https://plumb.example.com/a/team/web">`) {
				t.Errorf("%q", page)
			}
		})
	}
}

func TestAHostileTitleMakesNoHeader(t *testing.T) {
	l := &letters{}
	m := message()
	m.Title = "x\r\nBcc: all@example.com\r\n\r\n<h1>body</h1>" + strings.Repeat(" ä", 200)
	if err := open(t, post(t, l, deliver.NoTLS), options).Send(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	h, _, _ := parts(t, <-l.got)
	subject, err := new(mime.WordDecoder).DecodeHeader(h.Get("Subject"))
	if err != nil || h.Get("Bcc") != "" || !strings.HasPrefix(subject, "[Plumb] x Bcc: all@example.com <h1>body</h1>") {
		t.Errorf("%q, %v, %v", subject, h, err)
	}
}

func TestWhatMailServersRefuse(t *testing.T) {
	for _, c := range []struct {
		name   string
		server letters
		change func(*deliver.Config)
		class  fault.Class
		reason fault.Reason
	}{
		{"a wrong password waits for a right one", letters{password: "password"}, func(c *deliver.Config) { c.Username, c.Password = "user", "wrongwrong" }, fault.Blocked, fault.AuthenticationFailed},
		{"a recipient who does not exist", letters{refuse: &smtp.SMTPError{Code: 550, Message: "no such user"}}, nil, fault.Invalid, fault.DeliveryRefused},
		{"a recipient who may exist later", letters{refuse: &smtp.SMTPError{Code: 450, Message: "greylisted"}}, nil, fault.Transient, fault.DeliveryRefused},
		{"a certificate of nobody", letters{}, func(c *deliver.Config) { c.CA = nil }, fault.Blocked, fault.CertificateInvalid},
	} {
		t.Run(c.name, func(t *testing.T) {
			config := post(t, &c.server, deliver.StartTLS)
			if c.change != nil {
				c.change(&config)
			}
			err := open(t, config, options).Send(t.Context(), message())
			f := fault.Of(err)
			if err == nil || f.Class != c.class || f.Reason != c.reason {
				t.Errorf("%+v", f)
			}
			if err != nil && strings.Contains(err.Error(), "wrongwrong") {
				t.Errorf("a secret in %v", err)
			}
		})
	}
}

func TestNoMailIsSentInTheClearWhereEncryptionIsAskedFor(t *testing.T) {
	l := &letters{}
	config := post(t, l, deliver.NoTLS)
	config.Mail.TLS = deliver.StartTLS
	if err := open(t, config, options).Send(t.Context(), message()); err == nil || len(l.got) > 0 {
		t.Errorf("error %v, %d sent", err, len(l.got))
	}
}

func TestAMailServerThatHangsOrTalksTooMuchEnds(t *testing.T) {
	for name, speak := range map[string]func(net.Conn){
		"says nothing": func(c net.Conn) { _, _ = io.Copy(io.Discard, c) },
		"talks without an end": func(c net.Conn) {
			for {
				if _, err := c.Write([]byte(strings.Repeat("220-hello", 1000))); err != nil {
					return
				}
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			listener, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer listener.Close()
			go func() {
				for {
					c, err := listener.Accept()
					if err != nil {
						return
					}
					go func() { speak(c); _ = c.Close() }()
				}
			}()
			ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
			defer cancel()
			_, port, _ := net.SplitHostPort(listener.Addr().String())
			n, err := strconv.Atoi(port)
			if err != nil {
				t.Fatal(err)
			}
			w := open(t, deliver.Config{Type: deliver.Email, Mail: deliver.Mail{Host: "127.0.0.1", Port: n, TLS: deliver.NoTLS, From: "a@example.com", To: []string{"b@example.com"}}}, options)
			began := time.Now()
			if f := fault.Of(w.Send(ctx, message())); f == nil || f.Class != fault.Transient || time.Since(began) > 5*time.Second {
				t.Errorf("%+v after %v", f, time.Since(began))
			}
		})
	}
}

func TestAddressesOfMailAreCheckedBefore(t *testing.T) {
	for _, to := range []string{"nobody", "a@example.com\r\nBcc: b@example.com", ""} {
		_, err := deliver.New(deliver.Config{Type: deliver.Email, Mail: deliver.Mail{Host: "h", From: "a@example.com", To: []string{to}}}, options)
		if f := fault.Of(err); f == nil || f.Reason != fault.InvalidSpec {
			t.Errorf("%q: %v", to, err)
		}
	}
}
