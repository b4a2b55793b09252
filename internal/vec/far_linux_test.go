package vec

import (
	"math"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// TestFarRows takes rows that lie more than 4 GiB behind the first one: no kernel has
// 32 bits for where a row is. The memory is zero, and never written but there.
func TestFarRows(t *testing.T) {
	const size, far = 5 << 30, 9 << 29
	if unsafe.Sizeof(uintptr(0)) < 8 {
		t.Skip("no room for 5 GiB")
	}
	mem, err := unix.Mmap(-1, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE|unix.MAP_NORESERVE)
	if err != nil {
		t.Skipf("no room for 5 GiB: %v", err)
	}
	t.Cleanup(func() { require.NoError(t, unix.Munmap(mem)) })
	const stride = 4096
	for i := range 20 * stride {
		mem[far+i] = 0x3c // 0.0115 as bfloat16 and float32, 1.06 as float16, 60 as int8
	}
	ids := make([]uint32, 19)
	for i := range ids {
		ids[i] = uint32(far/stride + i)
	}
	for _, k := range allKernels() {
		for _, e := range elements {
			dim := stride
			if e == Bits {
				dim = 8 * stride
			} else {
				dim /= e.Size(1)
			}
			all, copied := matrixOf(e, dim, mem), matrixOf(e, dim, append([]byte(nil), mem[far:far+20*stride]...))
			zeros := all.Head(1)
			for _, m := range []Matrix{zeros, copied} {
				q := m.Probe(0, make([]float32, dim))
				for _, by := range measuresOf(e) {
					want, got := make([]float32, len(ids)), make([]float32, len(ids))
					k.Rows(by, &q, &copied, 0, want)
					k.Rows(by, &q, &all, far/stride, got)
					require.Equal(t, want, got, "%v %v %s", k, e, measureNames[by])
					clear(got)
					k.IDs(by, &q, &all, ids, got, 0)
					require.Equal(t, want, got, "%v %v %s", k, e, measureNames[by])
				}
			}
		}
		checkFarCodes(t, k, mem, far, stride, ids)
	}
}

func matrixOf(e Element, dim int, mem []byte) Matrix {
	if e == Float32s {
		return Floats(dim, unsafe.Slice((*float32)(unsafe.Pointer(&mem[0])), len(mem)/4))
	}
	return Packed(e, dim, mem)
}

// checkFarCodes does it for codes, packed or not.
func checkFarCodes(t *testing.T, k Kernels, mem []byte, far, stride int, ids []uint32) {
	t.Helper()
	q, out := make([]byte, stride), make([]uint32, len(ids))
	want := func(n uint32) {
		t.Helper()
		for _, x := range out {
			require.Equal(t, n, x, "%v", k)
		}
	}
	k.L2CodeIDs(q, mem, ids, out, 0)
	want(60 * 60 * uint32(stride))
	k.L2CodeRows(q, mem[far:], out)
	want(60 * 60 * uint32(stride))
	q[0] = 1
	k.IPCodeIDs(q, 100, mem, ids, out, 0)
	want(100 - 60)
	for _, p := range packings {
		dim := PackedUnit * 8
		row := p.Stride(dim)
		q, at := make([]byte, dim), make([]uint32, len(ids))
		for i := range at {
			at[i] = uint32(far/row + 1 + i)
		}
		q[0] = 1
		k.IPPackedIDs(p, q, math.MaxUint32, mem, at, out, 0)
		for i, x := range out {
			code := p.get(mem[int(at[i])*row:][:row], 0)
			require.NotZero(t, code)
			require.Equal(t, math.MaxUint32-code*p.Step(), x, "%v %d bits", k, p)
		}
		k.L2PackedIDs(p, q, SquareSum(q), mem, at, out, 0)
		for _, x := range out { // of zeros it is 1
			require.Greater(t, x, uint32(dim), "%v %d bits", k, p)
		}
	}
}
