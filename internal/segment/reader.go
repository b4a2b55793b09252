package segment

import (
	"context"
	"fmt"
	"math/bits"
	"slices"
	"sync/atomic"

	"github.com/redkite-db/redkite/internal/base"
	"github.com/redkite-db/redkite/internal/column"
	"github.com/redkite-db/redkite/internal/expr"
	"github.com/redkite-db/redkite/internal/schema"
	"github.com/redkite-db/redkite/internal/vecindex"
)

// Reader is one segment at one time. Rows are numbered from 0; rows inserted
// after the time are not visible, nor are those deleted at or before it. Many
// goroutines may use it until Close.
type Reader struct {
	owner      Segment // keeps what is read in memory
	engine     *Engine
	collection *schema.Collection
	at         base.Timestamp
	rows       int
	times      []base.Timestamp // of rows
	hides      *deletes
	late       bool // rows may have been inserted after at (else none was)
	sorted     bool // rows ascend by primary key, then time
	// stored returns a field's column, with at least as many rows, nil if the
	// segment has none.
	stored  func(field base.ID) (*column.Column, error)
	excuses func(plan *expr.Plan) bool // no row can match; may be nil
	index   func(field base.ID) *attached
	release func() // may be nil
	closed  atomic.Bool
}

// Rows returns the number of rows that the view ranges over, hidden ones
// included.
func (r *Reader) Rows() int { return r.rows }

// Close gives the pin back. Nothing of the reader may be used from then on.
func (r *Reader) Close() {
	if r.closed.CompareAndSwap(false, true) && r.release != nil {
		r.release()
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
	if r.rows == 0 || plan != nil && (plan.AlwaysFalse() || r.excuses != nil && r.excuses(plan)) {
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
	if r.sorted {
		return firstSorted(keep, keys, limit), nil
	}
	return r.firstByKey(ctx, keep, keys, limit)
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
			return nil, fmt.Errorf("segment %d: no field %d in the schema", r.owner.ID(), id)
		}
	}
	return b, nil
}

// SearchRequest asks for the rows nearest to each of NQ vectors.
type SearchRequest struct {
	Field   base.ID
	Metric  vecindex.Metric
	Vectors []float32 // NQ x dimension, row-major
	NQ, K   int
	Params  map[string]any // what the index's CheckSearch reads; an exact scan needs none
	Plan    *expr.Plan     // nil: no filter. Evaluated once for all vectors
}

// Search returns for each vector the K best visible rows that match, best
// first, fewer if there are fewer. An index of the field that has the metric is
// used; without one all rows are compared. The error is of type
// vecindex.ParamError for parameters that the index refuses.
func (r *Reader) Search(ctx context.Context, q *SearchRequest) ([][]vecindex.Hit, error) {
	out := make([][]vecindex.Hit, q.NQ)
	vectors, err := r.stored(q.Field)
	if err != nil || vectors == nil || r.rows == 0 {
		return out, err
	}
	if vectors.Type != schema.FloatVector || q.NQ < 1 || len(q.Vectors) != q.NQ*vectors.Dim {
		return nil, fmt.Errorf("search of field %d: %d floats for %d vectors of dimension %d (%v)",
			q.Field, len(q.Vectors), q.NQ, vectors.Dim, vectors.Type)
	}
	query := vecindex.Query{K: q.K, Allowed: -1, Limit: r.rows}
	if q.Plan == nil || q.Plan.AlwaysTrue() {
		query.Skip = r.hidden()
	} else {
		keep, n, _, err := r.visible(ctx, q.Plan)
		if err != nil || n == 0 {
			return out, err
		}
		keep.Not()
		query.Skip, query.Allowed = keep.Words(), n
	}
	index, done, err := r.searcher(ctx, q, vectors, &query)
	if err != nil {
		return nil, err
	}
	defer done()
	for i := range out {
		query.Vector = q.Vectors[i*vectors.Dim : (i+1)*vectors.Dim]
		if out[i], err = index.Search(ctx, &query, nil); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// searcher returns what answers a search: the field's index if it has the
// metric, else a scan. done gives it back.
func (r *Reader) searcher(ctx context.Context, q *SearchRequest, vectors *column.Column, query *vecindex.Query) (vecindex.Index, func(), error) {
	if r.index != nil {
		if a := r.index(q.Field); a != nil {
			if a.metric == q.Metric {
				params, err := a.kind.CheckSearch(q.Params, q.K)
				if err != nil {
					a.drop()
					return nil, nil, err
				}
				query.Params = params
				return a.index, a.drop, nil
			}
			a.drop()
		}
	}
	rows := vecindex.Vectors{Data: vectors.Floats[:r.rows*vectors.Dim], Dimension: vectors.Dim}
	x, err := r.engine.flat.Build(ctx, rows, q.Metric, nil, vecindex.BuildOptions{Threads: 1})
	return x, func() {}, err // a scan has nothing to close
}
