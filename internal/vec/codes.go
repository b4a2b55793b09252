package vec

import "fmt"

// CodeAlign is what the bytes of a row of codes are a multiple of: the codes,
// one an element, and zeros behind them.
const CodeAlign = 64

// MaxCodeDim is the largest dimension of codes: no sum of 32 bits overflows.
const MaxCodeDim = 1 << 14

// CodeStride returns the bytes of a row of codes of dim elements.
func CodeStride(dim int) int { return (dim + CodeAlign - 1) &^ (CodeAlign - 1) }

// The kernels of codes. Shapes: q has stride bytes, a multiple of CodeAlign up
// to MaxCodeDim; rows is row-major, row i at rows[i*stride:]. All results are
// exact, so every Kernels value gives the same.

// L2CodeRows sets out[i] to the squared distance of q and row i, bytes without
// a sign, for each i of out.
func (k Kernels) L2CodeRows(q, rows []byte, out []uint32) {
	checkCodeRows(q, rows, len(out))
	if len(out) > 0 {
		k.l2Codes(q, rows, nil, out, 0)
	}
}

// IPCodeRows sets out[i] to base less the inner product of q, bytes with a
// sign (two's complement), and row i, bytes without one, modulo 2^32, for each
// i of out.
func (k Kernels) IPCodeRows(q []byte, base uint32, rows []byte, out []uint32) {
	checkCodeRows(q, rows, len(out))
	if len(out) > 0 {
		k.ipCodes(q, base, rows, nil, out, 0)
	}
}

// L2CodeIDs is L2CodeRows for row ids[i], for each i of ids; out is at least as
// long. The first warm bytes of each row are taken to be in, or on their way
// to, the cache; the rest is prefetched.
func (k Kernels) L2CodeIDs(q, rows []byte, ids, out []uint32, warm int) {
	out = out[:len(ids)]
	checkCodeIDs(q, rows, ids)
	if len(ids) > 0 {
		k.l2Codes(q, rows, ids, out, warm)
	}
}

// IPCodeIDs is IPCodeRows for row ids[i]; otherwise as L2CodeIDs.
func (k Kernels) IPCodeIDs(q []byte, base uint32, rows []byte, ids, out []uint32, warm int) {
	out = out[:len(ids)]
	checkCodeIDs(q, rows, ids)
	if len(ids) > 0 {
		k.ipCodes(q, base, rows, ids, out, warm)
	}
}

func checkCodeRows(q, rows []byte, n int) {
	if len(q) == 0 || len(q)%CodeAlign != 0 || len(q) > MaxCodeDim {
		panic(fmt.Sprintf("vec: rows of %d codes", len(q)))
	}
	if len(rows)/len(q) < n {
		panic(fmt.Sprintf("vec: %d rows of %d codes wanted, %d bytes there", n, len(q), len(rows)))
	}
}

func checkCodeIDs(q, rows []byte, ids []uint32) {
	if len(ids) == 0 {
		return
	}
	top := maxID(ids)
	if uint64(top) >= uint64(len(rows)) {
		panic(fmt.Sprintf("vec: row %d wanted, %d bytes there", top, len(rows)))
	}
	checkCodeRows(q, rows, int(top)+1)
}
