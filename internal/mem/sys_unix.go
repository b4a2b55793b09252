//go:build linux || darwin

package mem

import (
	"os"

	"golang.org/x/sys/unix"
)

// mapFile maps the first size > 0 bytes of f read-only.
func mapFile(f *os.File, size int) ([]byte, func() error, error) {
	b, err := unix.Mmap(int(f.Fd()), 0, size, unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		return nil, nil, err
	}
	return b, func() error { return unix.Munmap(b) }, nil
}

// reserve takes size bytes of address space that no memory backs yet.
func reserve(size int) ([]byte, func() error, error) {
	b, err := unix.Mmap(-1, 0, size, unix.PROT_NONE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		return nil, nil, err
	}
	adviseHuge(b)
	return b, func() error { return unix.Munmap(b) }, nil
}

// commit makes bytes [from, to) of a reserved range readable and writable.
func commit(b []byte, from, to int) error {
	page := os.Getpagesize()
	from -= from % page // that page may be committed already: no harm
	to = min((to+page-1)/page*page, len(b))
	return unix.Mprotect(b[from:to], unix.PROT_READ|unix.PROT_WRITE)
}
