package sparse

import (
	"math/rand/v2"
	"testing"

	"github.com/redkite-db/redkite/internal/porttest/indextest"
	"github.com/redkite-db/redkite/internal/vec"
	"github.com/redkite-db/redkite/internal/vecindex"
)

func TestBuildsEndWhenCanceled(t *testing.T) {
	src := shape{rows: 50_000, dims: 300, terms: 10, counts: true}.random(rand.New(rand.NewPCG(3, 1)))
	for _, m := range []vecindex.Metric{vecindex.IP, vecindex.BM25} {
		indextest.Cancel(t, indextest.Cancellation{
			Kind: Kinds(vec.Detect())[0], Source: src, Metric: m, Params: buildParams(m, defaultAlgorithm),
		})
	}
}
