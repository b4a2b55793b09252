package scalarindex

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math"

	"github.com/redkite-db/redkite/internal/mem"
)

// ErrBadFile says that a file is no index of the rows it is opened for.
var ErrBadFile = errors.New("bad scalar index file")

// The file (docs/formats/scalarindex.md) is a header of fixed size, then five
// sections, each at a multiple of sectionAlign, so that a map of the file is
// used in place.
const (
	magic        = "RKIXSCAL"
	version      = 1
	headerSize   = 256
	sectionAlign = 64
)

// Offsets in the header.
const (
	atVersion  = 8
	atForm     = 12
	atRows     = 16
	atSections = 64
	atChecksum = headerSize - 4
)

// sectionEntry is the size of a section's entry in the header: offset and
// length in bytes, checksum, four bytes of zero.
const sectionEntry = 24

// The sections in file order.
const (
	specSection = iota
	keySection
	dataSection
	startSection
	rowSection
	sections
)

// The forms of keys.
const (
	numberForm = 1
	stringForm = 2
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// section is the content of one section, in pieces of the file's byte order.
type section struct {
	bytes []byte
	width int // of a word; 1: bytes as they are
}

func (x *Index) sections() [sections]section {
	keys := section{mem.Bytes(x.numbers), 8}
	if x.offsets != nil {
		keys = section{mem.Bytes(x.offsets), 4}
	}
	return [sections]section{
		{[]byte(x.spec), 1}, keys, {x.data, 1}, {mem.Bytes(x.starts), 4}, {mem.Bytes(x.rows), 4},
	}
}

// each calls fn for pieces of the section as they are in the file.
func (s section) each(fn func([]byte) error) error {
	const chunk = 1 << 20
	var swapped []byte
	for b := s.bytes; len(b) > 0; {
		part := b[:min(chunk, len(b))]
		b = b[len(part):]
		if s.width > 1 && !mem.LittleEndian() {
			swapped = swap(swapped[:0], part, s.width)
			part = swapped
		}
		if err := fn(part); err != nil {
			return err
		}
	}
	return nil
}

// swap appends the words of b with their bytes reversed.
func swap(dst, b []byte, width int) []byte {
	for ; len(b) >= width; b = b[width:] {
		for i := width - 1; i >= 0; i-- {
			dst = append(dst, b[i])
		}
	}
	return dst
}

// padding is the number of zero bytes behind a section of n bytes.
func padding(n int) int { return -n & (sectionAlign - 1) }

// WriteTo writes the file that Open reads.
func (x *Index) WriteTo(w io.Writer) (int64, error) {
	h := make([]byte, headerSize)
	copy(h, magic)
	le := binary.LittleEndian
	le.PutUint32(h[atVersion:], version)
	le.PutUint32(h[atForm:], numberForm)
	if x.offsets != nil {
		le.PutUint32(h[atForm:], stringForm)
	}
	le.PutUint64(h[atRows:], uint64(x.total))
	list := x.sections()
	at := headerSize
	for i, s := range list {
		crc := uint32(0)
		_ = s.each(func(b []byte) error {
			crc = crc32.Update(crc, castagnoli, b)
			return nil
		})
		e := h[atSections+i*sectionEntry:]
		le.PutUint64(e, uint64(at))
		le.PutUint64(e[8:], uint64(len(s.bytes)))
		le.PutUint32(e[16:], crc)
		at += len(s.bytes) + padding(len(s.bytes))
	}
	le.PutUint32(h[atChecksum:], crc32.Checksum(h[:atChecksum], castagnoli))
	var total int64
	write := func(b []byte) error {
		n, err := w.Write(b)
		total += int64(n)
		return err
	}
	if err := write(h); err != nil {
		return total, err
	}
	for _, s := range list {
		if err := s.each(write); err != nil {
			return total, err
		}
		if err := write(make([]byte, padding(len(s.bytes)))); err != nil {
			return total, err
		}
	}
	return total, nil
}

// Open reads an index that WriteTo wrote, of this spec over this number of
// rows. It takes over one pin of f, given back by Close, or at once when Open
// fails. A file that is damaged or of something else is an error that wraps
// ErrBadFile; no file makes Open or a later search crash.
func Open(f *mem.Map, spec Spec, rows int) (*Index, error) {
	x, err := read(f.Bytes(), spec, rows)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open scalar index %s: %w", f.Name(), err), f.Unpin())
	}
	x.file = f
	return x, nil
}

func bad(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrBadFile, fmt.Sprintf(format, args...))
}

// read checks the whole file, every checksum and every number that a search
// follows, and returns an index that views it where the machine allows.
func read(b []byte, spec Spec, rows int) (*Index, error) {
	le := binary.LittleEndian
	switch {
	case len(b) < headerSize || string(b[:len(magic)]) != magic:
		return nil, bad("not a scalar index")
	case le.Uint32(b[atChecksum:]) != crc32.Checksum(b[:atChecksum], castagnoli):
		return nil, bad("header: checksum mismatch")
	case le.Uint32(b[atVersion:]) != version:
		return nil, bad("version %d, this build reads %d", le.Uint32(b[atVersion:]), version)
	case le.Uint64(b[atRows:]) != uint64(rows):
		return nil, bad("%d rows in the file, %d wanted", le.Uint64(b[atRows:]), rows)
	}
	parts, err := readSections(b)
	if err != nil {
		return nil, err
	}
	x := &Index{spec: string(parts[specSection]), total: rows}
	form := le.Uint32(b[atForm:])
	switch {
	case x.spec != spec.String():
		return nil, bad("index of %q, %q wanted", x.spec, spec)
	case form == numberForm && !spec.Strings() && len(parts[keySection])%8 == 0:
		x.numbers = decode[int64](parts[keySection], 8)
	case form == stringForm && spec.Strings() && len(parts[keySection])%4 == 0:
		x.offsets, x.data = decode[uint32](parts[keySection], 4), parts[dataSection]
	default:
		return nil, bad("keys of form %d in %d bytes", form, len(parts[keySection]))
	}
	if len(parts[startSection])%4 != 0 || len(parts[rowSection])%4 != 0 {
		return nil, bad("%d bytes of starts, %d of rows", len(parts[startSection]), len(parts[rowSection]))
	}
	x.starts, x.rows = decode[uint32](parts[startSection], 4), decode[uint32](parts[rowSection], 4)
	return x, x.check()
}

// readSections returns the sections, whose checksums hold.
func readSections(b []byte) (parts [sections][]byte, err error) {
	le := binary.LittleEndian
	at := uint64(headerSize)
	for i := range parts {
		e := b[atSections+i*sectionEntry:]
		offset, length := le.Uint64(e), le.Uint64(e[8:])
		if offset != at || at > uint64(len(b)) || length > uint64(len(b))-at {
			return parts, bad("section %d of %d bytes at %d, want it at %d in a file of %d", i, length, offset, at, len(b))
		}
		end := at + length
		parts[i] = b[at:end:end]
		if got, want := crc32.Checksum(parts[i], castagnoli), le.Uint32(e[16:]); got != want {
			return parts, bad("section %d: checksum %08x, want %08x", i, got, want)
		}
		if at = end + uint64(padding(int(length))); at > uint64(len(b)) {
			return parts, bad("file of %d bytes ends before %d", len(b), at)
		}
		if len(bytes.Trim(b[end:at], "\x00")) != 0 {
			return parts, bad("bytes %d to %d are not zero", end, at)
		}
	}
	if at != uint64(len(b)) {
		return parts, bad("file of %d bytes, want %d", len(b), at)
	}
	return parts, nil
}

// check refuses keys that do not ascend, and runs and rows that are none.
func (x *Index) check() error {
	if x.total > math.MaxInt32 {
		return bad("%d rows", x.total)
	}
	for i := 1; i < len(x.numbers); i++ {
		if x.numbers[i-1] >= x.numbers[i] {
			return bad("key %d is not behind the one before", i)
		}
	}
	if x.numbers == nil {
		if err := x.checkStrings(); err != nil {
			return err
		}
	}
	keys := x.Keys()
	if len(x.starts) == 0 {
		if len(x.rows) != keys {
			return bad("%d rows of %d keys", len(x.rows), keys)
		}
	} else if len(x.starts) != keys+1 || x.starts[0] != 0 || int64(x.starts[keys]) != int64(len(x.rows)) {
		return bad("%d starts of %d keys with %d rows", len(x.starts), keys, len(x.rows))
	}
	for i := 1; i < len(x.starts); i++ {
		if x.starts[i-1] >= x.starts[i] {
			return bad("key %d has no rows", i-1)
		}
	}
	top := uint32(0)
	for _, row := range x.rows {
		top = max(top, row)
	}
	if len(x.rows) > 0 && int64(top) >= int64(x.total) {
		return bad("row %d of %d", top, x.total)
	}
	return nil
}

func (x *Index) checkStrings() error {
	if len(x.offsets) == 0 {
		if len(x.data) != 0 || len(x.rows) != 0 {
			return bad("%d bytes of keys without a key", len(x.data))
		}
		return nil
	}
	if x.offsets[0] != 0 || int64(x.offsets[len(x.offsets)-1]) != int64(len(x.data)) {
		return bad("keys from %d to %d in %d bytes", x.offsets[0], x.offsets[len(x.offsets)-1], len(x.data))
	}
	for i := 1; i < len(x.offsets); i++ {
		if x.offsets[i-1] > x.offsets[i] || int64(x.offsets[i]) > int64(len(x.data)) {
			return bad("key %d from %d to %d", i-1, x.offsets[i-1], x.offsets[i])
		}
		if i > 1 && bytes.Compare(x.String(i-2), x.String(i-1)) >= 0 {
			return bad("key %d is not behind the one before", i-1)
		}
	}
	return nil
}

// decode views little-endian words, or copies them where the machine's order
// or the address does not allow it.
func decode[T uint32 | int64](b []byte, width int) []T {
	if mem.LittleEndian() {
		if s, ok := mem.View[T](b); ok {
			return s
		}
	}
	out := make([]T, len(b)/width)
	dst := mem.Bytes(out)
	copy(dst, b)
	if !mem.LittleEndian() {
		copy(dst, swap(nil, b, width))
	}
	return out
}
