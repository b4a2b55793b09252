package vecindex_test

import (
	"testing"

	"github.com/redkite-db/redkite/internal/porttest/indextest"
	"github.com/redkite-db/redkite/internal/vec"
	"github.com/redkite-db/redkite/internal/vecindex"
)

func TestFlatBuildsEndWhenCanceled(t *testing.T) {
	src := vecindex.Vectors{Data: make([]float32, 10_000*8), Dimension: 8}
	indextest.Cancel(t, indextest.Cancellation{Kind: vecindex.Flat(vec.Detect(), 2), Source: src, Metric: vecindex.L2})
}
