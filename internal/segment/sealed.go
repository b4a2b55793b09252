package segment

import (
	"context"
	"fmt"
	"sync/atomic"

	"github.com/redkite-db/redkite/internal/base"
	"github.com/redkite-db/redkite/internal/binlog"
	"github.com/redkite-db/redkite/internal/column"
	"github.com/redkite-db/redkite/internal/mem"
	"github.com/redkite-db/redkite/internal/schema"
	"github.com/redkite-db/redkite/internal/vecindex"
	"github.com/redkite-db/redkite/objectstore"
)

// Sealed is a segment of mapped objects, its rows sorted by primary key and
// time. It is born with one reference, its opener's; each Reader has one. The
// maps go with the last.
type Sealed struct {
	engine   *Engine
	files    objectstore.Files
	manifest *binlog.Manifest
	shard    base.Shard
	columns  []*sealedColumn
	stats    *binlog.Stats
	statsMap *mem.Map
	times    []base.Timestamp
	hides    deletes
	refs     refs
	closed   atomic.Bool
	indexes  indexSet
}

// sealedColumn is a mapped column that is looked at when it is first used:
// until then none of its pages is.
type sealedColumn struct {
	stored binlog.StoredColumn
	rows   int
	m      *mem.Map
	view   atomic.Pointer[column.Column]
}

var _ Segment = (*Sealed)(nil)

// OpenSealed opens the segment that a manifest describes and checks every
// object's checksums; damage is an error that wraps binlog.ErrCorrupt and
// names the object and the place. The deletes after Manifest().DeletesApplied
// are the caller's to apply.
func OpenSealed(ctx context.Context, e *Engine, files objectstore.Files, manifest string) (*Sealed, error) {
	m, err := binlog.ReadManifest(ctx, files, manifest)
	if err != nil {
		return nil, fmt.Errorf("open segment: %w", err)
	}
	s := &Sealed{engine: e, files: files, manifest: m, shard: base.Shard{Collection: m.Collection, Index: m.Shard}}
	s.refs.born()
	if err := s.open(ctx); err != nil {
		s.Close()
		return nil, fmt.Errorf("open segment %d: %w", m.Segment, err)
	}
	return s, nil
}

func (s *Sealed) open(ctx context.Context) error {
	for _, c := range s.manifest.Columns {
		if err := binlog.Verify(ctx, s.files, c.Object); err != nil {
			return err
		}
		m, err := s.files.Pin(ctx, c.Object.Key)
		if err != nil {
			return err
		}
		s.columns = append(s.columns, &sealedColumn{stored: c, rows: s.manifest.Rows, m: m})
	}
	var err error
	if s.stats, s.statsMap, err = binlog.OpenStats(ctx, s.files, s.manifest.Stats); err != nil {
		return err
	}
	times, err := s.column(binlog.TimeField)
	if err != nil {
		return err
	}
	s.times = binlog.Timestamps(times.Int64s)
	keys, err := s.column(s.manifest.PrimaryKey)
	if err != nil {
		return err
	}
	if times.Type != schema.Int64 || keys.Type != schema.Int64 && keys.Type != schema.VarChar || !keys.Valid.IsZero() {
		return fmt.Errorf("times of type %v, primary keys of type %v", times.Type, keys.Type)
	}
	return nil
}

// column returns a stored column, nil if the segment has none of the field.
func (s *Sealed) column(field base.ID) (*column.Column, error) {
	for _, c := range s.columns {
		if c.stored.Field == field {
			return c.column()
		}
	}
	return nil, nil
}

func (c *sealedColumn) column() (*column.Column, error) {
	if v := c.view.Load(); v != nil {
		return v, nil
	}
	v, err := c.stored.Column(c.m.Bytes(), c.rows)
	if err != nil {
		return nil, err
	}
	c.view.CompareAndSwap(nil, v)
	return c.view.Load(), nil // one view for all
}

// ID implements Segment.
func (s *Sealed) ID() base.ID { return s.manifest.Segment }

// Shard implements Segment.
func (s *Sealed) Shard() base.Shard { return s.shard }

// Partition implements Segment.
func (s *Sealed) Partition() base.ID { return s.manifest.Partition }

// Rows implements Segment.
func (s *Sealed) Rows() int { return s.manifest.Rows }

// LiveRows returns the number of rows that are not deleted.
func (s *Sealed) LiveRows() int { return s.manifest.Rows - int(s.hides.count.Load()) }

// Manifest returns what the segment was opened from.
func (s *Sealed) Manifest() *binlog.Manifest { return s.manifest }

// Acquire adds a reference, given back by Release; false if the last one is
// gone.
func (s *Sealed) Acquire() bool { return s.refs.acquire() }

// Release gives a reference back.
func (s *Sealed) Release() {
	if s.refs.drop() {
		s.unmap()
	}
}

// Close gives the opener's reference back, once. Readers go on.
func (s *Sealed) Close() {
	if s.closed.CompareAndSwap(false, true) {
		s.Release()
	}
}

// unmap gives everything back. An error of unmapping loses address space, no
// data.
func (s *Sealed) unmap() {
	s.indexes.clear()
	for _, c := range s.columns {
		_ = c.m.Unpin()
	}
	if s.statsMap != nil {
		_ = s.statsMap.Unpin()
	}
}

// Delete hides the rows of the keys that were inserted before times[i], or
// before the one time given for all, unless partition is another one than the
// segment's (0: all partitions). Times ascend from call to call. To apply a
// delete again changes nothing. Calls must not overlap.
func (s *Sealed) Delete(keys *column.Column, times []base.Timestamp, partition base.ID) error {
	if partition != 0 && partition != s.Partition() {
		return nil
	}
	if !s.refs.acquire() {
		return ErrClosed
	}
	defer s.Release()
	own, err := s.column(s.manifest.PrimaryKey)
	if err != nil {
		return err
	}
	if own.Type != keys.Type || len(times) != 1 && len(times) != keys.Len() {
		return fmt.Errorf("segment %d: delete by %d keys of %v at %d times, keys are of %v",
			s.ID(), keys.Len(), keys.Type, len(times), own.Type)
	}
	for i := range keys.Len() {
		at := times[min(i, len(times)-1)]
		if at <= s.manifest.MinTime || !s.stats.MayContain(keys, i) {
			continue
		}
		lo, hi := keyRange(own, keys, i)
		for row := lo; row < hi && s.times[row] < at; row++ {
			s.hides.add(row, at)
		}
	}
	return nil
}

// View implements Segment.
func (s *Sealed) View(at base.Timestamp, c *schema.Collection) (*Reader, error) {
	if !s.refs.acquire() {
		return nil, ErrClosed
	}
	return &Reader{
		sealed: s, engine: s.engine, collection: c, at: at, rows: s.manifest.Rows, times: s.times, hides: &s.hides,
		late: at < s.manifest.MaxTime,
	}, nil
}

func (s *Sealed) rows() (*rowSet, error) {
	if !s.refs.acquire() {
		return nil, ErrClosed
	}
	return &rowSet{n: s.manifest.Rows, sorted: true, stored: s.column, times: s.times, hides: &s.hides, mapped: s.window, close: s.Release}, nil
}

// Vectors returns the rows of a vector field as the source of an index. They
// are valid while the caller has a reference.
func (s *Sealed) Vectors(field base.ID) (vecindex.Source, error) {
	c, err := s.column(field)
	if err != nil {
		return nil, err
	}
	if c == nil || c.Type != schema.FloatVector {
		return nil, fmt.Errorf("segment %d: field %d has no vectors", s.ID(), field)
	}
	return vecindex.Vectors{Data: c.Floats, Dimension: c.Dim, Present: c.Valid}, nil
}
