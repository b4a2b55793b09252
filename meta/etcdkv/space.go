package etcdkv

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"syscall"

	"go.etcd.io/etcd/client/pkg/v3/fileutil"
)

const (
	// minFree: with less space left on disk a start is tight, and nothing is
	// written where blocks cannot be reserved: what others write between this
	// look and etcd's writes has to fit, and a file of the log.
	minFree = 32 << 20
	// maxPending bounds the bytes that etcd has not yet written to its
	// database, and headroom the blocks that it has beyond its end. On a full
	// disk they may be as few as scarce.
	maxPending = 1 << 20
	headroom   = 4 << 20
	scarce     = 512 << 10
	// overshoot is how far a file of the log may exceed its size: by a
	// transaction.
	overshoot = requestLimit
	// lookEvery is the number of bytes between two looks at the log.
	lookEvery = 256 << 10
	// slip is what transactions leave of the log on a full disk: etcd writes
	// to it of its own accord, a little with each start.
	slip = 128 << 10
	// txnBytes is what a transaction takes beside its operations, and opBytes
	// what one of these takes beside key and value.
	txnBytes = 1 << 10
	opBytes  = 64
)

// reservable: only Linux gives a file blocks beyond its length.
const reservable = runtime.GOOS == "linux"

// spareSize is the length of a file of zeros beside etcd's, which is there when
// the server is not running, or there was space: a start needs blocks for a
// file of the log. A full disk gets them from here.
const spareSize = segmentSize + 1<<20

func sparePath(dir string) string { return filepath.Join(dir, "spare") }

// errLogStuck: the log has no blocks for a transaction, or has just been seen
// to have no next file. A restart helps, if there is space.
var errLogStuck = fmt.Errorf("%w: the log cannot grow", syscall.ENOSPC)

// space is what the files have on disk.
type space struct {
	pending  int64  // bytes since etcd wrote its database
	database int64  // length up to which it has blocks
	left     int64  // bytes of the log until the next look
	tail     string // the file of the log that has blocks beyond its size
	// last: etcd could not make the file of the log that follows, will not try
	// again, and gives up when it needs it.
	last bool
}

// room fails if the disk has not minFree and more.
func (kv *KV) room(more int64) error {
	if kv.free == nil {
		return nil
	}
	free, err := kv.free()
	if err != nil {
		return fmt.Errorf("free space: %w", err)
	}
	if free < minFree+more {
		return fmt.Errorf("%w: %d bytes free, %d are needed", syscall.ENOSPC, free, minFree+more)
	}
	return nil
}

// reserve makes sure that a transaction of size bytes does not meet a full
// disk inside etcd, which could not go on. What it needs are blocks that the
// files have already: others may take the rest of the disk at any moment. It
// runs with kv.turn held.
func (kv *KV) reserve(ctx context.Context, size int64) error {
	if !kv.solid {
		if err := kv.room(0); err != nil {
			return err
		}
	}
	if err := kv.reserveLog(ctx, size); err != nil {
		return err
	}
	if err := kv.reserveDatabase(size); err != nil {
		return err
	}
	kv.chain.space.left -= size
	kv.chain.space.pending += size
	return nil
}

// reserveLog looks whether the next file of the log is ready, and gives both
// blocks beyond their size. A file takes many looks to fill. Without a next
// file, or without those blocks, the present one must not be filled.
func (kv *KV) reserveLog(ctx context.Context, size int64) error {
	s := &kv.chain.space
	if size <= s.left {
		return nil
	}
	tail, err := lastOfLog(kv.dir)
	if err != nil {
		return err
	}
	next, err := kv.reserveNext(ctx)
	if err != nil {
		return err
	}
	if !next && !s.last {
		s.last = true
		return errLogStuck // which may be mended
	}
	if tail != s.tail {
		s.tail = ""
		if err := preallocate(tail, segmentSize+overshoot); err == nil {
			s.tail = tail
		}
	}
	if next && s.tail == tail {
		s.left = max(size, lookEvery)
		return nil
	}
	more, err := growLog(tail)
	if err != nil {
		return fmt.Errorf("%w: %w", errLogStuck, err)
	}
	if s.left = more - slip; size > s.left {
		return errLogStuck
	}
	return nil
}

// solidTail gives the file of the log that etcd is about to write its blocks.
func (kv *KV) solidTail(ctx context.Context) error {
	tail, err := lastOfLog(kv.dir)
	if err != nil {
		return err
	}
	if kv.chain.tight {
		if err := removeAll(sparePath(kv.dir)); err != nil {
			return err
		}
	}
	for tries := 0; ; tries++ {
		if _, err = growLog(tail); err == nil || tries == 50 {
			return err
		}
		if err := pause(ctx); err != nil { // etcd makes the next file, or fails to
			return err
		}
	}
}

// growLog gives a file of the log blocks up to its size, or a few behind its
// records, and returns how many bytes they are.
func growLog(path string) (int64, error) {
	end, err := endOfLog(path)
	if err != nil {
		return 0, err
	}
	if preallocate(path, segmentSize) == nil {
		return segmentSize - end, nil
	}
	if preallocate(path, end+scarce) == nil {
		return min(scarce, segmentSize-end), nil
	}
	return 0, preallocate(path, end+slip/2)
}

// lastOfLog names the file of the log that is written.
func lastOfLog(dir string) (string, error) {
	names, err := filepath.Glob(filepath.Join(walDir(dir), "*.wal")) // sorted
	if err != nil || len(names) == 0 {
		return "", errors.Join(err, errors.New("there is no log"))
	}
	return names[len(names)-1], nil
}

// endOfLog returns the offset behind the last record of a file of the log that
// nobody writes meanwhile.
func endOfLog(path string) (int64, error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer func() { _ = f.Close() }()
	r := bufio.NewReaderSize(f, 64<<10)
	var head [8]byte
	for off := int64(0); ; {
		if _, err := io.ReadFull(r, head[:]); errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return off, nil
		} else if err != nil {
			return 0, err
		}
		frame := binary.LittleEndian.Uint64(head[:])
		if frame == 0 {
			return off, nil
		}
		length, padding := frameOf(frame)
		if length > segmentSize+overshoot {
			return 0, fmt.Errorf("%s at %d: %w: a record of %d bytes", filepath.Base(path), off, ErrDamaged, length)
		}
		if _, err := r.Discard(int(length + padding)); err != nil {
			return 0, err
		}
		off += int64(len(head)) + length + padding
	}
}

// roomForLog fails if a server that starts would not find the disk that its
// log needs.
func (kv *KV) roomForLog() error {
	if err := kv.room(2 * segmentSize); err != nil {
		return err
	}
	tail, err := lastOfLog(kv.dir)
	if err != nil {
		return err
	}
	// The start gives these blocks back before it takes its own.
	return preallocate(tail, 3*segmentSize)
}

// keepSpare makes the spare file, of what there is.
func keepSpare(dir string) error {
	if _, err := os.Stat(sparePath(dir)); err == nil {
		return nil
	}
	var err error
	for _, size := range []int64{spareSize, segmentSize, segmentSize / 4} {
		if err = makeSpare(dir, size); err == nil {
			break
		}
	}
	return err
}

func makeSpare(dir string, size int64) error {
	f, err := os.OpenFile(sparePath(dir), os.O_CREATE|os.O_WRONLY, fileutil.PrivateFileMode)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	if err := allocate(f, size); err != nil {
		return errors.Join(err, os.Remove(sparePath(dir)))
	}
	return f.Truncate(size)
}

// reserveNext gives blocks to the file of the log that etcd makes ahead, in
// the background and under one of two names, and tells whether it is there.
// etcd's own preallocation leaves it without any where a signal interrupts it.
func (kv *KV) reserveNext(ctx context.Context) (bool, error) {
	tries := 50
	if kv.chain.space.last {
		tries = 0
	}
	for ; ; tries-- {
		for _, name := range []string{"0.tmp", "1.tmp"} {
			name = filepath.Join(walDir(kv.dir), name)
			if info, err := os.Stat(name); err != nil || info.Size() < segmentSize {
				continue
			}
			if preallocate(name, segmentSize+overshoot) == nil || preallocate(name, segmentSize) == nil {
				return true, nil
			}
		}
		if tries <= 0 {
			return false, nil
		}
		if err := pause(ctx); err != nil {
			return false, err
		}
	}
}

// reserveDatabase gives the database blocks beyond its end, four times what is
// pending and size bytes more can take: a write of it changes whole pages.
func (kv *KV) reserveDatabase(size int64) error {
	s, backend := &kv.chain.space, kv.server.Server.Backend()
	if s.pending > maxPending {
		backend.ForceCommit()
		s.pending = 0
	}
	err := kv.growDatabase(backend.Size())
	if slack := s.database - backend.Size(); slack >= headroom {
		return nil
	} else if s.pending > 0 && 4*(s.pending+size) > slack {
		backend.ForceCommit()
		s.pending = 0
	}
	if slack := s.database - backend.Size(); slack < scarce || 4*size > slack {
		return err
	}
	return nil
}

// growDatabase gives the database blocks beyond its end, of what there is, and
// returns why there are not more.
func (kv *KV) growDatabase(end int64) error {
	s := &kv.chain.space
	if s.database >= end+headroom {
		return nil
	}
	var first error
	for _, more := range []int64{2 * headroom, headroom, scarce} {
		if s.database >= end+more {
			break
		}
		err := preallocate(dbPath(kv.dir), end+more)
		if err == nil {
			s.database = end + more
			break
		}
		if first == nil {
			first = err
		}
	}
	return first
}

// preallocate gives a file blocks up to a length, and leaves its length alone.
// Only Linux can do that; elsewhere minFree has to do.
func preallocate(path string, length int64) error {
	if !reservable {
		return nil
	}
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	if err := allocate(f, length); err != nil {
		return fmt.Errorf("reserve %d bytes of %s: %w", length, filepath.Base(path), err)
	}
	return nil
}

// allocate gives a file blocks up to a length. On some file systems a signal
// interrupts that, and the Go runtime sends many.
func allocate(f *os.File, length int64) error {
	for {
		if err := fileutil.Preallocate(f, length, false); !errors.Is(err, syscall.EINTR) {
			return err
		}
	}
}
