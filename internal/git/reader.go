package git

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"time"

	"plumb.cd/plumb/internal/fault"
)

const (
	readersPerMirror = 3                // cat-file processes of one mirror at work at once
	readerIdle       = 20 * time.Second // an idle process is ended after this
)

// reader hands out the cat-file processes of one mirror: at most readersPerMirror, each ended when idle.
type reader struct {
	m     *Mirror
	slots chan struct{}

	mu     sync.Mutex
	idle   []*catFile
	closed bool
}

func newReader(m *Mirror) *reader { return &reader{m: m, slots: make(chan struct{}, readersPerMirror)} }

// catFile is one `git cat-file --batch` process. Its owner has it alone.
type catFile struct {
	cmd    *exec.Cmd
	stop   context.CancelFunc
	in     io.WriteCloser
	out    *bufio.Reader
	reaper *time.Timer
}

func (c *catFile) end() {
	c.stop()
	_ = c.in.Close()
	_ = c.cmd.Wait()
}

// errMissing says that the mirror has no such object, errAmbiguous that an abbreviation fits several.
var (
	errMissing   = errors.New("no such object")
	errAmbiguous = errors.New("ambiguous abbreviation")
)

// object reads one object by name (an object id, or "<hex>^{commit}"). Objects above limit bytes are not read: the
// error is then *tooLarge.
func (r *reader) object(ctx context.Context, name string, limit int64) (oid, kind string, data []byte, err error) {
	c, err := r.take(ctx)
	if err != nil {
		return "", "", nil, err
	}
	unwatch := context.AfterFunc(ctx, c.stop)
	oid, kind, data, err = c.read(name, limit)
	if !unwatch() || err != nil && !errors.Is(err, errMissing) && !errors.Is(err, errAmbiguous) {
		c.end() // killed, or its stream is in an unknown state
		<-r.slots
		if cause := context.Cause(ctx); cause != nil {
			err = fmt.Errorf("reading from the mirror of %s: %w", r.m.shown, cause)
		}
		return oid, kind, data, err
	}
	r.give(c)
	return oid, kind, data, err
}

type tooLarge struct{ size int64 }

func (t *tooLarge) Error() string { return fmt.Sprintf("object of %d bytes is over the limit", t.size) }

func (c *catFile) read(name string, limit int64) (oid, kind string, data []byte, err error) {
	if _, err = io.WriteString(c.in, name+"\n"); err != nil {
		return "", "", nil, fmt.Errorf("git cat-file: %w", err)
	}
	line, err := c.out.ReadString('\n')
	if err != nil {
		return "", "", nil, fmt.Errorf("git cat-file: %w", err)
	}
	f := strings.Fields(line)
	if len(f) == 2 && f[1] == "missing" {
		return "", "", nil, errMissing
	}
	if len(f) == 2 && f[1] == "ambiguous" {
		return "", "", nil, errAmbiguous
	}
	if len(f) != 3 {
		return "", "", nil, fmt.Errorf("git cat-file: unexpected answer %q", line)
	}
	size, err := strconv.ParseInt(f[2], 10, 64)
	if err != nil || size < 0 {
		return "", "", nil, fmt.Errorf("git cat-file: unexpected answer %q", line)
	}
	if size > limit {
		return f[0], f[1], nil, &tooLarge{size}
	}
	data = make([]byte, size)
	if _, err = io.ReadFull(c.out, data); err == nil {
		_, err = c.out.Discard(1)
	}
	return f[0], f[1], data, err
}

func (r *reader) take(ctx context.Context) (*catFile, error) {
	select {
	case r.slots <- struct{}{}:
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		<-r.slots
		return nil, errClosed
	}
	for n := len(r.idle); n > 0; n = len(r.idle) {
		c := r.idle[n-1]
		r.idle = r.idle[:n-1]
		c.reaper.Stop() // when it has fired already, it finds c no longer idle
		return c, nil
	}
	c, err := r.start(context.WithoutCancel(ctx))
	if err != nil {
		<-r.slots
	}
	return c, err
}

// start begins a process that lives until ctx ends or somebody ends it.
func (r *reader) start(ctx context.Context) (*catFile, error) {
	s := r.m.store
	ctx, stop := context.WithCancel(ctx)
	cmd := s.prepare(ctx, command{dir: r.m.dir, args: []string{"cat-file", "--batch"}})
	in, err := cmd.StdinPipe()
	if err != nil {
		stop()
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		stop()
		return nil, fmt.Errorf("starting git cat-file: %w", err)
	}
	return &catFile{cmd: cmd, stop: stop, in: in, out: bufio.NewReaderSize(out, 64<<10)}, nil
}

func (r *reader) give(c *catFile) {
	r.mu.Lock()
	closed := r.closed
	if !closed {
		r.idle = append(r.idle, c)
		c.reaper = time.AfterFunc(readerIdle, func() { r.reap(c) })
	}
	r.mu.Unlock()
	if closed {
		c.end()
	}
	<-r.slots
}

func (r *reader) reap(c *catFile) {
	r.mu.Lock()
	found := false
	for i, other := range r.idle {
		if other == c {
			r.idle = append(r.idle[:i], r.idle[i+1:]...)
			found = true
			break
		}
	}
	r.mu.Unlock()
	if found {
		c.end()
	}
}

// drop ends the idle processes, so that they let go of files that maintenance replaced.
func (r *reader) drop() {
	r.mu.Lock()
	idle := r.idle
	r.idle = nil
	r.mu.Unlock()
	for _, c := range idle {
		c.reaper.Stop()
		c.end()
	}
}

// close ends every process and waits for the readers at work.
func (r *reader) close() {
	r.mu.Lock()
	r.closed = true
	r.mu.Unlock()
	r.drop()
	for range readersPerMirror {
		r.slots <- struct{}{}
	}
	for range readersPerMirror {
		<-r.slots
	}
}

// Blob reads a blob. One above the file limit is refused with LimitExceeded.
func (m *Mirror) Blob(ctx context.Context, oid string) ([]byte, error) {
	limit := m.currentLimits().FileBytes
	_, kind, data, err := m.typed(ctx, oid, limit)
	var large *tooLarge
	switch {
	case errors.As(err, &large):
		return nil, failf(fault.Invalid, fault.LimitExceeded, "", "the file has %d bytes, more than the %d that are allowed", large.size, limit)
	case err != nil:
		return nil, err
	case kind != "blob":
		return nil, fmt.Errorf("object %s of %s is a %s, not a blob", oid, m.shown, kind)
	}
	return data, nil
}

// typed reads an object by its full id.
func (m *Mirror) typed(ctx context.Context, oid string, limit int64) (string, string, []byte, error) {
	if len(oid) != 40 || !isHex(oid) {
		return "", "", nil, fmt.Errorf("%q is not an object id", oid)
	}
	id, kind, data, err := m.lookup(ctx, oid, limit)
	if errors.Is(err, errMissing) {
		err = fmt.Errorf("object %s of %s: %w", oid, m.shown, err)
	}
	return id, kind, data, err
}

// lookup reads an object by any name that the caller has checked.
func (m *Mirror) lookup(ctx context.Context, name string, limit int64) (string, string, []byte, error) {
	if err := m.ensure(ctx); err != nil {
		return "", "", nil, err
	}
	return m.reader.object(ctx, name, limit)
}
