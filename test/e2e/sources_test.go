package e2e

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"plumb.cd/plumb/internal/gittest"
	"plumb.cd/plumb/test/e2e/harness"
)

// greeter is a chart whose ConfigMap carries the value greeting and the chart's version.
func greeter(version string) gittest.Files {
	return gittest.Files{
		"Chart.yaml":            "apiVersion: v2\nname: greeter\nversion: " + version + "\n",
		"values.yaml":           "greeting: hello\n",
		"templates/config.yaml": configMap("{{ .Release.Name }}", "{{ .Values.greeting }} from {{ .Chart.Version }}"),
	}
}

func archive(t *testing.T, dir string, files gittest.Files) []byte {
	t.Helper()
	var b bytes.Buffer
	zw := gzip.NewWriter(&b)
	tw := tar.NewWriter(zw)
	for _, path := range slices.Sorted(maps.Keys(files)) {
		if err := tw.WriteHeader(&tar.Header{Name: dir + "/" + path, Mode: 0o644, Typeflag: tar.TypeReg, Size: int64(len(files[path]))}); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(tw, files[path]); err != nil {
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

func digestOf(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// helmRepository serves charts as a Helm repository.
func helmRepository(t *testing.T, charts map[string][]byte) string {
	t.Helper()
	index := "apiVersion: v1\nentries:\n  greeter:\n"
	for version, b := range charts {
		index += fmt.Sprintf("  - {name: greeter, version: %s, urls: [greeter-%s.tgz], digest: %s}\n", version, version, digestOf(b))
	}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/charts/index.yaml" {
			_, _ = io.WriteString(w, index)
			return
		}
		version := strings.TrimSuffix(strings.TrimPrefix(r.URL.Path, "/charts/greeter-"), ".tgz")
		if b, ok := charts[version]; ok {
			_, _ = w.Write(b)
			return
		}
		http.NotFound(w, r)
	}))
	t.Cleanup(s.Close)
	return s.URL + "/charts"
}

type rawManifest []byte

func (m rawManifest) RawManifest() ([]byte, error)        { return m, nil }
func (m rawManifest) MediaType() (types.MediaType, error) { return types.OCIManifestSchema1, nil }

// chartRegistry is an OCI registry with one chart, as helm push leaves it; it returns the registry's host.
func chartRegistry(t *testing.T, repository, tag string, chart []byte) string {
	t.Helper()
	s := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	t.Cleanup(s.Close)
	host := strings.TrimPrefix(s.URL, "http://")
	repo, err := name.NewRepository(host+"/"+repository, name.Insecure)
	if err != nil {
		t.Fatal(err)
	}
	config := static.NewLayer([]byte(`{"name":"greeter"}`), "application/vnd.cncf.helm.config.v1+json")
	content := static.NewLayer(chart, "application/vnd.cncf.helm.chart.content.v1.tar+gzip")
	manifest := map[string]any{"schemaVersion": 2, "mediaType": types.OCIManifestSchema1}
	var layers []any
	for i, b := range [][]byte{[]byte(`{"name":"greeter"}`), chart} {
		layer, media := config, "application/vnd.cncf.helm.config.v1+json"
		if i == 1 {
			layer, media = content, "application/vnd.cncf.helm.chart.content.v1.tar+gzip"
		}
		if err := remote.WriteLayer(repo, layer, remote.WithContext(t.Context())); err != nil {
			t.Fatal(err)
		}
		descriptor := map[string]any{"mediaType": media, "digest": "sha256:" + digestOf(b), "size": len(b)}
		if i == 0 {
			manifest["config"] = descriptor
		} else {
			layers = append(layers, descriptor)
		}
	}
	manifest["layers"] = layers
	raw, err := json.Marshal(manifest)
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.Put(repo.Tag(tag), rawManifest(raw), remote.WithContext(t.Context())); err != nil {
		t.Fatal(err)
	}
	return host
}

func value(p *harness.Env, configMap string) any {
	return harness.Field(p.Get("v1", "ConfigMap", configMap), "data", "value")
}

func TestAChartTakesItsValuesFromAnotherSourceOfTheApp(t *testing.T) {
	t.Parallel()
	p := harness.Shared(t)
	p.Repo("charts", greeter("1.0.0"))
	values := p.Repo("values", gittest.Files{"prod/values.yaml": "greeting: good day\n"})
	p.App("greet", `
sources:
- {name: chart, repository: charts, helm: {valuesFiles: [$settings/prod/values.yaml]}}
- {name: settings, repository: values, valuesOnly: true}`)
	p.WaitState("greet", "Synced")
	if v := value(p, "greet"); v != "good day from 1.0.0" {
		t.Errorf("the value is %v", v)
	}
	values.Push("other words", gittest.Files{"prod/values.yaml": "greeting: good night\n"})
	p.Eventually("the changed values arrive", func() bool { return value(p, "greet") == "good night from 1.0.0" })
	p.WaitState("greet", "Synced")
}

func TestAChartComesFromAHelmRepositoryAndFromAnOCIRegistry(t *testing.T) {
	t.Parallel()
	p := harness.Shared(t)
	charts := map[string][]byte{}
	for _, v := range []string{"1.0.0", "1.2.0", "2.0.0"} {
		charts[v] = archive(t, "greeter", greeter(v))
	}
	host := chartRegistry(t, "charts/greeter", "1.5.0", archive(t, "greeter", greeter("1.5.0")))
	p.Apply(fmt.Sprintf(`
apiVersion: plumb.cd/v1alpha1
kind: Repository
metadata: {name: http}
spec: {url: %q}
---
apiVersion: plumb.cd/v1alpha1
kind: Repository
metadata: {name: oci}
spec: {url: "oci://%s/charts", plainHTTP: true}
`, helmRepository(t, charts), host))
	p.App("http", `source: {repository: http, chart: {name: greeter, version: "^1.0"}, helm: {values: {greeting: hi}}}`)
	p.App("oci", `source: {repository: oci, chart: {name: greeter, version: 1.5.0}}`)
	p.WaitState("http", "Synced")
	p.WaitState("oci", "Synced")
	if v := value(p, "http"); v != "hi from 1.2.0" {
		t.Errorf("from the Helm repository comes %v, want the highest version below 2", v)
	}
	if v := value(p, "oci"); v != "hello from 1.5.0" {
		t.Errorf("from the registry comes %v", v)
	}
}

func TestACommitArrivesByPollWithoutAWebhook(t *testing.T) {
	t.Parallel()
	p := harness.Shared(t)
	repo := gittest.NewRepo(t)
	repo.Commit("main", "start", gittest.Files{"a.yaml": configMap("a", "1")})
	p.Apply(fmt.Sprintf(`
apiVersion: plumb.cd/v1alpha1
kind: Repository
metadata: {name: polled}
spec: {url: %q, interval: 1s}
`, repo.Dir))
	p.App("a", "source: {repository: polled}")
	p.WaitState("a", "Synced")
	p.WaitSynced("a", repo.Commit("main", "change", gittest.Files{"a.yaml": configMap("a", "2")}))
	if v := value(p, "a"); v != "2" {
		t.Errorf("Synced, and the value is %v", v)
	}
}
