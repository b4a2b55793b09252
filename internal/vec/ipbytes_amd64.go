//go:build amd64 && !purego && !race

package vec

// ipBytesAVX512 is ipBytesAsm for n >= 4 rows.
//
//go:noescape
func ipBytesAVX512(q *int16, rows *byte, dim, n int, out *int32)

// ipBytesWide is ipBytes with registers of 512 bits, for four rows and more. It
// reports false where there are none, or fewer rows.
func ipBytesWide(k Kernels, q []int16, rows []byte, out []int32) bool {
	if !k.wide() || len(out) < 4 {
		return false
	}
	ipBytesAVX512(&q[0], &rows[0], len(q), len(out), &out[0])
	return true
}
