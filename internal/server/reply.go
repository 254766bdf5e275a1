package server

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"github.com/klauspost/compress/gzip"
)

// respond writes an answer that nobody negotiates about: an error, or one of a call without a sign-in.
func respond(w http.ResponseWriter, status int, v any) {
	raw, err := json.Marshal(v)
	if err != nil {
		http.Error(w, `{"message":"the answer has no JSON form"}`, http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	w.Write(append(raw, '\n'))
}

// reply answers with v as JSON: with an ETag for what is read, 304 where the reader has it already, and compressed where
// that helps and the reader understands it.
func (c *call) reply(v any) error {
	raw, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return c.send(raw)
}

// send is reply with JSON that is made already.
func (c *call) send(raw []byte) error {
	h := c.ResponseWriter.Header()
	h.Set("Content-Type", "application/json")
	if c.Method == http.MethodGet && h.Get("ETag") == "" {
		sum := sha256.Sum256(raw)
		if c.unchanged(`W/"` + hex.EncodeToString(sum[:12]) + `"`) {
			return nil
		}
	}
	c.compressed(append(raw, '\n'))
	return nil
}

// unchanged sets the tag of the answer, and answers with 304 when the reader has it. An empty tag is none.
func (c *call) unchanged(tag string) bool {
	if tag == "" {
		return false
	}
	h := c.ResponseWriter.Header()
	h.Set("ETag", tag)
	h.Set("Cache-Control", "private, no-cache") // kept, and asked about each time
	h.Add("Vary", "Authorization, Cookie, Accept-Encoding")
	for given := range strings.SplitSeq(c.Request.Header.Get("If-None-Match"), ",") {
		if strings.TrimPrefix(strings.TrimSpace(given), "W/") == strings.TrimPrefix(tag, "W/") {
			c.WriteHeader(http.StatusNotModified)
			return true
		}
	}
	return false
}

// worthwhile is from how many bytes on an answer is compressed.
const worthwhile = 1024

var gzips = sync.Pool{New: func() any {
	z, _ := gzip.NewWriterLevel(nil, gzip.DefaultCompression) // the level is a valid one
	return z
}}

// compressed writes the answer. A reader that went away is no error.
func (c *call) compressed(raw []byte) {
	w := c.ResponseWriter
	if len(raw) < worthwhile || !accepts(c.Request.Header.Get("Accept-Encoding"), "gzip") {
		w.WriteHeader(http.StatusOK)
		w.Write(raw)
		return
	}
	w.Header().Set("Content-Encoding", "gzip")
	w.WriteHeader(http.StatusOK)
	z := gzips.Get().(*gzip.Writer)
	defer gzips.Put(z)
	z.Reset(w)
	_, _ = z.Write(raw)
	_ = z.Close()
}

// accepts reads an Accept-Encoding header: "gzip, br;q=0.5", "*", "gzip;q=0".
func accepts(header, encoding string) bool {
	any := false
	for part := range strings.SplitSeq(header, ",") {
		name, parameters, _ := strings.Cut(strings.TrimSpace(part), ";")
		good := true
		if q, ok := strings.CutPrefix(strings.ReplaceAll(parameters, " ", ""), "q="); ok {
			v, err := strconv.ParseFloat(q, 64)
			good = err == nil && v > 0
		}
		switch strings.ToLower(strings.TrimSpace(name)) {
		case encoding:
			return good
		case "*":
			any = good
		}
	}
	return any
}
