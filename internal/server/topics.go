package server

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"plumb.cd/plumb/internal/engine"
	"plumb.cd/plumb/internal/httpapi"
	"plumb.cd/plumb/internal/index"
)

const (
	listTopic = "apps"
	appTopic  = "app:"
	maxTopics = 50
)

// topics are what a stream tells of.
type topics struct {
	list bool // the Apps that the filter lets through
	apps []engine.Key
}

func topicsOf(q streamQuery) (topics, error) {
	if len(q.Topics) > maxTopics {
		return topics{}, badParameter("topics", fmt.Sprintf("want at most %d", maxTopics))
	}
	out := topics{list: len(q.Topics) == 0}
	for _, t := range q.Topics {
		name, isApp := strings.CutPrefix(t, appTopic)
		key, isKey := keyIn(name)
		switch {
		case t == listTopic:
			out.list = true
		case !isApp || !isKey:
			return topics{}, badParameter("topics", strconv.Quote(t)+" is none; want apps or app:<namespace>/<name>")
		case !slices.Contains(out.apps, key):
			out.apps = append(out.apps, key)
		}
	}
	if len(out.apps) > 0 && q.Filter != "" {
		return topics{}, badParameter("filter", "it is for the topic apps alone: what is followed by name is told of whatever it matches")
	}
	return out, nil
}

// keyIn reads namespace/name.
func keyIn(text string) (engine.Key, bool) {
	namespace, name, _ := strings.Cut(text, "/")
	return engine.Key{Namespace: namespace, Name: name}, namespace != "" && name != "" && !strings.Contains(name, "/")
}

// admitted asks what the reader may be told of these topics: lists by namespace, single Apps one by one.
func (s *Server) admitted(ctx context.Context, u User, t topics, namespaces []string, to *index.Audience) (err error) {
	if t.list {
		if to.Scope, err = s.scopeOver(ctx, u, namespaces); err != nil {
			return err
		}
	}
	to.Apps = make(map[string]bool, len(t.apps))
	for _, k := range t.apps {
		if to.Apps[k.String()], err = s.o.Access.Allowed(ctx, u, Right{"get", AppResource, k}); err != nil {
			return err
		}
	}
	return nil
}

// altered reports whether the answer to a question that was asked before is another one now.
func altered(before, now map[string]bool) bool {
	for what, may := range before {
		if now[what] != may {
			return true
		}
	}
	return false
}

// standing is what a reader is told who has seen nothing yet: how many Apps there are of a list, how single ones are. One that
// the reader may not see is gone to them, as one that is not there.
func (b *broadcast) standing() httpapi.AppsDelta {
	out := httpapi.AppsDelta{Counts: b.counts()}
	for _, k := range b.topics.apps {
		row, there := b.s.catalog.Get(k.Namespace, k.Name)
		listed := b.to.Scope.All || b.to.Scope.Namespaces[k.Namespace]
		if there && (listed || b.to.Apps[k.String()]) {
			out.Rows = append(out.Rows, row)
		} else {
			out.Gone = append(out.Gone, k.String())
		}
	}
	return out
}

// counts are those of all that the reader may list.
func (b *broadcast) counts() httpapi.StateCounts {
	if !b.topics.list {
		return nil
	}
	return b.s.catalog.Counts(b.to.Scope)
}
