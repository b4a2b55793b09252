package ivf_test

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
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
	for _, name := range names {
		for _, m := range metrics {
			exact := flat(t, vec.Detect(), src, m)
			x := build(t, kindOf(t, vec.Detect(), name), src, m, needed(name, dim, "nlist", "128"), vecindex.BuildOptions{})
			for _, share := range []float64{0.001, 0.01, 0.1, 0.3, 0.5, 0.9, 0.999} {
				q := vecindex.Query{K: 10, Params: vecindex.SearchParams{NProbe: 24}, Allowed: -1}
				q.Skip = randomSkip(rng, n, share)
				got := recall(t, x, exact, m, queries, q)
				require.GreaterOrEqual(t, got, 0.95, "%s, %v, random %.3f", name, m, share)

				total := 0.0
				for i := range queries.Rows() {
					one := vecindex.Vectors{Data: queries.Data[i*dim : (i+1)*dim], Dimension: dim}
					q.Skip = farSkip(t, exact, one.Data, share)
					q.Params.Candidates = 2000 // many are about as far: this is about lists
					total += recall(t, x, exact, m, one, q)
				}
				total /= float64(queries.Rows())
				t.Logf("%s, %v, %.3f: random %.4f, far %.4f", name, m, share, got, total)
				require.GreaterOrEqual(t, total, farFloor(name), "%s, %v, far %.3f", name, m, share)
			}
		}
	}
}

// farFloor: where the rows near a query are just those that do not pass, the
// hits lie in many lists, and are as far as thousands of others, among which
// codes of one bit see little difference.
func farFloor(name string) float64 {
	if strings.HasPrefix(name, "IVF_RABITQ") {
		return 0.75
	}
	return 0.9
}

// TestFilterLaw asks with random filters, limits, counts and ks: never fewer
// hits than there can be, never a row that is skipped, exact scores, in order.
func TestFilterLaw(t *testing.T) {
	const n, dim = 3000, 8
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 2))
	rounds := 200
	if raceEnabled {
		rounds = 20
	}
	full, _ := clustered(rng, n, 0, dim, 12)
	for _, name := range names {
		for i, m := range metrics {
			src := full
			if i > 0 {
				src = without(rng, full, []float64{0.3, 0.9}[i-1])
			}
			exact := flat(t, vec.Detect(), full, m)
			x := build(t, kindOf(t, vec.Detect(), name), src, m, needed(name, dim), vecindex.BuildOptions{})
			for range rounds {
				q := vecindex.Query{Vector: full.Data[dim*rng.IntN(n):][:dim], K: 1 + rng.IntN(30), Allowed: -1}
				q.Params.NProbe = rng.IntN(20)
				if rng.IntN(3) == 0 {
					q.Params.Candidates = q.K + rng.IntN(100)
				}
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
}

// TestWrongCount: a count that the bitset belies does no harm beyond its own
// query.
func TestWrongCount(t *testing.T) {
	const n = 3000
	rng := rand.New(rand.NewPCG(3, 3))
	src, _ := clustered(rng, n, 0, 8, 12)
	skip := randomSkip(rng, n, 0.5)
	for _, name := range names {
		x := build(t, kindOf(t, vec.Detect(), name), src, vecindex.L2, needed(name, 8), vecindex.BuildOptions{})
		for _, allowed := range []int{1, n, n + 1, n - 1, math.MaxInt} {
			for _, h := range search(t, x, vecindex.Query{Vector: src.Data[:8], K: 20, Skip: skip, Allowed: allowed}) {
				require.Zero(t, skip[h.Row/64]>>(h.Row%64)&1)
			}
		}
	}
}

func TestSearchRefuses(t *testing.T) {
	src, _ := clustered(rand.New(rand.NewPCG(4, 4)), 100, 0, 8, 2)
	x := build(t, kindOf(t, vec.Detect(), "IVF_SQ8"), src, vecindex.L2, nil, vecindex.BuildOptions{})
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
	const n, dim = 600, 8
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
	for _, name := range names {
		for _, m := range metrics {
			x := build(t, kindOf(t, vec.Detect(), name), src, m, needed(name, dim, "nlist", "16"), vecindex.BuildOptions{})
			for r := range 40 {
				require.Len(t, search(t, x, vecindex.Query{Vector: src.Data[r*dim:][:dim], K: 10, Allowed: -1, Params: vecindex.SearchParams{NProbe: 2}}), 10)
			}
		}
	}
}

// TestParallel searches from several goroutines: each gets what it would alone.
func TestParallel(t *testing.T) {
	const n, dim = 2000, 8
	rng := rand.New(rand.NewPCG(6, 6))
	src, queries := clustered(rng, n, 40, dim, 12)
	skip := randomSkip(rng, n, 0.7)
	for _, name := range names {
		x := build(t, kindOf(t, vec.Detect(), name), src, vecindex.IP, needed(name, dim), vecindex.BuildOptions{})
		query := func(i int) vecindex.Query {
			q := vecindex.Query{Vector: queries.Data[i*dim:][:dim], K: 10, Allowed: -1, Params: vecindex.SearchParams{NProbe: 4}}
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
						t.Errorf("%s: query %d: %v, %v", name, i, got, err)
					}
				}
			})
		}
		wg.Wait()
	}
}

// TestSearchAllocates holds a search to no allocation once its memory is warm.
func TestSearchAllocates(t *testing.T) {
	slowUnderRace(t) // it empties pools at random
	const n, dim = 8000, 16
	rng := rand.New(rand.NewPCG(5, 5))
	src, _ := clustered(rng, n, 0, dim, 30)
	most, few := randomSkip(rng, n, 0.6), randomSkip(rng, n, 0.01)
	for _, name := range names {
		for _, m := range metrics {
			x := build(t, kindOf(t, vec.Detect(), name), src, m, needed(name, dim), vecindex.BuildOptions{})
			for what, skip := range map[string][]uint64{"all": nil, "most": most, "few": few} {
				q := &vecindex.Query{Vector: src.Data[:dim], K: 10, Skip: skip, Allowed: -1, Params: vecindex.SearchParams{NProbe: 8}}
				out := make([]vecindex.Hit, 0, 10)
				allocs := testing.AllocsPerRun(100, func() {
					var err error
					if out, err = x.Search(context.Background(), q, out[:0]); err != nil || len(out) != 10 {
						t.Fatal(len(out), err)
					}
				})
				if allocs >= 1 { // a collection during the run may empty the pool once
					t.Errorf("%s/%v/%s: %v allocations a search", name, m, what, allocs)
				}
			}
		}
	}
}

func BenchmarkFilter(b *testing.B) {
	const n, dim = 100_000, 64
	rng := rand.New(rand.NewPCG(5, 5))
	src, _ := clustered(rng, n, 0, dim, 100)
	for _, name := range names {
		x := build(b, kindOf(b, vec.Detect(), name), src, vecindex.L2, needed(name, dim, "nlist", "256"), vecindex.BuildOptions{})
		for _, share := range []float64{1, 0.5, 0.1, 0.03, 0.01, 0.003, 0.001} {
			q := vecindex.Query{K: 10, Allowed: -1, Params: vecindex.SearchParams{NProbe: 8}}
			if share < 1 {
				q.Skip = randomSkip(rng, n, share)
			}
			b.Run(fmt.Sprintf("%s/share=%v", name, share), func(b *testing.B) {
				var out []vecindex.Hit
				for i := 0; b.Loop(); i++ {
					q.Vector = src.Data[i%n*dim:][:dim]
					var err error
					if out, err = x.Search(context.Background(), &q, out[:0]); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
