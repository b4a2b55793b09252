package ivf_test

import (
	"math/rand/v2"
	"testing"

	"github.com/redkite-db/redkite/internal/porttest/indextest"
	"github.com/redkite-db/redkite/internal/vec"
	"github.com/redkite-db/redkite/internal/vecindex"
)

func TestBuildsEndWhenCanceled(t *testing.T) {
	src, _ := indextest.Clustered(rand.New(rand.NewPCG(3, 1)), 20_000, 0, 16, 20)
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			indextest.Cancel(t, indextest.Cancellation{
				Kind: kindOf(t, vec.Detect(), name), Source: src, Metric: vecindex.L2, Params: needed(name, 16, "nlist", "64"),
			})
		})
	}
}
