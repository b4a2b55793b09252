package localfs

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"path"
	"slices"
	"strings"

	"github.com/redkite-db/redkite/internal/mem"
	"github.com/redkite-db/redkite/objectstore"
)

// smallFile is the size up to which a file is read instead: a map costs whole
// pages and one of the maps that the system allows a process.
const smallFile = 32 << 10

// Pin implements objectstore.Files: it maps the object's file in place. All
// who pin one object share one map.
func (s *Store) Pin(ctx context.Context, key string) (*mem.Map, error) {
	if err := s.check(key); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if m := s.pinned(key); m != nil {
		return m, nil
	}
	lock := s.lock(key)
	lock.Lock()
	defer lock.Unlock()
	if m := s.pinned(key); m != nil {
		return m, nil
	}
	name := s.path(key)
	info, err := s.fs.Stat(name)
	if missing(err) || err == nil && info.IsDir() {
		return nil, fmt.Errorf("%s: %w", key, objectstore.ErrNotFound)
	}
	if err != nil {
		return nil, err
	}
	open := s.mapFile
	if info.Size() <= smallFile {
		open = s.readFile
	}
	m, err := open(name)
	if err != nil {
		return nil, fmt.Errorf("pin %s: %w", key, err)
	}
	m.OnRelease(func() { s.released(key, m) })
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mu.maps[key] = m
	return m, nil
}

// pinned returns the map of a key with one pin more, nil if it has none.
func (s *Store) pinned(key string) *mem.Map {
	s.mu.Lock()
	defer s.mu.Unlock()
	if m := s.mu.maps[key]; m != nil && m.TryPin() {
		return m
	}
	return nil
}

func (s *Store) released(key string, m *mem.Map) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mu.maps[key] == m {
		delete(s.mu.maps, key)
	}
}

// forget makes the next Pin of a key map its file anew.
func (s *Store) forget(key string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.mu.maps, key)
}

// GetRange implements objectstore.Store. The reader holds the object's map, so
// that it sees one object to its end whatever happens to the key, but reads
// from the file while that has the key: reading much does not fill the process
// with mapped pages.
func (s *Store) GetRange(ctx context.Context, key string, off, n int64) (io.ReadCloser, error) {
	m, err := s.Pin(ctx, key)
	if err != nil {
		return nil, err
	}
	size := int64(len(m.Bytes()))
	if off < 0 || off > size {
		_ = m.Unpin()
		return nil, fmt.Errorf("get %s: offset %d of %d bytes", key, off, size)
	}
	if n < 0 || n > size-off {
		n = size - off
	}
	return &rangeReader{s: s, key: key, m: m, at: off, end: off + n}, nil
}

// rangeReader reads a part of an object that it pins until Close. It keeps no
// file open: where an open file cannot be removed, Delete would fail.
type rangeReader struct {
	s       *Store
	key     string
	m       *mem.Map // nil once closed
	at, end int64
}

func (r *rangeReader) Read(p []byte) (int, error) {
	switch {
	case r.m == nil:
		return 0, fs.ErrClosed
	case len(p) == 0:
		return 0, nil
	case r.at == r.end:
		return 0, io.EOF
	}
	p = p[:min(int64(len(p)), r.end-r.at)]
	n, fromFile, err := r.s.readAt(r.key, r.m, p, r.at)
	if !fromFile {
		n, err = copy(p, r.m.Bytes()[r.at:r.end]), nil
	}
	r.at += int64(n)
	return n, err
}

// readAt reads from the file of a key if its object is still the one mapped.
func (s *Store) readAt(key string, m *mem.Map, p []byte, off int64) (n int, fromFile bool, err error) {
	lock := s.lock(key) // the file stays what it is
	lock.Lock()
	defer lock.Unlock()
	s.mu.Lock()
	same := s.mu.maps[key] == m
	s.mu.Unlock()
	if !same {
		return 0, false, nil
	}
	f, err := s.fs.Open(s.path(key))
	if err != nil {
		return 0, true, err
	}
	n, err = f.ReadAt(p, off)
	if n == len(p) {
		err = nil // an end of file at the end of the object is none yet
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	return n, true, err
}

func (r *rangeReader) Close() error {
	if r.m == nil {
		return fs.ErrClosed
	}
	m := r.m
	r.m = nil
	return m.Unpin()
}

// Stat implements objectstore.Store.
func (s *Store) Stat(ctx context.Context, key string) (objectstore.Info, error) {
	if err := s.check(key); err != nil {
		return objectstore.Info{}, err
	}
	if err := ctx.Err(); err != nil {
		return objectstore.Info{}, err
	}
	info, err := s.fs.Stat(s.path(key))
	if missing(err) || err == nil && info.IsDir() {
		return objectstore.Info{}, fmt.Errorf("%s: %w", key, objectstore.ErrNotFound)
	}
	if err != nil {
		return objectstore.Info{}, err
	}
	return objectstore.Info{Key: key, Size: info.Size(), Modified: info.ModTime()}, nil
}

// List implements objectstore.Store. Objects that come or go meanwhile may be
// listed or not. Files that cannot be objects are passed over, empty folders
// removed.
func (s *Store) List(ctx context.Context, prefix string) iter.Seq2[objectstore.Info, error] {
	return func(yield func(objectstore.Info, error) bool) {
		start, _ := path.Split(prefix)
		start = strings.TrimSuffix(start, "/")
		if start != "" && s.check(start) != nil {
			return // no object can have such a key
		}
		s.walk(ctx, start, prefix, yield)
	}
}

// walk lists the folder of a key, "" for the root; false: stop.
func (s *Store) walk(ctx context.Context, dir, prefix string, yield func(objectstore.Info, error) bool) bool {
	if err := ctx.Err(); err != nil {
		yield(objectstore.Info{}, err)
		return false
	}
	entries, err := s.fs.ReadDir(s.path(dir))
	if missing(err) {
		return true
	}
	if err != nil {
		yield(objectstore.Info{}, fmt.Errorf("list %s: %w", dir, err))
		return false
	}
	if len(entries) == 0 && dir != "" {
		s.prune(s.path(dir))
	}
	// The order of keys: a folder sorts as its name with the slash.
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return cmp.Compare(sortName(a), sortName(b)) })
	for _, e := range entries {
		key := path.Join(dir, e.Name())
		if s.check(key) != nil {
			continue
		}
		if e.IsDir() {
			// Only folders on the way to the prefix, or below it.
			if folder := key + "/"; strings.HasPrefix(folder, prefix) || strings.HasPrefix(prefix, folder) {
				if !s.walk(ctx, key, prefix, yield) {
					return false
				}
			}
			continue
		}
		if !strings.HasPrefix(key, prefix) || !e.Type().IsRegular() {
			continue
		}
		info, err := e.Info()
		if missing(err) {
			continue
		}
		if err != nil {
			yield(objectstore.Info{}, fmt.Errorf("list %s: %w", dir, err))
			return false
		}
		if !yield(objectstore.Info{Key: key, Size: info.Size(), Modified: info.ModTime()}, nil) {
			return false
		}
	}
	return true
}

func sortName(e fs.DirEntry) string {
	if e.IsDir() {
		return e.Name() + "/"
	}
	return e.Name()
}
