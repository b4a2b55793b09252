package mem

import (
	"fmt"
	"io"
	"os"
)

// Reader reads the content of a Map by the calls that read files. What it reads
// is in the caller's buffer only, while every page of a map that was touched
// counts as memory of the process until the system takes it away. It reads from
// memory where the map has no file, or the file was removed or replaced since it
// was mapped. All methods but Close are safe for concurrent use.
type Reader struct {
	m    *Map
	file *os.File // nil: there is none
}

// Reader returns a reader of m, whose pin the caller keeps until the reader is
// closed.
func (m *Map) Reader() *Reader {
	r := &Reader{m: m}
	if m.file == nil {
		return r
	}
	f, err := os.Open(m.name)
	if err != nil {
		return r
	}
	if info, err := f.Stat(); err != nil || !os.SameFile(info, m.file) {
		_ = f.Close() // nothing was written to it
		return r
	}
	r.file = f
	return r
}

// Size returns the number of bytes.
func (r *Reader) Size() int64 { return int64(len(r.m.data)) }

// ReadAt implements io.ReaderAt.
func (r *Reader) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 || off > r.Size() {
		return 0, fmt.Errorf("read %s at %d: it has %d bytes", r.m.name, off, r.Size())
	}
	if r.file != nil {
		return r.file.ReadAt(p, off)
	}
	n := copy(p, r.m.data[off:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// TryReadAt fills p, or reports false: at once where that would wait for a
// disk, and where the system cannot tell.
func (r *Reader) TryReadAt(p []byte, off int64) bool {
	if r.file == nil {
		n, err := r.ReadAt(p, off)
		return n == len(p) && err == nil
	}
	return readCached(r.file, p, off)
}

// Random tells the system that reads will be here and there, so that it reads
// nothing ahead. It is advice.
func (r *Reader) Random() {
	if r.file != nil {
		adviseRandom(r.file)
	}
}

// Close closes the file.
func (r *Reader) Close() error {
	if r.file == nil {
		return nil
	}
	return r.file.Close()
}
