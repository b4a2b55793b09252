package vec

import "testing"

// TestTablesReadNothingBeyond runs the kernels of tables, and those of estimates, on
// slices that end at an unreadable page.
func TestTablesReadNothingBeyond(t *testing.T) {
	for _, k := range allKernels() {
		for n := 1; n <= 5; n++ {
			for m := 1; m <= 5; m++ {
				k.ByteSums(atEnd(t, make([]byte, m*ByteTable)), atEnd(t, make([]byte, m*n*ByteRows)), atEnd(t, make([]uint16, n*ByteRows)))
				tables := atEnd(t, make([]float32, n*m*tableUnit))
				k.RoundTables(tables, m*tableUnit, atEnd(t, make([]float32, 2*n)), atEnd(t, make([]byte, len(tables))))
			}
		}
		for n := 1; n <= EstimateRows; n++ {
			sums, bias, dist := atEnd(t, make([]uint16, n)), atEnd(t, make([]float32, n)), atEnd(t, make([]float32, n))
			e := Estimate{Base: 1, Low: 1, Unit: 1}
			k.Estimates(&e, sums, bias, nil, 0, dist)
			k.Estimates(&e, sums, bias, atEnd(t, make([]float32, n)), 0, dist)
		}
	}
}
