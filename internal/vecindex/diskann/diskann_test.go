package diskann_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/redkite-db/redkite/internal/porttest/indextest"
	"github.com/redkite-db/redkite/internal/vec"
	"github.com/redkite-db/redkite/internal/vecindex"
	"github.com/redkite-db/redkite/internal/vecindex/diskann"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var metrics = []vecindex.Metric{vecindex.L2, vecindex.IP, vecindex.Cosine}

func build(t testing.TB, kern vec.Kernels, src vecindex.Source, m vecindex.Metric, p vecindex.Params, o vecindex.BuildOptions) vecindex.Index {
	t.Helper()
	o.Threads = max(o.Threads, 2)
	return indextest.Build(t, diskann.Kind(kern), src, m, p, o)
}

// reopen writes an index to a file and opens that, mapped as a server does.
func reopen(t testing.TB, kern vec.Kernels, x vecindex.Index, src vecindex.Source, m vecindex.Metric, p vecindex.Params) vecindex.Index {
	t.Helper()
	return indextest.Reopen(t, diskann.Kind(kern), x, src, m, p)
}

// floors are the recalls that each set of build parameters has to reach, by list
// size. Codes of a twentieth of the vectors tell much less apart.
var floors = []struct {
	params vecindex.Params
	runs   []run
}{
	{nil, []run{{100, 8, 10, 0.98}, {40, 1, 10, 0.9}, {40, 64, 10, 0.9}, {200, 4, 100, 0.98}, {10, 2, 1, 0.8}}},
	{
		vecindex.Params{"max_degree": "24", "search_list_size": "60", "search_cache_budget_gb_ratio": "0"},
		[]run{{100, 8, 10, 0.98}, {40, 1, 10, 0.9}, {200, 4, 100, 0.98}},
	},
	{
		vecindex.Params{"pq_code_budget_gb_ratio": "0.05", "search_cache_budget_gb_ratio": "3"},
		[]run{{300, 8, 10, 0.97}, {120, 1, 10, 0.7}, {600, 4, 100, 0.97}},
	},
	{vecindex.Params{"pq_code_budget_gb_ratio": "0.25"}, []run{{100, 8, 10, 0.99}, {20, 8, 10, 0.9}}},
}

// run is one way to search.
type run struct {
	list, beam, k int
	floor         float64
}

func TestRecall(t *testing.T) {
	indextest.SlowUnderRace(t)
	const n, dim = 12000, 24
	rng := rand.New(rand.NewPCG(1, 1))
	src, queries := indextest.Clustered(rng, n, 60, dim, 40)
	copy(queries.Data, src.Data[:30*dim]) // half of them are rows
	for i, kern := range vec.All() {
		for _, m := range metrics {
			exact := indextest.Flat(t, kern, src, m)
			for j, c := range floors {
				if i > 0 && (j > 0 || m != vecindex.Cosine) {
					break // one shape is enough for a slower kernel
				}
				built := build(t, kern, src, m, c.params, vecindex.BuildOptions{})
				back := reopen(t, kern, built, src, m, c.params)
				require.Equal(t, n, back.Rows())
				for _, r := range c.runs {
					t.Run(fmt.Sprintf("%v/%v/%v/list=%d", kern, m, c.params, r.list), func(t *testing.T) {
						q := vecindex.Query{K: r.k, Allowed: -1, Params: vecindex.SearchParams{List: r.list, Beam: r.beam}}
						got := indextest.Recall(t, back, exact, m, queries, q)
						t.Logf("recall %.4f", got)
						require.GreaterOrEqual(t, got, r.floor)
						require.Equal(t, got, indextest.Recall(t, built, exact, m, queries, q))
					})
				}
			}
		}
	}
}

// TestSmall covers the sizes at which graphs begin, and k beyond the rows.
func TestSmall(t *testing.T) {
	indextest.SlowUnderRace(t)
	rng := rand.New(rand.NewPCG(2, 2))
	for _, n := range []int{0, 1, 2, 3, 17, 100, 400} {
		for _, m := range metrics {
			src, queries := indextest.Clustered(rng, n, 5, 7, 3)
			x := build(t, vec.Detect(), src, m, nil, vecindex.BuildOptions{})
			for _, x := range []vecindex.Index{x, reopen(t, vec.Detect(), x, src, m, nil)} {
				for _, k := range []int{1, 10, 500} {
					require.EqualValues(t, 1, indextest.Recall(t, x, indextest.Flat(t, vec.Detect(), src, m), m, queries, vecindex.Query{K: k, Allowed: -1}))
				}
			}
		}
	}
}

// TestCopies: of rows that are all the same, and of few different ones, none is
// out of reach of a walk.
func TestCopies(t *testing.T) {
	indextest.SlowUnderRace(t)
	const n, dim = 4000, 8
	for _, different := range []int{1, 3, 50} {
		src, _ := indextest.Clustered(rand.New(rand.NewPCG(9, 9)), different, 0, dim, different)
		rows := vecindex.Vectors{Dimension: dim}
		for i := range n {
			rows.Data = append(rows.Data, src.Data[i%different*dim:][:dim]...)
		}
		for _, m := range metrics {
			x := build(t, vec.Detect(), rows, m, nil, vecindex.BuildOptions{Threads: 1})
			exact := indextest.Flat(t, vec.Detect(), rows, m)
			got := indextest.Recall(t, x, exact, m, src, vecindex.Query{K: 50, Allowed: -1, Params: vecindex.SearchParams{List: 60}})
			require.GreaterOrEqual(t, got, 0.98, "%v, %d", m, different)
		}
	}
}

// TestSameFile: one seed gives one file with one thread, another seed another.
func TestSameFile(t *testing.T) {
	src, _ := indextest.Clustered(rand.New(rand.NewPCG(4, 4)), 1500, 0, 8, 10)
	var files []string
	for _, seed := range []uint64{7, 7, 8} {
		x, err := diskann.Kind(vec.Detect()).Build(context.Background(), src, vecindex.Cosine, nil, vecindex.BuildOptions{Threads: 1, Seed: seed})
		require.NoError(t, err)
		files = append(files, string(indextest.File(t, x)))
		require.NoError(t, x.Close())
	}
	require.True(t, files[0] == files[1])
	require.False(t, files[0] == files[2])
}
