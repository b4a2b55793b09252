//go:build arm64 && !purego && !race

package vec

import (
	"unsafe"

	"golang.org/x/sys/cpu"
)

// available reports whether this machine has the instruction set. Go itself runs
// only where there is NEON. FEAT_DotProd is optional before ARMv8.4; the system
// says whether it is there: Linux in the auxiliary vector, macOS by
// hw.optional.arm.FEAT_DotProd (not before macOS 12), Windows by
// IsProcessorFeaturePresent. One that does not say gets neon, which is right
// everywhere. FEAT_I8MM is not asked for, which Windows does not tell: its USDOT
// would save one instruction of the three for 16 codes.
func (i isa) available() bool {
	switch i {
	case portable, neon:
		return true
	case neonDot:
		return cpu.ARM64.HasASIMDDP
	default:
		return false
	}
}

func vnniKernels() Kernels { return Kernels{isa: vnni} }

// The assembly computes n >= 1 distances of q, dim >= 1 floats, to out: to the
// rows with the given ids, or to the first n rows when ids is nil. Rows four
// ahead are prefetched from byte warm on; with warm >= 4*dim, or without ids, nothing
// is: on no arm64 it was measured whether that pays.

//go:noescape
func l2NEON(q, rows *float32, dim int, ids *uint32, n int, out *float32, warm int)

//go:noescape
func ipNEON(q, rows *float32, dim int, ids *uint32, n int, out *float32, warm int)

// The same for codes: rows are stride bytes apart, and prefetched from byte
// warm < stride on.

//go:noescape
func l2CodesDot(q, rows *byte, stride int, ids *uint32, n int, out *uint32, warm int)

//go:noescape
func l2CodesNEON(q, rows *byte, stride int, ids *uint32, n int, out *uint32, warm int)

//go:noescape
func ipCodesDot(q, rows *byte, stride int, ids *uint32, n int, out *uint32, warm int, base uint32)

//go:noescape
func ipCodesNEON(q, rows *byte, stride int, ids *uint32, n int, out *uint32, warm int, base uint32)

// unvisitedARM64 is Unvisited for n >= 1; of each row, stride bytes apart, it
// prefetches the first warm bytes, and two cache lines at ahead.
//
//go:noescape
func unvisitedARM64(ids *uint32, n int, visited *uint64, limit int, out *uint32, rows *byte, stride, warm int, ahead *uint32) int

// offerNEON is Offer for m >= 1 rows: n keys are in the pool, lists are stride
// bytes apart.
//
//go:noescape
func offerNEON(pool *uint64, n, limit int, dist, ids *uint32, m int, lists *uint32, stride int) (count, first int)

func (k Kernels) l2(q, rows []float32, ids []uint32, out []float32, warm int) {
	if k.isa == portable {
		l2Portable(q, rows, ids, out)
		return
	}
	l2NEON(&q[0], &rows[0], len(q), unsafe.SliceData(ids), len(out), &out[0], warm)
}

func (k Kernels) ip(q, rows []float32, ids []uint32, out []float32, warm int) {
	if k.isa == portable {
		ipPortable(q, rows, ids, out)
		return
	}
	ipNEON(&q[0], &rows[0], len(q), unsafe.SliceData(ids), len(out), &out[0], warm)
}

func (k Kernels) l2Codes(q, rows []byte, ids, out []uint32, warm int) {
	at := unsafe.SliceData(ids)
	switch k.isa {
	case neonDot:
		l2CodesDot(&q[0], &rows[0], len(q), at, len(out), &out[0], warm)
	case neon:
		l2CodesNEON(&q[0], &rows[0], len(q), at, len(out), &out[0], warm)
	default:
		l2CodesPortable(q, rows, ids, out)
	}
}

func (k Kernels) ipCodes(q []byte, base uint32, rows []byte, ids, out []uint32, warm int) {
	at := unsafe.SliceData(ids)
	switch k.isa {
	case neonDot:
		ipCodesDot(&q[0], &rows[0], len(q), at, len(out), &out[0], warm, base)
	case neon:
		ipCodesNEON(&q[0], &rows[0], len(q), at, len(out), &out[0], warm, base)
	default:
		ipCodesPortable(q, base, rows, ids, out)
	}
}

func (k Kernels) unvisited(ids []uint32, visited []uint64, limit int, out []uint32, rows []byte, stride int, ahead []uint32) int {
	if k.isa == portable {
		return unvisitedPortable(ids, visited, limit, out)
	}
	return unvisitedARM64(&ids[0], len(ids), &visited[0], limit, &out[0], &rows[0], stride, min(stride, WarmBytes), unsafe.SliceData(ahead))
}

func (k Kernels) offer(p *Pool, ids, dist, lists []uint32, stride int) (first int) {
	if k.isa == portable {
		return p.offerPortable(ids, dist)
	}
	p.n, first = offerNEON(&p.buf[poolGuard], p.n, p.limit, &dist[0], &ids[0], len(ids), unsafe.SliceData(lists), 4*stride)
	return first
}
