//go:build (!amd64 && !arm64) || purego || race

package vec

func (k Kernels) half(e Element, m Measure, q []float32, rows []byte, ids []uint32, out []float32, _ int) {
	halfRowsPortable(e, m, q, rows, ids, out)
}

func (k Kernels) int8s(m Measure, q, rows []byte, _ int32, ids []uint32, out []int32, _ int) {
	int8RowsPortable(m, q, rows, ids, out)
}

func (k Kernels) bits(op bitOp, q, rows []byte, ids []uint32, out []float32, _ int) {
	bitsRowsPortable(op, q, rows, ids, out)
}

func (k Kernels) shortHamming(q, rows []byte, out []float32) {
	bitsRowsPortable(xorBits, q, rows, nil, out)
}

func (k Kernels) match(out []float32, want float32) { matchPortable(out, want) }
