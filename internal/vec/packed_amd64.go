//go:build amd64 && !purego && !race

package vec

// The assembly computes base + a<q, c> + b<c, c>, n >= 1 times; rows are stride
// bytes apart and prefetched from byte warm < stride on. The inner product
// kernels take b for 0.

//go:noescape
func l2Packed4VNNI(q, rows *byte, stride int, ids *uint32, n int, out *uint32, warm int, base, a, b uint32)

//go:noescape
func l2Packed4AVX512(q, rows *byte, stride int, ids *uint32, n int, out *uint32, warm int, base, a, b uint32)

//go:noescape
func l2Packed4AVX2(q, rows *byte, stride int, ids *uint32, n int, out *uint32, warm int, base, a, b uint32)

//go:noescape
func ipPacked4VNNI(q, rows *byte, stride int, ids *uint32, n int, out *uint32, warm int, base, a, b uint32)

//go:noescape
func ipPacked4AVX512(q, rows *byte, stride int, ids *uint32, n int, out *uint32, warm int, base, a, b uint32)

//go:noescape
func ipPacked4AVX2(q, rows *byte, stride int, ids *uint32, n int, out *uint32, warm int, base, a, b uint32)

//go:noescape
func l2Packed6VNNI(q, rows *byte, stride int, ids *uint32, n int, out *uint32, warm int, base, a, b uint32)

//go:noescape
func l2Packed6AVX512(q, rows *byte, stride int, ids *uint32, n int, out *uint32, warm int, base, a, b uint32)

//go:noescape
func l2Packed6AVX2(q, rows *byte, stride int, ids *uint32, n int, out *uint32, warm int, base, a, b uint32)

//go:noescape
func ipPacked6VNNI(q, rows *byte, stride int, ids *uint32, n int, out *uint32, warm int, base, a, b uint32)

//go:noescape
func ipPacked6AVX512(q, rows *byte, stride int, ids *uint32, n int, out *uint32, warm int, base, a, b uint32)

//go:noescape
func ipPacked6AVX2(q, rows *byte, stride int, ids *uint32, n int, out *uint32, warm int, base, a, b uint32)

func (k Kernels) packed(p Packing, l2 bool, x packedArgs) {
	switch {
	case k.isa != vnni && k.isa != avx512 && k.isa != avx2:
		packedPortable(p, !l2, x)
	case l2 && p == Packed4:
		k.l2Packed4(x)
	case l2:
		k.l2Packed6(x)
	case p == Packed4:
		k.ipPacked4(x)
	default:
		k.ipPacked6(x)
	}
}

func (k Kernels) l2Packed4(x packedArgs) {
	stride := Packed4.Stride(len(x.q))
	switch k.isa {
	case vnni:
		l2Packed4VNNI(&x.q[0], &x.rows[0], stride, &x.ids[0], len(x.ids), &x.out[0], x.warm, x.base, x.a, x.b)
	case avx512:
		l2Packed4AVX512(&x.q[0], &x.rows[0], stride, &x.ids[0], len(x.ids), &x.out[0], x.warm, x.base, x.a, x.b)
	default:
		l2Packed4AVX2(&x.q[0], &x.rows[0], stride, &x.ids[0], len(x.ids), &x.out[0], x.warm, x.base, x.a, x.b)
	}
}

func (k Kernels) ipPacked4(x packedArgs) {
	stride := Packed4.Stride(len(x.q))
	switch k.isa {
	case vnni:
		ipPacked4VNNI(&x.q[0], &x.rows[0], stride, &x.ids[0], len(x.ids), &x.out[0], x.warm, x.base, x.a, x.b)
	case avx512:
		ipPacked4AVX512(&x.q[0], &x.rows[0], stride, &x.ids[0], len(x.ids), &x.out[0], x.warm, x.base, x.a, x.b)
	default:
		ipPacked4AVX2(&x.q[0], &x.rows[0], stride, &x.ids[0], len(x.ids), &x.out[0], x.warm, x.base, x.a, x.b)
	}
}

func (k Kernels) l2Packed6(x packedArgs) {
	stride := Packed6.Stride(len(x.q))
	switch k.isa {
	case vnni:
		l2Packed6VNNI(&x.q[0], &x.rows[0], stride, &x.ids[0], len(x.ids), &x.out[0], x.warm, x.base, x.a, x.b)
	case avx512:
		l2Packed6AVX512(&x.q[0], &x.rows[0], stride, &x.ids[0], len(x.ids), &x.out[0], x.warm, x.base, x.a, x.b)
	default:
		l2Packed6AVX2(&x.q[0], &x.rows[0], stride, &x.ids[0], len(x.ids), &x.out[0], x.warm, x.base, x.a, x.b)
	}
}

func (k Kernels) ipPacked6(x packedArgs) {
	stride := Packed6.Stride(len(x.q))
	switch k.isa {
	case vnni:
		ipPacked6VNNI(&x.q[0], &x.rows[0], stride, &x.ids[0], len(x.ids), &x.out[0], x.warm, x.base, x.a, x.b)
	case avx512:
		ipPacked6AVX512(&x.q[0], &x.rows[0], stride, &x.ids[0], len(x.ids), &x.out[0], x.warm, x.base, x.a, x.b)
	default:
		ipPacked6AVX2(&x.q[0], &x.rows[0], stride, &x.ids[0], len(x.ids), &x.out[0], x.warm, x.base, x.a, x.b)
	}
}
