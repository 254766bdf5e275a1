package server

import (
	"plumb.cd/plumb/internal/engine"
	"plumb.cd/plumb/internal/httpapi"
	"plumb.cd/plumb/internal/links"
)

// linked adds what the installation's patterns find in a commit's subject, and where its forge shows it. ref may be nil;
// m too: then the public forges are known.
func linked(m *links.Matcher, ref *httpapi.CommitRef, repository string) {
	if ref == nil {
		return
	}
	ref.Links = m.Find(ref.Subject)
	if url := m.Commit(repository, ref.SHA); url != "" {
		ref.URL = url
	}
}

// linkedDeployment does the same for the commits of a deployment.
func linkedDeployment(m *links.Matcher, d *httpapi.Deployment, repository string) {
	linked(m, d.Commit, repository)
	for i := range d.Commits {
		linked(m, &d.Commits[i], repository)
	}
}

// linkedView does the same for a commit as the engine tells it. What the engine keeps is not changed.
func (s *Server) linkedView(key engine.Key, in *engine.CommitView) *engine.CommitView {
	ref := commitRef(in, "")
	if ref == nil {
		return in
	}
	linked(s.o.List.Links, ref, s.repositoryURL(key))
	out := *in
	out.URL, out.Links = ref.URL, nil
	for _, l := range ref.Links {
		out.Links = append(out.Links, engine.Link(l))
	}
	return &out
}
