package querynode

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/redkite-db/redkite/internal/base"
	"github.com/redkite-db/redkite/internal/role"
	"github.com/redkite-db/redkite/internal/segment"
)

// shard follows one shard of Live and serves its load target.
//
// Its Follower methods are called under Live's lock of the shard; they take
// mu, so nothing that holds mu may call Live. mu is never held during I/O.
type shard struct {
	cfg  Config
	id   base.Shard
	view atomic.Pointer[view] // what reads see; nil until the first target is served
	// applying serialises apply.
	applying sync.Mutex
	mu       struct {
		sync.Mutex
		version     int64 // of the target that is served
		began       int64 // checkpoint version of Live when it was first followed
		growing     []*segment.Growing
		orphans     map[base.ID]bool // of growing: those that Live gave up
		sealed      []*sealed
		partitions  map[base.ID]bool // of the target
		all         bool             // partitions made after the target are loaded too
		dropped     map[base.ID]bool // partitions
		truncatedAt base.Timestamp
		// recent has the deletes after the served target's checkpoint, so that
		// a segment opened for the next target can catch up.
		recent []segment.DeleteBatch
		gone   bool
	}
}

// sealed is an open sealed segment with the catalog record it was opened for.
type sealed struct {
	*segment.Sealed
	record *role.Segment
}

// view is an immutable list of segments: together they hold every row of the
// shard that a read may see, each once.
type view struct {
	growing    []*segment.Growing
	sealed     []*sealed
	partitions map[base.ID]bool
	all        bool
}

var _ segment.Follower = (*shard)(nil)

func newShard(cfg Config, id base.Shard) *shard {
	s := &shard{cfg: cfg, id: id}
	s.mu.dropped = make(map[base.ID]bool)
	s.mu.orphans = make(map[base.ID]bool)
	return s
}

// publishLocked makes what mu holds visible to reads, once a target was served.
func (s *shard) publishLocked() {
	if s.mu.version == 0 {
		return
	}
	v := &view{sealed: slices.Clone(s.mu.sealed), partitions: s.mu.partitions, all: s.mu.all}
	for _, g := range s.mu.growing {
		if s.mu.all || s.mu.partitions[g.Partition()] {
			v.growing = append(v.growing, g)
		}
	}
	s.view.Store(v)
}

// Began implements segment.Follower.
func (s *shard) Began(snap segment.Snapshot) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mu.growing, s.mu.recent = snap.Growing, snap.Deletes
	s.mu.began, s.mu.truncatedAt = snap.Version, snap.TruncatedAt
}

// Grew implements segment.Follower.
func (s *shard) Grew(g *segment.Growing) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mu.growing = append(s.mu.growing, g)
	s.publishLocked()
}

// Deleted implements segment.Follower.
func (s *shard) Deleted(d segment.DeleteBatch) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mu.recent = append(s.mu.recent, d)
	for _, g := range s.mu.sealed {
		s.hide(g, d)
	}
	for _, g := range s.mu.growing {
		if s.mu.orphans[g.ID()] && (d.Partition == 0 || d.Partition == g.Partition()) {
			_ = g.Delete(d.Keys, d.Timestamp) // a failure fails every read of the segment
		}
	}
}

// Committed implements segment.Follower.
func (s *shard) Committed(segments []base.ID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, g := range s.mu.growing {
		if slices.Contains(segments, g.ID()) {
			s.mu.orphans[g.ID()] = true
		}
	}
}

// PartitionDropped implements segment.Follower.
func (s *shard) PartitionDropped(partition base.ID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mu.dropped[partition] = true
	s.dropLocked(func(p base.ID) bool { return p == partition })
}

// Truncated implements segment.Follower. Calls come in log order: all that is
// there was stamped before ts.
func (s *shard) Truncated(ts base.Timestamp) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mu.truncatedAt = ts
	s.mu.recent = nil
	s.dropLocked(func(base.ID) bool { return true })
}

// Dropped implements segment.Follower.
func (s *shard) Dropped() { s.close() }

// dropLocked takes the segments of partitions out of the view.
func (s *shard) dropLocked(match func(partition base.ID) bool) {
	s.mu.growing = slices.DeleteFunc(slices.Clone(s.mu.growing), func(g *segment.Growing) bool { return match(g.Partition()) })
	var old []*sealed
	s.mu.sealed = slices.DeleteFunc(slices.Clone(s.mu.sealed), func(g *sealed) bool {
		if !match(g.Partition()) {
			return false
		}
		old = append(old, g)
		return true
	})
	s.publishLocked()
	closeAll(old)
}

// hide applies a delete to a sealed segment. It fails only for a segment that
// is closed, or for keys of another type, which the proxy refuses.
func (s *shard) hide(g *sealed, d segment.DeleteBatch) {
	if err := g.Delete(d.Keys, []base.Timestamp{d.Timestamp}, d.Partition); err != nil {
		s.cfg.Logger.Error("delete not applied", "segment", g.ID(), "err", err)
	}
}

func (s *shard) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mu.gone = true
	s.view.Store(nil)
	closeAll(s.mu.sealed)
	s.mu.sealed, s.mu.growing, s.mu.recent = nil, nil, nil
}

func closeAll(list []*sealed) {
	for _, g := range list {
		g.Close()
	}
}

// apply opens what a target names and is not open yet, lets it catch up with
// the deletes, and swaps the view. It returns the indexes that are damaged.
func (s *shard) apply(ctx context.Context, t *role.LoadTarget) ([]role.BadIndex, error) {
	s.applying.Lock()
	defer s.applying.Unlock()
	s.mu.Lock()
	stale := t.Checkpoint.Version < s.mu.began
	old := t.Version <= s.mu.version
	open := make(map[base.ID]*sealed, len(s.mu.sealed))
	for _, g := range s.mu.sealed {
		open[g.ID()] = g
	}
	growing := slices.Clone(s.mu.growing)
	s.mu.Unlock()
	if old {
		return nil, nil
	}
	if stale {
		return nil, role.ErrStaleTarget
	}
	list, fresh, err := s.openAll(ctx, t, open)
	if err != nil {
		closeAll(fresh)
		return nil, err
	}
	var bad []role.BadIndex
	for _, g := range list {
		bad = append(bad, s.syncIndexes(ctx, g, t.Collection)...)
	}
	flushed := make(map[base.ID]bool)
	for _, g := range growing {
		at := s.cfg.Live.CommittedAt(s.id, g.ID())
		flushed[g.ID()] = at != 0 && at <= t.Checkpoint.Version
	}
	s.swap(t, list, fresh, flushed)
	return bad, nil
}

// openAll returns the target's segments, opened or as they were, and those
// that it opened. Fresh ones have the target's deletes; swap brings the rest.
func (s *shard) openAll(ctx context.Context, t *role.LoadTarget, open map[base.ID]*sealed) (list, fresh []*sealed, err error) {
	var damaged []error
	for _, record := range t.Segments {
		g := open[record.ID]
		if g == nil || g.record.Manifest != record.Manifest {
			inner, err := segment.OpenSealed(ctx, s.cfg.Engine, s.cfg.Files, record.Manifest)
			if err != nil {
				damaged = append(damaged, fmt.Errorf("segment %d: %w", record.ID, err))
				continue
			}
			g = &sealed{Sealed: inner, record: record}
			fresh = append(fresh, g)
			if err := s.catchUp(ctx, g, t.Deltas); err != nil {
				damaged = append(damaged, fmt.Errorf("deletes of segment %d: %w", record.ID, err))
				continue
			}
		} else {
			g = &sealed{Sealed: g.Sealed, record: record}
		}
		list = append(list, g)
	}
	return list, fresh, errors.Join(damaged...)
}

// catchUp applies the delta logs that a segment has not folded in.
func (s *shard) catchUp(ctx context.Context, g *sealed, deltas []*role.DeltaLog) error {
	ordered := slices.Clone(deltas)
	slices.SortFunc(ordered, func(a, b *role.DeltaLog) int { return int(min(max(int64(a.To)-int64(b.To), -1), 1)) })
	for _, d := range ordered {
		if d.To <= g.record.DeletesApplied {
			continue
		}
		batches, err := segment.ReadDelta(ctx, s.cfg.Files, d.Key)
		if err != nil {
			return err
		}
		for _, b := range batches {
			if b.Timestamp > g.record.DeletesApplied {
				s.hide(g, b)
			}
		}
	}
	return nil
}

// syncIndexes opens the indexes that a segment has files for, and drops those
// it has none for. A damaged file costs speed, not answers: the segment is
// scanned, and the file is named in the log and to the caller.
func (s *shard) syncIndexes(ctx context.Context, g *sealed, info *role.CollectionInfo) (bad []role.BadIndex) {
	wanted := make(map[base.ID]bool)
	for _, ix := range info.Indexes {
		file, built := g.record.Indexes[ix.ID]
		f := info.FieldByID(ix.Field)
		if f == nil || !built || file.Key == "" {
			continue
		}
		wanted[ix.ID] = true
		if g.HasIndex(ix.ID) {
			continue
		}
		if err := g.OpenIndex(ctx, s.cfg.Files, f, ix, file.Key); err != nil {
			s.cfg.Logger.Error("index cannot be used, the segment is scanned", "segment", g.ID(), "index", ix.Name, "object", file.Key, "err", err)
			if errors.Is(err, segment.ErrBadIndex) {
				bad = append(bad, role.BadIndex{Segment: g.ID(), Index: ix.ID, Build: file.Build})
			}
		}
	}
	g.KeepIndexes(func(id base.ID) bool { return wanted[id] })
	return bad
}

// swap lets the fresh segments catch up with the newest deletes and publishes
// the target.
func (s *shard) swap(t *role.LoadTarget, list, fresh []*sealed, flushed map[base.ID]bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mu.gone {
		closeAll(fresh)
		return
	}
	for _, d := range s.mu.recent {
		for _, g := range fresh {
			if d.Timestamp > g.record.DeletesApplied {
				s.hide(g, d)
			}
		}
	}
	var kept, unwanted []*sealed
	named := make(map[base.ID]bool)
	for _, g := range list {
		named[g.ID()] = true
		if g.record.MaxTime <= s.mu.truncatedAt || s.mu.dropped[g.Partition()] || !t.Partitions[g.Partition()] {
			unwanted = append(unwanted, g)
			continue
		}
		kept = append(kept, g)
	}
	stay := make(map[*segment.Sealed]bool)
	for _, g := range kept {
		stay[g.Sealed] = true
	}
	for _, g := range append(s.mu.sealed, fresh...) {
		if !stay[g.Sealed] {
			unwanted = append(unwanted, g)
		}
	}
	s.mu.growing = slices.DeleteFunc(slices.Clone(s.mu.growing), func(g *segment.Growing) bool {
		if !named[g.ID()] && !flushed[g.ID()] {
			return false
		}
		delete(s.mu.orphans, g.ID())
		return true
	})
	s.mu.recent = slices.DeleteFunc(s.mu.recent, func(d segment.DeleteBatch) bool { return d.Timestamp <= t.Checkpoint.Deletes })
	s.mu.sealed, s.mu.partitions, s.mu.version = kept, t.Partitions, t.Version
	s.mu.all = t.Collection.Load != nil && t.Collection.Load.All
	s.publishLocked()
	closeOnce(unwanted)
}

// closeOnce closes each segment of a list that may name one twice.
func closeOnce(list []*sealed) {
	closed := make(map[*segment.Sealed]bool)
	for _, g := range list {
		if !closed[g.Sealed] {
			closed[g.Sealed] = true
			g.Close()
		}
	}
}
