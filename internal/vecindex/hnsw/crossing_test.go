package hnsw

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/redkite-db/redkite/internal/porttest/indextest"
	"github.com/redkite-db/redkite/internal/vec"
	"github.com/redkite-db/redkite/internal/vecindex"
)

// TestCrossing walks behind filters that let all rows pass but those nearest to the
// query, or random ones, and looks at what was expanded: every row that is nearer
// than the last hit, as far as the walk met it, none beyond, and not many more than
// there are.
func TestCrossing(t *testing.T) {
	rng := rand.New(rand.NewPCG(18, 5))
	n, dim, ef := 12_000, 16, 30
	src, _ := indextest.Clustered(rng, n, 0, dim, 30)
	built, err := Kind(vec.Detect()).Build(t.Context(), src, vecindex.L2, vecindex.Params{"M": "8", "efConstruction": "60"},
		vecindex.BuildOptions{Threads: 1, Seed: 1})
	require.NoError(t, err)
	g := &built.(*live).graph
	v, w := g.view.Load(), g.walkers.Get().(*walker)
	for _, in := range []struct {
		way    int // rows nearest to the query that do not pass
		random float64
		rim    bool
	}{{0, 0.999, false}, {0, 0.7, false}, {40, 1, true}, {150, 1, true}, {400, 1, true}, {200, 0.8, true}} {
		for range 20 {
			at := rng.IntN(n) * dim
			q := vecindex.Query{K: 10, Vector: src.Data[at : at+dim], Allowed: -1, Skip: indextest.RandomSkip(rng, n, in.random)}
			s := sieve{g: g, v: v, w: w, q: &q, ef: ef, want: 10}
			s.ask()
			near := distances(&s)
			for _, key := range near[:in.way] {
				q.Skip[uint32(key)/64] |= 1 << (key % 64)
			}
			f := vecindex.NewFilter(v.rows, v.nodes, &q)
			s.f = &f
			x := crossing{s: &s}
			start := g.descend(v, w, &s.t, v.entry, v.top, 1, v.rows)
			done, err := x.walk(t.Context(), start, float64(n))
			require.NoError(t, err)
			require.True(t, done)
			require.Equal(t, in.rim, x.rim, "%+v", in)
			hits, pool := unmark(w.hits.Keys()), w.pool.Keys()
			require.Len(t, hits, x.aim())
			var want []uint64
			for _, key := range near {
				if f.Passes(uint32(key)) {
					want = append(want, key)
				}
			}
			found := 0
			for _, key := range hits {
				require.True(t, f.Passes(uint32(key)))
				if slices.Contains(want[:10], key) {
					found++
				}
			}
			require.GreaterOrEqual(t, found, 8, "%+v", in)
			last := hits[len(hits)-1]
			for _, key := range pool {
				require.Equal(t, uint64(1), key&1, "a candidate that was not expanded")
				require.LessOrEqual(t, key>>32, last>>32, "a candidate beyond the last hit")
			}
			within, _ := slices.BinarySearch(near, last|0xffffffff)
			require.LessOrEqual(t, len(pool), within, "%+v", in)
			require.LessOrEqual(t, expanded(&s), 2*within+4*maxLists, "%+v", in)

			if in.way >= 150 {
				done, err = (&crossing{s: &s}).walk(t.Context(), start, 100)
				require.NoError(t, err)
				require.False(t, done, "more expansions than it may take")
			}
		}
	}
}

// distances returns the keys of all rows, ascending.
func distances(s *sieve) []uint64 {
	s.w.room(s.v.rows)
	ids := make([]uint32, s.v.rows)
	for i := range ids {
		ids[i] = uint32(i)
	}
	s.g.distances(s.v, s.w, &s.t, ids, 0)
	keys := make([]uint64, len(ids))
	for i, id := range ids {
		keys[i] = uint64(s.w.dist[i])<<32 | uint64(id)
	}
	slices.Sort(keys)
	return keys
}

// expanded counts the rows whose neighbours were all met.
func expanded(s *sieve) int {
	n := 0
	for _, row := range s.w.seen.Log {
		list := s.w.copyList(s.g.list(s.v, row, 0), s.v.rows)
		if !slices.ContainsFunc(list, func(id uint32) bool { return !s.w.seen.Has(id) }) {
			n++
		}
	}
	return n
}

// TestCrossingTies asks for the nearest of rows that are all equally far from the
// query: a walk that has as many hits as it looks for goes on to none of the others.
func TestCrossingTies(t *testing.T) {
	rng := rand.New(rand.NewPCG(20, 1))
	n, dim, ef := 12_000, 64, 30
	src := vecindex.Vectors{Dimension: dim, Data: make([]float32, n*dim)}
	for at := 0; at < len(src.Data); at += 16 {
		src.Data[at+rng.IntN(16)] = 1
	}
	built, err := Kind(vec.Detect()).Build(t.Context(), src, vecindex.L2, vecindex.Params{"M": "8", "efConstruction": "60"},
		vecindex.BuildOptions{Threads: 1, Seed: 1})
	require.NoError(t, err)
	g := &built.(*live).graph
	v, w := g.view.Load(), g.walkers.Get().(*walker)
	q := vecindex.Query{K: 10, Vector: make([]float32, dim), Allowed: -1, Skip: indextest.RandomSkip(rng, n, 0.9)}
	f := vecindex.NewFilter(v.rows, v.nodes, &q)
	s := sieve{g: g, v: v, w: w, q: &q, f: &f, ef: ef, want: 10}
	s.ask()
	x := crossing{s: &s}
	done, err := x.walk(t.Context(), g.descend(v, w, &s.t, v.entry, v.top, 1, v.rows), float64(n))
	require.NoError(t, err)
	require.True(t, done)
	require.Len(t, w.hits.Keys(), x.aim())
	require.Less(t, len(w.seen.Log), n/4, "rows met")
	require.NoError(t, built.Close())
}
