package chart_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

const (
	user     = "reader"
	password = "s3cret"
)

func digestOf(b []byte) string {
	sum := sha256.Sum256(b)
	return "sha256:" + hex.EncodeToString(sum[:])
}

// pack makes a chart's archive of files below its directory.
func pack(t *testing.T, chartName, version string, files map[string]string) []byte {
	t.Helper()
	all := map[string]string{"Chart.yaml": fmt.Sprintf("apiVersion: v2\nname: %s\nversion: %s\n", chartName, version)}
	maps.Copy(all, files)
	var headers []tar.Header
	var bodies []string
	for _, n := range slices.Sorted(maps.Keys(all)) {
		headers = append(headers, tar.Header{Name: chartName + "/" + n, Mode: 0o644, Typeflag: tar.TypeReg, Size: int64(len(all[n]))})
		bodies = append(bodies, all[n])
	}
	return tarball(t, headers, bodies)
}

func tarball(t *testing.T, headers []tar.Header, bodies []string) []byte {
	t.Helper()
	var b bytes.Buffer
	zw := gzip.NewWriter(&b)
	tw := tar.NewWriter(zw)
	for i := range headers {
		if err := tw.WriteHeader(&headers[i]); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(tw, bodies[i]); err != nil {
			t.Fatal(err)
		}
	}
	if err := tw.Close(); err != nil {
		t.Fatal(err)
	}
	if err := zw.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// journal notes the requests of a server: method, path, and whether credentials came with them.
type journal struct {
	mu   sync.Mutex
	seen []entry
}

type entry struct {
	line   string
	signed bool
	status int
}

func (j *journal) wrap(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rec := &statusWriter{ResponseWriter: w, status: http.StatusOK}
		next.ServeHTTP(rec, r)
		j.mu.Lock()
		defer j.mu.Unlock()
		j.seen = append(j.seen, entry{r.Method + " " + r.URL.Path, r.Header.Get("Authorization") != "", rec.status})
	})
}

func (j *journal) all() []entry {
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.Clone(j.seen)
}

func (j *journal) count(part string) int {
	n := 0
	for _, e := range j.all() {
		if strings.Contains(e.line, part) {
			n++
		}
	}
	return n
}

func (j *journal) signed() bool {
	return slices.ContainsFunc(j.all(), func(e entry) bool { return e.signed })
}

type statusWriter struct {
	http.ResponseWriter
	status int
}

func (w *statusWriter) WriteHeader(code int) {
	w.status = code
	w.ResponseWriter.WriteHeader(code)
}

// helmRepo is a Helm repository: an index and archives, by path.
type helmRepo struct {
	*httptest.Server
	journal
	mu       sync.Mutex
	index    string
	archives map[string][]byte
	handlers map[string]http.HandlerFunc
}

type serverKind int

const (
	open serverKind = iota
	withSignIn
)

func newHelmRepo(t *testing.T, kind serverKind, start func(http.Handler) *httptest.Server) *helmRepo {
	t.Helper()
	r := &helmRepo{archives: map[string][]byte{}, handlers: map[string]http.HandlerFunc{}}
	var h http.Handler = http.HandlerFunc(r.serve)
	if kind == withSignIn {
		h = signIn(h)
	}
	r.Server = start(r.wrap(h))
	t.Cleanup(r.Close)
	return r
}

func signIn(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if u, p, ok := r.BasicAuth(); !ok || u != user || p != password {
			w.Header().Set("WWW-Authenticate", `Basic realm="charts"`)
			http.Error(w, "sign in", http.StatusUnauthorized)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func (r *helmRepo) serve(w http.ResponseWriter, req *http.Request) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if h := r.handlers[req.URL.Path]; h != nil {
		h(w, req)
		return
	}
	if req.URL.Path == "/charts/index.yaml" {
		etag := `"` + digestOf([]byte(r.index)) + `"`
		w.Header().Set("ETag", etag)
		if req.Header.Get("If-None-Match") == etag {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		_, _ = io.WriteString(w, r.index)
		return
	}
	if b, ok := r.archives[req.URL.Path]; ok {
		_, _ = w.Write(b)
		return
	}
	http.NotFound(w, req)
}

// set changes the repository while it serves.
func (r *helmRepo) set(change func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	change()
}

// add publishes an archive under the repository, with its digest in the index.
func (r *helmRepo) add(chartName, version string, archive []byte) {
	r.addAt(chartName, version, digestOf(archive)[len("sha256:"):], fmt.Sprintf("%s-%s.tgz", chartName, version))
	r.set(func() { r.archives[fmt.Sprintf("/charts/%s-%s.tgz", chartName, version)] = archive })
}

func (r *helmRepo) addAt(chartName, version, digest, address string) {
	r.set(func() {
		if r.index == "" {
			r.index = "apiVersion: v1\nentries:\n"
		}
		key := "  " + chartName + ":\n"
		if !strings.Contains(r.index, key) {
			r.index += key
		}
		one := fmt.Sprintf("  - name: %s\n    version: %s\n    urls: [%q]\n", chartName, version, address)
		if digest != "" {
			one += fmt.Sprintf("    digest: %s\n", digest)
		}
		r.index = strings.Replace(r.index, key, key+one, 1)
	})
}

func (r *helmRepo) address() string { return r.URL + "/charts" }

func certificate(s *httptest.Server) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
}

// ociRegistry is a real registry in this process.
type ociRegistry struct {
	*httptest.Server
	journal
}

func newRegistry(t *testing.T, start func(http.Handler) *httptest.Server, around func(http.Handler) http.Handler) *ociRegistry {
	t.Helper()
	r := &ociRegistry{}
	h := registry.New(registry.Logger(log.New(io.Discard, "", 0)))
	r.Server = start(r.wrap(around(h)))
	t.Cleanup(r.Close)
	return r
}

func (r *ociRegistry) host() string { return r.Listener.Addr().String() }

type rawManifest []byte

func (m rawManifest) RawManifest() ([]byte, error)        { return m, nil }
func (m rawManifest) MediaType() (types.MediaType, error) { return types.OCIManifestSchema1, nil }

// push publishes a chart as Helm does and gives the digest of its manifest.
func (r *ociRegistry) push(t *testing.T, repository, tag string, archive []byte) string {
	t.Helper()
	return r.pushManifest(t, repository, tag, archive, "application/vnd.cncf.helm.config.v1+json")
}

func (r *ociRegistry) pushManifest(t *testing.T, repository, tag string, archive []byte, configType types.MediaType) string {
	t.Helper()
	repo, err := name.NewRepository(r.host()+"/"+repository, name.Insecure)
	if err != nil {
		t.Fatal(err)
	}
	opts := []remote.Option{
		remote.WithContext(t.Context()), remote.WithTransport(r.Client().Transport),
		remote.WithAuth(authn.FromConfig(authn.AuthConfig{Username: user, Password: password})),
	}
	config := []byte(`{"name":"web"}`)
	layerType := types.MediaType("application/vnd.cncf.helm.chart.content.v1.tar+gzip")
	for _, l := range []v1.Layer{static.NewLayer(config, configType), static.NewLayer(archive, layerType)} {
		if err := remote.WriteLayer(repo, l, opts...); err != nil {
			t.Fatal(err)
		}
	}
	manifest, err := json.Marshal(map[string]any{
		"schemaVersion": 2, "mediaType": types.OCIManifestSchema1,
		"config":      map[string]any{"mediaType": configType, "digest": digestOf(config), "size": len(config)},
		"layers":      []any{map[string]any{"mediaType": layerType, "digest": digestOf(archive), "size": len(archive)}},
		"annotations": map[string]string{"org.opencontainers.image.version": strings.ReplaceAll(tag, "_", "+")},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.Put(repo.Tag(tag), rawManifest(manifest), opts...); err != nil {
		t.Fatal(err)
	}
	return digestOf(manifest)
}
