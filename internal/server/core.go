package server

import (
	"plumb.cd/plumb/internal/engine"
	"plumb.cd/plumb/internal/object"
)

// ListEngine is what lists, search and streams read.
type ListEngine interface {
	Snapshot(key engine.Key) (engine.Snapshot, bool)
	Snapshots() []engine.Snapshot
	Repositories() []engine.RepositorySnapshot
	Targets() []engine.TargetSnapshot
	Find(id object.ID) []engine.Key
}

type namespaceQuery struct {
	Namespace string `query:"namespace" doc:"Only of this namespace"`
}

type findQuery struct {
	Object string `query:"object" doc:"ID of an object, e.g. Deployment.apps/shop/web"`
}

type appsQuery struct {
	Namespace string   `query:"namespace"`
	Name      string   `query:"name"`
	State     []string `query:"state"`
}

type eventsQuery struct {
	Namespace string `query:"namespace" doc:"Only Apps of this namespace"`
	Name      string `query:"name" doc:"Only Apps of this name"`
}

// metaCalls are about the API and the reader.
func (s *Server) metaCalls() []operation {
	return []operation{
		{method: "GET", path: "/api/v1/version", needs: anyone, doc: "The version of the daemon.", answer: VersionView{}, handle: s.version},
		{method: "GET", path: "/api/v1/whoami", needs: signedIn, doc: "Who the API takes the reader for.", answer: User{}, handle: s.whoami},
		{method: "GET", path: "/api/v1/openapi.json", needs: anyone, doc: "This document.", answer: map[string]any{}, handle: s.openAPI},
	}
}

// listCalls are lists over many Apps, and streams of what changes.
func (s *Server) listCalls() []operation {
	return []operation{
		{method: "GET", path: "/api/v1/apps", needs: signedIn, doc: "Apps.", query: appsQuery{}, answer: List[AppView]{}, handle: s.apps},
		{method: "GET", path: "/api/v1/repositories", needs: signedIn, doc: "Repositories.", query: namespaceQuery{}, answer: List[RepositoryView]{}, handle: s.repositories},
		{method: "GET", path: "/api/v1/clusters", needs: signedIn, doc: "Clusters.", answer: List[ClusterView]{}, handle: s.clusters},
		{method: "GET", path: "/api/v1/find", needs: signedIn, doc: "The Apps that own an object.", query: findQuery{}, answer: List[engine.Key]{}, handle: s.find},
		{
			method: "GET", path: "/api/v1/events", needs: signedIn, media: eventStream, query: eventsQuery{}, answer: AppView{}, handle: s.events,
			doc: "Apps as they change, whole. For the command line; a console reads /api/v1/stream.",
		},
	}
}
