package hnsw

import (
	"context"
	"errors"
	"sync/atomic"

	"github.com/redkite-db/redkite/internal/vec"
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
	elem   vecindex.Element
	dim    int
	seed   uint64

	view atomic.Pointer[view] // what searches see; never nil
}

// view is one state of a graph: its slices cover whole rows and do not move;
// of their content only neighbours change, by atomic stores.
type view struct {
	rows   int    // with complete lists
	nodes  int    // rows that have a vector; no list names another one
	entry  uint32 // where searches begin: a node, if there are any, else 0
	top    int    // level of entry
	matrix vec.Matrix
	inv    []float32 // Cosine: inverse norm of each row; else empty
	lift   []float32 // IP, while the graph grows: see target; else empty
	coding coding    // nil: the graph is walked on vectors
	codes  []byte    // coding.stride() a row, if there is a coding; else empty
	lease  *lease    // of codes that others may take the place of, see pin; else nil
	links  []uint32  // level 0: m0 neighbours a row
	first  []uint32  // for each row the number of its first list in upper, or none
	upper  []uint32  // lists of m neighbours: a row's levels 1, 2, ... follow each other
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

func (g *graph) Rows() int { return g.view.Load().rows }

func (g *graph) Bytes() int64 {
	v := g.view.Load()
	n := 4*int64(len(v.links)+len(v.first)+len(v.upper)+len(v.inv)+len(v.lift)) + int64(len(v.codes))
	if v.coding != nil {
		n += 4 * int64(len(v.coding.book()))
	}
	return n
}

// Search implements vecindex.Index: a walk of the graph, or an exact scan where
// that is cheaper or the walk found too little.
func (g *graph) Search(ctx context.Context, q *vecindex.Query, out []vecindex.Hit) ([]vecindex.Hit, error) {
	if err := errors.Join(q.Check(g.metric, g.elem, g.dim), ctx.Err()); err != nil {
		return out, err
	}
	if q.Range != nil {
		return vecindex.RangeSearch(ctx, g, g.metric, q, out)
	}
	v := g.pin()
	defer v.unpin()
	w := g.walkers.Get().(*walker)
	defer g.walkers.Put(w)
	f := vecindex.NewFilter(v.rows, v.nodes, q)
	if f.Allowed == 0 {
		return out, nil
	}
	want := min(q.K, f.Allowed)
	ef := q.Params.Ef
	if ef == 0 {
		ef = defaultEf(q.K)
	}
	ef = min(max(ef, q.K, q.Params.Candidates), f.Allowed)
	s := sieve{g: g, v: v, w: w, q: q, f: &f, ef: max(ef, want+want/2), want: want}
	if f.All && !g.scanIsCheaper(v, f.Allowed, ef) {
		s.ask()
		if keys := g.nearest(v, w, &s.t, ef); len(keys) >= want {
			return vecindex.AppendHits(g.metric, g.best(v, w, &s.t, keys, want, q.Params.Candidates), out), nil
		}
	}
	keys, err := s.search(ctx)
	if err != nil {
		return out, err
	}
	return vecindex.AppendHits(g.metric, keys, out), nil
}
