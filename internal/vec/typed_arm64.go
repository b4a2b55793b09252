//go:build arm64 && !purego && !race

package vec

import "unsafe"

// As the assembly of float32, see isa_arm64.go.

//go:noescape
func l2F16NEON(q *float32, rows *byte, dim int, ids *uint32, n int, out *float32, warm int)

//go:noescape
func ipF16NEON(q *float32, rows *byte, dim int, ids *uint32, n int, out *float32, warm int)

//go:noescape
func l2BF16NEON(q *float32, rows *byte, dim int, ids *uint32, n int, out *float32, warm int)

//go:noescape
func ipBF16NEON(q *float32, rows *byte, dim int, ids *uint32, n int, out *float32, warm int)

// Of int8 and bits, rows are stride bytes.

//go:noescape
func l2Int8Dot(q, rows *byte, stride int, ids *uint32, n int, out *int32, warm int)

//go:noescape
func ipInt8Dot(q, rows *byte, stride int, ids *uint32, n int, out *int32, warm int)

//go:noescape
func l2Int8NEON(q, rows *byte, stride int, ids *uint32, n int, out *int32, warm int)

//go:noescape
func ipInt8NEON(q, rows *byte, stride int, ids *uint32, n int, out *int32, warm int)

//go:noescape
func xorBitsNEON(q, rows *byte, stride int, ids *uint32, n int, out *float32, warm int)

//go:noescape
func andBitsNEON(q, rows *byte, stride int, ids *uint32, n int, out *float32, warm int)

//go:noescape
func lessBitsNEON(q, rows *byte, stride int, ids *uint32, n int, out *float32, warm int)

// For n adjacent rows of 16 bytes; n is a positive multiple of 16.

//go:noescape
func xorBits16NEON(q, rows *byte, n int, out *float32)

//go:noescape
func andBits16NEON(q, rows *byte, n int, out *float32)

//go:noescape
func lessBits16NEON(q, rows *byte, n int, out *float32)

// matchNEON is match for n counts, a positive multiple of 16.
//
//go:noescape
func matchNEON(out *float32, n int, want float32)

func (k Kernels) half(e Element, m Measure, q []float32, rows []byte, ids []uint32, out []float32, warm int) {
	a, b, at, to := &q[0], &rows[0], unsafe.SliceData(ids), &out[0]
	switch {
	case k.isa == portable:
		halfRowsPortable(e, m, q, rows, ids, out)
	case e == Float16s && m == MeasureL2:
		l2F16NEON(a, b, len(q), at, len(out), to, warm)
	case e == Float16s:
		ipF16NEON(a, b, len(q), at, len(out), to, warm)
	case m == MeasureL2:
		l2BF16NEON(a, b, len(q), at, len(out), to, warm)
	default:
		ipBF16NEON(a, b, len(q), at, len(out), to, warm)
	}
}

func (k Kernels) int8s(m Measure, q, rows []byte, _ int32, ids []uint32, out []int32, warm int) {
	a, b, at, to := &q[0], &rows[0], unsafe.SliceData(ids), &out[0]
	switch l2 := m == MeasureL2; {
	case k.isa == portable:
		int8RowsPortable(m, q, rows, ids, out)
	case k.isa == neonDot && l2:
		l2Int8Dot(a, b, len(q), at, len(out), to, warm)
	case k.isa == neonDot:
		ipInt8Dot(a, b, len(q), at, len(out), to, warm)
	case l2:
		l2Int8NEON(a, b, len(q), at, len(out), to, warm)
	default:
		ipInt8NEON(a, b, len(q), at, len(out), to, warm)
	}
}

func (k Kernels) bits(op bitOp, q, rows []byte, ids []uint32, out []float32, warm int) {
	if k.isa == portable {
		bitsRowsPortable(op, q, rows, ids, out)
		return
	}
	a, at := &q[0], unsafe.SliceData(ids)
	if whole := len(out) &^ 15; ids == nil && len(q) == shortBits && whole > 0 {
		switch op {
		case xorBits:
			xorBits16NEON(a, &rows[0], whole, &out[0])
		case andBits:
			andBits16NEON(a, &rows[0], whole, &out[0])
		default:
			lessBits16NEON(a, &rows[0], whole, &out[0])
		}
		if out = out[whole:]; len(out) == 0 {
			return
		}
		rows = rows[shortBits*whole:]
	}
	switch op {
	case xorBits:
		xorBitsNEON(a, &rows[0], len(q), at, len(out), &out[0], warm)
	case andBits:
		andBitsNEON(a, &rows[0], len(q), at, len(out), &out[0], warm)
	default:
		lessBitsNEON(a, &rows[0], len(q), at, len(out), &out[0], warm)
	}
}

func (k Kernels) shortHamming(q, rows []byte, out []float32) {
	if len(out) > 0 {
		k.bits(xorBits, q, rows, nil, out, 0)
	}
}

func (k Kernels) match(out []float32, want float32) {
	whole := len(out) &^ 15
	if k.isa == portable || whole == 0 {
		matchPortable(out, want)
		return
	}
	matchNEON(&out[0], whole, want)
	matchPortable(out[whole:], want)
}
