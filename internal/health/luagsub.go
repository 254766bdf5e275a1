package health

import (
	"strings"

	lua "github.com/yuin/gopher-lua"
)

// gsub replaces matches by a string (with %0 to %9), by what a table has for the first capture, or by what a function
// gives for all captures; false and nil leave the match as it is.
func (g *luaBudget) gsub(l *lua.LState) int {
	src, pat, repl := l.CheckString(1), l.CheckString(2), l.Get(3)
	switch repl.(type) {
	case lua.LString, lua.LNumber, *lua.LTable, *lua.LFunction:
	default:
		l.ArgError(3, "string, function or table expected")
	}
	most := l.OptInt(4, len(src)+1)
	var out strings.Builder
	at, done := 0, 0
	for done < most && at <= len(src) {
		var s, e int
		var found bool
		var captures []lua.LValue
		g.pattern(l, src, pat, func(m *luaMatcher) {
			if s, e, found = m.find(at); found {
				captures = append(captures, lua.LString(src[s:e]))
				for i := range m.captures {
					captures = append(captures, m.value(i))
				}
			}
		})
		if !found {
			break
		}
		done++
		out.WriteString(src[at:s])
		text := g.replacement(l, repl, captures)
		g.make(len(text) + s - at)
		g.stop(l)
		out.WriteString(text)
		at = e
		if e == s { // an empty match: keep the next character and go on behind it
			if at < len(src) {
				out.WriteByte(src[at])
			}
			at++
		}
		if strings.HasPrefix(pat, "^") {
			break
		}
	}
	if at < len(src) {
		g.make(len(src) - at)
		g.stop(l)
		out.WriteString(src[at:])
	}
	l.Push(lua.LString(out.String()))
	l.Push(lua.LNumber(done))
	return 2
}

// replacement gives what stands for one match. captures[0] is the match itself.
func (g *luaBudget) replacement(l *lua.LState, repl lua.LValue, captures []lua.LValue) string {
	whole := string(captures[0].(lua.LString))
	args := captures[1:]
	if len(args) == 0 {
		args = captures
	}
	var v lua.LValue
	switch r := repl.(type) {
	case *lua.LTable:
		v = l.GetTable(r, args[0])
	case *lua.LFunction:
		if err := l.CallByParam(lua.P{Fn: r, NRet: 1}, args...); err != nil {
			l.RaiseError("%s", err.Error())
		}
		v = l.Get(-1)
		l.Pop(1)
	default:
		return g.expand(l, lua.LVAsString(repl), captures)
	}
	switch {
	case !lua.LVAsBool(v):
		return whole
	case !lua.LVCanConvToString(v):
		l.RaiseError("invalid replacement value (a %s)", v.Type())
	}
	return lua.LVAsString(v)
}

func (g *luaBudget) expand(l *lua.LState, repl string, captures []lua.LValue) string {
	if !strings.Contains(repl, "%") {
		return repl
	}
	var b strings.Builder
	for i := 0; i < len(repl); i++ {
		if repl[i] != '%' || i+1 == len(repl) {
			b.WriteByte(repl[i])
			continue
		}
		i++
		n := int(repl[i]) - '0'
		switch {
		case n < 0 || n > 9:
			b.WriteByte(repl[i])
			continue
		case n == 1 && len(captures) == 1:
			n = 0
		case n >= len(captures):
			l.RaiseError("invalid capture index")
		}
		text := lua.LVAsString(captures[n])
		g.make(len(text))
		g.stop(l)
		b.WriteString(text)
	}
	return b.String()
}
