package bundle

import (
	"encoding/binary"
	"encoding/hex"
	"errors"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"plumb.cd/plumb/internal/object"
)

// Item is what a stored bundle says of one of its objects without the body.
type Item struct {
	ID      object.ID // as it was rendered, like Entry.ID
	Version string    // of its API
	Digest  [32]byte  // BodyDigest
	Origin  object.Origin
	Random  bool // it has random leaves
	size    int  // of its JSON
}

// GVK is the kind with its version.
func (i Item) GVK() schema.GroupVersionKind {
	return schema.GroupVersionKind{Group: i.ID.Group, Version: i.Version, Kind: i.ID.Kind}
}

// Part is a run of consecutive objects that were rendered of one thing (a file) by itself. Key stands for everything that
// they were made of: a part of another render with the same key would have the same objects.
type Part struct {
	Key     string
	Objects int
	Weight  int64 // of the objects, as the renderer's limits count it
	Read    int64 // bytes that were read for it
}

// Index is a stored bundle without the bodies of its objects.
type Index struct {
	Digest object.Digest
	Items  []Item // in the renderer's order
	Parts  []Part // none, or all of the Items in order

	head   []byte
	blocks []blockAt
	sums   [2]uint32 // of the file that it was read from
}

// blockAt is where a block is, and which objects are in it.
type blockAt struct {
	offset uint64
	size   uint32
	items  int
}

// Kinds lists the kinds of the objects, in the order in which they come first.
func (x *Index) Kinds() []schema.GroupVersionKind {
	seen := map[schema.GroupVersionKind]bool{}
	var out []schema.GroupVersionKind
	var last schema.GroupVersionKind
	for i := range x.Items {
		gvk := x.Items[i].GVK()
		if gvk == last && i > 0 {
			continue
		}
		if last = gvk; !seen[gvk] {
			seen[gvk] = true
			out = append(out, gvk)
		}
	}
	return out
}

// Flags of a stored Item: what it has in common with the one before it, and whether it is random.
const (
	sameKind = 1 << iota
	sameNamespace
	sameFile
	isRandom
)

func appendItems(b []byte, frames []frame) []byte {
	last := &Item{}
	for i := range frames {
		it := frames[i].item
		at := len(b)
		b = append(b, 0)
		if it.Version == last.Version && it.ID.Kind == last.ID.Kind && it.ID.Group == last.ID.Group {
			b[at] |= sameKind
		} else {
			b = appendText(appendText(appendText(b, it.ID.Group), it.Version), it.ID.Kind)
		}
		if it.ID.Namespace == last.ID.Namespace {
			b[at] |= sameNamespace
		} else {
			b = appendText(b, it.ID.Namespace)
		}
		if it.Origin.File == last.Origin.File && it.Origin.Source == last.Origin.Source {
			b[at] |= sameFile
		} else {
			b = appendText(appendText(b, it.Origin.Source), it.Origin.File)
		}
		if it.Random {
			b[at] |= isRandom
		}
		b = appendText(b, it.ID.Name)
		b = binary.AppendUvarint(b, uint64(max(it.Origin.Line, 0)))
		b = binary.AppendUvarint(b, uint64(max(it.Origin.Document, 0)))
		b = binary.AppendUvarint(b, uint64(it.size))
		b = append(b, it.Digest[:]...)
		last = it
	}
	return b
}

func appendParts(b []byte, parts []Part) []byte {
	b = binary.AppendUvarint(b, uint64(len(parts)))
	for _, p := range parts {
		b = appendText(b, p.Key)
		b = binary.AppendUvarint(b, uint64(p.Objects))
		b = binary.AppendUvarint(b, uint64(max(p.Weight, 0)))
		b = binary.AppendUvarint(b, uint64(max(p.Read, 0)))
	}
	return b
}

func appendText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

var errItems = errors.New("the table of its objects is damaged")

// texts reads what append* wrote, out of one string of which the texts are parts. After the first inconsistency bad is set.
type texts struct {
	s   string
	bad bool
}

func (t *texts) number() int64 {
	var x uint64
	for shift := uint(0); shift < 63; shift += 7 {
		if len(t.s) == 0 {
			break
		}
		c := t.s[0]
		t.s = t.s[1:]
		x |= uint64(c&0x7f) << shift
		if c < 0x80 {
			return int64(x)
		}
	}
	t.s, t.bad = "", true
	return 0
}

func (t *texts) take(n int64) string {
	if n < 0 || n > int64(len(t.s)) {
		t.s, t.bad = "", true
		return ""
	}
	out := t.s[:n]
	t.s = t.s[n:]
	return out
}

func (t *texts) text() string { return t.take(t.number()) }

func (t *texts) item(last *Item, it *Item) {
	flags := t.take(1)
	if t.bad {
		return
	}
	f := flags[0]
	if f&sameKind != 0 {
		it.ID.Group, it.Version, it.ID.Kind = last.ID.Group, last.Version, last.ID.Kind
	} else {
		it.ID.Group, it.Version, it.ID.Kind = t.text(), t.text(), t.text()
	}
	if f&sameNamespace != 0 {
		it.ID.Namespace = last.ID.Namespace
	} else {
		it.ID.Namespace = t.text()
	}
	if f&sameFile != 0 {
		it.Origin.Source, it.Origin.File = last.Origin.Source, last.Origin.File
	} else {
		it.Origin.Source, it.Origin.File = t.text(), t.text()
	}
	it.Random = f&isRandom != 0
	it.ID.Name = t.text()
	it.Origin.Line, it.Origin.Document, it.size = int(t.number()), int(t.number()), int(t.number())
	copy(it.Digest[:], t.take(32))
}

// decodeItems reads the table of n objects, and of the parts.
func decodeItems(raw []byte, n int) ([]Item, []Part, error) {
	t := texts{s: string(raw)}
	items := make([]Item, n)
	last := &Item{}
	for i := range items {
		t.item(last, &items[i])
		if t.bad {
			return nil, nil, errItems
		}
		last = &items[i]
	}
	count := t.number()
	if count > int64(len(t.s)) {
		return nil, nil, errItems
	}
	var parts []Part
	if count > 0 {
		parts = make([]Part, count)
	}
	objects := 0
	for i := range parts {
		parts[i] = Part{Key: t.text(), Objects: int(t.number()), Weight: t.number(), Read: t.number()}
		objects += parts[i].Objects
	}
	if t.bad || t.s != "" || (count > 0 && objects != n) {
		return nil, nil, errItems
	}
	return items, parts, nil
}

// RawDigest is the 32 bytes of a digest.
func RawDigest(d object.Digest) (out [32]byte, err error) {
	const prefix = len("sha256:")
	if len(d) != prefix+2*len(out) {
		return out, errors.New("not a SHA-256 digest")
	}
	_, err = hex.Decode(out[:], []byte(d[prefix:]))
	return out, err
}

// digestItems is the digest of a bundle: over the objects in canonical order, whatever the order of frames.
func digestItems(frames []frame) object.Digest {
	lines := make([][]byte, len(frames))
	buf := make([]byte, 0, len(frames)*128)
	for i := range frames {
		start := len(buf)
		buf = frames[i].item.ID.Append(buf)
		buf = append(buf, " sha256:"...)
		buf = hex.AppendEncode(buf, frames[i].item.Digest[:])
		lines[i] = buf[start:len(buf):len(buf)]
	}
	return sortedDigest(lines)
}
