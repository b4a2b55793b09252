//go:build linux

// Package powerloss runs what opens files of its own, and so cannot be given a
// file system as an argument, on a mounted disk in memory that loses what was
// not synced when power fails.
package powerloss

import (
	"errors"
	"fmt"
	"os"
	"syscall"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"

	"github.com/redkite-db/redkite/internal/vfs"
)

// ErrNoFUSE says that this machine, or this user, cannot mount a disk.
var ErrNoFUSE = errors.New("disks in memory cannot be mounted here (/dev/fuse)")

// Mount is a disk at a directory of the machine.
type Mount struct {
	dir    string
	server *fuse.Server
}

// NewMount mounts the disk at dir, an empty directory. Nothing is cached
// between the two: what a process writes has reached the disk, unsynced, when
// the call returns.
func NewMount(dir string, disk *vfs.Mem) (*Mount, error) {
	if f, err := os.OpenFile("/dev/fuse", os.O_RDWR, 0); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoFUSE, err)
	} else if err := f.Close(); err != nil {
		return nil, err
	}
	server, err := fs.Mount(dir, &node{disk: disk}, &fs.Options{
		MountOptions: fuse.MountOptions{FsName: "powerloss", DirectMountStrict: true, DisableXAttrs: true},
	})
	if errors.Is(err, syscall.EPERM) {
		return nil, fmt.Errorf("%w: %w", ErrNoFUSE, err)
	}
	if err != nil {
		return nil, fmt.Errorf("mount at %s: %w", dir, err)
	}
	return &Mount{dir: dir, server: server}, nil
}

// Close takes the disk away, also from those who still have files of it open.
func (m *Mount) Close() error {
	err := syscall.Unmount(m.dir, syscall.MNT_DETACH)
	if err == nil {
		m.server.Wait()
	}
	return err
}
