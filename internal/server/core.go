package server

import (
	"plumb.cd/plumb/internal/engine"
	"plumb.cd/plumb/internal/httpapi"
	"plumb.cd/plumb/internal/object"
)

// ListEngine is what lists, search and streams read.
type ListEngine interface {
	Snapshot(key engine.Key) (engine.Snapshot, bool)
	Snapshots() []engine.Snapshot
	Repositories() []engine.RepositorySnapshot
	Targets() []engine.TargetSnapshot
	Find(id object.ID) []engine.Key
	Lookup(text string, see func(engine.Key) bool, limit int) []engine.FoundObject
}

type namespaceQuery struct {
	Namespace string `query:"namespace" doc:"Only of this namespace"`
}

type findQuery struct {
	Object string `query:"object" doc:"ID of an object, e.g. Deployment.apps/shop/web"`
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
		{method: "GET", path: "/api/v1/me", needs: signedIn, doc: "The reader, and their sign-in.", answer: httpapi.Me{}, handle: s.me},
		{
			method: "GET", path: "/api/v1/me/can", needs: signedIn, query: canQuery{}, answer: httpapi.Can{}, handle: s.can,
			doc: "What the reader may do. A verb that could not be asked about is in unknown: no and cannot tell are two answers.",
		},
		{method: "GET", path: "/api/v1/openapi.json", needs: anyone, doc: "This document.", answer: map[string]any{}, handle: s.openAPI},
	}
}

// listCalls are lists over many Apps, and streams of what changes.
func (s *Server) listCalls() []operation {
	get := func(path string, o operation) operation {
		o.method, o.path, o.needs = "GET", "/api/v1/"+path, signedIn
		return o
	}
	return []operation{
		get("apps", operation{doc: "Apps, a page at a time.", query: appsQuery{}, answer: httpapi.AppPage{}, handle: fromIndex(s, s.apps)}),
		get("apps/facets", operation{doc: "How many Apps match, by value.", query: facetsQuery{}, answer: httpapi.Facets{}, handle: fromIndex(s, s.facets)}),
		get("apps/wall", operation{doc: "The fleet at a glance.", query: wallQuery{}, answer: httpapi.Wall{}, handle: s.wall}),
		get("apps/matrix", operation{doc: "Which version runs where: Apps by component and environment.", query: matrixQuery{}, answer: httpapi.Matrix{}, handle: fromIndex(s, s.matrix)}),
		get("search", operation{doc: "What a palette finds, best first.", query: searchQuery{}, answer: httpapi.List[httpapi.SearchHit]{}, handle: s.search}),
		get("stream", operation{
			doc:   "Apps as they change. Events: apps (this schema), reset (read the lists again), signout (a Problem). See docs/api.md.",
			media: eventStream, query: streamQuery{}, answer: httpapi.AppsDelta{}, handle: following(s, s.stream),
		}),
		get("repositories", operation{
			doc: "Repositories.", query: namespaceQuery{}, answer: httpapi.List[httpapi.Repository]{}, handle: s.repositories,
		}),
		get("clusters", operation{
			doc: "Clusters. For those who may list the Apps of all namespaces.", answer: httpapi.List[httpapi.Cluster]{}, handle: s.clusters,
		}),
		get("find", operation{doc: "The Apps that own an object.", query: findQuery{}, answer: List[engine.Key]{}, handle: s.find}),
		get("events", operation{
			doc:   "Apps as they change, whole. For the command line; a console reads /api/v1/stream.",
			media: eventStream, query: eventsQuery{}, answer: AppView{}, handle: following(s, s.events),
		}),
	}
}
