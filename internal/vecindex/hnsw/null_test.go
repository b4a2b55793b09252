package hnsw_test

import (
	"context"
	"fmt"
	"math/bits"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/redkite-db/redkite/internal/column"
	"github.com/redkite-db/redkite/internal/mem"
	"github.com/redkite-db/redkite/internal/porttest/indextest"
	"github.com/redkite-db/redkite/internal/vec"
	"github.com/redkite-db/redkite/internal/vecindex"
	"github.com/redkite-db/redkite/internal/vecindex/hnsw"
)

// TestNullGrown: rows without a vector cost no recall in a graph that grew,
// whatever their share, with a filter and without.
func TestNullGrown(t *testing.T) {
	indextest.SlowUnderRace(t)
	const n, dim = 6000, 16
	for _, m := range metrics {
		for _, share := range []float64{0.5, 0.9} {
			t.Run(fmt.Sprintf("%v/%v", m, share), func(t *testing.T) {
				rng := rand.New(rand.NewPCG(8, uint64(100*share)))
				full, queries := indextest.Clustered(rng, n, 60, dim, 30)
				src := indextest.Without(rng, full, share)
				exact := indextest.Flat(t, vec.Detect(), full, m)
				grown := newLive(t, dim, n, m, nil)
				for done := 0; done < n; {
					done = min(done+1+rng.IntN(3000), n)
					part := head(src, done)
					part.Present = column.NewBitset(done) // of its own, as a growing column's is
					for r := src.Present.Next(0); r >= 0 && r < done; r = src.Present.Next(r + 1) {
						part.Present.Set(r)
					}
					require.NoError(t, grown.Extend(context.Background(), part, 1))
					require.Equal(t, done, grown.Rows())
				}
				for _, pass := range []float64{1, 0.3, 0.01} {
					q := vecindex.Query{K: 10, Params: vecindex.SearchParams{Ef: 64}, Allowed: -1}
					q.Skip = indextest.SkipOf(src, indextest.RandomSkip(rng, n, pass))
					got := indextest.Recall(t, grown, exact, m, queries, q)
					require.GreaterOrEqual(t, got, 0.95, "filter %v", pass)
					q.Allowed = n
					for _, w := range q.Skip {
						q.Allowed -= bits.OnesCount64(w)
					}
					require.InDelta(t, got, indextest.Recall(t, grown, exact, m, queries, q), 0, "counted")
				}
				require.NoError(t, grown.Close())
			})
		}
	}
}

// TestNullIsNoFilter: a search of the few rows that have a vector is a walk of
// their graph, not one through a filter that lets few rows pass.
func TestNullIsNoFilter(t *testing.T) {
	const n, dim = 40_000, 8
	rng := rand.New(rand.NewPCG(9, 9))
	full, queries := indextest.Clustered(rng, n, 1, dim, 30)
	src := indextest.Without(rng, full, 0.975)
	x := build(t, vec.Detect(), src, vecindex.L2, vecindex.Params{"M": "4", "efConstruction": "30"}, vecindex.BuildOptions{})
	q := vecindex.Query{Vector: queries.Data, K: 1, Allowed: -1, Params: vecindex.SearchParams{Ef: 8}, Skip: indextest.SkipOf(src, nil)}
	ctx := &fuse{Context: context.Background()}
	ctx.left.Store(1) // a scan looks at it again
	hits, err := x.Search(ctx, &q, nil)
	require.NoError(t, err)
	require.Len(t, hits, 1)
}

// TestNullLate: the first vectors come after rows without.
func TestNullLate(t *testing.T) {
	const n, dim = 700, 8
	rng := rand.New(rand.NewPCG(10, 10))
	full, _ := indextest.Clustered(rng, n, 0, dim, 3)
	none := indextest.Without(rng, full, 1)
	for _, m := range metrics {
		live := newLive(t, dim, 2*n, m, nil)
		both := vecindex.Vectors{Data: append(append([]float32(nil), none.Data...), full.Data...), Dimension: dim, Present: column.NewBitset(2 * n)}
		both.Present.SetRange(n, 2*n)
		require.NoError(t, live.Extend(context.Background(), vecindex.Vectors{Data: both.Data[:n*dim], Dimension: dim, Present: none.Present}, 1))
		require.NoError(t, live.Extend(context.Background(), both, 2))
		exact := indextest.Flat(t, vec.Detect(), both, m)
		q := vecindex.Query{K: 10, Allowed: -1, Params: vecindex.SearchParams{Ef: 60}, Skip: indextest.SkipOf(both, nil)}
		require.GreaterOrEqual(t, indextest.Recall(t, live, exact, m, head(full, 50), q), 0.95)
		require.NoError(t, live.Close())
	}
}

// TestNullFile: a file does not belong to rows of which others have vectors.
func TestNullFile(t *testing.T) {
	rng := rand.New(rand.NewPCG(11, 11))
	full, _ := indextest.Clustered(rng, 500, 0, 8, 3)
	some := indextest.Without(rng, full, 0.5)
	kind := hnsw.Kind(vec.Detect())
	for _, c := range [][2]vecindex.Vectors{{full, some}, {some, full}} {
		x := build(t, vec.Detect(), c[0], vecindex.L2, nil, vecindex.BuildOptions{})
		_, err := kind.Open(mem.FromBytes(indextest.File(t, x)), c[1], vecindex.L2, nil)
		require.ErrorIs(t, err, vecindex.ErrBadFile)
		require.ErrorContains(t, err, "rows without a vector")
	}
}
