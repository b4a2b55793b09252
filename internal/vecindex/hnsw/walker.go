package hnsw

import (
	"sync/atomic"

	"github.com/redkite-db/redkite/internal/vec"
	"github.com/redkite-db/redkite/internal/vecindex"
)

// walker is the memory of one search or insertion, pooled, for one goroutine
// at a time. Once it has served a few, it allocates nothing.
type walker struct {
	seen vecindex.Seen // the rows that the walk has met

	pool vec.Pool         // the walk's candidates: see beam
	hits vec.Pool         // of a crossing: the nearest rows that pass
	heap vecindex.MinHeap // iterators: candidates not expanded yet
	best vecindex.TopK    // the probes of a build
	scan vecindex.Scan

	// Of iterators: rows that may be returned and were not yet.
	found vecindex.MinHeap // in the graph's space
	ready vecindex.MinHeap // those that nothing nearer is expected before, by exact distance

	unit  []float32 // a COSINE query as a unit vector
	code  []byte    // the codes of the query
	ids   []uint32  // a copy of one list, or rows of some
	dist  []uint32  // distances of as many
	exact []float32 // the same, of vectors

	tables []float32 // of a query, for product codes

	// Of scans: the rows that may be among the nearest, and their distances.
	heldIDs, heldDist []uint32

	// Of insertions.
	own    []uint32 // the new row's neighbours in one level
	cands  []uint64 // the candidates of a full list
	chosen []uint32 // what choose has taken so far
	this   place    // of the row inserted
	other  place    // of another row
}

// begin forgets what the last walk saw and makes room for rows below limit,
// and for lists of up to n.
func (w *walker) begin(limit, n int) {
	w.seen.Begin(limit)
	w.room(n + vec.BeamRoom)
}

// room makes ids, dist and exact long enough for n rows.
func (w *walker) room(n int) {
	if len(w.ids) < n {
		w.ids, w.dist, w.exact = make([]uint32, n), make([]uint32, n), make([]float32, n)
	}
}

// fresh returns those rows of a list that the walk has not seen yet and that
// are below limit, and marks them as seen. ahead is the list it will likely be
// called with next, or nil. The slice is valid until the next call.
func (w *walker) fresh(g *graph, v *view, t *target, list, ahead []uint32, limit int) []uint32 {
	rows, stride := g.compared(v, t)
	return w.seen.Fresh(g.kern, list, limit, rows, stride, ahead)
}

// copyList loads a list that others may be storing to, without rows from limit
// on.
func (w *walker) copyList(list []uint32, limit int) []uint32 {
	ids := w.ids[:0]
	for i := range list {
		if id := atomic.LoadUint32(&list[i]); int64(id) < int64(limit) {
			ids = append(ids, id)
		}
	}
	return ids
}

// descend walks greedily (algorithm 2 with ef 1) from row entry through the
// levels from, from-1, ..., to, and returns the nearest row it met as a key: the
// distance above the row, 32 bits each.
func (g *graph) descend(v *view, w *walker, t *target, entry uint32, from, to, limit int) uint64 {
	w.begin(limit, g.m0())
	w.ids[0] = entry
	g.distances(v, w, t, w.ids[:1], 0)
	best := uint64(w.dist[0])<<32 | uint64(entry)
	for level := from; level >= to; level-- {
		for moved := true; moved; {
			moved = false
			ids := w.copyList(g.list(v, vecindex.KeyRow(best), level), limit)
			g.distances(v, w, t, ids, 0)
			for i, id := range ids {
				if key := uint64(w.dist[i])<<32 | uint64(id); key < best {
					best, moved = key, true
				}
			}
		}
	}
	return best
}

// beam searches one level (algorithm 2) from the row of key start and leaves
// the up to ef nearest rows in w.pool, which it returns.
//
// The pool is one sorted array of 64-bit numbers, from the high end: the
// distance in 32 bits, the row in 31 bits, and a bit that says that the
// row was expanded. It serves as both queues of the paper: the next row to
// expand is the first without the bit, the worst result is the last, and the
// walk ends when every row in it is expanded. In level 0 by bytes it is vec.Beam's.
func (g *graph) beam(v *view, w *walker, t *target, start uint64, level, ef, limit int) []uint64 {
	w.begin(limit, g.m0())
	row := vecindex.KeyRow(start)
	w.seen.Add(row)
	lists, stride := v.links, g.m0()
	if level > 0 {
		lists, stride = nil, 0 // not where a row's number says
	}
	w.pool.Reset(ef)
	w.ids[0], w.dist[0] = row, uint32(start>>32)
	cur := g.kern.Offer(&w.pool, w.ids[:1], w.dist, lists, stride)
	if _, ok := t.coding.(*octets); ok && level == 0 && t.lift == 0 {
		b := vec.Beam{
			Pool: &w.pool, Lists: lists, Degree: stride, Rows: limit, Visited: w.seen.Bits,
			Codes: v.codes, Query: t.code, Base: t.base, IP: g.metric != vecindex.L2, Dist: w.dist,
		}
		w.seen.Log = g.kern.Beam(&b, w.seen.Log)
		return w.pool.Keys()
	}
	for ids := w.expand(g, v, t, &cur, level, limit); ids != nil; {
		// Ahead of the distances: the rows that come next are on their way then.
		next := w.expand(g, v, t, &cur, level, limit)
		g.distances(v, w, t, ids, vec.WarmBytes)
		cur = min(cur, g.kern.Offer(&w.pool, ids, w.dist, lists, stride))
		if ids = next; ids == nil {
			ids = w.expand(g, v, t, &cur, level, limit)
		}
	}
	return w.pool.Keys()
}

// expand marks the first row of the pool at or behind cur that is not expanded
// and returns those of its neighbours that were not seen; nil if all are
// expanded. It moves cur there.
func (w *walker) expand(g *graph, v *view, t *target, cur *int, level, limit int) []uint32 {
	at, pool := *cur, w.pool.Keys()
	for at < len(pool) && pool[at]&1 != 0 {
		at++
	}
	*cur = at
	if at >= len(pool) {
		return nil
	}
	pool[at] |= 1
	var ahead []uint32
	if at+1 < len(pool) {
		ahead = g.list(v, uint32(pool[at+1])>>1, level)
	}
	return w.fresh(g, v, t, g.list(v, uint32(pool[at])>>1, level), ahead, limit)
}

// nearest finds the ef rows nearest to t (algorithm 5) and returns their keys
// in the graph's space, ascending.
func (g *graph) nearest(v *view, w *walker, t *target, ef int) []uint64 {
	start := g.descend(v, w, t, v.entry, v.top, 1, v.rows)
	return unmark(g.beam(v, w, t, start, 0, ef, v.rows))
}

// unmark makes keys of vecindex, with the row below the distance, of the keys of
// a pool, in their place.
func unmark(keys []uint64) []uint64 {
	for i, key := range keys {
		keys[i] = key&^0xffffffff | uint64(uint32(key)>>1)
	}
	return keys
}
