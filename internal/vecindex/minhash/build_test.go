package minhash_test

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/redkite-db/redkite/internal/porttest/indextest"
	"github.com/redkite-db/redkite/internal/vecindex"
	"github.com/redkite-db/redkite/internal/vecindex/minhash"
)

// TestBuildIsDeterministic: the file is the same whatever the threads.
func TestBuildIsDeterministic(t *testing.T) {
	src := shape{rows: 40_000, elements: 16, width: 4, values: 1 << 30, copies: 0.5, nulls: 0.1}.random(rand.New(rand.NewPCG(1, 1)))
	p := vecindex.Params{"mh_lsh_band": "7", "mh_element_bit_width": "32"}
	one := build(t, src, p, vecindex.BuildOptions{Threads: 1})
	four := build(t, src, p, vecindex.BuildOptions{Threads: 6, Seed: 3})
	require.True(t, bytes.Equal(indextest.File(t, one), indextest.File(t, four)))
}

func TestBuildCanceled(t *testing.T) {
	src := shape{rows: 3000, elements: 8, width: 4, values: 1 << 30, nulls: 0.2}.random(rand.New(rand.NewPCG(2, 2)))
	reports := indextest.CancelReports(t, indextest.Cancellation{
		Kind: minhash.Kind(), Source: src, Metric: vecindex.MHJaccard,
		Params: vecindex.Params{"mh_lsh_band": "6", "mh_element_bit_width": "32"},
	})
	require.Greater(t, reports, 10)
}

func TestBuildBudget(t *testing.T) {
	src := shape{rows: 9000, elements: 8, width: 4, values: 1 << 30, nulls: 0.2}.random(rand.New(rand.NewPCG(3, 3)))
	indextest.Budget(t, indextest.Cancellation{
		Kind: minhash.Kind(), Source: src, Metric: vecindex.MHJaccard,
		Params: vecindex.Params{"mh_lsh_band": "6", "mh_element_bit_width": "32"},
	}, 1)
}
