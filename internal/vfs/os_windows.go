package vfs

import (
	"errors"
	"syscall"

	"golang.org/x/sys/windows"
)

// syncDir does nothing: NTFS journals names and offers no way to sync them.
func syncDir(string) error { return nil }

// IsNoSpace reports whether an error says that the disk or a quota is full.
func IsNoSpace(err error) bool {
	return errors.Is(err, windows.ERROR_DISK_FULL) || errors.Is(err, windows.ERROR_HANDLE_DISK_FULL) ||
		errors.Is(err, windows.ERROR_DISK_QUOTA_EXCEEDED) || errors.Is(err, syscall.ENOSPC)
}
