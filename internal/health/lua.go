package health

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	lua "github.com/yuin/gopher-lua"
	"github.com/yuin/gopher-lua/parse"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

const luaMaxScript = 64 << 10 // bytes of source

// luaJudge is a compiled script. Each call runs it in a state of its own, so that nothing passes from one object to
// another and calls may run at the same time.
type luaJudge struct{ proto *lua.FunctionProto }

func compileLua(script string) (judge, error) {
	if len(script) > luaMaxScript {
		return nil, fmt.Errorf("lua: the script has %d bytes, more than %d", len(script), luaMaxScript)
	}
	chunk, err := parse.Parse(strings.NewReader(script), "script")
	if err != nil {
		return nil, fmt.Errorf("lua: %s", oneLine(err.Error()))
	}
	guardStatements(chunk)
	proto, err := lua.Compile(chunk, "script")
	if err != nil {
		return nil, fmt.Errorf("lua: %s", oneLine(err.Error()))
	}
	return &luaJudge{proto: proto}, nil
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

func (j *luaJudge) judge(obj *unstructured.Unstructured, now time.Time) (s Status, err error) {
	l := lua.NewState(lua.Options{
		SkipOpenLibs: true, CallStackSize: 120, RegistrySize: 1024, RegistryMaxSize: 64 << 10, RegistryGrowStep: 1024,
		MinimizeStackMemory: true,
	})
	defer l.Close()
	g := newLuaBudget()
	openSandbox(l, g, now)
	l.SetGlobal("obj", luaValue(l, obj.Object))
	l.SetContext(g)
	l.Push(l.NewFunctionFromProto(j.proto))
	if err := l.PCall(0, 1, nil); err != nil {
		return Status{}, luaFailure(err, g)
	}
	hs, ok := l.Get(-1).(*lua.LTable)
	if !ok {
		return Status{}, fmt.Errorf("lua: the script returned %s, not a table with status and message", l.Get(-1).Type())
	}
	level, ok := hs.RawGetString("status").(lua.LString)
	if !ok {
		return Status{}, errors.New("lua: the table that the script returned has no status")
	}
	message, _ := hs.RawGetString("message").(lua.LString)
	return verdict(string(level), string(message))
}

// luaFailure says in one line what went wrong, without a stack trace.
func luaFailure(err error, g *luaBudget) error {
	if g.spent != nil {
		return g.spent
	}
	var api *lua.ApiError
	if errors.As(err, &api) && api.Object != nil && api.Object != lua.LNil {
		return fmt.Errorf("lua: %s", oneLine(api.Object.String()))
	}
	first, _, _ := strings.Cut(err.Error(), "\n")
	return fmt.Errorf("lua: %s", first)
}

// luaValue copies a JSON-like value into the state.
func luaValue(l *lua.LState, v any) lua.LValue {
	switch x := v.(type) {
	case string:
		return lua.LString(x)
	case bool:
		return lua.LBool(x)
	case int64:
		return lua.LNumber(x)
	case float64:
		return lua.LNumber(x)
	case int:
		return lua.LNumber(x)
	case []any:
		t := l.CreateTable(len(x), 0)
		for _, e := range x {
			t.Append(luaValue(l, e))
		}
		return t
	case map[string]any:
		t := l.CreateTable(0, len(x))
		for _, k := range slices.Sorted(maps.Keys(x)) { // pairs goes in this order
			t.RawSetString(k, luaValue(l, x[k]))
		}
		return t
	}
	return lua.LNil
}
