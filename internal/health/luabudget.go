package health

import (
	"errors"
	"time"
)

// A script may do so much and no more. The limits are counts, not seconds, so that a verdict does not depend on how busy
// the machine is; at the limit a run takes some ten milliseconds.
const (
	luaMaxWork  = 200_000  // instructions, and steps inside library functions
	luaMaxBytes = 16 << 20 // bytes of strings and of table space that a run makes, garbage included
)

// Once spent, a run ends at its next instruction, whatever it catches.
var (
	errLuaWork  = errors.New("lua: the script was stopped: it runs too long (an endless loop?)")
	errLuaBytes = errors.New("lua: the script was stopped: it needs too much memory")
)

// luaBudget counts what a run uses. It poses as the state's context, because the interpreter asks that for Done before
// every instruction: that is the count, and the way to stop it.
type luaBudget struct {
	work, bytes int
	spent       error
	open, shut  chan struct{}
}

func newLuaBudget() *luaBudget {
	g := &luaBudget{work: luaMaxWork, bytes: luaMaxBytes, open: make(chan struct{}), shut: make(chan struct{})}
	close(g.shut)
	return g
}

// Done counts one instruction.
func (g *luaBudget) Done() <-chan struct{} {
	g.use(1)
	if g.spent != nil {
		return g.shut
	}
	return g.open
}

func (g *luaBudget) Err() error { return g.spent }

// Deadline and Value complete context.Context; there is neither.
func (g *luaBudget) Deadline() (time.Time, bool) { return time.Time{}, false }
func (g *luaBudget) Value(any) any               { return nil }

func (g *luaBudget) use(work int) {
	if g.work -= work; g.work < 0 && g.spent == nil {
		g.spent = errLuaWork
	}
}

func (g *luaBudget) make(bytes int) {
	if g.bytes -= bytes; g.bytes < 0 && g.spent == nil {
		g.spent = errLuaBytes
	}
}
