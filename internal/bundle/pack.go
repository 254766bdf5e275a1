package bundle

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/klauspost/compress/zstd"

	"plumb.cd/plumb/internal/object"
)

// frame is one object on its way into a stored bundle: its JSON, or its place in the bundle that it is kept from.
type frame struct {
	item *Item
	json []byte
	old  int
}

// newFrame encodes an entry whose body is plain (see Copy).
func newFrame(e Entry) (frame, error) {
	const begin = `{"body":`
	b, err := object.AppendCanonical(append(make([]byte, 0, 512), begin...), e.Body)
	if err != nil {
		return frame{}, err
	}
	f := frame{item: &Item{ID: e.ID(), Origin: e.Origin, Random: len(e.Random) > 0}, old: -1}
	f.item.Version = versionOf(e.Body)
	if f.item.Random {
		d, err := BodyDigest(e.Body, e.Random)
		if err != nil {
			return frame{}, err
		}
		if f.item.Digest, err = RawDigest(d); err != nil {
			return frame{}, err
		}
	} else {
		f.item.Digest = sumOf(b[len(begin):])
	}
	origin, err := json.Marshal(e.Origin)
	if err != nil {
		return frame{}, err
	}
	b = append(append(b, `,"origin":`...), origin...)
	if f.item.Random {
		random, err := json.Marshal(e.Random)
		if err != nil {
			return frame{}, err
		}
		b = append(append(b, `,"random":`...), random...)
	}
	f.json = append(b, '}')
	f.item.size = len(f.json)
	return f, nil
}

// sumOf is object.DigestOf of one part, without the text form.
func sumOf(part []byte) [32]byte {
	h := sha256.New()
	var n [24]byte
	h.Write(append(strconv.AppendInt(n[:0], int64(len(part)), 10), ':'))
	h.Write(part)
	var out [32]byte
	h.Sum(out[:0])
	return out
}

func versionOf(body map[string]any) string {
	v, _ := body["apiVersion"].(string)
	_, version, grouped := strings.Cut(v, "/")
	switch {
	case !grouped:
		return v
	case strings.Contains(version, "/"):
		return "" // no version of anything
	}
	return version
}

// packer puts frames into blocks.
type packer struct {
	enc    *zstd.Encoder
	kept   *keeper
	data   []byte
	blocks []blockAt
	index  []location

	waiting []*frame // of the block that is open
	size    int      // of their JSON
}

func (p *packer) add(f *frame) error {
	if f.item.size > maxBlock {
		return fmt.Errorf("%d bytes, more than %d", f.item.size, maxBlock)
	}
	if len(p.waiting) > 0 && p.size+f.item.size > blockGoal {
		if err := p.flush(); err != nil {
			return err
		}
	}
	hash := hashID(f.item.ID)
	p.index = append(p.index, location{hash, uint32(len(p.blocks)), uint32(p.size), uint32(f.item.size)})
	p.waiting = append(p.waiting, f)
	p.size += f.item.size
	if p.size >= blockLeast && hash%blockOdds == 0 {
		return p.flush()
	}
	return nil
}

// flush ends the block. One that is in the old bundle as it is is copied.
func (p *packer) flush() error {
	if len(p.waiting) == 0 {
		return nil
	}
	packed, err := p.kept.same(p.waiting)
	if err != nil {
		return err
	}
	start := len(p.data)
	if packed != nil {
		p.data = append(p.data, packed...)
	} else {
		raw := make([]byte, 0, p.size)
		for _, f := range p.waiting {
			if f.json == nil {
				if f.json, err = p.kept.frame(f.old); err != nil {
					return err
				}
			}
			raw = append(raw, f.json...)
		}
		p.data = p.enc.EncodeAll(raw, p.data)
	}
	p.blocks = append(p.blocks, blockAt{uint64(start), uint32(len(p.data) - start), len(p.waiting)})
	p.waiting, p.size = p.waiting[:0], 0
	return nil
}

// keeper reads the objects that are kept from a stored bundle.
type keeper struct {
	r *reader
	x *Index

	block int // that raw is of
	raw   []byte
	first int // object in it
}

// same gives the stored form of the block that has exactly these frames; nil: there is none.
func (k *keeper) same(frames []*frame) ([]byte, error) {
	if k == nil || frames[0].old < 0 {
		return nil, nil
	}
	block, first := k.of(frames[0].old)
	if first != frames[0].old || k.x.blocks[block].items != len(frames) {
		return nil, nil
	}
	for i, f := range frames {
		if f.old != first+i {
			return nil, nil
		}
	}
	return k.r.packed(block)
}

// of gives the block that object i is in, and the first object of that. It is asked in about ascending order.
func (k *keeper) of(i int) (block, first int) {
	block, first = k.block, k.first
	if i < first {
		block, first = 0, 0
	}
	for i >= first+k.x.blocks[block].items {
		first += k.x.blocks[block].items
		block++
	}
	if block != k.block {
		k.block, k.first, k.raw = block, first, nil
	}
	return block, first
}

// frame gives the JSON of object i.
func (k *keeper) frame(i int) ([]byte, error) {
	block, at := k.of(i)
	if k.raw == nil {
		raw, err := k.r.block(block)
		if err != nil {
			return nil, err
		}
		k.raw = raw
	}
	start := 0
	for ; at < i; at++ {
		start += k.x.Items[at].size
	}
	end := start + k.x.Items[i].size
	if end > len(k.raw) {
		return nil, corrupt("an object reaches beyond its block")
	}
	return k.raw[start:end:end], nil
}
