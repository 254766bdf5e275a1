package health

import (
	"errors"
	"strings"

	lua "github.com/yuin/gopher-lua"
)

// openString replaces the string functions that make strings, or match patterns, by ones that count.
func (g *luaBudget) openString(l *lua.LState) {
	mod := l.GetGlobal("string").(*lua.LTable)
	l.SetFuncs(mod, map[string]lua.LGFunction{
		"rep": g.rep, "format": g.format(mod),
		"find": g.find, "match": g.matchFunc, "gmatch": g.gmatch, "gfind": g.gmatch, "gsub": g.gsub,
		"upper": g.copied(mod, "upper"), "lower": g.copied(mod, "lower"), "reverse": g.copied(mod, "reverse"),
	})
	mod.RawSetString("dump", lua.LNil)
}

func (g *luaBudget) copied(mod *lua.LTable, name string) lua.LGFunction {
	own := mod.RawGetString(name).(*lua.LFunction).GFunction
	return func(l *lua.LState) int {
		n := len(l.CheckString(1))
		g.make(n)
		g.use(n / 16)
		g.stop(l)
		return own(l)
	}
}

func (g *luaBudget) rep(l *lua.LState) int {
	s, n := l.CheckString(1), l.CheckInt(2)
	if n <= 0 || s == "" {
		l.Push(lua.LString(""))
		return 1
	}
	if n > luaMaxBytes { // before the product can overflow
		n = luaMaxBytes + 1
	}
	g.make(n * len(s))
	g.stop(l)
	l.Push(lua.LString(strings.Repeat(s, n)))
	return 1
}

// format is the library's, once the format is known to hold only what Lua's manual allows.
func (g *luaBudget) format(mod *lua.LTable) lua.LGFunction {
	own := mod.RawGetString("format").(*lua.LFunction).GFunction
	return func(l *lua.LState) int {
		text := l.CheckString(1)
		verbs, err := formatVerbs(text)
		if err != nil {
			l.RaiseError("%s", err.Error())
		}
		const widest = 100 // a width has two digits
		g.make(len(text) + verbs*widest)
		for i := 2; i <= l.GetTop(); i++ {
			if s, ok := l.Get(i).(lua.LString); ok {
				g.make(len(s))
			}
		}
		g.stop(l)
		return own(l)
	}
}

func formatVerbs(s string) (int, error) {
	n := 0
	for i := 0; i < len(s); i++ {
		if s[i] != '%' {
			continue
		}
		n++
		i++
		digits := 0
		for ; i < len(s) && strings.IndexByte("-+ #0123456789.", s[i]) >= 0; i++ {
			if s[i] == '.' {
				digits = 0
			} else if s[i] >= '0' && s[i] <= '9' {
				digits++
			}
			if digits > 2 {
				return 0, errors.New("invalid format (width or precision too long)")
			}
		}
		if i >= len(s) || strings.IndexByte("cdeEfgGiouqsxX%", s[i]) < 0 {
			return 0, errors.New("invalid option in a format")
		}
	}
	return n, nil
}

// pattern runs f with a matcher whose faults become Lua errors.
func (g *luaBudget) pattern(l *lua.LState, src, pat string, f func(*luaMatcher)) {
	fault := g.tryPattern(src, pat, f)
	if fault != nil {
		l.RaiseError("%s", fault.Error())
	}
}

func (g *luaBudget) tryPattern(src, pat string, f func(*luaMatcher)) (fault error) {
	defer func() {
		switch r := recover().(type) {
		case nil:
		case patternError:
			fault = r
		case outOfBudget:
			fault = g.spent
		default:
			panic(r)
		}
	}()
	f(&luaMatcher{src: src, pat: pat, spend: func(n int) {
		if g.use(n); g.spent != nil {
			panic(outOfBudget{})
		}
	}})
	return nil
}

// outOfBudget unwinds the matcher.
type outOfBudget struct{}

// start gives the byte that init, counted from 1 or from the end, means.
func start(init, length int) int {
	if init < 0 {
		init = max(length+init+1, 1)
	}
	return max(init, 1) - 1
}

func (g *luaBudget) find(l *lua.LState) int {
	src, pat := l.CheckString(1), l.CheckString(2)
	from := start(l.OptInt(3, 1), len(src))
	if from > len(src) {
		l.Push(lua.LNil)
		return 1
	}
	if lua.LVAsBool(l.Get(4)) || !strings.ContainsAny(pat, `^$*+?.([%-`) {
		g.use(len(src)/16 + 1)
		g.stop(l)
		i := strings.Index(src[from:], pat)
		if i < 0 {
			l.Push(lua.LNil)
			return 1
		}
		l.Push(lua.LNumber(from + i + 1))
		l.Push(lua.LNumber(from + i + len(pat)))
		return 2
	}
	pushed := 0
	g.pattern(l, src, pat, func(m *luaMatcher) {
		if s, e, ok := m.find(from); ok {
			l.Push(lua.LNumber(s + 1))
			l.Push(lua.LNumber(e))
			pushed = 2 + m.push(l)
		}
	})
	return orNil(l, pushed)
}

func (g *luaBudget) matchFunc(l *lua.LState) int {
	src, pat := l.CheckString(1), l.CheckString(2)
	from := start(l.OptInt(3, 1), len(src))
	pushed := 0
	g.pattern(l, src, pat, func(m *luaMatcher) {
		if s, e, ok := m.find(from); ok {
			pushed = m.pushOrWhole(l, s, e)
		}
	})
	return orNil(l, pushed)
}

func orNil(l *lua.LState, pushed int) int {
	if pushed == 0 {
		l.Push(lua.LNil)
		return 1
	}
	return pushed
}

func (g *luaBudget) gmatch(l *lua.LState) int {
	src, pat := l.CheckString(1), l.CheckString(2)
	from := 0
	l.Push(l.NewFunction(func(l *lua.LState) int {
		pushed := 0
		g.pattern(l, src, pat, func(m *luaMatcher) {
			if from > len(src) {
				return
			}
			s, e, ok := m.find(from)
			if !ok {
				from = len(src) + 1
				return
			}
			from = max(e, s)
			if e == s {
				from++ // an empty match: go on, or it is found for ever
			}
			pushed = m.pushOrWhole(l, s, e)
		})
		return orNil(l, pushed)
	}))
	return 1
}

// push pushes the captures of the last match.
func (m *luaMatcher) push(l *lua.LState) int {
	for i := range m.captures {
		l.Push(m.value(i))
	}
	return len(m.captures)
}

func (m *luaMatcher) pushOrWhole(l *lua.LState, s, e int) int {
	if len(m.captures) == 0 {
		l.Push(lua.LString(m.src[s:e]))
		return 1
	}
	return m.push(l)
}

func (m *luaMatcher) value(i int) lua.LValue {
	c := m.captures[i]
	switch c.length {
	case capturePosition:
		return lua.LNumber(c.start + 1)
	case captureOpen:
		panic(patternError("unfinished capture"))
	}
	return lua.LString(m.src[c.start : c.start+c.length])
}
