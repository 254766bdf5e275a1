package drift

import "strings"

// Person reports whether a field manager is a person's tool: what it adds on top of ours is drift.
func (f *Fingerprinter) Person(manager string) bool {
	return manager != f.manager && f.persons.has(manager)
}

// Step is one step on the way to a field: into a map by name, or into a list by index.
type Step struct {
	Field string // empty: an element of a list
	Index int    // of a list element
	Value any    // what it leads to
}

// Rule says which pattern or manager of the rules leaves the field that the steps lead to, and all below it, to others.
// owner is the field's manager, where one is known. It gives the text of the rule.
func (i *Ignored) Rule(steps []Step, owner string) (rule string, ok bool) {
	if i == nil {
		return "", false
	}
	for k, p := range i.pats {
		if len(p) <= len(steps) && p.leadsTo(steps) {
			return i.text(k), true
		}
	}
	if owner != "" && i.manager(owner) {
		return "fields of " + owner, true
	}
	return "", false
}

// text is a pattern as it was written.
func (i *Ignored) text(k int) string {
	if k < len(i.texts) {
		return i.texts[k]
	}
	return "a rule of the App"
}

// leadsTo reports whether the pattern ends on the way that the steps go.
func (p pattern) leadsTo(steps []Step) bool {
	for i, m := range p {
		at := place{value: steps[i].Value, index: steps[i].Index, field: steps[i].Field, found: true}
		if at.field != "" {
			at.index = -1
		}
		if !m.matches(at) {
			return false
		}
	}
	return true
}

// shown cuts a rule to what fits in a line.
func shown(rule string) string {
	const limit = 200
	rule = strings.TrimSpace(rule)
	if len(rule) > limit {
		return rule[:limit] + "…"
	}
	return rule
}
