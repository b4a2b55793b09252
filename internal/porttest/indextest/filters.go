package indextest

import (
	"context"
	"math"
	"math/bits"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/redkite-db/redkite/internal/vec"
	"github.com/redkite-db/redkite/internal/vecindex"
)

var metrics = []vecindex.Metric{vecindex.L2, vecindex.IP, vecindex.Cosine}

// Filters says how searches through filters are checked, in float vectors.
type Filters struct {
	Kernels vec.Kernels
	Kind    vecindex.Kind
	Threads int // of builds
	// Params of builds: those of 16 dimensions that are held to a recall, without
	// nulls and with, those of 8 that are held to the law, opened with Open, and
	// others of 8.
	Recall, Null, Law, Open, Other vecindex.Params
	// Runs are the searches that are held to a recall; NullSearch is the one where
	// rows have no vector: 0.95 of 10 hits.
	Runs       []FilterRun
	NullSearch vecindex.SearchParams
	// Random returns parameters of a search of k rows.
	Random func(rng *rand.Rand, k int) vecindex.SearchParams
}

// FilterRun is a way to search for 10 hits and the least recall: where the rows
// that pass are random, and where they are the nearest or the farthest of all.
type FilterRun struct {
	Search, FarSearch vecindex.SearchParams
	Floor, FarFloor   float64
}

// RunFilters checks a kind of index.
func RunFilters(t *testing.T, f Filters) {
	t.Run("Recall", f.recall)
	t.Run("NullRecall", f.nullRecall)
	t.Run("NullAll", f.nullAll)
	t.Run("Law", f.law)
	t.Run("WrongCount", f.wrongCount)
	t.Run("Refuses", f.refuses)
	t.Run("Extremes", f.extremes)
	t.Run("Parallel", f.parallel)
}

func (f Filters) build(t *testing.T, src vecindex.Source, m vecindex.Metric, p vecindex.Params) vecindex.Index {
	t.Helper()
	return Build(t, f.Kind, src, m, p, vecindex.BuildOptions{Threads: f.Threads})
}

func (f Filters) reopen(t *testing.T, src vecindex.Source, m vecindex.Metric, p vecindex.Params) vecindex.Index {
	t.Helper()
	return Reopen(t, f.Kind, f.build(t, src, m, p), src, m, p)
}

// rankSkip lets only the share of the rows pass that is nearest to q, or
// farthest from it.
func rankSkip(t *testing.T, exact vecindex.Index, q []float32, share float64, far bool) []uint64 {
	t.Helper()
	n := exact.Rows()
	hits := Search(t, exact, vecindex.Query{Vector: q, K: n, Allowed: -1})
	if far {
		slices.Reverse(hits)
	}
	skip := make([]uint64, (n+63)/64)
	for _, h := range hits[int(share*float64(n)):] {
		skip[h.Row/64] |= 1 << (h.Row % 64)
	}
	return skip
}

// recall: rows that do not pass cost no recall, wherever they are.
func (f Filters) recall(t *testing.T) {
	SlowUnderRace(t)
	const n, dim = 12000, 16
	rng := rand.New(rand.NewPCG(1, 1))
	src, queries := Clustered(rng, n, 60, dim, 30)
	for _, m := range metrics {
		exact := Flat(t, f.Kernels, src, m)
		x := f.reopen(t, src, m, f.Recall)
		for _, share := range []float64{0.001, 0.01, 0.1, 0.3, 0.5, 0.9, 0.999} {
			random := RandomSkip(rng, n, share)
			ranks := map[string][][]uint64{}
			for i := range queries.Rows() {
				q := queries.Data[i*dim:][:dim]
				ranks["near"] = append(ranks["near"], rankSkip(t, exact, q, share, false))
				ranks["far"] = append(ranks["far"], rankSkip(t, exact, q, share, true))
			}
			for _, run := range f.Runs {
				q := vecindex.Query{K: 10, Params: run.Search, Skip: random, Allowed: -1}
				got := Recall(t, x, exact, m, queries, q)
				t.Logf("%v, random %.3f, %+v: %.4f", m, share, run.Search, got)
				require.GreaterOrEqual(t, got, run.Floor, "%v, random %.3f, %+v", m, share, run.Search)
				q.Params = run.FarSearch
				for which, skips := range ranks {
					got := 0.0
					for i, skip := range skips {
						q.Skip = skip
						got += Recall(t, x, exact, m, vecindex.Vectors{Data: queries.Data[i*dim:][:dim], Dimension: dim}, q)
					}
					got /= float64(len(skips))
					t.Logf("%v, %s %.3f, %+v: %.4f", m, which, share, run.FarSearch, got)
					require.GreaterOrEqual(t, got, run.FarFloor, "%v, %s %.3f, %+v", m, which, share, run.FarSearch)
				}
			}
		}
	}
}

// nullRecall: rows without a vector cost no recall, whatever their share, with a
// filter and without.
func (f Filters) nullRecall(t *testing.T) {
	SlowUnderRace(t)
	const n, dim = 8000, 16
	for _, m := range metrics {
		for _, share := range []float64{0.5, 0.7, 0.9} {
			rng := rand.New(rand.NewPCG(8, uint64(100*share)))
			full, queries := Clustered(rng, n, 60, dim, 30)
			src := Without(rng, full, share)
			exact := Flat(t, f.Kernels, full, m)
			built := f.build(t, src, m, f.Null)
			for what, x := range map[string]vecindex.Index{"built": built, "opened": Reopen(t, f.Kind, built, src, m, nil)} {
				for _, pass := range []float64{1, 0.5, 0.3, 0.01} {
					q := vecindex.Query{K: 10, Params: f.NullSearch, Allowed: -1}
					q.Skip = SkipOf(src, RandomSkip(rng, n, pass))
					got := Recall(t, x, exact, m, queries, q)
					require.GreaterOrEqual(t, got, 0.95, "%v, %v: %s, filter %v", m, share, what, pass)
					q.Allowed = n
					for _, w := range q.Skip {
						q.Allowed -= bits.OnesCount64(w)
					}
					require.InDelta(t, got, Recall(t, x, exact, m, queries, q), 0, "%v, %v: %s, filter %v, counted", m, share, what, pass)
				}
			}
		}
	}
}

// nullAll: an index over rows none of which has a vector is an index.
func (f Filters) nullAll(t *testing.T) {
	const n, dim = 700, 8
	rng := rand.New(rand.NewPCG(10, 10))
	full, _ := Clustered(rng, n, 0, dim, 3)
	none := Without(rng, full, 1)
	for _, m := range metrics {
		x := f.build(t, none, m, f.Other)
		require.Equal(t, n, x.Rows())
		for _, x := range []vecindex.Index{x, Reopen(t, f.Kind, x, none, m, nil)} {
			for _, allowed := range []int{-1, 0} {
				require.Empty(t, Search(t, x, vecindex.Query{Vector: full.Data[:dim], K: 5, Allowed: allowed, Skip: SkipOf(none, nil)}))
			}
		}
	}
}

// law asks with random filters, limits, counts and ks: never fewer hits than
// there can be, never a row that is skipped, exact scores, in order.
func (f Filters) law(t *testing.T) {
	const n, dim = 3000, 8
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 2))
	const rounds = 400
	full, _ := Clustered(rng, n, 0, dim, 12)
	for i, m := range metrics {
		src := full
		if i > 0 {
			src = Without(rng, full, []float64{0.3, 0.9}[i-1])
		}
		exact := Flat(t, f.Kernels, full, m)
		built := f.build(t, src, m, f.Law)
		opened := Reopen(t, f.Kind, built, src, m, f.Open)
		for round := range rounds {
			x := built
			if round%2 == 1 {
				x = opened
			}
			q, pass := f.query(rng, full, src)
			_, hits := Law(t, x, exact, m, q)
			require.Equal(t, min(q.K, pass), hits)
		}
	}
}

// query returns a random query over src, and how many rows pass.
func (f Filters) query(rng *rand.Rand, full, src vecindex.Vectors) (q vecindex.Query, pass int) {
	n, dim := full.Rows(), full.Dimension
	q = vecindex.Query{Vector: full.Data[dim*rng.IntN(n):][:dim], K: 1 + rng.IntN(30), Allowed: -1}
	q.Params = f.Random(rng, q.K)
	more := RandomSkip(rng, n, rng.Float64()*rng.Float64())
	if rng.IntN(3) == 0 {
		more = RandomSkip(rng, n, 1-0.01*rng.Float64())
	}
	if src.Present.IsZero() {
		q.Skip = more[:rng.IntN(len(more)+1)]
	} else {
		q.Skip = SkipOf(src, more)
	}
	limit := n
	if rng.IntN(3) == 0 {
		limit = 1 + rng.IntN(n)
		q.Limit = limit
	}
	for r := range limit {
		if r/64 >= len(q.Skip) || q.Skip[r/64]>>(r%64)&1 == 0 {
			pass++
		}
	}
	if rng.IntN(2) == 0 {
		q.Allowed = pass
	}
	return q, pass
}

// wrongCount: a count that the bitset belies does no harm beyond its own query.
func (f Filters) wrongCount(t *testing.T) {
	const n = 3000
	rng := rand.New(rand.NewPCG(3, 3))
	src, _ := Clustered(rng, n, 0, 8, 12)
	skip := RandomSkip(rng, n, 0.5)
	x := f.build(t, src, vecindex.L2, f.Other)
	for _, allowed := range []int{1, n, n + 1, n - 1, math.MaxInt} {
		for _, h := range Search(t, x, vecindex.Query{Vector: src.Data[:8], K: 20, Skip: skip, Allowed: allowed}) {
			require.Zero(t, skip[h.Row/64]>>(h.Row%64)&1)
		}
	}
}

// refuses: a vector of another dimension, no k and a canceled context are errors.
func (f Filters) refuses(t *testing.T) {
	src, _ := Clustered(rand.New(rand.NewPCG(4, 4)), 100, 0, 8, 2)
	x := f.build(t, src, vecindex.L2, f.Other)
	_, err := x.Search(t.Context(), &vecindex.Query{Vector: make([]float32, 9), K: 1}, nil)
	require.ErrorContains(t, err, "expected vector size(8), actual(9)")
	_, err = x.Search(t.Context(), &vecindex.Query{Vector: make([]float32, 8)}, nil)
	require.Error(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = x.Search(ctx, &vecindex.Query{Vector: make([]float32, 8), K: 1}, nil)
	require.ErrorIs(t, err, context.Canceled)
}

// extremes: elements whose squares no float holds neither crash a build nor a
// search, and cost no hits.
func (f Filters) extremes(t *testing.T) {
	const n, dim = 2400, 8
	rng := rand.New(rand.NewPCG(5, 5))
	src, _ := Clustered(rng, n, 0, dim, 4)
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
		x := f.build(t, src, m, f.Other)
		for r := range 40 {
			q := vecindex.Query{Vector: src.Data[r*dim:][:dim], K: 10, Allowed: -1, Params: f.Random(rng, 10)}
			require.Len(t, Search(t, x, q), 10)
			q.Skip = RandomSkip(rng, n, 0.8)
			require.Len(t, Search(t, x, q), 10)
		}
	}
}

// parallel searches from several goroutines: each gets what it would alone.
func (f Filters) parallel(t *testing.T) {
	const n, dim = 2000, 8
	rng := rand.New(rand.NewPCG(6, 6))
	src, vectors := Clustered(rng, n, 40, dim, 12)
	x := f.reopen(t, src, vecindex.IP, f.Other)
	skips := [][]uint64{nil, RandomSkip(rng, n, 0.9), RandomSkip(rng, n, 0.7)}
	queries := make([]vecindex.Query, vectors.Rows())
	want := make([][]vecindex.Hit, len(queries))
	for i := range queries {
		queries[i] = vecindex.Query{Vector: vectors.Data[i*dim:][:dim], K: 10, Skip: skips[i%3], Allowed: -1, Params: f.Random(rng, 10)}
		want[i] = Search(t, x, queries[i])
	}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for i, q := range queries {
				got, err := x.Search(context.Background(), &q, nil)
				if err != nil || !slices.Equal(got, want[i]) {
					t.Errorf("query %d: %v, %v", i, got, err)
				}
			}
		})
	}
	wg.Wait()
}
