// Package chart finds and fetches Helm charts before rendering: it picks a version in a Helm repository or OCI registry,
// names the bytes by digest, and gives the chart's files, verified. It reads nothing but the network and its cache, and
// executes nothing.
//
// Credentials go to the origin (scheme, host and port) of the repository that they are for, and nowhere else: not to
// the host that a redirect or an absolute chart URL names, unless Auth.PassCredentials says so. Everything read is
// bounded.
package chart

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"plumb.cd/plumb/internal/fault"
)

// Auth is how to sign in to one chart repository, and how to trust it. The zero value is anonymous, with the system's
// certificates.
type Auth struct {
	Username, Password string
	Token              string // bearer token, wins over Password; an OCI registry takes it as the password of Username where that is set
	CA                 []byte // PEM; replaces the system's certificates
	PassCredentials    bool   // also to the other hosts that a Helm repository's index points to
	PlainHTTP          bool   // an OCI registry speaks http; otherwise it is never tried
}

const redacted = "[redacted]"

func (Auth) String() string               { return redacted }
func (Auth) GoString() string             { return redacted }
func (Auth) LogValue() slog.Value         { return slog.StringValue(redacted) }
func (Auth) MarshalText() ([]byte, error) { return []byte(redacted), nil }

func (a Auth) anonymous() bool { return a.Username == "" && a.Password == "" && a.Token == "" }

// Reference says which chart somebody wants.
type Reference struct {
	Repository string // "https://...", "http://..." or "oci://host/path"
	Name       string // of the chart; may be empty for oci, where Repository is complete then
	Version    string // exact, a range ("^1.2"), empty for the newest release; for oci also "sha256:..." and "1.2.3@sha256:..."
}

func (r Reference) oci() bool { return strings.HasPrefix(r.Repository, "oci://") }

func (r Reference) String() string {
	s := strings.TrimSuffix(showURL(r.Repository), "/")
	if r.Name != "" {
		s += "/" + r.Name
	}
	if r.Version != "" {
		s += " " + r.Version
	}
	return s
}

// Locked is a Reference resolved: exactly these bytes.
type Locked struct {
	Name    string `json:"name"`
	Version string `json:"version"`       // "1.2.3"; empty for a bare digest whose manifest does not tell
	Digest  string `json:"digest"`        // "sha256:..." of the archive (http) or of the manifest (oci)
	URL     string `json:"url,omitempty"` // of the archive, or "oci://host/path"; without credentials
}

// Limits bound what a Client reads. Zero fields mean the defaults of DefaultLimits.
type Limits struct {
	IndexBytes   int64         // of a Helm repository's index, or of all answers to one tag listing
	ArchiveBytes int64         // of a packed chart
	ChartBytes   int64         // of an unpacked chart
	Ratio        int64         // unpacked to packed
	Entries      int           // files and directories in an archive
	Timeout      time.Duration // of one Resolve or Fetch
}

// DefaultLimits are far above what charts need: an index of 50 MiB, archives of 32 MiB that unpack to 100 MiB.
var DefaultLimits = Limits{
	IndexBytes: 50 << 20, ArchiveBytes: 32 << 20, ChartBytes: 100 << 20, Ratio: 200, Entries: 10_000, Timeout: 2 * time.Minute,
}

func (l Limits) orDefault() Limits {
	d := DefaultLimits
	for _, f := range []struct{ field, def *int64 }{
		{&l.IndexBytes, &d.IndexBytes}, {&l.ArchiveBytes, &d.ArchiveBytes}, {&l.ChartBytes, &d.ChartBytes}, {&l.Ratio, &d.Ratio},
	} {
		if *f.field <= 0 {
			*f.field = *f.def
		}
	}
	if l.Entries <= 0 {
		l.Entries = d.Entries
	}
	if l.Timeout <= 0 {
		l.Timeout = d.Timeout
	}
	return l
}

// Client resolves and fetches charts. It may be used by many goroutines; equal work under way is done once.
type Client struct {
	cache  cache
	limits Limits
	flight singleflight.Group

	mu         sync.Mutex
	transports map[string]*http.Transport // by the certificates they trust
}

// New gives a Client that keeps what it fetched below cacheDir, which may be deleted at any time.
func New(cacheDir string, limits Limits) *Client {
	return &Client{cache: cache{dir: filepath.Join(cacheDir, "charts")}, limits: limits.orDefault(), transports: map[string]*http.Transport{}}
}

// Close ends idle connections.
func (c *Client) Close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, t := range c.transports {
		t.CloseIdleConnections()
	}
}

// Resolve picks the version and names its bytes by digest. It always asks the server, so that nobody learns of a chart
// that the server would not show them. Errors: AuthenticationFailed, ChartNotFound, DigestMismatch, CertificateInvalid,
// Unreachable, LimitExceeded, InvalidSpec.
func (c *Client) Resolve(ctx context.Context, ref Reference, auth Auth) (Locked, error) {
	ctx, cancel := context.WithTimeout(ctx, c.limits.Timeout)
	defer cancel()
	if ref.oci() {
		return c.resolveOCI(ctx, ref, auth)
	}
	return c.resolveHTTP(ctx, ref, auth)
}

// Fetch gives the files of the chart by their path in it ("Chart.yaml", "templates/x.yaml"), verified against the
// digest of locked. The map and its bytes belong to the caller.
func (c *Client) Fetch(ctx context.Context, ref Reference, locked Locked, auth Auth) (map[string][]byte, error) {
	if err := checkDigest(locked.Digest); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, c.limits.Timeout)
	defer cancel()
	var archive []byte
	var err error
	if strings.HasPrefix(locked.URL, "oci://") {
		archive, err = c.archiveOCI(ctx, ref, locked, auth)
	} else {
		archive, err = c.archiveHTTP(ctx, ref, locked, auth)
	}
	if err != nil {
		return nil, err
	}
	files, err := unpack(archive, c.limits)
	if err != nil {
		return nil, about(err, locked.Name, ref)
	}
	return files, nil
}

func failf(class fault.Class, reason fault.Reason, next, format string, args ...any) *fault.Error {
	return &fault.Error{Class: class, Reason: reason, Message: fmt.Sprintf(format, args...), Next: next}
}
