package proxy

import (
	"time"

	"github.com/milvus-io/milvus-proto/go-api/v3/milvuspb"
	"google.golang.org/grpc"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/reflection"
)

// NewGRPC returns a gRPC server that serves s, the health service and
// reflection. The caller listens, and stops it.
func (s *Server) NewGRPC(options ...grpc.ServerOption) *grpc.Server {
	options = append([]grpc.ServerOption{
		grpc.MaxRecvMsgSize(s.Limits.ReceiveBytes),
		grpc.MaxSendMsgSize(s.Limits.SendBytes),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: 5 * time.Second, PermitWithoutStream: true}),
		grpc.KeepaliveParams(keepalive.ServerParameters{Time: 60 * time.Second, Timeout: 10 * time.Second}),
		grpc.ConnectionTimeout(20 * time.Second),
		grpc.UnaryInterceptor(s.Intercept),
		grpc.StreamInterceptor(interceptStream),
	}, options...)
	g := grpc.NewServer(options...)
	milvuspb.RegisterMilvusServiceServer(g, s)
	grpc_health_v1.RegisterHealthServer(g, health{s})
	reflection.Register(g)
	return g
}
