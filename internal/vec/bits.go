package vec

import (
	"encoding/binary"
	"math"
	"math/bits"
)

// MaxBitsBytes is the most bytes of a binary vector: a float32 has every count
// of bits exactly.
const MaxBitsBytes = 1 << 20

// bitOp is what bits of a query and a row are counted.
type bitOp uint8

const (
	xorBits  bitOp = iota // set in one of the two
	andBits               // set in both
	lessBits              // set in the row, and not in the query
)

// bitsPortable counts from byte from on.
func bitsPortable(op bitOp, q, row []byte, from int) float32 {
	q, row = q[from:], row[from:]
	n := 0
	for len(q) >= 8 && len(row) >= 8 {
		n += bits.OnesCount64(op.apply(binary.LittleEndian.Uint64(q), binary.LittleEndian.Uint64(row)))
		q, row = q[8:], row[8:]
	}
	for i, v := range q {
		n += bits.OnesCount64(op.apply(uint64(v), uint64(row[i])))
	}
	return float32(n)
}

func (op bitOp) apply(q, row uint64) uint64 {
	switch op {
	case xorBits:
		return q ^ row
	case andBits:
		return q & row
	default:
		return row &^ q
	}
}

// bitsRowsPortable sets out[i] to the count of q and row ids[i], or row i
// without ids.
func bitsRowsPortable(op bitOp, q, rows []byte, ids []uint32, out []float32) {
	for i := range out {
		out[i] = bitsPortable(op, q, rowAt(rows, len(q), ids, i), 0)
	}
}

func onesCount(q []byte) int {
	n := 0
	for _, v := range q {
		n += bits.OnesCount8(v)
	}
	return n
}

// matchPortable sets out to 0 where it has the wanted count, else to +Inf.
func matchPortable(out []float32, want float32) {
	inf := float32(math.Inf(1))
	for i, n := range out {
		if n == want {
			out[i] = 0
		} else {
			out[i] = inf
		}
	}
}
