package localfs

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"syscall"

	"github.com/redkite-db/redkite/objectstore"
)

// maxDurable bounds the memory of folders known to be durable; beyond it they
// are forgotten, which costs some syncs.
const maxDurable = 1 << 14

// folders is what the store remembers of its folders, under Store.mu.
type folders struct {
	durable map[string]bool // their names were synced since Open
	inUse   map[string]int  // puts that are between making and naming; ancestors count too
}

func (d *folders) init() {
	d.durable, d.inUse = map[string]bool{}, map[string]int{}
}

// missing reports that there is no object of a name: its folder may be missing
// or be an object itself.
func missing(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR)
}

// makeDir makes a folder and its ancestors up to the root, durably, and keeps
// them from being pruned until releaseDir.
func (s *Store) makeDir(dir string) error {
	s.mu.Lock()
	for d := dir; d != s.root; d = filepath.Dir(d) {
		s.mu.dirs.inUse[d]++
	}
	known := s.mu.dirs.durable[dir] || dir == s.root
	s.mu.Unlock()
	if known {
		return nil
	}
	err := s.fs.MkdirAll(dir)
	if errors.Is(err, syscall.ENOTDIR) || errors.Is(err, fs.ErrExist) {
		err = notFolder(err)
	}
	for d := dir; err == nil && d != s.root; d = filepath.Dir(d) {
		if s.isDurable(d) {
			break // and so are its ancestors
		}
		err = s.fs.SyncDir(filepath.Dir(d))
	}
	if err != nil {
		s.releaseDir(dir)
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.mu.dirs.durable) > maxDurable {
		clear(s.mu.dirs.durable)
	}
	for d := dir; d != s.root; d = filepath.Dir(d) {
		s.mu.dirs.durable[d] = true
	}
	return nil
}

func notFolder(err error) error {
	return fmt.Errorf("%w: one of its folders is an object (%w)", objectstore.ErrBadKey, err)
}

func (s *Store) isDir(name string) bool {
	info, err := s.fs.Stat(name)
	return err == nil && info.IsDir()
}

func (s *Store) isDurable(dir string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.mu.dirs.durable[dir]
}

func (s *Store) releaseDir(dir string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for d := dir; d != s.root; d = filepath.Dir(d) {
		if s.mu.dirs.inUse[d]--; s.mu.dirs.inUse[d] == 0 {
			delete(s.mu.dirs.inUse, d)
		}
	}
}

// prune removes a folder and its ancestors while they are empty and nobody is
// about to put something into them. Failing is no error: a later Delete or
// List tries again.
func (s *Store) prune(dir string) {
	for ; dir != s.root; dir = filepath.Dir(dir) {
		s.mu.Lock()
		if s.mu.dirs.inUse[dir] > 0 {
			s.mu.Unlock()
			return
		}
		// Under mu: no Put may come between. A name that is a folder stays one.
		info, err := s.fs.Stat(dir)
		if err == nil && !info.IsDir() {
			err = fs.ErrExist
		}
		if err == nil {
			err = s.fs.Remove(dir)
		}
		if err == nil {
			delete(s.mu.dirs.durable, dir)
		}
		s.mu.Unlock()
		if err != nil && !missing(err) {
			return
		}
	}
}
