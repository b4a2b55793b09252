// Package querynode holds the role that serves reads: for each loaded shard a
// view of its growing and sealed segments, and the search, retrieval and
// count over it.
package querynode

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/redkite-db/redkite/internal/base"
	"github.com/redkite-db/redkite/internal/merr"
	"github.com/redkite-db/redkite/internal/role"
	"github.com/redkite-db/redkite/internal/segment"
	"github.com/redkite-db/redkite/objectstore"
)

// Times tells at which time a channel can be read; *stream.Client is one.
type Times interface {
	ReadAt(ctx context.Context, ch base.Channel, guarantee base.Timestamp) (base.Timestamp, error)
}

// Config of a querynode. All fields are required.
type Config struct {
	Engine *segment.Engine
	Live   *segment.Live
	Files  objectstore.Files
	Times  Times
	Logger *slog.Logger
	// Threads is how many segments are searched at the same time, in all requests.
	Threads int
	Cursors CursorLimits
	Clock   func() time.Time // for how long a cursor has been idle
}

// Node serves the shards that were applied to it.
type Node struct {
	cfg  Config
	live *extender
	held *cursors
	fan  chan struct{} // a slot is held by each goroutine beside the requests' own
	mu   struct {
		sync.RWMutex
		shards  map[base.Shard]*shard
		failed  map[base.Shard]error // why a shard's first target cannot be served
		changed chan struct{}        // closed and replaced when shards or failed change
	}
}

var _ role.QueryNode = (*Node)(nil)

// New returns a node that serves nothing yet.
func New(cfg Config) *Node {
	n := &Node{cfg: cfg, live: startExtender(cfg.Logger), held: startCursors(cfg.Cursors, cfg.Clock), fan: make(chan struct{}, max(0, cfg.Threads-1))}
	n.mu.shards = make(map[base.Shard]*shard)
	n.mu.failed = make(map[base.Shard]error)
	n.mu.changed = make(chan struct{})
	return n
}

// Close gives up every shard.
func (n *Node) Close() {
	n.live.close()
	n.held.close()
	n.mu.Lock()
	shards := n.mu.shards
	n.mu.shards = make(map[base.Shard]*shard)
	n.mu.Unlock()
	for id, s := range shards {
		n.cfg.Live.Unfollow(id, s)
		s.close()
	}
}

func (n *Node) shard(id base.Shard) *shard {
	n.mu.RLock()
	defer n.mu.RUnlock()
	return n.mu.shards[id]
}

// Apply serves a target; see role.QueryNode.
func (n *Node) Apply(ctx context.Context, t *role.LoadTarget) ([]role.BadIndex, error) {
	s := n.shard(t.Shard)
	fresh := s == nil
	if fresh {
		s = newShard(n.cfg, t.Shard)
		if !n.cfg.Live.Follow(t.Shard, s) {
			return nil, fmt.Errorf("querynode: shard %v is not in this process", t.Shard)
		}
	}
	bad, err := s.apply(ctx, t)
	if err != nil && fresh {
		n.cfg.Live.Unfollow(t.Shard, s)
		s.close()
		s = nil
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.mu.failed, t.Shard)
	if s != nil {
		n.mu.shards[t.Shard] = s
	} else if !errors.Is(err, role.ErrStaleTarget) {
		n.mu.failed[t.Shard] = err
	}
	n.changedLocked()
	return bad, err
}

func (n *Node) changedLocked() {
	close(n.mu.changed)
	n.mu.changed = make(chan struct{})
}

// Release stops serving a shard. One that is not served is a success.
func (n *Node) Release(_ context.Context, id base.Shard) error {
	n.mu.Lock()
	s := n.mu.shards[id]
	delete(n.mu.shards, id)
	delete(n.mu.failed, id)
	n.changedLocked()
	n.mu.Unlock()
	n.held.drop(id)
	if s != nil {
		n.cfg.Live.Unfollow(id, s)
		s.close()
	}
	return nil
}

// LoadedSegments lists the sealed segments that are served of a collection.
func (n *Node) LoadedSegments(_ context.Context, collection base.ID) ([]*role.Segment, error) {
	n.mu.RLock()
	defer n.mu.RUnlock()
	var out []*role.Segment
	for id, s := range n.mu.shards {
		if id.Collection != collection {
			continue
		}
		if v := s.view.Load(); v != nil {
			for _, g := range v.sealed {
				out = append(out, g.record)
			}
		}
	}
	return out, nil
}

// openWait is how long a read waits for a shard that is being loaded: as
// after a restart, when the catalog says loaded and the view is not there yet.
const openWait = 30 * time.Second

// open returns the view of a shard for a read of partitions. A shard that is
// being loaded is waited for.
func (n *Node) open(ctx context.Context, info *role.CollectionInfo, id base.Shard, partitions []base.ID) (*view, error) {
	if v := n.view(id); v != nil {
		return v, v.check(partitions)
	}
	if info.Load == nil {
		return nil, merr.CollectionNotLoaded.With(merr.KV{Key: "collection", Value: info.Name})
	}
	ctx, cancel := context.WithTimeout(ctx, openWait)
	defer cancel()
	for {
		n.mu.RLock()
		changed, failed := n.mu.changed, n.mu.failed[id]
		n.mu.RUnlock()
		if v := n.view(id); v != nil {
			return v, v.check(partitions)
		}
		if failed != nil {
			return nil, merr.DataIntegrity.Text("collection %s cannot be read: %v: %s", info.Name, failed, merr.DataIntegrity.Message)
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, merr.CollectionRecovering.With(merr.KV{Key: "collection", Value: info.Name})
		}
	}
}

func (n *Node) view(id base.Shard) *view {
	if s := n.shard(id); s != nil {
		return s.view.Load()
	}
	return nil
}

// check refuses partitions that are not loaded.
func (v *view) check(partitions []base.ID) error {
	for _, p := range partitions {
		if !v.all && !v.partitions[p] {
			return merr.PartitionNotLoaded.With(merr.KV{Key: "partition", Value: p})
		}
	}
	return nil
}
