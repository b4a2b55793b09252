package vec

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestHeldByABit: one bit decides of the one row that it is in, whichever it is.
func TestHeldByABit(t *testing.T) {
	rng := rand.New(rand.NewPCG(31, 1))
	inf := float32(math.Inf(1))
	for _, k := range allKernels() {
		for size := 1; size <= 4096; size++ {
			if size > 200 { // around where rows are too long to be prefetched, and long ones
				size += rng.IntN(300)
			}
			n := 1 + rng.IntN(70)
			set, rows := make([]byte, size), make([]byte, n*size)
			for i := range set {
				set[i] = byte(rng.Uint32() & rng.Uint32())
			}
			for i := range n {
				copy(rows[i*size:], set)
			}
			m, q := Packed(Bits, 8*size, rows), BitsProbe(set)
			for range 8 {
				row, bit := rng.IntN(n), rng.IntN(8*size)
				at := &rows[row*size+bit/8]
				was := *at
				*at ^= 1 << (bit % 8)
				want := [2]Measure{MeasureSubstructure, MeasureSuperstructure}
				if *at > was {
					want[0], want[1] = want[1], want[0]
				}
				out := make([]float32, n)
				k.Rows(want[0], &q, &m, 0, out)
				for i, x := range out {
					if i == row {
						require.Equal(t, inf, x, "%v: bit %d of %d bytes, row %d of %d", k, bit, size, row, n)
					} else {
						require.Zero(t, x, "%v: bit %d of %d bytes, row %d of %d", k, bit, size, i, n)
					}
				}
				k.Rows(want[1], &q, &m, 0, out)
				require.Equal(t, make([]float32, n), out, "%v: bit %d of %d bytes", k, bit, size)
				*at = was
			}
		}
	}
}
