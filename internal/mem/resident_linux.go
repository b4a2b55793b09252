package mem

import (
	"bytes"
	"errors"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// residentMeter returns a function that returns the bytes of the process in RAM, 0
// if the system does not say: the second number of /proc/self/statm, in pages
// (proc(5)). The file stays open, as searches ask and to open it takes longer than
// to read it.
func residentMeter() func() int64 {
	f, err := os.Open("/proc/self/statm")
	if err != nil {
		return func() int64 { return 0 }
	}
	page := int64(os.Getpagesize())
	return func() int64 {
		var buf [128]byte
		n, err := f.ReadAt(buf[:], 0)
		if err != nil && !errors.Is(err, io.EOF) {
			return 0
		}
		_, rest, _ := bytes.Cut(buf[:n], []byte(" "))
		pages := int64(0)
		for _, c := range rest {
			if c < '0' || c > '9' {
				break
			}
			pages = 10*pages + int64(c-'0')
		}
		return pages * page
	}
}

// forget takes the pages of a mapped file out of the process. It is advice: a
// system that refuses it keeps them.
func forget(b []byte) { _ = unix.Madvise(b, unix.MADV_DONTNEED) }
