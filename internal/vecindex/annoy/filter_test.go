package annoy_test

import (
	"cmp"
	"context"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/redkite-db/redkite/internal/column"
	"github.com/redkite-db/redkite/internal/vec"
	"github.com/redkite-db/redkite/internal/vecindex"
)

// randomSkip lets each of n rows pass with probability share.
func randomSkip(rng *rand.Rand, n int, share float64) []uint64 {
	skip := make([]uint64, (n+63)/64)
	for r := range n {
		if rng.Float64() >= share {
			skip[r/64] |= 1 << (r % 64)
		}
	}
	return skip
}

// farSkip lets only the share of the rows pass that is farthest from q.
func farSkip(t testing.TB, exact vecindex.Index, q []float32, share float64) []uint64 {
	n := exact.Rows()
	hits := search(t, exact, vecindex.Query{Vector: q, K: n, Allowed: -1})
	skip := make([]uint64, (n+63)/64)
	for _, h := range hits[:n-int(share*float64(n))] {
		skip[h.Row/64] |= 1 << (h.Row % 64)
	}
	return skip
}

// TestFilteredRecall: rows that do not pass cost no recall, wherever they are.
func TestFilteredRecall(t *testing.T) {
	slowUnderRace(t)
	const n, dim = 12000, 16
	rng := rand.New(rand.NewPCG(1, 1))
	src, queries := clustered(rng, n, 40, dim, 30)
	for _, m := range metrics {
		exact := flat(t, vec.Detect(), src, m)
		x := build(t, vec.Detect(), src, m, vecindex.Params{"n_trees": "32"}, vecindex.BuildOptions{})
		for _, share := range []float64{0.001, 0.01, 0.1, 0.3, 0.5, 0.9, 0.999} {
			q := vecindex.Query{K: 10, Params: vecindex.SearchParams{SearchK: 1000}, Allowed: -1}
			q.Skip = randomSkip(rng, n, share)
			got := recall(t, x, exact, m, queries, q)
			require.GreaterOrEqual(t, got, 0.93, "%v, random %.3f", m, share)

			total := 0.0
			for i := range queries.Rows() {
				one := vecindex.Vectors{Data: queries.Data[i*dim : (i+1)*dim], Dimension: dim}
				q.Skip = farSkip(t, exact, one.Data, share)
				total += recall(t, x, exact, m, one, q)
			}
			total /= float64(queries.Rows())
			t.Logf("%v, %.3f: random %.4f, far %.4f", m, share, got, total)
			require.GreaterOrEqual(t, total, 0.75, "%v, far %.3f", m, share)
		}
	}
}

// without takes the vectors of rows away, each with probability share: in their
// place lies what no kernel must ever see.
func without(rng *rand.Rand, src vecindex.Vectors, share float64) vecindex.Vectors {
	out := vecindex.Vectors{Data: append([]float32(nil), src.Data...), Dimension: src.Dimension}
	out.Present = column.NewBitset(src.Rows())
	for r := range src.Rows() {
		if rng.Float64() >= share {
			out.Present.Set(r)
			continue
		}
		for i := range src.Dimension {
			out.Data[r*src.Dimension+i] = float32(math.NaN())
		}
	}
	return out
}

// skipOf is what a query over src has to skip: rows without a vector, and those
// of more.
func skipOf(src vecindex.Vectors, more []uint64) []uint64 {
	skip := src.Present.Clone()
	skip.Not()
	for i, w := range more {
		skip.Words()[i] |= w
	}
	return skip.Words()
}

// TestNullRecall: rows without a vector cost no recall, whatever their share,
// with a filter and without.
func TestNullRecall(t *testing.T) {
	slowUnderRace(t)
	const n, dim = 8000, 16
	for _, m := range metrics {
		for _, share := range []float64{0.5, 0.7} {
			rng := rand.New(rand.NewPCG(8, uint64(100*share)))
			full, queries := clustered(rng, n, 60, dim, 30)
			src := without(rng, full, share)
			exact := flat(t, vec.Detect(), full, m)
			built := build(t, vec.Detect(), src, m, nil, vecindex.BuildOptions{})
			for what, x := range map[string]vecindex.Index{"built": built, "opened": reopen(t, vec.Detect(), built, src, m, nil)} {
				for _, pass := range []float64{1, 0.5, 0.3, 0.01} {
					q := vecindex.Query{K: 10, Params: vecindex.SearchParams{SearchK: 600}, Allowed: -1}
					q.Skip = skipOf(src, randomSkip(rng, n, pass))
					require.GreaterOrEqual(t, recall(t, x, exact, m, queries, q), 0.95, "%v, %v: %s, filter %v", m, share, what, pass)
				}
			}
		}
	}
}

// TestNullAll: an index over rows none of which has a vector is an index.
func TestNullAll(t *testing.T) {
	const n, dim = 700, 8
	rng := rand.New(rand.NewPCG(10, 10))
	full, _ := clustered(rng, n, 0, dim, 3)
	none := without(rng, full, 1)
	for _, m := range metrics {
		x := build(t, vec.Detect(), none, m, nil, vecindex.BuildOptions{})
		require.Equal(t, n, x.Rows())
		q := vecindex.Query{Vector: full.Data[:dim], K: 5, Allowed: -1, Skip: skipOf(none, nil)}
		require.Empty(t, search(t, x, q))
		require.Empty(t, search(t, reopen(t, vec.Detect(), x, none, m, nil), q))
	}
}

// TestFilterLaw asks with random filters, limits, counts and ks: never fewer
// hits than there can be, never a row that is skipped, exact scores, in order.
func TestFilterLaw(t *testing.T) {
	const n, dim = 3000, 8
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 2))
	rounds := 300
	if raceEnabled {
		rounds = 30
	}
	full, _ := clustered(rng, n, 0, dim, 12)
	for i, m := range metrics {
		src := full
		if i > 0 {
			src = without(rng, full, []float64{0.3, 0.9}[i-1])
		}
		exact := flat(t, vec.Detect(), full, m)
		x := build(t, vec.Detect(), src, m, vecindex.Params{"n_trees": "3"}, vecindex.BuildOptions{})
		if i != 1 {
			x = reopen(t, vec.Detect(), x, src, m, nil)
		}
		for range rounds {
			q := vecindex.Query{Vector: full.Data[dim*rng.IntN(n):][:dim], K: 1 + rng.IntN(30), Allowed: -1}
			q.Params.SearchK = rng.IntN(2) * (q.K + rng.IntN(200))
			more := randomSkip(rng, n, rng.Float64()*rng.Float64())
			if rng.IntN(3) == 0 {
				more = randomSkip(rng, n, 1-0.01*rng.Float64())
			}
			q.Skip = more
			if src.Present.IsZero() {
				q.Skip = more[:rng.IntN(len(more)+1)]
			} else {
				q.Skip = skipOf(src, more)
			}
			limit := n
			if rng.IntN(3) == 0 {
				limit = 1 + rng.IntN(n)
				q.Limit = limit
			}
			pass := 0
			for r := range limit {
				if r/64 >= len(q.Skip) || q.Skip[r/64]>>(r%64)&1 == 0 {
					pass++
				}
			}
			if rng.IntN(2) == 0 {
				q.Allowed = pass
			}
			hits := search(t, x, q)
			require.Len(t, hits, min(q.K, pass))
			all := q
			all.K = n
			scores := map[uint32]float32{}
			for _, h := range search(t, exact, all) {
				scores[h.Row] = h.Score
			}
			for _, h := range hits {
				score, ok := scores[h.Row]
				require.True(t, ok, "row %d does not pass", h.Row)
				require.Equal(t, score, h.Score)
				delete(scores, h.Row)
			}
			require.True(t, slices.IsSortedFunc(hits, func(a, b vecindex.Hit) int {
				return cmp.Or(cmp.Compare(m.Distance(a.Score), m.Distance(b.Score)), cmp.Compare(a.Row, b.Row))
			}))
		}
	}
}

// TestWrongCount: a count that the bitset belies does no harm beyond its own
// query.
func TestWrongCount(t *testing.T) {
	const n = 3000
	rng := rand.New(rand.NewPCG(3, 3))
	src, _ := clustered(rng, n, 0, 8, 12)
	skip := randomSkip(rng, n, 0.5)
	x := build(t, vec.Detect(), src, vecindex.L2, nil, vecindex.BuildOptions{})
	for _, allowed := range []int{1, n, n + 1, n - 1, math.MaxInt} {
		for _, h := range search(t, x, vecindex.Query{Vector: src.Data[:8], K: 20, Skip: skip, Allowed: allowed}) {
			require.Zero(t, skip[h.Row/64]>>(h.Row%64)&1)
		}
	}
}

func TestSearchRefuses(t *testing.T) {
	src, _ := clustered(rand.New(rand.NewPCG(4, 4)), 100, 0, 8, 2)
	x := build(t, vec.Detect(), src, vecindex.L2, nil, vecindex.BuildOptions{})
	_, err := x.Search(context.Background(), &vecindex.Query{Vector: make([]float32, 9), K: 1}, nil)
	require.ErrorContains(t, err, "expected vector size(8), actual(9)")
	_, err = x.Search(context.Background(), &vecindex.Query{Vector: make([]float32, 8)}, nil)
	require.Error(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err = x.Search(ctx, &vecindex.Query{Vector: make([]float32, 8), K: 1}, nil)
	require.ErrorIs(t, err, context.Canceled)
}

// TestExtremes: elements whose squares no float holds neither crash a build nor
// a search, and cost no hits.
func TestExtremes(t *testing.T) {
	const n, dim = 2400, 8
	rng := rand.New(rand.NewPCG(5, 5))
	src, _ := clustered(rng, n, 0, dim, 4)
	for i := range src.Data {
		switch rng.IntN(8) {
		case 0:
			src.Data[i] = math.MaxFloat32 * float32(2*rng.IntN(2)-1)
		case 1:
			src.Data[i] = 1e-40
		case 2:
			src.Data[i] = 0
		}
	}
	clear(src.Data[:20*dim])
	for _, m := range metrics {
		x := build(t, vec.Detect(), src, m, nil, vecindex.BuildOptions{})
		for r := range 40 {
			q := vecindex.Query{Vector: src.Data[r*dim:][:dim], K: 10, Allowed: -1, Params: vecindex.SearchParams{SearchK: 20 + r}}
			require.Len(t, search(t, x, q), 10)
			q.Skip = randomSkip(rng, n, 0.8)
			require.Len(t, search(t, x, q), 10)
		}
	}
}

// TestParallel searches from several goroutines: each gets what it would alone.
func TestParallel(t *testing.T) {
	const n, dim = 2000, 8
	rng := rand.New(rand.NewPCG(6, 6))
	src, queries := clustered(rng, n, 40, dim, 12)
	skip := randomSkip(rng, n, 0.9)
	x := reopen(t, vec.Detect(), build(t, vec.Detect(), src, vecindex.IP, nil, vecindex.BuildOptions{}), src, vecindex.IP, nil)
	query := func(i int) vecindex.Query {
		q := vecindex.Query{Vector: queries.Data[i*dim:][:dim], K: 10, Allowed: -1, Params: vecindex.SearchParams{SearchK: 30}}
		if i%2 == 0 {
			q.Skip = skip
		}
		return q
	}
	want := make([][]vecindex.Hit, queries.Rows())
	for i := range want {
		want[i] = search(t, x, query(i))
	}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for i := range want {
				q := query(i)
				got, err := x.Search(context.Background(), &q, nil)
				if err != nil || !slices.Equal(got, want[i]) {
					t.Errorf("query %d: %v, %v", i, got, err)
				}
			}
		})
	}
	wg.Wait()
}
