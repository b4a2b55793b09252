package ivf_test

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/redkite-db/redkite/internal/porttest/indextest"
	"github.com/redkite-db/redkite/internal/vec"
	"github.com/redkite-db/redkite/internal/vecindex"
)

// TestLongQueries: by inner product a query has the hits of one so many times as
// long, also where its square is no float32.
func TestLongQueries(t *testing.T) {
	const n, dim, times = 6000, 16, 1 << 66
	rows, queries := indextest.Clustered(rand.New(rand.NewPCG(51, 1)), n, 30, dim, 40)
	for _, lists := range []string{"32", "512"} {
		x := build(t, kindOf(t, vec.Detect(), "IVF_FLAT"), rows, vecindex.IP, vecindex.Params{"nlist": lists}, vecindex.BuildOptions{Threads: 2})
		for i := range queries.Rows() {
			q := vecindex.Query{Vector: queries.Data[i*dim:][:dim], K: 10, Allowed: -1, Params: vecindex.SearchParams{NProbe: 6}}
			want := indextest.Search(t, x, q)
			long := q
			long.Vector = make([]float32, dim)
			for j, e := range q.Vector {
				long.Vector[j] = e * times
			}
			for j, h := range indextest.Search(t, x, long) {
				require.Equal(t, want[j].Row, h.Row, "%s lists, query %d", lists, i)
			}
		}
		require.NoError(t, x.Close())
	}
}

// TestSmallVectors: by L2 vectors have the hits of those so many times as large,
// also where no float32 has the square of what makes codes of them.
func TestSmallVectors(t *testing.T) {
	const n, dim, times = 6000, 16, 1.0 / (1 << 62)
	rows, queries := indextest.Clustered(rand.New(rand.NewPCG(51, 2)), n, 30, dim, 40)
	small := vecindex.Vectors{Data: make([]float32, n*dim), Dimension: dim}
	for i, e := range rows.Data {
		small.Data[i] = e * times
	}
	kind, p := kindOf(t, vec.Detect(), "IVF_FLAT"), vecindex.Params{"nlist": "512"}
	x := build(t, kind, small, vecindex.L2, p, vecindex.BuildOptions{})
	exact := indextest.Flat(t, vec.Detect(), small, vecindex.L2)
	for i := range queries.Data {
		queries.Data[i] *= times
	}
	q := vecindex.Query{K: 10, Allowed: -1, Params: vecindex.SearchParams{NProbe: 12}}
	got := indextest.Recall(t, x, exact, vecindex.L2, queries, q)
	require.GreaterOrEqual(t, got, 0.9)
	require.NoError(t, x.Close())
}
