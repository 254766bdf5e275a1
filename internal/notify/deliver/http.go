package deliver

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"plumb.cd/plumb/internal/fault"
	"plumb.cd/plumb/internal/notify"
)

const (
	maxAnswer  = 64 << 10 // bytes that are read of an answer
	maxHeaders = 64 << 10
	answerIn   = 20 * time.Second
	idleFor    = 30 * time.Second
)

// client makes an HTTP client with limits: no redirect, no proxy of the environment, no address out of bounds.
func client(o Options, pool *x509.CertPool) *http.Client {
	return &http.Client{
		Transport: &http.Transport{
			DialContext:     guard{o.Allow}.dialer().DialContext,
			TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}, TLSHandshakeTimeout: connectTimeout,
			ResponseHeaderTimeout: answerIn, MaxResponseHeaderBytes: maxHeaders, MaxIdleConnsPerHost: 1, IdleConnTimeout: idleFor,
			DisableCompression: true, ForceAttemptHTTP2: true,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// overHTTP sets w up for one of the ways that post to an address out of the Secret.
func (w *Way) overHTTP(c Config, o Options, pool *x509.CertPool) error {
	u, err := address(c.URL)
	if err != nil {
		return err
	}
	p := poster{client: client(o, pool), url: u, o: o}
	w.target, w.close = u.Hostname(), p.client.CloseIdleConnections
	switch c.Type {
	case Slack:
		w.send = func(ctx context.Context, m notify.Message) error { return p.postJSON(ctx, slackBody(m)) }
	case Teams:
		w.send = func(ctx context.Context, m notify.Message) error { return p.postJSON(ctx, teamsBody(m)) }
	case Webhook, Email, CommitStatus:
		key, err := signingKey(c.SigningKey)
		if err != nil {
			return err
		}
		h := hook{poster: p, key: key, token: c.Token, contentType: c.ContentType}
		w.send = h.send
	}
	return nil
}

// poster posts to one address.
type poster struct {
	client *http.Client
	url    *url.URL
	o      Options
}

func (p poster) postJSON(ctx context.Context, body any) error {
	raw, err := encode(body)
	if err != nil {
		return err
	}
	return p.post(ctx, raw, http.Header{"Content-Type": {"application/json"}})
}

func (p poster) post(ctx context.Context, body []byte, h http.Header) error {
	a, err := do(ctx, p.client, p.o, http.MethodPost, p.url.String(), body, h)
	if err != nil {
		return classify(p.url.Hostname(), err)
	}
	return judge(p.url.Hostname(), a, aboutChannel, p.o.Now())
}

// answer is what a server said.
type answer struct {
	code    int
	header  http.Header
	excerpt string // a line of the body that can be shown
	other   string // the host of a redirect
}

// do makes one request and reads the beginning of the answer.
func do(ctx context.Context, c *http.Client, o Options, method, address string, body []byte, h http.Header) (answer, error) {
	req, err := http.NewRequestWithContext(ctx, method, address, bytes.NewReader(body))
	if err != nil {
		return answer{}, errors.New("the address cannot be used") // the error would show it
	}
	for k, v := range h {
		req.Header[k] = v
	}
	req.Header.Set("User-Agent", o.Name)
	res, err := c.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer res.Body.Close()
	out := answer{code: res.StatusCode, header: res.Header}
	if u, err := res.Location(); err == nil {
		out.other = u.Hostname() // never its path: that may hold a secret
	}
	raw, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil {
		raw = nil // the status says enough; what was taken is taken, whatever becomes of the rest of the answer
	}
	out.excerpt = notify.Cut(notify.OneLine(strings.ToValidUTF8(string(raw), "")), maxExcerpt)
	return out, nil
}

func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimRight(b.Bytes(), "\n"), nil
}

// hook posts signed bodies, as the Standard Webhooks specification has it.
type hook struct {
	poster
	key         []byte
	token       Secret
	contentType string
}

// signingKey reads a key: "whsec_" and base64, or any text.
func signingKey(s Secret) ([]byte, error) {
	rest, ok := strings.CutPrefix(string(s), "whsec_")
	if !ok {
		return []byte(s), nil
	}
	key, err := base64.StdEncoding.DecodeString(rest)
	if err != nil || len(key) == 0 {
		return nil, &fault.Error{
			Class: fault.Blocked, Reason: fault.CredentialsMissing, Where: "secret",
			Message: "the Secret's secret begins with whsec_ and goes on with something that is no base64", Next: "correct the Secret",
		}
	}
	return key, nil
}

// Sign is the value of the header webhook-signature.
func Sign(key []byte, id string, at time.Time, body []byte) string {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(id + "." + strconv.FormatInt(at.Unix(), 10) + "."))
	mac.Write(body)
	return "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

func (h hook) send(ctx context.Context, m notify.Message) error {
	body, kind := []byte(m.Text), h.contentType
	if !m.Verbatim {
		raw, err := encode(envelope(m))
		if err != nil {
			return err
		}
		body, kind = raw, ""
	}
	if kind == "" {
		kind = "application/json"
	}
	now := h.o.Now()
	header := http.Header{
		"Content-Type":      {kind},
		"Webhook-Id":        {m.ID},
		"Webhook-Timestamp": {strconv.FormatInt(now.Unix(), 10)},
		"Webhook-Signature": {Sign(h.key, m.ID, now, body)},
		"Idempotency-Key":   {m.ID},
	}
	if h.token != "" {
		header.Set("Authorization", "Bearer "+string(h.token))
	}
	return h.post(ctx, body, header)
}

// Envelope is the body of a webhook. It is a contract: fields are added, never renamed.
type Envelope struct {
	Type      string    `json:"type"` // Failed, Deployed ...
	Timestamp time.Time `json:"timestamp"`
	Data      struct {
		ID      string        `json:"id"`
		Title   string        `json:"title"`
		Text    string        `json:"text"`
		Count   int           `json:"count"`
		Reason  string        `json:"reason,omitempty"`
		Message string        `json:"message,omitempty"`
		Next    string        `json:"next,omitempty"`
		Again   bool          `json:"again,omitempty"`
		Flaps   bool          `json:"flaps,omitempty"`
		Dropped int64         `json:"dropped,omitempty"`
		Items   []notify.Item `json:"items"` // the first 10
	} `json:"data"`
}

func envelope(m notify.Message) Envelope {
	e := Envelope{Type: string(m.Event), Timestamp: m.At.UTC()}
	e.Data.ID, e.Data.Title, e.Data.Text, e.Data.Count = m.ID, m.Title, m.Text, m.Count
	e.Data.Reason, e.Data.Message, e.Data.Next, e.Data.Again, e.Data.Dropped = m.Reason, m.Message, m.Next, m.Again, m.Dropped
	e.Data.Flaps = m.Flaps
	if e.Data.Items = m.Items; e.Data.Items == nil {
		e.Data.Items = []notify.Item{}
	}
	return e
}
