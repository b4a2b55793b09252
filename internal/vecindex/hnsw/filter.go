package hnsw

import (
	"context"

	"github.com/redkite-db/redkite/internal/vec"
	"github.com/redkite-db/redkite/internal/vecindex"
)

// A walk that looks for ef rows, of which a share s = allowed / nodes passes,
// expands about ef / s nodes, each of which brings about M rows to compare.
// That is random access: a scan compares about two rows in the time.
const scanAdvantage = 2

// scanIsCheaper reports whether comparing all allowed rows costs less than a
// walk is expected to.
func (g *graph) scanIsCheaper(v *view, allowed, ef int) bool {
	walk := float64(ef) * float64(v.nodes) / float64(allowed) * float64(g.m)
	return float64(allowed) <= scanAdvantage*walk
}

// Where the rows near a query are just those that do not pass, the hits lie
// around these in all directions, and a walk that is content with the first ef
// of them misses some. It shows: of the rows compared, a smaller share passed
// than of all rows. If it is smaller than by the factor correlated, the walk is
// done again with an ef that makes it about twice as long, 1/widen of the rows
// that were compared.
const (
	correlated = 0.8
	widen      = 4
)

// filtered looks for the ef nearest rows that pass f and leaves them in w.best.
// It reports false when an exact scan of the allowed rows is the better way.
func (g *graph) filtered(ctx context.Context, v *view, w *walker, t *target, f *vecindex.Filter, ef int) (bool, error) {
	if g.scanIsCheaper(v, f.Allowed, ef) {
		return false, nil
	}
	start := g.descend(v, w, t, v.entry, v.top, 1, v.rows)
	passed, err := g.passing(ctx, v, w, t, f, start, ef)
	if err != nil || passed < 0 {
		return false, err
	}
	compared := len(w.log)
	share := float64(f.Allowed) / float64(v.nodes)
	if wide := compared / widen; float64(passed) < correlated*share*float64(compared) && wide > ef {
		passed, err = g.passing(ctx, v, w, t, f, start, wide)
	}
	return passed >= 0, err
}

// passing walks level 0 from start through rows of every kind and keeps in
// w.best the ef nearest that pass f. It returns how many of the compared rows,
// those in w.log, passed; or -1 when it gave up, because it had compared so
// many that a scan of the allowed ones is cheaper than to go on.
func (g *graph) passing(ctx context.Context, v *view, w *walker, t *target, f *vecindex.Filter, start uint64, ef int) (int, error) {
	w.begin(v.rows, g.m0())
	w.see(vecindex.KeyRow(start))
	w.heap = append(w.heap[:0], start)
	w.best.Reset(ef)
	passed := 0
	if f.Passes(vecindex.KeyRow(start)) {
		w.best.Offer(start)
		passed++
	}
	budget := f.Allowed/scanAdvantage + g.m0()
	for steps := 1; len(w.heap) > 0; steps++ {
		if steps%256 == 0 && ctx.Err() != nil {
			return -1, ctx.Err()
		}
		next := w.heap.Pop()
		if next > w.best.Bound() {
			break
		}
		var ahead []uint32
		if len(w.heap) > 0 {
			ahead = g.list(v, vecindex.KeyRow(w.heap[0]), 0)
		}
		ids := w.fresh(g, v, g.list(v, vecindex.KeyRow(next), 0), ahead, v.rows)
		g.distances(v, w, t, ids, vec.WarmBytes)
		for i, id := range ids {
			pass := f.Passes(id)
			if pass {
				passed++
			}
			key := uint64(w.dist[i])<<32 | uint64(id)
			if key > w.best.Bound() {
				continue
			}
			w.heap.Push(key)
			if pass {
				w.best.Offer(key)
			}
		}
		if len(w.log) > budget {
			return -1, nil
		}
	}
	return passed, nil
}
