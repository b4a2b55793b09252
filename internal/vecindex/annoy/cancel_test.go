package annoy_test

import (
	"math/rand/v2"
	"testing"

	"github.com/redkite-db/redkite/internal/porttest/indextest"
	"github.com/redkite-db/redkite/internal/vec"
	"github.com/redkite-db/redkite/internal/vecindex"
	"github.com/redkite-db/redkite/internal/vecindex/annoy"
)

func TestBuildsEndWhenCanceled(t *testing.T) {
	src, _ := indextest.Clustered(rand.New(rand.NewPCG(3, 1)), 20_000, 0, 16, 20)
	indextest.Cancel(t, indextest.Cancellation{
		Kind: annoy.Kind(vec.Detect()), Source: src, Metric: vecindex.IP, Params: vecindex.Params{"n_trees": "4"},
	})
}
