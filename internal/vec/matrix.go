package vec

import (
	"fmt"
	"math"
	"unsafe"
)

// Element is the type of a vector's elements.
type Element uint8

const (
	Float32s  Element = iota
	Float16s          // little-endian, like all of 16 bits
	BFloat16s         //
	Int8s             // two's complement
	Bits              // eight a byte
)

// Size returns the bytes of a vector of dim elements; for Bits dim is a multiple
// of 8.
func (e Element) Size(dim int) int {
	switch e {
	case Float32s:
		return 4 * dim
	case Float16s, BFloat16s:
		return 2 * dim
	case Int8s:
		return dim
	default:
		return dim / 8
	}
}

// Measure is what is computed of a query and a row.
type Measure uint8

const (
	MeasureL2             Measure = iota // squared Euclidean distance
	MeasureIP                            // inner product
	MeasureHamming                       // Bits: how many differ
	MeasureJaccard                       // Bits: 1 - common / set in either; 1 if none is set
	MeasureSubstructure                  // Bits: 0 if the row has all of the query's bits, else +Inf
	MeasureSuperstructure                // Bits: 0 if the query has all of the row's bits, else +Inf
)

// Matrix is vectors of one type, row-major, wherever they are held. It is a small
// value.
type Matrix struct {
	elem   Element
	dim    int
	size   int // bytes of a row
	rows   int
	floats []float32 // Float32s
	data   []byte    // all others
}

// Floats returns the matrix of rows of dim float32.
func Floats(dim int, rows []float32) Matrix {
	if dim < 1 {
		panic(fmt.Sprintf("vec: dimension %d", dim))
	}
	return Matrix{elem: Float32s, dim: dim, size: 4 * dim, rows: len(rows) / dim, floats: rows}
}

// Packed returns the matrix of rows of dim elements, of a type other than
// Float32s.
func Packed(e Element, dim int, rows []byte) Matrix {
	size := e.Size(dim)
	if e == Float32s || size < 1 || e == Int8s && dim > MaxInt8Dim || e == Bits && (dim%8 != 0 || size > MaxBitsBytes) {
		panic(fmt.Sprintf("vec: packed elements of type %d, dimension %d", e, dim))
	}
	return Matrix{elem: e, dim: dim, size: size, rows: len(rows) / size, data: rows}
}

// Element returns the type of m's elements.
func (m *Matrix) Element() Element { return m.elem }

// Dim returns the elements of a row.
func (m *Matrix) Dim() int { return m.dim }

// RowSize returns the bytes of a row.
func (m *Matrix) RowSize() int { return m.size }

// Rows returns the number of rows.
func (m *Matrix) Rows() int { return m.rows }

// Probe is a query, made ready for the rows of matrices of one type and dimension.
// It refers to the query's memory.
type Probe struct {
	floats []float32 // Float32s, Float16s, BFloat16s
	bytes  []byte    // Int8s, Bits
	sum    int32     // of the elements: Int8s; of the bits: Bits
}

// FloatProbe returns the probe for rows of Float32s, Float16s or BFloat16s.
func FloatProbe(q []float32) Probe { return Probe{floats: q} }

// Int8Probe returns the probe for rows of Int8s.
func Int8Probe(q []byte) Probe { return Probe{bytes: q, sum: int8Sum(q)} }

// BitsProbe returns the probe for rows of Bits.
func BitsProbe(q []byte) Probe { return Probe{bytes: q, sum: int32(onesCount(q))} }

// Probe returns the probe of row i of m. room, of m.Dim() floats, holds the
// elements of a row of Float16s or BFloat16s, and is not used for others.
func (m *Matrix) Probe(i int, room []float32) Probe {
	if m.elem == Float32s {
		return FloatProbe(m.floats[i*m.dim : (i+1)*m.dim])
	}
	row := m.data[i*m.size : (i+1)*m.size]
	switch m.elem {
	case Float16s:
		DecodeFloat16(room[:m.dim], row)
		return FloatProbe(room[:m.dim])
	case BFloat16s:
		DecodeBFloat16(room[:m.dim], row)
		return FloatProbe(room[:m.dim])
	case Int8s:
		return Int8Probe(row)
	default:
		return BitsProbe(row)
	}
}

// Rows sets out[i] to the measure of q and row from+i of m, for each i of out.
// MeasureL2 and MeasureIP are for all types but Bits, whose measures are the
// others. Of Int8s and Bits the result is the exact one, rounded to a float32.
func (k Kernels) Rows(by Measure, q *Probe, m *Matrix, from int, out []float32) {
	if from < 0 || from > m.rows || len(out) > m.rows-from {
		panic(fmt.Sprintf("vec: rows [%d, %d) wanted, %d there", from, from+len(out), m.rows))
	}
	k.measure(by, q, m, from, nil, out, math.MaxInt)
}

// IDs sets out[i] to the measure of q and row ids[i] of m; out is at least as
// long. Otherwise as Rows, with the same bits. The first warm bytes of each row
// are taken to be in, or on their way to, the cache; the rest is prefetched.
func (k Kernels) IDs(by Measure, q *Probe, m *Matrix, ids []uint32, out []float32, warm int) {
	out = out[:len(ids)]
	if len(ids) == 0 {
		return
	}
	if top := maxID(ids); uint64(top) >= uint64(m.rows) {
		panic(fmt.Sprintf("vec: row %d wanted, %d rows there", top, m.rows))
	}
	k.measure(by, q, m, 0, ids, out, warm)
}

// measure computes rows ids, or len(out) rows beginning at from if ids is nil,
// all of which m has.
func (k Kernels) measure(by Measure, q *Probe, m *Matrix, from int, ids []uint32, out []float32, warm int) {
	bits := m.elem == Bits
	if len(q.floats) != m.dim && len(q.bytes) != m.size || bits != (by > MeasureIP) {
		panic(fmt.Sprintf("vec: measure %d of a query of %d floats or %d bytes and rows of type %d, dimension %d",
			by, len(q.floats), len(q.bytes), m.elem, m.dim))
	}
	if len(out) == 0 {
		return
	}
	if m.elem == Float32s {
		k.float32s(by, q.floats, m.floats[from*m.dim:], ids, out, warm)
		return
	}
	rows := m.data[from*m.size:]
	switch m.elem {
	case Float16s, BFloat16s:
		k.half(m.elem, by, q.floats, rows, ids, out, warm)
	case Int8s:
		// The whole numbers are made floats where they are.
		sums := unsafe.Slice((*int32)(unsafe.Pointer(&out[0])), len(out))
		k.int8s(by, q.bytes, rows, q.sum, ids, sums, warm)
		for i, s := range sums {
			out[i] = float32(s)
		}
	default:
		k.bitMeasure(by, q, rows, ids, out, warm)
	}
}

func (k Kernels) float32s(by Measure, q, rows []float32, ids []uint32, out []float32, warm int) {
	switch {
	case by == MeasureL2 && ids == nil:
		k.l2Rows(q, rows, out)
	case by == MeasureL2:
		k.l2IDs(q, rows, ids, out, warm)
	case ids == nil:
		k.ipRows(q, rows, out)
	default:
		k.ipIDs(q, rows, ids, out, warm)
	}
}

func (k Kernels) bitMeasure(by Measure, q *Probe, rows []byte, ids []uint32, out []float32, warm int) {
	switch by {
	case MeasureHamming:
		k.bits(xorBits, q.bytes, rows, ids, out, warm)
	case MeasureJaccard:
		k.jaccard(q, rows, ids, out, warm)
	case MeasureSubstructure:
		k.bits(andBits, q.bytes, rows, ids, out, warm)
		match(out, float32(q.sum))
	default:
		k.bits(lessBits, q.bytes, rows, ids, out, warm)
		match(out, 0)
	}
}

// match sets out to 0 where it has the wanted count, else to +Inf.
func match(out []float32, want float32) {
	inf := float32(math.Inf(1))
	for i, n := range out {
		if n == want {
			out[i] = 0
		} else {
			out[i] = inf
		}
	}
}

// jaccard counts twice, a block of rows after the other, which stays in the cache
// in between.
func (k Kernels) jaccard(q *Probe, rows []byte, ids []uint32, out []float32, warm int) {
	var alone [64]float32 // bits that only the row has
	for len(out) > 0 {
		n := min(len(out), len(alone))
		block := ids
		if ids != nil {
			block = ids[:n]
		}
		k.bits(andBits, q.bytes, rows, block, out[:n], warm)
		k.bits(lessBits, q.bytes, rows, block, alone[:n], math.MaxInt)
		for i, common := range out[:n] {
			either := float32(q.sum) + alone[i]
			if either == 0 {
				out[i] = 1
			} else {
				out[i] = 1 - common/either
			}
		}
		out = out[n:]
		if ids != nil {
			ids = ids[n:]
		} else {
			rows = rows[n*len(q.bytes):]
		}
	}
}
