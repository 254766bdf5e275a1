package engine

// Timers lists the Apps for which a timer runs.
func (e *Engine) Timers() (out []Key) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for k, a := range e.apps {
		a.mu.Lock()
		if a.timer != nil {
			out = append(out, k)
		}
		a.mu.Unlock()
	}
	return out
}
