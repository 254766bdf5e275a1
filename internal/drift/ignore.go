package drift

import (
	"fmt"
	"path"

	"plumb.cd/plumb/internal/fault"
	"plumb.cd/plumb/internal/object"
)

// Ignore names fields that we leave to others. Which objects: an empty Kind means every kind of every group, Group and
// Kind may be "*", Namespace and Name may be empty (any) or globs. Which fields: JSON pointers whose steps may be "*",
// paths (see parsePath), and everything that the named managers own.
type Ignore struct {
	Group     string   `json:"group,omitempty"`
	Kind      string   `json:"kind,omitempty"`
	Namespace string   `json:"namespace,omitempty"`
	Name      string   `json:"name,omitempty"`
	Pointers  []string `json:"jsonPointers,omitempty"`
	Paths     []string `json:"paths,omitempty"`
	Managers  []string `json:"managers,omitempty"`
}

// Ignores is a compiled list of Ignore. Nil ignores nothing. It is safe for concurrent use.
type Ignores struct{ list []compiledIgnore }

type compiledIgnore struct {
	Ignore
	patterns []pattern
	texts    []string
	managers names
}

// Ignored is what is ignored of one object. Nil ignores nothing.
type Ignored struct {
	pats     []pattern
	texts    []string // of pats, as they were written
	managers []names
}

// CompileIgnores checks and compiles rules. The error is a fault.Error of class Invalid that names the rule by its place
// in the list and shows the offending text.
func CompileIgnores(rules []Ignore) (*Ignores, error) {
	out := &Ignores{}
	for i, r := range rules {
		c := compiledIgnore{Ignore: r, managers: compileNames(r.Managers)}
		for _, glob := range []string{r.Namespace, r.Name} {
			if _, err := path.Match(glob, ""); err != nil {
				return nil, ignoreError(i, glob, "not a glob pattern")
			}
		}
		for _, p := range r.Pointers {
			pat, err := parsePointer(p)
			if err != nil {
				return nil, ignoreError(i, p, err.Error())
			}
			c.patterns, c.texts = append(c.patterns, pat), append(c.texts, shown(p))
		}
		for _, p := range r.Paths {
			pat, err := parsePath(p)
			if err != nil {
				return nil, ignoreError(i, p, err.Error())
			}
			c.patterns, c.texts = append(c.patterns, pat), append(c.texts, shown(p))
		}
		out.list = append(out.list, c)
	}
	return out, nil
}

func ignoreError(i int, text, why string) error {
	return &fault.Error{
		Class: fault.Invalid, Reason: fault.SyntaxInvalid, Where: fmt.Sprintf("ignore rule %d", i+1),
		Message: fmt.Sprintf("%q: %s", text, why),
		Next:    `name fields like "/spec/replicas" or ".spec.template.spec.containers[name=web].image"`,
	}
}

// ForObject gives what is ignored of the object id, nil when that is nothing.
func (i *Ignores) ForObject(id object.ID) *Ignored {
	if i == nil {
		return nil
	}
	var out *Ignored
	for k := range i.list {
		c := &i.list[k]
		if !c.selects(id) {
			continue
		}
		if out == nil {
			out = &Ignored{}
		}
		out.pats, out.texts = append(out.pats, c.patterns...), append(out.texts, c.texts...)
		if len(c.Managers) > 0 {
			out.managers = append(out.managers, c.managers)
		}
	}
	return out
}

func (c *compiledIgnore) selects(id object.ID) bool {
	if c.Kind != "" && c.Kind != "*" && c.Kind != id.Kind {
		return false
	}
	if c.Group != "*" && c.Group != id.Group && (c.Kind != "" || c.Group != "") {
		return false
	}
	return globbed(c.Namespace, id.Namespace) && globbed(c.Name, id.Name)
}

func globbed(glob, s string) bool {
	if glob == "" || glob == s {
		return true
	}
	ok, _ := path.Match(glob, s) // checked when compiled
	return ok
}

func (i *Ignored) patterns() []pattern {
	if i == nil {
		return nil
	}
	return i.pats
}

func (i *Ignored) manager(name string) bool {
	if i == nil {
		return false
	}
	for _, n := range i.managers {
		if n.has(name) {
			return true
		}
	}
	return false
}
