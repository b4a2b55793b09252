package diskann_test

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/redkite-db/redkite/internal/porttest/indextest"
	"github.com/redkite-db/redkite/internal/vec"
	"github.com/redkite-db/redkite/internal/vecindex"
)

// TestIteratorKeepsItsWalk: a batch reads about as many nodes as it gives rows,
// behind a first one that reads the list as well, and what comes is near.
func TestIteratorKeepsItsWalk(t *testing.T) {
	indextest.SlowUnderRace(t)
	const n, dim, list, batch, batches = 20_000, 12, 24, 10, 5
	rng := rand.New(rand.NewPCG(4, 1))
	src, queries := indextest.Clustered(rng, n, 8, dim, 40)
	p := vecindex.Params{"max_degree": "24", "search_list_size": "40", "search_cache_budget_gb_ratio": "0"}
	built := build(t, vec.Detect(), src, vecindex.L2, p, vecindex.BuildOptions{})
	x := reopen(t, vec.Detect(), built, src, vecindex.L2, p)
	counted, ok := x.(interface{ Reads() int64 })
	require.True(t, ok)
	exact := indextest.Flat(t, vec.Detect(), src, vecindex.L2)
	near := 0
	for i := range queries.Rows() {
		q := vecindex.Query{Vector: queries.Data[i*dim:][:dim], K: batch, Allowed: -1, Params: vecindex.SearchParams{List: list}}
		it, err := x.Iterate(t.Context(), &q)
		require.NoError(t, err)
		best := map[uint32]bool{}
		q.K = batch * batches
		for _, h := range indextest.Search(t, exact, q) {
			best[h.Row] = true
		}
		before := counted.Reads()
		for b := range batches {
			hits, err := it.Next(t.Context(), batch, nil)
			require.NoError(t, err)
			require.Len(t, hits, batch)
			for _, h := range hits {
				if best[h.Row] {
					near++
				}
			}
			require.LessOrEqual(t, counted.Reads()-before, int64(list+(b+1)*batch+32), "batch %d", b)
		}
		require.Positive(t, counted.Reads()-before)
		it.Close()
	}
	t.Logf("%d of %d", near, queries.Rows()*batch*batches)
	require.GreaterOrEqual(t, near, queries.Rows()*batch*batches*9/10)
}
