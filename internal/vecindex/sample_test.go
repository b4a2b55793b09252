package vecindex_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/redkite-db/redkite/internal/column"
	"github.com/redkite-db/redkite/internal/vec"
	"github.com/redkite-db/redkite/internal/vecindex"
)

func TestSpread(t *testing.T) {
	for _, rows := range []int{0, 1, 7, 64, 1000} {
		for _, n := range []int{1, 7, 64, 2000} {
			for _, nulls := range []bool{false, true} {
				src := vecindex.Vectors{Data: make([]float32, rows), Dimension: 1}
				nodes := rows
				if nulls {
					src.Present = column.NewBitset(rows)
					nodes = 0
					for row := 0; row < rows; row += 3 {
						src.Present.Set(row)
						nodes++
					}
				}
				got, last := 0, -1
				for row := range vecindex.Spread(src, n) {
					require.Greater(t, row, last)
					require.Less(t, row, rows)
					if nulls {
						require.Zero(t, row%3)
					}
					got, last = got+1, row
				}
				require.LessOrEqual(t, got, n)
				require.GreaterOrEqual(t, 2*got, min(n, nodes), "%d of %d rows", n, nodes)
			}
		}
	}
}

func TestSampleOfCosineIsOfUnitVectors(t *testing.T) {
	src := vecindex.Vectors{Data: []float32{3, 4, 0, 0, 0, 5}, Dimension: 2}
	require.Equal(t, src.Data, vecindex.Sample(vec.Portable(), src, vecindex.L2, 10))
	require.InDeltaSlice(t, []float32{0.6, 0.8, 0, 0, 0, 1}, vecindex.Sample(vec.Portable(), src, vecindex.Cosine, 10), 1e-6)
}
