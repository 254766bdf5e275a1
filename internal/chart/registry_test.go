package chart_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"plumb.cd/plumb/internal/chart"
	"plumb.cd/plumb/internal/fault"
)

func nobodyAsks(h http.Handler) http.Handler { return h }

func TestRegistryOverTLSWithSignIn(t *testing.T) {
	reg := newRegistry(t, httptest.NewTLSServer, signIn)
	archive := pack(t, "web", "1.0.0", map[string]string{"templates/a.yaml": "a: 1\n"})
	digest := reg.push(t, "team/web", "1.0.0", archive)
	reg.push(t, "team/web", "1.1.0", pack(t, "web", "1.1.0", nil))
	reg.push(t, "team/web", "1.1.1_build.2", pack(t, "web", "1.1.1+build.2", nil))
	reg.push(t, "team/web", "2.0.0-rc.1", pack(t, "web", "2.0.0-rc.1", nil))
	reg.push(t, "team/web", "latest", archive)
	base := "oci://" + reg.host() + "/team"
	auth := chart.Auth{Username: user, Password: password, CA: certificate(reg.Server)}
	c := newClient(t, chart.Limits{})
	for _, row := range []struct {
		name string
		ref  chart.Reference
		want string
	}{
		{"an exact version is its tag", chart.Reference{Repository: base, Name: "web", Version: "1.0.0"}, "1.0.0"},
		{"a range takes the highest tag in it", chart.Reference{Repository: base, Name: "web", Version: "^1.0.0"}, "1.1.1+build.2"},
		{"nothing said takes the newest release", chart.Reference{Repository: base, Name: "web"}, "1.1.1+build.2"},
		{"an exact version with metadata is found under its tag", chart.Reference{Repository: base, Name: "web", Version: "1.1.1+build.2"}, "1.1.1+build.2"},
		{"a digest is its manifest", chart.Reference{Repository: base, Name: "web", Version: digest}, "1.0.0"},
		{"a version with its digest", chart.Reference{Repository: base, Name: "web", Version: "1.0.0@" + digest}, "1.0.0"},
		{"the repository may be complete", chart.Reference{Repository: base + "/web", Version: "1.0.0"}, "1.0.0"},
	} {
		t.Run(row.name, func(t *testing.T) {
			locked, files, err := get(t, c, row.ref, auth)
			if err != nil {
				t.Fatal(err)
			}
			if locked.Version != row.want || locked.Name != "web" || !strings.Contains(string(files["Chart.yaml"]), "version: "+row.want+"\n") {
				t.Errorf("want %s, got %+v with %s", row.want, locked, files["Chart.yaml"])
			}
		})
	}
	wrong := digestOf([]byte("something else"))
	for _, row := range []struct {
		name string
		ref  chart.Reference
		auth chart.Auth
		want fault.Reason
	}{
		{"a wrong OCI digest", chart.Reference{Repository: base, Name: "web", Version: wrong}, auth, fault.DigestMismatch},
		{"a version whose digest is another", chart.Reference{Repository: base, Name: "web", Version: "1.1.0@" + digest}, auth, fault.DigestMismatch},
		{"what is no digest", chart.Reference{Repository: base, Name: "web", Version: "sha256:abc"}, auth, fault.InvalidSpec},
		{"no such version", chart.Reference{Repository: base, Name: "web", Version: "9.9.9"}, auth, fault.ChartNotFound},
		{"no version in the range", chart.Reference{Repository: base, Name: "web", Version: "^9"}, auth, fault.ChartNotFound},
		{"no such chart", chart.Reference{Repository: base, Name: "nope"}, auth, fault.ChartNotFound},
		{"a wrong password", chart.Reference{Repository: base, Name: "web"}, chart.Auth{Username: user, Password: "no", CA: auth.CA}, fault.AuthenticationFailed},
		{"no credentials", chart.Reference{Repository: base, Name: "web"}, chart.Auth{CA: auth.CA}, fault.AuthenticationFailed},
		{"a certificate of nobody we know", chart.Reference{Repository: base, Name: "web"}, signedIn, fault.CertificateInvalid},
		{"no address", chart.Reference{Repository: "oci://", Name: "web"}, auth, fault.InvalidSpec},
	} {
		t.Run(row.name, func(t *testing.T) {
			_, _, err := get(t, c, row.ref, row.auth)
			wantReason(t, err, row.want)
		})
	}
}

func TestRegistryOverPlainHTTP(t *testing.T) {
	reg := newRegistry(t, httptest.NewServer, signIn)
	reg.push(t, "web", "1.0.0", pack(t, "web", "1.0.0", nil))
	before := len(reg.all())
	ref := chart.Reference{Repository: "oci://" + reg.host(), Name: "web", Version: "1.0.0"}
	c := newClient(t, chart.Limits{})
	_, _, err := get(t, c, ref, signedIn)
	wantReason(t, err, fault.Unreachable)
	if len(reg.all()) != before {
		t.Fatalf("plain http was tried without leave: %+v", reg.all()[before:])
	}
	if _, _, err = get(t, c, ref, chart.Auth{Username: user, Password: password, PlainHTTP: true}); err != nil {
		t.Fatal(err)
	}
}

func TestRegistryWithTokenService(t *testing.T) {
	var address string
	tokens := func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			switch u, p, _ := r.BasicAuth(); {
			case r.URL.Path == "/token" && u == user && p == password:
				_ = json.NewEncoder(w).Encode(map[string]string{"token": "the-token"})
			case r.URL.Path != "/token" && r.Header.Get("Authorization") == "Bearer the-token":
				next.ServeHTTP(w, r)
			default:
				w.Header().Set("WWW-Authenticate", fmt.Sprintf(`Bearer realm="%s/token",service="reg"`, address))
				http.Error(w, "sign in", http.StatusUnauthorized)
			}
		})
	}
	reg := newRegistry(t, httptest.NewTLSServer, tokens)
	address = reg.URL
	reg.push(t, "web", "1.0.0", pack(t, "web", "1.0.0", nil))
	ref := chart.Reference{Repository: "oci://" + reg.host(), Name: "web", Version: "1.0.0"}
	ca := certificate(reg.Server)
	for name, auth := range map[string]chart.Auth{
		"password":             {Username: user, Password: password, CA: ca},
		"token for a password": {Username: user, Token: password, CA: ca},
		"bearer token":         {Token: "the-token", CA: ca},
	} {
		if _, _, err := get(t, newClient(t, chart.Limits{}), ref, auth); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, _, err := get(t, newClient(t, chart.Limits{}), ref, chart.Auth{Username: user, Password: "no", CA: ca})
	wantReason(t, err, fault.AuthenticationFailed)
}

func TestRegistryRedirectsBlobsWithoutCredentials(t *testing.T) {
	archive := pack(t, "web", "1.0.0", nil)
	store := newHelmRepo(t, open, httptest.NewServer)
	store.archives["/blob"] = archive
	reg := newRegistry(t, httptest.NewServer, func(next http.Handler) http.Handler {
		return signIn(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodGet && strings.HasSuffix(r.URL.Path, "/blobs/"+digestOf(archive)) {
				http.Redirect(w, r, store.URL+"/blob", http.StatusTemporaryRedirect)
				return
			}
			next.ServeHTTP(w, r)
		}))
	})
	reg.push(t, "web", "1.0.0", archive)
	auth := chart.Auth{Username: user, Password: password, PlainHTTP: true}
	if _, _, err := get(t, newClient(t, chart.Limits{}), chart.Reference{Repository: "oci://" + reg.host(), Name: "web", Version: "1.0.0"}, auth); err != nil {
		t.Fatal(err)
	}
	if store.count("/blob") != 1 || store.signed() {
		t.Errorf("the store behind the redirect saw %+v", store.all())
	}
}

func TestRegistryThatLies(t *testing.T) {
	archive := pack(t, "web", "1.0.0", nil)
	other := pack(t, "web", "1.0.0", map[string]string{"evil": "x"})
	lie := map[string][]byte{}
	reg := newRegistry(t, httptest.NewServer, func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			for suffix, b := range lie {
				if r.Method == http.MethodGet && strings.HasSuffix(r.URL.Path, suffix) {
					w.Header().Set("Content-Type", "application/vnd.oci.image.manifest.v1+json")
					_, _ = w.Write(b)
					return
				}
			}
			next.ServeHTTP(w, r)
		})
	})
	digest := reg.push(t, "web", "1.0.0", archive)
	ref := chart.Reference{Repository: "oci://" + reg.host(), Name: "web", Version: "1.0.0"}
	auth := chart.Auth{PlainHTTP: true}
	lie["/blobs/"+digestOf(archive)] = other
	_, _, err := get(t, newClient(t, chart.Limits{}), ref, auth)
	wantReason(t, err, fault.DigestMismatch)
	clear(lie)
	lie["/manifests/"+digest] = []byte(`{"schemaVersion":2}`)
	_, _, err = get(t, newClient(t, chart.Limits{}), ref, auth)
	wantReason(t, err, fault.DigestMismatch)
}

func TestRegistryLimits(t *testing.T) {
	reg := newRegistry(t, httptest.NewServer, nobodyAsks)
	reg.push(t, "web", "1.0.0", pack(t, "web", "1.0.0", nil))
	auth := chart.Auth{PlainHTTP: true}
	ref := chart.Reference{Repository: "oci://" + reg.host(), Name: "web"}
	_, _, err := get(t, newClient(t, chart.Limits{ArchiveBytes: 20}), ref, auth)
	wantReason(t, err, fault.LimitExceeded)
	_, _, err = get(t, newClient(t, chart.Limits{IndexBytes: 20}), ref, auth)
	wantReason(t, err, fault.LimitExceeded)
}

func TestImageIsNoChart(t *testing.T) {
	reg := newRegistry(t, httptest.NewServer, nobodyAsks)
	reg.pushManifest(t, "web", "1.0.0", []byte("layer"), "application/vnd.oci.image.config.v1+json")
	_, _, err := get(t, newClient(t, chart.Limits{}), chart.Reference{Repository: "oci://" + reg.host(), Name: "web"}, chart.Auth{PlainHTTP: true})
	wantReason(t, err, fault.ChartNotFound)
}

func TestFetchedOnceIsKept(t *testing.T) {
	reg := newRegistry(t, httptest.NewServer, nobodyAsks)
	reg.push(t, "web", "1.0.0", pack(t, "web", "1.0.0", nil))
	c := newClient(t, chart.Limits{})
	ref := chart.Reference{Repository: "oci://" + reg.host(), Name: "web", Version: "1.0.0"}
	auth := chart.Auth{PlainHTTP: true}
	locked, _, err := get(t, c, ref, auth)
	if err != nil {
		t.Fatal(err)
	}
	reg.Close()
	if _, err := c.Fetch(t.Context(), ref, locked, auth); err != nil {
		t.Error(err)
	}
}

func TestIndexMayPointIntoARegistry(t *testing.T) {
	reg := newRegistry(t, httptest.NewServer, nobodyAsks)
	digest := reg.push(t, "deep/web", "1.0.0", pack(t, "web", "1.0.0", nil))
	repo := newHelmRepo(t, withSignIn, httptest.NewServer)
	repo.addAt("web", "1.0.0", "", "oci://"+reg.host()+"/deep/web:1.0.0")
	before := len(reg.all())
	locked, files, err := get(t, newClient(t, chart.Limits{}), chart.Reference{Repository: repo.address(), Name: "web"}, chart.Auth{Username: user, Password: password, PlainHTTP: true})
	if err != nil || locked.Digest != digest || files["Chart.yaml"] == nil {
		t.Fatal(locked, err)
	}
	for _, e := range reg.all()[before:] {
		if e.signed {
			t.Errorf("the registry saw the repository's credentials: %+v", e)
		}
	}
}
