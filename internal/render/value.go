package render

import (
	"encoding/base64"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// Dialect says how plain YAML scalars are understood.
type Dialect int

const (
	// Kubectl reads as kubectl does: "yes", "on" and their like are booleans, dates are strings.
	Kubectl Dialect = iota
	// Kustomize reads as "kustomize build" does: "yes" is a string, dates are written out in full.
	Kustomized
)

const (
	maxDepth      = 1000    // nesting of one document
	maxAliasNodes = 200_000 // nodes that aliases may add to one document
)

// PlacedError is a fault in a document with the line that it is on, counted from 1; 0 means unknown.
type PlacedError struct {
	Line    int
	Message string
}

func (e *PlacedError) Error() string {
	if e.Line == 0 {
		return e.Message
	}
	return fmt.Sprintf("line %d: %s", e.Line, e.Message)
}

// NodeValue turns a YAML node into JSON-like values: map[string]any, []any, string, bool, int64, float64 and nil.
// Numbers are what a trip through JSON would make of them (1.0 is int64 1). Duplicate keys, values that JSON has no
// form for, too deep nesting and aliases that multiply are errors, each a *PlacedError.
func NodeValue(node *yaml.Node, dialect Dialect) (any, error) {
	c := converter{dialect: dialect}
	return c.value(node, 0)
}

type converter struct {
	dialect Dialect
	aliases int // how many aliases we are inside of
	added   int // nodes made inside aliases
}

func (c *converter) value(n *yaml.Node, depth int) (any, error) {
	if depth > maxDepth {
		return nil, &PlacedError{n.Line, fmt.Sprintf("nested deeper than %d levels", maxDepth)}
	}
	if c.aliases > 0 {
		if c.added++; c.added > maxAliasNodes {
			return nil, &PlacedError{n.Line, fmt.Sprintf("aliases expand to more than %d nodes", maxAliasNodes)}
		}
	}
	switch n.Kind {
	case yaml.DocumentNode:
		if len(n.Content) == 0 {
			return nil, nil
		}
		return c.value(n.Content[0], depth)
	case yaml.MappingNode:
		m := make(map[string]any, len(n.Content)/2)
		return m, c.mapping(n, depth, m)
	case yaml.SequenceNode:
		return c.sequence(n, depth)
	case yaml.AliasNode:
		c.aliases++
		v, err := c.value(n.Alias, depth+1)
		c.aliases--
		return v, err
	case yaml.ScalarNode:
		return c.scalar(n)
	default:
		return nil, nil
	}
}

func (c *converter) sequence(n *yaml.Node, depth int) (any, error) {
	list := make([]any, len(n.Content))
	for i, item := range n.Content {
		v, err := c.value(item, depth+1)
		if err != nil {
			return nil, err
		}
		list[i] = v
	}
	return list, nil
}

func (c *converter) mapping(n *yaml.Node, depth int, m map[string]any) error {
	var merges []*yaml.Node
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, val := n.Content[i], n.Content[i+1]
		if isMerge(k) {
			merges = append(merges, val)
			continue
		}
		key, err := c.key(k)
		if err != nil {
			return err
		}
		if _, dup := m[key]; dup {
			return &PlacedError{k.Line, fmt.Sprintf("duplicate key %q", key)}
		}
		v, err := c.value(val, depth+1)
		if err != nil {
			return err
		}
		m[key] = v
	}
	for _, merge := range merges {
		if err := c.merge(merge, depth+1, m); err != nil {
			return err
		}
	}
	return nil
}

// merge adds the keys of a "<<" value that m does not have; of several mappings the first wins.
func (c *converter) merge(n *yaml.Node, depth int, m map[string]any) error {
	sources := []*yaml.Node{n}
	if n.Kind == yaml.SequenceNode {
		sources = n.Content
	}
	for _, src := range sources {
		v, err := c.value(src, depth)
		if err != nil {
			return err
		}
		from, ok := v.(map[string]any)
		if !ok {
			return &PlacedError{src.Line, "a merge key (<<) takes a mapping or a list of mappings"}
		}
		for k, v := range from {
			if _, have := m[k]; !have {
				m[k] = v
			}
		}
	}
	return nil
}

func isMerge(k *yaml.Node) bool {
	return k.Kind == yaml.ScalarNode && k.Value == "<<" && (k.Tag == "" || k.Tag == "!!merge" || k.Tag == "!") && plain(k)
}

func plain(n *yaml.Node) bool {
	return n.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle|yaml.LiteralStyle|yaml.FoldedStyle|yaml.TaggedStyle) == 0
}

func (c *converter) key(k *yaml.Node) (string, error) {
	if k.Kind == yaml.AliasNode {
		k = k.Alias
	}
	if k.Kind != yaml.ScalarNode {
		return "", &PlacedError{k.Line, "a mapping key is not a scalar"}
	}
	v, err := c.scalar(k)
	if err != nil {
		return "", err
	}
	switch v := v.(type) {
	case string:
		return v, nil
	case bool:
		return strconv.FormatBool(v), nil
	case int64:
		return strconv.FormatInt(v, 10), nil
	case float64:
		return strconv.FormatFloat(v, 'g', -1, 64), nil
	default:
		return "", &PlacedError{k.Line, "a mapping key is null"}
	}
}

func (c *converter) scalar(n *yaml.Node) (any, error) {
	switch tag := n.ShortTag(); tag {
	case "!!str":
		if c.dialect == Kubectl && plain(n) {
			if b, ok := oldBool(n.Value); ok {
				return b, nil
			}
		}
		return n.Value, nil
	case "!!null":
		return nil, nil
	case "!!bool":
		return boolean(n)
	case "!!int":
		return integer(n)
	case "!!float":
		return float(n)
	case "!!timestamp":
		return c.timestamp(n)
	case "!!binary":
		b, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(n.Value), ""))
		if err != nil {
			return nil, &PlacedError{n.Line, "a !!binary value is not base64"}
		}
		return string(b), nil
	default:
		return n.Value, nil
	}
}

// oldBool knows the words that YAML 1.1 calls booleans and YAML 1.2 does not.
func oldBool(s string) (value, ok bool) {
	switch s {
	case "y", "Y", "yes", "Yes", "YES", "on", "On", "ON":
		return true, true
	case "n", "N", "no", "No", "NO", "off", "Off", "OFF":
		return false, true
	}
	return false, false
}

func boolean(n *yaml.Node) (any, error) {
	switch n.Value {
	case "true", "True", "TRUE":
		return true, nil
	case "false", "False", "FALSE":
		return false, nil
	}
	if b, ok := oldBool(n.Value); ok {
		return b, nil
	}
	return nil, &PlacedError{n.Line, fmt.Sprintf("%q is not a boolean", n.Value)}
}

func integer(n *yaml.Node) (any, error) {
	s := strings.ReplaceAll(n.Value, "_", "")
	if i, err := strconv.ParseInt(s, 0, 64); err == nil {
		return i, nil
	}
	if u, err := strconv.ParseUint(s, 0, 64); err == nil {
		return float64(u), nil
	}
	return nil, &PlacedError{n.Line, fmt.Sprintf("%q is not an integer of 64 bits", n.Value)}
}

func float(n *yaml.Node) (any, error) {
	s := strings.ReplaceAll(n.Value, "_", "")
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || math.IsNaN(f) || math.IsInf(f, 0) {
		return nil, &PlacedError{n.Line, fmt.Sprintf("%q is not a number that JSON can hold", n.Value)}
	}
	return Number(f), nil
}

// Number is the form that a float takes after a trip through JSON as Kubernetes reads it: int64 where the number is
// written without a fraction and fits, float64 otherwise.
func Number(f float64) any {
	if f == math.Trunc(f) && math.Abs(f) < 1<<63 {
		return int64(f)
	}
	return f
}

func (c *converter) timestamp(n *yaml.Node) (any, error) {
	if c.dialect == Kubectl {
		return n.Value, nil
	}
	var t time.Time
	if err := n.Decode(&t); err != nil {
		return nil, &PlacedError{n.Line, fmt.Sprintf("%q is not a date", n.Value)}
	}
	b, err := t.MarshalText()
	if err != nil {
		return nil, &PlacedError{n.Line, fmt.Sprintf("%q is not a date", n.Value)}
	}
	return string(b), nil
}
