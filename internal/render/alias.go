package render

import (
	"bytes"
	"fmt"

	"go.yaml.in/yaml/v3"
)

// CheckAliases refuses YAML whose aliases multiply beyond what NodeValue allows, for libraries that expand them without
// a limit. Text without anchors costs two scans; YAML that does not parse passes, to be refused by who reads it.
func CheckAliases(file string, data []byte) error {
	if bytes.IndexByte(data, '&') < 0 || bytes.IndexByte(data, '*') < 0 {
		return nil
	}
	dec := yaml.NewDecoder(bytes.NewReader(data))
	for {
		var n yaml.Node
		if safeDecode(dec, &n) != nil {
			return nil
		}
		s := sizer{sizes: map[*yaml.Node]int{}}
		if s.size(&n, 0) > s.own+maxAliasNodes {
			return syntax(file, nodeLine(&n), fmt.Sprintf("aliases expand to more than %d nodes", maxAliasNodes))
		}
	}
}

// sizer counts the nodes of a document with its aliases expanded.
type sizer struct {
	sizes map[*yaml.Node]int // of anchors; -1 while being counted
	own   int                // nodes as written
}

const tooManyNodes = 1 << 40

func (s *sizer) size(n *yaml.Node, depth int) int {
	if n.Kind == yaml.AliasNode {
		return s.anchor(n.Alias, depth)
	}
	if depth > maxDepth {
		return tooManyNodes
	}
	s.own++
	if n.Anchor != "" {
		s.sizes[n] = -1
	}
	total := 1
	for _, c := range n.Content {
		if total += s.size(c, depth+1); total > tooManyNodes {
			total = tooManyNodes
		}
	}
	if n.Anchor != "" {
		s.sizes[n] = total
	}
	return total
}

// anchor is the size of what an alias stands for; an alias within its own anchor has none that ends.
func (s *sizer) anchor(n *yaml.Node, depth int) int {
	switch size, counted := s.sizes[n]; {
	case !counted:
		return s.size(n, depth+1)
	case size < 0:
		return tooManyNodes
	default:
		return size
	}
}
