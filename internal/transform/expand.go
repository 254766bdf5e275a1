package transform

import (
	"fmt"
	"strconv"
	"strings"
)

// expander evaluates ${...} expressions in text, in the subset of bash's parameter expansion that postBuild
// substitution of Flux has:
//
//	${v}                 the value; an error when v is undefined
//	${v:-d} ${v:=d}      d when v is undefined or empty (without the colon: when undefined); d may hold expressions
//	${v:?m}              an error, with the message m, when v is undefined or empty
//	${v:+d}              d when v is defined and not empty, else nothing
//	${#v}                length
//	${v^} ${v^^} ${v,} ${v,,}   first letter, or all, to upper or lower case
//	${v#p} ${v##p} ${v%p} ${v%%p}   without the prefix or suffix p (literal, or with *: shortest or longest)
//	${v/a/b} ${v//a/b}   first, or every, a replaced by b
//	${v:pos} ${v:pos:len}   substring
//	$${                  a literal ${
//
// Everything else, $v and $$ included, stays as it is.
type expander struct {
	vars  map[string]string
	depth int
}

const maxNesting = 20

func (e expander) expand(text string) (string, error) {
	if e.depth > maxNesting {
		return "", fmt.Errorf("expressions are nested deeper than %d", maxNesting)
	}
	var out strings.Builder
	for {
		i := strings.Index(text, "${")
		if i < 0 {
			out.WriteString(text)
			return out.String(), nil
		}
		if i > 0 && text[i-1] == '$' {
			out.WriteString(text[:i-1] + "${")
			text = text[i+2:]
			continue
		}
		out.WriteString(text[:i])
		end := closing(text[i+2:])
		if end < 0 {
			return "", fmt.Errorf("%s has no closing brace; write $${ for a literal ${", clip(text[i:]))
		}
		value, err := e.evaluate(text[i+2 : i+2+end])
		if err != nil {
			return "", err
		}
		out.WriteString(value)
		text = text[i+2+end+1:]
	}
}

// closing is the index of the brace that ends an expression whose opening was read, or -1.
func closing(s string) int {
	depth := 0
	for i := range len(s) {
		switch {
		case s[i] == '{' && i > 0 && s[i-1] == '$':
			depth++
		case s[i] == '}' && depth > 0:
			depth--
		case s[i] == '}':
			return i
		}
	}
	return -1
}

func (e expander) evaluate(expr string) (string, error) {
	if name, ok := strings.CutPrefix(expr, "#"); ok && nameLength(name) == len(name) && name != "" {
		value, err := e.value(name)
		return strconv.Itoa(len([]rune(value))), err
	}
	n := nameLength(expr)
	if n == 0 {
		return "", fmt.Errorf("${%s} is no variable; write $${ for a literal ${", clip(expr))
	}
	name, op := expr[:n], expr[n:]
	if op == "" {
		return e.value(name)
	}
	if value, done, err := e.defaulted(name, op); done {
		return value, err
	}
	value, err := e.value(name)
	if err != nil {
		return "", err
	}
	return e.operate(value, op, expr)
}

// value is strict: a typing error in a name must not become an empty field.
func (e expander) value(name string) (string, error) {
	v, ok := e.vars[name]
	if !ok {
		return "", fmt.Errorf("variable %q is not defined", name)
	}
	return v, nil
}

// defaulted handles the operators that allow an undefined variable.
func (e expander) defaulted(name, op string) (value string, done bool, err error) {
	value, defined := e.vars[name]
	rest, colon := strings.CutPrefix(op, ":")
	if rest == "" {
		return "", false, nil
	}
	if colon && value == "" {
		defined = false
	}
	inner := expander{vars: e.vars, depth: e.depth + 1}
	switch rest[0] {
	case '-', '=':
		if !defined {
			value, err = inner.expand(rest[1:])
		}
		return value, true, err
	case '+':
		if !defined {
			return "", true, nil
		}
		value, err = inner.expand(rest[1:])
		return value, true, err
	case '?':
		if !defined {
			message, err := inner.expand(rest[1:])
			if err == nil && message == "" {
				message = "it is required"
			}
			return "", true, fmt.Errorf("variable %q is not defined or empty: %s", name, message)
		}
		return value, true, nil
	}
	return "", false, nil
}

func (e expander) operate(value, op, expr string) (string, error) {
	inner := expander{vars: e.vars, depth: e.depth + 1}
	arg := func(s string) (string, error) { return inner.expand(s) }
	switch {
	case op == "^^":
		return strings.ToUpper(value), nil
	case op == ",,":
		return strings.ToLower(value), nil
	case op == "^":
		return first(value, strings.ToUpper), nil
	case op == ",":
		return first(value, strings.ToLower), nil
	case op[0] == '#' || op[0] == '%':
		pattern, err := arg(strings.TrimLeft(op, op[:1]))
		greedy := len(op) > 1 && op[1] == op[0]
		if op[0] == '#' {
			return trimPrefix(value, pattern, greedy), err
		}
		return trimSuffix(value, pattern, greedy), err
	case op[0] == '/':
		return e.replace(value, op, arg)
	case op[0] == ':':
		return substring(value, op[1:], expr)
	}
	return "", fmt.Errorf("${%s} uses an operator that is not supported; write $${ for a literal ${", clip(expr))
}

func first(s string, f func(string) string) string {
	r := []rune(s)
	if len(r) == 0 {
		return s
	}
	return f(string(r[0])) + string(r[1:])
}

func (expander) replace(value, op string, arg func(string) (string, error)) (string, error) {
	n, body := 1, op[1:]
	if strings.HasPrefix(body, "/") {
		n, body = -1, body[1:]
	}
	from, to, _ := strings.Cut(body, "/")
	from, err := arg(from)
	if err != nil || from == "" {
		return value, err
	}
	to, err = arg(to)
	return strings.Replace(value, from, to, n), err
}

func substring(value, spec, expr string) (string, error) {
	posText, lenText, hasLen := strings.Cut(spec, ":")
	runes := []rune(value)
	pos, err := strconv.Atoi(strings.TrimSpace(posText))
	if err != nil {
		return "", fmt.Errorf("${%s}: %q is no position", clip(expr), clip(posText))
	}
	if pos < 0 {
		pos = max(0, len(runes)+pos)
	}
	pos = min(pos, len(runes))
	end := len(runes)
	if hasLen {
		n, err := strconv.Atoi(strings.TrimSpace(lenText))
		if err != nil {
			return "", fmt.Errorf("${%s}: %q is no length", clip(expr), clip(lenText))
		}
		if n < 0 {
			end = max(pos, len(runes)+n)
		} else {
			end = min(len(runes), pos+min(n, len(runes)))
		}
	}
	return string(runes[pos:end]), nil
}

// trimPrefix removes what matches pattern from the front; * in it stands for any text.
func trimPrefix(s, pattern string, greedy bool) string {
	cuts := candidates(len(s), greedy)
	for _, n := range cuts {
		if match(pattern, s[:n]) {
			return s[n:]
		}
	}
	return s
}

func trimSuffix(s, pattern string, greedy bool) string {
	cuts := candidates(len(s), greedy)
	for _, n := range cuts {
		if match(pattern, s[len(s)-n:]) {
			return s[:len(s)-n]
		}
	}
	return s
}

// maxPattern bounds the work of a pattern: longer values are searched in their first bytes only.
const maxPattern = 4096

func candidates(n int, greedy bool) []int {
	n = min(n, maxPattern)
	out := make([]int, 0, n+1)
	for i := range n + 1 {
		if greedy {
			i = n - i
		}
		out = append(out, i)
	}
	return out
}

// match compares with * as the only special character.
func match(pattern, s string) bool {
	parts := strings.Split(pattern, "*")
	if len(parts) == 1 {
		return pattern == s
	}
	s, ok := strings.CutPrefix(s, parts[0])
	if !ok {
		return false
	}
	for _, p := range parts[1 : len(parts)-1] {
		i := strings.Index(s, p)
		if i < 0 {
			return false
		}
		s = s[i+len(p):]
	}
	return strings.HasSuffix(s, parts[len(parts)-1])
}

func nameLength(s string) int {
	for i := range len(s) {
		c := s[i]
		letter := c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
		if !letter && (i == 0 || c < '0' || c > '9') {
			return i
		}
	}
	return len(s)
}

// clip shortens foreign text for an error.
func clip(s string) string {
	const limit = 60
	s, _, _ = strings.Cut(s, "\n")
	if len(s) > limit {
		return s[:limit] + "…"
	}
	return s
}
