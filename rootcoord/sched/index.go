package sched

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/redkite-db/redkite/internal/base"
	"github.com/redkite-db/redkite/internal/role"
	"github.com/redkite-db/redkite/internal/scalarindex"
	"github.com/redkite-db/redkite/internal/schema"
)

// buildKey names an index of a segment.
type buildKey struct{ collection, segment, index base.ID }

// Missing reports whether an index of a segment has to be built: the segment is
// large enough.
func Missing(info *role.CollectionInfo, x *schema.Index, seg *role.Segment, minRows int64) bool {
	if seg.Dropped || seg.Rows < minRows {
		return false
	}
	f := info.FieldByID(x.Field)
	if f == nil {
		return false
	}
	if !f.IsVector() {
		if _, ok := scalarindex.SpecOf(f, x); !ok {
			return false
		}
	}
	_, built := seg.Indexes[x.ID]
	return !built
}

func missingBuilds(snap *Snapshot, minRows int64) []buildKey {
	var out []buildKey
	for _, x := range snap.Info.Indexes {
		for _, seg := range snap.Segments {
			if Missing(snap.Info, x, seg, minRows) {
				out = append(out, buildKey{snap.Info.ID, seg.ID, x.ID})
			}
		}
	}
	return out
}

// build makes one index if it is still missing.
func (s *Scheduler) build(ctx context.Context, key buildKey) error {
	snap := s.host.Snapshot(key.collection)
	if snap == nil || snap.Dropping {
		return nil
	}
	for _, x := range snap.Info.Indexes {
		if x.ID != key.index {
			continue
		}
		for _, seg := range snap.Segments {
			if seg.ID == key.segment && Missing(snap.Info, x, seg, s.cfg.MinIndexRows) {
				return s.buildOne(ctx, snap.Info, x, seg)
			}
		}
	}
	return nil
}

func (s *Scheduler) buildOne(ctx context.Context, info *role.CollectionInfo, x *schema.Index, seg *role.Segment) error {
	r, err := s.runBuild(ctx, info, x, seg, nil)
	if err == nil {
		if err = s.host.CommitIndex(ctx, info.ID, r); err != nil {
			s.end(r.Task)
		}
	}
	if err != nil {
		if ctx.Err() == nil && s.stillMissing(info.ID, x, seg) {
			s.failures.set(failedBuild(x.ID), err)
			s.logger.Warn("an index was not built", "collection", info.Name, "index", x.Name, "segment", seg.ID, "err", err)
			return err
		}
		return nil // dropped meanwhile
	}
	s.failures.clear(failedBuild(x.ID))
	return nil
}

func (s *Scheduler) stillMissing(collection base.ID, x *schema.Index, seg *role.Segment) bool {
	snap := s.host.Snapshot(collection)
	if snap == nil || snap.Dropping {
		return false
	}
	for _, key := range missingBuilds(snap, s.cfg.MinIndexRows) {
		if key.segment == seg.ID && key.index == x.ID {
			return true
		}
	}
	return false
}

// runBuild has an index built; its task stays open for the commit. inputs are
// those of the compaction whose output the segment is, if it is one. A build that
// is not needed any more ends with errUnneeded.
func (s *Scheduler) runBuild(ctx context.Context, info *role.CollectionInfo, x *schema.Index, seg *role.Segment, inputs []*role.Segment) (*role.BuildResult, error) {
	task, err := s.host.Begin(ctx, "index")
	if err != nil {
		return nil, err
	}
	building, leave := s.ongoing.enter(ctx, buildKey{info.ID, seg.ID, x.ID}, len(inputs) > 0)
	s.cancelUnneeded(info.ID) // it may have been dropped just before
	r, err := s.w.Index.Build(building, &role.BuildTask{Task: task, Collection: info.Collection, Index: x, Segment: seg, Inputs: inputs}, nil)
	if err != nil && errors.Is(context.Cause(building), errUnneeded) {
		err = errUnneeded
	}
	leave()
	if err == nil && (r.Task != task || r.Segment != seg.ID || r.Index != x.ID || r.File.Build != task) {
		err = fmt.Errorf("sched: index build %d came back as build %d of index %d of segment %d", task, r.Task, r.Index, r.Segment)
	}
	if err != nil {
		s.end(task)
		return nil, err
	}
	return r, nil
}

// rebuild has the catalog forget damaged files, so that their indexes are
// missing. What is damaged again is no accident: it is left to be scanned. What
// the catalog could not forget is met again with the next target.
func (s *Scheduler) rebuild(ctx context.Context, info *role.CollectionInfo, bad []role.BadIndex) error {
	for _, b := range bad {
		key := buildKey{info.ID, b.Segment, b.Index}
		if s.rebuilt.first(key) {
			s.logger.Warn("a damaged index is built again", "collection", info.Name, "segment", b.Segment, "index", b.Index)
			if err := s.host.DropIndexFile(ctx, info.ID, b); err != nil {
				s.rebuilt.forget(key)
				return err
			}
		}
	}
	return nil
}

// rebuilt are the indexes that were damaged since this process began.
type rebuilt struct {
	mu struct {
		sync.Mutex
		keys map[buildKey]bool
	}
}

// first notes an index and reports whether it had not been noted.
func (r *rebuilt) first(key buildKey) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.mu.keys == nil {
		r.mu.keys = map[buildKey]bool{}
	}
	noted := r.mu.keys[key]
	r.mu.keys[key] = true
	return !noted
}

func (r *rebuilt) forget(key buildKey) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.mu.keys, key)
}

// end gives a task up: what it wrote is left to the sweep.
func (s *Scheduler) end(tasks ...base.ID) {
	for _, task := range tasks {
		if err := s.host.End(context.Background(), task); err != nil {
			s.logger.Warn("a task could not be ended", "task", task, "err", err)
		}
	}
}

// failures are the reasons why something does not go on, for those who ask.
type failures struct {
	mu struct {
		sync.Mutex
		reasons map[string]string
	}
}

func failedBuild(index base.ID) string   { return fmt.Sprint("index ", index) }
func failedLoad(shard base.Shard) string { return "load " + shard.String() }

func (f *failures) init() { f.mu.reasons = map[string]string{} }

func (f *failures) set(what string, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.mu.reasons[what] = err.Error()
}

func (f *failures) clear(what string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.mu.reasons, what)
}

func (f *failures) get(what string) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.mu.reasons[what]
}

// BuildFailure is why the last build of an index failed, "" if it did not.
func (s *Scheduler) BuildFailure(index base.ID) string { return s.failures.get(failedBuild(index)) }
