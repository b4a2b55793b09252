package hnsw_test

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

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

// TestScanOfRowsAlikeByCodes asks for the nearest of rows almost on a sphere around the
// query: codes tell rows from each other, but hardly which is nearer to the query,
// so that a scan has to compare more of them by vectors than it holds at a time.
func TestScanOfRowsAlikeByCodes(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 5))
	n, dim := 16_000, 32
	src := vecindex.Vectors{Dimension: dim, Data: make([]float32, n*dim)}
	for i := range n {
		row := src.Data[i*dim : (i+1)*dim]
		for j := range row {
			row[j] = float32(rng.NormFloat64())
		}
		length := (1 + 0.02*rng.Float32()) / float32(math.Sqrt(float64(vec.Portable().IP(row, row))))
		for j := range row {
			row[j] *= length
		}
	}
	q := vecindex.Query{Vector: make([]float32, dim), Allowed: -1}
	for _, kern := range vec.All() {
		flat, err := vecindex.Flat(kern, 1).Build(t.Context(), src, vecindex.L2, nil, vecindex.BuildOptions{Threads: 1})
		require.NoError(t, err)
		x := build(t, kern, src, vecindex.L2, vecindex.Params{"M": "4", "efConstruction": "16"}, vecindex.BuildOptions{})
		require.Greater(t, x.Bytes(), int64(n*dim), "there are codes")
		q.K, q.Params = 200, vecindex.SearchParams{Ef: 200}
		for _, share := range []float64{0.005, 0.1, 0.25} {
			q.Skip = indextest.RandomSkip(rng, n, share)
			want, err := flat.Search(t.Context(), &q, nil)
			require.NoError(t, err)
			got, err := x.Search(t.Context(), &q, nil)
			require.NoError(t, err)
			require.Len(t, got, len(want))
			found := 0
			for _, hit := range got {
				if slices.Contains(want, hit) {
					found++
				}
			}
			require.GreaterOrEqual(t, float64(found), 0.99*float64(len(want)), "%v share %v", kern, share)
		}
	}
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
