package diskann_test

import (
	"math/rand/v2"
	"testing"

	"github.com/redkite-db/redkite/internal/porttest/indextest"
	"github.com/redkite-db/redkite/internal/vec"
	"github.com/redkite-db/redkite/internal/vecindex"
	"github.com/redkite-db/redkite/internal/vecindex/diskann"
)

func TestBuildsEndWhenCanceled(t *testing.T) {
	src, _ := indextest.Clustered(rand.New(rand.NewPCG(3, 1)), 10_000, 0, 16, 20)
	indextest.Cancel(t, indextest.Cancellation{
		Kind: diskann.Kind(vec.Detect()), Source: src, Metric: vecindex.L2,
		Params: vecindex.Params{"max_degree": "16", "search_list_size": "24"},
	})
}
