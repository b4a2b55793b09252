//go:build amd64 && !purego && !race

package vec

// The assembly sets out to 0 where a row holds all bits of q, or q all of the row, else
// to +Inf, for n adjacent rows, a positive multiple of heldRows, of stride bytes, a
// multiple of 4, or of 16 bytes.

//go:noescape
func rowsHoldAVX512(q, rows *byte, stride, n int, out *float32)

//go:noescape
func holdsRowsAVX512(q, rows *byte, stride, n int, out *float32)

//go:noescape
func rowsHold16AVX512(q, rows *byte, n int, out *float32)

//go:noescape
func holdsRows16AVX512(q, rows *byte, n int, out *float32)

// heldRows is the rows of a turn of the kernels.
const heldRows = 16

// held computes MeasureSubstructure or MeasureSuperstructure of q and adjacent rows, of
// q's length; it returns false where another way has to.
func (k Kernels) held(by Measure, q, rows []byte, out []float32) bool {
	if !k.wide() || len(q)%4 != 0 || len(out) < heldRows {
		return false
	}
	for {
		n := len(out) &^ (heldRows - 1)
		a, b, to := &q[0], &rows[0], &out[0]
		switch {
		case len(q) == shortBits && by == MeasureSubstructure:
			rowsHold16AVX512(a, b, n, to)
		case len(q) == shortBits:
			holdsRows16AVX512(a, b, n, to)
		case by == MeasureSubstructure:
			rowsHoldAVX512(a, b, len(q), n, to)
		default:
			holdsRowsAVX512(a, b, len(q), n, to)
		}
		if n == len(out) {
			return true
		}
		// Some of the last ones once more.
		from := len(out) - heldRows
		rows, out = rows[from*len(q):], out[from:]
	}
}
