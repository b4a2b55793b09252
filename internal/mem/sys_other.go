//go:build !linux && !darwin && !windows

package mem

import (
	"io"
	"os"
)

// mapFile reads the first size bytes of f: this system's maps are not known.
func mapFile(f *os.File, size int) ([]byte, func() error, error) {
	b := Bytes(make([]uint64, (size+7)/8))[:size]
	if _, err := io.ReadFull(f, b); err != nil {
		return nil, nil, err
	}
	return b, nil, nil
}

// reserve takes the memory from the Go heap.
func reserve(size int) ([]byte, func() error, error) {
	return Bytes(make([]uint64, (size+7)/8))[:size], nil, nil
}

// commit has nothing to do: the memory is there.
func commit([]byte, int, int) error { return nil }
