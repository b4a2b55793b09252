package ivf

import (
	"context"
	"errors"

	"github.com/redkite-db/redkite/internal/vecindex"
)

// iterator reads lists in their order (see reach) and compares all their
// rows by their vectors. It gives a row when as many lists were read as the
// client wants probed, and readAhead times as many rows as it has given. With
// half of the lists read, to compare the other rows too is the simplest.
type iterator struct {
	x     *index
	s     *scratch
	f     vecindex.Filter
	q     vecindex.Query
	probe int
	read  int               // lists
	found int               // rows of these that pass
	given int               // rows of found
	rest  vecindex.Iterator // what was not given; nil while lists are read
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
	it := &iterator{x: x, q: *q, f: vecindex.NewFilter(x.src.Rows(), x.nodes, q), probe: q.Params.NProbe}
	if it.f.Allowed == 0 {
		return vecindex.NoRows(), nil
	}
	if it.probe == 0 {
		it.probe = defaultProbe
	}
	it.s = x.scratches.Get().(*scratch)
	it.s.ready = it.s.ready[:0]
	ahead := stepsAhead * q.K
	if q.Range != nil {
		ahead = 1 // K is then a bound of what there is
	}
	if it.f.Allowed <= vecindex.FewRows || 2*it.probe >= x.lists || x.scanIsCheaper(&it.f, it.probe, min(ahead, it.f.Allowed)) {
		it.scan(q.Skip)
		return it, nil
	}
	x.take(it.s, it.q.Vector)
	x.distances(it.s)
	x.first(it.s, nil, x.lists)
	return vecindex.Within(it, x.metric, q.Range), nil
}

// scan goes over to comparing the rows that are not in skip.
func (it *iterator) scan(skip []uint64) {
	q := it.q
	q.Skip = skip
	it.rest = vecindex.NewOrdered(vecindex.Rows{
		Kernels: it.x.kern, Metric: it.x.metric, Matrix: it.x.rows, InvNorms: it.x.inv, To: it.f.Limit,
	}, &q, &it.s.scan, nil)
}

// skip returns the rows to skip and those that were given.
func (it *iterator) skip() []uint64 {
	skip := make([]uint64, (it.f.Limit+63)/64)
	copy(skip, it.q.Skip)
	for _, list := range it.s.lists[:it.read] {
		for _, row := range it.x.list(int(list.Row)) {
			if it.f.Passes(row) {
				skip[row/64] |= 1 << (row % 64)
			}
		}
	}
	for _, key := range it.s.ready {
		row := vecindex.KeyRow(key)
		skip[row/64] &^= 1 << (row % 64)
	}
	return skip
}

// Next implements vecindex.Iterator.
func (it *iterator) Next(ctx context.Context, n int, out []vecindex.Hit) ([]vecindex.Hit, error) {
	for it.rest == nil && (it.read < it.probe || it.found < readAhead*(it.given+n)) {
		if err := ctx.Err(); err != nil {
			return out, err
		}
		if 2*it.read >= it.x.lists {
			it.scan(it.skip())
			it.s.ready = it.s.ready[:0]
			break
		}
		it.found += it.s.passing(&it.f, it.x.list(int(it.s.lists[it.read].Row)), it.compare)
		it.read++
	}
	if it.rest != nil {
		return it.rest.Next(ctx, n, out)
	}
	it.given += n
	return it.s.ready.Give(it.x.metric, n, out), nil // readAhead says that they are there
}

func (it *iterator) compare(ids []uint32) {
	for i, d := range it.x.exact(it.s, ids) {
		it.s.ready.Push(vecindex.Key(d, ids[i]))
	}
}

// Bytes implements vecindex.Iterator.
func (it *iterator) Bytes() int64 {
	if it.s == nil {
		return 0
	}
	n := 4*cap(it.s.coarse) + 8*(cap(it.s.lists)+cap(it.s.keys)+cap(it.s.ready))
	if it.rest != nil {
		n += it.f.Limit/8 + int(it.rest.Bytes())
	}
	return int64(n)
}

// Close implements vecindex.Iterator.
func (it *iterator) Close() {
	if it.s == nil {
		return
	}
	if it.rest != nil {
		it.rest.Close()
	}
	s := it.s
	s.query = nil
	s.ready.Keep()
	it.s, it.rest = nil, vecindex.NoRows()
	it.x.scratches.Put(s)
}
