package ui

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"
)

const page = `<!doctype html><html><head><base href="/" /><script>theme()</script><script src="./theme.js"></script></head><body></body></html>`

func console(t *testing.T, base string, files fstest.MapFS) *Console {
	t.Helper()
	c, err := newConsole(files, base)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func built(t *testing.T) *Console {
	return console(t, "/tools/plumb/", fstest.MapFS{
		"index.html":            {Data: []byte(page)},
		"theme.js":              {Data: []byte("theme()")},
		"assets/index-abc.js":   {Data: bytes.Repeat([]byte("let a = 1;\n"), 1000)},
		"assets/small-abc.js":   {Data: []byte("1")},
		"assets/font-abc.woff2": {Data: bytes.Repeat([]byte{1}, 5000)},
		"assets/br-abc.css":     {Data: bytes.Repeat([]byte("a{}\n"), 1000)},
		"assets/br-abc.css.br":  {Data: []byte("brotli")},
		".gitkeep":              {},
	})
}

func get(c *Console, path string, headers ...string) *http.Response {
	return ask(c, http.MethodGet, path, headers...)
}

func ask(c *Console, method, path string, headers ...string) *http.Response {
	r := httptest.NewRequest(method, path, nil)
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Set(name, value)
	}
	w := httptest.NewRecorder()
	c.ServeHTTP(w, r)
	return w.Result()
}

func body(t *testing.T, res *http.Response) string {
	t.Helper()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

const opens = "Accept: text/html,application/xhtml+xml,*/*;q=0.8"

func TestEveryPageOfTheConsoleIsOnePage(t *testing.T) {
	c := built(t)
	for _, path := range []string{"/", "/a/team/shop", "/apps?filter=state:failed", "/a/team/name.with.dots", "/index.html"} {
		res := get(c, path, opens)
		text := body(t, res)
		if res.StatusCode != http.StatusOK || !strings.Contains(text, `<base href="/tools/plumb/">`) || strings.Contains(text, `href="/"`) {
			t.Errorf("%s: %d %s", path, res.StatusCode, text)
		}
		policy := res.Header.Get("Content-Security-Policy")
		// echo -n 'theme()' | openssl dgst -sha256 -binary | base64
		if !strings.Contains(policy, "script-src 'self' 'sha256-Rfr3GgHZFiXm+TmNr+li+0sZ4J9FGllo8jsXcJF5XZ8=';") || strings.Contains(policy, "unsafe") ||
			!strings.Contains(policy, "frame-ancestors 'none'") || strings.Count(policy, "sha256") != 1 {
			t.Errorf("%s: %s", path, policy)
		}
		if res.Header.Get("Cache-Control") != "no-cache" || res.Header.Get("ETag") == "" {
			t.Errorf("%s: %v", path, res.Header)
		}
	}
	again := get(c, "/a/b/c", opens, "If-None-Match: "+get(c, "/", opens).Header.Get("ETag"))
	if again.StatusCode != http.StatusNotModified {
		t.Errorf("asked again: %d", again.StatusCode)
	}
}

func TestWhatIsNoPageOfTheConsoleIsNotFound(t *testing.T) {
	c := built(t)
	for _, path := range []string{"/assets/gone-abc.js", "/assets/", "/assets/br-abc.css.br"} {
		if res := get(c, path, opens); res.StatusCode != http.StatusNotFound {
			t.Errorf("%s: %d", path, res.StatusCode)
		}
	}
	for _, path := range []string{"/gone.js", "/a/team/shop", "/.gitkeep", "/../../etc/passwd", "/assets"} {
		if res := get(c, path, "Accept: */*"); res.StatusCode != http.StatusNotFound {
			t.Errorf("%s for a script: %d %s", path, res.StatusCode, body(t, res))
		}
	}
	if res := ask(c, http.MethodPost, "/", opens); res.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("POST: %d", res.StatusCode)
	}
}

func TestFilesAreCompressedOnceAndKeptForEver(t *testing.T) {
	c := built(t)
	plain := get(c, "/assets/index-abc.js")
	zipped := get(c, "/assets/index-abc.js", "Accept-Encoding: br;q=1, gzip;q=0.8")
	if zipped.Header.Get("Content-Encoding") != "gzip" || zipped.Header.Get("Vary") != "Accept-Encoding" || zipped.Header.Get("ETag") == plain.Header.Get("ETag") {
		t.Errorf("%v", zipped.Header)
	}
	raw := body(t, zipped)
	z, err := gzip.NewReader(strings.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	open, err := io.ReadAll(z)
	if want := body(t, plain); err != nil || string(open) != want || len(raw) > len(want)/10 {
		t.Errorf("%d bytes of %d, %v", len(raw), len(want), err)
	}
	if plain.Header.Get("Content-Encoding") != "" || plain.Header.Get("Cache-Control") != "public, max-age=31536000, immutable" {
		t.Errorf("%v", plain.Header)
	}
	for path, coding := range map[string]string{
		"/assets/small-abc.js": "", "/assets/font-abc.woff2": "", "/assets/br-abc.css": "br",
	} {
		if res := get(c, path, "Accept-Encoding: gzip, br"); res.StatusCode != http.StatusOK || res.Header.Get("Content-Encoding") != coding {
			t.Errorf("%s: %d %v", path, res.StatusCode, res.Header)
		}
	}
	if res := get(c, "/assets/index-abc.js", "Accept-Encoding: gzip;q=0"); res.Header.Get("Content-Encoding") != "" {
		t.Error("compressed for somebody who does not take it")
	}
	if worker := get(c, "/assets/small-abc.js"); !strings.Contains(worker.Header.Get("Content-Security-Policy"), "connect-src 'self'") {
		t.Errorf("a worker may do no more than %v", worker.Header)
	}
	if res := get(c, "/theme.js"); res.Header.Get("Cache-Control") != "no-cache" || !strings.HasPrefix(res.Header.Get("Content-Type"), "text/javascript") {
		t.Errorf("%v", res.Header)
	}
	get(c, "/gone.js")
	if _, kept := c.known["gone.js"]; kept {
		t.Error("names that do not exist pile up")
	}
}

func TestAProgramWithoutTheConsoleSaysHowToBuildIt(t *testing.T) {
	c := console(t, "/", fstest.MapFS{".gitkeep": {}})
	res := get(c, "/", opens)
	if text := body(t, res); c.Built() || res.StatusCode != http.StatusOK || !strings.Contains(text, "make build") {
		t.Errorf("%d %s", res.StatusCode, text)
	}
}

func TestAPageWithoutAPlaceForTheBasePathIsRefused(t *testing.T) {
	if c, err := newConsole(fstest.MapFS{"index.html": {Data: []byte("<html>")}}, "/"); err == nil {
		t.Errorf("%+v", c)
	}
}

func TestWhatIsEmbeddedCanBeServed(t *testing.T) {
	c, err := New("/")
	if err != nil {
		t.Fatal(err)
	}
	if res := get(c, "/", opens); res.StatusCode != http.StatusOK || !strings.Contains(body(t, res), `<base href="/">`) {
		t.Errorf("%d", res.StatusCode)
	}
}
