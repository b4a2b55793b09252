package stream

import (
	"context"
	"sync"

	"github.com/redkite-db/redkite/internal/base"
	"github.com/redkite-db/redkite/internal/merr"
	"github.com/redkite-db/redkite/mq"
)

// Shard is what the owner must know of a shard to accept its rows.
type Shard struct {
	base.Shard
	Database      string // for messages
	Collection    string
	SchemaVersion int64
	Partitions    []base.ID
}

// table decides which rows a channel accepts, and gives them segments.
type table struct {
	ids func(ctx context.Context, n int) (base.ID, error)
	mu  struct {
		sync.Mutex
		shards     map[base.Shard]*shardEntry
		next, free base.ID // a block of ids: next .. next+free-1 are unused
	}
}

type shardEntry struct {
	Shard
	partitions map[base.ID]bool
	open       map[base.ID]base.ID // partition: the segment that takes its rows
}

// segmentBlock is how many ids for segments are taken at once. Unused ones are lost.
const segmentBlock = 64

func newTable(clock Clock) *table {
	t := &table{ids: clock.IDs}
	t.mu.shards = make(map[base.Shard]*shardEntry)
	return t
}

// put makes a shard accept rows, or updates what is known of it.
func (t *table) put(s Shard) {
	t.mu.Lock()
	defer t.mu.Unlock()
	e := t.mu.shards[s.Shard]
	if e == nil {
		e = &shardEntry{open: make(map[base.ID]base.ID)}
		t.mu.shards[s.Shard] = e
	}
	e.Shard = s
	e.partitions = make(map[base.ID]bool, len(s.Partitions))
	for _, p := range s.Partitions {
		e.partitions[p] = true
	}
}

// admit checks every message of a group and gives rows their segment. undo is
// not nil if the table was changed and must be put back when the group is not
// written.
func (t *table) admit(ctx context.Context, g *mq.Group) (undo func(), err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, m := range g.Messages {
		e := t.mu.shards[m.Shard]
		if e == nil {
			return nil, merr.AsInput(merr.CollectionNotFound.With(merr.KV{Key: "collection", Value: m.Shard.Collection}))
		}
		if err := e.check(m); err != nil {
			return nil, err
		}
	}
	for _, m := range g.Messages {
		e := t.mu.shards[m.Shard]
		switch m.Kind {
		case mq.Insert, mq.Upsert:
			if m.Segment, err = t.segmentLocked(ctx, e, m.Partition); err != nil {
				return nil, merr.Unavailable.Text("no segment id: %v: %s", err, merr.Unavailable.Message)
			}
		case mq.Seal:
			e.close(m.Segment)
		case mq.DropPartition, mq.DropShard, mq.Truncate:
			undo = chain(undo, t.removeLocked(e, m))
		}
	}
	return undo, nil
}

// check refuses rows of another schema version or of a partition that is gone.
func (e *shardEntry) check(m *mq.Message) error {
	switch m.Kind {
	case mq.Insert, mq.Upsert, mq.Delete:
		if m.SchemaVersion != e.SchemaVersion {
			return merr.SchemaMismatch.With(merr.KV{Key: "collection", Value: e.Collection},
				merr.KV{Key: "expected", Value: e.SchemaVersion}, merr.KV{Key: "actual", Value: m.SchemaVersion})
		}
		if m.Partition != 0 && !e.partitions[m.Partition] {
			return merr.AsInput(merr.PartitionNotFound.With(merr.KV{Key: "partition", Value: m.Partition}))
		}
	}
	return nil
}

// segmentLocked returns the open segment of a partition, a new one if none is.
func (t *table) segmentLocked(ctx context.Context, e *shardEntry, partition base.ID) (base.ID, error) {
	if id := e.open[partition]; id != 0 {
		return id, nil
	}
	if t.mu.free == 0 {
		first, err := t.ids(ctx, segmentBlock)
		if err != nil {
			return 0, err
		}
		t.mu.next, t.mu.free = first, segmentBlock
	}
	id := t.mu.next
	t.mu.next++
	t.mu.free--
	e.open[partition] = id
	return id, nil
}

// close makes the next row of the segment's partition begin another one.
func (e *shardEntry) close(segment base.ID) {
	for p, id := range e.open {
		if id == segment {
			delete(e.open, p)
		}
	}
}

// removeLocked applies a drop or truncate to the table.
func (t *table) removeLocked(e *shardEntry, m *mq.Message) (undo func()) {
	switch m.Kind {
	case mq.DropShard:
		delete(t.mu.shards, m.Shard)
		return t.locked(func() { t.mu.shards[m.Shard] = e })
	case mq.DropPartition:
		delete(e.partitions, m.Partition)
		delete(e.open, m.Partition)
		return t.locked(func() { e.partitions[m.Partition] = true })
	default: // Truncate: rows after it are in new segments
		clear(e.open)
		return nil
	}
}

func (t *table) locked(f func()) func() {
	return func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		f()
	}
}

// replayed brings the table to where it was after a group.
func (t *table) replayed(g *mq.Group) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, m := range g.Messages {
		e := t.mu.shards[m.Shard]
		if e == nil {
			continue
		}
		switch m.Kind {
		case mq.Insert, mq.Upsert:
			e.open[m.Partition] = m.Segment
		case mq.Seal:
			e.close(m.Segment)
		case mq.DropPartition:
			delete(e.open, m.Partition)
		case mq.Truncate:
			clear(e.open)
		}
	}
}

// remove forgets a shard whose drop is logged and in the catalog.
func (t *table) remove(s base.Shard) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.mu.shards, s)
}

func chain(a, b func()) func() {
	switch {
	case a == nil:
		return b
	case b == nil:
		return a
	}
	return func() { a(); b() }
}
