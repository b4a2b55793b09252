package binivf_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/redkite-db/redkite/internal/column"
	"github.com/redkite-db/redkite/internal/mem"
	"github.com/redkite-db/redkite/internal/porttest/indextest"
	"github.com/redkite-db/redkite/internal/vec"
	"github.com/redkite-db/redkite/internal/vecindex"
	"github.com/redkite-db/redkite/internal/vecindex/binivf"
)

var metrics = []vecindex.Metric{vecindex.Hamming, vecindex.Jaccard}

// clustered returns rows around centers, of whose bits each row has another one
// in eight, and queries made in the same way.
func clustered(rng *rand.Rand, n, queries, dim, centers int) (rows, q vecindex.Packed) {
	mid := make([]byte, centers*dim/8)
	for i := range mid {
		mid[i] = byte(rng.Uint32())
	}
	size := dim / 8
	data := make([]byte, (n+queries)*size)
	for r := range n + queries {
		c := rng.IntN(centers)
		for i := range size {
			data[r*size+i] = mid[c*size+i] ^ byte(rng.Uint32()&rng.Uint32()&rng.Uint32())
		}
	}
	return vecindex.Packed{Data: vec.Packed(vec.Bits, dim, data[:n*size])}, vecindex.Packed{Data: vec.Packed(vec.Bits, dim, data[n*size:])}
}

func row(v vecindex.Packed, i int) []byte {
	size := v.Data.RowSize()
	return v.Data.Bytes()[i*size : (i+1)*size]
}

func build(t testing.TB, kern vec.Kernels, src vecindex.Source, m vecindex.Metric, p vecindex.Params) vecindex.Index {
	t.Helper()
	return indextest.Build(t, binivf.Kind(kern), src, m, p, vecindex.BuildOptions{Threads: 2, Seed: 9})
}

func flat(t testing.TB, kern vec.Kernels, src vecindex.Source, m vecindex.Metric) vecindex.Index {
	t.Helper()
	return indextest.Build(t, vecindex.BinFlat(kern, 1), src, m, nil, vecindex.BuildOptions{})
}

// recall is the share of hits that are as good as the worst exact one, of answers
// that all keep the law.
func recall(t testing.TB, x, exact vecindex.Index, m vecindex.Metric, queries vecindex.Packed, q vecindex.Query) float64 {
	t.Helper()
	good, all := 0, 0
	for i := range queries.Rows() {
		q.Bytes = row(queries, i)
		near, hits := indextest.Law(t, x, exact, m, q)
		good, all = good+near, all+hits
	}
	if all == 0 {
		return 1
	}
	return float64(good) / float64(all)
}

func TestRecall(t *testing.T) {
	const n, dim = 8000, 128
	for _, kern := range vec.All() {
		for _, m := range metrics {
			for _, nulls := range []bool{false, true} {
				t.Run(fmt.Sprintf("%v/%v/%t", kern, m, nulls), func(t *testing.T) {
					rng := rand.New(rand.NewPCG(uint64(m), 5))
					src, queries := clustered(rng, n, 20, dim, 60)
					some := make([]uint64, (n+63)/64)
					all := make([]uint64, (n+63)/64)
					if nulls {
						src.Present = column.NewBitset(n)
					}
					for r := range n {
						null := nulls && rng.IntN(3) == 0
						if nulls && !null {
							src.Present.Set(r)
						}
						if null {
							all[r/64] |= 1 << (r % 64)
						}
						if null || rng.IntN(3) > 0 {
							some[r/64] |= 1 << (r % 64)
						}
					}
					x, exact := build(t, kern, src, m, vecindex.Params{"nlist": "64"}), flat(t, kern, src, m)
					require.Equal(t, n, x.Rows())
					require.Positive(t, x.Bytes())
					for _, skip := range [][]uint64{all, some} {
						got := recall(t, x, exact, m, queries, vecindex.Query{K: 10, Skip: skip, Allowed: -1, Params: vecindex.SearchParams{NProbe: 8}})
						t.Logf("recall %.4f", got)
						require.GreaterOrEqual(t, got, 0.95)
						wide := recall(t, x, exact, m, queries, vecindex.Query{K: 10, Skip: skip, Allowed: -1, Params: vecindex.SearchParams{NProbe: 64}})
						require.EqualValues(t, 1, wide)
					}
					few := slices.Clone(all)
					for i := range few {
						if i != 7 {
							few[i] = ^uint64(0)
						}
					}
					for _, q := range []vecindex.Query{
						{K: 100, Skip: few, Allowed: -1}, {K: n, Skip: all, Allowed: -1}, {K: 3, Skip: all, Allowed: -1, Limit: 100},
						{K: 50, Skip: all, Allowed: -1, Range: &vecindex.Range{Low: 0.1, High: 30}},
					} {
						require.EqualValues(t, 1, recall(t, x, exact, m, queries, q))
					}
				})
			}
		}
	}
}

func TestEdges(t *testing.T) {
	kern := vec.Detect()
	none := vecindex.Packed{Data: vec.Packed(vec.Bits, 8, []byte{1, 2}), Present: column.NewBitset(2)}
	empty := vecindex.Packed{Data: vec.Packed(vec.Bits, 8, nil)}
	equal := vecindex.Packed{Data: vec.Packed(vec.Bits, 8, make([]byte, 500))}
	for _, m := range metrics {
		for _, src := range []vecindex.Packed{none, empty, equal} {
			x := build(t, kern, src, m, nil)
			q := vecindex.Query{Bytes: []byte{3}, K: 4, Allowed: -1}
			if !src.Present.IsZero() {
				q.Skip = []uint64{3}
			}
			require.Len(t, indextest.Search(t, x, q), min(4, src.Rows()-2*len(q.Skip)))
			it, err := x.Iterate(t.Context(), &q)
			require.NoError(t, err)
			hits, err := it.Next(t.Context(), 1000, nil)
			require.NoError(t, err)
			require.Len(t, hits, src.Rows()-2*len(q.Skip))
			it.Close()
			for _, bad := range []vecindex.Query{{K: 1}, {K: 1, Bytes: []byte{1, 2}}, {Bytes: []byte{1}}} {
				_, err := x.Search(t.Context(), &bad, nil)
				require.Error(t, err)
				_, err = x.Iterate(t.Context(), &bad)
				require.Error(t, err)
			}
		}
	}
	kind := binivf.Kind(kern)
	for _, m := range []vecindex.Metric{vecindex.L2, vecindex.Substructure} {
		require.ErrorContains(t, kind.Check(nil, 8, m), "not found or not supported, supported: [HAMMING JACCARD]")
		_, err := kind.Build(t.Context(), equal, m, nil, vecindex.BuildOptions{Threads: 1})
		require.Error(t, err)
	}
	_, err := kind.Build(t.Context(), vecindex.Vectors{Data: make([]float32, 8), Dimension: 8}, vecindex.Hamming, nil, vecindex.BuildOptions{Threads: 1})
	require.Error(t, err)
	require.EqualError(t, kind.Check(vecindex.Params{"nlist": "0"}, 8, vecindex.Hamming), "Out of range in json: param 'nlist' (0) should be in range [1, 65536]")
	_, err = kind.CheckSearch(map[string]any{"nprobe": 65537}, 1)
	require.EqualError(t, err, "Out of range in json: param 'nprobe' (65537) should be in range [1, 65536]")
	sp, err := kind.CheckSearch(nil, 1)
	require.NoError(t, err)
	require.Equal(t, 8, sp.NProbe)
	budget := mem.NewBudget(100)
	_, err = kind.Build(t.Context(), equal, vecindex.Hamming, nil, vecindex.BuildOptions{Threads: 1, Budget: budget})
	require.Error(t, err)
	require.Zero(t, budget.Used())
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = kind.Build(ctx, equal, vecindex.Hamming, nil, vecindex.BuildOptions{Threads: 1})
	require.ErrorIs(t, err, context.Canceled)
}
