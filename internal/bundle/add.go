package bundle

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"plumb.cd/plumb/internal/object"
)

// Draft is a bundle on its way into a Store, in the renderer's order.
type Draft struct {
	Renderer  string
	Warnings  []string
	Revisions []Revision
	Took      time.Duration
	Pieces    []Piece
	From      *Index // of the stored bundle that pieces are kept from; nil: none is
}

// Piece is a run of consecutive objects: new ones, or those of a part that the stored bundle has already.
type Piece struct {
	Part    Part // Objects is filled in for new ones; without a key in any piece, the bundle has no parts
	Entries []Entry
	// Kept says that the objects are those of From from First on, Part.Objects of them, as they are stored there.
	Kept  bool
	First int
}

// Sealed is what became of a Draft.
type Sealed struct {
	Digest object.Digest
	Count  int
	Fresh  int // objects that were encoded
}

// Add seals and stores a bundle: what Seal and Put do, with each new object encoded once and those of kept parts not at
// all. The stored bytes are the same either way. Bodies of new entries that hold plain JSON values are used as they are:
// nobody may change them afterwards. Errors are those of Seal and Put, and ErrNotFound when From is no longer stored.
func (s *Store) Add(d Draft) (Sealed, error) {
	frames, b, err := d.frames()
	if err != nil {
		return Sealed{}, err
	}
	out := Sealed{Count: len(frames)}
	for i := range frames {
		if frames[i].json != nil {
			out.Fresh++
		}
	}
	var data []byte
	if out.Fresh == len(frames) {
		data, err = encodeFrames(b, frames, nil)
	} else {
		err = s.read(d.From.Digest, func(r *reader) error {
			if r.sums != d.From.sums {
				return fmt.Errorf("bundle %s was stored again: %w", d.From.Digest.Short(), ErrNotFound)
			}
			data, err = encodeFrames(b, frames, &keeper{r: r, x: d.From})
			return err
		})
	}
	if err != nil {
		return Sealed{}, err
	}
	out.Digest = b.Digest
	if err := s.store(b.Digest, data); err != nil {
		return Sealed{}, err
	}
	s.young.put(b.Digest, d.fresh(), len(data))
	return out, nil
}

// frames gives the objects of all pieces, and the bundle that they make, without them.
func (d *Draft) frames() ([]frame, Bundle, error) {
	b := Bundle{Renderer: d.Renderer, Warnings: slices.Clone(d.Warnings), Revisions: d.Revisions, Took: d.Took}
	n := 0
	for _, p := range d.Pieces {
		n += p.Part.Objects + len(p.Entries)
	}
	frames := make([]frame, 0, n)
	for _, p := range d.Pieces {
		part := p.Part
		if p.Kept {
			for i := p.First; i < p.First+part.Objects; i++ {
				frames = append(frames, frame{item: &d.From.Items[i], old: i})
			}
		} else {
			part.Objects = len(p.Entries)
			for i := range p.Entries {
				f, err := fresh(&p.Entries[i])
				if err != nil {
					return nil, b, err
				}
				frames = append(frames, f)
			}
		}
		if part.Key != "" {
			b.Parts = append(b.Parts, part)
		}
	}
	b.Digest = digestItems(frames)
	return frames, b, nil
}

// fresh encodes a new entry, whose body it makes plain.
func fresh(e *Entry) (frame, error) {
	if !isPlain(e.Body, 0) {
		body, err := Copy(e.Body)
		if err != nil {
			return frame{}, noForm(*e, err)
		}
		e.Body = body
	}
	f, err := newFrame(*e)
	if err != nil {
		return frame{}, unsealable(*e, err)
	}
	return f, nil
}

// fresh are the entries of a draft in which nothing is kept; nil of any other.
func (d *Draft) fresh() []Entry {
	if d.From != nil || len(d.Pieces) != 1 {
		return nil
	}
	return d.Pieces[0].Entries
}

// isPlain reports whether a value is what Copy would make of it.
func isPlain(v any, depth int) bool {
	if depth > maxDepth {
		return false
	}
	switch t := v.(type) {
	case nil, string, bool, int64:
		return true
	case float64:
		return t-t == 0 // neither infinite nor NaN
	case map[string]any:
		if t == nil {
			return false
		}
		for _, e := range t {
			if !isPlain(e, depth+1) {
				return false
			}
		}
		return true
	case []any:
		if t == nil {
			return false
		}
		for _, e := range t {
			if !isPlain(e, depth+1) {
				return false
			}
		}
		return true
	default:
		return false
	}
}

// Index reads what a bundle says of its objects without their bodies; ErrNotFound when it is absent or damaged.
func (s *Store) Index(d object.Digest) (*Index, error) {
	var x *Index
	err := s.read(d, func(r *reader) (err error) {
		x, err = r.catalog()
		return err
	})
	if err != nil {
		return nil, err
	}
	x.Digest = d
	return x, nil
}

// Kinds lists the kinds of a bundle's objects, in the order in which they come first; ErrNotFound when it is absent.
func (s *Store) Kinds(d object.Digest) ([]schema.GroupVersionKind, error) {
	if entries, ok := s.young.get(d); ok && s.Has(d) {
		x := Index{Items: make([]Item, len(entries))}
		for i, e := range entries {
			x.Items[i] = Item{ID: e.ID(), Version: versionOf(e.Body)}
		}
		return x.Kinds(), nil
	}
	x, err := s.Index(d)
	if err != nil {
		return nil, err
	}
	return x.Kinds(), nil
}

// Entries reads the objects at the given places of a bundle's index, in ascending order. ErrNotFound when the bundle is
// absent, damaged, or not the one that the index was read from.
func (s *Store) Entries(x *Index, places []int) ([]Entry, error) {
	if len(places) == 0 {
		return nil, nil
	}
	var out []Entry
	err := s.read(x.Digest, func(r *reader) (err error) {
		if r.sums != x.sums {
			return fmt.Errorf("bundle %s was stored again: %w", x.Digest.Short(), ErrNotFound)
		}
		out, err = r.entries(x, places)
		return err
	})
	if err == nil && len(out) != len(places) {
		err = errors.New("places beyond the bundle's objects")
	}
	return out, err
}
