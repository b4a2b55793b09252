package mem

import (
	"errors"
	"fmt"
	"os"
	"sync/atomic"
)

// Map is the read-only content of a file, or of a byte slice, that several
// users share by counting pins. It is born with one pin, its maker's. The
// memory goes away with the last Unpin, so whoever reads Bytes holds a pin.
type Map struct {
	data    []byte
	unmap   func() error // nil: nothing to unmap
	name    string
	file    os.FileInfo // of the file that was mapped; nil: memory
	pins    atomic.Int64
	release atomic.Pointer[func()]
}

// Open maps the file at path. The file may be removed from its folder or
// renamed while the map lives (on Windows only afterwards), but it must not
// be written or cut: a read beyond a file's new end is a fault that Go cannot
// turn into an error. Where the system has no maps the file is read.
func Open(path string) (*Map, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // a map outlives its descriptor
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("map %s: not a regular file", path)
	}
	size := info.Size()
	if int64(int(size)) != size {
		return nil, fmt.Errorf("map %s: %d bytes do not fit this machine's address space", path, size)
	}
	m := &Map{name: path, file: info}
	m.pins.Store(1)
	if size == 0 {
		return m, nil
	}
	if m.data, m.unmap, err = mapFile(f, int(size)); err != nil {
		return nil, fmt.Errorf("map %s: %w", path, err)
	}
	return m, nil
}

// FromBytes returns a Map of b, which nobody may change from now on.
func FromBytes(b []byte) *Map {
	m := &Map{data: b, name: "memory"}
	m.pins.Store(1)
	return m
}

// Bytes returns the content. It is read-only (a write to a mapped file ends
// the process) and valid while the caller holds a pin.
func (m *Map) Bytes() []byte { return m.data }

// Name returns the path the map was opened from, for messages.
func (m *Map) Name() string { return m.name }

// Pin adds a pin for somebody who holds one already.
func (m *Map) Pin() {
	if !m.TryPin() {
		panic("mem: Pin of a released Map: " + m.name)
	}
}

// TryPin adds a pin unless the last one is gone. It is for tables of maps that
// hold no pin themselves.
func (m *Map) TryPin() bool {
	for {
		n := m.pins.Load()
		if n <= 0 {
			return false
		}
		if m.pins.CompareAndSwap(n, n+1) {
			return true
		}
	}
}

// OnRelease sets the function that the last Unpin calls once the memory is
// unmapped, for example to remove the file. The caller holds a pin; a second
// call replaces the first function.
func (m *Map) OnRelease(fn func()) { m.release.Store(&fn) }

// Unpin gives one pin back. With the last one the memory is unmapped; the
// error is that of unmapping, otherwise nil.
func (m *Map) Unpin() error {
	n := m.pins.Add(-1)
	switch {
	case n > 0:
		return nil
	case n < 0:
		return errors.New("mem: Unpin of a released Map: " + m.name)
	}
	var err error
	m.data = nil
	if m.unmap != nil {
		if err = m.unmap(); err != nil {
			err = fmt.Errorf("unmap %s: %w", m.name, err)
		}
	}
	if fn := m.release.Load(); fn != nil && *fn != nil {
		(*fn)()
	}
	return err
}
