package rootcoord

import (
	"context"

	"github.com/redkite-db/redkite/internal/base"
	"github.com/redkite-db/redkite/internal/merr"
	"github.com/redkite-db/redkite/internal/role"
	"github.com/redkite-db/redkite/meta"
	"github.com/redkite-db/redkite/rootcoord/sched"
)

// host is the coordinator as the loops see it.
type host Coord

var _ sched.Host = (*host)(nil)

func (h *host) coord() *Coord { return (*Coord)(h) }

// Collections implements sched.Host.
func (h *host) Collections() []base.ID {
	h.mu.RLock()
	defer h.mu.RUnlock()
	ids := make([]base.ID, 0, len(h.mu.collections))
	for id := range h.mu.collections {
		ids = append(ids, id)
	}
	return ids
}

// Snapshot implements sched.Host.
func (h *host) Snapshot(id base.ID) *sched.Snapshot {
	h.mu.RLock()
	coll := h.mu.collections[id]
	h.mu.RUnlock()
	if coll == nil {
		return nil
	}
	snap := *coll.snapshot()
	h.mu.RLock()
	snap.Cut = h.mu.cuts[snap.Info.Channel]
	h.mu.RUnlock()
	return &snap
}

// Begin implements sched.Host.
func (h *host) Begin(ctx context.Context, kind string) (base.ID, error) {
	return h.coord().Begin(ctx, kind)
}

// End implements sched.Host.
func (h *host) End(ctx context.Context, task base.ID) error { return h.coord().End(ctx, task) }

// Open implements sched.Host.
func (h *host) Open(task base.ID) bool {
	open, _ := h.tasks.state(task)
	return open
}

// Sure implements sched.Host.
func (h *host) Sure() bool { return h.catalog.Sure() }

// CommitIndex implements sched.Host. It fails if the segment or the index was
// dropped meanwhile.
func (h *host) CommitIndex(ctx context.Context, collection base.ID, r *role.BuildResult) error {
	c := h.coord()
	coll, err := c.recorded(collection)
	if err != nil {
		return err
	}
	return c.update(ctx, coll, func(t *tx) error {
		open, done := c.tasks.state(r.Task)
		if done {
			return nil
		}
		if !open {
			return errRevoked(r.Task)
		}
		seg := t.segment(r.Segment)
		if t.dropping || seg == nil || seg.Dropped {
			return merr.SegmentNotFound.With(merr.KV{Key: "segment", Value: r.Segment})
		}
		if !hasIndex(t.info, r.Index) {
			return merr.IndexNotFound.With(merr.KV{Key: "index", Value: r.Index})
		}
		indexed := cloneSegment(seg)
		if indexed.Indexes == nil {
			indexed.Indexes = map[base.ID]role.IndexFile{}
		}
		indexed.Indexes[r.Index] = r.File
		t.putSegment(indexed)
		t.endTask(r.Task)
		return nil
	})
}

// DropIndexFile implements sched.Host.
func (h *host) DropIndexFile(ctx context.Context, collection base.ID, bad role.BadIndex) error {
	c := h.coord()
	coll, err := c.recorded(collection)
	if err != nil {
		return nil // dropped meanwhile
	}
	return c.update(ctx, coll, func(t *tx) error {
		seg := t.segment(bad.Segment)
		if seg == nil || seg.Dropped {
			return nil
		}
		if file, ok := seg.Indexes[bad.Index]; !ok || file.Build != bad.Build {
			return nil
		}
		bare := cloneSegment(seg)
		delete(bare.Indexes, bad.Index)
		t.putSegment(bare)
		return c.discardBuilds(ctx, t, []base.ID{bad.Build})
	})
}

func hasIndex(info *role.CollectionInfo, id base.ID) bool {
	for _, x := range info.Indexes {
		if x.ID == id {
			return true
		}
	}
	return false
}

// CommitCompaction implements sched.Host.
func (h *host) CommitCompaction(ctx context.Context, task *role.CompactionTask, r *role.CompactionResult) error {
	c := h.coord()
	coll, err := c.recorded(r.Shard.Collection)
	if err != nil {
		return err
	}
	return c.update(ctx, coll, func(t *tx) error {
		open, done := c.tasks.state(task.Task)
		if done {
			return nil
		}
		if !open {
			return errRevoked(task.Task)
		}
		if t.dropping {
			return errCollectionIDNotFound(coll.id)
		}
		t.endTask(task.Task)
		if len(task.Inputs) == 0 {
			return c.replaceDeltas(ctx, t, task, r)
		}
		return t.replaceSegments(task, r)
	})
}

// replaceSegments drops the inputs, each in the version that was read, and
// adds the output.
func (t *tx) replaceSegments(task *role.CompactionTask, r *role.CompactionResult) error {
	for _, in := range task.Inputs {
		now := t.segment(in.ID)
		if now == nil || now.Dropped || now.Task != in.Task {
			return merr.SegmentNotFound.With(merr.KV{Key: "segment", Value: in.ID})
		}
		dropped := cloneSegment(now)
		dropped.Dropped = true
		t.putSegment(dropped)
	}
	if r.Output == nil {
		return nil
	}
	if t.segment(r.Output.ID) != nil || r.Output.Shard != r.Shard || !hasPartition(t.info, r.Output.Partition) {
		return merr.Internal.Text("compaction %d made segment %d of shard %s, partition %d", task.Task, r.Output.ID, r.Output.Shard, r.Output.Partition)
	}
	out := cloneSegment(r.Output)
	out.Task, out.Level = task.Task, 2
	out.Start, out.End = base.Position{}, base.Position{}
	out.MinTime = max(out.MinTime, task.Collection.TruncatedAt+1) // older rows were left out
	for index, f := range out.Indexes {
		if hasIndex(t.info, index) {
			t.endTask(f.Build)
		} else {
			delete(out.Indexes, index) // dropped meanwhile: its task is ended without a commit
		}
	}
	t.putSegment(out)
	return nil
}

// replaceDeltas puts one delta log in the place of several.
func (c *Coord) replaceDeltas(ctx context.Context, t *tx, task *role.CompactionTask, r *role.CompactionResult) error {
	for _, d := range task.Deltas {
		if t.coll.delta(d.ID) == nil {
			return merr.Internal.Text("compaction %d merged delta log %d, which is gone", task.Task, d.ID)
		}
		t.dropDelta(d)
	}
	if err := c.discardDeltas(ctx, t); err != nil {
		return err
	}
	merged := *r.Delta
	t.putDelta(&merged, task.Task)
	return nil
}

// DropDeltas implements sched.Host.
func (h *host) DropDeltas(ctx context.Context, collection base.ID, ids []base.ID) error {
	c := h.coord()
	coll, err := c.recorded(collection)
	if err != nil {
		return err
	}
	return c.update(ctx, coll, func(t *tx) error {
		for _, id := range ids {
			if d := coll.delta(id); d != nil {
				t.dropDelta(d)
			}
		}
		return c.discardDeltas(ctx, t)
	})
}

// ForgetSegments implements sched.Host.
func (h *host) ForgetSegments(ctx context.Context, collection base.ID, remove, bare []base.ID) error {
	c := h.coord()
	coll, err := c.recorded(collection)
	if err != nil {
		return err
	}
	return c.update(ctx, coll, func(t *tx) error {
		for _, id := range remove {
			if s := t.segment(id); s != nil && s.Dropped {
				t.dropSegment(id)
			}
		}
		for _, id := range bare {
			if s := t.segment(id); s != nil && s.Dropped {
				b := cloneSegment(s)
				b.Manifest, b.Indexes = "", nil
				t.putSegment(b)
			}
		}
		return nil
	})
}

// ForgetCollection implements sched.Host.
func (h *host) ForgetCollection(ctx context.Context, id base.ID) error {
	c := h.coord()
	c.mu.RLock()
	coll := c.mu.collections[id]
	c.mu.RUnlock()
	if coll == nil || coll.live() {
		return nil
	}
	coll.commit.Lock()
	defer coll.commit.Unlock()
	var change meta.Change
	info := coll.info.Load()
	for _, s := range coll.segments() {
		change.DropSegment(id, s.ID)
	}
	for _, d := range coll.deltas() {
		change.DropDelta(d.Shard, d.ID)
	}
	for _, shard := range info.ShardList() {
		change.DropCheckpoint(shard)
	}
	for _, x := range info.Indexes {
		change.DropIndex(id, x.ID)
	}
	coll.mu.RLock()
	for p := range coll.mu.later {
		change.DropPartition(id, p)
	}
	coll.mu.RUnlock()
	change.DropLoad(id)
	change.DropCollection(id)
	if err := c.catalog.Apply(ctx, &change); err != nil {
		return err
	}
	c.mu.Lock()
	delete(c.mu.collections, id)
	c.mu.Unlock()
	c.changes.send()
	return nil
}
