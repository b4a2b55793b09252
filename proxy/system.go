package proxy

import (
	"context"
	"encoding/json"
	"runtime"

	"github.com/milvus-io/milvus-proto/go-api/v3/commonpb"
	"github.com/milvus-io/milvus-proto/go-api/v3/milvuspb"

	"github.com/redkite-db/redkite/internal/merr"
)

// Connect gives a client an identifier and tells it what it talks to. It fails
// if the connection's database does not exist.
func (s *Server) Connect(ctx context.Context, _ *milvuspb.ConnectRequest) (*milvuspb.ConnectResponse, error) {
	if _, err := s.Root.Database(ctx, dbOf(ctx, noDB{})); err != nil {
		return nil, err
	}
	ts, err := s.Root.Timestamp(ctx)
	if err != nil {
		return nil, err
	}
	return &milvuspb.ConnectResponse{
		Status:     success(),
		Identifier: int64(ts),
		ServerInfo: &commonpb.ServerInfo{
			BuildTags: s.version(), BuildTime: s.Built, GitCommit: s.Commit, GoVersion: runtime.Version(), DeployMode: "STANDALONE",
		},
	}, nil
}

// noDB is a request that names no database.
type noDB struct{}

// GetDbName returns "".
func (noDB) GetDbName() string { return "" }

// GetVersion tells the Milvus version that is spoken, and this server's.
func (s *Server) GetVersion(context.Context, *milvuspb.GetVersionRequest) (*milvuspb.GetVersionResponse, error) {
	return &milvuspb.GetVersionResponse{Status: success(), Version: s.version()}, nil
}

// CheckHealth tells whether requests are served.
func (s *Server) CheckHealth(context.Context, *milvuspb.CheckHealthRequest) (*milvuspb.CheckHealthResponse, error) {
	r := &milvuspb.CheckHealthResponse{Status: success(), IsHealthy: s.state.Load() == stateReady, Reasons: []string{}}
	if !r.IsHealthy {
		r.Reasons = append(r.Reasons, "the server is recovering or stopping")
	}
	return r, nil
}

// GetComponentStates tells the state of the roles, which are one process.
func (s *Server) GetComponentStates(context.Context, *milvuspb.GetComponentStatesRequest) (*milvuspb.ComponentStates, error) {
	code := commonpb.StateCode_Initializing
	switch s.state.Load() {
	case stateReady:
		code = commonpb.StateCode_Healthy
	case stateDrain:
		code = commonpb.StateCode_StandBy
	}
	component := func(name string) *milvuspb.ComponentInfo {
		return &milvuspb.ComponentInfo{NodeID: nodeID, Role: name, StateCode: code}
	}
	r := &milvuspb.ComponentStates{Status: success(), State: component("proxy")}
	for _, name := range []string{"rootcoord", "datanode", "querynode", "indexnode"} {
		r.SubcomponentStates = append(r.SubcomponentStates, component(name))
	}
	return r, nil
}

// AllocTimestamp gives a timestamp later than every one given before.
func (s *Server) AllocTimestamp(ctx context.Context, _ *milvuspb.AllocTimestampRequest) (*milvuspb.AllocTimestampResponse, error) {
	ts, err := s.Root.Timestamp(ctx)
	if err != nil {
		return nil, err
	}
	return &milvuspb.AllocTimestampResponse{Status: success(), Timestamp: uint64(ts)}, nil
}

// Dummy knows no request type.
func (s *Server) Dummy(context.Context, *milvuspb.DummyRequest) (*milvuspb.DummyResponse, error) {
	return &milvuspb.DummyResponse{Response: `{"status": "fail"}`}, nil
}

// CalcDistance was taken out of Milvus; it answers as Milvus does.
func (s *Server) CalcDistance(context.Context, *milvuspb.CalcDistanceRequest) (*milvuspb.CalcDistanceResults, error) {
	return nil, merr.Unavailable.Text("service unavailable: CalcDistance deprecated")
}

// GetMetrics answers the one metric type that clients ask for to learn what
// they talk to; others are refused by name.
func (s *Server) GetMetrics(_ context.Context, req *milvuspb.GetMetricsRequest) (*milvuspb.GetMetricsResponse, error) {
	var ask struct {
		Type string `json:"metric_type"`
	}
	if err := json.Unmarshal([]byte(req.GetRequest()), &ask); err != nil {
		return nil, merr.ParameterInvalid.Msg("failed to parse metrics request: %v", err)
	}
	if ask.Type != "system_info" {
		return nil, merr.NotSupported("metric type %q", ask.Type)
	}
	type node struct {
		Identifier int      `json:"identifier"`
		Connected  []string `json:"connected"`
		Infos      any      `json:"infos"`
	}
	infos := map[string]any{
		"has_error": false, "error_reason": "", "name": "standalone1", "type": "standalone", "id": nodeID,
		"system_info":    map[string]string{"system_version": s.Commit, "deploy_mode": "STANDALONE", "build_version": s.version(), "build_time": s.Built, "used_go_version": runtime.Version()},
		"hardware_infos": map[string]any{"cpu_core_count": runtime.NumCPU()},
	}
	text, err := json.Marshal(map[string]any{"nodes_info": []node{{Identifier: nodeID, Connected: []string{}, Infos: infos}}})
	if err != nil {
		return nil, merr.Internal.Msg("metrics: %v", err)
	}
	return &milvuspb.GetMetricsResponse{Status: success(), Response: string(text), ComponentName: "standalone"}, nil
}
