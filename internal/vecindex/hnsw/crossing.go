package hnsw

import (
	"context"
	"math"
	"slices"

	"github.com/redkite-db/redkite/internal/vec"
	"github.com/redkite-db/redkite/internal/vecindex"
)

// crossing is the walk of a filtered search: through rows of every kind, to those
// that pass. It is algorithm 2 of the paper with its two queues, of which that of
// the results, w.hits, has rows that pass alone. The last of these, when they are as
// many as the walk looks for, is the bound of the candidates, w.pool, of which there
// may be any number: where the rows near the query do not pass, hundreds of them
// are in the way.
type crossing struct {
	s     *sieve
	bound uint32 // what a row's distance may be
	cur   int    // all candidates before this one are expanded
	rim   bool   // fewer of the rows near the query pass than of all
}

// Where the rows near a query are those that do not pass, the hits are all at the
// rim of what is walked through, of which a walk misses more than of the middle. It
// then looks for more than ef rows.
const (
	rimAt  = 1.5  // rows to be expanded, by those that the share of all rows says
	beyond = 1.25 // rows looked for, by ef
)

// A walk expands the next few candidates at a time: where there are many, their
// lists hold few rows that are new, which the kernels then have together, and in
// which order so many are expanded makes little difference.
const (
	perList  = 12 // candidates for each one more at a time
	maxLists = 12
)

// aim is how many rows that pass the walk looks for.
func (x *crossing) aim() int {
	n := x.s.ef
	if x.rim {
		n = int(beyond * float64(n))
	}
	return min(n, x.s.f.Allowed)
}

// need returns how many rows are to be expanded, in all, when found of the n
// nearest to the query pass.
func (x *crossing) need(n, found int) float64 {
	rows := x.s.estimate(n, found)
	x.rim = x.rim || rows > rimAt*x.s.estimate(0, 0)
	return rows
}

// walk goes through level 0 from the row of key start and leaves in w.hits the
// nearest rows that pass. It returns false if it ended early, as to go on would have
// been more work than limit expansions.
func (x *crossing) walk(ctx context.Context, start uint64, limit float64) (bool, error) {
	s, w := x.s, x.s.w
	w.begin(s.v.rows, maxLists*s.g.m0())
	w.seen.Add(vecindex.KeyRow(start))
	w.pool.Reset(1)
	w.hits.Reset(x.aim())
	w.ids[0], w.dist[0] = vecindex.KeyRow(start), uint32(start>>32)
	x.bound = math.MaxUint32
	x.take(w.ids[:1])
	check := s.ef
	for ids, steps := x.expand(1), 0; ids != nil; steps++ {
		if steps%256 == 255 && ctx.Err() != nil {
			return false, ctx.Err()
		}
		// Ahead of the distances: the rows that come next are on their way then.
		next := x.expand(min(1+len(w.pool.Keys())/perList, maxLists))
		s.g.distances(s.v, w, &s.t, ids, vec.WarmBytes)
		x.take(ids)
		if keys := w.pool.Keys(); x.cur >= check && x.cur < len(keys) {
			found, _ := slices.BinarySearch(w.hits.Keys(), keys[x.cur]&^1)
			if x.need(x.cur, found) > limit {
				return false, nil
			}
			if w.hits.Grow(x.aim()); len(w.hits.Keys()) < x.aim() {
				x.bound = math.MaxUint32 // the walk looks for more now
			}
			check = 2 * x.cur
		}
		if ids = next; ids == nil {
			ids = x.expand(1)
		}
	}
	return true, nil
}

// take makes candidates, and hits if they pass, of those of the rows ids, whose
// distances are in w.dist, that are within the bound, which it lowers.
func (x *crossing) take(ids []uint32) {
	s, w := x.s, x.s.w
	n := s.g.kern.AtMost(ids, w.dist, x.bound, w.ids, w.dist)
	if n == 0 {
		return
	}
	w.pool.Grow(len(w.pool.Keys()) + n)
	x.cur = min(x.cur, s.g.kern.Offer(&w.pool, w.ids[:n], w.dist, s.v.links, s.g.m0()))
	pass := 0
	for i, id := range w.ids[:n] {
		w.ids[pass], w.dist[pass] = id, w.dist[i]
		if s.f.Passes(id) {
			pass++
		}
	}
	s.g.kern.Offer(&w.hits, w.ids[:pass], w.dist, nil, 0)
	if keys := w.hits.Keys(); len(keys) == x.aim() {
		last := keys[len(keys)-1]
		x.bound = uint32(last >> 32)
		w.pool.Trim(last) // of those as far as the last hit, which may be all rows, those behind it too
	}
}

// expand marks the next n candidates as expanded and returns those of their
// neighbours that were not seen, together; nil if all are expanded.
func (x *crossing) expand(n int) []uint32 {
	g, v, w := x.s.g, x.s.v, x.s.w
	rows, stride := g.compared(v, &x.s.t)
	m0, at, keys := g.m0(), len(w.seen.Log), w.pool.Keys()
	done := 0
	for ; x.cur < len(keys) && done < n; x.cur++ {
		key := keys[x.cur]
		if key&1 != 0 {
			continue
		}
		keys[x.cur] = key | 1
		var ahead []uint32
		if x.cur+1 < len(keys) {
			ahead = v.links[int(uint32(keys[x.cur+1])>>1)*m0:]
		}
		list := v.links[int(uint32(key)>>1)*m0:]
		w.seen.Fresh(g.kern, list[:m0], v.rows, rows, stride, ahead)
		done++
	}
	if done == 0 {
		return nil
	}
	return w.seen.Log[at:]
}
