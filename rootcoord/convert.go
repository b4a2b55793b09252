package rootcoord

import (
	"cmp"
	"maps"
	"slices"

	"github.com/redkite-db/redkite/internal/base"
	"github.com/redkite-db/redkite/internal/role"
	"github.com/redkite-db/redkite/meta"
)

// The catalog has its own record types: it lies below the roles. These turn
// one into the other.

func segmentRecord(s *role.Segment) *meta.Segment {
	r := &meta.Segment{
		ID: s.ID, Shard: s.Shard, Partition: s.Partition, Rows: s.Rows, Bytes: s.Bytes, Manifest: s.Manifest,
		Task: s.Task, Start: s.Start, End: s.End, MinTime: s.MinTime, MaxTime: s.MaxTime,
		DeletesApplied: s.DeletesApplied, Level: s.Level, Dropped: s.Dropped,
	}
	for index, f := range s.Indexes {
		r.Indexes = append(r.Indexes, meta.IndexFile{Index: index, Build: f.Build, Key: f.Key, Bytes: f.Bytes})
	}
	slices.SortFunc(r.Indexes, func(a, b meta.IndexFile) int { return cmp.Compare(a.Index, b.Index) })
	return r
}

func segmentOf(r *meta.Segment) *role.Segment {
	s := &role.Segment{
		ID: r.ID, Shard: r.Shard, Partition: r.Partition, Rows: r.Rows, Bytes: r.Bytes, Manifest: r.Manifest,
		Task: r.Task, Start: r.Start, End: r.End, MinTime: r.MinTime, MaxTime: r.MaxTime,
		DeletesApplied: r.DeletesApplied, Level: r.Level, Dropped: r.Dropped,
	}
	for _, f := range r.Indexes {
		if s.Indexes == nil {
			s.Indexes = map[base.ID]role.IndexFile{}
		}
		s.Indexes[f.Index] = role.IndexFile{Build: f.Build, Key: f.Key, Bytes: f.Bytes}
	}
	return s
}

// cloneSegment returns a copy to change: published segments are shared.
func cloneSegment(s *role.Segment) *role.Segment {
	c := *s
	c.Indexes = maps.Clone(s.Indexes)
	return &c
}

func deltaRecord(d *role.DeltaLog, task base.ID) *meta.Delta {
	return &meta.Delta{ID: d.ID, Shard: d.Shard, Key: d.Key, Task: task, Rows: d.Rows, From: d.From, To: d.To}
}

func deltaOf(r *meta.Delta) *role.DeltaLog {
	return &role.DeltaLog{ID: r.ID, Shard: r.Shard, Key: r.Key, Rows: r.Rows, From: r.From, To: r.To}
}

func checkpointRecord(s base.Shard, c role.Checkpoint) *meta.Checkpoint {
	return &meta.Checkpoint{Shard: s, Version: c.Version, Position: c.Position, Time: c.Time, Deletes: c.Deletes}
}

func checkpointOf(r *meta.Checkpoint) role.Checkpoint {
	return role.Checkpoint{Version: r.Version, Position: r.Position, Time: r.Time, Deletes: r.Deletes}
}
