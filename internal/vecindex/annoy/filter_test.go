package annoy_test

import (
	"math/rand/v2"
	"testing"

	"github.com/redkite-db/redkite/internal/porttest/indextest"
	"github.com/redkite-db/redkite/internal/vec"
	"github.com/redkite-db/redkite/internal/vecindex"
	"github.com/redkite-db/redkite/internal/vecindex/annoy"
)

func TestFilters(t *testing.T) {
	indextest.RunFilters(t, indextest.Filters{
		Kernels: vec.Detect(), Kind: annoy.Kind(vec.Detect()), Threads: 2,
		Recall: vecindex.Params{"n_trees": "32"}, Law: vecindex.Params{"n_trees": "3"},
		Runs: []indextest.FilterRun{{
			Search: vecindex.SearchParams{SearchK: 1000}, FarSearch: vecindex.SearchParams{SearchK: 1000}, Floor: 0.93, FarFloor: 0.75,
		}},
		NullSearch: vecindex.SearchParams{SearchK: 600},
		Random: func(rng *rand.Rand, k int) vecindex.SearchParams {
			return vecindex.SearchParams{SearchK: rng.IntN(2) * (k + rng.IntN(200))}
		},
	})
}
