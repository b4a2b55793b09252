package mem

import (
	"os"

	"golang.org/x/sys/unix"
)

// readCached fills p from what the page cache has of f; false where it lacks a
// part, or the file system cannot tell.
func readCached(f *os.File, p []byte, off int64) bool {
	n, err := unix.Preadv2(int(f.Fd()), [][]byte{p}, off, unix.RWF_NOWAIT)
	return err == nil && n == len(p)
}

func adviseRandom(f *os.File) { _ = unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_RANDOM) }
