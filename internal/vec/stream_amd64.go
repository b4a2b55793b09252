//go:build amd64 && !purego && !race

package vec

// stream is l2Rows or ipRows and prefetches what lies ahead bytes ahead. It reports
// false if it did nothing.
func (k Kernels) stream(by Measure, q, rows, out []float32, ahead int) bool {
	switch wide := k.isa != avx2; {
	case k.isa == portable:
		return false
	case by == MeasureL2 && wide:
		l2AVX512(&q[0], &rows[0], len(q), nil, len(out), &out[0], ahead)
	case by == MeasureL2:
		l2AVX2(&q[0], &rows[0], len(q), nil, len(out), &out[0], ahead)
	case wide:
		ipAVX512(&q[0], &rows[0], len(q), nil, len(out), &out[0], ahead)
	default:
		ipAVX2(&q[0], &rows[0], len(q), nil, len(out), &out[0], ahead)
	}
	return true
}
