package bundle

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"slices"
	"sort"
	"sync"

	"github.com/klauspost/compress/zstd"
	kjson "sigs.k8s.io/json"

	"plumb.cd/plumb/internal/object"
)

// The stored form, version 2, integers little-endian:
//
//	header  "plumbbdl", version (u32), size of the head (u32), blocks (u32), objects (u32), size of the items (u32),
//	        CRC-32 of head and tables (u32), CRC-32 of the items (u32)
//	head    JSON of the bundle without its objects
//	blocks  per block: offset from the end of the items (u64), size (u32), objects (u32)
//	index   per object, by hash: hash of group, kind and name (u64), block (u32), offset and size in the block (u32, u32)
//	items   per object, in order: what Item says (see appendItems), then the parts
//	data    the blocks: zstd frames (with their own checksums) of the entries' JSON, one after the other
//
// One object is found by a binary search and one block of at most 64 KiB, whatever the size of the bundle. Where blocks end
// depends on the objects near by alone, so that bundles that differ in one object have nearly all blocks in common.
const (
	magic      = "plumbbdl"
	version    = 2
	headerSize = len(magic) + 7*4
	blockEntry = 16
	indexEntry = 20
	blockGoal  = 64 << 10
	// A block ends early, once it has blockLeast bytes, behind one object in blockOdds.
	blockLeast = blockGoal / 8
	blockOdds  = 16
	// maxBlock bounds what a damaged or hostile file can make us allocate.
	maxBlock = 256 << 20
)

// ErrCorrupt is in the chain of every error about bytes that are not a bundle as Encode wrote it.
var ErrCorrupt = errors.New("not a readable bundle")

func corrupt(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{ErrCorrupt}, args...)...)
}

type head struct {
	Bundle // Objects is nil
}

var encoder = sync.OnceValues(func() (*zstd.Encoder, error) {
	return zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(2))
})

var decoder = sync.OnceValues(func() (*zstd.Decoder, error) {
	return zstd.NewReader(nil, zstd.WithDecoderConcurrency(0), zstd.WithDecoderMaxMemory(maxBlock))
})

type location struct {
	hash               uint64
	block, start, size uint32
}

// Encode gives the stored form of b. Equal bundles give equal bytes.
func Encode(b Bundle) ([]byte, error) {
	frames := make([]frame, len(b.Objects))
	for i, e := range b.Objects {
		f, err := newFrame(e)
		if err != nil {
			return nil, fmt.Errorf("encoding %s: %w", e.ID(), err)
		}
		frames[i] = f
	}
	return encodeFrames(b, frames, nil)
}

// encodeFrames gives the stored form of a bundle whose objects are given by frames. Those without JSON are kept's.
func encodeFrames(b Bundle, frames []frame, kept *keeper) ([]byte, error) {
	h := head{Bundle: b}
	h.Objects, h.Parts = nil, nil
	headJSON, err := json.Marshal(h)
	if err != nil {
		return nil, fmt.Errorf("encoding bundle %s: %w", b.Digest.Short(), err)
	}
	p := packer{kept: kept, index: make([]location, 0, len(frames))}
	if p.enc, err = encoder(); err != nil {
		return nil, err
	}
	for i := range frames {
		if err := p.add(&frames[i]); err != nil {
			return nil, fmt.Errorf("encoding %s: %w", frames[i].item.ID, err)
		}
	}
	if err := p.flush(); err != nil {
		return nil, err
	}
	return p.assemble(headJSON, appendParts(appendItems(make([]byte, 0, 64*len(frames)), frames), b.Parts)), nil
}

func (p *packer) assemble(headJSON, items []byte) []byte {
	slices.SortStableFunc(p.index, func(a, b location) int { return cmp.Compare(a.hash, b.hash) })
	tables := make([]byte, 0, len(p.blocks)*blockEntry+len(p.index)*indexEntry)
	for _, at := range p.blocks {
		tables = binary.LittleEndian.AppendUint64(tables, at.offset)
		tables = binary.LittleEndian.AppendUint32(tables, at.size)
		tables = binary.LittleEndian.AppendUint32(tables, uint32(at.items))
	}
	for _, l := range p.index {
		tables = binary.LittleEndian.AppendUint64(tables, l.hash)
		tables = binary.LittleEndian.AppendUint32(tables, l.block)
		tables = binary.LittleEndian.AppendUint32(tables, l.start)
		tables = binary.LittleEndian.AppendUint32(tables, l.size)
	}
	sum := crc32.Update(crc32.ChecksumIEEE(headJSON), crc32.IEEETable, tables)
	out := make([]byte, 0, headerSize+len(headJSON)+len(tables)+len(items)+len(p.data))
	out = append(out, magic...)
	for _, n := range []int{version, len(headJSON), len(p.blocks), len(p.index), len(items)} {
		out = binary.LittleEndian.AppendUint32(out, uint32(n))
	}
	out = binary.LittleEndian.AppendUint32(out, sum)
	out = binary.LittleEndian.AppendUint32(out, crc32.ChecksumIEEE(items))
	out = append(out, headJSON...)
	out = append(out, tables...)
	out = append(out, items...)
	return append(out, p.data...)
}

// Decode reads what Encode wrote. An error has ErrCorrupt in its chain.
func Decode(stored []byte) (Bundle, error) {
	r, err := open(bytes.NewReader(stored), int64(len(stored)))
	if err != nil {
		return Bundle{}, err
	}
	return r.all()
}

// reader reads single objects, or all, of a stored bundle.
type reader struct {
	at     io.ReaderAt
	size   int64
	items  int64  // offset of the items
	data   int64  // offset of the blocks
	head   []byte // JSON
	blocks []byte
	index  []byte
	sums   [2]uint32 // of head and tables, and of the items
}

func open(at io.ReaderAt, size int64) (*reader, error) {
	header := make([]byte, headerSize)
	if _, err := at.ReadAt(header, 0); err != nil {
		return nil, corrupt("the header is cut short")
	}
	if string(header[:len(magic)]) != magic {
		return nil, corrupt("it does not begin as one")
	}
	var n [7]uint32
	for i := range n {
		n[i] = binary.LittleEndian.Uint32(header[len(magic)+4*i:])
	}
	if n[0] != version {
		return nil, corrupt("format version %d, this program reads version %d", n[0], version)
	}
	headSize, blocks, objects, items := int64(n[1]), int64(n[2]), int64(n[3]), int64(n[4])
	rest := headSize + blocks*blockEntry + objects*indexEntry
	if int64(headerSize)+rest+items > size {
		return nil, corrupt("the tables are cut short")
	}
	buf := make([]byte, rest)
	if _, err := at.ReadAt(buf, int64(headerSize)); err != nil {
		return nil, corrupt("the tables are cut short")
	}
	if crc32.ChecksumIEEE(buf) != n[5] {
		return nil, corrupt("the tables are damaged (checksum)")
	}
	return &reader{
		at: at, size: size, items: int64(headerSize) + rest, data: int64(headerSize) + rest + items, head: buf[:headSize],
		blocks: buf[headSize : headSize+blocks*blockEntry], index: buf[headSize+blocks*blockEntry:], sums: [2]uint32{n[5], n[6]},
	}, nil
}

// catalog reads what the bundle says of its objects without their bodies.
func (r *reader) catalog() (*Index, error) {
	raw := make([]byte, r.data-r.items)
	if _, err := r.at.ReadAt(raw, r.items); err != nil && len(raw) > 0 {
		return nil, corrupt("the items are cut short")
	}
	if crc32.ChecksumIEEE(raw) != r.sums[1] {
		return nil, corrupt("the items are damaged (checksum)")
	}
	x := &Index{head: r.head, sums: r.sums}
	var err error
	if x.Items, x.Parts, err = decodeItems(raw, r.objects()); err != nil {
		return nil, corrupt("%v", err)
	}
	x.blocks = make([]blockAt, len(r.blocks)/blockEntry)
	total := 0
	for i := range x.blocks {
		b := r.blocks[i*blockEntry:]
		x.blocks[i] = blockAt{binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint32(b[8:]), int(binary.LittleEndian.Uint32(b[12:]))}
		total += x.blocks[i].items
	}
	if total != len(x.Items) {
		return nil, corrupt("%d objects in blocks, %d in all", total, len(x.Items))
	}
	return x, nil
}

func (r *reader) objects() int { return len(r.index) / indexEntry }

func (r *reader) location(i int) location {
	b := r.index[i*indexEntry:]
	return location{
		binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint32(b[8:]),
		binary.LittleEndian.Uint32(b[12:]), binary.LittleEndian.Uint32(b[16:]),
	}
}

// block reads and decompresses block i.
func (r *reader) block(i int) ([]byte, error) {
	packed, err := r.packed(i)
	if err != nil {
		return nil, err
	}
	dec, err := decoder()
	if err != nil {
		return nil, err
	}
	raw, err := dec.DecodeAll(packed, nil)
	if err != nil {
		return nil, corrupt("block %d: %v", i, err)
	}
	return raw, nil
}

// packed reads block i as it is stored.
func (r *reader) packed(i int) ([]byte, error) {
	if (i+1)*blockEntry > len(r.blocks) {
		return nil, corrupt("no block %d", i)
	}
	offset := binary.LittleEndian.Uint64(r.blocks[i*blockEntry:])
	size := int64(binary.LittleEndian.Uint32(r.blocks[i*blockEntry+8:]))
	if offset > uint64(r.size) || r.data+int64(offset)+size > r.size {
		return nil, corrupt("block %d is cut short", i)
	}
	packed := make([]byte, size)
	if _, err := r.at.ReadAt(packed, r.data+int64(offset)); err != nil {
		return nil, corrupt("block %d: %v", i, err)
	}
	return packed, nil
}

func (r *reader) all() (Bundle, error) {
	var h head
	if err := json.Unmarshal(r.head, &h); err != nil {
		return Bundle{}, corrupt("head: %v", err)
	}
	x, err := r.catalog()
	if err != nil {
		return Bundle{}, err
	}
	h.Parts = x.Parts
	h.Objects, err = r.entries(x, nil)
	return h.Bundle, err
}

// entries reads the objects at the given places of the index, in ascending order; nil: all.
func (r *reader) entries(x *Index, want []int) ([]Entry, error) {
	n := len(x.Items)
	if want != nil {
		n = len(want)
	}
	out := make([]Entry, 0, n)
	next, first := 0, 0
	for i := range x.blocks {
		last := first + x.blocks[i].items
		if want != nil {
			for next < len(want) && want[next] < first {
				next++
			}
			if next == len(want) || want[next] >= last {
				first = last
				continue
			}
		}
		raw, err := r.block(i)
		if err != nil {
			return nil, err
		}
		start := 0
		for k := first; k < last; k++ {
			l := location{start: uint32(start), size: uint32(x.Items[k].size)}
			start += x.Items[k].size
			if want != nil {
				if next == len(want) || want[next] != k {
					continue
				}
				next++
			}
			e, err := decodeEntry(raw, l)
			if err != nil {
				return nil, err
			}
			out = append(out, e)
		}
		first = last
	}
	return out, nil
}

// find gives the entries of one group, kind and name, in every namespace.
func (r *reader) find(id object.ID) ([]Entry, error) {
	want := hashID(id)
	n := r.objects()
	first := sort.Search(n, func(i int) bool { return r.location(i).hash >= want })
	var out []Entry
	for i := first; i < n; i++ {
		l := r.location(i)
		if l.hash != want {
			break
		}
		raw, err := r.block(int(l.block))
		if err != nil {
			return nil, err
		}
		e, err := decodeEntry(raw, l)
		if err != nil {
			return nil, err
		}
		if got := e.ID(); got.Group == id.Group && got.Kind == id.Kind && got.Name == id.Name {
			out = append(out, e)
		}
	}
	return out, nil
}

func decodeEntry(raw []byte, l location) (Entry, error) {
	end := uint64(l.start) + uint64(l.size)
	if end > uint64(len(raw)) {
		return Entry{}, corrupt("an object reaches beyond its block")
	}
	var e Entry
	if err := kjson.UnmarshalCaseSensitivePreserveInts(raw[l.start:end], &e); err != nil {
		return Entry{}, corrupt("an object: %v", err)
	}
	return e, nil
}

func decodeJSON(raw []byte) (any, error) {
	var v any
	err := kjson.UnmarshalCaseSensitivePreserveInts(raw, &v)
	return v, err
}

// hashID leaves the namespace out: a bundle does not know the one that its destination gives.
func hashID(id object.ID) uint64 {
	const offset, prime = 14695981039346656037, 1099511628211
	h := uint64(offset)
	for _, s := range [3]string{id.Group, id.Kind, id.Name} {
		for i := range len(s) {
			h = (h ^ uint64(s[i])) * prime
		}
		h = (h ^ 0xff) * prime
	}
	return h
}
