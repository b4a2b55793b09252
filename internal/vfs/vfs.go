// Package vfs holds the file system as an argument: a small port, the real
// one (OS), and an in-memory one (Mem) that fails on request and tells what a
// disk may hold after power loss.
//
// The port promises only what every file system keeps: written bytes are
// durable after File.Sync, and names (creation, renaming, removal) after
// SyncDir of the directory that holds them. Code that is right over Mem
// relies on nothing else.
package vfs

import (
	"io"
	"io/fs"
)

// FS is a file system. Names are paths in the form of path/filepath. It may
// be used by many goroutines. Errors wrap fs.ErrNotExist and fs.ErrExist
// where these apply; IsNoSpace recognises a full disk.
type FS interface {
	// Create makes an empty file, open for reading and writing. A file of that
	// name is emptied.
	Create(name string) (File, error)
	// Open opens a file for reading.
	Open(name string) (File, error)
	// OpenReadWrite opens an existing file for reading and writing. Write
	// begins at its start.
	OpenReadWrite(name string) (File, error)
	// Rename gives a file or directory a new name, atomically, replacing a file
	// that has it. For portability the file must not be open.
	Rename(oldName, newName string) error
	// Remove removes a file or an empty directory.
	Remove(name string) error
	// MkdirAll makes a directory and its missing parents. The caller syncs the
	// parents (SyncDir) where their existence must be durable.
	MkdirAll(dir string) error
	// ReadDir lists a directory in the order of names.
	ReadDir(dir string) ([]fs.DirEntry, error)
	// Stat describes a file or directory.
	Stat(name string) (fs.FileInfo, error)
	// SyncDir makes the names in a directory durable. On systems that cannot
	// sync directories, and keep names in a journal (Windows), it does nothing.
	SyncDir(dir string) error
	// FreeSpace is the number of bytes that the process may still write in a
	// directory's file system.
	FreeSpace(dir string) (int64, error)
}

// File is an open file. ReadAt and WriteAt may be called concurrently on
// ranges that do not overlap.
type File interface {
	io.ReaderAt
	io.WriterAt
	io.Writer // continues after the last Write
	io.Closer
	// Name is the name that the file was opened with.
	Name() string
	// Size is the file's length in bytes.
	Size() (int64, error)
	// Sync makes the contents and the length durable. After an error it is
	// unknown which of the writes since the last Sync are on disk, and a later
	// Sync that succeeds says nothing about them: they must be written again.
	Sync() error
	// DropCache asks the system to forget its copy of synced bytes, so that
	// reading shows what the disk has: after a Sync that failed, perhaps in a
	// process before this one, the two may differ. Where the system (all but
	// Linux) cannot, it does nothing.
	DropCache(off, n int64) error
	// Truncate sets the length; new bytes read as zeros.
	Truncate(size int64) error
	// Preallocate makes the file at least size bytes long and, where the system
	// can (Linux), takes the blocks now, so that writing inside never fails for
	// lack of space. It is durable after Sync.
	Preallocate(size int64) error
}

// WriteFile writes a whole file under its final name and syncs its contents,
// but neither atomically nor with its name: for that write elsewhere, Rename
// and SyncDir.
func WriteFile(fsys FS, name string, data []byte) error {
	f, err := fsys.Create(name)
	if err != nil {
		return err
	}
	if _, err = f.Write(data); err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	return err
}

// ReadFile reads a whole file.
func ReadFile(fsys FS, name string) ([]byte, error) {
	f, err := fsys.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	size, err := f.Size()
	if err != nil {
		return nil, err
	}
	data := make([]byte, size)
	n, err := f.ReadAt(data, 0)
	if err == io.EOF {
		err = nil
	}
	return data[:n], err
}
