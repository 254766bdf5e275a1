package compare

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"plumb.cd/plumb/internal/object"
)

// owner is one manager's field set, at some place of the object.
type owner struct {
	manager string
	ours    bool           // the entry that our applies keep
	at      string         // RFC 3339 in UTC, which sorts as text
	status  bool           // written through the status subresource, which may hold metadata too
	fields  map[string]any // fieldsV1; empty or only ".": all of what is here
}

// ownersOf reads managedFields, the newest entry first.
func ownersOf(live *unstructured.Unstructured, manager string) []owner {
	if live == nil {
		return nil
	}
	meta, _ := live.Object["metadata"].(map[string]any)
	list, _ := meta["managedFields"].([]any)
	var out []owner
	for _, raw := range list {
		m, _ := raw.(map[string]any)
		fields, ok := m["fieldsV1"].(map[string]any)
		if !ok {
			continue
		}
		sub, _ := m["subresource"].(string)
		name, _ := m["manager"].(string)
		op, _ := m["operation"].(string)
		at, _ := m["time"].(string)
		ours := name == manager && op == "Apply" && sub == ""
		out = append(out, owner{manager: name, ours: ours, at: at, status: sub == "status", fields: fields})
	}
	slices.SortStableFunc(out, func(a, b owner) int { return strings.Compare(b.at, a.at) })
	return out
}

// whole reports whether the set holds all of what it stands at, not parts of it.
func (o owner) whole() bool {
	_, self := o.fields["."]
	return len(o.fields) == 0 || self && len(o.fields) == 1
}

// into follows a map's field; what an owner does not hold is left out, what it holds as a whole is held below too.
func into(owners []owner, field string) []owner { return follow(owners, "f:"+field) }

func follow(owners []owner, key string) []owner {
	var out []owner
	for _, o := range owners {
		if o.whole() {
			out = append(out, o)
			continue
		}
		if next, ok := o.fields[key]; ok {
			o.fields, _ = next.(map[string]any)
			out = append(out, o)
		}
	}
	return out
}

// intoElement follows a list's element, by whatever key the field sets name it. An index names an element of the live
// list.
func intoElement(owners []owner, element any, index string) []owner {
	var out []owner
	for _, o := range owners {
		if o.whole() {
			out = append(out, o)
			continue
		}
		for key, next := range o.fields {
			if key == "i:"+index || namesElement(key, element) {
				o.fields, _ = next.(map[string]any)
				out = append(out, o)
				break
			}
		}
	}
	return out
}

func namesElement(key string, element any) bool {
	if text, ok := strings.CutPrefix(key, "v:"); ok {
		var v any
		return json.Unmarshal([]byte(text), &v) == nil && object.Equal(v, element)
	}
	text, ok := strings.CutPrefix(key, "k:")
	m, isMap := element.(map[string]any)
	if !ok || !isMap {
		return false
	}
	var want map[string]any
	if json.Unmarshal([]byte(text), &want) != nil {
		return false
	}
	for k, v := range want {
		if !object.Equal(m[k], v) {
			return false
		}
	}
	return true
}

// mergeKeys are the fields that the API server tells a list's elements apart by, sorted; none when nobody owns elements
// of it one by one.
func mergeKeys(owners []owner) []string {
	for _, o := range owners {
		for key := range o.fields {
			text, ok := strings.CutPrefix(key, "k:")
			if !ok {
				continue
			}
			var m map[string]any
			if json.Unmarshal([]byte(text), &m) == nil && len(m) > 0 {
				return slices.Sorted(maps.Keys(m))
			}
		}
	}
	return nil
}

// isSet reports whether a list of scalars is owned by value: its order says nothing.
func isSet(owners []owner) bool {
	for _, o := range owners {
		for key := range o.fields {
			if strings.HasPrefix(key, "v:") {
				return true
			}
		}
	}
	return false
}
