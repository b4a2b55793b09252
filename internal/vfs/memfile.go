package vfs

import (
	"io"
	"io/fs"
	"syscall"
)

// memFile is an open file of a Mem.
type memFile struct {
	fs    *Mem
	node  *node
	name  string
	write bool
	// pos and closed are guarded by fs.mu.
	pos    int64
	closed bool
}

func (f *memFile) Name() string { return f.name }

func (f *memFile) fail(op OpKind, err error) error {
	return &fs.PathError{Op: op.String(), Path: f.name, Err: err}
}

// usableLocked tells why an operation cannot be done on the handle, if so.
func (f *memFile) usableLocked(op OpKind, writes bool) error {
	if f.closed {
		return f.fail(op, fs.ErrClosed)
	}
	if writes && !f.write {
		return f.fail(op, syscall.EBADF)
	}
	return nil
}

func (f *memFile) ReadAt(p []byte, off int64) (int, error) {
	if err := f.fs.before(Op{Kind: OpRead, Name: f.name, Offset: off, Length: int64(len(p))}); err != nil {
		return 0, err
	}
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if err := f.usableLocked(OpRead, false); err != nil {
		return 0, err
	}
	if off < 0 {
		return 0, f.fail(OpRead, fs.ErrInvalid)
	}
	if off >= int64(len(f.node.data.cur)) {
		return 0, io.EOF
	}
	n := copy(p, f.node.data.cur[off:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func (f *memFile) WriteAt(p []byte, off int64) (int, error) {
	hookErr := f.fs.before(Op{Kind: OpWrite, Name: f.name, Offset: off, Length: int64(len(p))})
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if err := f.usableLocked(OpWrite, true); err != nil {
		return 0, err
	}
	if off < 0 {
		return 0, f.fail(OpWrite, fs.ErrInvalid)
	}
	if hookErr != nil { // a failed write may have done a part
		p = p[:f.fs.mu.rng.IntN(len(p)+1)]
	}
	n, err := f.fs.writeLocked(f.node, p, off)
	if hookErr != nil {
		return n, hookErr
	}
	if err != nil {
		return n, f.fail(OpWrite, err)
	}
	return n, nil
}

func (f *memFile) Write(p []byte) (int, error) {
	f.fs.mu.Lock()
	pos := f.pos
	f.fs.mu.Unlock()
	n, err := f.WriteAt(p, pos)
	f.fs.mu.Lock()
	f.pos = pos + int64(n)
	f.fs.mu.Unlock()
	return n, err
}

func (f *memFile) Size() (int64, error) {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if err := f.usableLocked(OpStat, false); err != nil {
		return 0, err
	}
	return int64(len(f.node.data.cur)), nil
}

func (f *memFile) Sync() error {
	hookErr := f.fs.before(Op{Kind: OpSync, Name: f.name})
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if err := f.usableLocked(OpSync, false); err != nil {
		return err
	}
	if hookErr != nil {
		f.node.data.failSync(f.fs.mu.rng)
		return hookErr
	}
	if f.fs.mu.broken != LyingSync {
		f.node.data.sync()
	}
	return nil
}

func (f *memFile) DropCache(off, n int64) error {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if err := f.usableLocked(OpRead, false); err != nil {
		return err
	}
	f.node.data.dropCache(off, off+n)
	return nil
}

func (f *memFile) Truncate(size int64) error {
	if err := f.fs.before(Op{Kind: OpTruncate, Name: f.name, Length: size}); err != nil {
		return err
	}
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if err := f.usableLocked(OpTruncate, true); err != nil {
		return err
	}
	if size < 0 {
		return f.fail(OpTruncate, fs.ErrInvalid)
	}
	f.fs.truncateLocked(f.node, size)
	return nil
}

func (f *memFile) Preallocate(size int64) error {
	if err := f.fs.before(Op{Kind: OpPreallocate, Name: f.name, Length: size}); err != nil {
		return err
	}
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if err := f.usableLocked(OpPreallocate, true); err != nil {
		return err
	}
	if room := f.fs.allocateLocked(f.node, 0, size); room < size {
		return f.fail(OpPreallocate, syscall.ENOSPC)
	}
	if size > int64(len(f.node.data.cur)) {
		f.node.data.setSize(size)
	}
	return nil
}

func (f *memFile) Close() error {
	if err := f.fs.before(Op{Kind: OpClose, Name: f.name}); err != nil {
		return err
	}
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if err := f.usableLocked(OpClose, false); err != nil {
		return err
	}
	f.closed = true
	f.node.open--
	return nil
}

// writeLocked writes as much of p as there is room for.
func (m *Mem) writeLocked(n *node, p []byte, off int64) (int, error) {
	room := m.allocateLocked(n, off, off+int64(len(p)))
	m.mu.ticks++
	n.changed = m.mu.ticks
	fits := max(0, min(int64(len(p)), room-off))
	if fits > 0 {
		n.data.write(p[:fits], off)
	}
	if fits < int64(len(p)) {
		return int(fits), syscall.ENOSPC
	}
	return len(p), nil
}

func (m *Mem) truncateLocked(n *node, size int64) {
	m.mu.ticks++
	n.changed = m.mu.ticks
	m.mu.used -= n.data.free(size)
	n.data.setSize(size)
}

// allocateLocked takes the pages of [from, to) and returns the offset up to
// which there was room.
func (m *Mem) allocateLocked(n *node, from, to int64) int64 {
	for page := from / pageSize; page*pageSize < to; page++ {
		if n.data.pages[page] {
			continue
		}
		if m.mu.capacity > 0 && n.linked && m.mu.used+pageSize > m.mu.capacity {
			return page * pageSize
		}
		n.data.pages[page] = true
		if n.linked {
			m.mu.used += pageSize
		}
	}
	return to
}
