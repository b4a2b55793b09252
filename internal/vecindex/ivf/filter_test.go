package ivf_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/redkite-db/redkite/internal/porttest/indextest"
	"github.com/redkite-db/redkite/internal/vec"
	"github.com/redkite-db/redkite/internal/vecindex"
)

// TestFilters: where the rows near a query are just those that do not pass, the
// hits lie in many lists, and are as far as thousands of others, among which codes
// of one bit see little difference.
func TestFilters(t *testing.T) {
	for _, name := range names {
		run := indextest.FilterRun{
			Search: vecindex.SearchParams{NProbe: 24}, Floor: 0.95,
			FarSearch: vecindex.SearchParams{NProbe: 24, Candidates: 2000}, FarFloor: 0.9, // this is about lists
		}
		if strings.HasPrefix(name, "IVF_RABITQ") {
			run.FarFloor = 0.75
		}
		t.Run(name, func(t *testing.T) {
			indextest.RunFilters(t, indextest.Filters{
				Kernels: vec.Detect(), Kind: kindOf(t, vec.Detect(), name), Threads: 2,
				Recall: needed(name, 16, "nlist", "128"), Null: needed(name, 16, "nlist", "32"),
				Law: needed(name, 8), Other: needed(name, 8),
				Runs: []indextest.FilterRun{run}, NullSearch: vecindex.SearchParams{NProbe: 8},
				Random: func(rng *rand.Rand, k int) vecindex.SearchParams {
					p := vecindex.SearchParams{NProbe: rng.IntN(20)}
					if rng.IntN(3) == 0 {
						p.Candidates = k + rng.IntN(100)
					}
					return p
				},
			})
		})
	}
}

// TestSearchAllocates holds a search to no allocation once its memory is warm.
func TestSearchAllocates(t *testing.T) {
	indextest.SlowUnderRace(t) // it empties pools at random
	const n, dim = 8000, 16
	rng := rand.New(rand.NewPCG(5, 5))
	src, _ := indextest.Clustered(rng, n, 0, dim, 30)
	most, few := indextest.RandomSkip(rng, n, 0.6), indextest.RandomSkip(rng, n, 0.01)
	for _, name := range names {
		for _, m := range metrics {
			x := build(t, kindOf(t, vec.Detect(), name), src, m, needed(name, dim), vecindex.BuildOptions{})
			for what, skip := range map[string][]uint64{"all": nil, "most": most, "few": few} {
				q := &vecindex.Query{Vector: src.Data[:dim], K: 10, Skip: skip, Allowed: -1, Params: vecindex.SearchParams{NProbe: 8}}
				out := make([]vecindex.Hit, 0, 10)
				allocs := testing.AllocsPerRun(100, func() {
					var err error
					if out, err = x.Search(context.Background(), q, out[:0]); err != nil || len(out) != 10 {
						t.Fatal(len(out), err)
					}
				})
				if allocs >= 1 { // a collection during the run may empty the pool once
					t.Errorf("%s/%v/%s: %v allocations a search", name, m, what, allocs)
				}
			}
		}
	}
}

func BenchmarkFilter(b *testing.B) {
	const n, dim = 100_000, 64
	rng := rand.New(rand.NewPCG(5, 5))
	src, _ := indextest.Clustered(rng, n, 0, dim, 100)
	for _, name := range names {
		x := build(b, kindOf(b, vec.Detect(), name), src, vecindex.L2, needed(name, dim, "nlist", "256"), vecindex.BuildOptions{})
		for _, share := range []float64{1, 0.5, 0.1, 0.03, 0.01, 0.003, 0.001} {
			q := vecindex.Query{K: 10, Allowed: -1, Params: vecindex.SearchParams{NProbe: 8}}
			if share < 1 {
				q.Skip = indextest.RandomSkip(rng, n, share)
			}
			b.Run(fmt.Sprintf("%s/share=%v", name, share), func(b *testing.B) {
				var out []vecindex.Hit
				for i := 0; b.Loop(); i++ {
					q.Vector = src.Data[i%n*dim:][:dim]
					var err error
					if out, err = x.Search(context.Background(), &q, out[:0]); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
