package natsmq

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/minio/highwayhash"

	"github.com/redkite-db/redkite/internal/vfs"
	"github.com/redkite-db/redkite/mq"
)

// Layout of a store directory of nats-server 2.15 (filestore.go): each stream
// has numbered block files, each a sequence of records:
//
//	0 4 length of the record, highest bit: has headers
//	4 8 sequence number, highest two bits: erased, tombstone   12 8 time
//	20 2 bytes of the subject   22 … subject, [4 bytes: length of headers, headers], message
//	… 8 HighwayHash-64 of bytes 4 to 20, subject, headers, message
const (
	streamsPath   = "jetstream/$G/streams"
	blockSuffix   = ".blk"
	recordHeader  = 22
	recordHash    = 8
	headersBit    = 1 << 31
	largestRecord = 32 << 20
	indexFile     = "index.db"
)

// check makes a store directory fit for JetStream to open: it looks at every
// record, because JetStream, where it finds a bad one, cuts the file there
// and forgets the rest. It returns ErrCorrupt, with the file and the offset,
// if a record is bad that was durable: JetStream syncs each record before it
// writes the next, so that is one with a valid record or a later block after
// it. Else the bad bytes are the torn tail of an append that was never
// confirmed, and JetStream may cut them.
//
// It removes an index that does not end with the last record, so that
// JetStream counts what the blocks hold and not what it remembers, and syncs
// the blocks that a killed process wrote last.
func check(fsys vfs.FS, dir string) error {
	streams, err := fsys.ReadDir(filepath.Join(dir, filepath.FromSlash(streamsPath)))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("natsmq: %w", err)
	}
	for _, s := range streams {
		if !s.IsDir() {
			continue
		}
		if err := checkStream(fsys, messagesDir(dir, s.Name()), s.Name()); err != nil {
			return err
		}
	}
	return nil
}

func messagesDir(dir, stream string) string {
	return filepath.Join(dir, filepath.FromSlash(streamsPath), stream, "msgs")
}

func blockPath(dir string, index uint32) string {
	return filepath.Join(dir, strconv.FormatUint(uint64(index), 10)+blockSuffix)
}

// blocks lists the numbers of a stream's block files, ascending.
func blocks(fsys vfs.FS, dir string) ([]uint32, error) {
	entries, err := fsys.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("natsmq: %w", err)
	}
	var list []uint32
	for _, e := range entries {
		name, ok := strings.CutSuffix(e.Name(), blockSuffix)
		if !ok {
			continue
		}
		if n, err := strconv.ParseUint(name, 10, 32); err == nil {
			list = append(list, uint32(n))
		}
	}
	slices.Sort(list)
	return list, nil
}

func checkStream(fsys vfs.FS, dir, stream string) error {
	list, err := blocks(fsys, dir)
	if err != nil || len(list) == 0 {
		return err
	}
	bad, badAt := "", 0
	var data []byte
	for _, index := range list {
		path := blockPath(dir, index)
		if data, err = readBlock(fsys, path, data); err != nil {
			return fmt.Errorf("natsmq: %w", err)
		}
		h, err := newRecordHash(stream, index)
		if err != nil {
			return err
		}
		good, end := walk(data, h)
		if bad != "" && good > 0 {
			return damage(bad, badAt, "bad record, and a later file has good ones")
		}
		if end < len(data) {
			if laterRecord(data[end:], h, subjectOf(stream)) {
				return damage(path, end, "bad record, and a good one follows")
			}
			bad, badAt = path, end
		}
	}
	if err := checkIndex(fsys, filepath.Join(dir, indexFile), data); err != nil {
		return fmt.Errorf("natsmq: %w", err)
	}
	for _, index := range list[max(0, len(list)-2):] {
		if err := syncFile(fsys, blockPath(dir, index)); err != nil {
			return fmt.Errorf("natsmq: %w", err)
		}
	}
	return nil
}

// readBlock reads a file into buf, or into a larger one.
func readBlock(fsys vfs.FS, path string, buf []byte) ([]byte, error) {
	f, err := fsys.Open(path)
	if err != nil {
		return nil, err
	}
	size, err := f.Size()
	if err == nil {
		buf = slices.Grow(buf[:0], int(size))[:size]
		var n int
		n, err = f.ReadAt(buf, 0)
		if errors.Is(err, io.EOF) {
			buf, err = buf[:n], nil
		}
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	return buf, err
}

// checkIndex removes an index that was not written after the last record: its
// last bytes but one hash are that record's.
func checkIndex(fsys vfs.FS, path string, last []byte) error {
	data, err := vfs.ReadFile(fsys, path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	end := len(data) - recordHash
	if end >= recordHash && len(last) >= recordHash && bytes.Equal(data[end-recordHash:end], last[len(last)-recordHash:]) {
		return nil
	}
	return fsys.Remove(path)
}

func syncFile(fsys vfs.FS, path string) error {
	f, err := fsys.OpenReadWrite(path)
	if err != nil {
		return err
	}
	err = f.Sync()
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	return err
}

// newRecordHash returns the hash of the records of one block.
func newRecordHash(stream string, index uint32) (hash.Hash64, error) {
	key := sha256.Sum256(fmt.Appendf(nil, "%s-%d", stream, index))
	h, err := highwayhash.New64(key[:])
	if err != nil {
		return nil, fmt.Errorf("natsmq: %w", err)
	}
	return h, nil
}

// walk goes over a block's records. It returns the number of good ones and
// where the first bad one begins, or the end.
func walk(data []byte, h hash.Hash64) (good, end int) {
	for end < len(data) {
		n := recordLen(data[end:], h)
		if n == 0 {
			break
		}
		end += n
		good++
	}
	return good, end
}

// recordLen returns the length of the record that data begins with, 0 if it
// is not good.
func recordLen(data []byte, h hash.Hash64) int {
	if len(data) < recordHeader+recordHash {
		return 0
	}
	length := binary.LittleEndian.Uint32(data)
	headers := length&headersBit != 0
	length &^= headersBit
	subject := int(binary.LittleEndian.Uint16(data[20:]))
	before := recordHeader + subject
	if headers {
		before += 4
	}
	if length > largestRecord || int(length) > len(data) || before+recordHash > int(length) {
		return 0
	}
	end := int(length) - recordHash
	h.Reset()
	_, _ = h.Write(data[4:20])
	_, _ = h.Write(data[recordHeader : recordHeader+subject])
	_, _ = h.Write(data[before:end])
	var sum [recordHash]byte
	if !bytes.Equal(h.Sum(sum[:0]), data[end:length]) {
		return 0
	}
	return int(length)
}

// laterRecord reports whether a good record with the subject begins after the
// first byte of data.
func laterRecord(data []byte, h hash.Hash64, subject string) bool {
	for at := 1; ; {
		i := bytes.Index(data[min(at+recordHeader, len(data)):], []byte(subject))
		if i < 0 {
			return false
		}
		at += i
		if recordLen(data[at:], h) > 0 {
			return true
		}
		at++
	}
}

func damage(path string, off int, what string) error {
	return fmt.Errorf("natsmq: %s at offset %d: %s: %w", path, off, what, mq.ErrCorrupt)
}
