package scalarindex

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"testing"

	"github.com/redkite-db/redkite/internal/mem"
	"github.com/redkite-db/redkite/internal/schema"
)

// FuzzOpen gives Open any bytes, with checksums that hold, and searches what
// it accepts.
func FuzzOpen(f *testing.F) {
	for _, spec := range []Spec{numberSpec, stringSpec} {
		b := NewBuilder(spec, 70)
		for row := range 70 {
			if spec.Strings() {
				b.AddString([]byte{byte(row % 7), 'x'}, row)
			} else {
				b.AddNumber(int64(row%7), row)
			}
		}
		x, err := b.Finish()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(file(f, x), spec.Strings())
	}
	f.Fuzz(func(t *testing.T, data []byte, strings bool) {
		spec := Spec{Type: schema.Int64}
		if strings {
			spec = stringSpec
		}
		x, err := Open(mem.FromBytes(sealed(data)), spec, 70)
		if err != nil {
			if !errors.Is(err, ErrBadFile) {
				t.Fatal(err)
			}
			return
		}
		words := make([]uint64, 2)
		if strings {
			x.Add(words, x.Prefix([]byte{3}))
			x.Add(words, Span{x.From(nil), x.After([]byte{0xff})})
		} else {
			x.Add(words, x.Numbers(-5, 5))
		}
		x.Add(words, Span{0, x.Keys()})
		if words[1]>>6 != 0 {
			t.Fatal("a row that the segment does not have")
		}
		if err := x.Close(); err != nil {
			t.Fatal(err)
		}
	})
}

// sealed returns the bytes with the checksums that they should have.
func sealed(data []byte) []byte {
	b := append([]byte(nil), data...)
	if len(b) < headerSize {
		return b
	}
	for i := range sections {
		e := b[atSections+i*sectionEntry:]
		offset, length := binary.LittleEndian.Uint64(e), binary.LittleEndian.Uint64(e[8:])
		if offset <= uint64(len(b)) && length <= uint64(len(b))-offset {
			binary.LittleEndian.PutUint32(e[16:], crc32.Checksum(b[offset:offset+length], castagnoli))
		}
	}
	binary.LittleEndian.PutUint32(b[atChecksum:], crc32.Checksum(b[:atChecksum], castagnoli))
	return b
}
