package datadir

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// maxLockText bounds what is read of LOCK.
const maxLockText = 64

// errHeld is what tryLock returns when another open file has the lock.
var errHeld = errors.New("held")

// acquire opens LOCK and locks it. The file stays when the lock is given up:
// removing it would let two processes lock two files of one name.
func acquire(dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, lockName), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("datadir: %w", err)
	}
	err = tryLock(f)
	if err == nil {
		return f, nil
	}
	if errors.Is(err, errHeld) {
		err = &LockedError{Path: dir, PID: holder(f)}
	} else {
		err = fmt.Errorf("datadir: lock %s: %w", dir, err)
	}
	return nil, errors.Join(err, f.Close())
}

// recordHolder writes this process's id into the locked file. It is for
// people: the lock itself is what excludes.
func recordHolder(f *os.File) error {
	text := strconv.Itoa(os.Getpid()) + "\n"
	if err := f.Truncate(0); err != nil {
		return fmt.Errorf("datadir: write %s: %w", lockName, err)
	}
	if _, err := f.WriteAt([]byte(text), 0); err != nil {
		return fmt.Errorf("datadir: write %s: %w", lockName, err)
	}
	return nil
}

// holder reads the PID in LOCK; 0 when the holder has not written it yet.
func holder(f *os.File) int {
	b, err := io.ReadAll(io.NewSectionReader(f, 0, maxLockText))
	if err != nil {
		return 0
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(b)))
	if err != nil || pid < 0 {
		return 0
	}
	return pid
}

// release unlocks and closes LOCK.
func release(f *os.File) error {
	return errors.Join(unlock(f), f.Close())
}
