package sched

import (
	"context"
	"errors"
	"slices"
	"sync"

	"github.com/redkite-db/redkite/internal/base"
	"github.com/redkite-db/redkite/internal/role"
)

// served is what the querynodes were asked to serve.
type served struct {
	mu struct {
		sync.Mutex
		shards  map[base.Shard]*servedShard
		loading map[base.ID]bool // collections whose targets are being made and applied
		waiters chan struct{}    // closed and replaced when a target was applied
	}
}

type servedShard struct {
	applied *role.LoadTarget // nil: none yet
	version int64            // of the last target made
}

func (s *served) init() {
	s.mu.shards = map[base.Shard]*servedShard{}
	s.mu.loading = map[base.ID]bool{}
	s.mu.waiters = make(chan struct{})
}

// enter says that a collection's snapshot is about to be taken for its targets;
// until leave, what an older snapshot names may be opened.
func (s *served) enter(id base.ID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mu.loading[id] = true
}

func (s *served) leave(id base.ID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.mu.loading, id)
	close(s.mu.waiters)
	s.mu.waiters = make(chan struct{})
}

// begin notes a target that is about to be applied and gives it its version.
func (s *served) begin(t *role.LoadTarget) {
	s.mu.Lock()
	defer s.mu.Unlock()
	sh := s.mu.shards[t.Shard]
	if sh == nil {
		sh = &servedShard{}
		s.mu.shards[t.Shard] = sh
	}
	sh.version++
	t.Version = sh.version
}

func (s *served) end(t *role.LoadTarget, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	sh := s.mu.shards[t.Shard]
	if err == nil {
		sh.applied = t
	}
}

func (s *served) applied(shard base.Shard) *role.LoadTarget {
	s.mu.Lock()
	defer s.mu.Unlock()
	if sh := s.mu.shards[shard]; sh != nil {
		return sh.applied
	}
	return nil
}

// shardsOf lists the shards of a collection that are or were being served.
func (s *served) shardsOf(collection base.ID) []base.Shard {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []base.Shard
	for shard := range s.mu.shards {
		if shard.Collection == collection {
			out = append(out, shard)
		}
	}
	slices.SortFunc(out, func(a, b base.Shard) int { return int(a.Index - b.Index) })
	return out
}

func (s *served) forget(shard base.Shard) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.mu.shards, shard)
}

// inUse returns what of a collection may be read: the segments of its targets.
// The snapshot to judge by must have been taken before: if loading is false,
// later targets are made from later snapshots.
func (s *served) inUse(collection base.ID) usage {
	u := usage{segments: map[base.ID]bool{}}
	s.mu.Lock()
	defer s.mu.Unlock()
	u.loading = s.mu.loading[collection]
	for shard, sh := range s.mu.shards {
		if shard.Collection != collection {
			continue
		}
		u.any = true
		if sh.applied != nil {
			for _, seg := range sh.applied.Segments {
				u.segments[seg.ID] = true
			}
		}
	}
	return u
}

// usage is what the targets of a collection name.
type usage struct {
	any      bool // the collection is being served
	loading  bool // a target is being made or applied
	segments map[base.ID]bool
}

// load brings the querynode to what the catalog asks for.
func (s *Scheduler) load(ctx context.Context, id base.ID) error {
	// Something may have become unused when this ends.
	defer s.garbage.add(id)
	s.served.enter(id)
	defer s.served.leave(id)
	snap := s.host.Snapshot(id)
	if snap == nil || snap.Dropping || snap.Info.Load == nil {
		return s.release(ctx, id)
	}
	var errs []error
	for _, shard := range snap.Info.ShardList() {
		if err := s.loadShard(ctx, snap, shard); err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

func (s *Scheduler) loadShard(ctx context.Context, snap *Snapshot, shard base.Shard) error {
	t := planTarget(snap, shard)
	if sameTarget(s.served.applied(shard), t) {
		return nil
	}
	s.served.begin(t)
	bad, err := s.w.Query.Apply(ctx, t)
	s.served.end(t, err)
	if errors.Is(err, role.ErrStaleTarget) {
		// The flush that it lacks is in the catalog by now, or will kick.
		return err
	}
	if err != nil {
		s.failures.set(failedLoad(shard), err)
		s.logger.Warn("a load target was not applied", "shard", shard, "err", err)
		return err
	}
	s.failures.clear(failedLoad(shard))
	return s.rebuild(ctx, snap.Info, bad)
}

func (s *Scheduler) release(ctx context.Context, id base.ID) error {
	for _, shard := range s.served.shardsOf(id) {
		if err := s.w.Query.Release(ctx, shard); err != nil {
			return err
		}
		s.served.forget(shard)
		s.failures.clear(failedLoad(shard))
	}
	return nil
}

// planTarget decides what a querynode shall serve of a shard.
func planTarget(snap *Snapshot, shard base.Shard) *role.LoadTarget {
	info := snap.Info
	t := &role.LoadTarget{
		Checkpoint: snap.Checkpoints[shard.Index], Collection: info, Shard: shard, Partitions: map[base.ID]bool{},
	}
	for _, p := range info.Partitions {
		if info.Load.All || slices.Contains(info.Load.Partitions, p.ID) {
			t.Partitions[p.ID] = true
		}
	}
	for _, seg := range snap.Segments {
		if seg.Shard == shard && !seg.Dropped && t.Partitions[seg.Partition] {
			t.Segments = append(t.Segments, seg)
		}
	}
	for _, d := range snap.Deltas {
		if d.Shard == shard {
			t.Deltas = append(t.Deltas, d)
		}
	}
	return t
}

// sameTarget reports whether serving b instead of a changes nothing. Segments
// and snapshots are immutable, so the same pointer is the same version.
func sameTarget(a, b *role.LoadTarget) bool {
	return a != nil && a.Checkpoint == b.Checkpoint && a.Collection == b.Collection &&
		slices.Equal(a.Segments, b.Segments) && slices.Equal(a.Deltas, b.Deltas)
}

// Progress tells percent loaded: the share of wanted segments that are served;
// 100 once each shard has a target with every wanted partition.
func (s *Scheduler) Progress(id base.ID, partitions []base.ID) int64 {
	snap := s.host.Snapshot(id)
	if snap == nil || snap.Info.Load == nil {
		return 0
	}
	var wanted, have, shards int64
	for _, shard := range snap.Info.ShardList() {
		want := planTarget(snap, shard)
		got := s.served.applied(shard)
		wanted += int64(len(want.Segments)) + 1
		if got == nil {
			continue
		}
		complete := true
		for p := range want.Partitions {
			if (len(partitions) == 0 || slices.Contains(partitions, p)) && !got.Partitions[p] {
				complete = false
			}
		}
		if complete {
			shards++
		}
		have += int64(len(got.Segments))
	}
	if shards == int64(len(snap.Info.ShardList())) {
		return 100
	}
	return min(99, 100*have/wanted)
}

// WaitLoaded returns when each collection that was to be loaded when it was
// called has been served once, or is not to be loaded any more.
func (s *Scheduler) WaitLoaded(ctx context.Context) error {
	ids := s.host.Collections()
	for {
		s.served.mu.Lock()
		wait := s.served.mu.waiters
		s.served.mu.Unlock()
		ids = slices.DeleteFunc(ids, func(id base.ID) bool {
			snap := s.host.Snapshot(id)
			return snap == nil || snap.Dropping || snap.Info.Load == nil || s.Progress(id, nil) == 100
		})
		if len(ids) == 0 {
			return nil
		}
		select {
		case <-wait:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
