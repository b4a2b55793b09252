package segment

import (
	"errors"
	"fmt"
	"runtime"
	"sync/atomic"

	"github.com/redkite-db/redkite/internal/base"
	"github.com/redkite-db/redkite/internal/binlog"
	"github.com/redkite-db/redkite/internal/column"
	"github.com/redkite-db/redkite/internal/mem"
	"github.com/redkite-db/redkite/internal/schema"
)

// GrowingConfig says which segment grows.
type GrowingConfig struct {
	Shard         base.Shard
	ID, Partition base.ID
	Collection    *schema.Collection // when it begins
	Start         base.Position      // before its first record in the log
}

// Growing is a segment in memory. One goroutine writes (Insert, Delete); any
// number read what was published before their View, without a lock.
//
// Columns are contiguous and, save small ones, outside the Go heap. They are
// freed when nothing refers to the segment any more, so one that was released
// can still be read by whoever holds it.
type Growing struct {
	engine     *Engine
	cfg        GrowingConfig
	collection atomic.Pointer[schema.Collection] // the newest version
	snap       atomic.Pointer[snapshot]
	hides      deletes
	failed     atomic.Pointer[error] // the first write that could not be applied
	bytes      atomic.Int64          // counted in the engine's budget

	w        growWriter
	released atomic.Bool

	indexes *indexSet
	liveAt  map[base.ID]*float32 // by field: where the vectors of its index begin. Extend's alone
}

// growWriter is what the writer alone uses.
type growWriter struct {
	rows   *growRows
	keys   keyTable
	memory *mem.Budget // what rows and keys hold
}

// growRows is the columns of a growing segment. It does not refer to the
// segment, so that it can be freed after it.
type growRows struct {
	fields  []base.ID
	columns []*growColumn // of fields
	times   arena
}

// snapshot is the rows at one moment. It is never changed.
type snapshot struct {
	rows    int
	fields  []base.ID
	columns []*column.Column // of fields
	times   []base.Timestamp // ascending
}

var _ Segment = (*Growing)(nil)

// NewGrowing returns an empty segment.
func NewGrowing(e *Engine, cfg GrowingConfig) *Growing {
	memory := mem.NewBudget(0)
	g := &Growing{engine: e, cfg: cfg, indexes: &indexSet{}, liveAt: map[base.ID]*float32{}}
	g.w = growWriter{
		rows:   &growRows{times: arena{budget: memory, room: columnRoom}},
		keys:   keyTable{budget: memory},
		memory: memory,
	}
	g.snap.Store(&snapshot{})
	g.collection.Store(cfg.Collection)
	rows, indexes := g.w.rows, g.indexes
	runtime.AddCleanup(g, func(int) {
		indexes.clear() // they read the rows
		_ = rows.free() // an address range that cannot be unmapped is lost
	}, 0)
	return g
}

// ID implements Segment.
func (g *Growing) ID() base.ID { return g.cfg.ID }

// Shard implements Segment.
func (g *Growing) Shard() base.Shard { return g.cfg.Shard }

// Partition implements Segment.
func (g *Growing) Partition() base.ID { return g.cfg.Partition }

// Collection returns the newest version of the collection that the segment was
// told of: it has every field that the rows have.
func (g *Growing) Collection() *schema.Collection { return g.collection.Load() }

// Alter tells a newer version of the collection. Rows that were inserted before
// it, and later ones that come without a field that it added, have the field's
// default or null.
func (g *Growing) Alter(c *schema.Collection) { g.collection.Store(c) }

// Start returns the position before the segment's first record in the log.
func (g *Growing) Start() base.Position { return g.cfg.Start }

// Rows implements Segment.
func (g *Growing) Rows() int { return g.snap.Load().rows }

// LiveRows returns the number of rows that are not deleted.
func (g *Growing) LiveRows() int { return g.Rows() - int(g.hides.count.Load()) }

// Bytes returns the memory that the segment takes.
func (g *Growing) Bytes() int64 { return g.bytes.Load() }

// Times returns the earliest and the latest time of a row, 0 if there is none.
func (g *Growing) Times() (first, last base.Timestamp) {
	s := g.snap.Load()
	if s.rows == 0 {
		return 0, 0
	}
	defer runtime.KeepAlive(g)
	return s.times[0], s.times[s.rows-1]
}

// Insert appends rows that were stamped ts, which does not go back. They are
// visible when it returns. A failure (out of memory, another type) says that
// the segment lacks rows which are durable: from then on every View and every
// write of the segment fails with it, so that nothing is answered or flushed
// without them.
func (g *Growing) Insert(rows *column.Batch, ts base.Timestamp) error {
	if err := g.err(); err != nil {
		return err
	}
	if rows.Rows == 0 {
		return nil
	}
	if err := g.insert(rows, ts); err != nil {
		return g.fail(fmt.Errorf("segment %d: insert of %d rows: %w", g.cfg.ID, rows.Rows, err))
	}
	g.count()
	return nil
}

func (g *Growing) insert(rows *column.Batch, ts base.Timestamp) error {
	old := g.snap.Load()
	if old.rows > 0 && ts < old.times[old.rows-1] {
		return fmt.Errorf("stamped %d after %d", ts, old.times[old.rows-1])
	}
	if err := rows.Check(); err != nil {
		return err
	}
	r, c := g.w.rows, g.Collection()
	if err := r.addFields(rows, c, old.rows, g.w.memory); err != nil {
		return err
	}
	given := make([]*column.Column, len(r.fields))
	for i, id := range r.fields {
		if given[i] = rows.Column(id); given[i] == nil {
			given[i] = constant(c.FieldByID(id), r.columns[i].like, rows.Rows)
		}
		if err := r.columns[i].reserve(given[i]); err != nil {
			return fmt.Errorf("field %d: %w", id, err)
		}
	}
	if err := r.times.reserve(8 * rows.Rows); err != nil {
		return err
	}
	key := c.Primary().ID
	if k := rows.Column(key); k == nil || k.Type != schema.Int64 && k.Type != schema.VarChar || !k.Valid.IsZero() {
		return fmt.Errorf("no primary keys, or null or wrong ones, in field %d", key)
	}
	for i, values := range given {
		r.columns[i].append(values)
	}
	stamps := make([]uint64, rows.Rows)
	for i := range stamps {
		stamps[i] = uint64(ts)
	}
	add(&r.times, stamps)
	s := r.snapshot(old.rows + rows.Rows)
	if err := g.w.keys.reserve(s.column(key), rows.Rows); err != nil {
		return err
	}
	g.w.keys.add(s.column(key))
	g.snap.Store(s)
	return nil
}

// addFields makes columns for the fields of a batch that have none; the rows
// before have the field's default.
func (r *growRows) addFields(rows *column.Batch, c *schema.Collection, before int, budget *mem.Budget) error {
	for i, id := range rows.Fields {
		if r.index(id) >= 0 {
			continue
		}
		col := newGrowColumn(rows.Columns[i].Like(), budget)
		if before > 0 {
			fill := constant(c.FieldByID(id), col.like, before)
			if err := col.reserve(fill); err != nil {
				return fmt.Errorf("field %d of earlier rows: %w", id, err)
			}
			col.append(fill)
		}
		// Snapshots have the old slices.
		r.fields = append(r.fields[:len(r.fields):len(r.fields)], id)
		r.columns = append(r.columns, col)
	}
	return nil
}

func (r *growRows) index(field base.ID) int {
	for i, id := range r.fields {
		if id == field {
			return i
		}
	}
	return -1
}

func (r *growRows) snapshot(rows int) *snapshot {
	s := &snapshot{rows: rows, fields: r.fields, columns: make([]*column.Column, len(r.columns))}
	for i, c := range r.columns {
		s.columns[i] = c.view()
	}
	s.times = binlog.Timestamps(clip(values[int64](&r.times)))
	return s
}

func (r *growRows) free() error {
	err := r.times.free()
	for _, c := range r.columns {
		err = errors.Join(err, c.free())
	}
	return err
}

func (s *snapshot) column(field base.ID) *column.Column {
	for i, id := range s.fields {
		if id == field {
			return s.columns[i]
		}
	}
	return nil
}

// stored is column in the form that readers take.
func (s *snapshot) stored(field base.ID) (*column.Column, error) { return s.column(field), nil }

// Delete hides the rows of the keys that were inserted before ts, which does
// not go back. It fails as Insert does.
func (g *Growing) Delete(keys *column.Column, ts base.Timestamp) error {
	if err := g.err(); err != nil {
		return err
	}
	s := g.snap.Load()
	own := s.column(g.Collection().Primary().ID)
	if own == nil {
		return nil // no rows
	}
	if own.Type != keys.Type {
		return g.fail(fmt.Errorf("segment %d: delete by keys of %v, want %v", g.cfg.ID, keys.Type, own.Type))
	}
	for i := range keys.Len() {
		for row := range g.w.keys.rows(own, keys, i) {
			if s.times[row] < ts {
				g.hides.add(row, ts)
			}
		}
	}
	g.count()
	return nil
}

func (g *Growing) fail(err error) error {
	g.failed.CompareAndSwap(nil, &err)
	return err
}

func (g *Growing) err() error {
	if p := g.failed.Load(); p != nil {
		return *p
	}
	return nil
}

// count brings the engine's budget up to date. What is here is durable and
// cannot be refused: it is taken beyond a limit too.
func (g *Growing) count() {
	now := g.w.memory.Used() + g.hides.bytes()
	if delta := now - g.bytes.Swap(now); delta != 0 && !g.released.Load() {
		g.engine.growing.Release(-delta)
	}
}

// Release gives the segment's bytes back to the engine's budget, once, and its
// indexes up. Whoever still holds the segment may go on reading it, and the
// writer deleting from it: until readers have the sealed one, deletes must
// reach this one too.
func (g *Growing) Release() {
	if g.released.CompareAndSwap(false, true) {
		g.engine.growing.Release(g.bytes.Load())
		g.indexes.clear()
	}
}

// View implements Segment: the rows that were inserted at or before a time.
func (g *Growing) View(at base.Timestamp, c *schema.Collection) (*Reader, error) {
	if err := g.err(); err != nil {
		return nil, err
	}
	s := g.snap.Load()
	n := s.rows
	if n > 0 && s.times[n-1] > at {
		n = countUpTo(s.times, at)
	}
	return &Reader{growing: g, snap: s, engine: g.engine, collection: c, at: at, rows: n, times: s.times[:n], hides: &g.hides}, nil
}

// countUpTo returns how many of ascending times are at or before a time.
func countUpTo(times []base.Timestamp, at base.Timestamp) int {
	lo, hi := 0, len(times)
	for lo < hi {
		if mid := (lo + hi) / 2; times[mid] <= at {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo
}

func (g *Growing) rows() (*rowSet, error) {
	if err := g.err(); err != nil {
		return nil, err
	}
	s := g.snap.Load()
	return &rowSet{n: s.rows, stored: s.stored, times: s.times, hides: &g.hides, close: func() { runtime.KeepAlive(g) }}, nil
}
