package woodpecker

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"github.com/redkite-db/redkite/internal/vfs"
	"github.com/redkite-db/redkite/mq"
)

// readCut returns the cut that the channel's file remembers; without a file
// nothing was cut.
func (ch *channel) readCut() (cutSlot, error) {
	path := ch.cutPath()
	data, err := vfs.ReadFile(ch.log.cfg.FS, path)
	if errors.Is(err, fs.ErrNotExist) {
		return cutSlot{}, nil
	}
	if err != nil {
		return cutSlot{}, fmt.Errorf("woodpecker: %w", err)
	}
	var best cutSlot
	for i := range cutSlots {
		if at := i * pageSize; at+headerLen <= len(data) {
			if slot, err := decodeCutSlot(data[at:]); err == nil && slot.count > best.count {
				best = slot
			}
		}
	}
	switch {
	case best.count == 0:
		return cutSlot{}, fmt.Errorf("woodpecker: %s: no valid slot at offsets 0 and %d: %w", path, pageSize, mq.ErrCorrupt)
	case best.generation != ch.log.cfg.Generation:
		return cutSlot{}, fmt.Errorf("woodpecker: %s is of generation %d, the log of %d", path, best.generation, ch.log.cfg.Generation)
	}
	return best, nil
}

// writeCut remembers a cut durably. The slot of the cut before is left alone,
// and no room is needed once the file exists: a full disk cannot keep a log
// from being cut.
func (ch *channel) writeCut(slot cutSlot) error {
	fsys, path := ch.log.cfg.FS, ch.cutPath()
	f, err := fsys.OpenReadWrite(path)
	if errors.Is(err, fs.ErrNotExist) {
		return ch.createCut(slot)
	}
	if err != nil {
		return fmt.Errorf("woodpecker: %w", err)
	}
	_, err = f.WriteAt(slot.encode(), int64(slot.count%cutSlots)*pageSize)
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return fmt.Errorf("woodpecker: remember the cut: %w", err)
	}
	return nil
}

// createCut makes the file with its first slot under another name, so that
// under its own it always has a valid one.
func (ch *channel) createCut(slot cutSlot) error {
	fsys, path := ch.log.cfg.FS, ch.cutPath()
	data := make([]byte, cutSlots*pageSize)
	copy(data[int64(slot.count%cutSlots)*pageSize:], slot.encode())
	temp := path + ".new"
	err := vfs.WriteFile(fsys, temp, data)
	if err == nil {
		err = fsys.Rename(temp, path)
	}
	if err == nil {
		err = fsys.SyncDir(filepath.Dir(path))
	}
	if err != nil {
		return fmt.Errorf("woodpecker: remember the cut: %w", err)
	}
	return nil
}
