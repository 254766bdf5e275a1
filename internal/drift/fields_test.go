package drift

import "testing"

func TestElementsAreFoundByEveryKindOfKey(t *testing.T) {
	ports := []any{
		map[string]any{"port": int64(80), "protocol": "TCP", "secure": false},
		map[string]any{"port": float64(53), "protocol": "UDP", "secure": true},
		map[string]any{"port": int64(80), "protocol": "UDP", "name": "with \"quotes\", and , more}"},
		map[string]any{"port": 0.5, "name": nil},
		"no map",
	}
	scalars := []any{"a", int64(7), true, nil, 1.5, "with \"quotes\"", false}
	tests := map[string]struct {
		list []any
		key  string
		want int
	}{
		"two fields":               {ports, `k:{"port":80,"protocol":"UDP"}`, 2},
		"a number that is a float": {ports, `k:{"port":53,"protocol":"UDP"}`, 1},
		"a fraction":               {ports, `k:{"port":0.5}`, 3},
		"a bool":                   {ports, `k:{"secure":true}`, 1},
		"the other bool":           {ports, `k:{"port":80,"secure":false}`, 0},
		"null":                     {ports, `k:{"name":null,"port":0.5}`, 3},
		"escapes":                  {ports, `k:{"name":"with \"quotes\", and , more}"}`, 2},
		"no such element":          {ports, `k:{"port":81,"protocol":"TCP"}`, -1},
		"no JSON":                  {ports, `k:{"port"`, -1},
		"no object":                {ports, `k:80`, -1},
		"a string":                 {scalars, `v:"a"`, 0},
		"a number":                 {scalars, `v:7`, 1},
		"true":                     {scalars, `v:true`, 2},
		"a null":                   {scalars, `v:null`, 3},
		"a fraction in a set":      {scalars, `v:1.5`, 4},
		"a string with escapes":    {scalars, `v:"with \"quotes\""`, 5},
		"false":                    {scalars, `v:false`, 6},
		"not in the set":           {scalars, `v:"b"`, -1},
		"no scalar":                {scalars, `v:{"a":1}`, -1},
		"an index":                 {scalars, `i:2`, 2},
		"an index too far":         {scalars, `i:9`, -1},
		"nonsense":                 {scalars, `x`, -1},
		"another kind of key":      {scalars, `q:1`, -1},
		"a list that is not there": {nil, `v:"a"`, -1},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if got := elementOf(tt.list, tt.key); got != tt.want {
				t.Fatalf("got %d, want %d", got, tt.want)
			}
		})
	}
}

func FuzzKeysAndPathsNeverPanic(f *testing.F) {
	f.Add(`k:{"name":"web"}`, `.spec.a[name=b]["c.d"][3]`)
	f.Add(`v:"x`, `.a[] | select(.b == "c") | .d`)
	f.Add(`k:{"a":1,"b":tru}`, `/a/*/b~1c`)
	f.Fuzz(func(_ *testing.T, key, path string) {
		list := []any{map[string]any{"name": "web"}, "x", int64(1), nil}
		if i := elementOf(list, key); i >= len(list) {
			panic("out of range")
		}
		_, _ = parseChangePath(path)
		_, _ = parsePath(path)
		_, _ = parsePointer(path)
	})
}
