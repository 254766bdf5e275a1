package health

import (
	"strings"
	"time"

	lua "github.com/yuin/gopher-lua"
)

// osFunctions are the parts of os that tell time: always the time of the verdict, in UTC.
func osFunctions(now time.Time) map[string]lua.LGFunction {
	now = now.UTC()
	return map[string]lua.LGFunction{
		"time": func(l *lua.LState) int {
			t := now
			if tab, ok := l.Get(1).(*lua.LTable); ok {
				field := func(name string, otherwise int) int {
					if n, ok := lua.LVAsNumber(tab.RawGetString(name)), tab.RawGetString(name) != lua.LNil; ok {
						return int(n)
					}
					return otherwise
				}
				t = time.Date(field("year", 1970), time.Month(field("month", 1)), field("day", 1),
					field("hour", 12), field("min", 0), field("sec", 0), 0, time.UTC)
			}
			l.Push(lua.LNumber(t.Unix()))
			return 1
		},
		"date": func(l *lua.LState) int {
			t := now
			if n, ok := l.Get(2).(lua.LNumber); ok {
				t = time.Unix(int64(n), 0).UTC()
			}
			l.Push(luaDate(l, strings.TrimPrefix(l.OptString(1, "%c"), "!"), t))
			return 1
		},
		"difftime": func(l *lua.LState) int {
			l.Push(l.CheckNumber(1) - l.OptNumber(2, 0))
			return 1
		},
		"clock": func(l *lua.LState) int {
			l.Push(lua.LNumber(0)) // a verdict takes no time
			return 1
		},
	}
}

// dateLayouts are strftime's letters as Go layouts.
var dateLayouts = map[byte]string{
	'a': "Mon", 'A': "Monday", 'b': "Jan", 'B': "January", 'c': "Mon Jan  2 15:04:05 2006", 'd': "02", 'D': "01/02/06",
	'F': "2006-01-02", 'H': "15", 'I': "03", 'j': "002", 'm': "01", 'M': "04", 'p': "PM", 'S': "05", 'T': "15:04:05",
	'x': "01/02/06", 'X': "15:04:05", 'y': "06", 'Y': "2006", 'z': "-0700", 'Z': "MST",
}

func luaDate(l *lua.LState, format string, t time.Time) lua.LValue {
	if strings.HasPrefix(format, "*t") {
		tab := l.NewTable()
		for name, n := range map[string]int{
			"year": t.Year(), "month": int(t.Month()), "day": t.Day(), "hour": t.Hour(), "min": t.Minute(), "sec": t.Second(),
			"wday": int(t.Weekday()) + 1, "yday": t.YearDay(),
		} {
			tab.RawSetString(name, lua.LNumber(n))
		}
		tab.RawSetString("isdst", lua.LFalse)
		return tab
	}
	const most = 256
	if len(format) > most {
		l.ArgError(1, "format too long")
	}
	var b strings.Builder
	for i := 0; i < len(format); i++ {
		if format[i] != '%' || i+1 == len(format) {
			b.WriteByte(format[i])
			continue
		}
		i++
		if layout, ok := dateLayouts[format[i]]; ok {
			b.WriteString(t.Format(layout))
		} else {
			b.WriteByte(format[i])
		}
	}
	return lua.LString(b.String())
}
