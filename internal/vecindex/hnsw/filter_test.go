package hnsw_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/redkite-db/redkite/internal/porttest/indextest"
	"github.com/redkite-db/redkite/internal/vec"
	"github.com/redkite-db/redkite/internal/vecindex"
	"github.com/redkite-db/redkite/internal/vecindex/hnsw"
)

func TestFilters(t *testing.T) {
	graph := vecindex.Params{"M": "8", "efConstruction": "100"}
	small := vecindex.Params{"M": "4", "efConstruction": "16"}
	wide := vecindex.SearchParams{Ef: 64}
	indextest.RunFilters(t, indextest.Filters{
		Kernels: vec.Detect(), Kind: hnsw.Kind(vec.Detect()), Threads: 1, // one: every run sees the same graph
		Recall: graph, Null: graph, Law: small, Other: small,
		Runs:       []indextest.FilterRun{{Search: wide, FarSearch: wide, Floor: 0.95, FarFloor: 0.95}},
		NullSearch: wide,
		Random: func(rng *rand.Rand, k int) vecindex.SearchParams {
			return vecindex.SearchParams{Ef: k + rng.IntN(30)}
		},
	})
}

func BenchmarkSearch(b *testing.B) {
	rng := rand.New(rand.NewPCG(5, 5))
	n, dim := 30_000, 64
	src, _ := indextest.Clustered(rng, n, 0, dim, 100)
	x := build(b, vec.Detect(), src, vecindex.L2, vecindex.Params{"M": "16", "efConstruction": "100"}, vecindex.BuildOptions{})
	for _, share := range []float64{1, 0.5, 0.1, 0.01} {
		b.Run(fmt.Sprintf("share=%v", share), func(b *testing.B) {
			q := vecindex.Query{K: 10, Allowed: -1, Params: vecindex.SearchParams{Ef: 64}}
			if share < 1 {
				q.Skip = indextest.RandomSkip(rng, n, share)
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
