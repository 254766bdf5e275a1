package engine

import (
	"context"
	"sync"
	"time"
)

// saveDelay is how long records are collected before they are written to the state store together.
const saveDelay = 200 * time.Millisecond

// batch collects records for one bucket of the state store. Losing what it holds costs time, never correctness.
type batch struct {
	e      *Engine
	bucket string

	mu      sync.Mutex
	waiting map[string][]byte
}

// put has a record written soon; nil deletes it.
func (b *batch) put(key string, raw []byte) {
	b.mu.Lock()
	defer b.mu.Unlock()
	first := len(b.waiting) == 0
	if b.waiting == nil {
		b.waiting = map[string][]byte{}
	}
	b.waiting[key] = raw
	if first {
		time.AfterFunc(saveDelay, b.flush)
	}
}

func (b *batch) flush() {
	b.mu.Lock()
	records := b.waiting
	b.waiting = nil
	b.mu.Unlock()
	if len(records) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(b.e.ctx), 10*time.Second)
	defer cancel()
	if err := b.e.o.Owned.SaveOwned(ctx, b.bucket, records); err != nil {
		b.e.o.Log.Warn("the state store could not be written", "bucket", b.bucket, "err", err)
	}
}
