package proxy

import "github.com/redkite-db/redkite/internal/role"

// Bind hands over the other roles, which start after the port listens. It is
// called once, before SetReady; until then no request reaches them.
func (s *Server) Bind(root role.RootCoord, query role.QueryNode, data role.DataNode, writer Writer) {
	s.Root, s.Deps.Query, s.Data, s.Writer = root, query, data, writer
}

// Ready reports whether requests are served.
func (s *Server) Ready() bool { return s.state.Load() == stateReady }
