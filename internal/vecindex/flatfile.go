package vecindex

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"io"
	"math"

	"github.com/redkite-db/redkite/internal/mem"
	"github.com/redkite-db/redkite/internal/vec"
)

// The file of a FLAT index (docs/formats/flat.md) is a header, which says that the
// build was done and for which rows, and behind it the sections of flatCodes, if there
// are some, as they are in memory, so that a map of the file is used in place.
const (
	flatMagic   = "RKIXFLAT"
	flatVersion = 1
	flatSize    = 64 // of the header
)

// Offsets in the header.
const (
	flatAtCodes    = 32 // 0: none; 1: a byte an element
	flatAtMin      = 36
	flatAtScale    = 40
	flatAtSections = 44 // checksum of all behind the header
	flatAtChecksum = flatSize - 4
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// header is the header but for the checksums, the codes' too.
func (x *flat) header() []byte {
	b := make([]byte, 0, flatSize)
	b = append(b, flatMagic...)
	b = binary.LittleEndian.AppendUint32(b, flatVersion)
	b = binary.LittleEndian.AppendUint32(b, uint32(x.metric))
	b = binary.LittleEndian.AppendUint32(b, uint32(x.element))
	b = binary.LittleEndian.AppendUint32(b, uint32(x.src.Dim()))
	b = binary.LittleEndian.AppendUint64(b, uint64(x.src.Rows()))
	b = b[:flatSize]
	if c := x.codes; c != nil {
		binary.LittleEndian.PutUint32(b[flatAtCodes:], 1)
		binary.LittleEndian.PutUint32(b[flatAtMin:], math.Float32bits(c.coder.Min))
		binary.LittleEndian.PutUint32(b[flatAtScale:], math.Float32bits(c.coder.Scale))
	}
	return b
}

// WriteTo implements Index.
func (x *flat) WriteTo(w io.Writer) (int64, error) {
	b, crc := x.header(), uint32(0)
	err := x.codes.sections(func(part []byte) error {
		crc = crc32.Update(crc, castagnoli, part)
		return nil
	})
	if err != nil {
		return 0, err
	}
	binary.LittleEndian.PutUint32(b[flatAtSections:], crc)
	binary.LittleEndian.PutUint32(b[flatAtChecksum:], crc32.Checksum(b[:flatAtChecksum], castagnoli))
	n, err := w.Write(b)
	total := int64(n)
	if err != nil {
		return total, err
	}
	err = x.codes.sections(func(part []byte) error {
		n, err := w.Write(part)
		total += int64(n)
		return err
	})
	return total, err
}

// sections calls fn for all bytes of a file behind the header.
func (c *flatCodes) sections(fn func(part []byte) error) error {
	if c == nil {
		return nil
	}
	for _, s := range [][]byte{c.rows, mem.Encode(c.radii), mem.Encode(c.blocks), mem.Encode(c.invNorms)} {
		for _, part := range [][]byte{s, make([]byte, align(len(s))-len(s))} {
			if len(part) == 0 {
				continue
			}
			if err := fn(part); err != nil {
				return err
			}
		}
	}
	return nil
}

// read checks a whole file, and makes its codes, if it has some, those of x.
func (x *flat) read(b []byte) error {
	le := binary.LittleEndian
	switch {
	case len(b) < flatSize || string(b[:8]) != flatMagic:
		return BadFile("not a FLAT index")
	case crc32.Checksum(b[:flatAtChecksum], castagnoli) != le.Uint32(b[flatAtChecksum:]):
		return BadFile("checksum mismatch")
	case le.Uint32(b[8:]) != flatVersion:
		return BadFile("version %d, this build reads %d", le.Uint32(b[8:]), flatVersion)
	case string(b[:flatAtCodes]) != string(x.header()[:flatAtCodes]):
		return BadFile("metric %v, %d rows of a %v, dimension %d in the file, %v, %d, %v, %d wanted",
			Metric(b[12]), le.Uint64(b[24:]), Element(b[16]), le.Uint32(b[20:]),
			x.metric, x.src.Rows(), x.element, x.src.Dim())
	case len(bytes.Trim(b[flatAtSections+4:flatAtChecksum], "\x00")) != 0:
		return BadFile("bytes %d to %d are not zero", flatAtSections+4, flatAtChecksum)
	case crc32.Checksum(b[flatSize:], castagnoli) != le.Uint32(b[flatAtSections:]):
		return BadFile("codes: checksum mismatch")
	}
	if le.Uint32(b[flatAtCodes:]) == 0 {
		if len(b) != flatSize || len(bytes.Trim(b[flatAtCodes:flatAtChecksum], "\x00")) != 0 {
			return BadFile("%d bytes of no codes", len(b)-flatSize)
		}
		return nil
	}
	c := &flatCodes{
		metric: x.metric, dim: x.src.Dim(), stride: vec.CodeStride(x.src.Dim()),
		coder: vec.Coder{Min: math.Float32frombits(le.Uint32(b[flatAtMin:])), Scale: math.Float32frombits(le.Uint32(b[flatAtScale:]))},
	}
	if le.Uint32(b[flatAtCodes:]) != 1 || x.element != Float32 || c.dim > vec.MaxCodeDim || !c.coder.Usable() {
		return BadFile("codes %d of a %v, dimension %d, of scale %v from %v", le.Uint32(b[flatAtCodes:]), x.element, c.dim, c.coder.Scale, c.coder.Min)
	}
	if err := c.read(b[flatSize:], x.src.Rows()); err != nil {
		return err
	}
	x.codes = c
	return nil
}

// read makes the sections of n rows those in b, in place where the machine allows.
func (c *flatCodes) read(b []byte, n int) error {
	size := 0
	for _, s := range c.layout(n) {
		if end := size + s; end <= len(b) && len(bytes.Trim(b[end:min(size+align(s), len(b))], "\x00")) != 0 {
			return BadFile("bytes behind %d are not zero", flatSize+end)
		}
		size += align(s)
	}
	if size != len(b) {
		return BadFile("codes of %d bytes, want %d", len(b), size)
	}
	c.view(b, n)
	for i, bounds := range [][]float32{c.radii, c.blocks} {
		for j, v := range bounds {
			if !(v >= 0) {
				return BadFile("section %d: bound %d is %v", i+1, j, v)
			}
		}
	}
	return nil
}

// bytes is the size of all sections.
func (c *flatCodes) bytes() int64 {
	size := 0
	for _, s := range c.layout(len(c.radii)) {
		size += align(s)
	}
	return int64(size)
}
