package indextest

import (
	"context"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/redkite-db/redkite/internal/vec"
	"github.com/redkite-db/redkite/internal/vecindex"
)

// Build makes an index that is closed with the test.
func Build(t testing.TB, kind vecindex.Kind, src vecindex.Source, m vecindex.Metric, p vecindex.Params, o vecindex.BuildOptions) vecindex.Index {
	t.Helper()
	x, err := kind.Build(context.Background(), src, m, p, o)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, x.Close()) })
	return x
}

// Flat returns the exact index, whose scores are those of an index with the same
// kernels.
func Flat(t testing.TB, kern vec.Kernels, src vecindex.Source, m vecindex.Metric) vecindex.Index {
	t.Helper()
	x, err := vecindex.Plain(kern, 1).Build(context.Background(), src, m, nil, vecindex.BuildOptions{})
	require.NoError(t, err)
	return x
}

// Search returns the hits of a query that has to succeed.
func Search(t testing.TB, x vecindex.Index, q vecindex.Query) []vecindex.Hit {
	t.Helper()
	hits, err := x.Search(context.Background(), &q, nil)
	require.NoError(t, err)
	return hits
}

// Recall compares an index with the exact answers to many queries: the share
// of hits that are as good as the worst exact one. It also holds each answer
// to the law of vecindex.Index: enough hits, ordered, no row twice, none that
// is skipped, exact scores of all that are among the exact hits.
func Recall(t testing.TB, x, exact vecindex.Index, m vecindex.Metric, queries vecindex.Vectors, q vecindex.Query) float64 {
	t.Helper()
	good, all := 0, 0
	for i := range queries.Rows() {
		q.Vector = queries.Data[i*queries.Dimension : (i+1)*queries.Dimension]
		got, want := Search(t, x, q), Search(t, exact, q)
		require.Len(t, got, len(want))
		scores := map[uint32]float32{}
		for j, h := range got {
			scores[h.Row] = h.Score
			if w := int(h.Row / 64); w < len(q.Skip) && q.Skip[w]>>(h.Row%64)&1 != 0 {
				t.Fatalf("row %d is skipped", h.Row)
			}
			if j > 0 && m.Better(h.Score, got[j-1].Score) {
				t.Fatalf("hits %d and %d out of order", j-1, j)
			}
			if !m.Better(want[len(want)-1].Score, h.Score) {
				good++
			}
		}
		require.Len(t, scores, len(got), "a row is there twice")
		for _, h := range want {
			if score, ok := scores[h.Row]; ok && score != h.Score {
				t.Fatalf("row %d: score %v, exact %v", h.Row, score, h.Score)
			}
		}
		all += len(want)
	}
	if all == 0 {
		return 1
	}
	return float64(good) / float64(all)
}

// Law compares the answer to one query with all that an exact index finds: as
// many hits, in order, no row twice, each one that passes, with its exact score.
// It returns how many hits there are, and how many of them are as good as the
// worst of as many exact ones.
func Law(t testing.TB, x, exact vecindex.Index, m vecindex.Metric, q vecindex.Query) (good, hits int) {
	t.Helper()
	every := q
	every.K = max(exact.Rows(), 1)
	want, got := Search(t, exact, every), Search(t, x, q)
	scores := map[uint32]float32{}
	for _, h := range want {
		scores[h.Row] = h.Score
	}
	want = want[:min(q.K, len(want))]
	require.Len(t, got, len(want))
	for _, h := range got {
		score, ok := scores[h.Row]
		require.True(t, ok, "row %d is there twice, or does not pass", h.Row)
		require.Equal(t, score, h.Score, "row %d", h.Row)
		delete(scores, h.Row)
		if !m.Better(want[len(want)-1].Score, h.Score) {
			good++
		}
	}
	sorted := slices.Clone(got)
	vecindex.Sort(m, sorted)
	require.Equal(t, sorted, got, "out of order")
	return good, len(got)
}
