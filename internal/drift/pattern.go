package drift

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// pattern is a path whose steps may match more than one field.
type pattern []matcher

// matcher is one step: exactly one of its forms is set.
type matcher struct {
	field string // a map's field
	index int    // a list element by its index; -1 means unset
	key   string // a list element whose field key has the value val
	val   string
	any   bool // every field or element
	bare  bool // a field, or the index or scalar that it spells (JSON pointers do not tell these apart)
}

func (m matcher) matches(at place) bool {
	switch {
	case m.any:
		return true
	case m.key != "":
		e, ok := at.value.(map[string]any)
		return ok && at.field == "" && fmt.Sprint(e[m.key]) == m.val
	case m.index >= 0 && at.field == "":
		return at.index == m.index
	case m.index >= 0 && !m.bare:
		return false
	}
	return at.field != "" && at.field == m.field
}

// advance follows patterns by one step to at. below are the patterns that go on from there; whole is true when one of
// them ends there, so that everything from there on is ignored.
func advance(patterns []pattern, at place) (below []pattern, whole bool) {
	for _, p := range patterns {
		if !p[0].matches(at) {
			continue
		}
		if len(p) == 1 {
			return nil, true
		}
		below = append(below, p[1:])
	}
	return below, false
}

// parsePointer reads a JSON pointer (RFC 6901) whose steps may be "*".
func parsePointer(s string) (pattern, error) {
	if !strings.HasPrefix(s, "/") || len(s) < 2 {
		return nil, errors.New("a JSON pointer begins with / and names a field")
	}
	var out pattern
	for _, t := range strings.Split(s[1:], "/") {
		switch {
		case t == "*":
			out = append(out, matcher{any: true, index: -1})
			continue
		case t == "":
			return nil, errors.New("an empty step")
		}
		t = strings.NewReplacer("~1", "/", "~0", "~").Replace(t)
		m := matcher{field: t, index: -1, bare: true}
		if n, err := strconv.Atoi(t); err == nil && n >= 0 {
			m.index = n
		}
		out = append(out, m)
	}
	return out, nil
}

// parsePath reads a field path as Plumb writes it and the common part of jq's path language:
//
//	.spec.replicas   .metadata.annotations["a.b/c"]   .metadata.annotations."a.b/c"
//	.a[].b   .a[*].b   .a[0].b   .a[name=web].b
//	.a[] | select(.name == "web") | .b   .a[]|select(.name=="web").b
//
// A "?" after a step is accepted and means nothing: a field that is not there is never an error.
func parsePath(s string) (pattern, error) {
	p := &pathParser{rest: strings.TrimSpace(s)}
	for p.rest != "" {
		if err := p.next(); err != nil {
			return nil, fmt.Errorf("at %q: %w", p.rest, err)
		}
		p.rest = strings.TrimLeft(p.rest, " \t?")
	}
	if len(p.out) == 0 {
		return nil, errors.New("names no field")
	}
	return p.out, nil
}

type pathParser struct {
	rest string
	out  pattern
}

func (p *pathParser) next() error {
	switch {
	case strings.HasPrefix(p.rest, "|"):
		return p.pipe()
	case strings.HasPrefix(p.rest, ".["):
		p.rest = p.rest[1:]
		return p.bracket()
	case strings.HasPrefix(p.rest, `."`):
		return p.quoted(p.rest[1:])
	case strings.HasPrefix(p.rest, ".."):
		return errors.New("recursive descent (..) is not supported")
	case strings.HasPrefix(p.rest, "."):
		return p.name()
	case strings.HasPrefix(p.rest, "["):
		return p.bracket()
	}
	return errors.New("expected a field (.name), an element ([]) or | select(...)")
}

func (p *pathParser) name() error {
	rest := p.rest[1:]
	end := strings.IndexFunc(rest, func(r rune) bool {
		return r != '_' && r != '-' && r != '$' && (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z')
	})
	if end < 0 {
		end = len(rest)
	}
	if end == 0 {
		return errors.New("a field name is missing")
	}
	p.out = append(p.out, matcher{field: rest[:end], index: -1})
	p.rest = rest[end:]
	return nil
}

func (p *pathParser) quoted(s string) error {
	prefix, err := strconv.QuotedPrefix(s)
	if err != nil {
		return errors.New("an unfinished quoted name")
	}
	name, _ := strconv.Unquote(prefix)
	p.out = append(p.out, matcher{field: name, index: -1})
	p.rest = s[len(prefix):]
	return nil
}

func (p *pathParser) bracket() error {
	if strings.HasPrefix(p.rest, `["`) {
		if err := p.quoted(p.rest[1:]); err != nil {
			return err
		}
		if !strings.HasPrefix(p.rest, "]") {
			return errors.New("] is missing")
		}
		p.rest = p.rest[1:]
		return nil
	}
	inner, rest, ok := strings.Cut(p.rest[1:], "]")
	if !ok {
		return errors.New("] is missing")
	}
	inner = strings.TrimSpace(inner)
	if inner == "" || inner == "*" {
		p.out = append(p.out, matcher{any: true, index: -1})
	} else if n, err := strconv.Atoi(inner); err == nil && n >= 0 {
		p.out = append(p.out, matcher{index: n})
	} else if k, v, found := strings.Cut(inner, "="); found && k != "" {
		p.out = append(p.out, matcher{index: -1, key: strings.TrimSpace(k), val: strings.Trim(strings.TrimSpace(v), `"`)})
	} else {
		return errors.New("inside [] goes nothing, *, an index, key=value or a quoted name")
	}
	p.rest = rest
	return nil
}

// pipe reads "| select(.key == value)", which narrows the [] before it, or "| .more".
func (p *pathParser) pipe() error {
	after := strings.TrimSpace(p.rest[1:])
	if strings.HasPrefix(after, ".") && after != "." {
		p.rest = after
		return nil
	}
	body, ok := strings.CutPrefix(after, "select(")
	if !ok {
		return errors.New("after | only select(.key == \"value\") or a path is supported")
	}
	cond, rest, ok := strings.Cut(body, ")")
	if !ok {
		return errors.New(") is missing")
	}
	k, v, ok := strings.Cut(cond, "==")
	k, v = strings.TrimSpace(k), strings.TrimSpace(v)
	name, dotted := strings.CutPrefix(k, ".")
	if !ok || !dotted || name == "" || strings.ContainsAny(name, ".[]|( ") || strings.ContainsAny(v, "|& ") && !strings.HasPrefix(v, `"`) {
		return errors.New("select compares one field of the element: select(.name == \"web\")")
	}
	if q, err := strconv.Unquote(v); err == nil {
		v = q
	} else if strings.HasPrefix(v, `"`) {
		return errors.New("an unfinished quoted value")
	}
	if len(p.out) == 0 || !p.out[len(p.out)-1].any {
		return errors.New("select needs a [] before it")
	}
	p.out[len(p.out)-1] = matcher{index: -1, key: name, val: v}
	p.rest = rest
	return nil
}
