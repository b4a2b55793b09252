package annoy

import (
	"context"
	"errors"

	"github.com/redkite-db/redkite/internal/vec"
	"github.com/redkite-db/redkite/internal/vecindex"
)

// iterator goes on opening cells where it stopped, the nearest first. It gives a
// row when it has met as many rows that pass as the client wants a search to
// meet, and for each row that it has given as many as there are trees, as a
// search does, or readAhead. When comparing all rows would be as cheap as to meet
// that many, it does that.
type iterator struct {
	x     *index
	w     *walker
	f     vecindex.Filter
	q     vecindex.Query
	rows  vec.Matrix
	meet  int
	given int
	rest  vecindex.Iterator // what was not given; nil while cells are opened
}

const (
	readAhead  = 16
	stepsAhead = 4 // for how many batches an iterator is expected to be asked
)

// Iterate implements vecindex.Index.
func (x *index) Iterate(ctx context.Context, q *vecindex.Query) (vecindex.Iterator, error) {
	if err := errors.Join(vecindex.CheckQuery(q, x.src.Dim()), ctx.Err()); err != nil {
		return nil, err
	}
	it := &iterator{x: x, q: *q, f: vecindex.NewFilter(x.src.Rows(), x.nodes, q), rows: x.src.Matrix(), meet: q.Params.SearchK}
	if it.f.Allowed == 0 {
		return vecindex.NoRows(), nil
	}
	it.w = x.walkers.Get().(*walker)
	it.w.ready = it.w.ready[:0]
	ahead := stepsAhead * q.K
	if q.Range != nil {
		ahead = 1 // K is then a bound of what there is
	}
	if it.f.Allowed <= vecindex.FewRows || x.scanIsCheaper(&it.f, it.wanted(min(ahead, it.f.Allowed))) {
		it.scan()
		return it, nil
	}
	x.begin(it.w, it.q.Vector)
	it.w.scan.Start(x.kern, x.metric, vec.FloatProbe(it.q.Vector), batch)
	return vecindex.Within(it, x.metric, q.Range), nil
}

// wanted is how many rows have to be met before so many are given.
func (it *iterator) wanted(n int) int { return max(it.meet, n*max(readAhead, len(it.x.trees))) }

// scan goes over to comparing the rows that were not given.
func (it *iterator) scan() {
	q := it.q
	if it.given > 0 {
		q.Skip = it.f.Without(it.w.seen.Log, it.w.ready) // met, but not ready
	}
	it.w.ready = it.w.ready[:0]
	it.rest = vecindex.NewOrdered(vecindex.Rows{
		Kernels: it.x.kern, Metric: it.x.metric, Matrix: it.rows, To: it.f.Limit,
	}, &q, &it.w.scan, nil)
}

// Next implements vecindex.Iterator.
func (it *iterator) Next(ctx context.Context, n int, out []vecindex.Hit) ([]vecindex.Hit, error) {
	if it.rest == nil {
		if err := it.open(ctx, it.wanted(it.given+n)); err != nil {
			return out, err
		}
	}
	if it.rest != nil {
		return it.rest.Next(ctx, n, out)
	}
	it.given += n
	return it.w.ready.Give(it.x.metric, n, out), nil // fewer only if more were said to pass than do
}

// open opens cells until so many rows that pass were met, or goes over to a scan.
func (it *iterator) open(ctx context.Context, meet int) error {
	x, w := it.x, it.w
	if x.scanIsCheaper(&it.f, meet) {
		it.scan()
		return nil
	}
	n := 0
	for steps := 1; len(w.seen.Log) < meet; steps++ {
		if steps%256 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		p, ok := x.cell(w)
		if !ok {
			break // every row is in a cell, so that all were met
		}
		for _, row := range x.trees[p.tree].rows[p.from:p.to] {
			if w.seen.Has(row) || !it.f.Passes(row) {
				continue
			}
			w.seen.Add(row)
			w.ids[n] = row
			if n++; n == batch {
				it.compare(w.ids[:n])
				n = 0
			}
		}
	}
	it.compare(w.ids[:n])
	return ctx.Err()
}

// compare makes rows ready, at most batch: the scan keeps all of them.
func (it *iterator) compare(ids []uint32) {
	w := it.w
	w.scan.IDs(&it.rows, nil, ids)
	for _, key := range w.scan.Top.Keys() {
		w.ready.Push(key)
	}
	w.scan.Top.Reset(batch)
}

// Bytes implements vecindex.Iterator.
func (it *iterator) Bytes() int64 {
	if it.w == nil {
		return 0
	}
	n := 8*(cap(it.w.seen.Bits)+cap(it.w.heap)+cap(it.w.ready)) + 4*cap(it.w.seen.Log) + placeBytes*cap(it.w.places)
	if it.rest != nil {
		n += it.f.Limit/8 + int(it.rest.Bytes())
	}
	return int64(n)
}

const (
	placeBytes = 24
	keepPlaces = 1 << 16 // what goes back to the pool
)

// Close implements vecindex.Iterator.
func (it *iterator) Close() {
	if it.w == nil {
		return
	}
	if it.rest != nil {
		it.rest.Close()
	}
	w := it.w
	w.query = nil // the caller's
	w.ready.Keep()
	w.heap.Keep()
	if cap(w.places) > keepPlaces {
		w.places = nil
	}
	it.w, it.rest = nil, vecindex.NoRows()
	it.x.walkers.Put(w)
}
