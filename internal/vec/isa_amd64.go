//go:build amd64 && !purego && !race

package vec

import (
	"math"
	"unsafe"

	"golang.org/x/sys/cpu"
)

// available reports whether this machine has the instruction set.
func (i isa) available() bool {
	x := &cpu.X86
	switch i {
	case portable:
		return true
	case avx2:
		return x.HasAVX2 && x.HasFMA && x.HasF16C && x.HasBMI1
	case avx512:
		return avx2.available() && x.HasBMI2 && x.HasPOPCNT && x.HasAVX512F && x.HasAVX512BW && x.HasAVX512DQ && x.HasAVX512VL
	case vnni:
		return avx512.available() && x.HasAVX512VNNI
	default:
		return false
	}
}

// vnniKernels are those for VNNI, with what not every processor that has it has:
// VPOPCNTQ of 512 bits, byte permutations of 512 bits, and VPCOMPRESSB.
func vnniKernels() Kernels {
	x := &cpu.X86
	return Kernels{isa: vnni, popcnt: x.HasAVX512VPOPCNTDQ, vbmi: x.HasAVX512VBMI, vbmi2: x.HasAVX512VBMI2}
}

// wide reports whether k has AVX-512.
func (k Kernels) wide() bool { return k.isa == avx512 || k.isa == vnni }

// The assembly computes n >= 1 distances of q, dim >= 1 floats, to out: to the
// rows with the given ids, or to the first n rows when ids is nil. Rows four
// ahead are prefetched from byte warm on; with warm >= 4*dim nothing is. Without ids
// what lies warm bytes ahead is prefetched, unless warm is 0.

//go:noescape
func l2AVX2(q, rows *float32, dim int, ids *uint32, n int, out *float32, warm int)

//go:noescape
func ipAVX2(q, rows *float32, dim int, ids *uint32, n int, out *float32, warm int)

//go:noescape
func l2AVX512(q, rows *float32, dim int, ids *uint32, n int, out *float32, warm int)

//go:noescape
func ipAVX512(q, rows *float32, dim int, ids *uint32, n int, out *float32, warm int)

// The same for codes: rows are stride bytes apart, and prefetched from byte
// warm < stride on.

//go:noescape
func l2CodesVNNI(q, rows *byte, stride int, ids *uint32, n int, out *uint32, warm int)

//go:noescape
func l2CodesAVX512(q, rows *byte, stride int, ids *uint32, n int, out *uint32, warm int)

//go:noescape
func l2CodesAVX2(q, rows *byte, stride int, ids *uint32, n int, out *uint32, warm int)

//go:noescape
func ipCodesVNNI(q, rows *byte, stride int, ids *uint32, n int, out *uint32, warm int, base uint32)

//go:noescape
func ipCodesAVX512(q, rows *byte, stride int, ids *uint32, n int, out *uint32, warm int, base uint32)

//go:noescape
func ipCodesAVX2(q, rows *byte, stride int, ids *uint32, n int, out *uint32, warm int, base uint32)

// unvisitedAMD64 is Unvisited for n >= 1; of each row, stride bytes apart, it
// prefetches the first warm bytes, and two cache lines at ahead.
//
//go:noescape
func unvisitedAMD64(ids *uint32, n int, visited *uint64, limit int, out *uint32, rows *byte, stride, warm int, ahead *uint32) int

// unvisitedAVX512 is the same for a limit of 31 bits.
//
//go:noescape
func unvisitedAVX512(ids *uint32, n int, visited *uint64, limit int, out *uint32, rows *byte, stride, warm int, ahead *uint32) int

// offerAVX512 is Offer for m >= 1 rows: n keys are in the pool, lists are stride
// bytes apart.
//
//go:noescape
func offerAVX512(pool *uint64, n, limit int, dist, ids *uint32, m int, lists *uint32, stride int) (count, first int)

func (k Kernels) l2(q, rows []float32, ids []uint32, out []float32, warm int) {
	at := unsafe.SliceData(ids)
	switch k.isa {
	case avx512, vnni:
		l2AVX512(&q[0], &rows[0], len(q), at, len(out), &out[0], warm)
	case avx2:
		l2AVX2(&q[0], &rows[0], len(q), at, len(out), &out[0], warm)
	default:
		l2Portable(q, rows, ids, out)
	}
}

func (k Kernels) ip(q, rows []float32, ids []uint32, out []float32, warm int) {
	at := unsafe.SliceData(ids)
	switch k.isa {
	case avx512, vnni:
		ipAVX512(&q[0], &rows[0], len(q), at, len(out), &out[0], warm)
	case avx2:
		ipAVX2(&q[0], &rows[0], len(q), at, len(out), &out[0], warm)
	default:
		ipPortable(q, rows, ids, out)
	}
}

func (k Kernels) l2Codes(q, rows []byte, ids, out []uint32, warm int) {
	at := unsafe.SliceData(ids)
	switch k.isa {
	case vnni:
		l2CodesVNNI(&q[0], &rows[0], len(q), at, len(out), &out[0], warm)
	case avx512:
		l2CodesAVX512(&q[0], &rows[0], len(q), at, len(out), &out[0], warm)
	case avx2:
		l2CodesAVX2(&q[0], &rows[0], len(q), at, len(out), &out[0], warm)
	default:
		l2CodesPortable(q, rows, ids, out)
	}
}

func (k Kernels) ipCodes(q []byte, base uint32, rows []byte, ids, out []uint32, warm int) {
	at := unsafe.SliceData(ids)
	switch k.isa {
	case vnni:
		ipCodesVNNI(&q[0], &rows[0], len(q), at, len(out), &out[0], warm, base)
	case avx512:
		ipCodesAVX512(&q[0], &rows[0], len(q), at, len(out), &out[0], warm, base)
	case avx2:
		ipCodesAVX2(&q[0], &rows[0], len(q), at, len(out), &out[0], warm, base)
	default:
		ipCodesPortable(q, base, rows, ids, out)
	}
}

func (k Kernels) unvisited(ids []uint32, visited []uint64, limit int, out []uint32, rows []byte, stride int, ahead []uint32) int {
	warm := min(stride, WarmBytes)
	switch {
	case k.isa == portable:
		return unvisitedPortable(ids, visited, limit, out)
	case k.isa == avx2 || limit > math.MaxInt32:
		return unvisitedAMD64(&ids[0], len(ids), &visited[0], limit, &out[0], &rows[0], stride, warm, unsafe.SliceData(ahead))
	default:
		return unvisitedAVX512(&ids[0], len(ids), &visited[0], limit, &out[0], &rows[0], stride, warm, unsafe.SliceData(ahead))
	}
}

func (k Kernels) offer(p *Pool, ids, dist, lists []uint32, stride int) (first int) {
	if !k.wide() {
		return p.offerPortable(ids, dist)
	}
	p.n, first = offerAVX512(&p.buf[poolGuard], p.n, p.limit, &dist[0], &ids[0], len(ids), unsafe.SliceData(lists), 4*stride)
	return first
}
