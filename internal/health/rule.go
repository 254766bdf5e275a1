package health

import (
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"plumb.cd/plumb/internal/fault"
	"plumb.cd/plumb/internal/object"
)

// Rule is a user's rule for the objects of a kind. Group and Kind may be "*"; an empty Group is the core group. Exactly one
// of CEL and Lua is set.
type Rule struct {
	Group string   `json:"group,omitempty"`
	Kind  string   `json:"kind"`
	CEL   *CELRule `json:"cel,omitempty"`
	// Lua is a script that gets the object as the global obj and returns a table with status (a Level) and message.
	Lua string `json:"lua,omitempty"`
}

// CELRule are CEL expressions over the object, called self. Either Level is set, an expression that gives a Level as a
// string, or the others are, expressions that give a bool: the first that is true decides, in the order Failed (Degraded),
// Suspended, InProgress (Progressing), Current (Healthy); when none is, the object is Progressing. A field that the object
// does not have makes its expression false, not an error. Message gives a string.
type CELRule struct {
	Current    string `json:"current,omitempty"`
	InProgress string `json:"inProgress,omitempty"`
	Failed     string `json:"failed,omitempty"`
	Suspended  string `json:"suspended,omitempty"`
	Level      string `json:"level,omitempty"`
	Message    string `json:"message,omitempty"`
}

// Rules are compiled rules. Nil selects nothing. Safe for concurrent use.
type Rules struct{ list []compiled }

type compiled struct {
	group, kind string
	judge       judge
}

// judge is a compiled rule. An error means that the rule is at fault, not the object.
type judge interface {
	judge(obj *unstructured.Unstructured, now time.Time) (Status, error)
}

// CompileRules compiles rules, which are then tried in their order. The error is a fault.Error of class Invalid that says
// which rule is wrong and where in it.
func CompileRules(rules []Rule) (*Rules, error) {
	out := &Rules{}
	for i, r := range rules {
		j, err := compileRule(r)
		if err != nil {
			return nil, &fault.Error{
				Class: fault.Invalid, Reason: fault.SyntaxInvalid,
				Where:   fmt.Sprintf("health rule %d (%s)", i+1, ruleName(r)),
				Message: err.Error(), Err: err,
			}
		}
		out.list = append(out.list, compiled{group: r.Group, kind: r.Kind, judge: j})
	}
	return out, nil
}

func compileRule(r Rule) (judge, error) {
	switch {
	case r.Kind == "":
		return nil, fmt.Errorf("kind is missing; \"*\" means every kind")
	case (r.CEL == nil) == (r.Lua == ""):
		return nil, fmt.Errorf("give either cel or lua")
	case r.CEL != nil:
		return compileCEL(*r.CEL)
	}
	return compileLua(r.Lua)
}

func ruleName(r Rule) string {
	if r.Group == "" {
		return r.Kind
	}
	return r.Kind + "." + r.Group
}

// compute tries the first rule that selects the object. A rule that fails makes the object Unknown, so that it is noticed.
func (r *Rules) compute(id object.ID, obj *unstructured.Unstructured, now time.Time) (Status, bool) {
	if r == nil {
		return Status{}, false
	}
	for _, c := range r.list {
		if (c.kind != "*" && c.kind != id.Kind) || (c.group != "*" && c.group != id.Group) {
			continue
		}
		s, err := c.judge.judge(obj, now)
		if err != nil {
			return Status{Level: Unknown, Reason: reasonRuleFailed, Message: "the health rule failed: " + err.Error()}, true
		}
		return s, true
	}
	return Status{}, false
}

// verdict checks a level that a rule gave.
func verdict(level, message string) (Status, error) {
	if _, ok := rank[Level(level)]; !ok {
		return Status{}, fmt.Errorf("%q is no health; it is one of Healthy, Progressing, Degraded, Suspended, Missing, Unknown", level)
	}
	return Status{Level: Level(level), Reason: reasonRule, Message: message}, nil
}
