package hnsw

import (
	"context"

	"github.com/redkite-db/redkite/internal/vecindex"
)

// A filtered search is one of two things. A scan compares the rows that pass,
// by codes where there are some. A walk goes through rows of every kind, as an
// unfiltered one, until enough of those behind it pass. docs/vector-index.md has
// the measurements, and those of the ways between the two that did not pay.

// A walk that looks for ef rows, of which a share s = allowed / nodes passes,
// expands about ef / s nodes. In the time of one a scan compares about
// scanAdvantage rows for each of the M neighbours of a node.
const scanAdvantage = 3

// Where a scan may be cheaper.
const (
	probe    = 4    // walks without a filter that a scan may cost without one's being tried
	patience = 1.25 // scans that a walk, once begun, may cost before one takes its place
)

// walkCost is what the expansion of n nodes costs, in rows of a scan.
func (g *graph) walkCost(n float64) float64 { return scanAdvantage * float64(g.m) * n }

// scanIsCheaper reports whether comparing all allowed rows costs less than a
// walk is expected to.
func (g *graph) scanIsCheaper(v *view, allowed, ef int) bool {
	return float64(allowed) <= g.walkCost(float64(ef)*float64(v.nodes)/float64(allowed))
}

// sieve is a search among the rows that pass a filter.
type sieve struct {
	g    *graph
	v    *view
	w    *walker
	t    target // see ask
	q    *vecindex.Query
	f    *vecindex.Filter
	ef   int
	want int // hits, at most the number of rows that pass

	asked bool
}

// ask makes a target of the query, once.
func (s *sieve) ask() {
	if !s.asked {
		s.t, s.asked = s.g.query(s.v, s.w, s.q.Probe(s.g.elem)), true
	}
}

// search returns the keys of the nearest rows that pass, as many as are wanted,
// ascending and with exact distances.
func (s *sieve) search(ctx context.Context) ([]uint64, error) {
	allowed := s.f.Allowed
	if !s.g.scanIsCheaper(s.v, allowed, s.ef) || float64(allowed) > probe*s.g.walkCost(float64(s.ef)) {
		keys, err := s.walk(ctx)
		if err != nil {
			return nil, err
		}
		if len(keys) >= s.want {
			return s.g.best(s.v, s.w, &s.t, keys, s.want, s.q.Params.Candidates), nil
		}
	}
	return s.scan(ctx)
}

// walk goes through level 0 and returns the keys of rows that pass, ascending, at
// least ef as a rule; or none when a scan of the allowed rows is cheaper.
func (s *sieve) walk(ctx context.Context) ([]uint64, error) {
	g, v := s.g, s.v
	s.ask()
	start := g.descend(v, s.w, &s.t, v.entry, v.top, 1, v.rows)
	found := 0
	for _, row := range s.w.copyList(g.list(v, vecindex.KeyRow(start), 0), v.rows) {
		if s.f.Passes(row) {
			found++
		}
	}
	x := crossing{s: s}
	scan := float64(s.f.Allowed) / g.walkCost(1) // as so many expansions
	if x.need(g.m0(), found) > scan {
		return nil, nil
	}
	if ok, err := x.walk(ctx, start, patience*scan); !ok {
		return nil, err
	}
	return unmark(s.w.hits.Keys()), nil
}

// estimate returns behind how many rows, in the order of their distance, there
// are ef that pass, when of the nearest n found do. The share of all rows counts
// as one more row that passes, so that few rows do not tell much; and no more
// rows are in the way than do not pass.
func (s *sieve) estimate(n, found int) float64 {
	nodes, allowed := float64(s.v.nodes), float64(s.f.Allowed)
	rows := (float64(n) + nodes/allowed) * float64(s.ef) / float64(found+1)
	return min(rows, nodes-allowed+float64(s.ef))
}
