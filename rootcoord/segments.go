package rootcoord

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/redkite-db/redkite/internal/base"
	"github.com/redkite-db/redkite/internal/merr"
	"github.com/redkite-db/redkite/internal/role"
	"github.com/redkite-db/redkite/rootcoord/sched"
)

// recorded returns a collection that has records and is not being dropped; it
// may not be published yet.
func (c *Coord) recorded(id base.ID) (*collection, error) {
	c.mu.RLock()
	coll := c.mu.collections[id]
	c.mu.RUnlock()
	if coll == nil || !coll.live() {
		return nil, errCollectionIDNotFound(id)
	}
	return coll, nil
}

// Shards implements role.Segments: ascending by collection and index.
func (c *Coord) Shards(_ context.Context, ch base.Channel) ([]*role.ShardState, error) {
	var colls []*collection
	c.mu.RLock()
	for _, coll := range c.mu.collections {
		if coll.info.Load().Channel == ch {
			colls = append(colls, coll)
		}
	}
	c.mu.RUnlock()
	slices.SortFunc(colls, func(a, b *collection) int { return cmp.Compare(a.id, b.id) })
	var out []*role.ShardState
	for _, coll := range colls {
		if coll.live() {
			out = append(out, coll.shards()...)
		}
	}
	return out, nil
}

// shards returns the state of each shard, all of one moment.
func (c *collection) shards() []*role.ShardState {
	snap := c.snapshot()
	var out []*role.ShardState
	for _, shard := range snap.Info.ShardList() {
		st := &role.ShardState{Collection: snap.Info, Shard: shard, Checkpoint: snap.Checkpoints[shard.Index]}
		for _, s := range snap.Segments {
			if s.Shard == shard {
				st.Segments = append(st.Segments, s)
			}
		}
		for _, d := range snap.Deltas {
			if d.Shard == shard {
				st.Deltas = append(st.Deltas, d)
			}
		}
		out = append(out, st)
	}
	return out
}

func (c *collection) checkpoint(shard int32) role.Checkpoint {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.mu.checkpoints[shard]
}

func (c *collection) delta(id base.ID) *role.DeltaLog {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.mu.deltas[id]
}

// CommitFlush implements role.Segments. Errors: mq.ErrFenced for a term that
// is not the channel's, CollectionNotFound, and Internal for a report that
// does not follow the shard's checkpoint. A report that comes twice from one
// task is a success.
func (c *Coord) CommitFlush(ctx context.Context, r *role.FlushResult) error {
	coll, err := c.recorded(r.Shard.Collection)
	if err != nil {
		return err
	}
	ch := coll.info.Load().Channel
	// A new term waits for this commit: what its owner reads is final.
	c.terms.RLock()
	defer c.terms.RUnlock()
	if highest := c.terms.highest[ch]; r.Term != highest {
		return fencedErr(ch, r.Term, highest)
	}
	return c.update(ctx, coll, func(t *tx) error {
		open, done := c.tasks.state(r.Task)
		if done {
			return nil
		}
		if !open {
			return errRevoked(r.Task)
		}
		if t.dropping {
			return errCollectionIDNotFound(coll.id)
		}
		return t.flush(r)
	})
}

// flush adds a report to the transaction.
func (t *tx) flush(r *role.FlushResult) error {
	at := t.coll.checkpoint(r.Shard.Index)
	if r.Shard.Index < 0 || r.Shard.Index >= t.info.Shards {
		return merr.Internal.Text("flush of shard %s: the collection has %d shards", r.Shard, t.info.Shards)
	}
	if r.Checkpoint.Version != at.Version+1 || r.Checkpoint.Position.Before(at.Position) || r.Checkpoint.Deletes < at.Deletes {
		return merr.Internal.Text("flush of shard %s to checkpoint %d (%s, deletes %d) does not follow checkpoint %d (%s, deletes %d)", r.Shard,
			r.Checkpoint.Version, r.Checkpoint.Position, r.Checkpoint.Deletes, at.Version, at.Position, at.Deletes)
	}
	for _, s := range r.Segments {
		if s.Shard != r.Shard {
			return merr.Internal.Text("flush of shard %s reports segment %d of shard %s", r.Shard, s.ID, s.Shard)
		}
		if t.segment(s.ID) != nil {
			return merr.Internal.Text("flush of shard %s reports segment %d, which is committed", r.Shard, s.ID)
		}
		flushed := cloneSegment(s)
		flushed.Task = r.Task
		flushed.Level = 1
		// What was dropped or truncated meanwhile is recorded as dropped: the
		// log still holds its rows.
		flushed.Dropped = s.Dropped || s.Rows == 0 || s.MaxTime <= t.info.TruncatedAt || !hasPartition(t.info, s.Partition)
		t.putSegment(flushed)
	}
	if r.Delta != nil {
		d := *r.Delta
		t.putDelta(&d, r.Task)
	}
	t.putCheckpoint(r.Shard, r.Checkpoint)
	t.endTask(r.Task)
	return nil
}

// Cut implements role.Segments.
func (c *Coord) Cut(_ context.Context, ch base.Channel, at base.Position) error {
	c.mu.Lock()
	if !c.mu.cuts[ch].Before(at) {
		c.mu.Unlock()
		return nil
	}
	c.mu.cuts[ch] = at
	var behind []base.ID
	for _, coll := range c.mu.collections {
		if coll.info.Load().Channel == ch && coll.droppedBefore(at) {
			behind = append(behind, coll.id)
		}
	}
	c.mu.Unlock()
	for _, id := range behind {
		c.loops.Kick(id)
	}
	return nil
}

// droppedBefore reports whether a dropped segment's record need not stay.
func (c *collection) droppedBefore(cut base.Position) bool {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if c.mu.dropped == 0 {
		return false
	}
	for _, s := range c.mu.segments {
		if s.Dropped && !cut.Before(s.End) {
			return true
		}
	}
	return false
}

// List implements role.Segments: the committed segments that are not dropped.
func (c *Coord) List(_ context.Context, collection base.ID) ([]*role.Segment, error) {
	coll, err := c.byID(collection)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(slices.Clone(coll.segments()), func(s *role.Segment) bool { return s.Dropped }), nil
}

// IndexState implements role.Segments.
func (c *Coord) IndexState(_ context.Context, collection, index base.ID) (role.IndexState, error) {
	coll, err := c.byID(collection)
	if err != nil {
		return role.IndexState{}, err
	}
	info := coll.info.Load()
	var st role.IndexState
	for _, x := range info.Indexes {
		if x.ID != index {
			continue
		}
		for _, s := range coll.segments() {
			if s.Dropped {
				continue
			}
			st.Total += s.Rows
			if !sched.Missing(info, x, s, c.cfg.Sched.MinIndexRows) {
				st.Indexed += s.Rows
			}
		}
		st.Pending = st.Total - st.Indexed
		st.Failed = c.loops.BuildFailure(index)
		return st, nil
	}
	return st, merr.IndexNotFound.With(merr.KV{Key: "index", Value: index})
}

// Compact implements role.Segments. All deletes are folded and segments are
// merged up to their largest size; major asks for nothing more in this version.
func (c *Coord) Compact(ctx context.Context, collection base.ID, _ bool) (base.ID, int, error) {
	if _, err := c.byID(collection); err != nil {
		return 0, 0, err
	}
	id, err := c.ids.Next(ctx, 1)
	if err != nil {
		return 0, 0, err
	}
	return id, c.loops.Compact(id, collection), nil
}

// CompactionState implements role.Segments. It is remembered until a restart.
func (c *Coord) CompactionState(_ context.Context, id base.ID) (role.CompactionState, error) {
	st, ok := c.loops.CompactionState(id)
	if !ok {
		return st, merr.AsInput(merr.CompactionNotFound.With(merr.KV{Key: "compaction", Value: id}))
	}
	return st, nil
}

// WaitChange implements role.Segments.
func (c *Coord) WaitChange(ctx context.Context, wait time.Duration) error {
	changed := c.changes.wait()
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-changed:
	case <-timer.C:
	case <-ctx.Done():
		return ctx.Err()
	}
	return nil
}
