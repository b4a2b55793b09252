package vecindex_test

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/redkite-db/redkite/internal/vec"
	"github.com/redkite-db/redkite/internal/vecindex"
)

// TestFilterRows: in blocks of any size, the rows are those that pass.
func TestFilterRows(t *testing.T) {
	rng := rand.New(rand.NewPCG(6, 6))
	kernels := vec.All()
	for i := range 2000 {
		kern := kernels[i%len(kernels)]
		n := 1 + rng.IntN(700)
		q := vecindex.Query{Allowed: -1, Limit: rng.IntN(n + 2)}
		if rng.IntN(4) > 0 {
			q.Skip = make([]uint64, rng.IntN((n+63)/64+1))
			for i := range q.Skip {
				q.Skip[i] = rng.Uint64() | rng.Uint64()
				if rng.IntN(4) == 0 {
					q.Skip[i] = 0
				}
			}
		}
		f := vecindex.NewFilter(n, n, &q)
		var want, got []uint32
		for row := range uint32(n) {
			if f.Passes(row) {
				want = append(want, row)
			}
		}
		block := make([]uint32, 64+rng.IntN(200))
		for from := 0; from < f.Limit; {
			var ids []uint32
			before := from
			ids, from = f.Rows(kern, block[:0], from)
			require.Greater(t, from, before)
			got = append(got, ids...)
		}
		require.Equal(t, want, got)
		require.Len(t, got, f.Allowed)

		// Without half of them, but with every third of these after all.
		var rows []uint32
		var heap vecindex.MinHeap
		out := map[uint32]bool{}
		for i, row := range want {
			if i%2 == 0 {
				rows = append(rows, row)
				if out[row] = i%3 != 0; !out[row] {
					heap.Push(vecindex.Key(0, row))
				}
			}
		}
		less := vecindex.NewFilter(n, n, &vecindex.Query{Allowed: -1, Limit: q.Limit, Skip: f.Without(append(rows, uint32(n)), heap)})
		for row := range uint32(n) {
			require.Equal(t, f.Passes(row) && !out[row], less.Passes(row), "row %d of %d", row, n)
		}
	}
}
