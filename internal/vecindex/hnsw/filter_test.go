package hnsw_test

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

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

// nearSkip lets only the share of the rows pass that is nearest to q, or
// farthest from it.
func nearSkip(t testing.TB, exact vecindex.Index, q []float32, share float64, far bool) []uint64 {
	n := exact.Rows()
	hits := search(t, exact, vecindex.Query{Vector: q, K: n, Allowed: -1})
	if far {
		slices.Reverse(hits)
	}
	skip := make([]uint64, (n+63)/64)
	for _, h := range hits[int(share*float64(n)):] {
		skip[h.Row/64] |= 1 << (h.Row % 64)
	}
	return skip
}

func TestFilteredRecall(t *testing.T) {
	slowUnderRace(t)
	rng := rand.New(rand.NewPCG(1, 1))
	n := 12000
	src, queries := clustered(rng, n, 60, 16, 30)
	for _, m := range metrics {
		exact := flat(t, vec.Detect(), src, m)
		x := build(t, vec.Detect(), src, m, vecindex.Params{"M": "8", "efConstruction": "100"}, vecindex.BuildOptions{})
		for _, share := range []float64{0.01, 0.1, 0.3, 0.5, 0.9, 0.999} {
			q := vecindex.Query{K: 10, Params: vecindex.SearchParams{Ef: 64}, Allowed: -1}
			q.Skip = randomSkip(rng, n, share)
			got := recall(t, x, exact, m, queries, q)
			t.Logf("%v, random %.3f: recall %.4f", m, share, got)
			require.GreaterOrEqual(t, got, 0.95)

			for _, kind := range []string{"near", "far"} {
				total := 0.0
				for i := range queries.Rows() {
					one := vecindex.Vectors{Data: queries.Data[i*16 : (i+1)*16], Dimension: 16}
					q.Skip = nearSkip(t, exact, one.Data, share, kind == "far")
					total += recall(t, x, exact, m, one, q)
				}
				t.Logf("%v, %s %.3f: recall %.4f", m, kind, share, total/float64(queries.Rows()))
				require.GreaterOrEqual(t, total/float64(queries.Rows()), 0.95)
			}
		}
	}
}

// TestFilterLaw asks with random filters, limits, counts and ks: never fewer
// hits than there can be, never a row that is skipped.
func TestFilterLaw(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 2))
	n := 3000
	src, _ := clustered(rng, n, 0, 8, 12)
	for _, m := range metrics {
		x := build(t, vec.Detect(), src, m, vecindex.Params{"M": "4", "efConstruction": "16"}, vecindex.BuildOptions{})
		for range 400 {
			q := vecindex.Query{Vector: src.Data[8*rng.IntN(n):][:8], K: 1 + rng.IntN(30), Allowed: -1}
			q.Params.Ef = q.K + rng.IntN(30)
			q.Skip = randomSkip(rng, n, rng.Float64()*rng.Float64())
			if rng.IntN(3) == 0 {
				q.Skip = randomSkip(rng, n, 1-0.01*rng.Float64())
			}
			q.Skip = q.Skip[:rng.IntN(len(q.Skip)+1)]
			limit := n
			if rng.IntN(3) == 0 {
				limit = 1 + rng.IntN(n)
				q.Limit = limit
			}
			var pass []int
			for r := range limit {
				if r/64 >= len(q.Skip) || q.Skip[r/64]>>(r%64)&1 == 0 {
					pass = append(pass, r)
				}
			}
			if rng.IntN(2) == 0 {
				q.Allowed = len(pass)
			}
			hits := search(t, x, q)
			require.Len(t, hits, min(q.K, len(pass)))
			slices.SortFunc(hits, func(a, b vecindex.Hit) int { return cmp.Compare(a.Row, b.Row) })
			for i, h := range hits {
				_, found := slices.BinarySearch(pass, int(h.Row))
				require.True(t, found, "row %d does not pass", h.Row)
				require.False(t, i > 0 && hits[i-1].Row == h.Row, "row %d twice", h.Row)
			}
		}
	}
}

// TestWrongCount: a count that the bitset belies does no harm beyond its own
// query's speed.
func TestWrongCount(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 3))
	n := 3000
	src, _ := clustered(rng, n, 0, 8, 12)
	x := build(t, vec.Detect(), src, vecindex.L2, vecindex.Params{"M": "4", "efConstruction": "16"}, vecindex.BuildOptions{})
	skip := randomSkip(rng, n, 0.5)
	for _, allowed := range []int{n, n + 1, n - 1, math.MaxInt} {
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

func BenchmarkSearch(b *testing.B) {
	rng := rand.New(rand.NewPCG(5, 5))
	n, dim := 30_000, 64
	src, _ := clustered(rng, n, 0, dim, 100)
	x := build(b, vec.Detect(), src, vecindex.L2, vecindex.Params{"M": "16", "efConstruction": "100"}, vecindex.BuildOptions{})
	for _, share := range []float64{1, 0.5, 0.1, 0.01} {
		b.Run(fmt.Sprintf("share=%v", share), func(b *testing.B) {
			q := vecindex.Query{K: 10, Allowed: -1, Params: vecindex.SearchParams{Ef: 64}}
			if share < 1 {
				q.Skip = randomSkip(rng, n, share)
			}
			var out []vecindex.Hit
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				at := i % n * dim
				q.Vector = src.Data[at : at+dim]
				var err error
				if out, err = x.Search(context.Background(), &q, out[:0]); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
