package chart_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"plumb.cd/plumb/internal/chart"
	"plumb.cd/plumb/internal/fault"
)

func newClient(t *testing.T, limits chart.Limits) *chart.Client {
	t.Helper()
	c := chart.New(t.TempDir(), limits)
	t.Cleanup(c.Close)
	return c
}

// get resolves and fetches.
func get(t *testing.T, c *chart.Client, ref chart.Reference, auth chart.Auth) (chart.Locked, map[string][]byte, error) {
	t.Helper()
	locked, err := c.Resolve(t.Context(), ref, auth)
	if err != nil {
		return locked, nil, err
	}
	files, err := c.Fetch(t.Context(), ref, locked, auth)
	return locked, files, err
}

func wantReason(t *testing.T, err error, want fault.Reason) {
	t.Helper()
	if !fault.Is(err, want) {
		t.Fatalf("want %s, got %v (%s)", want, err, fault.Of(err).Reason)
	}
	if err != nil && (strings.Contains(err.Error(), password) || strings.Contains(fmt.Sprintf("%+v", err), password)) {
		t.Fatalf("the error tells the password: %v", err)
	}
}

var signedIn = chart.Auth{Username: user, Password: password}

func TestRepositoryVersions(t *testing.T) {
	repo := newHelmRepo(t, open, httptest.NewServer)
	for _, v := range []string{"1.0.0", "1.2.0", "1.10.0", "2.0.0-rc.1", "2.0.0", "3.0.0-beta.1", "1.2.3+build.7"} {
		repo.add("web", v, pack(t, "web", v, nil))
	}
	c := newClient(t, chart.Limits{})
	for _, row := range []struct{ name, version, want string }{
		{"nothing said gives the newest release", "", "2.0.0"},
		{"an exact version is taken as it is", "1.2.0", "1.2.0"},
		{"an exact pre-release is taken as it is", "3.0.0-beta.1", "3.0.0-beta.1"},
		{"a leading v does not matter", "v1.0.0", "1.0.0"},
		{"a caret stays below the next major version", "^1.0.0", "1.10.0"},
		{"a wildcard works", "1.2.x", "1.2.3+build.7"},
		{"a range with a pre-release admits them", ">=2.0.1-0", "3.0.0-beta.1"},
		{"a part of a version is a range", "1", "1.10.0"},
	} {
		t.Run(row.name, func(t *testing.T) {
			locked, files, err := get(t, c, chart.Reference{Repository: repo.address(), Name: "web", Version: row.version}, chart.Auth{})
			if err != nil {
				t.Fatal(err)
			}
			if locked.Version != row.want || !strings.Contains(string(files["Chart.yaml"]), "version: "+row.want+"\n") {
				t.Errorf("want %s, got %+v with %s", row.want, locked, files["Chart.yaml"])
			}
		})
	}
	for _, row := range []struct {
		name string
		ref  chart.Reference
		want fault.Reason
	}{
		{"no such chart", chart.Reference{Repository: repo.address(), Name: "nope"}, fault.ChartNotFound},
		{"no version in the range", chart.Reference{Repository: repo.address(), Name: "web", Version: "^9"}, fault.ChartNotFound},
		{"no range at all", chart.Reference{Repository: repo.address(), Name: "web", Version: "newest"}, fault.InvalidSpec},
		{"no index there", chart.Reference{Repository: repo.URL, Name: "web"}, fault.ChartNotFound},
		{"no address of a repository", chart.Reference{Repository: "git://x", Name: "web"}, fault.InvalidSpec},
		{"credentials in the address", chart.Reference{Repository: "https://u:" + password + "@example.com", Name: "web"}, fault.InvalidSpec},
	} {
		t.Run(row.name, func(t *testing.T) {
			_, err := c.Resolve(t.Context(), row.ref, chart.Auth{})
			wantReason(t, err, row.want)
		})
	}
}

func TestRepositoryWithSignInAndOwnCA(t *testing.T) {
	repo := newHelmRepo(t, withSignIn, httptest.NewTLSServer)
	repo.add("web", "1.0.0", pack(t, "web", "1.0.0", map[string]string{"templates/a.yaml": "a: 1\n"}))
	ref := chart.Reference{Repository: repo.address(), Name: "web", Version: "1.0.0"}
	ca := certificate(repo.Server)
	c := newClient(t, chart.Limits{})

	_, files, err := get(t, c, ref, chart.Auth{Username: user, Password: password, CA: ca})
	if err != nil || string(files["templates/a.yaml"]) != "a: 1\n" {
		t.Fatal(err, files)
	}
	_, err = c.Resolve(t.Context(), ref, chart.Auth{Username: user, Password: "wrong", CA: ca})
	wantReason(t, err, fault.AuthenticationFailed)
	_, err = c.Resolve(t.Context(), ref, chart.Auth{CA: ca})
	wantReason(t, err, fault.AuthenticationFailed)
	_, err = c.Resolve(t.Context(), ref, signedIn)
	wantReason(t, err, fault.CertificateInvalid)
	_, err = c.Resolve(t.Context(), ref, chart.Auth{CA: []byte("not pem")})
	wantReason(t, err, fault.CertificateInvalid)
}

func TestRepositoryThatIsAway(t *testing.T) {
	repo := newHelmRepo(t, open, httptest.NewServer)
	address := repo.address()
	repo.handlers["/charts/index.yaml"] = func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "busy", http.StatusServiceUnavailable) }
	c := newClient(t, chart.Limits{})
	ref := chart.Reference{Repository: address, Name: "web"}
	_, err := c.Resolve(t.Context(), ref, chart.Auth{})
	wantReason(t, err, fault.Unreachable)
	repo.Close()
	_, err = c.Resolve(t.Context(), ref, chart.Auth{})
	wantReason(t, err, fault.Unreachable)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err = c.Resolve(ctx, ref, chart.Auth{}); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled call says %v", err)
	}
}

func TestIndexIsReadAgainOnlyWhenItChanged(t *testing.T) {
	repo := newHelmRepo(t, withSignIn, httptest.NewServer)
	repo.add("web", "1.0.0", pack(t, "web", "1.0.0", nil))
	ref := chart.Reference{Repository: repo.address(), Name: "web"}
	dir := t.TempDir()
	for range 2 {
		c := chart.New(dir, chart.Limits{}) // a new process
		if _, _, err := get(t, c, ref, signedIn); err != nil {
			t.Fatal(err)
		}
	}
	if all := repo.all(); all[len(all)-1].status != http.StatusNotModified || repo.count("web-1.0.0.tgz") != 1 {
		t.Errorf("the second time costs one answer 304, got %+v", all)
	}
	repo.add("web", "1.1.0", pack(t, "web", "1.1.0", nil))
	locked, err := chart.New(dir, chart.Limits{}).Resolve(t.Context(), ref, signedIn)
	if err != nil || locked.Version != "1.1.0" {
		t.Errorf("a new version is seen: %+v %v", locked, err)
	}
	_, err = chart.New(dir, chart.Limits{}).Resolve(t.Context(), ref, chart.Auth{})
	wantReason(t, err, fault.AuthenticationFailed) // what is cached is not shown to others
}

func TestArchiveThatIsNotTheOneNamed(t *testing.T) {
	repo := newHelmRepo(t, open, httptest.NewServer)
	repo.add("web", "1.0.0", pack(t, "web", "1.0.0", nil))
	repo.set(func() {
		repo.archives["/charts/web-1.0.0.tgz"] = pack(t, "web", "1.0.0", map[string]string{"evil": "x"})
	})
	_, _, err := get(t, newClient(t, chart.Limits{}), chart.Reference{Repository: repo.address(), Name: "web"}, chart.Auth{})
	wantReason(t, err, fault.DigestMismatch)
}

func TestIndexWithoutDigestLocksTheBytesOfToday(t *testing.T) {
	repo := newHelmRepo(t, open, httptest.NewServer)
	archive := pack(t, "web", "1.0.0", nil)
	repo.addAt("web", "1.0.0", "", "web-1.0.0.tgz")
	repo.set(func() { repo.archives["/charts/web-1.0.0.tgz"] = archive })
	ref := chart.Reference{Repository: repo.address(), Name: "web"}
	locked, _, err := get(t, newClient(t, chart.Limits{}), ref, chart.Auth{})
	if err != nil || locked.Digest != digestOf(archive) {
		t.Fatal(locked, err)
	}
	repo.set(func() { repo.archives["/charts/web-1.0.0.tgz"] = pack(t, "web", "1.0.0", map[string]string{"x": "y"}) })
	_, err = newClient(t, chart.Limits{}).Fetch(t.Context(), ref, locked, chart.Auth{})
	wantReason(t, err, fault.DigestMismatch)
}

func TestCredentialsStayWithTheirOrigin(t *testing.T) {
	archive := pack(t, "web", "1.0.0", nil)
	digest := digestOf(archive)[len("sha256:"):]
	for _, row := range []struct {
		name  string
		pass  bool
		setUp func(repo, other *helmRepo)
	}{
		{"an address on another host gets none", false, func(repo, other *helmRepo) {
			repo.addAt("web", "1.0.0", digest, other.URL+"/charts/web-1.0.0.tgz")
		}},
		{"a redirect to another host gets none", false, func(repo, other *helmRepo) {
			repo.addAt("web", "1.0.0", digest, "moved.tgz")
			repo.handlers["/charts/moved.tgz"] = func(w http.ResponseWriter, r *http.Request) {
				http.Redirect(w, r, other.URL+"/charts/web-1.0.0.tgz", http.StatusFound)
			}
		}},
		{"passing them on is a decision", true, func(repo, other *helmRepo) {
			repo.addAt("web", "1.0.0", digest, other.URL+"/charts/web-1.0.0.tgz")
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			repo, other := newHelmRepo(t, withSignIn, httptest.NewServer), newHelmRepo(t, open, httptest.NewServer)
			other.set(func() { other.archives["/charts/web-1.0.0.tgz"] = archive })
			row.setUp(repo, other)
			auth := chart.Auth{Username: user, Password: password, PassCredentials: row.pass}
			if _, _, err := get(t, newClient(t, chart.Limits{}), chart.Reference{Repository: repo.address(), Name: "web"}, auth); err != nil {
				t.Fatal(err)
			}
			if other.count("web-1.0.0.tgz") != 1 || other.signed() != row.pass {
				t.Errorf("the other host saw %+v", other.all())
			}
		})
	}
}

func TestHTTPSNeverFallsToHTTP(t *testing.T) {
	plain := newHelmRepo(t, open, httptest.NewServer)
	archive := pack(t, "web", "1.0.0", nil)
	plain.set(func() { plain.archives["/charts/web-1.0.0.tgz"] = archive })
	repo := newHelmRepo(t, open, httptest.NewTLSServer)
	repo.addAt("direct", "1.0.0", digestOf(archive), plain.URL+"/charts/web-1.0.0.tgz")
	repo.addAt("moved", "1.0.0", digestOf(archive), "moved.tgz")
	repo.set(func() {
		repo.handlers["/charts/moved.tgz"] = func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, plain.URL+"/charts/web-1.0.0.tgz", http.StatusFound)
		}
	})
	for _, name := range []string{"direct", "moved"} {
		_, _, err := get(t, newClient(t, chart.Limits{}), chart.Reference{Repository: repo.address(), Name: name}, chart.Auth{CA: certificate(repo.Server)})
		wantReason(t, err, fault.Unreachable)
	}
	if len(plain.all()) != 0 {
		t.Errorf("the plain server was asked: %+v", plain.all())
	}
}

func TestLimitsOfARepository(t *testing.T) {
	repo := newHelmRepo(t, open, httptest.NewServer)
	repo.add("web", "1.0.0", pack(t, "web", "1.0.0", map[string]string{"big": strings.Repeat("0123456789abcdef", 100)}))
	ref := chart.Reference{Repository: repo.address(), Name: "web"}
	for name, limits := range map[string]chart.Limits{
		"index":    {IndexBytes: 50},
		"archive":  {ArchiveBytes: 50},
		"unpacked": {ChartBytes: 1000},
		"entries":  {Entries: 1},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := get(t, newClient(t, limits), ref, chart.Auth{})
			wantReason(t, err, fault.LimitExceeded)
		})
	}
}

func TestCacheMayBeDeletedOrDamaged(t *testing.T) {
	repo := newHelmRepo(t, open, httptest.NewServer)
	repo.add("web", "1.0.0", pack(t, "web", "1.0.0", nil))
	ref := chart.Reference{Repository: repo.address(), Name: "web"}
	dir := t.TempDir()
	c := chart.New(dir, chart.Limits{})
	_, first, err := get(t, c, ref, chart.Auth{})
	if err != nil {
		t.Fatal(err)
	}
	damage := func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		return os.WriteFile(path, []byte("damaged"), 0o600)
	}
	for name, harm := range map[string]func() error{
		"damaged": func() error { return filepath.WalkDir(dir, damage) },
		"deleted": func() error { return os.RemoveAll(dir) },
	} {
		if err := harm(); err != nil {
			t.Fatal(err)
		}
		_, again, err := get(t, c, ref, chart.Auth{})
		if err != nil || !bytes.Equal(first["Chart.yaml"], again["Chart.yaml"]) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestManyAtOnce(t *testing.T) {
	repo := newHelmRepo(t, withSignIn, httptest.NewServer)
	for i := range 4 {
		repo.add(fmt.Sprint("c", i), "1.0.0", pack(t, fmt.Sprint("c", i), "1.0.0", nil))
	}
	c := newClient(t, chart.Limits{})
	var wg sync.WaitGroup
	for i := range 32 {
		wg.Go(func() {
			ref := chart.Reference{Repository: repo.address(), Name: fmt.Sprint("c", i%4)}
			locked, err := c.Resolve(t.Context(), ref, signedIn)
			if err == nil {
				_, err = c.Fetch(t.Context(), ref, locked, signedIn)
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}

func TestAuthDoesNotPrint(t *testing.T) {
	a := chart.Auth{Username: user, Password: password, Token: "t0ken"}
	for _, s := range []string{fmt.Sprint(a), fmt.Sprintf("%+v %#v %s", a, a, a), fmt.Sprint(&a), fmt.Sprint([]chart.Auth{a}), fmt.Sprintf("%+v", struct{ A chart.Auth }{a})} {
		if strings.Contains(s, password) || strings.Contains(s, "t0ken") {
			t.Errorf("printed: %s", s)
		}
	}
}
