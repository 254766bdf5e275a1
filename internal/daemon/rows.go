package daemon

import "plumb.cd/plumb/internal/engine"

// shown is home, and notes what lists show of the App resource itself.
type shown struct {
	home
	rows *engine.Rows
}

// SetApp tells the engine about an App.
func (s shown) SetApp(spec engine.App) {
	s.home.SetApp(spec)
	s.rows.Told(spec)
}

// ForgetApp drops an App.
func (s shown) ForgetApp(key engine.Key) {
	s.home.ForgetApp(key)
	s.rows.Forget(key)
}
