package datadir

import (
	"errors"
	"os"

	"golang.org/x/sys/windows"
)

// A locked region cannot be read by others, and others must read the PID at
// the start. So one byte far behind the end is locked.
const lockOffsetHigh = 0x7fffffff

// tryLock takes one byte of the file. The lock belongs to the open file and
// ends with the process.
func tryLock(f *os.File) error {
	err := windows.LockFileEx(windows.Handle(f.Fd()),
		windows.LOCKFILE_EXCLUSIVE_LOCK|windows.LOCKFILE_FAIL_IMMEDIATELY, 0, 1, 0, region())
	if errors.Is(err, windows.ERROR_LOCK_VIOLATION) || errors.Is(err, windows.ERROR_IO_PENDING) {
		return errHeld
	}
	return err
}

func unlock(f *os.File) error {
	return windows.UnlockFileEx(windows.Handle(f.Fd()), 0, 1, 0, region())
}

func region() *windows.Overlapped { return &windows.Overlapped{OffsetHigh: lockOffsetHigh} }
