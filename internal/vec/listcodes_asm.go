//go:build (amd64 || arm64) && !purego && !race

package vec

// ipBytesAsm computes n >= 1 inner products of q and rows of dim bytes, a
// positive multiple of 16.
//
//go:noescape
func ipBytesAsm(q *int16, rows *byte, dim, n int, out *int32)

// nibblesAsm adds up n >= 1 blocks of pairs >= 1 pairs.
//
//go:noescape
func nibblesAsm(tables *byte, pairs int, blocks *byte, n int, out *uint16)

// The assembly is for AVX2 and for NEON, which all instruction sets but the portable
// one have.

func (k Kernels) ipBytes(q []int16, rows []byte, out []int32) {
	if k.isa == portable {
		ipBytesPortable(q, rows, out)
		return
	}
	if ipBytesWide(k, q, rows, out) {
		return
	}
	ipBytesAsm(&q[0], &rows[0], len(q), len(out), &out[0])
}
