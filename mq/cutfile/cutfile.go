// Package cutfile holds the file in which a log of one process remembers a
// channel's cut, where reading begins.
//
// The file has two pages of 4 KiB, written in turn; the valid one with the
// higher count holds. So a write that fails or is torn leaves the cut before
// it, and a full disk cannot keep a log from being cut once the file exists.
// Numbers are little-endian:
//
//	 0  4  "RCUT"      4  4  CRC32C of bytes 8 to 112    8  4  version   12  4  zero
//	16  8  count      24  8  generation of the position
//	32  2  bytes of the position's offset               34 78  the offset
package cutfile

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"path/filepath"

	"github.com/redkite-db/redkite/internal/base"
	"github.com/redkite-db/redkite/internal/vfs"
	"github.com/redkite-db/redkite/mq"
)

const (
	pageSize  = 4096
	slots     = 2
	magic     = 0x54554352
	version   = 1
	slotLen   = 112
	offsetAt  = 34
	maxOffset = slotLen - offsetAt
)

// Cut is what the file holds: a position, and the count of its writes. The
// zero Cut means that nothing was cut yet.
type Cut struct {
	Count    uint64
	Position base.Position
}

// Next returns the cut that follows c.
func (c Cut) Next(pos base.Position) Cut { return Cut{Count: c.Count + 1, Position: pos} }

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func (c Cut) encode() []byte {
	b := make([]byte, pageSize)
	binary.LittleEndian.PutUint32(b, magic)
	binary.LittleEndian.PutUint32(b[8:], version)
	binary.LittleEndian.PutUint64(b[16:], c.Count)
	binary.LittleEndian.PutUint64(b[24:], uint64(c.Position.Generation))
	binary.LittleEndian.PutUint16(b[32:], uint16(len(c.Position.Offset)))
	copy(b[offsetAt:slotLen], c.Position.Offset)
	binary.LittleEndian.PutUint32(b[4:], crc32.Checksum(b[8:slotLen], castagnoli))
	return b
}

// decode reads a slot. ok is false if it is not valid.
func decode(b []byte) (c Cut, ok bool) {
	if len(b) < slotLen || binary.LittleEndian.Uint32(b) != magic ||
		binary.LittleEndian.Uint32(b[4:]) != crc32.Checksum(b[8:slotLen], castagnoli) ||
		binary.LittleEndian.Uint32(b[8:]) != version {
		return Cut{}, false
	}
	n := binary.LittleEndian.Uint16(b[32:])
	if n > maxOffset {
		return Cut{}, false
	}
	return Cut{
		Count:    binary.LittleEndian.Uint64(b[16:]),
		Position: base.Position{Generation: int64(binary.LittleEndian.Uint64(b[24:])), Offset: string(b[offsetAt : offsetAt+n])},
	}, true
}

// Read returns what a file holds, durably, the zero Cut if there is no file,
// and mq.ErrCorrupt if neither slot is valid.
func Read(fsys vfs.FS, path string) (Cut, error) {
	data, err := readDurable(fsys, path)
	if errors.Is(err, fs.ErrNotExist) {
		return Cut{}, nil
	}
	if err != nil {
		return Cut{}, fmt.Errorf("read the cut: %w", err)
	}
	var best Cut
	for i := range slots {
		if at := i * pageSize; at < len(data) {
			if c, ok := decode(data[at:]); ok && c.Count > best.Count {
				best = c
			}
		}
	}
	if best.Count == 0 {
		return Cut{}, fmt.Errorf("%s at offsets 0 and %d: no valid cut: %w", path, pageSize, mq.ErrCorrupt)
	}
	return best, nil
}

// readDurable reads what the disk has, not what a killed process left to the
// system to write: what is removed for a cut's sake must not come before it.
func readDurable(fsys vfs.FS, path string) ([]byte, error) {
	f, err := fsys.OpenReadWrite(path)
	if err != nil {
		return nil, err
	}
	data := make([]byte, slots*pageSize)
	n := 0
	if err = f.Sync(); err == nil {
		err = f.DropCache(0, int64(len(data)))
	}
	if err == nil {
		if n, err = f.ReadAt(data, 0); errors.Is(err, io.EOF) {
			err = nil
		}
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	return data[:n], err
}

// Write makes a cut durable. Its count must be one above that of the last
// one; the first makes the file.
func Write(fsys vfs.FS, path string, c Cut) error {
	if len(c.Position.Offset) > maxOffset {
		return fmt.Errorf("cut at a position of %d bytes, the limit is %d", len(c.Position.Offset), maxOffset)
	}
	if c.Count == 1 {
		return create(fsys, path, c)
	}
	f, err := fsys.OpenReadWrite(path)
	if err != nil {
		return fmt.Errorf("write the cut: %w", err)
	}
	_, err = f.WriteAt(c.encode(), int64(c.Count%slots)*pageSize)
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return fmt.Errorf("write the cut: %w", err)
	}
	return nil
}

// create makes the file under another name, so that under its own it always
// has a valid slot.
func create(fsys vfs.FS, path string, c Cut) error {
	data := make([]byte, slots*pageSize)
	copy(data[int64(c.Count%slots)*pageSize:], c.encode())
	temp := path + ".new"
	err := vfs.WriteFile(fsys, temp, data)
	if err == nil {
		err = fsys.Rename(temp, path)
	}
	if err == nil {
		err = fsys.SyncDir(filepath.Dir(path))
	}
	if err != nil {
		return fmt.Errorf("create the file of the cut: %w", err)
	}
	return nil
}
