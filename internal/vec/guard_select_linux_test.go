package vec

import (
	"math"
	"testing"
)

// TestSelectionTouchesNothingBeyond runs the kernels that select rows on slices
// that end at an unreadable page.
func TestSelectionTouchesNothingBeyond(t *testing.T) {
	for _, k := range allKernels() {
		for n := 1; n <= 70; n++ {
			ids, dist := atEnd(t, make([]uint32, n)), atEnd(t, make([]uint32, n))
			k.maxID(ids)
			k.AtMost(ids, dist, 0, atEnd(t, make([]uint32, n)), atEnd(t, make([]uint32, n)))
			k.ClearBits(atEnd(t, make([]uint64, n)), 0, atEnd(t, make([]uint32, ClearBitsRoom+n)))
			k.split(atEnd(t, make([]uint64, n)), 0, atEnd(t, make([]uint64, n)))
			k.split(atEnd(t, make([]uint64, n)), math.MaxUint64, atEnd(t, make([]uint64, n)))
			k.ListKeys(&Reach{}, dist, atEnd(t, make([]float32, n)), atEnd(t, make([]uint64, n)))
		}
	}
}
