package server

// DORAOptions are what the measures need.
type DORAOptions struct{}

func (s *Server) doraCalls() []operation { return nil }
