package hnsw_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/redkite-db/redkite/internal/mem"
	"github.com/redkite-db/redkite/internal/porttest/indextest"
	"github.com/redkite-db/redkite/internal/vec"
	"github.com/redkite-db/redkite/internal/vecindex"
	"github.com/redkite-db/redkite/internal/vecindex/hnsw"
)

// TestLossless: where bytes are the elements, of the rows and of a query, hits
// have the scores of an exact scan though no vector is read, which shows when
// others lie in their place.
func TestLossless(t *testing.T) {
	indextest.SlowUnderRace(t)
	const n = 12_000 // more than an iterator compares at once
	for _, c := range []struct {
		name     string
		dim      int
		m        vecindex.Metric
		low      float32
		row      float32 // added to one element of one row
		query    float32 // added to one element of the queries
		lossless bool
	}{
		{"plain", 24, vecindex.L2, 0, 0, 0, true},
		{"below zero", 24, vecindex.L2, -100, 0, 0, true},
		{"largest dimension", 258, vecindex.L2, 0, 0, 0, true},
		{"beyond it", 259, vecindex.L2, 0, 0, 0, false},
		{"one row not whole", 24, vecindex.L2, 0, 0.25, 0, false},
		{"one row out of range", 24, vecindex.L2, 0, 1000, 0, false},
		{"query not whole", 24, vecindex.L2, 0, 0, 0.25, false},
		{"query out of range", 24, vecindex.L2, 0, 0, 60, false},
		{"COSINE", 24, vecindex.Cosine, 0, 0, 0, false},
		{"IP", 24, vecindex.IP, 0, 0, 0, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			src, queries := whole(rand.New(rand.NewPCG(13, 1)), n, c.dim, c.low)
			src.Data[c.dim*(n-1)+1] += c.row
			for q := range queries.Rows() {
				queries.Data[q*c.dim+1] += c.query
			}
			kind := hnsw.Kind(vec.Detect())
			x := build(t, vec.Detect(), src, c.m, vecindex.Params{"M": "12", "efConstruction": "60"}, vecindex.BuildOptions{Threads: 2})
			flat := indextest.Flat(t, vec.Detect(), src, c.m)
			for name, q := range map[string]vecindex.Query{
				"all": {Allowed: -1}, "half": {Skip: indextest.RandomSkip(rand.New(rand.NewPCG(13, 2)), n, 0.5), Allowed: -1},
				"candidates": {Allowed: -1, Params: vecindex.SearchParams{Candidates: 40}},
			} {
				q.K, q.Params.Ef = 10, 60
				require.GreaterOrEqual(t, indextest.Recall(t, x, flat, c.m, queries, q), 0.97, name)
			}
			other := vecindex.Vectors{Data: make([]float32, len(src.Data)), Dimension: c.dim}
			other.Data[0] = 1 // COSINE wants a vector that is not zero
			blind, err := kind.Open(mem.FromBytes(indextest.File(t, x)), other, c.m, nil)
			require.NoError(t, err)
			defer func() { require.NoError(t, blind.Close()) }()
			same := true
			for i := range queries.Rows() {
				q := vecindex.Query{Vector: queries.Data[i*c.dim : (i+1)*c.dim], K: 10, Allowed: -1, Params: vecindex.SearchParams{Ef: 60}}
				want, got := indextest.Search(t, x, q), indextest.Search(t, blind, q)
				same = same && fmt.Sprint(want) == fmt.Sprint(got)
				if c.lossless {
					require.Equal(t, first(t, x, q, 30), first(t, blind, q, 30), "iterator")
				}
			}
			require.Equal(t, c.lossless, same)
		})
	}
}

// whole returns rows and queries of whole numbers from low to low + 255, both of
// which are among them.
func whole(rng *rand.Rand, n, dim int, low float32) (src, queries vecindex.Vectors) {
	src, queries = indextest.Clustered(rng, n, 40, dim, 30)
	for _, v := range []vecindex.Vectors{src, queries} {
		for i, x := range v.Data {
			v.Data[i] = low + float32(math.Round(min(max(128+20*float64(x), 0), 255)))
		}
	}
	copy(src.Data, []float32{low, low + 255})
	copy(queries.Data, src.Data[:10*dim]) // of which the first has an element of 255 above low
	return src, queries
}

// first returns the first n hits of an iterator.
func first(t *testing.T, x vecindex.Index, q vecindex.Query, n int) []vecindex.Hit {
	t.Helper()
	it, err := x.Iterate(t.Context(), &q)
	require.NoError(t, err)
	defer it.Close()
	hits, err := it.Next(t.Context(), n, nil)
	require.NoError(t, err)
	return hits
}
