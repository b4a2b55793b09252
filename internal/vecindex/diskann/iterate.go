package diskann

import (
	"context"
	"errors"
	"fmt"

	"github.com/redkite-db/redkite/internal/vecindex"
)

// iterator walks on and on: it reads the nearest nodes by codes whose lists are
// not read yet, compares them by their vectors, which come with the lists, and
// gives the nearest row of those read when slack more were read that pass, which
// is what a search with a list of slack asks of its hits. When it has read so many
// nodes that comparing all rows would have been as cheap, or the graph leads to
// no more, it does that.
type iterator struct {
	x     *index
	w     *walker
	f     vecindex.Filter
	q     vecindex.Query
	slack int
	beam  int
	read  int               // nodes
	given []uint32          // rows
	rest  vecindex.Iterator // what was not given; nil while the walk goes on
}

const (
	// rowsPerRead is how many vectors that lie one behind the other are compared
	// in the time of reading one node.
	rowsPerRead = 32
	stepsAhead  = 4 // for how many batches an iterator is expected to be asked
)

// Iterate implements vecindex.Index.
func (x *index) Iterate(ctx context.Context, q *vecindex.Query) (vecindex.Iterator, error) {
	if err := errors.Join(vecindex.CheckQuery(q, x.dim), ctx.Err()); err != nil {
		return nil, err
	}
	it := &iterator{x: x, q: *q, f: vecindex.NewFilter(x.src.Rows(), x.nodes, q), slack: q.Params.List, beam: q.Params.Beam}
	if it.f.Allowed == 0 {
		return vecindex.NoRows(), nil
	}
	if it.slack == 0 {
		it.slack = defaultSearchList
	}
	if it.beam == 0 {
		it.beam = defaultBeam
	}
	it.beam = min(it.beam, maxBeam)
	it.w = x.walkers.Get().(*walker)
	it.w.ready, it.w.heap = it.w.ready[:0], it.w.heap[:0]
	ahead := stepsAhead * q.K
	if q.Range != nil {
		ahead = 1 // K is then a bound of what there is
	}
	if it.f.Allowed <= vecindex.FewRows || it.slack+ahead > it.budget() {
		it.scan()
		return it, nil
	}
	x.ask(it.w, it.q.Vector)
	it.w.begin(x.nodes, x.degree+1)
	it.meet(x.fresh(it.w, []uint32{0}))
	return vecindex.Within(it, x.metric, q.Range), nil
}

// budget is how many nodes, of those that pass, are read before a scan takes
// over: a node is read for each of all, so that it is fewer the fewer pass.
func (it *iterator) budget() int {
	return int(int64(it.f.Allowed) * int64(it.f.Allowed) / int64(it.x.nodes) / rowsPerRead)
}

// scan goes over to comparing the rows that were not given.
func (it *iterator) scan() {
	q := it.q
	if len(it.given) > 0 {
		q.Skip = it.f.Without(it.given)
	}
	it.w.ready, it.w.heap, it.given = it.w.ready[:0], it.w.heap[:0], nil
	it.rest = vecindex.NewOrdered(vecindex.Rows{
		Kernels: it.x.kern, Metric: it.x.metric, Matrix: it.x.src.Matrix(), To: it.f.Limit,
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
	from := len(out)
	out = it.w.ready.Give(it.x.metric, n, out)
	for _, h := range out[from:] {
		it.given = append(it.given, h.Row)
	}
	return out, nil
}

// walk goes on until n rows may be given, or a scan is to find them.
func (it *iterator) walk(ctx context.Context, n int) error {
	x, w := it.x, it.w
	most := it.f.Allowed / rowsPerRead
	for len(w.ready) < n+it.slack {
		if err := ctx.Err(); err != nil {
			return err
		}
		if len(w.heap) == 0 || it.read > most || len(it.given)+n+it.slack > it.budget() {
			it.scan()
			return nil
		}
		w.beam = w.beam[:0]
		for len(w.heap) > 0 && len(w.beam) < it.beam {
			w.beam = append(w.beam, vecindex.KeyRow(w.heap.Pop()))
		}
		if err := x.store.fetch(w, w.beam); err != nil {
			return fmt.Errorf("DISKANN: %w", err)
		}
		it.read += len(w.beam)
		for i, node := range w.beam {
			if it.f.Passes(x.rows[node]) {
				w.ready.Push(x.key(w, node, w.vectors[i]))
			}
			it.meet(x.fresh(w, w.lists[i]))
		}
	}
	return nil
}

// meet adds nodes to those whose lists are to be read.
func (it *iterator) meet(nodes []uint32) {
	it.x.compare(it.w, nodes)
	for i, node := range nodes {
		it.w.heap.Push(uint64(it.w.dist[i])<<32 | uint64(node))
	}
}

// Bytes implements vecindex.Iterator.
func (it *iterator) Bytes() int64 {
	if it.w == nil {
		return 0
	}
	n := 8*(cap(it.w.seen.Bits)+cap(it.w.heap)+cap(it.w.ready)) + 4*(cap(it.w.seen.Log)+cap(it.given))
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
	w.query = nil // the caller's
	w.ready.Keep()
	w.heap.Keep()
	it.w, it.given, it.rest = nil, nil, vecindex.NoRows()
	it.x.walkers.Put(w)
}
