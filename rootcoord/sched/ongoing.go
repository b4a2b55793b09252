package sched

import (
	"context"
	"errors"
	"slices"
	"sync"

	"github.com/redkite-db/redkite/internal/base"
	"github.com/redkite-db/redkite/internal/role"
	"github.com/redkite-db/redkite/internal/schema"
)

// errUnneeded is the cause of the end of a build whose index, segment or
// collection was dropped.
var errUnneeded = errors.New("sched: the index is not needed any more")

// ongoing are the builds under way, so that those that nobody needs any more are
// canceled. It does not touch commits: one that is cut off may have happened.
type ongoing struct {
	mu struct {
		sync.Mutex
		builds map[*underWay]bool
	}
}

// underWay is one build. That of a compaction's output is over a segment that has
// no record yet.
type underWay struct {
	key    buildKey
	output bool
	cancel context.CancelCauseFunc
}

func (r *ongoing) init() { r.mu.builds = map[*underWay]bool{} }

// enter notes a build until leave; ctx ends when it is not needed any more.
func (r *ongoing) enter(ctx context.Context, key buildKey, output bool) (_ context.Context, leave func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	b := &underWay{key: key, output: output, cancel: cancel}
	r.mu.Lock()
	r.mu.builds[b] = true
	r.mu.Unlock()
	return ctx, func() {
		r.mu.Lock()
		delete(r.mu.builds, b)
		r.mu.Unlock()
		cancel(nil)
	}
}

// of returns the builds of a collection.
func (r *ongoing) of(collection base.ID) []*underWay {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []*underWay
	for b := range r.mu.builds {
		if b.key.collection == collection {
			out = append(out, b)
		}
	}
	return out
}

// cancelUnneeded ends the builds of a collection that it does not need any more.
// The state is read after the builds were listed: what it lacks was dropped since
// they began.
func (s *Scheduler) cancelUnneeded(collection base.ID) {
	builds := s.ongoing.of(collection)
	if len(builds) == 0 {
		return
	}
	snap := s.host.Snapshot(collection)
	for _, b := range builds {
		if !needed(snap, b.key, b.output, s.cfg.MinIndexRows) {
			b.cancel(errUnneeded)
		}
	}
}

// needed reports whether the result of a build can still be committed.
func needed(snap *Snapshot, key buildKey, output bool, minRows int64) bool {
	if snap == nil || snap.Dropping {
		return false
	}
	i := slices.IndexFunc(snap.Info.Indexes, func(x *schema.Index) bool { return x.ID == key.index })
	if i < 0 || output {
		return i >= 0
	}
	return slices.ContainsFunc(snap.Segments, func(seg *role.Segment) bool {
		return seg.ID == key.segment && Missing(snap.Info, snap.Info.Indexes[i], seg, minRows)
	})
}
