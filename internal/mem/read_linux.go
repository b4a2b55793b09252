package mem

import (
	"math/bits"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// readCached fills p from what the page cache has of f; false where it lacks a
// part, or the file system cannot tell. It makes the call itself, as that of
// package unix allocates.
func readCached(f *os.File, p []byte, off int64) bool {
	if len(p) == 0 {
		return true
	}
	v := unix.Iovec{Base: &p[0]}
	v.SetLen(len(p))
	high := uint64(off) >> 32 >> (bits.UintSize - 32) // of an offset wider than a register
	n, _, errno := unix.Syscall6(unix.SYS_PREADV2, f.Fd(), uintptr(unsafe.Pointer(&v)), 1, uintptr(off), uintptr(high), unix.RWF_NOWAIT)
	return errno == 0 && int(n) == len(p)
}

func adviseRandom(f *os.File) { _ = unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_RANDOM) }
