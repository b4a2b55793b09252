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
	p, err := r.Prepare(t.Context(), q)
	require.NoError(t, err)
	defer p.Close()
	iterators, err := p.Iterate(t.Context(), rng.IntN(q.NQ))
	require.NoError(t, err)
	var out []vecindex.Hit
	for _, it := range iterators {
		defer it.Close()
		for n, before := 0, len(out); len(out)-before == n; {
			n, before = 1+rng.IntN(2*q.K), len(out)
			out, err = it.Next(t.Context(), n, out)
			require.NoError(t, err)
		}
	}
	return out
}

// checkIterator compares the iterators, and range searches, with all hits of the
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
