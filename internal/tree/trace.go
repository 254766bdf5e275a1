package tree

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"

	"plumb.cd/plumb/internal/git"
)

// Kind says how a path was an input.
type Kind uint8

// The kinds of input. The first four carry an id, the others none.
const (
	Read        Kind = iota + 1 // a file's content; the id is the blob's
	Listed                      // a directory's names and types; the id is their digest
	Link                        // a symlink that was followed or read; the id is the blob's
	Submodule                   // a submodule that was entered; the id is its commit
	Missing                     // nothing was there
	IsFile                      // exists as a file; the content was not read
	IsDir                       // exists as a directory; it was not listed
	IsLink                      // exists as a symlink; it was not followed
	IsSubmodule                 // exists as a submodule; its revision did not matter
)

func (k Kind) String() string {
	names := [...]string{"", "read", "listed", "link", "submodule", "missing", "is-file", "is-dir", "is-link", "is-submodule"}
	if int(k) < len(names) {
		return names[k]
	}
	return "unknown"
}

// Record is one input. Its path is where the thing really is: symlinks on the way have records of their own.
type Record struct {
	Path string
	Kind Kind
	ID   string
}

// Trace is the set of inputs that a render had from one file system, in one order: by path, then kind.
type Trace struct{ records []Record }

// Records are the inputs, sorted. The slice must not be changed.
func (t Trace) Records() []Record { return t.records }

// Files are the files whose content was read: path → blob id.
func (t Trace) Files() map[string]string {
	out := map[string]string{}
	for _, r := range t.records {
		if r.Kind == Read {
			out[r.Path] = r.ID
		}
	}
	return out
}

type recordKey struct {
	path string
	kind Kind
}

// recorder gathers records. It has no lock of its own.
type recorder map[recordKey]string

func (r recorder) add(path string, kind Kind, id string) { r[recordKey{path, kind}] = id }

// implies are the records that another one of the same path makes superfluous.
var implies = map[Kind]Kind{IsFile: Read, IsDir: Listed, IsLink: Link, IsSubmodule: Submodule}

func (r recorder) trace() Trace {
	records := make([]Record, 0, len(r))
	for k, id := range r {
		if stronger := implies[k.kind]; stronger != 0 {
			if _, ok := r[recordKey{k.path, stronger}]; ok {
				continue
			}
		}
		records = append(records, Record{Path: k.path, Kind: k.kind, ID: id})
	}
	slices.SortFunc(records, compareRecords)
	return Trace{records}
}

func compareRecords(a, b Record) int {
	if c := strings.Compare(a.Path, b.Path); c != 0 {
		return c
	}
	return int(a.Kind) - int(b.Kind)
}

// listingDigest stands for the names and types in a directory, and for nothing else about them.
func listingDigest(nodes []node) string {
	h := sha256.New()
	for _, n := range nodes {
		fmt.Fprintf(h, "%d %s\x00", n.mode.Type(), n.name)
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// Digest stands for the whole trace: equal inputs have equal digests, on every machine.
func (t Trace) Digest() string {
	sum := sha256.Sum256(t.Marshal())
	return hex.EncodeToString(sum[:])
}

const traceVersion = 1

// Marshal encodes the trace compactly: paths share their beginnings, ids are binary.
func (t Trace) Marshal() []byte {
	b := []byte{traceVersion}
	b = binary.AppendUvarint(b, uint64(len(t.records)))
	last := ""
	for _, r := range t.records {
		shared := 0
		for shared < len(last) && shared < len(r.Path) && last[shared] == r.Path[shared] {
			shared++
		}
		b = append(b, byte(r.Kind))
		b = binary.AppendUvarint(b, uint64(shared))
		b = binary.AppendUvarint(b, uint64(len(r.Path)-shared))
		b = append(b, r.Path[shared:]...)
		id, err := hex.DecodeString(r.ID)
		if err != nil || hex.EncodeToString(id) != r.ID {
			b = binary.AppendUvarint(b, uint64(len(r.ID))<<1|1)
			b = append(b, r.ID...)
		} else {
			b = binary.AppendUvarint(b, uint64(len(id))<<1)
			b = append(b, id...)
		}
		last = r.Path
	}
	return b
}

var errTrace = errors.New("malformed trace")

// Unmarshal reads what Marshal wrote. Anything else is an error.
func Unmarshal(b []byte) (Trace, error) {
	if len(b) == 0 || b[0] != traceVersion {
		return Trace{}, errTrace
	}
	d := decoder{b: b[1:]}
	n := d.uvarint()
	if n > uint64(len(b)) {
		return Trace{}, errTrace
	}
	t := Trace{records: make([]Record, 0, n)}
	last := Record{}
	for i := range n {
		r := d.record(last.Path)
		if d.bad || i > 0 && compareRecords(last, r) >= 0 {
			return Trace{}, errTrace
		}
		t.records = append(t.records, r)
		last = r
	}
	if len(d.b) > 0 {
		return Trace{}, errTrace
	}
	return t, nil
}

type decoder struct {
	b   []byte
	bad bool
}

func (d *decoder) uvarint() uint64 {
	v, n := binary.Uvarint(d.b)
	if n <= 0 {
		d.bad, d.b = true, nil
		return 0
	}
	d.b = d.b[n:]
	return v
}

func (d *decoder) take(n uint64) []byte {
	if n > uint64(len(d.b)) {
		d.bad, d.b = true, nil
		return nil
	}
	p := d.b[:n]
	d.b = d.b[n:]
	return p
}

func (d *decoder) record(last string) Record {
	kind := d.take(1)
	shared := d.uvarint()
	suffix := d.take(d.uvarint())
	idLen := d.uvarint()
	id := d.take(idLen >> 1)
	if d.bad || shared > uint64(len(last)) || Kind(kind[0]) < Read || Kind(kind[0]) > IsSubmodule {
		d.bad = true
		return Record{}
	}
	r := Record{Path: last[:shared] + string(suffix), Kind: Kind(kind[0]), ID: string(id)}
	if idLen&1 == 0 {
		r.ID = hex.EncodeToString(id)
	}
	return r
}

// Touches reports whether a change could make the reads of this trace come out differently: a file that was read has
// other content or is gone; a directory that was listed has other names or types; something that was missing is there;
// something that was there is gone or of another type.
func (t Trace) Touches(changes []git.Change) bool {
	return slices.ContainsFunc(changes, t.touchedBy)
}

func (t Trace) touchedBy(c git.Change) bool {
	for _, r := range t.at(c.Path) {
		if hits(r.Kind, c) {
			return true
		}
	}
	if entryChanged(c) {
		for _, r := range t.at(parent(c.Path)) {
			if r.Kind == Listed {
				return true
			}
		}
	}
	if !divertsBelow(c) {
		return false
	}
	from, _ := slices.BinarySearchFunc(t.records, c.Path+"/", func(r Record, p string) int { return strings.Compare(r.Path, p) })
	for _, r := range t.records[from:] {
		if !strings.HasPrefix(r.Path, c.Path+"/") {
			break
		}
		if r.Kind == Missing {
			return true
		}
	}
	return false
}

// at are the records of one path.
func (t Trace) at(p string) []Record {
	cmp := func(r Record, p string) int { return strings.Compare(r.Path, p) }
	from, ok := slices.BinarySearchFunc(t.records, p, cmp)
	if !ok {
		return nil
	}
	to := from
	for to < len(t.records) && t.records[to].Path == p {
		to++
	}
	return t.records[from:to]
}

// hits is the rule for a record of the changed path itself.
func hits(k Kind, c git.Change) bool {
	switch k {
	case Missing:
		return c.Kind == git.Added
	case Read, Link, Submodule:
		return c.Kind != git.Modified || c.OldOID != c.NewOID || c.TypeChanged()
	default:
		return entryChanged(c)
	}
}

// entryChanged holds when a listing of the parent comes out differently.
func entryChanged(c git.Change) bool { return c.Kind != git.Modified || c.TypeChanged() }

// divertsBelow holds when paths below the changed one now lead elsewhere, without changes of their own.
func divertsBelow(c git.Change) bool {
	return entryChanged(c) && (c.Mode.Type() == git.ModeSymlink || c.Mode.Type() == git.ModeGitlink) && c.Kind != git.Removed
}

func parent(p string) string {
	if i := strings.LastIndexByte(p, '/'); i >= 0 {
		return p[:i]
	}
	return "."
}

// Holds reports whether reading all of it again from f would give the same. It reads names and ids, no file content,
// and leaves f's own trace alone; for a working directory the content is needed to know the ids.
func (t Trace) Holds(f *FS) (bool, error) {
	probe := &core{ctx: f.core.ctx, root: f.core.root, lim: f.core.lim, dirs: map[dirKey][]node{}, subs: map[string]node{}, read: map[string]int64{}, notes: map[string]string{}, rec: recorder{}}
	for _, r := range t.records {
		same, err := probe.holds(t, r)
		if err != nil || !same {
			return false, err
		}
	}
	return true, nil
}

func (c *core) holds(t Trace, r Record) (bool, error) {
	c.rec = recorder{}
	p, err := c.lookup(r.Path, stay)
	for k, id := range c.rec {
		if k.path != r.Path && !slices.Contains(t.at(k.path), Record{k.path, k.kind, id}) {
			return false, nil // a symlink or submodule has come between
		}
	}
	if _, missing := c.rec[recordKey{r.Path, Missing}]; missing || err != nil {
		return r.Kind == Missing && missing, nil
	}
	if stronger := implies[r.Kind]; stronger != 0 {
		return kindOf(p) == r.Kind, nil
	}
	if implies[kindOf(p)] != r.Kind {
		return false, nil
	}
	id := p.id
	switch {
	case r.Kind == Listed:
		nodes, err := c.list(p)
		if err != nil {
			return false, err
		}
		id = listingDigest(nodes)
	case id == "":
		if _, id, err = p.src.blob(c.ctx, p.node, c.lim.FileBytes); err != nil {
			return false, named(p.path, err)
		}
	}
	return id == r.ID, nil
}
