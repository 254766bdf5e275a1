package historytest

import (
	"context"
	"testing"
)

// contextCancelled gives a context that has ended already.
func contextCancelled(t *testing.T) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx, cancel
}
