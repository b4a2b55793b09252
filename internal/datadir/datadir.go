// Package datadir opens a data directory: one process at a time (LOCK), of a
// layout that this build knows (FORMAT), with its four folders in place.
//
//	meta/     the catalog (etcd)
//	log/      the write-ahead log
//	objects/  segments, statistics, indexes
//	logs/     texts for people
//	LOCK      held by the process that has the directory; its PID
//	FORMAT    the layout's version, checksummed
//
// FORMAT is written last and whole, so a process killed while it creates a
// directory leaves one that the next Open finishes. docs/formats/datadir.md
// describes the bytes.
package datadir

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Names within a data directory.
const (
	metaName    = "meta"
	logName     = "log"
	objectsName = "objects"
	logsName    = "logs"
	lockName    = "LOCK"
	formatName  = "FORMAT"
	// formatTempName holds FORMAT while it is being written.
	formatTempName = "FORMAT.tmp"
	// lostFound is put into the root of a fresh file system by mkfs.
	lostFound = "lost+found"
)

// ErrNotEmpty marks a directory that holds something but is no data directory.
var ErrNotEmpty = errors.New("datadir: directory is not empty and is not a data directory of Red Kite")

// ErrDamaged marks a data directory that lost a part or whose FORMAT fails
// its checksum.
var ErrDamaged = errors.New("datadir: data directory is damaged")

// LockedError reports that another process has the directory.
type LockedError struct {
	// Path is the data directory.
	Path string
	// PID is the holder's process id, 0 if it could not be read.
	PID int
}

func (e *LockedError) Error() string {
	holder := "another process"
	if e.PID > 0 {
		holder = fmt.Sprintf("process %d", e.PID)
	}
	return fmt.Sprintf("datadir: %s is in use by %s; stop it, or choose another directory", e.Path, holder)
}

// Dir is an open data directory. Its methods are safe for concurrent use,
// Close apart.
type Dir struct {
	path  string
	fresh bool
	lock  *os.File
}

// Open takes the directory for this process and creates it (0700, with its
// parents) when it is missing. A fresh directory is stamped with the layout
// and writer, the version of the program. It fails with a *LockedError if
// another process has the directory, with a *VersionError if FORMAT names a
// layout that this build does not know, and with ErrNotEmpty or ErrDamaged.
// It waits for nobody.
func Open(path, writer string) (*Dir, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("datadir: %w", err)
	}
	if err := create(abs); err != nil {
		return nil, err
	}
	// Looked at before LOCK is made, so that a directory of somebody else is
	// refused untouched; looked at again under the lock.
	if _, err := isFresh(abs); err != nil {
		return nil, err
	}
	lock, err := acquire(abs)
	if err != nil {
		return nil, err
	}
	d := &Dir{path: abs, lock: lock}
	if err := d.prepare(writer); err != nil {
		return nil, errors.Join(err, d.Close())
	}
	return d, nil
}

// create makes the directory unless it is there, and its name durable.
func create(path string) error {
	info, err := os.Stat(path)
	if err == nil {
		if !info.IsDir() {
			return fmt.Errorf("datadir: %s is not a directory", path)
		}
		return nil
	}
	if err := os.MkdirAll(path, 0o700); err != nil {
		return fmt.Errorf("datadir: create the data directory: %w", err)
	}
	return syncDir(filepath.Dir(path))
}

// prepare makes a fresh directory or checks an existing one, under the lock.
func (d *Dir) prepare(writer string) error {
	fresh, err := isFresh(d.path)
	if err != nil {
		return err
	}
	if err := recordHolder(d.lock); err != nil {
		return err
	}
	d.fresh = fresh
	if !fresh {
		return d.check()
	}
	for _, name := range []string{metaName, logName, objectsName, logsName} {
		if err := os.Mkdir(filepath.Join(d.path, name), 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
			return fmt.Errorf("datadir: %w", err)
		}
	}
	if err := syncDir(d.path); err != nil {
		return err
	}
	return writeFormat(d.path, format{layout: Layout, writer: writer})
}

// check verifies a directory that has a FORMAT.
func (d *Dir) check() error {
	f, err := readFormat(filepath.Join(d.path, formatName))
	if err != nil {
		return err
	}
	if f.layout != Layout {
		return &VersionError{Path: d.path, Found: f.layout, Writer: f.writer}
	}
	// An empty folder in the place of a lost one would serve an empty database.
	for _, name := range []string{metaName, logName, objectsName} {
		if info, err := os.Stat(filepath.Join(d.path, name)); err != nil || !info.IsDir() {
			return fmt.Errorf("%w: %s has no folder %q", ErrDamaged, d.path, name)
		}
	}
	if err := os.MkdirAll(filepath.Join(d.path, logsName), 0o700); err != nil {
		return fmt.Errorf("datadir: %w", err)
	}
	if err := os.Remove(filepath.Join(d.path, formatTempName)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("datadir: %w", err)
	}
	return nil
}

// isFresh reports whether the directory is still to be made: nothing in it, or
// only what an Open that was killed leaves. It fails with ErrNotEmpty for a
// directory that is not ours.
func isFresh(path string) (bool, error) {
	entries, err := os.ReadDir(path)
	if err != nil {
		return false, fmt.Errorf("datadir: %w", err)
	}
	var ours, foreign []string
	for _, e := range entries {
		switch name := e.Name(); name {
		case formatName:
			return false, nil
		case lockName, formatTempName, lostFound:
		case metaName, logName, objectsName, logsName:
			if info, err := os.Stat(filepath.Join(path, name)); err != nil || !info.IsDir() {
				foreign = append(foreign, name)
			} else if empty, err := isEmptyDir(filepath.Join(path, name)); err != nil {
				return false, err
			} else if !empty {
				ours = append(ours, name)
			}
		default:
			foreign = append(foreign, name)
		}
	}
	if len(foreign) > 0 {
		return false, fmt.Errorf("%w: %s holds %q", ErrNotEmpty, path, foreign[0])
	}
	if len(ours) > 0 {
		return false, fmt.Errorf("%w: %s has data in %s but no %s", ErrDamaged, path,
			strings.Join(ours, ", "), formatName)
	}
	return true, nil
}

// isEmptyDir reports whether path is a directory, or a link to one, without
// entries.
func isEmptyDir(path string) (bool, error) {
	f, err := os.Open(path)
	if err != nil {
		return false, fmt.Errorf("datadir: %w", err)
	}
	names, err := f.Readdirnames(1)
	if errors.Is(err, io.EOF) {
		err = nil
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return false, fmt.Errorf("datadir: read %s: %w", path, err)
	}
	return len(names) == 0, nil
}

// Path is the directory's absolute path.
func (d *Dir) Path() string { return d.path }

// Fresh reports whether this Open made the directory.
func (d *Dir) Fresh() bool { return d.fresh }

// Meta is the folder of the catalog.
func (d *Dir) Meta() string { return filepath.Join(d.path, metaName) }

// Log is the folder of the write-ahead log.
func (d *Dir) Log() string { return filepath.Join(d.path, logName) }

// Objects is the folder of the object store.
func (d *Dir) Objects() string { return filepath.Join(d.path, objectsName) }

// Logs is the folder of the text logs.
func (d *Dir) Logs() string { return filepath.Join(d.path, logsName) }

// Close gives the directory up. The caller has closed all that uses it.
func (d *Dir) Close() error {
	if err := release(d.lock); err != nil {
		return fmt.Errorf("datadir: release %s: %w", lockName, err)
	}
	return nil
}
