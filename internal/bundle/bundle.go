// Package bundle is the seam between the desired half and the converge half: the rendered objects of one App at one
// revision, immutable and addressed by content, with the provenance of every object.
package bundle

import (
	"time"

	"plumb.cd/plumb/internal/object"
)

// Bundle holds the objects before they are stamped with an owner, so that Apps with equal inputs share one.
type Bundle struct {
	Digest   object.Digest `json:"digest"` // over the objects alone; see Seal
	Renderer string        `json:"renderer"`
	Objects  []Entry       `json:"objects"` // in the renderer's order
	Warnings []string      `json:"warnings,omitempty"`
	Parts    []Part        `json:"-"` // of Objects; none, or all of them in order
	// Provenance of the render, not part of Digest.
	Revisions []Revision    `json:"revisions,omitempty"`
	Took      time.Duration `json:"took,omitempty"`
}

// Entry is one object and where it came from. Body is never changed by a reader.
type Entry struct {
	Body   map[string]any `json:"body"`
	Origin object.Origin  `json:"origin"`
	Random []string       `json:"random,omitempty"` // leaves that differ from render to render: create-only
}

// Revision is the commit (or chart digest) that a source stood at.
type Revision struct {
	Source string `json:"source,omitempty"`
	URL    string `json:"url"`
	Path   string `json:"path,omitempty"`
	Commit string `json:"commit"`         // commit SHA, or chart version@digest
	Ref    string `json:"ref,omitempty"`  // what was asked for
	Tree   string `json:"tree,omitempty"` // root tree of the commit
}
