package hnsw

import (
	"context"
	"errors"
	"sync/atomic"

	"github.com/redkite-db/redkite/internal/vecindex"
)

// maxLevel bounds the levels; 2^31 nodes with M 2 need 31.
const maxLevel = 40

// none marks a row without lists above level 0.
const none = ^uint32(0)

// graph is the part that a built, a growing and an opened index share: what a
// search needs. It implements vecindex.Index except for WriteTo and Close.
type graph struct {
	*env
	params
	metric vecindex.Metric
	dim    int
	seed   uint64

	view atomic.Pointer[view] // what searches see; never nil
}

// view is one state of a graph: its slices cover whole rows and do not move;
// of their content only neighbours change, by atomic stores.
type view struct {
	rows    int       // with complete lists
	nodes   int       // rows that have a vector; no list names another one
	entry   uint32    // where searches begin: a node, if there are any, else 0
	top     int       // level of entry
	vectors []float32 // row-major, dim a row
	inv     []float32 // Cosine: inverse norm of each row; else empty
	lift    []float32 // IP, while the graph grows: see target; else empty
	links   []uint32  // level 0: m0 neighbours a row
	first   []uint32  // for each row the number of its first list in upper, or none
	upper   []uint32  // lists of m neighbours: a row's levels 1, 2, ... follow each other
}

// list returns the neighbours of a row in a level; none for a level that the
// row does not reach by the bounds of upper, which a damaged file may fake.
func (g *graph) list(v *view, row uint32, level int) []uint32 {
	if level == 0 {
		at := int(row) * g.m0()
		return v.links[at : at+g.m0() : at+g.m0()]
	}
	at := (int(v.first[row]) + level - 1) * g.m
	if v.first[row] == none || at+g.m > len(v.upper) {
		return nil
	}
	return v.upper[at : at+g.m : at+g.m]
}

// target is what distances are measured from: a query or a row.
type target struct {
	vector []float32
	scale  float32 // Cosine: what makes vector a unit vector, 1 if it is one
	// The inner product is no distance: a row is not the nearest to itself, and a
	// graph by it leads to long vectors alone. Between rows it is therefore that
	// of vectors with one more element, which brings all to one length; a query
	// has 0 there, so that its order of rows is the same (Y. Bachrach et al.,
	// "Speeding up the Xbox recommender system", RecSys 2014, section 3).
	lift float32
}

// row makes a target of a row.
func (g *graph) row(v *view, row uint32) target {
	at := int(row) * g.dim
	t := target{vector: v.vectors[at : at+g.dim], scale: 1}
	switch g.metric {
	case vecindex.Cosine:
		t.scale = v.inv[row]
	case vecindex.IP:
		t.lift = v.lift[row]
	}
	return t
}

// distances sets out[i] to the distance (see vecindex.Key) of t and row ids[i].
// For a query these are the bits that the exact scan computes. The first warm
// bytes of the rows are on their way to the cache.
func (g *graph) distances(v *view, t target, ids []uint32, out []float32, warm int) {
	out = out[:len(ids)]
	switch g.metric {
	case vecindex.L2:
		g.kern.L2IDs(t.vector, v.vectors, ids, out, warm)
	case vecindex.IP:
		g.kern.IPIDs(t.vector, v.vectors, ids, out, warm)
		for i, d := range out {
			out[i] = 0 - d
		}
		if t.lift != 0 {
			for i, id := range ids {
				out[i] -= t.lift * v.lift[id]
			}
		}
	default:
		g.kern.IPIDs(t.vector, v.vectors, ids, out, warm)
		for i, id := range ids {
			out[i] = 0 - out[i]*v.inv[id]*t.scale
		}
	}
}

func (g *graph) Rows() int { return g.view.Load().rows }

func (g *graph) Bytes() int64 {
	v := g.view.Load()
	return 4 * int64(len(v.links)+len(v.first)+len(v.upper)+len(v.inv)+len(v.lift))
}

// Search implements vecindex.Index: a walk of the graph, or an exact scan where
// that is cheaper or the walk found too little.
func (g *graph) Search(ctx context.Context, q *vecindex.Query, out []vecindex.Hit) ([]vecindex.Hit, error) {
	if err := errors.Join(vecindex.CheckQuery(q, g.dim), ctx.Err()); err != nil {
		return out, err
	}
	v := g.view.Load()
	w := g.walkers.Get().(*walker)
	defer g.walkers.Put(w)
	f := newFilter(v, q)
	if f.allowed == 0 {
		return out, nil
	}
	want := min(q.K, f.allowed)
	ef := q.Params.Ef
	if ef == 0 {
		ef = defaultEf(q.K)
	}
	ef = min(max(ef, q.K), f.allowed)
	if f.all && !g.scanIsCheaper(v, f.allowed, ef) {
		if keys := g.nearest(v, w, w.query(g, q.Vector), ef); len(keys) >= want {
			return vecindex.AppendHits(g.metric, keys[:want], out), nil
		}
	} else if !f.all {
		done, err := g.filtered(ctx, v, w, w.query(g, q.Vector), &f, ef)
		if err != nil {
			return out, err
		}
		if done && w.best.Len() >= want {
			at := len(out)
			return w.best.Hits(g.metric, out)[:at+want], nil
		}
	}
	w.scan.Start(g.kern, g.metric, q.Vector, want)
	if err := w.scan.Rows(ctx, v.vectors, v.inv, 0, f.limit, q.Skip); err != nil {
		return out, err
	}
	return w.scan.Top.Hits(g.metric, out), nil
}
