package datanode

import (
	"context"
	"fmt"

	"github.com/redkite-db/redkite/internal/base"
	"github.com/redkite-db/redkite/internal/role"
	"github.com/redkite-db/redkite/internal/segment"
)

// Compact merges segments into one, leaves out the rows that the shard's
// delta logs hide, and returns what it wrote; a task without segments merges
// its delta logs. The caller commits it.
func (n *Node) Compact(ctx context.Context, t *role.CompactionTask) (*role.CompactionResult, error) {
	n.awaitCommits()
	if len(t.Inputs) == 0 {
		return n.mergeDeltas(ctx, t)
	}
	deletes, err := n.readDeltas(ctx, t.Deltas)
	if err != nil {
		return nil, err
	}
	shard, partition := t.Inputs[0].Shard, t.Inputs[0].Partition
	result := &role.CompactionResult{Task: t.Task, Shard: shard}
	upTo := foldedUpTo(t)
	var inputs []segment.Segment
	defer func() {
		for _, s := range inputs {
			s.(*segment.Sealed).Close()
		}
	}()
	for _, in := range t.Inputs {
		s, err := n.openInput(ctx, in, deletes)
		if err != nil {
			return nil, fmt.Errorf("datanode: compaction input %d: %w", in.ID, err)
		}
		inputs = append(inputs, s)
		result.Inputs = append(result.Inputs, in.ID)
	}
	id, err := n.cfg.Root.IDs(ctx, 1)
	if err != nil {
		return nil, err
	}
	written, err := segment.WriteSealed(ctx, segment.WriteTask{
		Store: n.cfg.Store, Collection: t.Collection.Collection, Shard: shard, Partition: partition,
		Segment: id, Task: t.Task, Deletes: upTo, Level: 2,
	}, inputs...)
	if err != nil {
		return nil, fmt.Errorf("datanode: compaction: %w", err)
	}
	if written != nil {
		m := written.Manifest
		result.Output = &role.Segment{
			ID: id, Shard: shard, Partition: partition, Rows: int64(m.Rows), Bytes: written.Bytes, Manifest: written.Key,
			Task: t.Task, MinTime: m.MinTime, MaxTime: m.MaxTime, DeletesApplied: upTo, Level: 2,
		}
	}
	return result, nil
}

// awaitCommits returns when Live knows of every flush that the catalog had
// when it was called: no growing twin of a compaction's input outlives it.
func (n *Node) awaitCommits() {
	n.flushes.Lock()
	defer n.flushes.Unlock()
}

// foldedUpTo is the time up to which a task folds deletes in.
func foldedUpTo(t *role.CompactionTask) base.Timestamp {
	var upTo base.Timestamp
	for _, d := range t.Deltas {
		upTo = max(upTo, d.To)
	}
	for _, in := range t.Inputs {
		upTo = max(upTo, in.DeletesApplied)
	}
	return upTo
}

// openInput opens a segment and applies the deletes that it has not folded in.
func (n *Node) openInput(ctx context.Context, in *role.Segment, deletes []segment.DeleteBatch) (*segment.Sealed, error) {
	s, err := segment.OpenSealed(ctx, n.cfg.Engine, n.cfg.Files, in.Manifest)
	if err != nil {
		return nil, err
	}
	for _, d := range deletes {
		if d.Timestamp <= in.DeletesApplied {
			continue
		}
		if err := s.Delete(d.Keys, []base.Timestamp{d.Timestamp}, d.Partition); err != nil {
			s.Close()
			return nil, err
		}
	}
	return s, nil
}
