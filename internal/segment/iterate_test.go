package segment

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/redkite-db/redkite/internal/vecindex"
)

// drained returns all hits of an iterator, taken in batches of random sizes.
func drained(t testing.TB, r *Reader, q *SearchRequest, rng *rand.Rand) []vecindex.Hit {
	t.Helper()
	it, err := r.Iterate(t.Context(), q)
	require.NoError(t, err)
	defer it.Close()
	var out []vecindex.Hit
	for {
		n, before := 1+rng.IntN(2*q.K), len(out)
		out, err = it.Next(t.Context(), n, out)
		require.NoError(t, err)
		if len(out)-before < n {
			require.GreaterOrEqual(t, it.Bytes(), int64(0))
			return out
		}
	}
}

// checkIterator compares an iterator, and range searches, with all hits of the
// request's first vector, which are given best first.
func checkIterator(t testing.TB, r *Reader, q SearchRequest, rng *rand.Rand, all []vecindex.Hit) {
	t.Helper()
	dim := len(q.Vectors) / q.NQ
	q.Vectors, q.NQ = q.Vectors[:dim], 1
	got := drained(t, r, &q, rng)
	vecindex.Sort(q.Metric, got)
	require.Equal(t, all, got)
	if len(all) == 0 {
		return
	}
	i := rng.IntN(len(all))
	j := i + rng.IntN(len(all)-i)
	for _, bounds := range []vecindex.Range{
		{Low: q.Metric.Distance(all[i].Score), High: q.Metric.Distance(all[j].Score)},
		{Low: float32(math.Inf(-1)), High: q.Metric.Distance(all[j].Score)},
		{Low: q.Metric.Distance(all[i].Score), High: float32(math.Inf(1))},
	} {
		var want []vecindex.Hit
		for _, h := range all {
			if d := q.Metric.Distance(h.Score); d >= bounds.Low && d < bounds.High {
				want = append(want, h)
			}
		}
		q.Range, q.K = &bounds, len(all)
		q.Params = map[string]any{"ef": 1 << 20}
		hits, err := r.Search(t.Context(), &q)
		require.NoError(t, err)
		require.Equal(t, want, slices.Clip(hits[0]))
		got := drained(t, r, &q, rng)
		vecindex.Sort(q.Metric, got)
		require.Equal(t, want, slices.Clip(got))
	}
}
