package chart

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"plumb.cd/plumb/internal/fault"
)

// What makes a manifest a Helm chart.
const (
	configType      = "application/vnd.cncf.helm.config.v1+json"
	layerType       = "application/vnd.cncf.helm.chart.content.v1.tar+gzip"
	legacyLayerType = "application/tar+gzip"
	versionLabel    = "org.opencontainers.image.version"
	titleLabel      = "org.opencontainers.image.title"
)

// registryRepo is one repository of a registry, opened with somebody's credentials.
type registryRepo struct {
	name.Repository
	options []remote.Option
	guard   *guard
	shown   string
}

func (c *Client) registry(ctx context.Context, ref Reference, auth Auth) (*registryRepo, error) {
	p := strings.Trim(strings.TrimPrefix(ref.Repository, "oci://"), "/")
	if strings.Contains(p, "@") {
		return nil, failf(fault.Invalid, fault.InvalidSpec, "put credentials into a Secret and the digest into the version",
			"%s is no address of an OCI repository", showURL(ref.Repository))
	}
	if ref.Name != "" {
		p += "/" + ref.Name
	}
	var opts []name.Option
	if auth.PlainHTTP {
		opts = append(opts, name.Insecure)
	}
	repo, err := name.NewRepository(p, append(opts, name.StrictValidation)...)
	if err != nil {
		return nil, failf(fault.Invalid, fault.InvalidSpec, "", "oci://%s is no address of an OCI repository", p)
	}
	t, err := c.transport(auth)
	if err != nil {
		return nil, err
	}
	g := &guard{base: t, plain: auth.PlainHTTP}
	g.left.Store(c.limits.IndexBytes)
	return &registryRepo{Repository: repo, guard: g, shown: "oci://" + p, options: []remote.Option{
		remote.WithContext(ctx), remote.WithTransport(g), remote.WithAuth(authenticator(auth)), remote.WithUserAgent("plumb"),
		remote.WithRetryPredicate(func(error) bool { return false }), remote.WithRetryStatusCodes(), // retrying is the caller's
	}}, nil
}

func authenticator(auth Auth) authn.Authenticator {
	switch {
	case auth.Token != "" && auth.Username != "":
		return authn.FromConfig(authn.AuthConfig{Username: auth.Username, Password: auth.Token})
	case auth.Token != "":
		return authn.FromConfig(authn.AuthConfig{RegistryToken: auth.Token})
	case auth.anonymous():
		return authn.Anonymous
	}
	return authn.FromConfig(authn.AuthConfig{Username: auth.Username, Password: auth.Password})
}

// guard refuses plain http where it was not asked for (the library tries it for private addresses), and bounds what all
// answers of one operation may have together. The credentials are the library's: it signs requests to the registry and
// to the token service that the registry names; redirects to another origin lose them here.
type guard struct {
	base  http.RoundTripper
	plain bool
	left  atomic.Int64
}

func (g *guard) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Scheme != "https" && !g.plain {
		return nil, errPlain
	}
	if first := firstRequest(r); origin(first.URL) != origin(r.URL) {
		r = r.Clone(r.Context())
		r.Header.Del("Authorization")
	}
	resp, err := g.base.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	resp.Body = &guardedBody{ReadCloser: resp.Body, g: g}
	return resp, nil
}

// firstRequest is the one that redirects led from. net/http keeps Authorization for another port of the same host.
func firstRequest(r *http.Request) *http.Request {
	for r.Response != nil && r.Response.Request != nil {
		r = r.Response.Request
	}
	return r
}

var errPlain = failf(fault.Blocked, fault.Unreachable, "set plainHTTP if that is meant", "the registry does not speak https, and plain http is refused")

type guardedBody struct {
	io.ReadCloser
	g *guard
}

func (b *guardedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if b.g.left.Add(-int64(n)) < 0 {
		return 0, failf(fault.Invalid, fault.LimitExceeded, "", "the registry's answers have more bytes than is allowed")
	}
	return n, err
}

// fail classifies an error of the library. Of its two attempts, https and plain http, the first one tells.
func (r *registryRepo) fail(ctx context.Context, err error, what string) error {
	var u *url.Error
	if errors.As(err, &u) {
		err = u
	}
	return netFault(ctx, err, what, r.shown)
}

func (c *Client) resolveOCI(ctx context.Context, ref Reference, auth Auth) (Locked, error) {
	repo, err := c.registry(ctx, ref, auth)
	if err != nil {
		return Locked{}, err
	}
	tag, digest, pinned := strings.Cut(ref.Version, "@")
	switch {
	case strings.HasPrefix(ref.Version, "sha256:"):
		tag, digest, pinned = "", ref.Version, true
	case exact(tag):
	case pinned:
		return Locked{}, failf(fault.Invalid, fault.InvalidSpec, "", "%s: a digest goes with an exact version, %q is none", repo.shown, tag)
	default:
		if tag, err = c.newestTag(ctx, repo, ref); err != nil {
			return Locked{}, err
		}
	}
	if pinned {
		if err := checkDigest(digest); err != nil {
			return Locked{}, err
		}
	}
	m, got, err := c.manifest(ctx, repo, tag, digest)
	if err != nil {
		return Locked{}, err
	}
	locked := Locked{Name: ref.Name, Version: tag, Digest: got, URL: repo.shown}
	if locked.Name == "" {
		locked.Name = repo.RepositoryStr()[strings.LastIndexByte(repo.RepositoryStr(), '/')+1:]
	}
	if locked.Version == "" {
		locked.Version = m.Annotations[versionLabel]
	}
	if pinned && got != digest {
		return Locked{}, mismatch(ref, Locked{Name: locked.Name, Version: tag, Digest: digest}, got)
	}
	if _, err := chartLayer(m); err != nil {
		return Locked{}, failf(fault.Blocked, fault.ChartNotFound, "", "%s %s: %v", repo.shown, ref.Version, err)
	}
	return locked, nil
}

// newestTag lists the tags and chooses. A tag cannot have a plus sign: Helm writes "_" for it.
func (c *Client) newestTag(ctx context.Context, repo *registryRepo, ref Reference) (string, error) {
	tags, err := remote.List(repo.Repository, repo.options...)
	if err != nil {
		return "", repo.fail(ctx, err, "such repository")
	}
	for i, t := range tags {
		tags[i] = strings.ReplaceAll(t, "_", "+")
	}
	return choose(tags, ref)
}

// manifest reads the manifest of a tag, or of a digest when there is no tag, and its digest.
func (c *Client) manifest(ctx context.Context, repo *registryRepo, tag, digest string) (*v1.Manifest, string, error) {
	var ref name.Reference
	what := "chart with version " + tag
	if tag != "" {
		ref = repo.Tag(strings.ReplaceAll(tag, "+", "_"))
	} else {
		ref = repo.Digest(digest)
		what = "chart with digest " + digest
	}
	d, err := remote.Get(ref, repo.options...)
	var missing *transport.Error
	if tag == "" && errors.As(err, &missing) && missing.StatusCode == http.StatusNotFound {
		return nil, "", failf(fault.Blocked, fault.DigestMismatch, "check the digest", "%s: there is no %s", repo.shown, what)
	}
	if err != nil && tag == "" && ctx.Err() == nil && isContent(err) {
		return nil, "", &fault.Error{Class: fault.Blocked, Reason: fault.DigestMismatch, Err: err,
			Message: fmt.Sprintf("%s: the registry sends something else for digest %s", repo.shown, digest)}
	}
	if err != nil {
		return nil, "", repo.fail(ctx, err, what)
	}
	m, err := v1.ParseManifest(strings.NewReader(string(d.Manifest)))
	if err != nil {
		return nil, "", failf(fault.Blocked, fault.ChartNotFound, "", "%s: the manifest cannot be read", repo.shown)
	}
	return m, digestOf(d.Manifest), nil
}

// isContent tells an answer that came and is not the right one, which the library has no type for, from one that did not
// come or was not given.
func isContent(err error) bool {
	var u *url.Error
	var refused *transport.Error
	var ours *fault.Error
	var broken net.Error
	return !errors.As(err, &u) && !errors.As(err, &refused) && !errors.As(err, &ours) && !errors.As(err, &broken) &&
		!errors.Is(err, io.ErrUnexpectedEOF)
}

func chartLayer(m *v1.Manifest) (v1.Descriptor, error) {
	if string(m.Config.MediaType) != configType {
		return v1.Descriptor{}, fmt.Errorf("it is no Helm chart but %q", m.Config.MediaType)
	}
	for _, l := range m.Layers {
		if t := string(l.MediaType); t == layerType || t == legacyLayerType {
			return l, nil
		}
	}
	return v1.Descriptor{}, errors.New("it has no chart in it")
}

// manifestRecord remembers which archive a manifest names; both are content-addressed, so it never changes.
type manifestRecord struct {
	Archive string `json:"archive"`
}

func (c *Client) archiveOCI(ctx context.Context, ref Reference, locked Locked, auth Auth) ([]byte, error) {
	var rec manifestRecord
	if c.cache.record("manifest", &rec, locked.Digest) {
		if b, ok := c.cache.blob(rec.Archive); ok {
			return b, nil
		}
	}
	if !ref.oci() { // a Helm repository whose index points to a registry
		if !auth.PassCredentials {
			auth = Auth{CA: auth.CA, PlainHTTP: auth.PlainHTTP}
		}
	}
	repo, err := c.registry(ctx, Reference{Repository: locked.URL}, auth)
	if err != nil {
		return nil, err
	}
	m, _, err := c.manifest(ctx, repo, "", locked.Digest)
	if err != nil {
		return nil, err
	}
	layer, err := chartLayer(m)
	if err != nil {
		return nil, failf(fault.Blocked, fault.ChartNotFound, "", "%s: %v", repo.shown, err)
	}
	b, err := c.layer(ctx, repo, layer)
	if err != nil {
		return nil, err
	}
	c.cache.putBlob(layer.Digest.String(), b)
	c.cache.putRecord("manifest", manifestRecord{Archive: layer.Digest.String()}, locked.Digest)
	return b, nil
}

func (c *Client) layer(ctx context.Context, repo *registryRepo, d v1.Descriptor) ([]byte, error) {
	if d.Size > c.limits.ArchiveBytes {
		return nil, failf(fault.Invalid, fault.LimitExceeded, "", "%s: the archive has %d bytes, the limit is %d", repo.shown, d.Size, c.limits.ArchiveBytes)
	}
	repo.guard.left.Store(c.limits.ArchiveBytes + 1<<20) // and a token
	layer, err := remote.Layer(repo.Digest(d.Digest.String()), repo.options...)
	if err != nil {
		return nil, repo.fail(ctx, err, "archive "+d.Digest.String())
	}
	body, err := layer.Compressed()
	if err != nil {
		return nil, repo.fail(ctx, err, "archive "+d.Digest.String())
	}
	defer body.Close()
	b, err := io.ReadAll(io.LimitReader(body, c.limits.ArchiveBytes+1))
	got := digestOf(b)
	switch {
	case int64(len(b)) > c.limits.ArchiveBytes:
		return nil, failf(fault.Invalid, fault.LimitExceeded, "", "%s: the archive has more than %d bytes", repo.shown, c.limits.ArchiveBytes)
	case got == d.Digest.String():
		return b, nil
	case err != nil && int64(len(b)) < d.Size:
		return nil, repo.fail(ctx, err, "archive "+d.Digest.String())
	}
	return nil, failf(fault.Blocked, fault.DigestMismatch, "", "%s: the registry sends an archive with digest %s for %s", repo.shown, got, d.Digest)
}
