package annoy_test

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
	"github.com/redkite-db/redkite/internal/vecindex/annoy"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var metrics = []vecindex.Metric{vecindex.L2, vecindex.IP, vecindex.Cosine}

func build(t testing.TB, kern vec.Kernels, src vecindex.Source, m vecindex.Metric, p vecindex.Params, o vecindex.BuildOptions) vecindex.Index {
	t.Helper()
	o.Threads = max(o.Threads, 2)
	return indextest.Build(t, annoy.Kind(kern), src, m, p, o)
}

// reopen writes an index to a file and opens that, mapped as a server does.
func reopen(t testing.TB, kern vec.Kernels, x vecindex.Index, src vecindex.Source, m vecindex.Metric, p vecindex.Params) vecindex.Index {
	t.Helper()
	return indextest.Reopen(t, annoy.Kind(kern), x, src, m, p)
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
			for j, c := range []struct {
				trees, searchK, k int
				floor             float64
			}{{8, 0, 10, 0.55}, {8, 1500, 10, 0.97}, {64, 0, 10, 0.97}, {64, 2000, 100, 0.97}, {1, 2000, 10, 0.8}, {200, 0, 1, 0.97}} {
				if i > 0 && (j > 0 || m != vecindex.Cosine) {
					break // one shape is enough for a slower kernel
				}
				t.Run(fmt.Sprintf("%v/%v/n_trees=%d/search_k=%d", kern, m, c.trees, c.searchK), func(t *testing.T) {
					built := build(t, kern, src, m, vecindex.Params{"n_trees": fmt.Sprint(c.trees)}, vecindex.BuildOptions{})
					back := reopen(t, kern, built, src, m, nil)
					require.Equal(t, n, back.Rows())
					q := vecindex.Query{K: c.k, Allowed: -1, Params: vecindex.SearchParams{SearchK: c.searchK}}
					got := indextest.Recall(t, back, exact, m, queries, q)
					t.Logf("recall %.4f", got)
					require.GreaterOrEqual(t, got, c.floor)
					require.Equal(t, got, indextest.Recall(t, built, exact, m, queries, q))
				})
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
					got := indextest.Recall(t, x, indextest.Flat(t, vec.Detect(), src, m), m, queries, vecindex.Query{K: k, Allowed: -1})
					if n <= 100 || k > n {
						require.EqualValues(t, 1, got)
					}
				}
			}
		}
	}
}

// TestCopies: rows that are all the same part at random, and are all found.
func TestCopies(t *testing.T) {
	const n, dim = 4000, 8
	for _, different := range []int{1, 3, 50} {
		src, _ := indextest.Clustered(rand.New(rand.NewPCG(9, 9)), different, 0, dim, different)
		rows := vecindex.Vectors{Dimension: dim}
		for i := range n {
			rows.Data = append(rows.Data, src.Data[i%different*dim:][:dim]...)
		}
		for _, m := range metrics {
			x := build(t, vec.Detect(), rows, m, nil, vecindex.BuildOptions{})
			exact := indextest.Flat(t, vec.Detect(), rows, m)
			got := indextest.Recall(t, x, exact, m, src, vecindex.Query{K: 50, Allowed: -1})
			require.GreaterOrEqual(t, got, 0.95, "%v, %d", m, different)
		}
	}
}

// TestSameFile: one seed gives one file, whatever the number of threads, another
// seed another.
func TestSameFile(t *testing.T) {
	src, _ := indextest.Clustered(rand.New(rand.NewPCG(4, 4)), 1500, 0, 8, 10)
	var files []string
	for i, seed := range []uint64{7, 7, 8} {
		x, err := annoy.Kind(vec.Detect()).Build(context.Background(), src, vecindex.Cosine, nil, vecindex.BuildOptions{Threads: 1 + i, Seed: seed})
		require.NoError(t, err)
		files = append(files, string(indextest.File(t, x)))
		require.NoError(t, x.Close())
	}
	require.True(t, files[0] == files[1])
	require.False(t, files[0] == files[2])
}
