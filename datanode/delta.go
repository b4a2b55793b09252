package datanode

import (
	"context"
	"fmt"
	"slices"

	"github.com/redkite-db/redkite/internal/base"
	"github.com/redkite-db/redkite/internal/binlog"
	"github.com/redkite-db/redkite/internal/role"
	"github.com/redkite-db/redkite/internal/segment"
)

// writeDelta stores deletes of a shard, ascending in time, as one delta log.
func (n *Node) writeDelta(ctx context.Context, shard base.Shard, task base.ID, deletes []segment.DeleteBatch) (*role.DeltaLog, error) {
	info, err := n.cfg.Root.CollectionByID(ctx, shard.Collection)
	if err != nil {
		return nil, err
	}
	id, err := n.cfg.Root.IDs(ctx, 1)
	if err != nil {
		return nil, err
	}
	d := &role.DeltaLog{
		ID: id, Shard: shard, From: deletes[0].Timestamp - 1, To: deletes[len(deletes)-1].Timestamp,
		Key: binlog.Key{Kind: binlog.DeltaKey, Task: task, Collection: shard.Collection, Shard: shard.Index}.String(),
	}
	header := binlog.DeltaHeader{Shard: shard, PrimaryKey: info.Primary().ID, From: d.From, To: d.To}
	d.Rows, err = segment.WriteDelta(ctx, n.cfg.Store, d.Key, header, deletes)
	return d, err
}

// readDeltas returns the deletes of delta logs, ascending in time.
func (n *Node) readDeltas(ctx context.Context, deltas []*role.DeltaLog) ([]segment.DeleteBatch, error) {
	var out []segment.DeleteBatch
	for _, d := range deltas {
		batches, err := segment.ReadDelta(ctx, n.cfg.Files, d.Key)
		if err != nil {
			return nil, fmt.Errorf("datanode: delta log %s: %w", d.Key, err)
		}
		out = append(out, batches...)
	}
	slices.SortStableFunc(out, func(a, b segment.DeleteBatch) int {
		if a.Timestamp < b.Timestamp {
			return -1
		} else if a.Timestamp > b.Timestamp {
			return 1
		}
		return 0
	})
	return out, nil
}

// mergeDeltas rewrites delta logs as one.
func (n *Node) mergeDeltas(ctx context.Context, t *role.CompactionTask) (*role.CompactionResult, error) {
	if len(t.Deltas) == 0 {
		return nil, fmt.Errorf("datanode: compaction task %d has no input", t.Task)
	}
	deletes, err := n.readDeltas(ctx, t.Deltas)
	if err != nil {
		return nil, err
	}
	shard := t.Deltas[0].Shard
	merged, err := n.writeDelta(ctx, shard, t.Task, deletes)
	if err != nil {
		return nil, err
	}
	for _, d := range t.Deltas {
		merged.From, merged.To = min(merged.From, d.From), max(merged.To, d.To)
	}
	return &role.CompactionResult{Task: t.Task, Shard: shard, Delta: merged}, nil
}
