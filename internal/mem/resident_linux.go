package mem

import (
	"bytes"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// resident returns the bytes of the process in RAM, 0 if the system does not
// say: the second number of /proc/self/statm, in pages (proc(5)).
func resident() int64 {
	f, err := os.Open("/proc/self/statm")
	if err != nil {
		return 0
	}
	defer func() { _ = f.Close() }() // it was only read
	var buf [128]byte
	n, err := f.Read(buf[:])
	if err != nil {
		return 0
	}
	fields := bytes.Fields(buf[:n])
	if len(fields) < 2 {
		return 0
	}
	count, err := strconv.ParseInt(string(fields[1]), 10, 64)
	if err != nil {
		return 0
	}
	return count * int64(os.Getpagesize())
}

// forget takes the pages of a mapped file out of the process. It is advice: a
// system that refuses it keeps them.
func forget(b []byte) { _ = unix.Madvise(b, unix.MADV_DONTNEED) }
