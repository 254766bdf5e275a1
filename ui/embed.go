// Package ui holds the built console, and serves its files. It is built by Vite into dist (make build does it); a program
// that was built without it says so on a page.
package ui

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"html"
	"io/fs"
	"net/http"
	"path"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"
)

// dist is there without a build too: .gitkeep keeps it.
//
//go:embed all:dist
var dist embed.FS

//go:embed unbuilt.html
var unbuilt []byte

// Console serves the console's files below a base path. Paths of requests are without it.
type Console struct {
	files  fs.FS
	policy string
	built  bool
	index  *file

	mu    sync.Mutex
	known map[string]*file // by path; nil: there is none
}

// file is one file, ready to be served.
type file struct {
	plain, gzip, brotli []byte // the latter two may be nil
	kind                string
	tag                 string // of the plain bytes
	forever             bool
}

const (
	indexName = "index.html"
	assets    = "assets/" // names there carry a hash of their content
)

// New makes a Console for a base path that begins and ends with a slash.
func New(base string) (*Console, error) {
	files, err := fs.Sub(dist, "dist")
	if err != nil {
		return nil, err
	}
	return newConsole(files, base)
}

func newConsole(files fs.FS, base string) (*Console, error) {
	c := &Console{files: files, known: map[string]*file{}}
	page, err := fs.ReadFile(files, indexName)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		page = unbuilt
	case err != nil:
		return nil, fmt.Errorf("reading the console: %w", err)
	default:
		c.built = true
	}
	if page, err = withBase(page, base); err != nil {
		return nil, err
	}
	c.policy = policyFor(page)
	c.index = newFile(indexName, page)
	return c, nil
}

// Built says whether the console is in this program.
func (c *Console) Built() bool { return c.built }

var baseTag = regexp.MustCompile(`(?i)<base\s+href="[^"]*"\s*/?>`)

// withBase writes the path below which everything lives into the page: all its addresses are relative to it.
func withBase(page []byte, base string) ([]byte, error) {
	if !baseTag.Match(page) {
		return nil, errors.New("the console's index.html has no <base href>")
	}
	tag := []byte(`<base href="` + html.EscapeString(base) + `">`)
	return baseTag.ReplaceAllLiteral(page, tag), nil
}

var script = regexp.MustCompile(`(?is)<script([^>]*)>(.*?)</script>`)

// policyFor allows what the console needs and nothing else. Scripts inside the page are allowed by their hash.
func policyFor(page []byte) string {
	scripts := "'self'"
	for _, m := range script.FindAllSubmatch(page, -1) {
		if len(bytes.TrimSpace(m[2])) > 0 && !bytes.Contains(bytes.ToLower(m[1]), []byte("src=")) {
			sum := sha256.Sum256(m[2])
			scripts += " 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
		}
	}
	return "default-src 'self'; script-src " + scripts + "; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; " +
		"worker-src 'self'; object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'"
}

func newFile(name string, raw []byte) *file {
	sum := sha256.Sum256(raw)
	return &file{
		plain: raw, kind: kindOf(name), tag: hex.EncodeToString(sum[:12]), gzip: compress(name, raw), forever: strings.HasPrefix(name, assets),
	}
}

// ServeHTTP answers with a file or, where a browser opens a page of the console, with the page that is all of them.
func (c *Console) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "the console is read only", http.StatusMethodNotAllowed)
		return
	}
	name := strings.TrimPrefix(path.Clean("/"+r.URL.Path), "/")
	if f := c.file(name); f != nil {
		c.serve(w, r, f)
		return
	}
	if name != indexName && name != "" && (strings.HasPrefix(name+"/", assets) || !navigates(r)) {
		http.Error(w, "there is no such file", http.StatusNotFound)
		return
	}
	c.serve(w, r, c.index)
}

// navigates tells a person who opens an address from a script that asks for a file.
func navigates(r *http.Request) bool { return strings.Contains(r.Header.Get("Accept"), "text/html") }

// file gives a file other than the page; nil: there is none.
func (c *Console) file(name string) *file {
	if name == "" || name == indexName || !fs.ValidPath(name) || !public(name) {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if f, ok := c.known[name]; ok {
		return f
	}
	raw, err := fs.ReadFile(c.files, name)
	if err != nil {
		return nil // not kept: anybody can ask for any name
	}
	f := newFile(name, raw)
	if br, err := fs.ReadFile(c.files, name+".br"); err == nil {
		f.brotli = br
	}
	c.known[name] = f
	return f
}

// public leaves out what is no file of the console: hidden ones, and compressed copies.
func public(name string) bool {
	return !strings.HasPrefix(path.Base(name), ".") && !slices.Contains([]string{".br", ".gz", ".html"}, path.Ext(name))
}

func (c *Console) serve(w http.ResponseWriter, r *http.Request, f *file) {
	h := w.Header()
	h.Set("Content-Security-Policy", c.policy) // of scripts too: a worker obeys that of its own file
	h.Set("Content-Type", f.kind)
	h.Set("Cache-Control", "no-cache")
	if f.forever {
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	body, tag := f.plain, f.tag
	if f.gzip != nil || f.brotli != nil {
		h.Add("Vary", "Accept-Encoding")
		switch accepted := r.Header.Get("Accept-Encoding"); {
		case f.brotli != nil && accepts(accepted, "br"):
			h.Set("Content-Encoding", "br")
			body, tag = f.brotli, tag+"-br"
		case f.gzip != nil && accepts(accepted, "gzip"):
			h.Set("Content-Encoding", "gzip")
			body, tag = f.gzip, tag+"-gz"
		}
	}
	h.Set("ETag", `"`+tag+`"`)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(body))
}
