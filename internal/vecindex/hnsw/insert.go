package hnsw

import (
	"slices"
	"sync"
	"sync/atomic"

	"github.com/redkite-db/redkite/internal/vecindex"
)

// stripes is the number of locks that share the lists of a growing graph.
const stripes = 1 << 12

// writer is what insertions share. Lists are read without a lock; whoever
// changes a list that others can reach holds the stripe of its row.
type writer struct {
	g       *graph
	stripes [stripes]sync.Mutex

	// top orders insertions that raise the top level: only they change entry,
	// and each is alone from reading it to changing it.
	top   sync.Mutex
	entry atomic.Uint64 // level + 1 << 32 | row; 0 while the graph is empty
}

// entryPoint returns where to begin; level -1 while the graph is empty.
func (b *writer) entryPoint() (row uint32, level int) {
	e := b.entry.Load()
	return uint32(e), int(e>>32) - 1
}

// insert links one row into the graph (algorithm 1). Its lists are there, each
// full of the row's own number; v covers all rows being inserted.
func (b *writer) insert(v *view, w *walker, row uint32) {
	g := b.g
	levels := g.levels(v, row)
	entry, top := b.entryPoint()
	if levels > top {
		b.top.Lock()
		defer b.top.Unlock()
		if entry, top = b.entryPoint(); levels > top {
			defer b.entry.Store(uint64(levels+1)<<32 | uint64(row))
		}
	}
	if top < 0 {
		return
	}
	t := g.row(v, row, &w.this)
	start := g.descend(v, w, &t, entry, top, levels+1, v.rows)
	// The row's own lists come first, in all levels, and then the links to it,
	// from the bottom up: whoever reaches the row can go on from there.
	for l := min(levels, top); l >= 0; l-- {
		near := unmark(g.beam(v, w, &t, start, l, g.efc, v.rows))
		start = near[0]
		store(g.list(v, row, l), g.choose(v, w, row, near, g.m), row)
	}
	for l := 0; l <= min(levels, top); l++ {
		w.own = neighbours(w.own[:0], g.list(v, row, l), row)
		for _, id := range w.own {
			b.link(v, w, id, row, l)
		}
	}
}

// levels returns the highest level in which a row has a list.
func (g *graph) levels(v *view, row uint32) int {
	if v.first[row] == none {
		return 0
	}
	return level(g.seed, int(row), g.m)
}

// neighbours appends the neighbours in a row's list to ids.
func neighbours(ids, list []uint32, row uint32) []uint32 {
	for i := range list {
		id := atomic.LoadUint32(&list[i])
		if id == row {
			break
		}
		ids = append(ids, id)
	}
	return ids
}

// store makes ids the neighbours of a row.
func store(list, ids []uint32, row uint32) {
	for i := range list {
		id := row
		if i < len(ids) {
			id = ids[i]
		}
		atomic.StoreUint32(&list[i], id)
	}
}

// link adds neighbour to the list of row in a level. A full list is chosen
// anew from its neighbours and the new one.
func (b *writer) link(v *view, w *walker, row, neighbour uint32, l int) {
	g := b.g
	list := g.list(v, row, l)
	mu := &b.stripes[row%stripes]
	mu.Lock()
	defer mu.Unlock()
	n := 0
	for n < len(list) && atomic.LoadUint32(&list[n]) != row {
		n++
	}
	if n < len(list) {
		atomic.StoreUint32(&list[n], neighbour)
		return
	}
	near := g.byDistance(v, w, row, append(w.copyList(list, v.rows), neighbour))
	store(list, g.choose(v, w, row, near, len(list)), row)
}

// byDistance returns the keys of ids, for which w has room, in the order of their
// distance from a row.
func (g *graph) byDistance(v *view, w *walker, row uint32, ids []uint32) []uint64 {
	t := g.row(v, row, &w.other)
	g.distances(v, w, &t, ids, 0)
	w.cands = w.cands[:0]
	for i, id := range ids {
		w.cands = append(w.cands, uint64(w.dist[i])<<32|uint64(id))
	}
	slices.Sort(w.cands)
	return w.cands
}

// group is how many chosen rows one kernel call of choose compares.
const group = 8

// choose picks up to m neighbours for a row out of candidates, keys in
// ascending order, by the heuristic of algorithm 4: a candidate is taken if it
// is nearer to the row than to each one taken before, so that the neighbours
// lie in different directions. Copies of the row, all of which would pass, fill
// no more than half of the list: the rest leads away from them.
func (g *graph) choose(v *view, w *walker, row uint32, candidates []uint64, m int) []uint32 {
	w.chosen = w.chosen[:0]
	return g.chooseMore(v, w, row, candidates, m)
}

// chooseMore is choose with those that are chosen already.
func (g *graph) chooseMore(v *view, w *walker, row uint32, candidates []uint64, m int) []uint32 {
	self := w.self(g, v, row)
	copies := 0
	for _, key := range candidates {
		if len(w.chosen) == m {
			break
		}
		id := vecindex.KeyRow(key)
		dist := uint32(key >> 32)
		if dist == self {
			if copies++; copies > (m+1)/2 {
				continue
			}
		}
		if g.apart(v, w, id, dist) {
			w.chosen = append(w.chosen, id)
		}
	}
	return w.chosen
}

// self returns the distance of a row to itself.
func (w *walker) self(g *graph, v *view, row uint32) uint32 {
	t := g.row(v, row, &w.other)
	w.ids[0] = row
	g.distances(v, w, &t, w.ids[:1], 0)
	return w.dist[0]
}

// apart reports whether no chosen row is nearer to row id than dist.
func (g *graph) apart(v *view, w *walker, id, dist uint32) bool {
	t := g.row(v, id, &w.other)
	for from := 0; from < len(w.chosen); from += group {
		near := w.chosen[from:min(from+group, len(w.chosen))]
		g.distances(v, w, &t, near, noPrefetch)
		for _, d := range w.dist[:len(near)] {
			if d < dist {
				return false
			}
		}
	}
	return true
}
