package health

import (
	lua "github.com/yuin/gopher-lua"
	"github.com/yuin/gopher-lua/ast"
)

// The interpreter has no limit on memory, and three of its operations can ask for any amount in one instruction: joining
// strings, storing at a far index, and measuring a long table. Before a script is compiled, these become calls of
// functions that count. Their names have a character that no identifier can have, so a script can neither call nor
// replace them (it has no _G).
const (
	guardConcat = "\x00concat"
	guardStore  = "\x00store"
	guardKey    = "\x00key"
	guardLen    = "\x00len"
)

func guardStatements(list []ast.Stmt) {
	for i, s := range list {
		if a, ok := s.(*ast.AssignStmt); ok {
			list[i] = guardAssign(a)
			continue
		}
		guardStatement(s)
	}
}

func guardStatement(s ast.Stmt) {
	switch x := s.(type) {
	case *ast.LocalAssignStmt:
		guardAll(x.Exprs)
	case *ast.FuncCallStmt:
		x.Expr = guard(x.Expr)
	case *ast.DoBlockStmt:
		guardStatements(x.Stmts)
	case *ast.WhileStmt:
		x.Condition = guard(x.Condition)
		guardStatements(x.Stmts)
	case *ast.RepeatStmt:
		x.Condition = guard(x.Condition)
		guardStatements(x.Stmts)
	case *ast.IfStmt:
		x.Condition = guard(x.Condition)
		guardStatements(x.Then)
		guardStatements(x.Else)
	case *ast.NumberForStmt:
		x.Init, x.Limit, x.Step = guard(x.Init), guard(x.Limit), guard(x.Step)
		guardStatements(x.Stmts)
	case *ast.GenericForStmt:
		guardAll(x.Exprs)
		guardStatements(x.Stmts)
	case *ast.FuncDefStmt:
		x.Name.Func, x.Name.Receiver = guard(x.Name.Func), guard(x.Name.Receiver)
		guardStatements(x.Func.Stmts)
	case *ast.ReturnStmt:
		guardAll(x.Exprs)
	}
}

// guardAssign turns t[k] = v into a call that sees the table. Several assignments at once keep their form, and only their
// keys are looked at.
func guardAssign(a *ast.AssignStmt) ast.Stmt {
	guardAll(a.Rhs)
	for _, l := range a.Lhs {
		target, ok := l.(*ast.AttrGetExpr)
		if !ok {
			continue
		}
		target.Object = guard(target.Object)
		if _, named := target.Key.(*ast.StringExpr); named {
			continue
		}
		target.Key = guard(target.Key)
		if len(a.Lhs) == 1 && len(a.Rhs) == 1 {
			s := &ast.FuncCallStmt{Expr: guardCall(guardStore, a, target.Object, target.Key, a.Rhs[0])}
			place(s, a)
			return s
		}
		target.Key = guardCall(guardKey, target, target.Key)
	}
	return a
}

func guardAll(list []ast.Expr) {
	for i := range list {
		list[i] = guard(list[i])
	}
}

// guard gives the expression with every guarded operation in it replaced.
func guard(e ast.Expr) ast.Expr {
	switch x := e.(type) {
	case *ast.AttrGetExpr:
		x.Object, x.Key = guard(x.Object), guard(x.Key)
	case *ast.TableExpr:
		guardTable(x)
	case *ast.FuncCallExpr:
		x.Func, x.Receiver = guard(x.Func), guard(x.Receiver)
		guardAll(x.Args)
	case *ast.LogicalOpExpr:
		x.Lhs, x.Rhs = guard(x.Lhs), guard(x.Rhs)
	case *ast.RelationalOpExpr:
		x.Lhs, x.Rhs = guard(x.Lhs), guard(x.Rhs)
	case *ast.StringConcatOpExpr:
		return guardCall(guardConcat, x, guard(x.Lhs), guard(x.Rhs))
	case *ast.ArithmeticOpExpr:
		x.Lhs, x.Rhs = guard(x.Lhs), guard(x.Rhs)
	case *ast.UnaryMinusOpExpr:
		x.Expr = guard(x.Expr)
	case *ast.UnaryNotOpExpr:
		x.Expr = guard(x.Expr)
	case *ast.UnaryLenOpExpr:
		return guardCall(guardLen, x, guard(x.Expr))
	case *ast.FunctionExpr:
		guardStatements(x.Stmts)
	}
	return e
}

func guardTable(t *ast.TableExpr) {
	for _, f := range t.Fields {
		f.Value = guard(f.Value)
		if f.Key == nil {
			continue
		}
		if _, named := f.Key.(*ast.StringExpr); !named {
			f.Key = guardCall(guardKey, t, guard(f.Key))
		}
	}
}

func guardCall(name string, at ast.PositionHolder, args ...ast.Expr) *ast.FuncCallExpr {
	f := &ast.IdentExpr{Value: name}
	place(f, at)
	c := &ast.FuncCallExpr{Func: f, Args: args, AdjustRet: true}
	place(c, at)
	return c
}

func place(e, at ast.PositionHolder) {
	e.SetLine(at.Line())
	e.SetLastLine(at.LastLine())
}

// slotBytes is what one place in a table takes.
const slotBytes = 16

func (g *luaBudget) register(l *lua.LState) {
	l.SetGlobal(guardConcat, l.NewFunction(g.concat))
	l.SetGlobal(guardStore, l.NewFunction(g.store))
	l.SetGlobal(guardKey, l.NewFunction(g.key))
	l.SetGlobal(guardLen, l.NewFunction(g.length))
}

// stop ends the run when the budget is spent.
func (g *luaBudget) stop(l *lua.LState) {
	if g.spent != nil {
		l.RaiseError("%s", g.spent.Error())
	}
}

func (g *luaBudget) concat(l *lua.LState) int {
	a, b := l.Get(1), l.Get(2)
	if !lua.LVCanConvToString(a) || !lua.LVCanConvToString(b) {
		bad := a
		if lua.LVCanConvToString(a) {
			bad = b
		}
		l.RaiseError("attempt to concatenate a %s value", bad.Type())
	}
	x, y := lua.LVAsString(a), lua.LVAsString(b)
	g.make(len(x) + len(y))
	g.stop(l)
	l.Push(lua.LString(x + y))
	return 1
}

func (g *luaBudget) store(l *lua.LState) int {
	if t, ok := l.Get(1).(*lua.LTable); ok {
		if n, ok := l.Get(2).(lua.LNumber); ok {
			g.far(l, n, g.measure(l, t))
		}
	}
	l.SetTable(l.Get(1), l.Get(2), l.Get(3))
	return 0
}

// key looks at a key whose table is not at hand: a number counts as if the table were empty.
func (g *luaBudget) key(l *lua.LState) int {
	if n, ok := l.Get(1).(lua.LNumber); ok {
		g.far(l, n, 0)
	}
	l.Push(l.Get(1))
	return 1
}

// far pays for the places between a table's end and n.
func (g *luaBudget) far(l *lua.LState, n lua.LNumber, length int) {
	switch {
	case n >= lua.LNumber(lua.MaxArrayIndex):
		return // beyond what an array holds: stored as a key like any other
	case float64(n) > float64(length):
		g.make((int(n) - length) * slotBytes)
	}
	g.stop(l)
}

// measure gives the length of a table and pays for finding it out.
func (g *luaBudget) measure(l *lua.LState, t *lua.LTable) int {
	n := t.Len()
	g.use(n / 256)
	g.stop(l)
	return n
}

func (g *luaBudget) length(l *lua.LState) int {
	switch x := l.Get(1).(type) {
	case lua.LString:
		l.Push(lua.LNumber(len(x)))
	case *lua.LTable:
		l.Push(lua.LNumber(g.measure(l, x)))
	default:
		l.RaiseError("attempt to get the length of a %s value", x.Type())
	}
	return 1
}
