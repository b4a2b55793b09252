package diskann_test

import (
	"math/rand/v2"
	"testing"

	"github.com/redkite-db/redkite/internal/porttest/indextest"
	"github.com/redkite-db/redkite/internal/vec"
	"github.com/redkite-db/redkite/internal/vecindex"
	"github.com/redkite-db/redkite/internal/vecindex/diskann"
)

func TestFilters(t *testing.T) {
	f := indextest.Filters{
		Kernels: vec.Detect(), Kind: diskann.Kind(vec.Detect()), Threads: 2,
		Recall: vecindex.Params{"pq_code_budget_gb_ratio": "0.25"},
		Law:    vecindex.Params{"max_degree": "16"}, Open: vecindex.Params{"search_cache_budget_gb_ratio": "0.5"},
		NullSearch: vecindex.SearchParams{List: 60},
		Random: func(rng *rand.Rand, _ int) vecindex.SearchParams {
			return vecindex.SearchParams{List: rng.IntN(60), Beam: rng.IntN(200), ScanFrom: rng.Float64() * float64(rng.IntN(2))}
		},
	}
	for _, from := range []float64{0, 1e-9, 1} { // as the index decides, scan codes, walk the graph
		f.Runs = append(f.Runs, indextest.FilterRun{
			Search: vecindex.SearchParams{List: 100, ScanFrom: from}, Floor: 0.97,
			FarSearch: vecindex.SearchParams{List: 400, ScanFrom: from}, FarFloor: 0.9, // many are about as far: codes tell less apart
		})
	}
	indextest.RunFilters(t, f)
}
