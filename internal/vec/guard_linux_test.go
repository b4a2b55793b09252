package vec

import (
	"math/rand/v2"
	"os"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// atEnd copies s to memory that ends where an unreadable page begins.
func atEnd[T byte | int16 | uint16 | int32 | uint32 | uint64 | float32](t *testing.T, s []T) []T {
	page := os.Getpagesize()
	var elem T
	bytes := len(s) * int(unsafe.Sizeof(elem))
	size := (bytes + page - 1) / page * page
	b, err := unix.Mmap(-1, 0, size+page, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, unix.Munmap(b)) })
	require.NoError(t, unix.Mprotect(b[size:], unix.PROT_NONE))
	d := unsafe.Slice((*T)(unsafe.Pointer(&b[size-bytes])), len(s))
	copy(d, s)
	return d
}

// TestReadsNothingBeyond runs every kernel on slices that end at an unreadable
// page: one byte too far ends the test process.
func TestReadsNothingBeyond(t *testing.T) {
	for _, k := range All() {
		for dim := 1; dim <= 70; dim++ {
			for _, n := range []int{1, 2, 3, 4, 5, 7} {
				q, rows := atEnd(t, make([]float32, dim)), atEnd(t, make([]float32, n*dim))
				ids, out := atEnd(t, make([]uint32, n)), atEnd(t, make([]float32, n))
				for i := range ids {
					ids[i] = uint32(n - 1 - i)
				}
				k.L2Rows(q, rows, out)
				k.IPRows(q, rows, out)
				k.L2IDs(q, rows, ids, out, 0)
				k.IPIDs(q, rows, ids, out, 0)
				k.Unvisited(ids, make([]uint64, 1), n, atEnd(t, make([]uint32, n)), atEnd(t, make([]byte, n*dim)), dim, nil)
			}
		}
	}
}

// TestCodesReadNothingBeyond does the same for codes.
func TestCodesReadNothingBeyond(t *testing.T) {
	for _, k := range All() {
		for stride := CodeAlign; stride <= 5*CodeAlign; stride += CodeAlign {
			for n := 1; n <= 9; n++ {
				q, rows := atEnd(t, make([]byte, stride)), atEnd(t, make([]byte, n*stride))
				ids, out := atEnd(t, make([]uint32, n)), atEnd(t, make([]uint32, n))
				for i := range ids {
					ids[i] = uint32(n - 1 - i)
				}
				k.L2CodeRows(q, rows, out)
				k.IPCodeRows(q, 0, rows, out)
				k.L2CodeIDs(q, rows, ids, out, 0)
				k.IPCodeIDs(q, 0, rows, ids, out, 0)
				var p Pool
				p.Reset(n)
				k.Offer(&p, ids, out, atEnd(t, make([]uint32, n)), 1)
				require.Len(t, p.Keys(), n)
			}
		}
	}
}

// TestMatrixReadsNothingBeyond does the same for matrices of every type.
func TestMatrixReadsNothingBeyond(t *testing.T) {
	rng := rand.New(rand.NewPCG(26, 1))
	for _, k := range allKernels() {
		for _, e := range elements {
			for size := 1; size <= 140; size += 1 + rng.IntN(3) {
				dim, n := size, 1+rng.IntN(40)
				if e == Bits {
					dim *= 8
				}
				x := newExample(rng, e, dim, n, true, func(b []byte) []byte { return atEnd(t, b) })
				if e != Int8s && e != Bits {
					x.probe = FloatProbe(atEnd(t, x.probe.floats))
				}
				if e == Float32s {
					x.m = Floats(dim, atEnd(t, x.m.floats))
				}
				ids, out := atEnd(t, make([]uint32, n)), atEnd(t, make([]float32, n))
				for i := range ids {
					ids[i] = uint32(n - 1 - i)
				}
				for _, by := range measuresOf(e) {
					k.Rows(by, &x.probe, &x.m, 0, out)
					k.IDs(by, &x.probe, &x.m, ids, out, 0)
				}
			}
		}
	}
}
