// Package localfs holds the object store that is a directory: an object is a
// file whose path is its key, and is mapped where it lies.
package localfs

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"io/fs"
	"path/filepath"
	"strings"
	"sync"
	"syscall"

	"github.com/redkite-db/redkite/internal/mem"
	"github.com/redkite-db/redkite/internal/vfs"
	"github.com/redkite-db/redkite/objectstore"
)

const (
	// tmpName is the folder in the root for files that are no objects: being
	// written, or deleted while mapped. It is emptied at Open.
	tmpName = ".tmp"
	// copyBuffer is the unit in which Put writes, in bytes.
	copyBuffer = 256 << 10
	// keyLocks is the number of locks that the keys share.
	keyLocks = 64
)

// Store is a directory of objects. One process uses it at a time.
//
// Lock order: a key's lock, then mu. Slow calls of the file system are made
// under a key's lock only.
type Store struct {
	fs      vfs.FS
	root    string
	mapFile func(name string) (*mem.Map, error)
	seed    maphash.Seed
	keys    [keyLocks]sync.Mutex // by hash of the key: order its Put, Delete and Pin

	mu struct {
		sync.Mutex
		seq  uint64              // names of temporary files
		maps map[string]*mem.Map // pinned objects by key; the table holds no pin
		dirs folders
	}
}

var (
	_ objectstore.Store = (*Store)(nil)
	_ objectstore.Files = (*Store)(nil)
)

// Open makes the directory root if it is missing, removes what a killed
// process left half written, and returns the store. mapFile maps a file that
// is in place (mem.Open over the real file system); nil reads it through fsys.
func Open(fsys vfs.FS, root string, mapFile func(name string) (*mem.Map, error)) (*Store, error) {
	s := &Store{fs: fsys, root: filepath.Clean(root), mapFile: mapFile, seed: maphash.MakeSeed()}
	if mapFile == nil {
		s.mapFile = s.readFile
	}
	s.mu.maps = map[string]*mem.Map{}
	s.mu.dirs.init()
	tmp := filepath.Join(s.root, tmpName)
	if err := fsys.MkdirAll(tmp); err != nil {
		return nil, fmt.Errorf("object store: %w", err)
	}
	// The root's own name must be durable too, or the first objects are not.
	for _, dir := range []string{filepath.Dir(s.root), s.root} {
		if err := fsys.SyncDir(dir); err != nil {
			return nil, fmt.Errorf("object store: %w", err)
		}
	}
	left, err := fsys.ReadDir(tmp)
	if err != nil {
		return nil, fmt.Errorf("object store: %w", err)
	}
	for _, e := range left {
		if err := fsys.Remove(filepath.Join(tmp, e.Name())); err != nil {
			return nil, fmt.Errorf("object store: left-over of an earlier process: %w", err)
		}
	}
	return s, nil
}

func (s *Store) readFile(name string) (*mem.Map, error) {
	b, err := vfs.ReadFile(s.fs, name)
	if err != nil {
		return nil, err
	}
	return mem.FromBytes(b), nil
}

// check refuses keys that no store takes, and the name of our own folder.
func (s *Store) check(key string) error {
	if err := objectstore.CheckKey(key); err != nil {
		return err
	}
	// Upper and lower case are one on some file systems.
	if first, _, _ := strings.Cut(key, "/"); strings.EqualFold(first, tmpName) {
		return fmt.Errorf("%w: %q: %s is the store's own", objectstore.ErrBadKey, key, tmpName)
	}
	return nil
}

func (s *Store) path(key string) string { return filepath.Join(s.root, filepath.FromSlash(key)) }

func (s *Store) lock(key string) *sync.Mutex {
	return &s.keys[maphash.String(s.seed, key)%keyLocks]
}

// tmpPath returns a name that no file has had since Open.
func (s *Store) tmpPath() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mu.seq++
	return filepath.Join(s.root, tmpName, fmt.Sprintf("%016x", s.mu.seq))
}

// Put implements objectstore.Store. The object's name appears after its bytes
// are durable.
func (s *Store) Put(ctx context.Context, key string, r io.Reader, size int64) error {
	return s.put(ctx, key, r, size, false)
}

// PutNew implements objectstore.Store. ErrExists says that the other object is
// durable.
func (s *Store) PutNew(ctx context.Context, key string, b []byte) error {
	return s.put(ctx, key, bytes.NewReader(b), int64(len(b)), true)
}

func (s *Store) put(ctx context.Context, key string, r io.Reader, size int64, onlyNew bool) error {
	if err := s.check(key); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	tmp := s.tmpPath()
	named := false
	err := s.writeTmp(ctx, tmp, r, size)
	if err == nil {
		named, err = s.publish(tmp, key, onlyNew)
	}
	if err == nil {
		return nil
	}
	if !named {
		_ = s.fs.Remove(tmp) // else Open removes it
	}
	if vfs.IsNoSpace(err) && !named {
		return fmt.Errorf("put %s: %w (%w)", key, objectstore.ErrFull, err)
	}
	return fmt.Errorf("put %s: %w", key, err)
}

// writeTmp writes exactly size bytes of r and syncs them.
func (s *Store) writeTmp(ctx context.Context, tmp string, r io.Reader, size int64) (err error) {
	f, err := s.fs.Create(tmp)
	if err != nil {
		return err
	}
	defer func() {
		if cerr := f.Close(); err == nil {
			err = cerr
		}
	}()
	buf := make([]byte, min(copyBuffer, max(size, 1)))
	for left := size; left > 0; {
		if err := ctx.Err(); err != nil {
			return err
		}
		n, err := io.ReadFull(r, buf[:min(left, int64(len(buf)))])
		if err != nil {
			return fmt.Errorf("source ended %d bytes early: %w", left-int64(n), err)
		}
		if _, err := f.Write(buf[:n]); err != nil {
			return err
		}
		left -= int64(n)
	}
	switch n, err := io.ReadFull(r, buf[:1]); {
	case n > 0:
		return fmt.Errorf("source is longer than the %d bytes announced", size)
	case !errors.Is(err, io.EOF):
		return fmt.Errorf("end of the source: %w", err)
	}
	return f.Sync()
}

// publish gives a durable file its key and makes the name durable. The key's
// lock is held to the end, so that whoever is told that the object exists can
// rely on it. If it fails once the file was named, the object can be read, but
// may be gone after a power loss.
func (s *Store) publish(tmp, key string, onlyNew bool) (named bool, err error) {
	lock := s.lock(key)
	lock.Lock()
	defer lock.Unlock()
	name := s.path(key)
	if onlyNew {
		if _, err := s.fs.Stat(name); err == nil {
			return false, objectstore.ErrExists
		} else if !errors.Is(err, fs.ErrNotExist) {
			return false, err
		}
	}
	dir := filepath.Dir(name)
	if err := s.makeDir(dir); err != nil {
		return false, err
	}
	defer s.releaseDir(dir)
	if err := s.rename(tmp, name, key); err != nil {
		return false, err
	}
	s.forget(key)
	return true, s.fs.SyncDir(dir)
}

// rename moves a finished file over the object of a key. Where the system
// refuses to replace a mapped file, that one is moved away first; power loss
// between the two steps may then leave neither.
func (s *Store) rename(tmp, name, key string) error {
	err := s.fs.Rename(tmp, name)
	if err == nil {
		return nil
	}
	if errors.Is(err, syscall.ENOTDIR) {
		return notFolder(err)
	}
	if s.isDir(name) {
		s.prune(name) // perhaps only empty folders are left of it
		if s.isDir(name) {
			return fmt.Errorf("%w: there are objects below it", objectstore.ErrBadKey)
		}
		return s.fs.Rename(tmp, name)
	}
	m := s.pinned(key)
	if m == nil {
		return err
	}
	defer func() { _ = m.Unpin() }()
	dead, moveErr := s.moveAway(name, m)
	if moveErr != nil {
		return err
	}
	if err = s.fs.Rename(tmp, name); err != nil {
		err = errors.Join(err, s.fs.Rename(dead, name))
	}
	return err
}

// moveAway takes a mapped file out of the objects, to be removed when the map
// is released, and returns its new name. The caller holds a pin.
func (s *Store) moveAway(name string, m *mem.Map) (string, error) {
	dead := s.tmpPath()
	if err := s.fs.Rename(name, dead); err != nil {
		return "", err
	}
	m.OnRelease(func() { _ = s.fs.Remove(dead) }) // what cannot be removed goes at the next Open
	return dead, nil
}

// Delete implements objectstore.Store. A deletion is not made durable: after a
// power loss the object may be there again, whole.
func (s *Store) Delete(ctx context.Context, keys ...string) error {
	for _, key := range keys {
		if err := s.check(key); err != nil {
			return err
		}
	}
	for _, key := range keys {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := s.deleteOne(key); err != nil {
			return fmt.Errorf("delete %s: %w", key, err)
		}
	}
	for _, key := range keys {
		s.prune(filepath.Dir(s.path(key)))
	}
	return nil
}

func (s *Store) deleteOne(key string) error {
	lock := s.lock(key)
	lock.Lock()
	defer lock.Unlock()
	name := s.path(key)
	info, err := s.fs.Stat(name)
	if missing(err) || err == nil && info.IsDir() {
		return nil
	}
	if err != nil {
		return err
	}
	err = s.fs.Remove(name)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		m := s.pinned(key)
		if m == nil {
			return err
		}
		defer func() { _ = m.Unpin() }()
		if _, moveErr := s.moveAway(name, m); moveErr != nil {
			return err
		}
	}
	s.forget(key)
	return nil
}
