package deliver_test

import (
	"context"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"

	"plumb.cd/plumb/internal/fault"
	"plumb.cd/plumb/internal/notify"
	"plumb.cd/plumb/internal/notify/deliver"
)

var (
	loopback = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}
	noon     = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	options  = deliver.Options{Allow: loopback, Name: "plumb/test", Now: func() time.Time { return noon }}
)

const secretPath = "/services/T0001/B0002/verysecretverysecret"

func message() notify.Message {
	return notify.Message{
		ID: "msg_1", Event: notify.Failed, At: noon, Title: "team/web failed", Count: 1, Reason: "RenderFailed",
		Text:  "no such image\nCommit: 1234567 fix <!channel> @everyone [click](https://evil.example.com) *bold* <script>alert(1)</script>",
		Items: []notify.Item{{Kind: notify.App, Namespace: "team", Name: "web", Link: "https://plumb.example.com/a/team/web"}},
	}
}

// taken is what a server was sent.
type taken struct {
	header http.Header
	body   []byte
}

// server is a real HTTP server that keeps what it is sent and answers as it is told.
func server(t *testing.T, answer http.HandlerFunc) (*httptest.Server, chan taken) {
	t.Helper()
	got := make(chan taken, 100)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got <- taken{r.Header, body}
		answer(w, r)
	}))
	t.Cleanup(s.Close)
	return s, got
}

func ok(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) }

func status(code int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(code)
		_, _ = io.WriteString(w, body)
	}
}

func open(t *testing.T, c deliver.Config, o deliver.Options) *deliver.Way {
	t.Helper()
	w, err := deliver.New(c, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Close)
	return w
}

func hook(url string) deliver.Config {
	return deliver.Config{Type: deliver.Webhook, URL: deliver.Secret(url), SigningKey: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}
}

func TestAWebhookIsSignedAsTheStandardSays(t *testing.T) {
	// The example of the specification.
	key, id, at, body := "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_p5jXN8AQM9LWM0D4loKWxJek", time.Unix(1614265330, 0), `{"test": 2432232314}`
	s, got := server(t, ok)
	o := options
	o.Now = func() time.Time { return at }
	w := open(t, deliver.Config{Type: deliver.Webhook, URL: deliver.Secret(s.URL), SigningKey: deliver.Secret(key), Token: "bearer-token"}, o)
	if err := w.Send(t.Context(), notify.Message{ID: id, Text: body, Verbatim: true}); err != nil {
		t.Fatal(err)
	}
	h := (<-got).header
	for k, want := range map[string]string{
		"webhook-id": id, "webhook-timestamp": "1614265330", "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
		"Idempotency-Key": id, "Content-Type": "application/json", "User-Agent": "plumb/test", "Authorization": "Bearer bearer-token",
	} {
		if h.Get(k) != want {
			t.Errorf("%s: %q, want %q", k, h.Get(k), want)
		}
	}
}

func TestAWebhookHasTheDocumentedBody(t *testing.T) {
	s, got := server(t, ok)
	w := open(t, hook(s.URL), options)
	if err := w.Send(t.Context(), message()); err != nil {
		t.Fatal(err)
	}
	var e deliver.Envelope
	if err := json.Unmarshal((<-got).body, &e); err != nil {
		t.Fatal(err)
	}
	if e.Type != "Failed" || !e.Timestamp.Equal(noon) || e.Data.ID != "msg_1" || e.Data.Count != 1 || e.Data.Items[0].Name != "web" || e.Data.Text != message().Text {
		t.Errorf("%+v", e)
	}
	if w.Target() != "127.0.0.1" {
		t.Errorf("target %s", w.Target())
	}
}

func TestAnswersAreJudged(t *testing.T) {
	secretEcho := func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusInternalServerError)
		fmt.Fprintf(w, "POST %s authorization=%s", r.URL.Path, r.Header.Get("Authorization"))
	}
	for _, c := range []struct {
		name   string
		answer http.HandlerFunc
		class  fault.Class
		reason fault.Reason
		text   string // a part of the message
	}{
		{"out of order", status(500, "boom"), fault.Transient, fault.DeliveryRefused, "127.0.0.1 answered 500 Internal Server Error: boom"},
		{"too many", status(429, ""), fault.Transient, fault.DeliveryRefused, "429 Too Many Requests"},
		{"a wrong credential", status(401, "who?"), fault.Blocked, fault.AuthenticationFailed, "401 Unauthorized: who?"},
		{"no such hook", status(404, "no_service"), fault.Blocked, fault.DeliveryRefused, "404 Not Found: no_service"},
		{"a message that is not liked", status(400, "invalid_blocks"), fault.Invalid, fault.DeliveryRefused, "400 Bad Request: invalid_blocks"},
		{"too large a message", status(413, ""), fault.Invalid, fault.DeliveryRefused, "413"},
		{"lines and colours in the answer", status(500, "a\r\nb\x1b[31mred"), fault.Transient, fault.DeliveryRefused, "a b [31mred"},
		{"an answer without an end", func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(500)
			for range 1000 {
				if _, err := w.Write(make([]byte, 1<<16)); err != nil {
					return
				}
			}
		}, fault.Transient, fault.DeliveryRefused, "500"},
		{"headers without an end", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X-Much", strings.Repeat("x", 1<<20))
			w.WriteHeader(200)
		}, fault.Transient, fault.Unreachable, ""},
		{"a connection that breaks", func(w http.ResponseWriter, _ *http.Request) { panic(http.ErrAbortHandler) }, fault.Transient, fault.Unreachable, "closed the connection"},
		{"an answer that shows our secrets", secretEcho, fault.Transient, fault.DeliveryRefused, "[redacted]"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, _ := server(t, c.answer)
			config := hook(s.URL + secretPath)
			config.Token = "bearer-token"
			err := open(t, config, options).Send(t.Context(), message())
			f := fault.Of(err)
			if err == nil || f.Class != c.class || f.Reason != c.reason || !strings.Contains(f.Message, c.text) {
				t.Errorf("%+v", f)
			}
			if shown := fmt.Sprintf("%v %+v %#v", err, f, f); strings.Contains(shown, "verysecret") || strings.Contains(shown, "bearer-token") || strings.Contains(shown, "T0001") {
				t.Errorf("a secret in %s", shown)
			}
		})
	}
}

func TestARedirectIsNotFollowed(t *testing.T) {
	other, got := server(t, ok)
	s, _ := server(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, other.URL+"/leak?"+r.URL.Path, http.StatusTemporaryRedirect)
	})
	err := open(t, hook(s.URL+secretPath), options).Send(t.Context(), message())
	if f := fault.Of(err); f == nil || f.Class != fault.Blocked || !strings.Contains(f.Message, "redirect (307 to 127.0.0.1), which is not followed") || strings.Contains(f.Message, "leak") {
		t.Errorf("%+v", f)
	}
	if len(got) != 0 {
		t.Error("it was followed")
	}
}

func TestAServerThatAsksToWaitIsHeard(t *testing.T) {
	for _, c := range []struct {
		name, header, value string
		want                time.Duration
	}{
		{"seconds", "Retry-After", "7", 7 * time.Second},
		{"a time", "Retry-After", noon.Add(time.Minute).Format(http.TimeFormat), time.Minute},
		{"a week is too long", "Retry-After", "604800", time.Hour},
		{"nonsense", "Retry-After", "soon", 0},
		{"a limit of GitHub's", "X-RateLimit-Reset", strconv.FormatInt(noon.Add(90*time.Second).Unix(), 10), 90 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, _ := server(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("X-RateLimit-Remaining", "0")
				w.Header().Set(c.header, c.value)
				w.WriteHeader(http.StatusTooManyRequests)
			})
			err := open(t, hook(s.URL), options).Send(t.Context(), message())
			if got := deliver.After(err); got != c.want {
				t.Errorf("%v, want %v (%v)", got, c.want, err)
			}
		})
	}
}

func TestATryEndsWhenItsTimeIsOver(t *testing.T) {
	s, _ := server(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	err := open(t, hook(s.URL), options).Send(ctx, message())
	if f := fault.Of(err); f == nil || f.Class != fault.Transient || f.Message != "127.0.0.1 did not answer in time" {
		t.Errorf("%+v", f)
	}
}

func TestACertificateAuthorityOfOnesOwnIsTrustedOnlyWhenGiven(t *testing.T) {
	s := httptest.NewTLSServer(http.HandlerFunc(ok))
	defer s.Close()
	s.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	config := hook(s.URL)
	if f := fault.Of(open(t, config, options).Send(t.Context(), message())); f == nil || f.Reason != fault.CertificateInvalid || f.Class != fault.Blocked {
		t.Errorf("without: %+v", f)
	}
	config.CA = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
	if err := open(t, config, options).Send(t.Context(), message()); err != nil {
		t.Errorf("with: %v", err)
	}
	config.CA = []byte("no certificate")
	if _, err := deliver.New(config, options); fault.Of(err) == nil || fault.Of(err).Reason != fault.CredentialsMissing {
		t.Errorf("nonsense: %v", err)
	}
}

func TestAddressesThatAreNotPublicAreOutOfReach(t *testing.T) {
	closed := deliver.Options{Name: "plumb/test", Now: options.Now}
	s, got := server(t, ok)
	_, port, err := net.SplitHostPort(s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	for _, host := range []string{
		"127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0", "[::]", "2130706433", "0x7f000001", "127.1",
		"169.254.169.254", "[fe80::1]", "10.0.0.1", "172.16.5.4", "192.168.1.1", "100.100.100.200", "192.0.0.192", "[fd00:ec2::254]",
		"[64:ff9b::7f00:1]", "[64:ff9b::a9fe:a9fe]", "[2002:7f00:1::]", "224.0.0.1", "255.255.255.255", "[ff02::1]", "[fec0::1]",
	} {
		t.Run(host, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
			defer cancel()
			err := open(t, hook("http://"+host+":"+port), closed).Send(ctx, message())
			f := fault.Of(err)
			resolved := !strings.HasPrefix(host, "2130") && !strings.HasPrefix(host, "0x") && host != "127.1" // no address to this resolver: a name that does not exist
			if err == nil || (resolved && f.Reason != fault.AddressRefused) {
				t.Errorf("%+v", f)
			}
			if resolved && !strings.Contains(f.Next, "--notify-allow") {
				t.Errorf("no way out is named: %q", f.Next)
			}
		})
	}
	if len(got) != 0 {
		t.Error("the server was reached")
	}
}

func TestSecretsAreNeverShown(t *testing.T) {
	c := deliver.Config{Type: deliver.Slack, URL: "https://hooks.slack.com" + secretPath, Token: "tokentoken", Password: "password", SigningKey: "signing"}
	raw, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	var logged strings.Builder
	slog.New(slog.NewTextHandler(&logged, nil)).Info("x", "config", c, "secret", c.Token)
	for _, shown := range []string{string(raw), fmt.Sprint(c), fmt.Sprintf("%+v %#v %q %x", c, c, c.Token, c.Token), logged.String()} {
		for _, secret := range []string{"verysecret", "tokentoken", "746f6b656e", "password\"", "signing"} {
			if strings.Contains(shown, secret) {
				t.Errorf("%q in %s", secret, shown)
			}
		}
	}
	_, err = deliver.New(deliver.Config{Type: deliver.Slack, URL: "ftp://hooks.slack.com" + secretPath}, options)
	if err == nil || strings.Contains(err.Error(), "verysecret") {
		t.Errorf("a bad address: %v", err)
	}
}
