// Package vec holds the distance kernels: the squared Euclidean distance (L2),
// the inner product (IP) and, by inverse norms, the cosine of float32 vectors,
// and of codes of one byte an element that a Coder makes of them, from one query
// to many rows per call.
//
// A Matrix is rows of float32, float16, bfloat16, int8 or bits; Kernels.Rows and
// Kernels.IDs compare a query with them, whatever they are.
//
// Each instruction set is a value of Kernels: Detect returns the best one of
// this machine, the other constructors a given one, so that tests compare
// them. Within one Kernels value all forms (Rows, IDs, pairs) add up in the
// same order: the same two vectors give the same bits wherever they are
// compared. Different values differ in rounding; those of codes, int8 and bits are
// exact.
//
// The build tag purego leaves the assembly out, and so does the race
// detector, which cannot see into it.
package vec

import (
	"fmt"
	"math"
)

// isa is an instruction set.
type isa uint8

const (
	portable isa = iota
	avx2
	avx512
	vnni
	neon
	neonDot
)

func (i isa) String() string {
	switch i {
	case avx2:
		return "avx2"
	case avx512:
		return "avx512"
	case vnni:
		return "avx512vnni"
	case neon:
		return "neon"
	case neonDot:
		return "neondot"
	default:
		return "portable"
	}
}

// Kernels computes distances with one instruction set. The zero value is the
// portable one. It is a small value: copy it.
//
// Shapes: q has dim elements; rows is row-major, row i at rows[i*dim:]. A
// slice that is too short, or an id beyond the rows, is a bug of the caller
// and panics before anything outside a slice is read.
type Kernels struct {
	isa    isa
	popcnt bool // with vnni: VPOPCNTDQ
	vbmi   bool // with vnni: VBMI
	vbmi2  bool // with vnni: VBMI2
}

// Detect returns the fastest kernels that this machine runs.
func Detect() Kernels {
	for _, k := range All() {
		return k
	}
	return Portable()
}

// Named returns the kernels of that name (see String), or the fastest for
// "auto"; false when there are none of that name, or not on this machine.
func Named(name string) (Kernels, bool) {
	for _, k := range All() {
		if name == "auto" || name == k.String() {
			return k, true
		}
	}
	return Kernels{}, false
}

// Portable returns the kernels in plain Go.
func Portable() Kernels { return Kernels{} }

// AVX2 returns the kernels for AVX2 with FMA, F16C and BMI1; false when the machine
// lacks one, or the build has no assembly.
func AVX2() (Kernels, bool) { return Kernels{isa: avx2}, avx2.available() }

// AVX512 returns the kernels for AVX-512 F, BW, DQ and VL with BMI1, BMI2 and
// POPCNT; false when the machine lacks one, or the build has no assembly.
func AVX512() (Kernels, bool) { return Kernels{isa: avx512}, avx512.available() }

// AVX512VNNI returns the kernels for AVX-512 with VNNI, which differ from
// AVX512's in those of codes and int8, in those of bits where the machine has
// VPOPCNTDQ, in ByteSums where it has VBMI, and where there are VBMI2 in those
// that compress; false when the machine lacks either, or the build has no
// assembly.
func AVX512VNNI() (Kernels, bool) { return vnniKernels(), vnni.available() }

// NEON returns the kernels for NEON; false when the machine is not an arm64, or
// the build has no assembly.
func NEON() (Kernels, bool) { return Kernels{isa: neon}, neon.available() }

// NEONDot returns the kernels for NEON with FEAT_DotProd, which differ from
// NEON's in those of codes, packed or not, and int8; false when the machine lacks
// either, or the build has no assembly.
func NEONDot() (Kernels, bool) { return Kernels{isa: neonDot}, neonDot.available() }

// All returns the kernels that this machine runs, the fastest first, the
// portable ones last.
func All() []Kernels {
	var all []Kernels
	for _, try := range []func() (Kernels, bool){AVX512VNNI, AVX512, AVX2, NEONDot, NEON} {
		if k, ok := try(); ok {
			all = append(all, k)
		}
	}
	return append(all, Portable())
}

// String returns the instruction set's name.
func (k Kernels) String() string { return k.isa.String() }

// L2 returns the squared Euclidean distance of a and b, of equal length.
func (k Kernels) L2(a, b []float32) float32 {
	var out [1]float32
	k.L2Rows(a, b, out[:])
	return out[0]
}

// IP returns the inner product of a and b, of equal length.
func (k Kernels) IP(a, b []float32) float32 {
	var out [1]float32
	k.IPRows(a, b, out[:])
	return out[0]
}

// L2Rows sets out[i] to the squared distance of q and row i, for each i of
// out.
func (k Kernels) L2Rows(q, rows, out []float32) {
	checkRows(q, rows, len(out))
	if len(out) == 0 || len(q) == 0 {
		clear(out)
		return
	}
	k.l2(q, rows, nil, out, 0)
}

// IPRows sets out[i] to the inner product of q and row i, for each i of out.
func (k Kernels) IPRows(q, rows, out []float32) {
	checkRows(q, rows, len(out))
	if len(out) == 0 || len(q) == 0 {
		clear(out)
		return
	}
	k.ip(q, rows, nil, out, 0)
}

// L2IDs sets out[i] to the squared distance of q and row ids[i], for each i of
// ids; out is at least as long. The first warm bytes of each row are taken to
// be in, or on their way to, the cache; the rest is prefetched.
func (k Kernels) L2IDs(q, rows []float32, ids []uint32, out []float32, warm int) {
	out = out[:len(ids)]
	k.checkIDs(q, rows, ids)
	if len(ids) == 0 || len(q) == 0 {
		clear(out)
		return
	}
	k.l2(q, rows, ids, out, warm)
}

// IPIDs sets out[i] to the inner product of q and row ids[i]; otherwise as
// L2IDs.
func (k Kernels) IPIDs(q, rows []float32, ids []uint32, out []float32, warm int) {
	out = out[:len(ids)]
	k.checkIDs(q, rows, ids)
	if len(ids) == 0 || len(q) == 0 {
		clear(out)
		return
	}
	k.ip(q, rows, ids, out, warm)
}

// InvNorm returns 1 / |x|, the factor that makes x a unit vector, and 0 for
// the zero vector, whose cosine with anything is 0.
func (k Kernels) InvNorm(x []float32) float32 {
	s := k.IP(x, x)
	if s >= 1e-30 && s <= 1e30 {
		return float32(1 / math.Sqrt(float64(s)))
	}
	// Squares that overflow or vanish in 32 bits do not in 64.
	var s64 float64
	for _, v := range x {
		s64 += float64(v) * float64(v)
	}
	if s64 == 0 {
		return 0
	}
	return float32(min(1/math.Sqrt(s64), math.MaxFloat32))
}

// Normalize sets dst, of x's length, to x * InvNorm(x).
func (k Kernels) Normalize(dst, x []float32) {
	inv := k.InvNorm(x)
	for i, v := range x {
		dst[i] = v * inv
	}
}

func checkRows(q, rows []float32, n int) {
	if n > 0 && len(q) > 0 && len(rows)/len(q) < n {
		panic(fmt.Sprintf("vec: %d rows of %d floats wanted, %d floats there", n, len(q), len(rows)))
	}
}

func (k Kernels) checkIDs(q, rows []float32, ids []uint32) {
	if len(q) == 0 || len(ids) == 0 {
		return
	}
	top := k.maxID(ids)
	if uint64(top) >= uint64(len(rows)/len(q)) {
		panic(fmt.Sprintf("vec: row %d wanted, %d rows there", top, len(rows)/len(q)))
	}
}
