package hnsw

import (
	"context"

	"github.com/redkite-db/redkite/internal/vec"
	"github.com/redkite-db/redkite/internal/vecindex"
)

// A filtered search is one of two things. A scan compares the rows that pass,
// by codes where there are some. A walk goes through rows of every kind, as an
// unfiltered one, until enough of those behind it pass. docs/vector-index.md has
// the measurements, and those of the ways between the two that did not pay.

// A walk that looks for ef rows, of which a share s = allowed / nodes passes,
// expands about ef / s nodes. In the time of one a scan compares about
// scanAdvantage rows for each of the M neighbours of a node, and more where the
// candidates are so many that to keep them in order takes long.
const (
	scanAdvantage = 3
	longPool      = 2048
)

// walkCost is what the expansion of n nodes costs, in rows of a scan.
func (g *graph) walkCost(n float64) float64 {
	return scanAdvantage * float64(g.m) * n * (1 + n/longPool)
}

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

// The end of a walk: behind it there are ef rows that pass, and it is farther
// than the last one that is wanted by the factor beyond. Where the rows near a
// query are just those that do not pass, the hits are all at the rim of what was
// walked through, where a walk misses some.
const (
	beyond    = 1.25
	poolSlack = 1.25 // candidates kept, of those that are expected to be expanded
	probe     = 4    // walks without a filter that a scan may cost without one's being tried
	patience  = 1.25 // scans that a walk may cost before one takes its place
)

// A long walk takes the next few rows at a time: their lists hold few rows that
// are new, which the kernels then have together, and in which order so many are
// expanded makes little difference.
const (
	perList  = 128 // candidates for each row more at a time
	maxLists = 4
)

// walk goes through level 0 and returns the keys of rows that pass, ascending, at
// least ef as a rule; or none when a scan of the allowed rows is cheaper.
func (s *sieve) walk(ctx context.Context) ([]uint64, error) {
	g, v, w := s.g, s.v, s.w
	s.ask()
	start := g.descend(v, w, &s.t, v.entry, v.top, 1, v.rows)
	found := 0
	for _, row := range w.copyList(g.list(v, vecindex.KeyRow(start), 0), v.rows) {
		if s.f.Passes(row) {
			found++
		}
	}
	expected := s.estimate(g.m0(), found)
	if g.walkCost(expected) > patience*float64(s.f.Allowed) {
		return nil, nil
	}
	limit := poolSlack*expected + float64(s.ef)
	for {
		need, err := s.expand(ctx, start, min(int(limit), v.nodes))
		if err != nil || g.walkCost(need) > patience*float64(s.f.Allowed) {
			return nil, err
		}
		if need == 0 {
			break
		}
		limit = poolSlack*need + float64(s.ef) // anew, as those that had no room are seen and forgotten
	}
	keys, n := w.pool.Keys(), 0
	for _, key := range keys {
		if row := uint32(key) >> 1; s.f.Passes(row) {
			keys[n] = key&^0xffffffff | uint64(row)
			n++
		}
	}
	return keys[:n], nil
}

// expand walks from the row of key start with limit candidates, which it leaves
// in the pool. It returns 0, or, when it ended early, how many have to be
// expanded as far as can be told: more than there was room for, or so many that
// a scan is cheaper.
//
// The walk is beam's, through rows of every kind, but for its end. That of the
// paper is when the ef nearest rows are expanded; here, when so many are that ef
// of them pass. How many these are shows on the way: the fewer, the more the
// filter lets the rows near the query pass.
func (s *sieve) expand(ctx context.Context, start uint64, limit int) (need float64, err error) {
	g, v, w := s.g, s.v, s.w
	width := min(max(limit/perList, 1), maxLists)
	w.begin(v.rows, width*g.m0())
	row := vecindex.KeyRow(start)
	w.seen.Add(row)
	w.pool.Reset(limit)
	w.ids[0], w.dist[0] = row, uint32(start>>32)
	cur := g.kern.Offer(&w.pool, w.ids[:1], w.dist, v.links, g.m0())
	check, steps := s.ef, 0
	for ids := w.expandSome(g, v, &s.t, &cur, width); ids != nil; steps++ {
		if steps%256 == 255 && ctx.Err() != nil {
			return 0, ctx.Err()
		}
		next := w.expandSome(g, v, &s.t, &cur, width)
		g.distances(v, w, &s.t, ids, vec.WarmBytes)
		cur = min(cur, g.kern.Offer(&w.pool, ids, w.dist, v.links, g.m0()))
		if cur >= check {
			need := s.need(cur)
			if need <= float64(cur) {
				return 0, nil
			}
			if need > float64(limit) && limit < v.nodes || g.walkCost(need) > patience*float64(s.f.Allowed) {
				return need, nil
			}
			check = cur + max(int(need-float64(cur))/2, s.ef/4, 8)
		}
		if ids = next; ids == nil {
			ids = w.expandSome(g, v, &s.t, &cur, width)
		}
	}
	if n := len(w.pool.Keys()); n == limit && limit < v.nodes {
		if need := s.need(n); need > float64(n) {
			return need, nil
		}
	}
	return 0, nil
}

// expandSome is expand for the next n rows in level 0, whose neighbours it returns
// together.
func (w *walker) expandSome(g *graph, v *view, t *target, cur *int, n int) []uint32 {
	at := len(w.seen.Log)
	for i := range n {
		if w.expand(g, v, t, cur, 0, v.rows) == nil {
			if i == 0 {
				return nil
			}
			break
		}
	}
	return w.seen.Log[at:]
}

// need returns how many candidates have to be expanded before the end, by what
// the first n of the pool are; n or less if these are enough.
func (s *sieve) need(n int) float64 {
	found, last := s.count(n)
	need := beyond * float64(last)
	if found < s.ef {
		return max(s.estimate(n, found), float64(n+1))
	}
	return need
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

// count returns how many of the first n rows of the pool pass, and behind how
// many of them the one of number want is, n if there are fewer.
func (s *sieve) count(n int) (found, last int) {
	last = n
	for i, key := range s.w.pool.Keys()[:n] {
		if s.f.Passes(uint32(key) >> 1) {
			if found++; found == s.want {
				last = i + 1
			}
		}
	}
	return found, last
}
