package hnsw_test

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/redkite-db/redkite/internal/column"
	"github.com/redkite-db/redkite/internal/mem"
	"github.com/redkite-db/redkite/internal/vec"
	"github.com/redkite-db/redkite/internal/vecindex"
	"github.com/redkite-db/redkite/internal/vecindex/hnsw"
)

// without takes the vectors of rows away, each with probability share: in their
// place lies what no kernel must ever see.
func without(rng *rand.Rand, src vecindex.Vectors, share float64) vecindex.Vectors {
	out := vecindex.Vectors{Data: append([]float32(nil), src.Data...), Dimension: src.Dimension}
	out.Present = column.NewBitset(src.Rows())
	for r := range src.Rows() {
		if rng.Float64() >= share {
			out.Present.Set(r)
			continue
		}
		for i := range src.Dimension {
			out.Data[r*src.Dimension+i] = float32(math.NaN())
		}
	}
	return out
}

// skipOf is what a query over src has to skip: rows without a vector, and those
// of more.
func skipOf(src vecindex.Vectors, more []uint64) []uint64 {
	skip := src.Present.Clone()
	skip.Not()
	for i, w := range more {
		skip.Words()[i] |= w
	}
	return skip.Words()
}

// TestNullRecall: rows without a vector cost no recall, whatever their share,
// in an index that was built, opened or grown, with a filter and without.
func TestNullRecall(t *testing.T) {
	slowUnderRace(t)
	const n, dim = 6000, 16
	for _, m := range metrics {
		for _, share := range []float64{0.5, 0.9} {
			t.Run(fmt.Sprintf("%v/%v", m, share), func(t *testing.T) {
				rng := rand.New(rand.NewPCG(8, uint64(100*share)))
				full, queries := clustered(rng, n, 60, dim, 30)
				src := without(rng, full, share)
				exact := flat(t, vec.Detect(), full, m)
				built := build(t, vec.Detect(), src, m, vecindex.Params{"M": "8", "efConstruction": "100"}, vecindex.BuildOptions{})
				back, err := hnsw.Kind(vec.Detect()).Open(mem.FromBytes(file(t, built)), src, m, nil)
				require.NoError(t, err)
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
				for name, x := range map[string]vecindex.Index{"built": built, "opened": back, "grown": grown} {
					for _, pass := range []float64{1, 0.3, 0.01} {
						q := vecindex.Query{K: 10, Params: vecindex.SearchParams{Ef: 64}, Allowed: -1}
						q.Skip = skipOf(src, randomSkip(rng, n, pass))
						got := recall(t, x, exact, m, queries, q)
						require.GreaterOrEqual(t, got, 0.95, "%s, filter %v", name, pass)
						q.Allowed = n
						for _, w := range q.Skip {
							for ; w != 0; w &= w - 1 {
								q.Allowed--
							}
						}
						require.InDelta(t, got, recall(t, x, exact, m, queries, q), 0, "%s: counted", name)
					}
				}
				require.NoError(t, back.Close())
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
	full, queries := clustered(rng, n, 1, dim, 30)
	src := without(rng, full, 0.975)
	x := build(t, vec.Detect(), src, vecindex.L2, vecindex.Params{"M": "4", "efConstruction": "30"}, vecindex.BuildOptions{})
	q := vecindex.Query{Vector: queries.Data, K: 1, Allowed: -1, Params: vecindex.SearchParams{Ef: 8}, Skip: skipOf(src, nil)}
	ctx := &fuse{Context: context.Background()}
	ctx.left.Store(1) // a scan looks at it again
	hits, err := x.Search(ctx, &q, nil)
	require.NoError(t, err)
	require.Len(t, hits, 1)
}

// TestNullAll: an index over rows none of which has a vector is an index.
func TestNullAll(t *testing.T) {
	const n, dim = 700, 8
	rng := rand.New(rand.NewPCG(10, 10))
	full, _ := clustered(rng, n, 0, dim, 3)
	none := without(rng, full, 1)
	for _, m := range metrics {
		x := build(t, vec.Detect(), none, m, nil, vecindex.BuildOptions{})
		require.Equal(t, n, x.Rows())
		require.Empty(t, search(t, x, vecindex.Query{Vector: full.Data[:dim], K: 5, Allowed: -1, Skip: skipOf(none, nil)}))
		back, err := hnsw.Kind(vec.Detect()).Open(mem.FromBytes(file(t, x)), none, m, nil)
		require.NoError(t, err)
		require.Empty(t, search(t, back, vecindex.Query{Vector: full.Data[:dim], K: 5, Allowed: 0, Skip: skipOf(none, nil)}))
		require.NoError(t, back.Close())

		// The first vectors come late.
		live := newLive(t, dim, 2*n, m, nil)
		both := vecindex.Vectors{Data: append(append([]float32(nil), none.Data...), full.Data...), Dimension: dim, Present: column.NewBitset(2 * n)}
		both.Present.SetRange(n, 2*n)
		require.NoError(t, live.Extend(context.Background(), vecindex.Vectors{Data: both.Data[:n*dim], Dimension: dim, Present: none.Present}, 1))
		require.NoError(t, live.Extend(context.Background(), both, 2))
		exact := flat(t, vec.Detect(), both, m)
		q := vecindex.Query{K: 10, Allowed: -1, Params: vecindex.SearchParams{Ef: 60}, Skip: skipOf(both, nil)}
		require.GreaterOrEqual(t, recall(t, live, exact, m, head(full, 50), q), 0.95)
		require.NoError(t, live.Close())
	}
}

// TestNullFile: a file does not belong to rows of which others have vectors.
func TestNullFile(t *testing.T) {
	rng := rand.New(rand.NewPCG(11, 11))
	full, _ := clustered(rng, 500, 0, 8, 3)
	some := without(rng, full, 0.5)
	kind := hnsw.Kind(vec.Detect())
	for _, c := range [][2]vecindex.Vectors{{full, some}, {some, full}} {
		x := build(t, vec.Detect(), c[0], vecindex.L2, nil, vecindex.BuildOptions{})
		_, err := kind.Open(mem.FromBytes(file(t, x)), c[1], vecindex.L2, nil)
		require.ErrorIs(t, err, vecindex.ErrBadFile)
		require.ErrorContains(t, err, "rows without a vector")
	}
}
