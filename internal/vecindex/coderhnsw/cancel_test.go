//go:build !windows

package coderhnsw_test

import (
	"math/rand/v2"
	"testing"

	"github.com/redkite-db/redkite/internal/porttest/indextest"
	"github.com/redkite-db/redkite/internal/vecindex"
)

func TestBuildsEndWhenCanceled(t *testing.T) {
	indextest.SlowUnderRace(t)
	src, _ := indextest.Clustered(rand.New(rand.NewPCG(3, 1)), 10_000, 0, 16, 20)
	indextest.Cancel(t, indextest.Cancellation{
		Kind: kind(), Source: src, Metric: vecindex.L2, Params: vecindex.Params{"engine": "coder", "M": "4", "efConstruction": "8"},
	})
}
