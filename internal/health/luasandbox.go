package health

import (
	"strings"
	"time"

	lua "github.com/yuin/gopher-lua"
)

// openSandbox gives a state what a health script needs: the language, string, table and math, and of os the time. There
// is no way to files, the environment, other programs, other code, the clock or chance.
func openSandbox(l *lua.LState, g *luaBudget, now time.Time) {
	for _, open := range []lua.LGFunction{lua.OpenBase, lua.OpenTable, lua.OpenString, lua.OpenMath} {
		l.Push(l.NewFunction(open))
		l.Call(0, 0)
	}
	for _, name := range []string{
		"_G", "dofile", "loadfile", "load", "loadstring", "require", "module", "collectgarbage", "getfenv", "setfenv",
		"newproxy", "_printregs",
	} {
		l.SetGlobal(name, lua.LNil)
	}
	l.SetGlobal("print", l.NewFunction(func(*lua.LState) int { return 0 }))
	l.SetGlobal("rawset", l.NewFunction(g.rawset))
	l.SetGlobal("unpack", l.NewFunction(g.unpack))
	g.register(l)
	math := l.GetGlobal("math").(*lua.LTable)
	math.RawSetString("random", lua.LNil)
	math.RawSetString("randomseed", lua.LNil)
	g.openTable(l)
	g.openString(l)
	l.SetGlobal("os", l.SetFuncs(l.NewTable(), osFunctions(now)))
}

func (g *luaBudget) rawset(l *lua.LState) int {
	t := l.CheckTable(1)
	if n, ok := l.Get(2).(lua.LNumber); ok {
		g.far(l, n, g.measure(l, t))
	}
	t.RawSet(l.CheckAny(2), l.CheckAny(3))
	l.Push(t)
	return 1
}

func (g *luaBudget) unpack(l *lua.LState) int {
	const most = 250
	t := l.CheckTable(1)
	from, to := l.OptInt(2, 1), l.OptInt(3, g.measure(l, t))
	if to-from >= most {
		l.RaiseError("too many results to unpack")
	}
	for i := from; i <= to; i++ {
		l.Push(t.RawGetInt(i))
	}
	return max(to-from+1, 0)
}

// openTable puts a price on the table functions that take time or memory.
func (g *luaBudget) openTable(l *lua.LState) {
	mod := l.GetGlobal("table").(*lua.LTable)
	l.SetFuncs(mod, map[string]lua.LGFunction{
		"concat": g.tableConcat,
		"insert": g.tableInsert,
		"remove": g.priced(mod, "remove"),
		"sort":   g.priced(mod, "sort"),
		"maxn":   g.priced(mod, "maxn"),
	})
}

// priced is the library's own function, paid for by the length of the table that is its first argument.
func (g *luaBudget) priced(mod *lua.LTable, name string) lua.LGFunction {
	own := mod.RawGetString(name).(*lua.LFunction).GFunction
	return func(l *lua.LState) int {
		n := g.measure(l, l.CheckTable(1))
		if name == "sort" {
			g.use(n)
		}
		g.use(n / 16)
		g.stop(l)
		return own(l)
	}
}

func (g *luaBudget) tableConcat(l *lua.LState) int {
	t := l.CheckTable(1)
	sep := l.OptString(2, "")
	from, to := l.OptInt(3, 1), l.OptInt(4, g.measure(l, t))
	var b strings.Builder
	for i := from; i <= to; i++ {
		v := t.RawGetInt(i)
		if !lua.LVCanConvToString(v) {
			l.RaiseError("invalid value (%s) at index %d in table for concat", v.Type(), i)
		}
		s := lua.LVAsString(v)
		g.use(1)
		g.make(len(s) + len(sep))
		g.stop(l)
		if i > from {
			b.WriteString(sep)
		}
		b.WriteString(s)
	}
	l.Push(lua.LString(b.String()))
	return 1
}

func (g *luaBudget) tableInsert(l *lua.LState) int {
	t := l.CheckTable(1)
	n := g.measure(l, t)
	if l.GetTop() == 2 {
		g.make(slotBytes)
		g.stop(l)
		t.Append(l.Get(2))
		return 0
	}
	pos := l.CheckInt(2)
	if pos < 1 || pos > n+1 {
		l.ArgError(2, "position out of bounds")
	}
	g.use((n - pos) / 16)
	g.make(slotBytes)
	g.stop(l)
	t.Insert(pos, l.CheckAny(3))
	return 0
}
