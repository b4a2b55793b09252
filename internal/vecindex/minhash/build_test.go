package minhash_test

import (
	"bytes"
	"context"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/redkite-db/redkite/internal/mem"
	"github.com/redkite-db/redkite/internal/vecindex"
	"github.com/redkite-db/redkite/internal/vecindex/minhash"
)

// TestBuildIsDeterministic: the file is the same whatever the threads.
func TestBuildIsDeterministic(t *testing.T) {
	src := shape{rows: 40_000, elements: 16, width: 4, values: 1 << 30, copies: 0.5, nulls: 0.1}.random(rand.New(rand.NewPCG(1, 1)))
	p := vecindex.Params{"mh_lsh_band": "7", "mh_element_bit_width": "32"}
	one := build(t, src, p, vecindex.BuildOptions{Threads: 1})
	four := build(t, src, p, vecindex.BuildOptions{Threads: 6, Seed: 3})
	require.True(t, bytes.Equal(file(t, one), file(t, four)))
}

// TestBuildCanceled cancels at every report: nothing stays behind.
func TestBuildCanceled(t *testing.T) {
	src := shape{rows: 3000, elements: 8, width: 4, values: 1 << 30, nulls: 0.2}.random(rand.New(rand.NewPCG(2, 2)))
	p := vecindex.Params{"mh_lsh_band": "6", "mh_element_bit_width": "32"}
	for at := 0; ; at++ {
		budget := mem.NewBudget(0)
		ctx, cancel := context.WithCancel(context.Background())
		reports, last := 0, 0
		x, err := minhash.Kind().Build(ctx, src, vecindex.MHJaccard, p, vecindex.BuildOptions{
			Threads: 3, Budget: budget,
			Progress: func(done, total int) {
				require.Equal(t, 3000, total)
				require.GreaterOrEqual(t, done, last)
				require.LessOrEqual(t, done, total)
				if last = done; reports == at {
					cancel()
				}
				reports++
			},
		})
		cancel()
		if err == nil {
			require.Greater(t, at, 10)
			require.LessOrEqual(t, reports, at)
			require.Equal(t, 3000, last)
			require.NoError(t, x.Close())
			require.Zero(t, budget.Used())
			break
		}
		require.ErrorIs(t, err, context.Canceled)
		require.Nil(t, x)
		require.Zero(t, budget.Used())
	}
}

// TestBuildBudget: memory counts, and too little of it is an error.
func TestBuildBudget(t *testing.T) {
	src := shape{rows: 9000, elements: 8, width: 4, values: 1 << 30, nulls: 0.2}.random(rand.New(rand.NewPCG(3, 3)))
	p := vecindex.Params{"mh_lsh_band": "6", "mh_element_bit_width": "32"}
	budget := mem.NewBudget(0)
	x, err := minhash.Kind().Build(context.Background(), src, vecindex.MHJaccard, p, vecindex.BuildOptions{Threads: 2, Budget: budget})
	require.NoError(t, err)
	require.Equal(t, x.Bytes(), budget.Used())
	require.NoError(t, x.Close())
	for short := int64(100); ; short *= 2 {
		budget := mem.NewBudget(short)
		x, err := minhash.Kind().Build(context.Background(), src, vecindex.MHJaccard, p, vecindex.BuildOptions{Threads: 2, Budget: budget})
		if err == nil {
			require.NoError(t, x.Close())
			break
		}
		var be *mem.BudgetError
		require.ErrorAs(t, err, &be)
		require.Zero(t, budget.Used())
	}
}
