package proxy

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/redkite-db/redkite/internal/merr"
	"github.com/redkite-db/redkite/mq"
)

// Intercept is the one interceptor of unary RPCs: it keeps requests out while
// the server is not ready or overloaded, counts them, and makes responses of
// errors.
func (s *Server) Intercept(ctx context.Context, req any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (resp any, err error) {
	m := s.methods[info.FullMethod]
	if m == nil { // health, reflection
		return handler(ctx, req)
	}
	start := s.Clock()
	resp, err = s.guarded(ctx, m, req, handler)
	if err != nil {
		if resp, err = s.answerError(m, err); err != nil {
			m.metrics.observe(s.Clock().Sub(start), false)
			return nil, err
		}
	}
	st := statusOf(resp)
	m.metrics.observe(s.Clock().Sub(start), st.GetCode() == 0)
	return resp, nil
}

// guarded runs the handler unless the server refuses. A panic in it is a bug:
// it is logged with its stack and answered with an internal error.
func (s *Server) guarded(ctx context.Context, m *method, req any, handler grpc.UnaryHandler) (resp any, err error) {
	defer func() {
		if p := recover(); p != nil {
			s.Logger.Error("a request handler failed", "method", m.name, "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
			resp, err = nil, merr.Internal.Msg("%s failed unexpectedly", m.name)
		}
	}()
	if err := s.admit(m); err != nil {
		return nil, err
	}
	defer s.tasks.Add(-1)
	if msg, ok := req.(proto.Message); ok {
		if err := refuseUnknown(msg); err != nil {
			return nil, err
		}
	}
	if err := s.denied(ctx, req); err != nil {
		return nil, err
	}
	return handler(ctx, req)
}

// admit counts a request in, or says why it may not enter. While the server
// starts clients get gRPC's Unavailable, on which they retry by themselves.
func (s *Server) admit(m *method) error {
	n := s.tasks.Add(1)
	switch state := s.state.Load(); {
	case state == stateReady:
	case m.name == "GetComponentStates" || m.name == "CheckHealth" || m.name == "GetVersion":
	case state == stateDrain:
		s.tasks.Add(-1)
		return status.Error(codes.Unavailable, "service not ready: the server is stopping")
	default:
		s.tasks.Add(-1)
		return status.Errorf(codes.Unavailable, "service not ready: recovering %d %%", state)
	}
	if n > s.Limits.Tasks {
		s.tasks.Add(-1)
		return merr.TooManyRequests.With(merr.KV{Key: "limit", Value: s.Limits.Tasks})
	}
	return nil
}

// answerError makes a response of an error, unless the error is gRPC's own.
func (s *Server) answerError(m *method, err error) (any, error) {
	if st, ok := status.FromError(err); ok {
		if st.Code() != codes.Unimplemented {
			return nil, err
		}
		err = merr.Unimplemented.Msg("%s is not supported by this version", m.name)
	}
	return m.fail(s.translate(m, err)), nil
}

// translate maps errors of other layers to codes, and marks names that do not
// exist as the caller's mistake.
func (s *Server) translate(m *method, err error) error {
	switch {
	case errors.Is(err, mq.ErrFull):
		return merr.Wrap(merr.QuotaExceeded.Text("disk quota exceeded, please allocate more resources"), "%s", err.Error())
	case errors.Is(err, mq.ErrTooLarge):
		return merr.ParameterTooLarge.With(merr.KV{Key: "message", Value: err.Error()})
	}
	switch n := merr.NumberOf(err); n {
	case merr.CollectionNotFound.Number, merr.PartitionNotFound.Number, merr.DatabaseNotFound.Number,
		merr.AliasNotFound.Number, merr.FieldNotFound.Number:
		return merr.AsInput(err)
	case merr.Unexpected.Number, merr.Internal.Number:
		s.Logger.Error("a request failed", "method", m.name, "error", err)
	}
	return err
}

// consumeTag reads the field number at the head of wire bytes; n < 0 if there is none.
func consumeTag(raw []byte) (number protowire.Number, n int) {
	number, _, n = protowire.ConsumeTag(raw)
	return number, n
}

// interceptStream names a streaming RPC that is not served; those of health
// and reflection pass.
func interceptStream(srv any, stream grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
	const service = "/milvus.proto.milvus."
	if strings.HasPrefix(info.FullMethod, service) {
		return status.Errorf(codes.Unimplemented, "%s is not supported by this version", strings.TrimPrefix(info.FullMethod, service))
	}
	return handler(srv, stream)
}

// elapsed is in milliseconds, as Milvus's latency metrics are.
func elapsed(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
