package engine

import (
	"sync"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"plumb.cd/plumb/internal/object"
)

// names keeps one copy of the words that thousands of records have in common: kinds, groups, versions, namespaces. The
// zero value is ready.
type names struct {
	mu    sync.RWMutex
	words map[string]string
}

// maxNames bounds the words that are kept; further ones stay as they come.
const maxNames = 20_000

func (n *names) one(s string) string {
	n.mu.RLock()
	have, ok := n.words[s]
	n.mu.RUnlock()
	if ok {
		return have
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.words == nil {
		n.words = map[string]string{}
	}
	if len(n.words) < maxNames {
		n.words[s] = s
	}
	return s
}

func (n *names) id(id object.ID) object.ID {
	id.Group, id.Kind, id.Namespace = n.one(id.Group), n.one(id.Kind), n.one(id.Namespace)
	return id
}

func (n *names) kind(k schema.GroupVersionKind) schema.GroupVersionKind {
	return schema.GroupVersionKind{Group: n.one(k.Group), Version: n.one(k.Version), Kind: n.one(k.Kind)}
}
