// Package links turns what a commit message names (a ticket, a thread) into links, by the patterns of the installation, and
// knows where a forge shows a commit. It is pure. Commit messages are foreign text: what comes out is http or https, to a
// host that the installation named, whatever they say.
package links

import (
	"cmp"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"plumb.cd/plumb/internal/httpapi"
)

// Limits on foreign text.
const (
	maxText  = 4 << 10 // bytes of a message that are looked at
	maxLinks = 10      // of one message
	maxURL   = 2000    // bytes
	maxName  = 100     // characters of a link's text
)

// Matcher finds links. The zero value, and nil, know Slack's permalinks and the public forges.
type Matcher struct {
	patterns []pattern
	forges   []forge
}

type pattern struct {
	find     *regexp.Regexp
	template string
	text     string // instead of what was found
	as       bool   // the match is the address
}

// slack finds permalinks of Slack, which need no pattern: they are addresses already.
var slack = pattern{
	find: regexp.MustCompile(`https://[a-z0-9-]{1,60}\.slack\.com/archives/[A-Z0-9]{1,30}(?:/p[0-9]{1,30}(?:\?thread_ts=[0-9.]{1,40}(?:&cid=[A-Z0-9]{1,30})?)?)?`),
	text: "Slack thread", as: true,
}

// New makes a Matcher. A pattern is 'REGEXP=URL', e.g. '([A-Z]+-[0-9]+)=https://jira.example.com/browse/$1': $1 to $9 (or
// ${1}) stand for the groups, $0 for the whole match. A forge is 'HOST=KIND' with KIND github, gitlab, gitea, forgejo,
// bitbucket, bitbucket-server or azure, or 'HOST=URL' with {path} and {sha}. Where two patterns match the same text, the
// earlier one counts.
func New(patterns, forges []string) (*Matcher, error) {
	m := &Matcher{}
	for _, s := range patterns {
		p, err := parsePattern(s)
		if err != nil {
			return nil, fmt.Errorf("link %q: %w", s, err)
		}
		m.patterns = append(m.patterns, p)
	}
	for _, s := range forges {
		f, err := parseForge(s)
		if err != nil {
			return nil, fmt.Errorf("forge %q: %w", s, err)
		}
		m.forges = append(m.forges, f)
	}
	return m, nil
}

// beforeURL is where the address begins in 'REGEXP=URL'.
var beforeURL = regexp.MustCompile(`=https?://`)

func parsePattern(s string) (pattern, error) {
	at := beforeURL.FindStringIndex(s)
	if at == nil || at[0] == 0 {
		return pattern{}, fmt.Errorf("want REGEXP=URL, with an http or https address")
	}
	find, err := regexp.Compile(s[:at[0]])
	if err != nil {
		return pattern{}, err
	}
	if find.MatchString("") {
		return pattern{}, fmt.Errorf("the expression matches nothing at all, so it would match everywhere")
	}
	p := pattern{find: find, template: s[at[0]+1:]}
	if err := p.check(); err != nil {
		return pattern{}, err
	}
	return p, nil
}

// check refuses templates in which a message would choose the host, and groups that are not there.
func (p pattern) check() error {
	if err := fixedHost(p.template); err != nil {
		return err
	}
	for _, ref := range reference.FindAllStringSubmatch(p.template, -1) {
		if n, _ := strconv.Atoi(ref[1] + ref[2]); n > p.find.NumSubexp() {
			return fmt.Errorf("$%d: the expression has %d groups", n, p.find.NumSubexp())
		}
	}
	return nil
}

// fixedHost refuses a template whose scheme, user or host is not written out.
func fixedHost(template string) error {
	scheme, rest, _ := strings.Cut(template, "://")
	host, _, _ := strings.Cut(rest, "/")
	if (scheme != "http" && scheme != "https") || host == "" || strings.ContainsAny(host, "$@?#{}\\ ") {
		return fmt.Errorf("the address must begin with http or https and a host that is written out")
	}
	if _, err := url.Parse(scheme + "://" + host); err != nil {
		return fmt.Errorf("the address: %w", err)
	}
	return nil
}

// reference is $1 or ${1} in a template.
var reference = regexp.MustCompile(`\$(?:([0-9])|\{([0-9])\})`)

// hit is a link and the part of the text that it stands for.
type hit struct {
	from, to int
	link     httpapi.Link
}

// Find gives the links of a commit's subject or message, in the order in which they stand there, each address once, at
// most ten.
func (m *Matcher) Find(text string) []httpapi.Link {
	if len(text) > maxText {
		text = text[:maxText]
	}
	text = strings.ToValidUTF8(text, "")
	var hits []hit
	for _, p := range m.all() {
		for _, at := range p.find.FindAllStringSubmatchIndex(text, maxLinks*2) {
			taken := slices.ContainsFunc(hits, func(h hit) bool { return at[0] < h.to && h.from < at[1] })
			if address, ok := p.address(text, at); ok && !taken {
				hits = append(hits, hit{at[0], at[1], httpapi.Link{Text: cmp.Or(p.text, name(text[at[0]:at[1]])), URL: address}})
			}
		}
	}
	slices.SortStableFunc(hits, func(a, b hit) int { return cmp.Compare(a.from, b.from) })
	var out []httpapi.Link
	for _, h := range hits {
		again := slices.ContainsFunc(out, func(l httpapi.Link) bool { return l.URL == h.link.URL })
		if !again && len(out) < maxLinks {
			out = append(out, h.link)
		}
	}
	return out
}

// all are the patterns in their order. An address that is written out goes before what could be seen in it.
func (m *Matcher) all() []pattern {
	if m == nil {
		return []pattern{slack}
	}
	return append([]pattern{slack}, m.patterns...)
}

// address is where a match leads; false: nowhere that a reader should be sent.
func (p pattern) address(text string, at []int) (string, bool) {
	if p.as {
		return safe(text[at[0]:at[1]])
	}
	return safe(reference.ReplaceAllStringFunc(p.template, func(ref string) string {
		n, _ := strconv.Atoi(strings.Trim(ref, "${}"))
		if 2*n+1 >= len(at) || at[2*n] < 0 {
			return ""
		}
		return escape(text[at[2*n]:at[2*n+1]])
	}))
}

// escape writes a text so that it is one piece of a path or a query, and nothing else.
func escape(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") }

// safe lets through absolute http and https addresses without a user in them.
func safe(address string) (string, bool) {
	u, err := url.Parse(address)
	if err != nil || len(address) > maxURL || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" || u.User != nil {
		return "", false
	}
	return address, true
}

// name is a match as a link's text: without what could play with its reader.
func name(s string) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) {
			return -1
		}
		return r
	}, s)
	if r := []rune(s); len(r) > maxName {
		return string(r[:maxName-1]) + "…"
	}
	return s
}
