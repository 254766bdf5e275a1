package health

import (
	"strconv"
	"time"
)

// view reads an object leniently: what is absent or of another type is a zero value.
type view struct {
	obj map[string]any
	now time.Time
}

func (v view) get(path ...string) any {
	var cur any = v.obj
	for _, p := range path {
		m, ok := cur.(map[string]any)
		if !ok {
			return nil
		}
		cur = m[p]
	}
	return cur
}

func (v view) str(path ...string) string {
	s, _ := v.get(path...).(string)
	return s
}

func (v view) yes(path ...string) bool {
	b, _ := v.get(path...).(bool)
	return b
}

func (v view) list(path ...string) []any {
	l, _ := v.get(path...).([]any)
	return l
}

func (v view) mapping(path ...string) map[string]any {
	m, _ := v.get(path...).(map[string]any)
	return m
}

// num reads a whole number, also one that is written as a string.
func (v view) num(path ...string) (int64, bool) {
	switch n := v.get(path...).(type) {
	case int64:
		return n, true
	case float64:
		return int64(n), true
	case int:
		return int64(n), true
	case string:
		i, err := strconv.ParseInt(n, 10, 64)
		return i, err == nil
	}
	return 0, false
}

func (v view) count(path ...string) int64 {
	n, _ := v.num(path...)
	return n
}

func (v view) or(otherwise int64, path ...string) int64 {
	if n, ok := v.num(path...); ok {
		return n
	}
	return otherwise
}

// in is a view of an element of a list or map; what it is not, reads as empty.
func (v view) in(e any) view {
	m, _ := e.(map[string]any)
	return view{obj: m, now: v.now}
}

func (v view) time(path ...string) time.Time {
	t, err := time.Parse(time.RFC3339, v.str(path...))
	if err != nil {
		return time.Time{}
	}
	return t
}

// condition is one element of status.conditions.
type condition struct {
	status, reason, message string
	since                   time.Time
}

// condition finds a condition by its type; ok is false when there is none, or it was made for an older generation.
func (v view) condition(kind string) (condition, bool) {
	for _, e := range v.list("status", "conditions") {
		c := v.in(e)
		if c.str("type") != kind {
			continue
		}
		if seen, ok := c.num("observedGeneration"); ok && seen < v.count("metadata", "generation") {
			return condition{}, false
		}
		return condition{
			status: c.str("status"), reason: c.str("reason"), message: c.str("message"), since: c.time("lastTransitionTime"),
		}, true
	}
	return condition{}, false
}

func (v view) conditionIs(kind, status string) (condition, bool) {
	c, ok := v.condition(kind)
	return c, ok && c.status == status
}

// as makes the condition's words the verdict's; otherwise stands in for an empty message.
func (c condition) as(l Level, otherwise string) Status {
	m := c.message
	if m == "" {
		m = otherwise
	}
	return Status{Level: l, Reason: c.reason, Message: m}
}

func healthy() Status { return Status{Level: Healthy} }
