package server

// ChannelOptions are what notifications need.
type ChannelOptions struct{}

func (s *Server) channelCalls() []operation { return nil }
