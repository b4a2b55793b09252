package vec

import (
	"fmt"
	"math"
)

// What a scan of quantised lists is made of besides Nibbles: tables of floats
// are rounded to bytes (RoundTables), whose sums (Nibbles, ByteSums) become
// distances, of which those below a limit are named (Estimates).

// ByteRows is the number of rows in a block of 8-bit codes.
const ByteRows = 64

// ByteTable is the number of bytes of a table of 8-bit codes.
const ByteTable = 256

// ByteSums adds up, for each row, one byte of each of the tables of ByteTable
// bytes. Rows come in blocks of ByteRows: a block has, for each table, a byte
// for each row, its place in the table. out, a multiple of ByteRows, gets the
// sums, modulo 2^16. With AVX-512 VBMI a table is held in registers (F. André,
// A.-M. Kermarrec and N. Le Scouarnec, "Quicker ADC", TPAMI 2019).
func (k Kernels) ByteSums(tables, blocks []byte, out []uint16) {
	if len(tables)%ByteTable != 0 || len(out)%ByteRows != 0 || len(tables)/ByteTable*len(out) > len(blocks) {
		panic(fmt.Sprintf("vec: %d rows of %d codes wanted, %d bytes there", len(out), len(tables)/ByteTable, len(blocks)))
	}
	if len(out) == 0 || len(tables) == 0 {
		clear(out)
		return
	}
	k.byteSums(tables, blocks, out)
}

func byteSumsPortable(tables, blocks []byte, out []uint16) {
	for b := 0; b < len(out); b += ByteRows {
		sums := (*[ByteRows]uint16)(out[b:])
		clear(sums[:])
		for at := 0; at < len(tables); at += ByteTable {
			table, codes := (*[ByteTable]byte)(tables[at:]), (*[ByteRows]byte)(blocks)
			for i, c := range codes {
				sums[i] += uint16(table[c])
			}
			blocks = blocks[ByteRows:]
		}
	}
}

// tableUnit is what the number of floats of a table is a multiple of.
const tableUnit = 16

// RoundTables rounds tables of size floats each, a multiple of 16, to bytes: of
// elements, one of each table, the sum is about base + unit * that of the bytes,
// which is below 2^16. dst has a byte for each float, and room two floats for
// each table.
func (k Kernels) RoundTables(tables []float32, size int, room []float32, dst []byte) (base, unit float32) {
	if size < tableUnit || size%tableUnit != 0 || len(tables)%size != 0 || len(dst) < len(tables) || len(room) < 2*len(tables)/size {
		panic(fmt.Sprintf("vec: %d floats in tables of %d, room for %d and %d", len(tables), size, len(dst), len(room)))
	}
	n := len(tables) / size
	if n == 0 {
		return 0, 0
	}
	lows, widths := room[:n], room[n:2*n]
	k.tableBounds(tables, size, lows, widths)
	widest, all := float32(0), float32(0)
	for i, w := range widths {
		base += lows[i]
		all += w
		widest = max(widest, w)
	}
	unit = max(widest/math.MaxUint8, all/(math.MaxUint16-float32(n)))
	inv := float32(0)
	if unit > 0 {
		inv = 1 / unit
	}
	k.roundTables(tables, size, lows, inv, dst)
	return base, unit
}

func tableBoundsPortable(tables []float32, size int, lows, widths []float32) {
	for i := range lows {
		t := tables[i*size:][:size]
		low, high := t[0], t[0]
		for _, v := range t[1:] {
			low, high = min(low, v), max(high, v)
		}
		lows[i], widths[i] = low, high-low
	}
}

func roundTablesPortable(tables []float32, size int, lows []float32, inv float32, dst []byte) {
	for i, low := range lows {
		t, d := tables[i*size:][:size], dst[i*size:][:size]
		for j, v := range t {
			d[j] = byte(min(float32((v-low)*inv)+0.5, math.MaxUint8))
		}
	}
}

// Estimate says how a distance follows from a sum, see Estimates.
type Estimate struct{ Base, Low, Unit float32 }

// EstimateRows is how many rows Estimates takes at most.
const EstimateRows = 64

// Estimates sets dist[i] to e.Base + bias[i] + scale[i] * (e.Low + e.Unit *
// sums[i]), for each i of sums, and returns the bits of those that are not above
// limit, be they no numbers: bit i for row i. An empty scale is one of ones; bias, scale and dist are
// else as long as sums.
func (k Kernels) Estimates(e *Estimate, sums []uint16, bias, scale []float32, limit float32, dist []float32) uint64 {
	n := len(sums)
	bias, dist = bias[:n], dist[:n]
	if n > EstimateRows || len(scale) > 0 && len(scale) < n {
		panic(fmt.Sprintf("vec: estimates of %d rows, %d scales", n, len(scale)))
	}
	if n == 0 {
		return 0
	}
	return k.estimates(e, sums, bias, scale, limit, dist)
}

func estimatesPortable(e *Estimate, sums []uint16, bias, scale []float32, limit float32, dist []float32) uint64 {
	near := uint64(0)
	for i, s := range sums {
		d := e.Low + e.Unit*float32(s)
		if len(scale) > 0 {
			d *= scale[i]
		}
		d += e.Base + bias[i]
		dist[i] = d
		if !(d > limit) {
			near |= 1 << i
		}
	}
	return near
}
