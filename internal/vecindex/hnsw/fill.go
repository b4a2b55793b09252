package hnsw

import (
	"context"
	"slices"
	"sync/atomic"

	"github.com/redkite-db/redkite/internal/vec"
	"github.com/redkite-db/redkite/internal/vecindex"
)

// fillReach is how many rows are looked at, for each place of a list, to fill it:
// with all that the neighbours lead to, half as many again, lists are no better.
const fillReach = 6

// fillLists puts rows into the free places of the lists of level 0, which the rule
// of choose leaves a third of: a walk reads the whole list anyway, and gets on
// faster with more neighbours. They are the nearest of the neighbours'
// neighbours, as NN-Descent looks for neighbours (W. Dong et al., WWW 2011).
//
// A list keeps the row's own number behind the chosen neighbours and has the
// others behind that: what reads neighbours ends there and does not see them. So
// a list is filled by what was chosen alone, in whatever order lists are, and an
// extension takes over what was chosen and no more.
func (x *live) fillLists(ctx context.Context, rows, threads int) error {
	v := x.view.Load()
	each(ctx, rows, threads, func() func(row int) {
		f := &filler{g: &x.graph, v: v, w: new(walker)}
		return func(row int) { f.fill(uint32(row)) }
	})
	return ctx.Err()
}

// filler is what one goroutine needs to fill lists.
type filler struct {
	g *graph
	v *view
	w *walker
}

// fill fills the free places of a row's list. A place is written by none but
// this call and read by none meanwhile.
func (f *filler) fill(row uint32) {
	list := f.g.list(f.v, row, 0)
	chosen := f.chosen(row)
	if len(chosen) == 0 || len(chosen)+1 >= len(list) {
		return
	}
	free := list[len(chosen)+1:]
	for i, key := range f.nearest(row, chosen, len(free)) {
		atomic.StoreUint32(&free[i], vecindex.KeyRow(key))
	}
}

// chosen returns the chosen neighbours of a row, a part of its list.
func (f *filler) chosen(row uint32) []uint32 {
	list := f.g.list(f.v, row, 0)
	if n := slices.Index(list, row); n >= 0 {
		return list[:n]
	}
	return list
}

// nearest returns the keys of up to n of the neighbours' neighbours, ascending.
// Copies of the row are not among them: as many as there may be were chosen.
func (f *filler) nearest(row uint32, chosen []uint32, n int) []uint64 {
	g, v, w := f.g, f.v, f.w
	w.begin(v.rows, g.m0())
	self := w.self(g, v, row)
	t := g.row(v, row, &w.this)
	w.seen.Add(row)
	for _, id := range chosen {
		w.seen.Add(id)
	}
	w.pool.Reset(n)
	for i, id := range chosen {
		var ahead []uint32
		if i+1 < len(chosen) {
			ahead = g.list(v, chosen[i+1], 0)
		}
		ids := w.fresh(g, v, &t, f.chosen(id), ahead, v.rows)
		g.distances(v, w, &t, ids, vec.WarmBytes)
		g.kern.Offer(&w.pool, w.others(ids, self), w.dist, nil, 0)
		if len(w.seen.Log) >= fillReach*g.m0() {
			break
		}
	}
	return unmark(w.pool.Keys())
}

// others returns ids, whose distances are in w.dist, without rows at distance
// self, and takes these out of w.dist too.
func (w *walker) others(ids []uint32, self uint32) []uint32 {
	n := 0
	for i, id := range ids {
		if w.dist[i] != self {
			w.ids[n], w.dist[n] = id, w.dist[i]
			n++
		}
	}
	return w.ids[:n]
}
