package vecindex

import (
	"context"
	"errors"
	"math"

	"github.com/redkite-db/redkite/internal/vec"
)

// Rows are what an exact iterator compares.
type Rows struct {
	Kernels  vec.Kernels
	Metric   Metric
	Matrix   vec.Matrix
	InvNorms []float32  // Cosine: a factor for each row; nil: computed at each pass
	codes    *flatCodes // of Matrix; nil: every vector is compared
	From, To int        // rows [From, To)
}

// rows compares the rows of r, of the search that was started, except those in
// skip.
func (s *Scan) rows(ctx context.Context, r *Rows, skip []uint64) error {
	if r.codes != nil {
		return s.byCodes(ctx, r.codes, &r.Matrix, r.From, r.To, skip)
	}
	return s.Rows(ctx, &r.Matrix, r.InvNorms, r.From, r.To, skip)
}

// The first pass of an Ordered keeps a few batches; each further one more, up
// to a bound of its memory. So the first batches cost one scan, and all of n
// rows about n / maxKept of them and a few.
const (
	minKept = 1 << 10
	maxKept = 1 << 20 // keys of 8 bytes
)

// Ordered is an exact Iterator that needs no index: it compares all rows, keeps
// the keys of the nearest ones, and compares them again, for those that come
// behind, when these are used up. Any kind can make its Iterate of it.
type Ordered struct {
	rows      Rows
	query     vec.Probe
	skip      []uint64
	scan      *Scan
	low, high uint64   // what is left: keys in [low, high)
	kept      int      // by the next pass
	keys      []uint64 // ascending, in scan's memory; those before at were given
	at        int
	done      bool // no further pass finds anything
	release   func()
}

// NewOrdered returns an iterator over those of the rows that q lets pass, within
// its range. It uses scan until Close, which calls release, if it is not nil.
func NewOrdered(rows Rows, q *Query, scan *Scan, release func()) *Ordered {
	o := &Ordered{rows: rows, query: q.Probe(ElementOf(&rows.Matrix)), skip: q.Skip, scan: scan, high: math.MaxUint64, release: release}
	if q.Range != nil {
		o.low, o.high = q.Range.Keys()
	}
	if q.Limit > 0 {
		o.rows.To = min(o.rows.To, q.Limit)
	}
	o.kept = min(max(minKept, 4*q.K), maxKept)
	o.done = o.rows.From >= o.rows.To || o.low == o.high
	return o
}

// IterateRows is Index.Iterate of kinds that tell which rows are near, but not
// which ones come next: an Ordered over all rows.
func IterateRows(ctx context.Context, rows Rows, q *Query) (Iterator, error) {
	if err := errors.Join(q.Check(rows.Metric, ElementOf(&rows.Matrix), rows.Matrix.Dim()), ctx.Err()); err != nil {
		return nil, err
	}
	return NewOrdered(rows, q, new(Scan), nil), nil
}

// Next implements Iterator.
func (o *Ordered) Next(ctx context.Context, n int, out []Hit) ([]Hit, error) {
	start := len(out)
	for {
		m := min(n-(len(out)-start), len(o.keys)-o.at)
		out = AppendHits(o.rows.Metric, o.keys[o.at:o.at+m], out)
		o.at += m
		if len(out)-start == n || o.done {
			return out, ctx.Err()
		}
		if err := o.pass(ctx, n); err != nil {
			return out[:start], err
		}
	}
}

// pass finds the nearest of the rows that are left.
func (o *Ordered) pass(ctx context.Context, n int) error {
	o.kept = min(max(o.kept, n), o.rows.To-o.rows.From)
	o.scan.Start(o.rows.Kernels, o.rows.Metric, o.query, o.kept)
	o.scan.Within(o.low, o.high)
	if err := o.scan.rows(ctx, &o.rows, o.skip); err != nil {
		return err
	}
	o.keys, o.at = o.scan.Top.Keys(), 0
	o.done = len(o.keys) < o.kept
	if len(o.keys) > 0 {
		o.low = o.keys[len(o.keys)-1] + 1
	}
	o.kept = min(4*o.kept, maxKept)
	return nil
}

// Bytes implements Iterator.
func (o *Ordered) Bytes() int64 { return 8 * int64(cap(o.keys)) }

// Close implements Iterator.
func (o *Ordered) Close() {
	if o.release != nil {
		o.release()
	}
	*o = Ordered{done: true}
}
