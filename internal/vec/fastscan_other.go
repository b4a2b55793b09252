//go:build !amd64 || purego || race

package vec

func (k Kernels) byteSums(tables, blocks []byte, out []uint16) {
	byteSumsPortable(tables, blocks, out)
}

func (k Kernels) tableBounds(tables []float32, size int, lows, widths []float32) {
	tableBoundsPortable(tables, size, lows, widths)
}

func (k Kernels) roundTables(tables []float32, size int, lows []float32, inv float32, dst []byte) {
	roundTablesPortable(tables, size, lows, inv, dst)
}

func (k Kernels) estimates(e *Estimate, sums []uint16, bias, scale []float32, limit float32, dist []float32) uint64 {
	return estimatesPortable(e, sums, bias, scale, limit, dist)
}
