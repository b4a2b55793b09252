package minhash_test

import (
	"math/rand/v2"
	"testing"

	"github.com/redkite-db/redkite/internal/porttest/indextest"
	"github.com/redkite-db/redkite/internal/vecindex"
	"github.com/redkite-db/redkite/internal/vecindex/minhash"
)

func TestBuildsEndWhenCanceled(t *testing.T) {
	src := shape{rows: 50_000, elements: 16, width: 4, values: 1 << 30, copies: 0.3, nulls: 0.1}.random(rand.New(rand.NewPCG(3, 1)))
	indextest.Cancel(t, indextest.Cancellation{
		Kind: minhash.Kind(), Source: src, Metric: vecindex.MHJaccard,
		Params: vecindex.Params{"mh_lsh_band": "16", "mh_element_bit_width": "32"},
	})
}
