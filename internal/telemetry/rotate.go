package telemetry

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// Names of log files: the one being written, and those put aside, which sort
// by age: redkite-20260102T150405.000000000Z.log.
const (
	logName     = "redkite.log"
	asidePrefix = "redkite-"
	asideSuffix = ".log"
	asideLayout = "20060102T150405.000000000Z"
)

type rotation struct {
	dir        string
	maxSize    int64
	maxBackups int
	maxAge     time.Duration
	now        func() time.Time
}

// rotating is a log file that is put aside when it would grow above maxSize.
// Its folder never holds more than maxBackups+1 files of about that size.
type rotating struct {
	rotation

	mu struct {
		sync.Mutex
		file   *os.File // nil after Close, or when it could not be opened again
		size   int64
		closed bool
	}
}

func openRotating(r rotation) (*rotating, error) {
	if err := os.MkdirAll(r.dir, 0o700); err != nil {
		return nil, fmt.Errorf("telemetry: log folder: %w", err)
	}
	w := &rotating{rotation: r}
	if err := w.openLocked(); err != nil {
		return nil, err
	}
	w.prune()
	return w, nil
}

// openLocked opens the file at its end.
func (w *rotating) openLocked() error {
	f, err := os.OpenFile(filepath.Join(w.dir, logName), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return fmt.Errorf("telemetry: log file: %w", err)
	}
	info, err := f.Stat()
	if err != nil {
		return errors.Join(fmt.Errorf("telemetry: log file: %w", err), f.Close())
	}
	w.mu.file, w.mu.size = f, info.Size()
	return nil
}

// Write appends one line. An error loses that line alone: the next Write tries
// anew, so that a full disk that has room again is written to again.
func (w *rotating) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.mu.closed {
		return 0, os.ErrClosed
	}
	if w.mu.file == nil {
		if err := w.openLocked(); err != nil {
			return 0, err
		}
	}
	if w.mu.size > 0 && w.mu.size+int64(len(p)) > w.maxSize {
		if err := w.rotateLocked(); err != nil {
			return 0, err
		}
	}
	n, err := w.mu.file.Write(p)
	w.mu.size += int64(n)
	return n, err
}

// rotateLocked puts the file aside and begins a new one. A file that cannot be
// renamed is emptied: the bound on the size comes before old lines.
func (w *rotating) rotateLocked() error {
	if err := w.mu.file.Close(); err != nil {
		w.mu.file = nil
		return fmt.Errorf("telemetry: log file: %w", err)
	}
	w.mu.file = nil
	aside := asidePrefix + w.now().UTC().Format(asideLayout) + asideSuffix
	current := filepath.Join(w.dir, logName)
	if err := os.Rename(current, filepath.Join(w.dir, aside)); err != nil {
		if err := os.Truncate(current, 0); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("telemetry: log file: %w", err)
		}
	}
	w.prune()
	return w.openLocked()
}

// prune removes files put aside that are too many or too old. What cannot be
// removed is tried again at the next rotation.
func (w *rotating) prune() {
	entries, err := os.ReadDir(w.dir)
	if err != nil {
		return
	}
	var aside []string
	for _, e := range entries {
		if _, err := asideTime(e.Name()); err == nil {
			aside = append(aside, e.Name())
		}
	}
	slices.Sort(aside)
	oldest := w.now().Add(-w.maxAge)
	for i, name := range aside {
		at, _ := asideTime(name)
		if len(aside)-i > w.maxBackups || at.Before(oldest) {
			_ = os.Remove(filepath.Join(w.dir, name))
		}
	}
}

// asideTime parses the time in the name of a file put aside.
func asideTime(name string) (time.Time, error) {
	text, ok := strings.CutPrefix(name, asidePrefix)
	if ok {
		text, ok = strings.CutSuffix(text, asideSuffix)
	}
	if !ok {
		return time.Time{}, errors.New("another file")
	}
	return time.Parse(asideLayout, text)
}

// Close closes the file; later writes fail.
func (w *rotating) Close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.mu.closed {
		return nil
	}
	w.mu.closed = true
	if w.mu.file == nil {
		return nil
	}
	return w.mu.file.Close()
}
