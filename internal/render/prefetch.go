package render

// Prefetcher is a Files for which many reads at once cost less than one after the other (the worker's view of its
// parent's tree).
type Prefetcher interface {
	Files
	// Prefetch reads the paths ahead, absent ones and directories too, and keeps errors for the read itself.
	Prefetch(names ...string)
}

// Prefetch tells files what is certain to be read next. Each path counts as read.
func Prefetch(files Files, names ...string) {
	if p, ok := files.(Prefetcher); ok {
		p.Prefetch(names...)
	}
}
