package controller

import (
	"plumb.cd/plumb/internal/controller/app"
	"plumb.cd/plumb/internal/engine"
)

// The engine is what the controllers need, and the ledger what the engine needs.
var (
	_ Engine             = (*engine.Engine)(nil)
	_ engine.MemoryStore = (*app.Ledger)(nil)
)
