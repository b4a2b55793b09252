package hnsw_test

import (
	"math/rand/v2"
	"testing"

	"github.com/redkite-db/redkite/internal/porttest/indextest"
	"github.com/redkite-db/redkite/internal/vec"
	"github.com/redkite-db/redkite/internal/vecindex"
	"github.com/redkite-db/redkite/internal/vecindex/hnsw"
)

func TestBuildsEndWhenCanceled(t *testing.T) {
	src, _ := indextest.Clustered(rand.New(rand.NewPCG(3, 1)), 10_000, 0, 24, 20)
	for i, c := range variants {
		if i > 0 && c.kind == variants[i-1].kind {
			continue
		}
		t.Run(c.kind, func(t *testing.T) {
			indextest.SlowUnderRace(t)
			p := vecindex.Params{"M": "8", "efConstruction": "40"}
			for k, v := range c.p {
				p[k] = v
			}
			indextest.Cancel(t, indextest.Cancellation{Kind: kindNamed(t, vec.Detect(), c.kind), Source: src, Metric: vecindex.Cosine, Params: p})
		})
	}
	t.Run("HNSW", func(t *testing.T) {
		p := vecindex.Params{"M": "8", "efConstruction": "40"}
		indextest.Cancel(t, indextest.Cancellation{Kind: hnsw.Kind(vec.Detect()), Source: src, Metric: vecindex.L2, Params: p})
	})
}
