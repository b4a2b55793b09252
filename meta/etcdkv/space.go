package etcdkv

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"syscall"

	"go.etcd.io/etcd/client/pkg/v3/fileutil"
)

const (
	// minFree: with less space left on disk nothing is written. What others
	// write between this look and etcd's writes has to fit, and a file of the
	// log that etcd preallocates.
	minFree = 32 << 20
	// maxPending bounds the bytes that etcd has not yet written to its
	// database, and headroom the blocks that it has beyond its end.
	maxPending = 1 << 20
	headroom   = 4 << 20
	// overshoot is how far a file of the log may exceed its size: by a
	// transaction.
	overshoot = requestLimit
	// lookEvery is the number of bytes between two looks at the log.
	lookEvery = 256 << 10
	// txnBytes is what a transaction takes beside its keys and values.
	txnBytes = 1 << 10
)

// spareSize is the length of a file of zeros beside etcd's, which is there when
// the server is not running, or there was space: a start needs blocks for a
// file of the log. A full disk gets them from here.
const spareSize = segmentSize + 1<<20

func sparePath(dir string) string { return filepath.Join(dir, "spare") }

// errLogStuck: etcd failed to preallocate a file of its log, or might have. It
// would not try again, and give up when it needs the file. A restart helps.
var errLogStuck = fmt.Errorf("%w: the log cannot grow", syscall.ENOSPC)

// space is what the files have on disk.
type space struct {
	pending  int64  // bytes since etcd wrote its database
	database int64  // length up to which it has blocks
	unseen   int64  // bytes since the last look at the log
	tail     string // the file of the log that has blocks beyond its size
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
// disk inside etcd, which could not go on. It runs with kv.turn held.
func (kv *KV) reserve(ctx context.Context, size int64) error {
	if err := kv.room(0); err != nil {
		return err
	}
	if kv.chain.tight {
		return errLogStuck
	}
	if err := kv.reserveLog(ctx); err != nil {
		return err
	}
	if err := kv.reserveDatabase(); err != nil {
		return err
	}
	kv.chain.space.unseen += size + txnBytes
	kv.chain.space.pending += size + txnBytes
	return nil
}

// reserveLog looks whether the next file of the log is ready, and gives the
// present one blocks beyond its size. A file takes many looks to fill.
func (kv *KV) reserveLog(ctx context.Context) error {
	s := &kv.chain.space
	if s.tail != "" && s.unseen < lookEvery {
		return nil
	}
	names, err := filepath.Glob(filepath.Join(walDir(kv.dir), "*.wal")) // sorted
	if err != nil || len(names) == 0 {
		return errors.Join(err, errLogStuck)
	}
	for tries := 0; !nextReady(kv.dir); tries++ { // etcd makes it in the background
		if tries == 50 {
			return errLogStuck
		}
		if err := pause(ctx); err != nil {
			return err
		}
	}
	if tail := names[len(names)-1]; tail != s.tail {
		if err := preallocate(tail, segmentSize+overshoot); err != nil {
			return err
		}
		s.tail = tail
	}
	s.unseen = 0
	return nil
}

// roomForLog fails if a server that starts would not find the disk that its
// log needs.
func (kv *KV) roomForLog() error {
	if err := kv.room(2 * segmentSize); err != nil {
		return err
	}
	names, err := filepath.Glob(filepath.Join(walDir(kv.dir), "*.wal")) // sorted
	if err != nil || len(names) == 0 {
		return errors.Join(err, errLogStuck)
	}
	// The start gives these blocks back before it takes its own.
	return preallocate(names[len(names)-1], 3*segmentSize)
}

// keepSpare makes the spare file, of what there is.
func keepSpare(dir string) error {
	if _, err := os.Stat(sparePath(dir)); err == nil {
		return nil
	}
	f, err := os.OpenFile(sparePath(dir), os.O_CREATE|os.O_WRONLY, fileutil.PrivateFileMode)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	size := int64(spareSize)
	if err = allocate(f, size); err != nil {
		size = segmentSize
		err = allocate(f, size)
	}
	if err != nil {
		return errors.Join(err, os.Remove(sparePath(dir)))
	}
	return f.Truncate(size)
}

// nextReady tells whether etcd has preallocated a file: under one of two names.
func nextReady(dir string) bool {
	for _, name := range []string{"0.tmp", "1.tmp"} {
		info, err := os.Stat(filepath.Join(walDir(dir), name))
		if err == nil && info.Size() >= segmentSize {
			return true
		}
	}
	return false
}

// reserveDatabase gives the database blocks beyond its end, more than what is
// pending can take.
func (kv *KV) reserveDatabase() error {
	s, backend := &kv.chain.space, kv.server.Server.Backend()
	if s.pending > maxPending {
		backend.ForceCommit()
		s.pending = 0
	}
	end := backend.Size() + headroom
	if s.database >= end {
		return nil
	}
	if err := preallocate(dbPath(kv.dir), end+headroom); err != nil {
		return err
	}
	s.database = end + headroom
	return nil
}

// preallocate gives a file blocks up to a length, and leaves its length alone.
// Only Linux can do that; elsewhere minFree has to do.
func preallocate(path string, length int64) error {
	if runtime.GOOS != "linux" {
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
