package datanode

import (
	"context"

	"github.com/redkite-db/redkite/internal/base"
	"github.com/redkite-db/redkite/internal/merr"
	"github.com/redkite-db/redkite/internal/role"
	"github.com/redkite-db/redkite/internal/segment"
	"github.com/redkite-db/redkite/mq"
)

var _ role.DataNode = (*Node)(nil)

// CreateShards makes the channel accept rows of a collection.
func (n *Node) CreateShards(_ context.Context, info *role.CollectionInfo) error {
	for _, s := range info.ShardList() {
		n.cfg.Live.Register(segment.ShardConfig{
			Shard: s, Collection: info.Collection, Partitions: partitionIDs(info), TruncatedAt: info.TruncatedAt,
		})
		n.owner.CreateShard(streamShard(info, s))
	}
	return nil
}

// UpdateShards hands a new snapshot of the collection to the channel.
func (n *Node) UpdateShards(_ context.Context, info *role.CollectionInfo) error {
	for _, s := range info.ShardList() {
		n.cfg.Live.Update(s, info.Collection, partitionIDs(info)) // before rows of this version may come
		n.owner.CreateShard(streamShard(info, s))
	}
	return nil
}

// DropShards logs the drop of a collection's shards, in one group. Shards
// that are dropped already are a success.
func (n *Node) DropShards(ctx context.Context, info *role.CollectionInfo) error {
	return n.logAll(ctx, info, func(s base.Shard) *mq.Message { return &mq.Message{Kind: mq.DropShard, Shard: s} })
}

// DropPartition logs the drop of a partition.
func (n *Node) DropPartition(ctx context.Context, info *role.CollectionInfo, partition base.ID) error {
	return n.logAll(ctx, info, func(s base.Shard) *mq.Message {
		return &mq.Message{Kind: mq.DropPartition, Shard: s, Partition: partition}
	})
}

// Truncate logs a truncation and returns its timestamp.
func (n *Node) Truncate(ctx context.Context, info *role.CollectionInfo) (base.Timestamp, error) {
	g := &mq.Group{}
	for _, s := range info.ShardList() {
		g.Messages = append(g.Messages, &mq.Message{Kind: mq.Truncate, Shard: s})
	}
	return n.owner.Append(ctx, g)
}

func (n *Node) logAll(ctx context.Context, info *role.CollectionInfo, message func(base.Shard) *mq.Message) error {
	g := &mq.Group{}
	for _, s := range info.ShardList() {
		g.Messages = append(g.Messages, message(s))
	}
	_, err := n.owner.Append(ctx, g)
	if merr.Is(err, merr.CollectionNotFound) {
		return nil
	}
	if err == nil {
		n.release()
	}
	return err
}

// shardsOf lists the registered shards of a collection.
func (n *Node) shardsOf(collection base.ID) []base.Shard {
	var out []base.Shard
	for _, s := range n.cfg.Live.Shards() {
		if s.Collection == collection {
			out = append(out, s)
		}
	}
	return out
}

// Seal ends the growing segments of a collection and begins their flush.
func (n *Node) Seal(ctx context.Context, collection base.ID) (role.Sealed, error) {
	var out role.Sealed
	shards := n.shardsOf(collection)
	n.mu.Lock()
	var open []base.ID
	for id, t := range n.mu.tracked {
		if t.shard.Collection == collection {
			out.Segments = append(out.Segments, id)
			if t.seal == nil {
				open = append(open, id)
			}
		}
	}
	n.mu.Unlock()
	if err := n.seal(ctx, open); err != nil {
		return role.Sealed{}, err
	}
	at, err := n.owner.ReadAt(ctx, 0)
	if err != nil {
		return role.Sealed{}, err
	}
	out.At = at
	n.mu.Lock()
	for _, s := range shards {
		n.mu.wanted[s] = max(n.mu.wanted[s], at)
	}
	n.mu.Unlock()
	n.wake()
	committed, err := n.cfg.Root.List(ctx, collection)
	if err != nil {
		return role.Sealed{}, err
	}
	for _, s := range committed {
		if !s.Dropped {
			out.Flushed = append(out.Flushed, s.ID)
		}
	}
	return out, nil
}

// Flushed reports whether segments, and a collection's deletes up to a time,
// are committed.
func (n *Node) Flushed(_ context.Context, collection base.ID, segments []base.ID, at base.Timestamp) (bool, error) {
	for _, shard := range n.shardsOf(collection) {
		for _, id := range segments {
			if n.cfg.Live.Segment(shard, id) != nil {
				return false, nil
			}
		}
		if len(n.cfg.Live.PendingDeletes(shard, at)) > 0 {
			return false, nil
		}
	}
	return true, nil
}

// Growing tells of the rows that are not in committed segments.
func (n *Node) Growing(_ context.Context, collection base.ID) ([]role.GrowingInfo, error) {
	var out []role.GrowingInfo
	for _, shard := range n.shardsOf(collection) {
		for _, g := range n.cfg.Live.Growing(shard) {
			out = append(out, role.GrowingInfo{
				Segment: g.ID(), Partition: g.Partition(), Shard: shard,
				Rows: int64(g.Rows()), Live: int64(g.LiveRows()), Bytes: g.Bytes(), Sealed: n.isSealed(g.ID()),
			})
		}
	}
	return out, nil
}

func (n *Node) isSealed(id base.ID) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	t := n.mu.tracked[id]
	return t != nil && t.seal != nil
}
