//go:build amd64 && !purego && !race

package vec

import "unsafe"

// As the assembly of float32, see isa_amd64.go. That for AVX2 leaves out the
// elements of the last, partial register, which are then added in Go.

//go:noescape
func l2F16AVX512(q *float32, rows *byte, dim int, ids *uint32, n int, out *float32, warm int)

//go:noescape
func ipF16AVX512(q *float32, rows *byte, dim int, ids *uint32, n int, out *float32, warm int)

//go:noescape
func l2BF16AVX512(q *float32, rows *byte, dim int, ids *uint32, n int, out *float32, warm int)

//go:noescape
func ipBF16AVX512(q *float32, rows *byte, dim int, ids *uint32, n int, out *float32, warm int)

//go:noescape
func l2F16AVX2(q *float32, rows *byte, dim int, ids *uint32, n int, out *float32, warm int)

//go:noescape
func ipF16AVX2(q *float32, rows *byte, dim int, ids *uint32, n int, out *float32, warm int)

//go:noescape
func l2BF16AVX2(q *float32, rows *byte, dim int, ids *uint32, n int, out *float32, warm int)

//go:noescape
func ipBF16AVX2(q *float32, rows *byte, dim int, ids *uint32, n int, out *float32, warm int)

// Of int8 and bits, rows are stride bytes; sum is that of q's elements. Adjacent rows
// of bits are prefetched if warm is not 0.

//go:noescape
func ipInt8VNNI(q, rows *byte, stride int, ids *uint32, n int, out *int32, warm int, sum int32)

//go:noescape
func l2Int8VNNI(q, rows *byte, stride int, ids *uint32, n int, out *int32, warm int)

//go:noescape
func l2Int8AVX512(q, rows *byte, stride int, ids *uint32, n int, out *int32, warm int)

//go:noescape
func ipInt8AVX512(q, rows *byte, stride int, ids *uint32, n int, out *int32, warm int)

//go:noescape
func l2Int8AVX2(q, rows *byte, stride int, ids *uint32, n int, out *int32, warm int)

//go:noescape
func ipInt8AVX2(q, rows *byte, stride int, ids *uint32, n int, out *int32, warm int)

//go:noescape
func xorBitsPOPCNT(q, rows *byte, stride int, ids *uint32, n int, out *float32, warm int)

//go:noescape
func andBitsPOPCNT(q, rows *byte, stride int, ids *uint32, n int, out *float32, warm int)

//go:noescape
func lessBitsPOPCNT(q, rows *byte, stride int, ids *uint32, n int, out *float32, warm int)

//go:noescape
func xorBitsAVX512(q, rows *byte, stride int, ids *uint32, n int, out *float32, warm int)

//go:noescape
func andBitsAVX512(q, rows *byte, stride int, ids *uint32, n int, out *float32, warm int)

//go:noescape
func lessBitsAVX512(q, rows *byte, stride int, ids *uint32, n int, out *float32, warm int)

//go:noescape
func xorBitsAVX2(q, rows *byte, stride int, ids *uint32, n int, out *float32, warm int)

//go:noescape
func andBitsAVX2(q, rows *byte, stride int, ids *uint32, n int, out *float32, warm int)

//go:noescape
func lessBitsAVX2(q, rows *byte, stride int, ids *uint32, n int, out *float32, warm int)

// For n adjacent rows of 16 bytes; n is a positive multiple of 16.

//go:noescape
func xorBits16POPCNT(q, rows *byte, n int, out *float32)

//go:noescape
func andBits16POPCNT(q, rows *byte, n int, out *float32)

//go:noescape
func lessBits16POPCNT(q, rows *byte, n int, out *float32)

// matchAVX2 is match for n counts, a positive multiple of 8.
//
//go:noescape
func matchAVX2(out *float32, n int, want float32)

func (k Kernels) half(e Element, m Measure, q []float32, rows []byte, ids []uint32, out []float32, warm int) {
	a, b, at, to := &q[0], &rows[0], unsafe.SliceData(ids), &out[0]
	switch k.isa {
	case avx512, vnni:
		switch {
		case e == Float16s && m == MeasureL2:
			l2F16AVX512(a, b, len(q), at, len(out), to, warm)
		case e == Float16s:
			ipF16AVX512(a, b, len(q), at, len(out), to, warm)
		case m == MeasureL2:
			l2BF16AVX512(a, b, len(q), at, len(out), to, warm)
		default:
			ipBF16AVX512(a, b, len(q), at, len(out), to, warm)
		}
	case avx2:
		switch {
		case e == Float16s && m == MeasureL2:
			l2F16AVX2(a, b, len(q), at, len(out), to, warm)
		case e == Float16s:
			ipF16AVX2(a, b, len(q), at, len(out), to, warm)
		case m == MeasureL2:
			l2BF16AVX2(a, b, len(q), at, len(out), to, warm)
		default:
			ipBF16AVX2(a, b, len(q), at, len(out), to, warm)
		}
		if whole := len(q) &^ 7; whole < len(q) {
			for i := range out {
				out[i] += halfPortable(e, m, q, rowAt(rows, 2*len(q), ids, i), whole)
			}
		}
	default:
		halfRowsPortable(e, m, q, rows, ids, out)
	}
}

func (k Kernels) int8s(m Measure, q, rows []byte, sum int32, ids []uint32, out []int32, warm int) {
	a, b, at, to := &q[0], &rows[0], unsafe.SliceData(ids), &out[0]
	l2 := m == MeasureL2
	switch {
	case k.isa == vnni && l2:
		l2Int8VNNI(a, b, len(q), at, len(out), to, warm)
	case k.isa == vnni:
		ipInt8VNNI(a, b, len(q), at, len(out), to, warm, sum)
	case k.isa == avx512 && l2:
		l2Int8AVX512(a, b, len(q), at, len(out), to, warm)
	case k.isa == avx512:
		ipInt8AVX512(a, b, len(q), at, len(out), to, warm)
	case k.isa == avx2:
		if l2 {
			l2Int8AVX2(a, b, len(q), at, len(out), to, warm)
		} else {
			ipInt8AVX2(a, b, len(q), at, len(out), to, warm)
		}
		if whole := len(q) &^ 15; whole < len(q) {
			for i := range out {
				out[i] += int8Portable(m, q, rowAt(rows, len(q), ids, i), whole)
			}
		}
	default:
		int8RowsPortable(m, q, rows, ids, out)
	}
}

func (k Kernels) bits(op bitOp, q, rows []byte, ids []uint32, out []float32, warm int) {
	if k.popcnt {
		bitsPOPCNT(op, q, rows, ids, out, warm)
		return
	}
	a, b, at, to := &q[0], &rows[0], unsafe.SliceData(ids), &out[0]
	switch k.isa {
	case vnni, avx512:
		switch op {
		case xorBits:
			xorBitsAVX512(a, b, len(q), at, len(out), to, warm)
		case andBits:
			andBitsAVX512(a, b, len(q), at, len(out), to, warm)
		default:
			lessBitsAVX512(a, b, len(q), at, len(out), to, warm)
		}
	case avx2:
		switch op {
		case xorBits:
			xorBitsAVX2(a, b, len(q), at, len(out), to, warm)
		case andBits:
			andBitsAVX2(a, b, len(q), at, len(out), to, warm)
		default:
			lessBitsAVX2(a, b, len(q), at, len(out), to, warm)
		}
		if whole := len(q) &^ 15; whole < len(q) {
			for i := range out {
				out[i] += bitsPortable(op, q, rowAt(rows, len(q), ids, i), whole)
			}
		}
	default:
		bitsRowsPortable(op, q, rows, ids, out)
	}
}

func (k Kernels) shortHamming(q, rows []byte, out []float32) {
	if k.popcnt && len(out) > 0 && len(out)%16 == 0 {
		xorBits16POPCNT(&q[0], &rows[0], len(out), &out[0])
	} else if len(out) > 0 {
		k.bits(xorBits, q, rows, nil, out, 0)
	}
}

func bitsPOPCNT(op bitOp, q, rows []byte, ids []uint32, out []float32, warm int) {
	a, at := &q[0], unsafe.SliceData(ids)
	if whole := len(out) &^ 15; ids == nil && len(q) == shortBits && whole > 0 {
		switch op {
		case xorBits:
			xorBits16POPCNT(a, &rows[0], whole, &out[0])
		case andBits:
			andBits16POPCNT(a, &rows[0], whole, &out[0])
		default:
			lessBits16POPCNT(a, &rows[0], whole, &out[0])
		}
		if out = out[whole:]; len(out) == 0 {
			return
		}
		rows = rows[shortBits*whole:]
	}
	switch op {
	case xorBits:
		xorBitsPOPCNT(a, &rows[0], len(q), at, len(out), &out[0], warm)
	case andBits:
		andBitsPOPCNT(a, &rows[0], len(q), at, len(out), &out[0], warm)
	default:
		lessBitsPOPCNT(a, &rows[0], len(q), at, len(out), &out[0], warm)
	}
}

func (k Kernels) match(out []float32, want float32) {
	whole := len(out) &^ 7
	if k.isa == portable || whole == 0 {
		matchPortable(out, want)
		return
	}
	matchAVX2(&out[0], whole, want)
	matchPortable(out[whole:], want)
}
