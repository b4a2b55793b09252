package segment

import (
	"slices"
	"sync"

	"github.com/redkite-db/redkite/internal/base"
	"github.com/redkite-db/redkite/internal/column"
	"github.com/redkite-db/redkite/internal/schema"
)

// DeleteBatch is one delete of a shard: it hides the rows of Keys with a
// smaller timestamp.
type DeleteBatch struct {
	Keys      *column.Column
	Partition base.ID // 0: of every partition
	Timestamp base.Timestamp
}

// Follower is told what happens to a shard, in log order, after it was applied
// and before it is acknowledged. Its methods must not call back into Live.
type Follower interface {
	// Began is the first call: what Live holds at this moment.
	Began(s Snapshot)
	// Grew: a growing segment got its first rows. Later rows come without a call.
	Grew(g *Growing)
	// Deleted: the batch was applied to the growing segments that Live holds,
	// not to sealed ones, nor to those of Committed.
	Deleted(d DeleteBatch)
	// Committed: Live gives up growing segments that are in objects now. Who
	// still reads them applies the deletes that come.
	Committed(segments []base.ID)
	PartitionDropped(partition base.ID)
	// Truncated: every row stamped before ts is gone.
	Truncated(ts base.Timestamp)
	Dropped()
}

// ShardConfig registers a shard with Live.
type ShardConfig struct {
	Shard       base.Shard
	Collection  *schema.Collection
	Partitions  []base.ID
	TruncatedAt base.Timestamp // rows stamped at or before it are passed over
	DeletesTo   base.Timestamp // deletes at or before it are committed: passed over
	Version     int64          // of the shard's checkpoint
	Committed   []base.ID      // segments whose rows are passed over at replay
}

// Live holds the rows and deletes that are not in committed objects, of every
// shard in the process, once: the datanode applies them, querynodes read them.
// Apply methods are called by one goroutine, in log order; all others by any.
type Live struct {
	engine *Engine
	mu     struct {
		sync.RWMutex
		shards map[base.Shard]*liveShard
	}
}

// liveShard is the part of one shard.
type liveShard struct {
	shard base.Shard
	mu    struct {
		sync.Mutex
		collection  *schema.Collection
		partitions  map[base.ID]bool
		passed      map[base.ID]bool // committed before this process began
		growing     map[base.ID]*Growing
		deletes     []pendingDelete // ascending in time
		deletesTo   base.Timestamp
		truncatedAt base.Timestamp
		version     int64
		committedAt map[base.ID]int64 // segment: checkpoint version that committed it
		followers   []Follower
	}
}

type pendingDelete struct {
	DeleteBatch
	start base.Position
}

// NewLive returns an empty Live whose segments are an engine's.
func NewLive(e *Engine) *Live {
	l := &Live{engine: e}
	l.mu.shards = make(map[base.Shard]*liveShard)
	return l
}

// Register makes Live keep the rows of a shard. Rows of shards that are not
// registered are passed over.
func (l *Live) Register(c ShardConfig) {
	s := &liveShard{shard: c.Shard}
	s.mu.collection = c.Collection
	s.mu.partitions = make(map[base.ID]bool)
	s.mu.passed = make(map[base.ID]bool)
	s.mu.growing = make(map[base.ID]*Growing)
	s.mu.committedAt = make(map[base.ID]int64)
	for _, p := range c.Partitions {
		s.mu.partitions[p] = true
	}
	for _, id := range c.Committed {
		s.mu.passed[id] = true
	}
	s.mu.deletesTo, s.mu.truncatedAt, s.mu.version = c.DeletesTo, c.TruncatedAt, c.Version
	l.mu.Lock()
	defer l.mu.Unlock()
	l.mu.shards[c.Shard] = s
}

// Update tells the newest version of a shard's collection, and which of its
// partitions exist. Rows with a field that a version added come after it.
func (l *Live) Update(shard base.Shard, c *schema.Collection, partitions []base.ID) {
	s := l.shard(shard)
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mu.collection = c
	for _, g := range s.mu.growing {
		g.Alter(c)
	}
	clear(s.mu.partitions)
	for _, p := range partitions {
		s.mu.partitions[p] = true
	}
}

func (l *Live) shard(id base.Shard) *liveShard {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.mu.shards[id]
}

// Insert applies rows. start is the log position before their record.
func (l *Live) Insert(shard base.Shard, partition, segment base.ID, rows *column.Batch, ts base.Timestamp, start base.Position) {
	if s := l.shard(shard); s != nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.insertLocked(l.engine, partition, segment, rows, ts, start)
	}
}

// Delete applies a delete.
func (l *Live) Delete(shard base.Shard, d DeleteBatch, start base.Position) {
	if s := l.shard(shard); s != nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.deleteLocked(d, start)
	}
}

// Upsert applies a delete and an insert of one timestamp.
func (l *Live) Upsert(shard base.Shard, d DeleteBatch, partition, segment base.ID, rows *column.Batch, start base.Position) {
	if s := l.shard(shard); s != nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.deleteLocked(d, start)
		s.insertLocked(l.engine, partition, segment, rows, d.Timestamp, start)
	}
}

func (s *liveShard) insertLocked(e *Engine, partition, segment base.ID, rows *column.Batch, ts base.Timestamp, start base.Position) {
	if s.mu.passed[segment] || !s.mu.partitions[partition] || ts <= s.mu.truncatedAt {
		return
	}
	g := s.mu.growing[segment]
	fresh := g == nil
	if fresh {
		g = NewGrowing(e, GrowingConfig{Shard: s.shard, ID: segment, Partition: partition, Collection: s.mu.collection, Start: start})
		s.mu.growing[segment] = g
	}
	_ = g.Insert(rows, ts) // it fails every later read and flush of the segment
	if fresh {
		for _, f := range s.mu.followers {
			f.Grew(g)
		}
	}
}

func (s *liveShard) deleteLocked(d DeleteBatch, start base.Position) {
	if d.Timestamp <= s.mu.truncatedAt {
		return
	}
	for _, g := range s.mu.growing {
		if d.Partition == 0 || d.Partition == g.Partition() {
			_ = g.Delete(d.Keys, d.Timestamp) // likewise
		}
	}
	if d.Timestamp <= s.mu.deletesTo {
		return // replayed: it is in a delta log, but that is not applied to rows that still grow
	}
	s.mu.deletes = append(s.mu.deletes, pendingDelete{d, start})
	for _, f := range s.mu.followers {
		f.Deleted(d)
	}
}

// DropPartition removes the rows of a partition.
func (l *Live) DropPartition(shard base.Shard, partition base.ID) {
	s := l.shard(shard)
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.mu.partitions, partition)
	for id, g := range s.mu.growing {
		if g.Partition() == partition {
			s.removeLocked(id)
		}
	}
	for _, f := range s.mu.followers {
		f.PartitionDropped(partition)
	}
}

// Truncate removes every row and delete stamped before ts.
func (l *Live) Truncate(shard base.Shard, ts base.Timestamp) {
	s := l.shard(shard)
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mu.truncatedAt = max(s.mu.truncatedAt, ts)
	for id := range s.mu.growing {
		s.removeLocked(id)
	}
	s.mu.deletes = nil
	for _, f := range s.mu.followers {
		f.Truncated(ts)
	}
}

// DropShard removes a shard.
func (l *Live) DropShard(shard base.Shard) {
	l.mu.Lock()
	s := l.mu.shards[shard]
	delete(l.mu.shards, shard)
	l.mu.Unlock()
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for id := range s.mu.growing {
		s.removeLocked(id)
	}
	for _, f := range s.mu.followers {
		f.Dropped()
	}
	s.mu.followers = nil
}

func (s *liveShard) removeLocked(id base.ID) {
	s.mu.growing[id].Release()
	delete(s.mu.growing, id)
}

// Snapshot is what Live holds of a shard at one moment.
type Snapshot struct {
	Growing     []*Growing
	Deletes     []DeleteBatch // after the last committed one, ascending in time
	Version     int64         // of the shard's last committed checkpoint
	TruncatedAt base.Timestamp
}

// Follow tells the follower what Live holds of a shard, and then all that
// comes after it. It returns false if the shard is not registered.
func (l *Live) Follow(shard base.Shard, f Follower) bool {
	s := l.shard(shard)
	if s == nil {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	snap := Snapshot{Growing: s.growingLocked(), Version: s.mu.version, TruncatedAt: s.mu.truncatedAt}
	for _, d := range s.mu.deletes {
		snap.Deletes = append(snap.Deletes, d.DeleteBatch)
	}
	f.Began(snap)
	s.mu.followers = append(s.mu.followers, f)
	return true
}

// Unfollow ends what Follow began.
func (l *Live) Unfollow(shard base.Shard, f Follower) {
	s := l.shard(shard)
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mu.followers = slices.DeleteFunc(s.mu.followers, func(o Follower) bool { return o == f })
}

func (s *liveShard) growingLocked() []*Growing {
	out := make([]*Growing, 0, len(s.mu.growing))
	for _, g := range s.mu.growing {
		out = append(out, g)
	}
	slices.SortFunc(out, func(a, b *Growing) int { return int(min(max(a.ID()-b.ID(), -1), 1)) })
	return out
}

// Growing lists the growing segments of a shard by id.
func (l *Live) Growing(shard base.Shard) []*Growing {
	s := l.shard(shard)
	if s == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.growingLocked()
}

// Segment returns a growing segment of a shard, nil if it has none of that id.
func (l *Live) Segment(shard base.Shard, id base.ID) *Growing {
	s := l.shard(shard)
	if s == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.mu.growing[id]
}

// PendingDeletes returns the deletes of a shard that are not committed, up to
// a time, ascending.
func (l *Live) PendingDeletes(shard base.Shard, upTo base.Timestamp) []DeleteBatch {
	s := l.shard(shard)
	if s == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []DeleteBatch
	for _, d := range s.mu.deletes {
		if d.Timestamp <= upTo {
			out = append(out, d.DeleteBatch)
		}
	}
	return out
}

// Committed tells that segments, and the deletes up to a time, are in objects
// that the catalog names, with the shard's checkpoint of a version.
func (l *Live) Committed(shard base.Shard, segments []base.ID, deletesTo base.Timestamp, version int64) {
	s := l.shard(shard)
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, id := range segments {
		if s.mu.growing[id] != nil {
			s.removeLocked(id)
		}
		s.mu.committedAt[id] = version
	}
	s.mu.deletesTo = max(s.mu.deletesTo, deletesTo)
	s.mu.deletes = slices.DeleteFunc(s.mu.deletes, func(d pendingDelete) bool { return d.Timestamp <= deletesTo })
	s.mu.version = max(s.mu.version, version)
	for _, f := range s.mu.followers {
		f.Committed(segments)
	}
}

// CommittedAt returns the checkpoint version that committed a segment since
// the process began; 0 if none did.
func (l *Live) CommittedAt(shard base.Shard, segment base.ID) int64 {
	s := l.shard(shard)
	if s == nil {
		return 0
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.mu.committedAt[segment]
}

// Held returns the position after which the log is still needed for a shard:
// before its oldest row or delete that is not committed. It returns false if
// the shard needs nothing of the log.
func (l *Live) Held(shard base.Shard) (base.Position, bool) {
	s := l.shard(shard)
	if s == nil {
		return base.Position{}, false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var at base.Position
	held := false
	hold := func(p base.Position) {
		if !held || p.Before(at) {
			at, held = p, true
		}
	}
	for _, g := range s.mu.growing {
		hold(g.Start())
	}
	if len(s.mu.deletes) > 0 {
		hold(s.mu.deletes[0].start)
	}
	return at, held
}

// Shards lists the registered shards.
func (l *Live) Shards() []base.Shard {
	l.mu.RLock()
	defer l.mu.RUnlock()
	out := make([]base.Shard, 0, len(l.mu.shards))
	for s := range l.mu.shards {
		out = append(out, s)
	}
	return out
}

// Version returns the version of a shard's last committed checkpoint.
func (l *Live) Version(shard base.Shard) int64 {
	s := l.shard(shard)
	if s == nil {
		return 0
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.mu.version
}
