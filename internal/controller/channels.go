package controller

import (
	"context"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/manager"

	"plumb.cd/plumb/internal/controller/channel"
	"plumb.cd/plumb/internal/controller/wake"
)

// ChannelWaker is what the courier calls when it has something new to say. The zero value is ready; nothing blocks.
type ChannelWaker struct{ channels wake.Source }

// Channel wakes the controller of Channels.
func (w *ChannelWaker) Channel(namespace, name string) {
	w.channels.Wake(types.NamespacedName{Namespace: namespace, Name: name})
}

// AddChannels registers the controller of Channels, as Add does for the others. home is the namespace of the installation.
func AddChannels(ctx context.Context, m manager.Manager, c channel.Courier, w *ChannelWaker, home string, now func() time.Time) error {
	r := channel.New(m.GetClient(), m.GetAPIReader(), c, home, now)
	if err := channel.Add(ctx, m, r, &w.channels); err != nil {
		return err
	}
	return m.Add(manager.RunnableFunc(func(ctx context.Context) error {
		if !m.GetCache().WaitForCacheSync(ctx) {
			return nil // it is stopping
		}
		// What fails is told by the controller, which tries again; the outbox then keeps Channels that are gone until the next start.
		if err := r.TellAll(ctx); err != nil && ctx.Err() == nil {
			m.GetLogger().Info("not every Channel could be read at the start", "err", err.Error())
		}
		return nil
	}))
}
