//go:build amd64 && !purego && !race

package vec

import "unsafe"

// nibblesAVX512 adds up n >= 1 blocks of pairs >= 1 pairs.
//
//go:noescape
func nibblesAVX512(tables *byte, pairs int, blocks *byte, n int, out *uint16)

// byteSumsVBMI adds up n >= 1 blocks of m >= 1 codes.
//
//go:noescape
func byteSumsVBMI(tables *byte, m int, blocks *byte, n int, out *uint16)

// tableBoundsAVX512 is for n >= 1 tables of size floats, a positive multiple of 16.
//
//go:noescape
func tableBoundsAVX512(tables *float32, size, n int, lows, widths *float32)

//go:noescape
func roundTablesAVX512(tables *float32, size, n int, lows *float32, inv float32, dst *byte)

// estimatesAVX512 is for 1 <= n <= 64 rows; scale may be nil.
//
//go:noescape
func estimatesAVX512(e *Estimate, sums *uint16, n int, bias, scale *float32, limit float32, dist *float32) uint64

func (k Kernels) nibbles(tables, blocks []byte, out []uint16) {
	switch {
	case k.wide():
		nibblesAVX512(&tables[0], len(tables)/32, &blocks[0], len(out)/NibbleRows, &out[0])
	case k.isa == avx2:
		nibblesAsm(&tables[0], len(tables)/32, &blocks[0], len(out)/NibbleRows, &out[0])
	default:
		nibblesPortable(tables, blocks, out)
	}
}

func (k Kernels) byteSums(tables, blocks []byte, out []uint16) {
	if k.vbmi {
		byteSumsVBMI(&tables[0], len(tables)/ByteTable, &blocks[0], len(out)/ByteRows, &out[0])
		return
	}
	byteSumsPortable(tables, blocks, out)
}

func (k Kernels) tableBounds(tables []float32, size int, lows, widths []float32) {
	if k.wide() {
		tableBoundsAVX512(&tables[0], size, len(lows), &lows[0], &widths[0])
		return
	}
	tableBoundsPortable(tables, size, lows, widths)
}

func (k Kernels) roundTables(tables []float32, size int, lows []float32, inv float32, dst []byte) {
	if k.wide() {
		roundTablesAVX512(&tables[0], size, len(lows), &lows[0], inv, &dst[0])
		return
	}
	roundTablesPortable(tables, size, lows, inv, dst)
}

func (k Kernels) estimates(e *Estimate, sums []uint16, bias, scale []float32, limit float32, dist []float32) uint64 {
	if k.wide() {
		return estimatesAVX512(e, &sums[0], len(sums), &bias[0], unsafe.SliceData(scale), limit, &dist[0])
	}
	return estimatesPortable(e, sums, bias, scale, limit, dist)
}
