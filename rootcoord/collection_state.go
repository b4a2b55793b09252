package rootcoord

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/redkite-db/redkite/internal/base"
	"github.com/redkite-db/redkite/internal/role"
	"github.com/redkite-db/redkite/internal/schema"
	"github.com/redkite-db/redkite/meta"
	"github.com/redkite-db/redkite/rootcoord/sched"
)

// collection is all that the coordinator knows of one collection.
type collection struct {
	id   base.ID
	info atomic.Pointer[role.CollectionInfo] // immutable once the collection is published

	// commit serialises changes of the collection's records: it is held from
	// the decision until the change is durable and published.
	commit sync.Mutex

	mu struct {
		sync.RWMutex
		dropping    bool
		dropped     int              // segments that are Dropped
		later       map[base.ID]bool // partitions with records of their own
		segments    map[base.ID]*role.Segment
		deltas      map[base.ID]*role.DeltaLog
		checkpoints map[int32]role.Checkpoint
		snap        *sched.Snapshot // of all this and info; nil: to be made
	}
}

func newCollection(info *role.CollectionInfo) *collection {
	c := &collection{id: info.ID}
	c.info.Store(info)
	c.mu.later = map[base.ID]bool{}
	c.mu.segments = map[base.ID]*role.Segment{}
	c.mu.deltas = map[base.ID]*role.DeltaLog{}
	c.mu.checkpoints = map[int32]role.Checkpoint{}
	return c
}

func adoptCollection(r *meta.Collection) *collection {
	c := newCollection(&role.CollectionInfo{
		Collection: r.Schema, Channel: r.Channel, Partitions: r.Partitions, TruncatedAt: r.TruncatedAt,
	})
	c.mu.dropping = r.Dropping
	return c
}

// live reports whether the collection exists for clients.
func (c *collection) live() bool {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return !c.mu.dropping
}

// sortParts orders what adopt found in key order.
func sortParts(info *role.CollectionInfo) {
	slices.SortFunc(info.Partitions, func(a, b *schema.Partition) int {
		if d := cmp.Compare(b2i(b.Name == schema.DefaultPartition), b2i(a.Name == schema.DefaultPartition)); d != 0 {
			return d
		}
		return cmp.Compare(a.ID, b.ID)
	})
	slices.SortFunc(info.Indexes, func(a, b *schema.Index) int { return cmp.Compare(a.ID, b.ID) })
	slices.Sort(info.Aliases)
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

func capacityOf(info *role.CollectionInfo) int { return len(info.Partitions) * int(info.Shards) }

// partition returns the partition of a name, nil if there is none.
func partition(info *role.CollectionInfo, name string) *schema.Partition {
	for _, p := range info.Partitions {
		if p.Name == name {
			return p
		}
	}
	return nil
}

func hasPartition(info *role.CollectionInfo, id base.ID) bool {
	return slices.ContainsFunc(info.Partitions, func(p *schema.Partition) bool { return p.ID == id })
}

// tx is one change of a collection: what is written to the catalog and what
// becomes of the state in memory, side by side. Its methods run under the
// collection's commit.
type tx struct {
	meta.Change
	coll        *collection
	info        *role.CollectionInfo // a copy to change
	dropping    bool
	later       map[base.ID]bool
	segments    map[base.ID]*role.Segment // nil: removed
	deltas      map[base.ID]*role.DeltaLog
	checkpoints map[int32]role.Checkpoint
	ended       []base.ID // tasks
	garbage     []*meta.Garbage
}

// update decides a change of the collection by f, makes it durable, and
// publishes it. Nothing changes if f fails.
func (c *Coord) update(ctx context.Context, coll *collection, f func(t *tx) error) error {
	coll.commit.Lock()
	defer coll.commit.Unlock()
	info := *coll.info.Load()
	t := &tx{
		coll: coll, info: &info,
		later:       map[base.ID]bool{},
		segments:    map[base.ID]*role.Segment{},
		deltas:      map[base.ID]*role.DeltaLog{},
		checkpoints: map[int32]role.Checkpoint{},
	}
	coll.mu.RLock()
	t.dropping = coll.mu.dropping
	for id := range coll.mu.later {
		t.later[id] = true
	}
	coll.mu.RUnlock()
	if err := f(t); err != nil {
		return err
	}
	if t.Len() == 0 {
		return nil
	}
	if err := c.catalog.Apply(ctx, &t.Change); err != nil {
		return err
	}
	c.publish(t)
	return nil
}

func (c *Coord) publish(t *tx) {
	coll := t.coll
	old := coll.info.Load()
	coll.mu.Lock()
	wasLive := !coll.mu.dropping
	coll.mu.dropping, coll.mu.later = t.dropping, t.later
	for id, s := range t.segments {
		coll.mu.dropped += droppedCount(s) - droppedCount(coll.mu.segments[id])
		if s == nil {
			delete(coll.mu.segments, id)
		} else {
			coll.mu.segments[id] = s
		}
	}
	for id, d := range t.deltas {
		if d == nil {
			delete(coll.mu.deltas, id)
		} else {
			coll.mu.deltas[id] = d
		}
	}
	for i, p := range t.checkpoints {
		coll.mu.checkpoints[i] = p
	}
	coll.info.Store(t.info)
	coll.mu.snap = nil
	coll.mu.Unlock()
	c.mu.Lock()
	if wasLive {
		c.mu.capacity -= capacityOf(old)
	}
	if !t.dropping {
		c.mu.capacity += capacityOf(t.info)
	}
	c.mu.Unlock()
	c.tasks.committed(t.ended, t.garbage)
	c.changed(coll.id)
}

func droppedCount(s *role.Segment) int { return b2i(s != nil && s.Dropped) }

// putCollection writes the collection's own record from info.
func (t *tx) putCollection() {
	r := &meta.Collection{
		Schema: t.info.Collection, Channel: t.info.Channel, TruncatedAt: t.info.TruncatedAt, Dropping: t.dropping,
	}
	for _, p := range t.info.Partitions {
		if !t.later[p.ID] {
			r.Partitions = append(r.Partitions, p)
		}
	}
	t.PutCollection(r)
}

func (t *tx) putSegment(s *role.Segment) {
	t.segments[s.ID] = s
	t.PutSegment(segmentRecord(s))
}

func (t *tx) dropSegment(id base.ID) {
	t.segments[id] = nil
	t.DropSegment(t.coll.id, id)
}

func (t *tx) putDelta(d *role.DeltaLog, task base.ID) {
	t.deltas[d.ID] = d
	t.PutDelta(deltaRecord(d, task))
}

func (t *tx) dropDelta(d *role.DeltaLog) {
	t.deltas[d.ID] = nil
	t.DropDelta(d.Shard, d.ID)
}

func (t *tx) putCheckpoint(s base.Shard, p role.Checkpoint) {
	t.checkpoints[s.Index] = p
	t.PutCheckpoint(checkpointRecord(s, p))
}

func (t *tx) setLoad(l *role.LoadInfo) {
	t.info.Load = l
	if l == nil {
		t.DropLoad(t.coll.id)
		return
	}
	t.PutLoad(&meta.Load{Collection: t.coll.id, All: l.All, Partitions: l.Partitions, Replicas: l.Replicas})
}

func (t *tx) endTask(id base.ID) {
	t.ended = append(t.ended, id)
	t.DropTask(id)
}

func (t *tx) putGarbage(g *meta.Garbage) {
	t.garbage = append(t.garbage, g)
	t.PutGarbage(g)
}

// segment returns a segment as this transaction sees it, nil if there is none.
func (t *tx) segment(id base.ID) *role.Segment {
	if s, ok := t.segments[id]; ok {
		return s
	}
	t.coll.mu.RLock()
	defer t.coll.mu.RUnlock()
	return t.coll.mu.segments[id]
}

// dropSegments marks the segments that match as dropped: their rows do not
// exist any more, the records stay until the log is cut behind them.
func (t *tx) dropSegments(match func(*role.Segment) bool) {
	for _, s := range t.coll.segments() {
		if !s.Dropped && match(s) {
			d := cloneSegment(s)
			d.Dropped = true
			t.putSegment(d)
		}
	}
}

// snapshot returns all that is known at this moment, the channel's cut apart.
// It is made once after each change.
func (c *collection) snapshot() *sched.Snapshot {
	c.mu.RLock()
	snap := c.mu.snap
	c.mu.RUnlock()
	if snap != nil {
		return snap
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.mu.snap == nil {
		c.mu.snap = &sched.Snapshot{
			Info:     c.info.Load(),
			Dropping: c.mu.dropping,
			Segments: slices.SortedFunc(maps.Values(c.mu.segments), func(a, b *role.Segment) int { return cmp.Compare(a.ID, b.ID) }),
			Deltas: slices.SortedFunc(maps.Values(c.mu.deltas), func(a, b *role.DeltaLog) int {
				return cmp.Or(cmp.Compare(a.From, b.From), cmp.Compare(a.ID, b.ID))
			}),
			Checkpoints: maps.Clone(c.mu.checkpoints),
		}
	}
	return c.mu.snap
}

// segments returns all segments, ascending by id; Dropped ones too. The slice
// is shared.
func (c *collection) segments() []*role.Segment { return c.snapshot().Segments }

// deltas returns all delta logs, ascending by the time they begin. The slice
// is shared.
func (c *collection) deltas() []*role.DeltaLog { return c.snapshot().Deltas }
