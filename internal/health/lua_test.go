package health

import (
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

func runLua(t testing.TB, script string, status map[string]any) Status {
	t.Helper()
	now := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	return Compute(widget(status), now, compileOne(t, Rule{Lua: script}))
}

func TestLuaRuleInTheShapeOfTheField(t *testing.T) {
	const script = `
hs = {}
if obj.status ~= nil then
  if obj.status.conditions ~= nil then
    for i, condition in ipairs(obj.status.conditions) do
      if condition.type == "Ready" and condition.status == "False" then
        hs.status = "Degraded"
        hs.message = condition.message
        return hs
      end
      if condition.type == "Ready" and condition.status == "True" then
        hs.status = "Healthy"
        hs.message = condition.message
        return hs
      end
    end
  end
end
hs.status = "Progressing"
hs.message = "Waiting for the widget"
return hs`
	ready := func(status string) map[string]any {
		return map[string]any{"conditions": []any{
			map[string]any{"type": "Other", "status": "True"},
			map[string]any{"type": "Ready", "status": status, "message": "it says " + status},
		}}
	}
	tests := map[string]struct {
		status map[string]any
		want   Status
	}{
		"ready":       {ready("True"), Status{Level: Healthy, Reason: "Rule", Message: "it says True"}},
		"not ready":   {ready("False"), Status{Level: Degraded, Reason: "Rule", Message: "it says False"}},
		"not seen":    {nil, Status{Level: Progressing, Reason: "Rule", Message: "Waiting for the widget"}},
		"empty lists": {map[string]any{"conditions": []any{}}, Status{Level: Progressing, Reason: "Rule", Message: "Waiting for the widget"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if got := runLua(t, script, tt.status); got != tt.want {
				t.Fatalf("got %+v, want %+v", got, tt.want)
			}
		})
	}
}

// expectations are Lua expressions that must be true; they hold the sandbox's own functions to the manual.
var expectations = []string{
	`obj.metadata.labels.a .. "-" .. obj.spec.size == "b-3"`,
	`#obj.spec.list == 2 and obj.spec.list[2] == "y" and obj.spec.ratio == 0.5`,
	`("%d of %s, %5.2f%%"):format(3, "x", 1.5) == "3 of x,  1.50%"`,
	`string.find("hello world", "o w") == 5`,
	`select(2, string.find("hello", "l+")) == 4`,
	`string.find("a.b", ".", 1, true) == 2 and string.find("a.b", "%.") == 2`,
	`string.find("abc", "b", -1) == nil and string.find("abc", "", 10) == nil`,
	`string.find("abc", "()b()") == 2 and select(4, string.find("abc", "()b()")) == 3`,
	`string.match("key = value", "^(%w+)%s*=%s*(%w+)$") == "key"`,
	`select(2, string.match("3/5 ready", "(%d+)/(%d+)")) == "5"`,
	`string.match("f(a(b)c)d", "%b()") == "(a(b)c)" and string.match("THE (quick) fox", "%f[%a]%a+%f[%A]") == "THE"`,
	`string.match("abcabc", "(abc)%1") == "abc" and string.match("x", "y") == nil`,
	`string.match("<<a>>", "<(.-)>") == "<a" and string.match("a]b", "[]]") == "]" and string.match("a-b", "[%-x]") == "-"`,
	`string.match("line\n", "%c") == "\n" and string.match("AbC9_", "^%u%l%u%d%p$") ~= nil and string.match("\t", "%s") ~= nil`,
	`string.match("abc", "[^a-b]") == "c" and string.match("ab", "a?b?c?$") == "ab" and string.match("$5", "%$(%d)") == "5"`,
	`string.gsub("hello world", "o", "0") == "hell0 w0rld" and select(2, string.gsub("aaa", "a", "b", 2)) == 2`,
	`string.gsub("hello", "", "-") == "-h-e-l-l-o-" and string.gsub("abc", "%w", "%0%0") == "aabbcc"`,
	`string.gsub("$name is $age", "%$(%w+)", {name = "Bo", age = 7}) == "Bo is 7"`,
	`string.gsub("abc", "(a)(b)", function(x, y) return y .. x end) == "bac" and string.gsub("abc", "^a", "x") == "xbc"`,
	`string.gsub("abc", "b", function() return nil end) == "abc" and string.gsub("a.b", "%.", "%%") == "a%b"`,
	`(function() local n = 0; for k, v in string.gmatch("a=1, b=2", "(%w+)=(%w+)") do n = n + v end return n end)() == 3`,
	`(function() local s = ""; for w in ("one two"):gmatch("%a+") do s = s .. w end return s end)() == "onetwo"`,
	`(function() local n = 0; for _ in string.gmatch("abc", "x*") do n = n + 1 end return n end)() == 4`,
	`("x"):rep(3) == "xxx" and ("x"):rep(0) == "" and ("Ab"):upper() == "AB" and ("Ab"):lower() == "ab" and ("ab"):reverse() == "ba"`,
	`table.concat({"a", 1, "b"}, ",") == "a,1,b" and table.concat({}) == "" and table.concat({1, 2, 3}, "", 2, 3) == "23"`,
	`(function() local t = {1, 3}; table.insert(t, 2, 2); table.insert(t, 4); return table.concat(t) end)() == "1234"`,
	`(function() local t = {3, 1, 2}; table.sort(t); local last = table.remove(t); return last == 3 and #t == 2 end)()`,
	`(function() local t = {}; t[1] = "a"; t[#t + 1] = "b"; t["k"], t[3] = 1, "c"; return #t == 3 and t.k == 1 end)()`,
	`(function() local t = {[1] = "a", [2] = "b", ["x y"] = 3}; return #t == 2 and t["x y"] == 3 end)()`,
	`(function() local function two() return 1, 2 end; local t = {}; t[1], t[2] = two(); t[3] = two(); return #t == 3 and t[3] == 1 end)()`,
	`(function(...) local t = {...}; t[#t + 1] = select("#", ...); return t[3] end)("a", "b") == 2`,
	`(function() local t = setmetatable({}, {__index = function(_, k) return k .. "!" end}); return t.x end)() == "x!"`,
	`(function() local seen; local t = setmetatable({}, {__newindex = function(_, k, v) seen = k .. v end}); t["a" .. "b"] = 1; return seen end)() == "ab1"`,
	`unpack({1, 2, 3}) == 1 and select("#", unpack({1, 2, 3})) == 3 and rawget(rawset({}, "a", 1), "a") == 1`,
	`os.time() == 1772600767 and os.date("!%Y-%m-%dT%H:%M:%SZ") == "2026-03-04T05:06:07Z" and os.clock() == 0`,
	`os.time({year = 2026, month = 3, day = 4, hour = 5, min = 6, sec = 7}) == os.time() and os.date("*t").year == 2026`,
	`os.difftime(5, 3) == 2 and os.date("%Y", 0) == "1970"`,
	`pcall(function() error("x") end) == false and select(2, pcall(error, {code = 7})).code == 7`,
	`pcall(function() return "a" .. nil end) == false and pcall(function() return #nil end) == false`,
	`pcall(string.format, "%1000d", 1) == false and pcall(string.format, "%[1]s", "x") == false and pcall(string.format, "%*d", 5, 1) == false`,
	`pcall(string.find, "a", "[a") == false and pcall(string.find, "a", "%") == false and pcall(string.match, "a", "(a") == false`,
	`pcall(string.gsub, "a", "a", "%2") == false and pcall(table.insert, {}, 5, 1) == false and pcall(unpack, {}, 1, 1e8) == false`,
	`tostring(12) == "12" and tonumber("0x10") == 16 and math.floor(2.5) == 2 and math.max(1, 3) == 3 and type(pairs) == "function"`,
	`_G == nil and io == nil and require == nil and load == nil and loadstring == nil and dofile == nil and loadfile == nil`,
	`debug == nil and package == nil and coroutine == nil and channel == nil and module == nil and getfenv == nil and setfenv == nil`,
	`collectgarbage == nil and newproxy == nil and string.dump == nil and math.random == nil and math.randomseed == nil`,
	`os.execute == nil and os.getenv == nil and os.exit == nil and os.remove == nil and os.rename == nil and os.tmpname == nil and os.setenv == nil`,
	`(function() local s = ""; for k in pairs(obj.metadata) do s = s .. k .. " " end return s end)() == "generation labels name namespace "`,
	`print("nothing is written") == nil`,
}

func TestLuaSandboxKeepsToTheManual(t *testing.T) {
	for _, e := range expectations {
		t.Run(e, func(t *testing.T) {
			got := runLua(t, "if "+e+` then return {status = "Healthy"} end return {status = "Degraded"}`, nil)
			if got.Level != Healthy {
				t.Fatalf("got %s %q", got.Level, got.Message)
			}
		})
	}
}

func TestLuaFaultsMakeTheObjectUnknownAndSayWhy(t *testing.T) {
	tests := map[string]struct{ script, want string }{
		"an error names its line":     {"local x = nil\nreturn x.y", "script:2:"},
		"an error that was raised":    {`error("no such widget")`, "no such widget"},
		"joining what is no string":   {"\n\nlocal s = 'a' .. obj.nothing", "attempt to concatenate a nil value"},
		"nothing returned":            {"local x = 1", "the script returned nil"},
		"a string returned":           {`return "Healthy"`, "the script returned string"},
		"no status in the table":      {`return {message = "x"}`, "has no status"},
		"a level that is none":        {`return {status = "OK"}`, `"OK" is no health`},
		"endless recursion":           {"local function f() return 1 + f() end return f()", "stack overflow"},
		"a loop":                      {"while true do end", "runs too long"},
		"a loop that catches errors":  {"while true do pcall(function() while true do end end) end", "runs too long"},
		"a loop in an error handler":  {"xpcall(error, function() while true do end end)", "runs too long"},
		"a loop through a metatable":  {"local t = setmetatable({}, {__index = function(t, k) return t[k + 1] end}) return t[1]", "*"},
		"a pattern that explodes":     {`return string.find(("a"):rep(5000), (".-"):rep(12) .. "b")`, "runs too long"},
		"a pattern tried for ever":    {`while true do pcall(string.find, ("a"):rep(3000), ".-.-.-b") end`, "runs too long"},
		"one giant string":            {`return ("x"):rep(1e9)`, "too much memory"},
		"a string doubled":            {`local s = "x" while true do s = s .. s end`, "too much memory"},
		"a string doubled in secret":  {`local s = "x" while true do pcall(function() s = s .. s end) end`, "*"},
		"strings kept in a table":     {`local t, s = {}, ("x"):rep(1e5) for i = 1, 1e6 do t[i] = s .. i end`, "too much memory"},
		"an index far away":           {`local t = {} t[60000000] = 1`, "too much memory"},
		"an index far away, again":    {`local t, u = {}, {} t[60000000], u[1] = 1, 2`, "too much memory"},
		"an index far away, rawset":   {`rawset({}, 60000000, 1)`, "too much memory"},
		"an index far away, in a key": {`local t = {[60000000] = 1}`, "too much memory"},
		"many tables":                 {`local t = {} while true do t = {t, {}, {}, {}} end`, "runs too long"},
		"a giant format":              {`return string.format(("%99d"):rep(5e5), 1)`, "too much memory"},
		"gsub that grows":             {`local s = "aaaaaaaa" while true do s = string.gsub(s, "a", "aaaaaaaa") end`, "*"},
		"table.concat that grows":     {`local s = "x" while true do s = table.concat({s, s, s, s}) end`, "too much memory"},
		"upper of much":               {`local s = ("x"):rep(1e6) while true do s:upper() end`, "runs too long"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got := runLua(t, tt.script, nil)
			if got.Level != Unknown || got.Reason != reasonRuleFailed || !strings.Contains(got.Message, strings.Trim(tt.want, "*")) {
				t.Fatalf("got %s %s %q", got.Level, got.Reason, got.Message)
			}
			if strings.Contains(got.Message, "\n") || strings.Contains(got.Message, "stack traceback") {
				t.Errorf("more than a sentence: %q", got.Message)
			}
		})
	}
}

func TestNoLuaScriptTakesMuchMemory(t *testing.T) {
	for _, script := range []string{
		`local t = {} for i = 1, 1e9 do t[i] = {i} end`,
		`local t = {} for i = 1, 1e9 do table.insert(t, {}) end`,
		`local t, s = {}, ("x"):rep(1e5) for i = 1, 1e6 do t[i] = s .. i end`,
		`local s = "x" while true do s = s .. s end`,
		`local t = {} for i = 1, 1e9 do t[i] = {} t[i][500] = 1 end`,
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		runLua(t, script, nil)
		runtime.ReadMemStats(&after)
		const most = 160 << 20
		if used := after.TotalAlloc - before.TotalAlloc; used > most {
			t.Errorf("%s allocated %d MiB", script, used>>20)
		}
	}
}

func TestLuaRunsShareNothing(t *testing.T) {
	rules := compileOne(t, Rule{Lua: `n = (n or 0) + 1; string.upper = nil; obj.spec.size = 9; return {status = n == 1 and "Healthy" or "Degraded"}`})
	u := widget(nil)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 50 {
				if got := Compute(u, time.Time{}, rules); got.Level != Healthy {
					t.Errorf("got %+v", got)
				}
			}
		})
	}
	wg.Wait()
	if size := u.Object["spec"].(map[string]any)["size"]; size != int64(3) {
		t.Fatalf("the script changed the object: size %v", size)
	}
}

func FuzzLuaPatternNeverPanicsOrHangs(f *testing.F) {
	for _, p := range []string{"^(%w+)%s*=%s*(%w+)$", "%b()", "%f[%a]", "[]]", "[^%s-]", "(()a)%1", "%", "[a", "a-b*c+d?", "(", ")"} {
		f.Add("key = value (x)", p)
	}
	f.Fuzz(func(t *testing.T, src, pat string) {
		g := newLuaBudget()
		_ = g.tryPattern(src, pat, func(m *luaMatcher) {
			if s, e, ok := m.find(0); ok && (s > e || e > len(src)) {
				t.Fatalf("match [%d,%d) in %d bytes", s, e, len(src))
			}
		})
	})
}

func BenchmarkLuaRule(b *testing.B) {
	rules := compileOne(b, Rule{Lua: `
hs = {}
for i, c in ipairs(obj.status.conditions) do
  if c.type == "Ready" and c.status == "True" then hs.status = "Healthy" hs.message = c.message return hs end
end
hs.status = "Progressing"
return hs`})
	u := widget(map[string]any{"conditions": []any{map[string]any{"type": "Ready", "status": "True", "message": "x"}}})
	b.ReportAllocs()
	for b.Loop() {
		Compute(u, time.Time{}, rules)
	}
}
