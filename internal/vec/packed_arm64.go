//go:build arm64 && !purego && !race

package vec

// The assembly computes base + a<q, c> + b<c, c>, n >= 1 times; rows are stride
// bytes apart and prefetched from byte warm < stride on. The inner product
// kernels take b for 0.

//go:noescape
func l2Packed4Dot(q, rows *byte, stride int, ids *uint32, n int, out *uint32, warm int, base, a, b uint32)

//go:noescape
func l2Packed4NEON(q, rows *byte, stride int, ids *uint32, n int, out *uint32, warm int, base, a, b uint32)

//go:noescape
func ipPacked4Dot(q, rows *byte, stride int, ids *uint32, n int, out *uint32, warm int, base, a, b uint32)

//go:noescape
func ipPacked4NEON(q, rows *byte, stride int, ids *uint32, n int, out *uint32, warm int, base, a, b uint32)

//go:noescape
func l2Packed6Dot(q, rows *byte, stride int, ids *uint32, n int, out *uint32, warm int, base, a, b uint32)

//go:noescape
func l2Packed6NEON(q, rows *byte, stride int, ids *uint32, n int, out *uint32, warm int, base, a, b uint32)

//go:noescape
func ipPacked6Dot(q, rows *byte, stride int, ids *uint32, n int, out *uint32, warm int, base, a, b uint32)

//go:noescape
func ipPacked6NEON(q, rows *byte, stride int, ids *uint32, n int, out *uint32, warm int, base, a, b uint32)

func (k Kernels) packed(p Packing, l2 bool, x packedArgs) {
	switch {
	case k.isa == portable:
		packedPortable(p, !l2, x)
	case k.isa == neonDot:
		packedDot(p, l2, x)
	default:
		packedNEON(p, l2, x)
	}
}

func packedDot(p Packing, l2 bool, x packedArgs) {
	q, rows, stride, ids, n, out := &x.q[0], &x.rows[0], p.Stride(len(x.q)), &x.ids[0], len(x.ids), &x.out[0]
	switch {
	case l2 && p == Packed4:
		l2Packed4Dot(q, rows, stride, ids, n, out, x.warm, x.base, x.a, x.b)
	case l2:
		l2Packed6Dot(q, rows, stride, ids, n, out, x.warm, x.base, x.a, x.b)
	case p == Packed4:
		ipPacked4Dot(q, rows, stride, ids, n, out, x.warm, x.base, x.a, x.b)
	default:
		ipPacked6Dot(q, rows, stride, ids, n, out, x.warm, x.base, x.a, x.b)
	}
}

func packedNEON(p Packing, l2 bool, x packedArgs) {
	q, rows, stride, ids, n, out := &x.q[0], &x.rows[0], p.Stride(len(x.q)), &x.ids[0], len(x.ids), &x.out[0]
	switch {
	case l2 && p == Packed4:
		l2Packed4NEON(q, rows, stride, ids, n, out, x.warm, x.base, x.a, x.b)
	case l2:
		l2Packed6NEON(q, rows, stride, ids, n, out, x.warm, x.base, x.a, x.b)
	case p == Packed4:
		ipPacked4NEON(q, rows, stride, ids, n, out, x.warm, x.base, x.a, x.b)
	default:
		ipPacked6NEON(q, rows, stride, ids, n, out, x.warm, x.base, x.a, x.b)
	}
}
