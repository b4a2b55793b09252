package vec

import (
	"fmt"
	"math"
	"unsafe"
)

// Element is the type of a vector's elements.
type Element uint8

// The element types.
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

// The measures.
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

// Head returns the matrix of the first rows of m, of which there are so many.
func (m Matrix) Head(rows int) Matrix {
	m.rows = rows
	if m.elem == Float32s {
		m.floats = m.floats[:rows*m.dim]
	} else {
		m.data = m.data[:rows*m.size]
	}
	return m
}

// Bytes returns m's memory: its rows, RowSize bytes each.
func (m *Matrix) Bytes() []byte {
	if m.elem != Float32s {
		return m.data
	}
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(m.floats))), 4*len(m.floats))
}

// Float32s returns all elements of m, row-major; nil if they are not float32.
func (m *Matrix) Float32s() []float32 { return m.floats }

// Floats returns the elements of row i of m, which is not of Bits: where they are,
// if they are float32, else in room, of m.Dim() floats.
func (m *Matrix) Floats(i int, room []float32) []float32 {
	if m.elem == Float32s {
		return m.floats[i*m.dim : (i+1)*m.dim]
	}
	room = room[:m.dim]
	row := m.data[i*m.size : (i+1)*m.size]
	switch m.elem {
	case Float16s:
		DecodeFloat16(room, row)
	case BFloat16s:
		DecodeBFloat16(room, row)
	case Int8s:
		DecodeInt8(room, row)
	default:
		panic("vec: floats of a row of bits")
	}
	return room
}

// InvNormOf returns InvNorm of row i of m, which is not of Bits. room is as for
// Floats.
func (k Kernels) InvNormOf(m *Matrix, i int, room []float32) float32 {
	if m.elem == Int8s {
		q := m.Probe(i, nil)
		return k.InvNormOfProbe(&q)
	}
	return k.InvNorm(m.Floats(i, room))
}

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

// Floats returns the query of rows of floats; nil if it is of others.
func (q *Probe) Floats() []float32 { return q.floats }

// Int8s sets dst to the elements of a query of Int8s, times scale.
func (q *Probe) Int8s(dst []float32, scale float32) {
	DecodeInt8(dst, q.bytes)
	for i := range dst {
		dst[i] *= scale
	}
}

// Fits reports whether the rows of m are of the dimension and, as far as q knows,
// of the type that q is for.
func (q *Probe) Fits(m *Matrix) bool {
	if m.elem == Int8s || m.elem == Bits {
		return q.floats == nil && len(q.bytes) == m.size
	}
	return q.bytes == nil && len(q.floats) == m.dim
}

// InvNormOfProbe returns InvNorm of a query that is not of Bits.
func (k Kernels) InvNormOfProbe(q *Probe) float32 {
	if q.bytes == nil {
		return k.InvNorm(q.floats)
	}
	var square [1]float32
	m := Packed(Int8s, len(q.bytes), q.bytes)
	k.Rows(MeasureIP, q, &m, 0, square[:])
	if square[0] == 0 {
		return 0
	}
	return float32(1 / math.Sqrt(float64(square[0])))
}

// Probe returns the probe of row i of m. room, of m.Dim() floats, holds the
// elements of a row of Float16s or BFloat16s, and is not used for others.
func (m *Matrix) Probe(i int, room []float32) Probe {
	if m.elem == Float32s {
		return FloatProbe(m.floats[i*m.dim : (i+1)*m.dim])
	}
	switch row := m.data[i*m.size : (i+1)*m.size]; m.elem {
	case Int8s:
		return Int8Probe(row)
	case Bits:
		return BitsProbe(row)
	default:
		return FloatProbe(m.Floats(i, room))
	}
}

// Rows sets out[i] to the measure of q and row from+i of m, for each i of out.
// MeasureL2 and MeasureIP are for all types but Bits, whose measures are the
// others. Of Int8s and Bits the result is the exact one, rounded to a float32.
func (k Kernels) Rows(by Measure, q *Probe, m *Matrix, from int, out []float32) {
	if from < 0 || from > m.rows || len(out) > m.rows-from {
		panic(fmt.Sprintf("vec: rows [%d, %d) wanted, %d there", from, from+len(out), m.rows))
	}
	if m.elem == Bits && m.size == shortBits && len(q.bytes) == shortBits && by == MeasureHamming {
		k.shortHamming(q.bytes, m.data[from*shortBits:], out)
		return
	}
	if m.elem == Bits && by > MeasureJaccard && len(q.bytes) == m.size && k.held(by, q.bytes, m.data[from*m.size:], out) {
		return
	}
	k.measure(by, q, m, from, nil, out, 0)
}

// shortBits is the bytes of rows of Bits that take less time than the usual way to
// their kernel.
const shortBits = 16

// IDs sets out[i] to the measure of q and row ids[i] of m; out is at least as
// long. Otherwise as Rows, with the same bits. The first warm bytes of each row
// are taken to be in, or on their way to, the cache; the rest is prefetched.
func (k Kernels) IDs(by Measure, q *Probe, m *Matrix, ids []uint32, out []float32, warm int) {
	out = out[:len(ids)]
	if len(ids) == 0 {
		return
	}
	if top := k.maxID(ids); uint64(top) >= uint64(m.rows) {
		panic(fmt.Sprintf("vec: row %d wanted, %d rows there", top, m.rows))
	}
	k.measure(by, q, m, 0, ids, out, warm)
}

// measure computes rows ids, or len(out) rows beginning at from if ids is nil,
// all of which m has.
func (k Kernels) measure(by Measure, q *Probe, m *Matrix, from int, ids []uint32, out []float32, warm int) {
	bits := m.elem == Bits
	if !q.Fits(m) || bits != (by > MeasureIP) {
		panic(fmt.Sprintf("vec: measure %d of a query of %d floats or %d bytes and rows of type %d, dimension %d",
			by, len(q.floats), len(q.bytes), m.elem, m.dim))
	}
	if len(out) == 0 {
		return
	}
	if m.elem == Float32s {
		if rows := m.floats[from*m.dim:]; by == MeasureL2 {
			k.l2(q.floats, rows, ids, out, warm)
		} else {
			k.ip(q.floats, rows, ids, out, warm)
		}
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
		if ids == nil && by != MeasureHamming {
			warm = 1 // prefetched, too: hot it costs little beside the rest
		}
		k.bits(by.bits(), q.bytes, rows, ids, out, warm)
		switch by {
		case MeasureJaccard:
			k.jaccard(q, rows, ids, out)
		case MeasureSubstructure:
			k.match(out, float32(q.sum))
		case MeasureSuperstructure:
			k.match(out, 0)
		}
	}
}

// bits returns what is counted first for a measure of Bits.
func (by Measure) bits() bitOp {
	switch by {
	case MeasureHamming:
		return xorBits
	case MeasureSuperstructure:
		return lessBits
	default:
		return andBits
	}
}

// warmAll is the warm of a kernel call that prefetches nothing.
func warmAll(ids []uint32) int {
	if ids == nil {
		return 0
	}
	return math.MaxInt
}

// jaccard makes distances of out, the bits that each row has in common with the
// query, which takes those that only the row has.
func (k Kernels) jaccard(q *Probe, rows []byte, ids []uint32, out []float32) {
	var alone [64]float32
	for len(out) > 0 {
		n := min(len(out), len(alone))
		block := ids
		if ids != nil {
			block = ids[:n]
		}
		k.bits(lessBits, q.bytes, rows, block, alone[:n], warmAll(block))
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
