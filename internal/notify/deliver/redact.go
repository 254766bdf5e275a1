package deliver

import (
	"encoding/base64"
	"net/url"
	"slices"
	"strings"
)

const (
	// minHidden is the shortest text that is hidden: shorter ones would tear holes into every sentence.
	minHidden = 4
	// minPart is the same for a part of an address, of which most are words.
	minPart = 8
)

// conceal has a secret taken out of everything that is told, in the forms in which a receiver may send it back.
func (w *Way) conceal(secret string) {
	if len(secret) < minHidden {
		return
	}
	forms := []string{secret, base64.StdEncoding.EncodeToString([]byte(secret)), url.QueryEscape(secret)}
	if u, err := url.Parse(secret); err == nil && u.Host != "" {
		forms = append(forms, u.RequestURI(), u.EscapedPath(), u.Path, u.RawQuery, u.User.String())
		parts := strings.Split(strings.Trim(u.Path, "/"), "/")
		for _, values := range u.Query() {
			parts = append(parts, values...)
		}
		forms = append(forms, slices.DeleteFunc(parts, func(p string) bool { return len(p) < minPart || p == "services" })...)
	}
	for _, f := range forms {
		if len(f) >= minHidden && !slices.Contains(w.hide, f) {
			w.hide = append(w.hide, f)
		}
	}
	slices.SortFunc(w.hide, func(a, b string) int { return len(b) - len(a) }) // the whole before its parts
}

func (w *Way) hidden(s string) string {
	for _, h := range w.hide {
		s = strings.ReplaceAll(s, h, redacted)
	}
	return s
}
