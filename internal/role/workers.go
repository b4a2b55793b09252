package role

import (
	"context"
	"errors"

	"github.com/redkite-db/redkite/internal/base"
	"github.com/redkite-db/redkite/internal/column"
	"github.com/redkite-db/redkite/internal/expr"
	"github.com/redkite-db/redkite/internal/schema"
)

// DataNode owns channels: it takes DDL that concerns rows, seals and flushes
// segments, and compacts.
type DataNode interface {
	// CreateShards makes the channel's owner accept rows of the shards.
	CreateShards(ctx context.Context, info *CollectionInfo) error
	// DropShards logs the drop; later rows are refused with CollectionNotFound.
	DropShards(ctx context.Context, info *CollectionInfo) error
	// UpdateShards hands a new catalog snapshot (partitions, schema) to the owner.
	UpdateShards(ctx context.Context, info *CollectionInfo) error
	// DropPartition logs the drop of a partition.
	DropPartition(ctx context.Context, info *CollectionInfo, partition base.ID) error
	// Truncate logs it and returns its timestamp: rows stamped before are gone.
	Truncate(ctx context.Context, info *CollectionInfo) (base.Timestamp, error)
	// Seal ends the growing segments of a collection and begins their flush.
	Seal(ctx context.Context, collection base.ID) (Sealed, error)
	// Flushed reports whether all segments and deletes up to a time are committed.
	Flushed(ctx context.Context, collection base.ID, segments []base.ID, at base.Timestamp) (bool, error)
	// Growing tells of the rows that are not in committed segments.
	Growing(ctx context.Context, collection base.ID) ([]GrowingInfo, error)
	// Compact merges and returns what it wrote; the caller commits.
	Compact(ctx context.Context, t *CompactionTask) (*CompactionResult, error)
}

// Sealed is what a flush request began.
type Sealed struct {
	Segments []base.ID
	Flushed  []base.ID // committed before
	At       base.Timestamp
}

// GrowingInfo is one segment that is not committed.
type GrowingInfo struct {
	Segment, Partition base.ID
	Shard              base.Shard
	Rows, Live, Bytes  int64
	Sealed             bool
}

// IndexNode builds indexes.
type IndexNode interface {
	// Build writes the index's objects and returns them; the caller commits.
	// progress, if not nil, is told percents from the builder's goroutine.
	Build(ctx context.Context, t *BuildTask, progress func(percent int)) (*BuildResult, error)
}

// LoadTarget is all that a querynode shall serve of a shard. It is applied
// whole: a search sees it all or nothing of it.
type LoadTarget struct {
	Version    int64      // rises with each target of the shard
	Checkpoint Checkpoint // of the catalog state that the target was made from
	Collection *CollectionInfo
	Shard      base.Shard
	Partitions map[base.ID]bool
	Segments   []*Segment // committed, not dropped
	Deltas     []*DeltaLog
}

// ErrStaleTarget: the load target lacks what was flushed since it was made.
var ErrStaleTarget = errors.New("role: load target is older than the last flush")

// BadIndex is a file of an index that is damaged or gone. What it is of is
// scanned until it is built again.
type BadIndex struct {
	Segment, Index base.ID
	Build          base.ID // that wrote the file
}

// QueryNode serves reads.
type QueryNode interface {
	// Apply returns when the target is served. A segment that cannot be opened
	// is named in the error, and reads of the shard fail until it can. A target
	// older than what the growing segments already gave up fails with
	// ErrStaleTarget: the caller makes a newer one. An index that cannot be
	// opened is no error; it is in the list.
	Apply(ctx context.Context, t *LoadTarget) ([]BadIndex, error)
	Release(ctx context.Context, shard base.Shard) error
	Search(ctx context.Context, r *SearchRequest) (*SearchResult, error)
	Retrieve(ctx context.Context, r *RetrieveRequest) (*RetrieveResult, error)
	// LoadedSegments tells what is served of a collection.
	LoadedSegments(ctx context.Context, collection base.ID) ([]*Segment, error)
}

// ReadPoint says how new a read's data must be.
type ReadPoint struct {
	Consistency schema.Consistency
	Guarantee   base.Timestamp // Session, Customized, Bounded: at least this
	Exactly     base.Timestamp // if not 0, what was there at this very time, at most Guarantee
}

// Range bounds the scores of a search: from Filter, which is within, to Radius,
// which is not, in the direction of the metric.
type Range struct {
	Radius float32
	Filter *float32 // nil: none
}

// Group makes K of a search a number of groups: rows that are equal in all
// Fields. A group is as good as its best row, and its rows follow each other.
type Group struct {
	Fields []base.ID
	// JSON says that there is one field, of type JSON, and that rows are equal in
	// the text of what lies under Path in it.
	JSON bool
	Path []string
	Size int // rows of a group, at most
	// Strict looks for rows until every group has Size of them, if there are so
	// many; else it has those that came along.
	Strict bool
}

// Cursor makes a search one batch of an iterator: it asks for the next K hits
// or fewer, of one vector, none at the end.
type Cursor struct {
	// Token names the iterator. Where it stands is kept under it, for a time.
	Token string
	// Bound is what the last batch came with, nil for the first one. An iterator
	// that is not kept any more begins anew with the hits behind it.
	Bound *float32
	// Together says that several shards answer: hits of equal score are never
	// parted then, and of what a shard answered those are taken that are not
	// behind the next Bound.
	Together bool
}

// SearchRequest asks one shard for the best rows of each query vector.
type SearchRequest struct {
	Collection    *CollectionInfo
	Shard         base.Shard
	Partitions    []base.ID // none: all that are loaded
	At            ReadPoint
	Field         base.ID
	Metric        string
	Vectors       []float32 // NQ x dim
	NQ            int
	K             int
	Params        map[string]any // the JSON search params
	Plan          *expr.Plan     // nil: no filter
	Output        []base.ID
	IgnoreGrowing bool
	Range         *Range  // nil: none
	Cursor        *Cursor // nil: the K best
	Group         *Group  // nil: rows, not groups
}

// SearchResult has, for each query, up to K hits, best first, ties by key.
type SearchResult struct {
	Counts []int          // hits of each query
	Scores []float32      // all hits, query by query
	Keys   *column.Column // primary keys, aligned with Scores
	Rows   *column.Batch  // output fields, aligned with Scores
	At     base.Timestamp // the time that was read at
	// Of a Cursor: the bound of the next batch, unless there were neither hits nor
	// a bound before; and whether there are more hits behind it.
	Bound *float32
	More  bool
	// Of a Group: its fields, aligned with Scores; of type VarChar for JSON.
	Groups *column.Batch
}

// RetrieveRequest asks one shard for the rows of a filter.
type RetrieveRequest struct {
	Collection    *CollectionInfo
	Shard         base.Shard
	Partitions    []base.ID
	At            ReadPoint
	Plan          *expr.Plan // nil: all rows
	Output        []base.ID
	Limit         int // < 0: none; the first in key order otherwise
	CountOnly     bool
	IgnoreGrowing bool
	MaxBytes      int64 // of the result; 0: no limit
}

// RetrieveResult has the rows in ascending key order, of equal keys only the newest.
type RetrieveResult struct {
	Count int64 // rows that matched, when CountOnly
	Keys  *column.Column
	Rows  *column.Batch
	At    base.Timestamp
}
