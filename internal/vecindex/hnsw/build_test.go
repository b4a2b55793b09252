package hnsw_test

import (
	"context"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/redkite-db/redkite/internal/mem"
	"github.com/redkite-db/redkite/internal/porttest/indextest"
	"github.com/redkite-db/redkite/internal/vec"
	"github.com/redkite-db/redkite/internal/vecindex"
	"github.com/redkite-db/redkite/internal/vecindex/hnsw"
)

func TestBuildCanceled(t *testing.T) {
	src, _ := indextest.Clustered(rand.New(rand.NewPCG(1, 1)), 5000, 0, 8, 10)
	budget := mem.NewBudget(0)
	kind := hnsw.Kind(vec.Detect())
	ctx, cancel := context.WithCancel(context.Background())
	_, err := kind.Build(ctx, src, vecindex.Cosine, nil, vecindex.BuildOptions{
		Threads: 3, Budget: budget,
		Progress: func(done, total int) {
			require.Equal(t, 5000, total)
			if done > 1000 {
				cancel()
			}
		},
	})
	require.ErrorIs(t, err, context.Canceled)
	require.Zero(t, budget.Used())
}

func TestBuildBudget(t *testing.T) {
	src, _ := indextest.Clustered(rand.New(rand.NewPCG(2, 2)), 2000, 0, 8, 10)
	p := vecindex.Params{"M": "8", "efConstruction": "20"}
	need := mem.NewBudget(0)
	x := build(t, vec.Detect(), src, vecindex.Cosine, p, vecindex.BuildOptions{Budget: need})
	require.Equal(t, need.Used(), x.Bytes())

	short := mem.NewBudget(need.Used() - 1)
	_, err := hnsw.Kind(vec.Detect()).Build(context.Background(), src, vecindex.Cosine, p, vecindex.BuildOptions{Threads: 1, Budget: short})
	var be *mem.BudgetError
	require.ErrorAs(t, err, &be)
	require.Zero(t, short.Used())
}

// head is the first rows of v, in v's memory, as a slab has them before it grows.
func head(v vecindex.Vectors, rows int) vecindex.Vectors {
	v.Data = v.Data[:rows*v.Dimension]
	return v
}

func newLive(t testing.TB, dim, rows int, m vecindex.Metric, budget *mem.Budget) vecindex.Live {
	x, err := hnsw.Kind(vec.Detect()).Live(dim, m, vecindex.Params{"M": "8", "efConstruction": "60"}, vecindex.LiveOptions{MaxRows: rows, Budget: budget})
	require.NoError(t, err)
	return x
}

// TestLive extends an index from several goroutines while others search it:
// every search is complete and sees no row behind Rows().
func TestLive(t *testing.T) {
	const n, dim = 4000, 16
	for _, m := range metrics {
		rng := rand.New(rand.NewPCG(3, 3))
		src, queries := indextest.Clustered(rng, n, 60, dim, 20)
		budget := mem.NewBudget(0)
		x := newLive(t, dim, n, m, budget)

		var stop atomic.Bool
		var searches atomic.Int64
		var wg sync.WaitGroup
		for g := range 2 {
			rng := rand.New(rand.NewPCG(uint64(g), 4))
			wg.Go(func() {
				for !stop.Load() {
					rows := x.Rows()
					q := vecindex.Query{Vector: src.Data[dim*rng.IntN(n):][:dim], K: 10, Allowed: -1, Limit: rows, Params: vecindex.SearchParams{Ef: 20}}
					if rows == 0 {
						runtime.Gosched()
						continue
					}
					if rng.IntN(3) == 0 {
						q.Skip = indextest.RandomSkip(rng, rows, 0.7)
					}
					hits, err := x.Search(context.Background(), &q, nil)
					if err != nil || len(hits) != 10 {
						t.Errorf("%d hits among %d rows: %v", len(hits), rows, err)
						return
					}
					for _, h := range hits {
						if int(h.Row) >= rows {
							t.Errorf("row %d of %d", h.Row, rows)
						}
					}
					searches.Add(1)
				}
			})
		}
		for done := 0; done < n; {
			done = min(done+1+rng.IntN(900), n)
			require.NoError(t, x.Extend(context.Background(), head(src, done), 2))
			require.Equal(t, done, x.Rows())
		}
		for searches.Load() < 20 {
			runtime.Gosched()
		}
		stop.Store(true)
		wg.Wait()

		got := indextest.Recall(t, x, indextest.Flat(t, vec.Detect(), src, m), m, queries, vecindex.Query{K: 10, Allowed: -1, Params: vecindex.SearchParams{Ef: 100}})
		t.Logf("%v: recall %.4f, %d searches meanwhile", m, got, searches.Load())
		require.GreaterOrEqual(t, got, 0.95)

		// What has grown is written and opened like what was built.
		back, err := hnsw.Kind(vec.Detect()).Open(mem.FromBytes(indextest.File(t, x)), src, m, nil)
		require.NoError(t, err)
		q := vecindex.Query{Vector: queries.Data[:dim], K: 10, Allowed: -1}
		require.Equal(t, indextest.Search(t, x, q), indextest.Search(t, back, q))
		require.NoError(t, back.Close())

		require.ErrorContains(t, x.Extend(context.Background(), vecindex.Vectors{Data: make([]float32, (n+1)*dim), Dimension: dim}, 1), "cannot take 4001")
		require.NoError(t, x.Close())
		require.Zero(t, budget.Used())
	}
}

// fuse is a context that is canceled after its error was asked for left times.
type fuse struct {
	context.Context //nolint:containedctx // it is a context, in a test
	left            atomic.Int64
}

func (f *fuse) Err() error {
	if f.left.Add(-1) < 0 {
		return context.Canceled
	}
	return nil
}

// TestLiveGoesOn cancels Extend after any number of rows: what is published is
// complete, and the next Extend finishes the work as if nothing had been.
func TestLiveGoesOn(t *testing.T) {
	const n, dim = 2000, 8
	for _, m := range metrics {
		rng := rand.New(rand.NewPCG(5, 5))
		src, queries := indextest.Clustered(rng, n, 40, dim, 10)
		budget := mem.NewBudget(0)
		x := newLive(t, dim, n, m, budget)
		for x.Rows() < n {
			ctx := &fuse{Context: context.Background()}
			ctx.left.Store(rng.Int64N(500))
			rows := x.Rows()
			if err := x.Extend(ctx, src, 2); err != nil {
				require.ErrorIs(t, err, context.Canceled)
			}
			require.GreaterOrEqual(t, x.Rows(), rows)
			if rows = x.Rows(); rows > 0 {
				part := head(src, rows)
				back, err := hnsw.Kind(vec.Detect()).Open(mem.FromBytes(indextest.File(t, x)), part, m, nil)
				require.NoError(t, err)
				require.NoError(t, back.Close())
			}
		}
		whole := newLive(t, dim, n, m, nil)
		require.NoError(t, whole.Extend(context.Background(), src, 1))
		require.Equal(t, whole.Bytes(), x.Bytes(), "nothing is lost on the way")
		require.NoError(t, whole.Close())
		q := vecindex.Query{K: 10, Allowed: -1, Params: vecindex.SearchParams{Ef: 80}}
		require.GreaterOrEqual(t, indextest.Recall(t, x, indextest.Flat(t, vec.Detect(), src, m), m, queries, q), 0.95)
		require.NoError(t, x.Close())
		require.Zero(t, budget.Used())
	}
}

// TestLiveOverBudget: when memory is refused, what is linked stays searchable.
func TestLiveOverBudget(t *testing.T) {
	const n, dim = 4000, 8
	src, _ := indextest.Clustered(rand.New(rand.NewPCG(6, 6)), n, 0, dim, 10)
	budget := mem.NewBudget(150_000)
	x := newLive(t, dim, n, vecindex.L2, budget)
	var be *mem.BudgetError
	require.ErrorAs(t, x.Extend(context.Background(), src, 1), &be)
	rows := x.Rows()
	require.NotZero(t, rows)
	require.Less(t, rows, n)
	require.Len(t, indextest.Search(t, x, vecindex.Query{Vector: src.Data[:dim], K: 10, Allowed: -1}), 10)
	require.NoError(t, x.Close())
	require.Zero(t, budget.Used())
}

func BenchmarkBuild(b *testing.B) {
	src, _ := indextest.Clustered(rand.New(rand.NewPCG(7, 7)), 5000, 0, 64, 50)
	b.ReportAllocs()
	for b.Loop() {
		x, err := hnsw.Kind(vec.Detect()).Build(context.Background(), src, vecindex.L2, vecindex.Params{"M": "16", "efConstruction": "100"}, vecindex.BuildOptions{Threads: 1})
		require.NoError(b, err)
		require.NoError(b, x.Close())
	}
	b.ReportMetric(float64(b.N)*5000/b.Elapsed().Seconds(), "rows/s")
}
