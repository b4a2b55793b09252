package hnsw

import (
	"context"
	"errors"

	"github.com/redkite-db/redkite/internal/vec"
	"github.com/redkite-db/redkite/internal/vecindex"
)

// iterator walks level 0 on and on: it expands the nearest row that is not
// expanded yet (algorithm 2 without a bound of the candidates), and gives a row
// when slack more of them have been found that are nearer than all that is still
// to be expanded, which is what a search with ef = slack asks of its hits. When
// it has compared so many rows that comparing all would have been as cheap, it
// does that, and so finds those that the graph leads nowhere to as well.
type iterator struct {
	g     *graph
	v     *view
	w     *walker
	t     target
	f     vecindex.Filter
	q     vecindex.Query
	slack int
	rest  vecindex.Iterator // what was not given; nil while the walk goes on
}

// stepsAhead is for how many batches an iterator is expected to be asked.
const stepsAhead = 4

// Iterate implements vecindex.Index.
func (g *graph) Iterate(ctx context.Context, q *vecindex.Query) (vecindex.Iterator, error) {
	if err := errors.Join(q.Check(g.metric, g.elem, g.dim), ctx.Err()); err != nil {
		return nil, err
	}
	v := g.pin()
	it := &iterator{g: g, v: v, q: *q, f: vecindex.NewFilter(v.rows, v.nodes, q), slack: q.Params.Ef}
	if it.f.Allowed == 0 {
		v.unpin()
		return vecindex.NoRows(), nil
	}
	if it.slack == 0 {
		it.slack = defaultEf(1)
	}
	it.w = g.walkers.Get().(*walker)
	w := it.w
	w.found, w.ready, w.heap = w.found[:0], w.ready[:0], w.heap[:0]
	ahead := stepsAhead * q.K
	if q.Range != nil {
		ahead = stepsAhead * defaultEf(1) // K is then a bound of what there is
	}
	if it.f.Allowed <= vecindex.FewRows || it.slack >= it.f.Allowed || g.scanIsCheaper(v, it.f.Allowed, it.slack+ahead) {
		it.scan(q.Skip)
		return it, nil
	}
	it.t = g.query(v, w, it.q.Probe(g.elem))
	start := g.descend(v, w, &it.t, v.entry, v.top, 1, v.rows)
	w.begin(v.rows, g.m0())
	w.seen.Add(vecindex.KeyRow(start))
	w.heap.Push(start)
	if it.f.Passes(vecindex.KeyRow(start)) {
		w.found.Push(start)
	}
	return vecindex.Within(it, g.metric, q.Range), nil
}

// scan goes over to comparing the rows that are not in skip.
func (it *iterator) scan(skip []uint64) {
	q := it.q
	q.Skip = skip
	it.rest = vecindex.NewOrdered(vecindex.Rows{
		Kernels: it.g.kern, Metric: it.g.metric, Matrix: it.v.matrix, InvNorms: it.v.inv, To: it.f.Limit,
	}, &q, &it.w.scan, nil)
}

// Next implements vecindex.Iterator.
func (it *iterator) Next(ctx context.Context, n int, out []vecindex.Hit) ([]vecindex.Hit, error) {
	if it.rest == nil {
		if err := it.walk(ctx, n); err != nil {
			return out, err
		}
	}
	if it.rest != nil {
		return it.rest.Next(ctx, n, out)
	}
	return it.w.ready.Give(it.g.metric, n, out), nil
}

// walk goes on until n rows are ready to be given, or a scan is to find them.
func (it *iterator) walk(ctx context.Context, n int) error {
	g, v, w := it.g, it.v, it.w
	budget := it.f.Allowed/scanAdvantage + g.m0()
	for steps := 0; ; steps++ {
		it.settle()
		switch {
		case len(w.ready) >= n+it.slack:
			return nil
		case len(w.heap) == 0 || len(w.seen.Log) > budget:
			it.scan(it.f.Without(w.seen.Log, w.found, w.ready))
			w.found, w.ready = w.found[:0], w.ready[:0]
			return nil
		case steps%256 == 255 && ctx.Err() != nil:
			return ctx.Err()
		}
		next := w.heap.Pop()
		var ahead []uint32
		if len(w.heap) > 0 {
			ahead = g.list(v, vecindex.KeyRow(w.heap[0]), 0)
		}
		ids := w.fresh(g, v, &it.t, g.list(v, vecindex.KeyRow(next), 0), ahead, v.rows)
		g.distances(v, w, &it.t, ids, vec.WarmBytes)
		for i, id := range ids {
			key := uint64(w.dist[i])<<32 | uint64(id)
			w.heap.Push(key)
			if it.f.Passes(id) {
				w.found.Push(key)
			}
		}
	}
}

// settle makes ready those of the rows found that are nearer than all that is
// still to be expanded.
func (it *iterator) settle() {
	w := it.w
	ids := w.ids[:0]
	for len(w.found) > 0 && (len(w.heap) == 0 || w.found[0] <= w.heap[0]) {
		key := w.found.Pop()
		if it.t.coding == nil {
			w.ready.Push(key)
			continue
		}
		if it.t.exact {
			w.ready.Push(exactKey(key))
			continue
		}
		if ids = append(ids, vecindex.KeyRow(key)); len(ids) == len(w.ids) {
			it.compare(ids)
			ids = ids[:0]
		}
	}
	it.compare(ids)
}

// compare makes rows ready by their vectors.
func (it *iterator) compare(ids []uint32) {
	if len(ids) == 0 {
		return
	}
	exact := it.w.exact[:len(ids)]
	it.g.exact(it.v, &it.t, ids, exact, 0)
	for i, id := range ids {
		it.w.ready.Push(vecindex.Key(exact[i], id))
	}
}

// Bytes implements vecindex.Iterator.
func (it *iterator) Bytes() int64 {
	if it.w == nil {
		return 0
	}
	n := 8*(cap(it.w.seen.Bits)+cap(it.w.heap)+cap(it.w.found)+cap(it.w.ready)) + 4*cap(it.w.seen.Log)
	if it.rest != nil {
		n += it.f.Limit/8 + int(it.rest.Bytes())
	}
	return int64(n)
}

// Close implements vecindex.Iterator.
func (it *iterator) Close() {
	if it.w == nil {
		return
	}
	if it.rest != nil {
		it.rest.Close()
	}
	w := it.w
	for _, heap := range []*vecindex.MinHeap{&w.found, &w.ready, &w.heap} {
		heap.Keep()
	}
	it.w, it.rest = nil, vecindex.NoRows()
	it.g.walkers.Put(w)
	it.v.unpin()
}
