package vec

import "fmt"

// The kernels of codes compute with integers: the same codes give the same
// sums with every instruction set.

// BytesUnit is what the length of a row of IPBytes is a multiple of.
const BytesUnit = 16

// IPBytes sets out[i] to the inner product of q and row i, for each i of out.
// Rows are bytes, row i at rows[i*len(q):]; len(q) is a multiple of BytesUnit.
// 255 times the sum of the absolute values of q must be below 2^31.
func (k Kernels) IPBytes(q []int16, rows []byte, out []int32) {
	if len(q)%BytesUnit != 0 || len(q)*len(out) > len(rows) {
		panic(fmt.Sprintf("vec: %d rows of %d bytes wanted, %d bytes there", len(out), len(q), len(rows)))
	}
	if len(out) == 0 || len(q) == 0 {
		clear(out)
		return
	}
	k.ipBytes(q, rows, out)
}

func ipBytesPortable(q []int16, rows []byte, out []int32) {
	for i := range out {
		row := rows[i*len(q) : (i+1)*len(q)]
		var s0, s1, s2, s3 int32
		for j := 0; j+4 <= len(q) && j+4 <= len(row); j += 4 {
			s0 += int32(q[j]) * int32(row[j])
			s1 += int32(q[j+1]) * int32(row[j+1])
			s2 += int32(q[j+2]) * int32(row[j+2])
			s3 += int32(q[j+3]) * int32(row[j+3])
		}
		out[i] = s0 + s1 + s2 + s3
	}
}

// NibbleRows is the number of rows in a block of 4-bit codes.
const NibbleRows = 32

// Nibbles adds up, for each row, one element of each of 2*pairs tables (F.
// André, A.-M. Kermarrec and N. Le Scouarnec, "Cache locality is not enough:
// high-performance nearest neighbor search with product quantization fast
// scan", VLDB 2015). tables has 16 bytes for each table. Rows come in blocks of
// NibbleRows: a block has, for each pair of tables, a byte for each row, whose
// low half is the place in the pair's first table, the high half that in the
// second. out, a multiple of NibbleRows, gets the sums, modulo 2^16.
func (k Kernels) Nibbles(tables, blocks []byte, out []uint16) {
	if len(tables)%32 != 0 || len(out)%NibbleRows != 0 || len(tables)/32*len(out) > len(blocks) {
		panic(fmt.Sprintf("vec: %d rows of %d codes wanted, %d bytes there", len(out), len(tables)/16, len(blocks)))
	}
	if len(out) == 0 || len(tables) == 0 {
		clear(out)
		return
	}
	k.nibbles(tables, blocks, out)
}

func nibblesPortable(tables, blocks []byte, out []uint16) {
	pairs := len(tables) / 32
	for b := 0; b < len(out); b += NibbleRows {
		sums := (*[NibbleRows]uint16)(out[b:])
		clear(sums[:])
		for p := range pairs {
			low, high := (*[16]byte)(tables[32*p:]), (*[16]byte)(tables[32*p+16:])
			codes := (*[NibbleRows]byte)(blocks[(b/NibbleRows*pairs+p)*NibbleRows:])
			for i, c := range codes {
				sums[i] += uint16(low[c&15]) + uint16(high[c>>4])
			}
		}
	}
}
