package chart

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"

	"plumb.cd/plumb/internal/fault"
)

// release is one version of a chart in a Helm repository's index.
type release struct {
	Version string   `json:"version"`
	Digest  string   `json:"digest,omitempty"`
	URLs    []string `json:"urls,omitempty"`
	Removed bool     `json:"removed,omitempty"`
}

// index is what of an index.yaml is of use, and what to ask the server with whether it changed.
type index struct {
	ETag     string               `json:"etag,omitempty"`
	Modified string               `json:"modified,omitempty"`
	Entries  map[string][]release `json:"entries"`
}

// repositoryURL parses the address of a Helm repository; it ends in a slash, so that names can be resolved against it.
func repositoryURL(s string) (*url.URL, error) {
	u, err := url.Parse(s)
	if err != nil || (u.Scheme != "https" && u.Scheme != "http") || u.Host == "" {
		return nil, failf(fault.Invalid, fault.InvalidSpec, "", "%q is no address of a chart repository: https://..., http://... or oci://...", showURL(s))
	}
	if u.User != nil {
		return nil, failf(fault.Invalid, fault.InvalidSpec, "put them into a Secret", "the address %s has credentials in it", showURL(s))
	}
	if !strings.HasSuffix(u.Path, "/") {
		u.Path += "/"
		u.RawPath = ""
	}
	return u, nil
}

func (c *Client) resolveHTTP(ctx context.Context, ref Reference, auth Auth) (Locked, error) {
	u, err := repositoryURL(ref.Repository)
	if err != nil {
		return Locked{}, err
	}
	idx, err := c.index(ctx, u, auth)
	if err != nil {
		return Locked{}, err
	}
	found, err := pick(idx.Entries[ref.Name], ref)
	if err != nil {
		return Locked{}, err
	}
	at, err := u.Parse(found.URLs[0])
	if err != nil {
		return Locked{}, failf(fault.Blocked, fault.ChartNotFound, "", "%s: the index has no usable address for it", ref)
	}
	at.User = nil
	if at.Scheme == "oci" {
		return c.resolveElsewhere(ctx, at, found.Version, auth)
	}
	locked := Locked{Name: ref.Name, Version: found.Version, Digest: withAlgorithm(found.Digest), URL: at.String()}
	if checkDigest(locked.Digest) != nil {
		// The index does not say: the bytes of today are the ones.
		b, err := c.download(ctx, ref, locked, auth)
		if err != nil {
			return Locked{}, err
		}
		locked.Digest = digestOf(b)
		c.cache.putBlob(locked.Digest, b)
	}
	return locked, nil
}

func withAlgorithm(d string) string {
	if d == "" || strings.Contains(d, ":") {
		return d
	}
	return "sha256:" + strings.ToLower(d)
}

// resolveElsewhere follows an index that points into an OCI registry: another origin, so without credentials unless
// they are to be passed.
func (c *Client) resolveElsewhere(ctx context.Context, at *url.URL, version string, auth Auth) (Locked, error) {
	repo := at.Host + at.Path
	if i := strings.LastIndexByte(at.Path, ':'); i >= 0 {
		repo, version = at.Host+at.Path[:i], at.Path[i+1:]
	}
	if !auth.PassCredentials {
		auth = Auth{CA: auth.CA, PlainHTTP: auth.PlainHTTP}
	}
	return c.resolveOCI(ctx, Reference{Repository: "oci://" + repo, Version: version}, auth)
}

// index gives the repository's index, from the cache when the server says that it is the same.
func (c *Client) index(ctx context.Context, u *url.URL, auth Auth) (index, error) {
	at := u.JoinPath("index.yaml").String()
	// Who may see what is the server's to say: an index is kept for those credentials only.
	key := []string{at, auth.Username, auth.Password, auth.Token}
	v, err, _ := c.flight.Do("index\x00"+strings.Join(key, "\x00")+"\x00"+string(auth.CA), func() (any, error) {
		return c.loadIndex(ctx, u, at, key, auth)
	})
	if err != nil {
		if errors.Is(err, context.Canceled) && ctx.Err() == nil {
			return c.loadIndex(ctx, u, at, key, auth) // whoever did it for us gave up
		}
		return index{}, err
	}
	return v.(index), nil
}

func (c *Client) loadIndex(ctx context.Context, u *url.URL, at string, key []string, auth Auth) (index, error) {
	var old index
	known := c.cache.record("index", &old, key...)
	client, err := c.client(u, auth)
	if err != nil {
		return index{}, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, at, nil)
	if err != nil {
		return index{}, failf(fault.Invalid, fault.InvalidSpec, "", "%q is no address", showURL(at))
	}
	if known && old.ETag != "" {
		req.Header.Set("If-None-Match", old.ETag)
	} else if known && old.Modified != "" {
		req.Header.Set("If-Modified-Since", old.Modified)
	}
	where := showURL(u.String())
	resp, err := client.Do(req)
	if err != nil {
		return index{}, netFault(ctx, err, "index.yaml", where)
	}
	defer resp.Body.Close()
	if resp.StatusCode == http.StatusNotModified && known {
		return old, nil
	}
	if resp.StatusCode != http.StatusOK {
		return index{}, statusFault(resp.StatusCode, "index.yaml", where)
	}
	b, err := read(resp, c.limits.IndexBytes, "the index of "+where)
	if err != nil {
		return index{}, netFault(ctx, err, "index.yaml", where)
	}
	var parsed struct {
		Entries map[string][]release `json:"entries"`
	}
	if err := yaml.Unmarshal(b, &parsed); err != nil || parsed.Entries == nil {
		return index{}, &fault.Error{Class: fault.Blocked, Reason: fault.ChartNotFound, Err: err, Next: "check the address",
			Message: where + ": the answer is no index of a Helm repository"}
	}
	idx := index{ETag: resp.Header.Get("ETag"), Modified: resp.Header.Get("Last-Modified"), Entries: parsed.Entries}
	if idx.ETag != "" || idx.Modified != "" {
		c.cache.putRecord("index", idx, key...)
	}
	return idx, nil
}

// pick chooses the version that ref wants.
func pick(all []release, ref Reference) (release, error) {
	if len(all) == 0 {
		return release{}, failf(fault.Blocked, fault.ChartNotFound, "check the name", "%s has no chart %s", showURL(ref.Repository), ref.Name)
	}
	usable := slices.DeleteFunc(slices.Clone(all), func(r release) bool { return r.Removed || len(r.URLs) == 0 })
	versions := make([]string, len(usable))
	for i, r := range usable {
		versions[i] = r.Version
	}
	v, err := choose(versions, ref)
	if err != nil {
		return release{}, err
	}
	return usable[slices.Index(versions, v)], nil
}

func (c *Client) archiveHTTP(ctx context.Context, ref Reference, locked Locked, auth Auth) ([]byte, error) {
	if b, ok := c.cache.blob(locked.Digest); ok {
		return b, nil
	}
	b, err := c.download(ctx, ref, locked, auth)
	if err != nil {
		return nil, err
	}
	if got := digestOf(b); got != locked.Digest {
		return nil, mismatch(ref, locked, got)
	}
	c.cache.putBlob(locked.Digest, b)
	return b, nil
}

func mismatch(ref Reference, locked Locked, got string) error {
	return failf(fault.Blocked, fault.DigestMismatch, "find out who replaced the chart",
		"chart %s %s of %s has digest %s, not %s", locked.Name, locked.Version, showURL(ref.Repository), got, locked.Digest)
}

func (c *Client) download(ctx context.Context, ref Reference, locked Locked, auth Auth) ([]byte, error) {
	u, err := repositoryURL(ref.Repository)
	if err != nil {
		return nil, err
	}
	client, err := c.client(u, auth)
	if err != nil {
		return nil, err
	}
	at, err := url.Parse(locked.URL)
	if err != nil || (at.Scheme != "https" && at.Scheme != "http") {
		return nil, failf(fault.Blocked, fault.ChartNotFound, "", "chart %s of %s: its address is not http(s)", locked.Name, showURL(ref.Repository))
	}
	if u.Scheme == "https" && at.Scheme != "https" {
		return nil, failf(fault.Blocked, fault.Unreachable, "", "chart %s of %s: its address is plain http, which is refused", locked.Name, showURL(ref.Repository))
	}
	if at.RawQuery == "" && origin(at) == origin(u) {
		at.RawQuery = u.RawQuery // some repositories are told who asks there
	}
	where := showURL(locked.URL)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, at.String(), nil)
	if err != nil {
		return nil, failf(fault.Blocked, fault.ChartNotFound, "", "%q is no address", where)
	}
	resp, err := client.Do(req)
	if err != nil {
		return nil, netFault(ctx, err, "archive", where)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, statusFault(resp.StatusCode, "archive of chart "+locked.Name, where)
	}
	b, err := read(resp, c.limits.ArchiveBytes, "the archive of chart "+locked.Name)
	return b, netFault(ctx, err, "archive", where)
}
