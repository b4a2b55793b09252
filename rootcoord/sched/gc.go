package sched

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/redkite-db/redkite/internal/base"
	"github.com/redkite-db/redkite/internal/binlog"
	"github.com/redkite-db/redkite/internal/role"
)

// deleteAtOnce is how many objects are named in one call of the store.
const deleteAtOnce = 1000

// BuildPrefix is the prefix of the objects of an index build.
func BuildPrefix(build base.ID) string { return fmt.Sprintf("%s%d/", binlog.IndexRoot, build) }

func collectionPrefixes(id base.ID) []string {
	return []string{
		fmt.Sprintf("%s%d/", binlog.InsertRoot, id),
		fmt.Sprintf("%s%d/", binlog.StatsRoot, id),
		fmt.Sprintf("%s%d/", binlog.DeltaRoot, id),
	}
}

func segmentPrefixes(seg *role.Segment) []string {
	return []string{
		fmt.Sprintf("%s%d/%d/%d/", binlog.InsertRoot, seg.Shard.Collection, seg.Partition, seg.ID),
		fmt.Sprintf("%s%d/%d/%d/", binlog.StatsRoot, seg.Shard.Collection, seg.Partition, seg.ID),
	}
}

// collect removes what a collection does not need any more; collection 0
// stands for the sweep.
func (s *Scheduler) collect(ctx context.Context, id base.ID) error {
	if id == 0 {
		return s.sweep(ctx)
	}
	snap := s.host.Snapshot(id)
	use := s.served.inUse(id)
	if use.loading {
		return nil // the end of it adds the collection again
	}
	if snap == nil {
		return s.discard(ctx, id)
	}
	if snap.Dropping {
		if use.any {
			return nil // the release adds the collection again
		}
		return s.removeCollection(ctx, snap)
	}
	g := planGarbage(snap, use)
	if len(g.deltas) > 0 {
		if err := s.host.DropDeltas(ctx, id, g.deltas); err != nil {
			return err
		}
	}
	for _, seg := range g.objects {
		if err := s.deletePrefixes(ctx, segmentKeys(seg)); err != nil {
			return err
		}
	}
	if len(g.remove)+len(g.bare) > 0 {
		if err := s.host.ForgetSegments(ctx, id, g.remove, g.bare); err != nil {
			return err
		}
	}
	return s.discard(ctx, id)
}

// segmentKeys are the prefixes of all that a segment has.
func segmentKeys(seg *role.Segment) []string {
	keys := segmentPrefixes(seg)
	for _, f := range seg.Indexes {
		keys = append(keys, BuildPrefix(f.Build))
	}
	return keys
}

// garbage is a decision on what of a collection is not needed.
type garbage struct {
	objects []*role.Segment // whose objects go
	remove  []base.ID       // segment records that go
	bare    []base.ID       // records that stay until the log is cut, without names of objects
	deltas  []base.ID       // delta logs that no row needs
}

// planGarbage decides what of a collection may go. A dropped segment's objects
// go when no target names it; its record stays while the log may still hold
// its rows: replay skips rows of a segment that is recorded.
func planGarbage(snap *Snapshot, use usage) garbage {
	var g garbage
	for _, seg := range snap.Segments {
		if !seg.Dropped || use.segments[seg.ID] {
			continue
		}
		named := seg.Manifest != "" || len(seg.Indexes) > 0
		if named {
			g.objects = append(g.objects, seg)
		}
		if seg.End.IsZero() || !snap.Cut.Before(seg.End) {
			g.remove = append(g.remove, seg.ID)
		} else if named {
			g.bare = append(g.bare, seg.ID)
		}
	}
	for _, d := range snap.Deltas {
		if !deltaNeeded(snap, d) {
			g.deltas = append(g.deltas, d.ID)
		}
	}
	return g
}

// deltaNeeded reports whether a row may be hidden by a delta log alone: a row
// of a committed segment that has not folded it, or one that is older than the
// delta log and not committed yet.
func deltaNeeded(snap *Snapshot, d *role.DeltaLog) bool {
	if snap.Checkpoints[d.Shard.Index].Time < d.To {
		return true
	}
	for _, seg := range snap.Segments {
		if seg.Shard == d.Shard && !seg.Dropped && seg.DeletesApplied < d.To && seg.MinTime < d.To {
			return true
		}
	}
	return false
}

// removeCollection: the owner knows of the drop, then the objects go, then the
// records.
func (s *Scheduler) removeCollection(ctx context.Context, snap *Snapshot) error {
	if err := s.w.Data.DropShards(ctx, snap.Info); err != nil {
		return err
	}
	keys := collectionPrefixes(snap.Info.ID)
	for _, seg := range snap.Segments {
		for _, f := range seg.Indexes {
			keys = append(keys, BuildPrefix(f.Build))
		}
	}
	if err := s.deletePrefixes(ctx, keys); err != nil {
		return err
	}
	if err := s.discard(ctx, snap.Info.ID); err != nil {
		return err
	}
	return s.host.ForgetCollection(ctx, snap.Info.ID)
}

// discard deletes the objects that were dropped by name, unless a target from
// before that may be opening them: then the end of its loading comes back here.
func (s *Scheduler) discard(ctx context.Context, id base.ID) error {
	var done []base.ID
	list := s.host.Garbage(id)
	if s.served.inUse(id).loading {
		return nil
	}
	for _, g := range list {
		var exact, prefixes []string
		for _, key := range g.Keys {
			if strings.HasSuffix(key, "/") {
				prefixes = append(prefixes, key)
			} else {
				exact = append(exact, key)
			}
		}
		if err := s.delete(ctx, exact); err != nil {
			return err
		}
		if err := s.deletePrefixes(ctx, prefixes); err != nil {
			return err
		}
		done = append(done, g.ID)
	}
	if len(done) == 0 {
		return nil
	}
	return s.host.ForgetGarbage(ctx, done)
}

// deletePrefixes deletes the objects below prefixes, those of open tasks
// apart: they are not committed and not ours to judge.
func (s *Scheduler) deletePrefixes(ctx context.Context, prefixes []string) error {
	for _, prefix := range prefixes {
		err := s.deleteWhere(ctx, prefix, func(k binlog.Key) bool { return !s.host.Open(k.Task) })
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *Scheduler) deleteWhere(ctx context.Context, prefix string, match func(binlog.Key) bool) error {
	var keys []string
	for info, err := range s.w.Store.List(ctx, prefix) {
		if err != nil {
			return err
		}
		if k, ok := binlog.ParseKey(info.Key); !ok || !match(k) {
			continue
		}
		keys = append(keys, info.Key)
		if len(keys) == deleteAtOnce {
			if err := s.delete(ctx, keys); err != nil {
				return err
			}
			keys = keys[:0]
		}
	}
	return s.delete(ctx, keys)
}

// errUnsure: this process is about to end; the next one removes the garbage.
var errUnsure = errors.New("sched: the outcome of a commit is not known, so nothing is deleted")

func (s *Scheduler) delete(ctx context.Context, keys []string) error {
	if !s.host.Sure() {
		return errUnsure
	}
	if len(keys) == 0 {
		return nil
	}
	return s.w.Store.Delete(ctx, keys...)
}

// sweep removes what tasks left behind that ended, or were revoked, without a
// commit: the objects they wrote that no record names.
func (s *Scheduler) sweep(ctx context.Context) error {
	tasks := s.host.Leftovers()
	if len(tasks) == 0 {
		return nil
	}
	left := make(map[base.ID]bool, len(tasks))
	for _, id := range tasks {
		left[id] = true
	}
	names := s.named()
	for _, root := range []string{binlog.InsertRoot, binlog.StatsRoot, binlog.DeltaRoot, binlog.IndexRoot} {
		err := s.deleteWhere(ctx, root, func(k binlog.Key) bool { return left[k.Task] && !names[k.Task] })
		if err != nil {
			return err
		}
	}
	return s.host.ForgetTasks(ctx, tasks)
}

// named returns the tasks whose objects are named by a record: what they wrote
// was committed, whatever became of the task's own record.
func (s *Scheduler) named() map[base.ID]bool {
	names := map[base.ID]bool{}
	for _, id := range s.host.Collections() {
		snap := s.host.Snapshot(id)
		if snap == nil {
			continue
		}
		for _, seg := range snap.Segments {
			names[seg.Task] = true
			for _, f := range seg.Indexes {
				names[f.Build] = true
			}
		}
		for _, d := range snap.Deltas {
			if k, ok := binlog.ParseKey(d.Key); ok {
				names[k.Task] = true
			}
		}
	}
	return names
}
