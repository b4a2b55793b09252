package segment

import (
	"context"
	"fmt"
	"math/bits"
	"slices"
	"sync/atomic"

	"github.com/redkite-db/redkite/internal/base"
	"github.com/redkite-db/redkite/internal/column"
	"github.com/redkite-db/redkite/internal/exec"
	"github.com/redkite-db/redkite/internal/expr"
	"github.com/redkite-db/redkite/internal/schema"
)

// Reader is one segment at one time. Rows are numbered from 0; rows inserted
// after the time are not visible, nor are those deleted at or before it. Many
// goroutines may use it until Close.
type Reader struct {
	sealed     *Sealed   // with a reference; nil: of a growing segment
	growing    *Growing  // what the snapshot lies in
	snap       *snapshot // of growing
	engine     *Engine
	collection *schema.Collection
	at         base.Timestamp
	rows       int
	times      []base.Timestamp // of rows
	hides      *deletes
	late       bool // rows may have been inserted after at (else none was)
	closed     atomic.Bool
}

// stored returns a field's column, with at least as many rows, nil if the
// segment has none. What the process has in RAM is checked here and not when
// the view is made: a request makes its views of all segments before it reads
// the first.
func (r *Reader) stored(field base.ID) (*column.Column, error) {
	if r.sealed != nil {
		r.engine.reading()
		return r.sealed.column(field)
	}
	return r.snap.column(field), nil
}

// index returns the index of a vector field with a reference, nil if there is
// none.
func (r *Reader) index(field base.ID) *attached {
	if r.sealed != nil {
		return r.sealed.indexes.vectors(field)
	}
	return r.growing.indexes.vectors(field)
}

// sorted reports that rows ascend by primary key, then time; else they ascend
// by time.
func (r *Reader) sorted() bool { return r.sealed != nil }

func (r *Reader) id() base.ID {
	if r.sealed != nil {
		return r.sealed.ID()
	}
	return r.growing.ID()
}

// Rows returns the number of rows that the view ranges over, hidden ones
// included.
func (r *Reader) Rows() int { return r.rows }

// Close gives the pin back. Nothing of the reader may be used from then on.
func (r *Reader) Close() {
	if r.closed.CompareAndSwap(false, true) && r.sealed != nil {
		r.sealed.Release()
	}
}

// hidden returns the rows that are not visible, a bit each, nil if there are
// none. The words are shared and may go beyond the rows.
func (r *Reader) hidden() []uint64 {
	words := r.hides.hidden(r.at, r.rows)
	if !r.late {
		return words
	}
	out := make([]uint64, (r.rows+63)/64)
	copy(out, words)
	for i, t := range r.times {
		if t > r.at {
			out[i/64] |= 1 << (i % 64)
		}
	}
	return out
}

// visible returns the rows that are visible and match the plan, and their
// number. all says that these are all rows; then the set is zero.
func (r *Reader) visible(ctx context.Context, plan *expr.Plan) (keep column.Bitset, n int, all bool, err error) {
	if plan != nil && plan.AlwaysTrue() {
		plan = nil
	}
	if r.rows == 0 || plan != nil && r.excludes(plan) {
		return column.NewBitset(r.rows), 0, false, nil
	}
	hidden := r.hidden()
	if plan == nil {
		if hidden == nil {
			return column.Bitset{}, r.rows, true, nil
		}
		keep = column.NewBitset(r.rows)
		keep.Fill()
	} else if keep, err = r.match(ctx, plan); err != nil {
		return column.Bitset{}, 0, false, err
	}
	words := keep.Words()
	for i, h := range hidden[:min(len(hidden), len(words))] {
		words[i] &^= h
	}
	return keep, keep.Count(), false, nil
}

// Count returns the number of visible rows that match; plan nil: all. Rows
// with equal keys count each.
func (r *Reader) Count(ctx context.Context, plan *expr.Plan) (int, error) {
	if (plan == nil || plan.AlwaysTrue()) && !r.late {
		return r.rows - onesBelow(r.hides.hidden(r.at, r.rows), r.rows), nil
	}
	if rows, ok, err := r.few(ctx, plan); ok || err != nil {
		return len(rows), err
	}
	_, n, _, err := r.visible(ctx, plan)
	return n, err
}

// onesBelow counts the bits of rows below n.
func onesBelow(words []uint64, n int) int {
	count := 0
	for i, w := range words[:min(len(words), (n+63)/64)] {
		if n < 64*i+64 {
			w &= 1<<(n&63) - 1
		}
		count += bits.OnesCount64(w)
	}
	return count
}

// Retrieve returns the visible rows that match (plan nil: all), ascending by
// primary key, of equal keys only the newest; at most limit unless that is
// negative.
func (r *Reader) Retrieve(ctx context.Context, plan *expr.Plan, limit int) ([]uint32, error) {
	if rows, ok, err := r.few(ctx, plan); ok || err != nil {
		return r.firstOf(rows, limit), err
	}
	if rows, ok, err := r.page(ctx, plan, limit); ok || err != nil {
		return rows, err
	}
	keep, n, all, err := r.visible(ctx, plan)
	if err != nil || n == 0 || limit == 0 {
		return nil, err
	}
	if all {
		keep = column.NewBitset(r.rows)
		keep.Fill()
	}
	if limit < 0 || limit > n {
		limit = n
	}
	keys, err := r.stored(r.collection.Primary().ID)
	if err != nil {
		return nil, err
	}
	if r.sorted() {
		return firstSorted(keep, keys, limit), nil
	}
	return r.firstByKey(ctx, keep, keys, limit)
}

// firstOf is firstSorted for a list of rows of a sorted segment.
func (r *Reader) firstOf(rows []uint32, limit int) []uint32 {
	keys, err := r.stored(r.collection.Primary().ID)
	if err != nil || len(rows) == 0 {
		return nil // the rows were found by their keys, so these are there
	}
	out := rows[:0]
	for i, row := range rows {
		if i+1 < len(rows) && sameKey(keys, int(row), keys, int(rows[i+1])) {
			continue
		}
		out = append(out, row)
	}
	if limit >= 0 && len(out) > limit {
		out = out[:limit]
	}
	return out
}

// firstSorted returns the first rows of a segment sorted by key and time: of
// adjacent equal keys the last.
func firstSorted(keep column.Bitset, keys *column.Column, limit int) []uint32 {
	out := make([]uint32, 0, limit)
	for row := keep.Next(0); row >= 0; row = keep.Next(row + 1) {
		if n := len(out); n > 0 && sameKey(keys, int(out[n-1]), keys, row) {
			out[n-1] = uint32(row)
			continue
		}
		if len(out) == limit {
			break
		}
		out = append(out, uint32(row))
	}
	return out
}

// firstByKey is firstSorted for rows in order of time: it collects rows and,
// whenever there are many more than it needs, sorts and cuts them.
func (r *Reader) firstByKey(ctx context.Context, keep column.Bitset, keys *column.Column, limit int) ([]uint32, error) {
	room := 2*limit + 4096
	out := make([]uint32, 0, min(room, keep.Count()))
	cut := false // out[limit-1] bounds what is still of interest
	shrink := func() {
		slices.SortFunc(out, func(a, b uint32) int {
			if c := compareKeys(keys, int(a), keys, int(b)); c != 0 {
				return c
			}
			return int(int64(b) - int64(a)) // the newest first: rows ascend by time
		})
		out = slices.CompactFunc(out, func(a, b uint32) bool { return sameKey(keys, int(a), keys, int(b)) })
		if len(out) >= limit {
			out, cut = out[:limit], true
		}
	}
	var bound uint32
	for row := keep.Next(0); row >= 0; row = keep.Next(row + 1) {
		if cut && compareKeys(keys, row, keys, int(bound)) > 0 {
			continue
		}
		if out = append(out, uint32(row)); len(out) == room {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			shrink()
			bound = out[len(out)-1]
		}
	}
	shrink()
	return out, nil
}

// Keys returns the primary keys of rows, in their order.
func (r *Reader) Keys(rows []uint32) *column.Column {
	f := r.collection.Primary()
	out := column.New(f)
	if keys, err := r.stored(f.ID); err == nil && keys != nil {
		gather(out, []*column.Column{keys}, refsTo(rows))
	}
	return out
}

// Times returns the insert times of rows, in their order.
func (r *Reader) Times(rows []uint32) []base.Timestamp {
	out := make([]base.Timestamp, len(rows))
	for i, row := range rows {
		out[i] = r.times[row]
	}
	return out
}

// Fetch returns the fields of rows, in their order, copied.
func (r *Reader) Fetch(rows []uint32, fields []base.ID) (*column.Batch, error) {
	b := &column.Batch{Rows: len(rows)}
	refs := refsTo(rows)
	for _, id := range fields {
		c, err := r.stored(id)
		if err != nil {
			return nil, err
		}
		f := r.collection.FieldByID(id)
		switch {
		case c != nil:
			out := c.Like()
			gather(out, []*column.Column{c}, refs)
			b.Add(id, out)
		case f != nil:
			b.Add(id, constant(f, column.New(f), len(rows)))
		default:
			return nil, fmt.Errorf("segment %d: no field %d in the schema", r.id(), id)
		}
	}
	return b, nil
}

// FetchTexts returns what lies under a path in a JSON field of rows, as text; see
// exec.JSONTexts.
func (r *Reader) FetchTexts(rows []uint32, field base.ID, path []string) (*column.Column, error) {
	b, err := r.Fetch(rows, []base.ID{field})
	if err != nil {
		return nil, err
	}
	return exec.JSONTexts(b.Column(field), path), nil
}
