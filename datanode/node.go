// Package datanode holds the role that owns log channels: it applies what is
// durable to the growing segments, seals and flushes them, cuts the log, and
// merges segments.
package datanode

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redkite-db/redkite/internal/base"
	"github.com/redkite-db/redkite/internal/mem"
	"github.com/redkite-db/redkite/internal/role"
	"github.com/redkite-db/redkite/internal/segment"
	"github.com/redkite-db/redkite/mq"
	"github.com/redkite-db/redkite/mq/stream"
	"github.com/redkite-db/redkite/objectstore"
)

// Root is what a datanode needs of rootcoord.
type Root interface {
	role.Clock
	role.Router
	role.Segments
}

// Config of a datanode. Every field without a default is required.
type Config struct {
	Channel base.Channel
	Log     mq.Log
	Root    Root
	Store   objectstore.Store
	Files   objectstore.Files
	Engine  *segment.Engine
	Live    *segment.Live
	Budget  *mem.Budget // of growing rows: what Live counts against
	Logger  *slog.Logger
	Now     func() time.Time
	Policy  Policy
	// Admit is how many bytes of rows may be growing and under way before
	// writers wait.
	Admit int64
	// AdmitWait is how long a writer waits for room before it gets the quota
	// error. The default is 10 s.
	AdmitWait time.Duration
}

// Node owns the process's channel.
type Node struct {
	cfg   Config
	owner *stream.Owner

	mu struct {
		sync.Mutex
		tracked map[base.ID]*tracked          // growing segments that are not committed
		wanted  map[base.Shard]base.Timestamp // deletes up to here are asked to be flushed
	}

	kick    chan struct{} // cap 1: there may be something to seal or flush
	flushes sync.RWMutex  // read-held from a commit until Live knows of it; see Compact
	dropped atomic.Bool   // rows were dropped that may have held back the cut
	rows    atomic.Int64  // bytes of requests that were admitted and are not applied
	freed   struct {
		sync.Mutex
		changed chan struct{} // closed and replaced when bytes were freed
	}
	cancel context.CancelFunc
	ended  chan struct{}
}

// tracked is what the node knows of a growing segment.
type tracked struct {
	shard base.Shard
	first base.Timestamp // of its first rows
	seal  *sealPoint     // nil: it takes rows
}

// sealPoint is where a segment's rows end.
type sealPoint struct {
	at  base.Timestamp
	end base.Position
}

// Open registers the channel's shards with Live, takes the channel, replays
// its log, and begins to flush.
func Open(ctx context.Context, cfg Config) (*Node, error) {
	if cfg.AdmitWait == 0 {
		cfg.AdmitWait = 10 * time.Second
	}
	n := &Node{cfg: cfg, kick: make(chan struct{}, 1), ended: make(chan struct{})}
	n.mu.tracked = make(map[base.ID]*tracked)
	n.mu.wanted = make(map[base.Shard]base.Timestamp)
	n.freed.changed = make(chan struct{})
	states, err := cfg.Root.Shards(ctx, cfg.Channel)
	if err != nil {
		return nil, fmt.Errorf("datanode: shards of %s: %w", cfg.Channel, err)
	}
	shards := make([]stream.Shard, 0, len(states))
	for _, s := range states {
		cfg.Live.Register(liveConfig(s))
		shards = append(shards, streamShard(s.Collection, s.Shard))
	}
	n.owner, err = stream.Open(ctx, stream.Config{
		Channel: cfg.Channel, Log: cfg.Log, Clock: cfg.Root, Consumer: n, Logger: cfg.Logger,
	}, shards)
	if err != nil {
		return nil, err
	}
	runCtx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	n.cancel = cancel
	go n.flushLoop(runCtx)
	n.wake()
	return n, nil
}

// Close stops flushing and gives up the channel. Rows that are not flushed
// stay in the log.
func (n *Node) Close() error {
	n.cancel()
	<-n.ended
	return n.owner.Close()
}

func liveConfig(s *role.ShardState) segment.ShardConfig {
	c := segment.ShardConfig{
		Shard: s.Shard, Collection: s.Collection.Collection, Partitions: partitionIDs(s.Collection),
		TruncatedAt: s.Collection.TruncatedAt, DeletesTo: s.Checkpoint.Deletes, Version: s.Checkpoint.Version,
	}
	for _, g := range s.Segments {
		c.Committed = append(c.Committed, g.ID)
	}
	return c
}

func partitionIDs(info *role.CollectionInfo) []base.ID {
	out := make([]base.ID, len(info.Partitions))
	for i, p := range info.Partitions {
		out[i] = p.ID
	}
	return out
}

func streamShard(info *role.CollectionInfo, s base.Shard) stream.Shard {
	return stream.Shard{
		Shard: s, Database: info.DBName, Collection: info.Name,
		SchemaVersion: info.Version, Partitions: partitionIDs(info),
	}
}

// Dial returns the owner of a channel behind the node's admission: it
// implements stream.Dialer.
func (n *Node) Dial(_ context.Context, ch base.Channel) (stream.Channel, error) {
	if ch != n.cfg.Channel {
		return nil, fmt.Errorf("datanode: channel %s is not owned here", ch)
	}
	return gate{n}, nil
}

// LogStats tells the size of the channel's log.
func (n *Node) LogStats() mq.Stats { return n.owner.Stats() }

// Apply implements stream.Consumer.
func (n *Node) Apply(g *mq.Group, start, end base.Position) {
	live := n.cfg.Live
	for _, m := range g.Messages {
		deletes := segment.DeleteBatch{Keys: m.Keys, Partition: m.DeletePartition, Timestamp: m.Timestamp}
		switch m.Kind {
		case mq.Insert:
			live.Insert(m.Shard, m.Partition, m.Segment, m.Rows, m.Timestamp, start)
			n.track(m)
		case mq.Upsert:
			live.Upsert(m.Shard, deletes, m.Partition, m.Segment, m.Rows, start)
			n.track(m)
		case mq.Delete:
			deletes.Partition = m.Partition
			live.Delete(m.Shard, deletes, start)
		case mq.Seal:
			n.sealed(m, end)
		case mq.DropPartition:
			live.DropPartition(m.Shard, m.Partition)
			n.dropped.Store(true)
		case mq.Truncate:
			live.Truncate(m.Shard, m.Timestamp)
			n.dropped.Store(true)
		case mq.DropShard:
			live.DropShard(m.Shard)
			n.dropped.Store(true)
		}
	}
	if n.dropped.Load() || n.cfg.Policy.Crowded(n.cfg.Budget.Used()) {
		n.wake()
	}
}

// track remembers a segment at its first rows, and wakes the flush loop when
// it has reached its size.
func (n *Node) track(m *mq.Message) {
	g := n.cfg.Live.Segment(m.Shard, m.Segment)
	if g == nil {
		return // passed over: committed before, or of something dropped
	}
	n.mu.Lock()
	if n.mu.tracked[m.Segment] == nil {
		n.mu.tracked[m.Segment] = &tracked{shard: m.Shard, first: m.Timestamp}
	}
	n.mu.Unlock()
	if n.cfg.Policy.Large(g.Bytes()) {
		n.wake()
	}
}

func (n *Node) sealed(m *mq.Message, end base.Position) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if t := n.mu.tracked[m.Segment]; t != nil && t.seal == nil {
		t.seal = &sealPoint{at: m.Timestamp, end: end}
	}
	n.wake()
}

// wake makes the flush loop look.
func (n *Node) wake() {
	select {
	case n.kick <- struct{}{}:
	default:
	}
}
