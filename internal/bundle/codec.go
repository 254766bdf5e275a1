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

// The stored form, version 1, integers little-endian:
//
//	header  "plumbbdl", version (u32), size of the head (u32), blocks (u32), objects (u32), CRC-32 of head and tables (u32)
//	head    JSON of the bundle without its objects
//	blocks  per block: offset from the end of the tables (u64), size (u32)
//	index   per object, by hash: hash of group, kind and name (u64), block (u32), offset and size in the block (u32, u32)
//	data    the blocks: zstd frames (with their own checksums) of the entries' JSON, one after the other
//
// One object is found by a binary search and one block of about 64 KiB, whatever the size of the bundle.
const (
	magic      = "plumbbdl"
	version    = 1
	headerSize = len(magic) + 5*4
	blockEntry = 12
	indexEntry = 20
	blockGoal  = 64 << 10
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
	enc, err := encoder()
	if err != nil {
		return nil, err
	}
	h := head{Bundle: b}
	h.Objects = nil
	headJSON, err := json.Marshal(h)
	if err != nil {
		return nil, fmt.Errorf("encoding bundle %s: %w", b.Digest.Short(), err)
	}
	var data, raw, tables []byte
	var blocks int
	index := make([]location, 0, len(b.Objects))
	flush := func() {
		start := len(data)
		data = enc.EncodeAll(raw, data)
		tables = binary.LittleEndian.AppendUint64(tables, uint64(start))
		tables = binary.LittleEndian.AppendUint32(tables, uint32(len(data)-start))
		blocks++
		raw = raw[:0]
	}
	for _, e := range b.Objects {
		frame, err := json.Marshal(e)
		if err != nil {
			return nil, fmt.Errorf("encoding %s: %w", e.ID(), err)
		}
		if len(raw) > 0 && len(raw)+len(frame) > blockGoal {
			flush()
		}
		if len(frame) > maxBlock {
			return nil, fmt.Errorf("encoding %s: %d bytes, more than %d", e.ID(), len(frame), maxBlock)
		}
		index = append(index, location{hashID(e.ID()), uint32(blocks), uint32(len(raw)), uint32(len(frame))})
		raw = append(raw, frame...)
	}
	if len(raw) > 0 {
		flush()
	}
	return assemble(headJSON, tables, index, data, blocks), nil
}

func assemble(headJSON, tables []byte, index []location, data []byte, blocks int) []byte {
	slices.SortStableFunc(index, func(a, b location) int { return cmp.Compare(a.hash, b.hash) })
	for _, l := range index {
		tables = binary.LittleEndian.AppendUint64(tables, l.hash)
		tables = binary.LittleEndian.AppendUint32(tables, l.block)
		tables = binary.LittleEndian.AppendUint32(tables, l.start)
		tables = binary.LittleEndian.AppendUint32(tables, l.size)
	}
	sum := crc32.Update(crc32.ChecksumIEEE(headJSON), crc32.IEEETable, tables)
	out := make([]byte, 0, headerSize+len(headJSON)+len(tables)+len(data))
	out = append(out, magic...)
	for _, n := range []int{version, len(headJSON), blocks, len(index)} {
		out = binary.LittleEndian.AppendUint32(out, uint32(n))
	}
	out = binary.LittleEndian.AppendUint32(out, sum)
	out = append(out, headJSON...)
	out = append(out, tables...)
	return append(out, data...)
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
	data   int64  // offset of the blocks
	head   []byte // JSON
	blocks []byte
	index  []byte
}

func open(at io.ReaderAt, size int64) (*reader, error) {
	header := make([]byte, headerSize)
	if _, err := at.ReadAt(header, 0); err != nil {
		return nil, corrupt("the header is cut short")
	}
	if string(header[:len(magic)]) != magic {
		return nil, corrupt("it does not begin as one")
	}
	var n [5]uint32
	for i := range n {
		n[i] = binary.LittleEndian.Uint32(header[len(magic)+4*i:])
	}
	if n[0] != version {
		return nil, corrupt("format version %d, this program reads version %d", n[0], version)
	}
	headSize, blocks, objects := int64(n[1]), int64(n[2]), int64(n[3])
	rest := headSize + blocks*blockEntry + objects*indexEntry
	if int64(headerSize)+rest > size {
		return nil, corrupt("the tables are cut short")
	}
	buf := make([]byte, rest)
	if _, err := at.ReadAt(buf, int64(headerSize)); err != nil {
		return nil, corrupt("the tables are cut short")
	}
	if crc32.ChecksumIEEE(buf) != n[4] {
		return nil, corrupt("the tables are damaged (checksum)")
	}
	return &reader{
		at: at, size: size, data: int64(headerSize) + rest, head: buf[:headSize],
		blocks: buf[headSize : headSize+blocks*blockEntry], index: buf[headSize+blocks*blockEntry:],
	}, nil
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

func (r *reader) all() (Bundle, error) {
	var h head
	if err := json.Unmarshal(r.head, &h); err != nil {
		return Bundle{}, corrupt("head: %v", err)
	}
	at := make([]location, r.objects())
	for i := range at {
		at[i] = r.location(i)
	}
	slices.SortFunc(at, func(a, b location) int { return cmp.Or(cmp.Compare(a.block, b.block), cmp.Compare(a.start, b.start)) })
	h.Objects = make([]Entry, 0, len(at))
	current, raw := -1, []byte(nil)
	for _, l := range at {
		if int(l.block) != current {
			var err error
			if raw, err = r.block(int(l.block)); err != nil {
				return Bundle{}, err
			}
			current = int(l.block)
		}
		e, err := decodeEntry(raw, l)
		if err != nil {
			return Bundle{}, err
		}
		h.Objects = append(h.Objects, e)
	}
	return h.Bundle, nil
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
