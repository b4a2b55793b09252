//go:build !linux

package vfs

import "os"

// syncData relies on os.File.Sync, which asks the drive to empty its cache:
// F_FULLFSYNC on Darwin, FlushFileBuffers on Windows.
func syncData(f *os.File) error { return f.Sync() }

func dropCache(*os.File, int64, int64) error { return nil }

// preallocate only sets the length: writing inside may still find the disk full.
func preallocate(f *os.File, have, size int64) error { return extend(f, have, size) }
