package indextest

import (
	"context"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/redkite-db/redkite/internal/mem"
	"github.com/redkite-db/redkite/internal/vecindex"
)

// Cancellation says which builds are canceled, or have little memory.
type Cancellation struct {
	Kind   vecindex.Kind
	Source vecindex.Source // of some ten thousand rows
	Metric vecindex.Metric
	Params vecindex.Params
}

// moments is how many builds are canceled.
const moments = 10

// Cancel checks that a build ends soon when it is canceled, whenever that is,
// with ctx's error, and that nothing stays behind: no index, no goroutine, no
// memory. A build that is not canceled comes first; it says how long one takes.
func Cancel(t *testing.T, c Cancellation) {
	t.Helper()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 1))
	before := goleak.IgnoreCurrent()
	budget := mem.NewBudget(0)
	options := vecindex.BuildOptions{Threads: 3, Seed: seed, Budget: budget}
	reports := 0
	began := time.Now()
	options.Progress = func(int, int) { reports++ }
	x, err := c.Kind.Build(t.Context(), c.Source, c.Metric, c.Params, options)
	took := time.Since(began)
	require.NoError(t, err)
	require.NoError(t, x.Close())
	require.Zero(t, budget.Used(), "of a build that was not canceled")
	require.Positive(t, reports)
	canceled := 0
	for moment := range moments {
		// The first is canceled before it begins, others at a report or a time, which
		// ends parts of a build that report nothing.
		ctx, cancel := context.WithCancel(t.Context())
		at, seen := -1, 0
		switch {
		case moment == 0:
			cancel()
		case moment%2 == 0:
			at = rng.IntN(reports)
		default:
			timer := time.AfterFunc(time.Duration(rng.Int64N(int64(took)+1)), cancel)
			defer timer.Stop()
		}
		options.Progress = func(int, int) {
			if seen == at {
				cancel()
			}
			seen++
		}
		x, err := c.Kind.Build(ctx, c.Source, c.Metric, c.Params, options)
		if err == nil {
			require.NotZero(t, moment, "canceled before it began")
			require.False(t, at >= 0 && seen > at, "canceled at report %d of %d", at, seen)
			require.NoError(t, x.Close())
		} else {
			canceled++
			require.Equal(t, context.Canceled, ctx.Err())
			require.ErrorIs(t, err, context.Canceled)
			require.True(t, x == nil, "an index beside the error") // not printed: it has all rows
		}
		cancel()
		require.Zero(t, budget.Used(), "moment %d, %v", moment, err)
		require.NoError(t, goleak.Find(before), "moment %d, %v", moment, err)
	}
	t.Logf("%d of %d builds of %v were canceled", canceled, moments, took)
}

// CancelReports checks that a build is canceled at each of its reports, and that
// nothing stays behind; and that the reports count up to the rows. It returns how
// many builds were canceled.
func CancelReports(t *testing.T, c Cancellation) int {
	t.Helper()
	n := c.Source.Rows()
	for at := 0; ; at++ {
		budget := mem.NewBudget(0)
		ctx, cancel := context.WithCancel(t.Context())
		reports, last := 0, 0
		x, err := c.Kind.Build(ctx, c.Source, c.Metric, c.Params, vecindex.BuildOptions{
			Threads: 3, Budget: budget,
			Progress: func(done, total int) {
				require.Equal(t, n, total)
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
			require.LessOrEqual(t, reports, at)
			require.Equal(t, n, last)
			require.NoError(t, x.Close())
			require.Zero(t, budget.Used())
			require.Positive(t, at, "no report")
			return at
		}
		require.ErrorIs(t, err, context.Canceled)
		require.True(t, x == nil, "an index beside the error")
		require.Zero(t, budget.Used())
	}
}

// CancelAnytime checks that a build that runs out of time within a fifth of a
// second leaves nothing behind.
func CancelAnytime(t *testing.T, c Cancellation) {
	t.Helper()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 1))
	for range 20 {
		budget := mem.NewBudget(0)
		ctx, cancel := context.WithTimeout(t.Context(), time.Duration(rng.IntN(200_000))*time.Microsecond)
		x, err := c.Kind.Build(ctx, c.Source, c.Metric, c.Params, vecindex.BuildOptions{Threads: 2, Budget: budget})
		if err == nil {
			require.NoError(t, x.Close())
		} else {
			require.ErrorIs(t, err, context.DeadlineExceeded)
		}
		cancel()
		require.Zero(t, budget.Used())
	}
}

// Budget checks that a build counts its memory, of which at most slack times what
// the index says that it holds stays counted; and that too little of it is an error
// that leaves nothing behind.
func Budget(t *testing.T, c Cancellation, slack float64) {
	t.Helper()
	budget := mem.NewBudget(0)
	x, err := c.Kind.Build(t.Context(), c.Source, c.Metric, c.Params, vecindex.BuildOptions{Threads: 1, Budget: budget})
	require.NoError(t, err)
	require.GreaterOrEqual(t, budget.Used(), x.Bytes())
	require.LessOrEqual(t, float64(budget.Used()), slack*float64(x.Bytes()))
	require.NoError(t, x.Close())
	require.Zero(t, budget.Used())
	for short := int64(100); ; short *= 2 {
		budget := mem.NewBudget(short)
		x, err := c.Kind.Build(t.Context(), c.Source, c.Metric, c.Params, vecindex.BuildOptions{Threads: 2, Budget: budget})
		if err == nil {
			require.NoError(t, x.Close())
			return
		}
		var be *mem.BudgetError
		require.ErrorAs(t, err, &be)
		require.Zero(t, budget.Used())
	}
}
