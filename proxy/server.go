// Package proxy is the role that clients talk to: all of Milvus's public gRPC
// service. It checks requests, turns columns of the wire into batches, routes
// writes to the owners of channels and reads to the shards, merges what they
// answer, and says in Milvus's words what is wrong.
package proxy

import (
	"context"
	"log/slog"
	"math"
	"sync/atomic"
	"time"

	"github.com/milvus-io/milvus-proto/go-api/v3/milvuspb"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/redkite-db/redkite/internal/base"
	"github.com/redkite-db/redkite/internal/role"
	"github.com/redkite-db/redkite/internal/schema"
	"github.com/redkite-db/redkite/internal/vecindex"
	"github.com/redkite-db/redkite/mq"
)

// Writer appends writes to the channel of their collection.
type Writer interface {
	// Append gives the messages of a group, which are of one channel, to the
	// channel's owner and returns their timestamp when they are durable. A retry
	// with the same request id is answered, not repeated. It fails with code 109
	// (schema mismatch) if the collection changed meanwhile.
	Append(ctx context.Context, ch base.Channel, g *mq.Group) (base.Timestamp, error)
}

// Deps are what a Server works with.
type Deps struct {
	Root     role.RootCoord
	Query    role.QueryNode
	Data     role.DataNode
	Writer   Writer
	Kinds    []vecindex.Kind // that indexes may be of
	Limits   Limits
	Clock    func() time.Time
	Logger   *slog.Logger
	Registry prometheus.Registerer
	Version  string // of this server, without "v"
	Commit   string
	Built    string
	Random   func([]byte) // fills with random bytes: request ids
}

// Limits bound what one request may ask for.
type Limits struct {
	Schema         schema.Limits
	TopK           int64         // of one search
	NQ             int64         // queries of one search
	GroupSize      int64         // rows of a group
	Ef             int           // candidates of one query of a graph index: each takes memory
	Window         int64         // offset + limit
	ResultBytes    int64         // of a query
	ReceiveBytes   int           // of a message
	SendBytes      int           // of a message
	FillBytes      int64         // that nulls and defaults may add to an insert
	InsertBytes    int64         // of an insert request; -1: no limit but ReceiveBytes
	IndexParams    int           // bytes of the parameters of one index
	Tasks          int64         // requests at work at a time
	GracefulTime   time.Duration // how old a Bounded read may be
	MaxAhead       time.Duration // how far in the future a read's timestamp may lie
	PlanCacheBytes int           // of parsed filters, as text
}

// DefaultLimits are Milvus's defaults.
func DefaultLimits() Limits {
	return Limits{
		Schema: schema.DefaultLimits(),
		TopK:   16384, NQ: 16384, GroupSize: 10, Ef: 1 << 20, Window: 16384, ResultBytes: 100 << 20,
		ReceiveBytes: 64 << 20, SendBytes: 256 << 20, FillBytes: 256 << 20, InsertBytes: -1,
		IndexParams: 100 << 10, Tasks: 1024,
		GracefulTime: 5 * time.Second, MaxAhead: 10 * time.Second, PlanCacheBytes: 4 << 20,
	}
}

// milvusVersion is the version of Milvus whose API is spoken.
const milvusVersion = "3.0.0"

// nodeID is the id by which clients see this process.
const nodeID = 1

// Server answers the RPCs of milvus.proto.milvus.MilvusService. A method
// either returns its response or an error that merr knows; the interceptor
// makes a response of the error.
type Server struct {
	milvuspb.UnimplementedMilvusServiceServer // every RPC that is not served

	Deps
	kinds      map[string]vecindex.Kind
	aggregates aggregates
	plans      *planCache
	methods    map[string]*method // by full name
	metrics    *metrics
	tasks      atomic.Int64
	state      atomic.Int32 // percent recovered, or one of the below
}

const (
	stateReady = math.MaxInt32
	stateDrain = math.MaxInt32 - 1
)

// New returns a server that is not ready: it answers that it is recovering
// until SetReady.
func New(d Deps) *Server {
	s := &Server{Deps: d, kinds: make(map[string]vecindex.Kind, len(d.Kinds)), plans: newPlanCache(d.Limits.PlanCacheBytes), aggregates: newAggregates()}
	for _, k := range d.Kinds {
		s.kinds[k.Name] = k
	}
	s.metrics = newMetrics(d.Registry)
	s.methods = serviceMethods(s.metrics)
	return s
}

// SetProgress tells clients how far recovery is.
func (s *Server) SetProgress(percent int) { s.state.Store(int32(min(max(percent, 0), 100))) }

// SetReady opens the service.
func (s *Server) SetReady() { s.state.Store(stateReady) }

// SetDraining refuses new requests; those at work end normally.
func (s *Server) SetDraining() { s.state.Store(stateDrain) }

func (s *Server) version() string { return milvusVersion + "+redkite." + s.Version }

// now returns the time of the server's clock as a timestamp.
func (s *Server) now() base.Timestamp { return base.TimestampOf(s.Clock()) }
