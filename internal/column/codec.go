package column

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"github.com/redkite-db/redkite/internal/base"
	"github.com/redkite-db/redkite/internal/schema"
)

// ErrMalformed is returned for bytes that are no batch.
var ErrMalformed = errors.New("column: malformed batch")

// codecVersion is the first byte of an encoded batch. docs/formats/batch.md
// has the layout.
const codecVersion = 1

const (
	flagValid = 1 << 0 // a validity bitmap follows
	// limits that a decoder accepts, so that a damaged length cannot make it allocate without bound
	maxFields = 4096
	maxDim    = 1 << 20
)

// AppendTo appends the batch in its binary form: version, rows, columns; all
// numbers little-endian. The bytes carry no checksum: what stores them adds one.
func (b *Batch) AppendTo(dst []byte) []byte {
	dst = append(dst, codecVersion)
	dst = binary.AppendUvarint(dst, uint64(b.Rows))
	dst = binary.AppendUvarint(dst, uint64(len(b.Fields)))
	for i, c := range b.Columns {
		dst = binary.AppendUvarint(dst, uint64(b.Fields[i]))
		dst = c.appendTo(dst)
	}
	return dst
}

func (c *Column) appendTo(dst []byte) []byte {
	dst = binary.AppendUvarint(dst, uint64(c.Type))
	dst = binary.AppendUvarint(dst, uint64(c.Element))
	dst = binary.AppendUvarint(dst, uint64(c.Dim))
	if c.Valid.IsZero() {
		dst = append(dst, 0)
	} else {
		dst = append(dst, flagValid)
		for _, w := range c.Valid.words {
			dst = binary.LittleEndian.AppendUint64(dst, w)
		}
	}
	switch c.Type {
	case schema.Bool:
		for _, v := range c.Bools {
			dst = append(dst, b2u(v))
		}
	case schema.Int8, schema.Int16, schema.Int32:
		dst = appendRaw(dst, c.Int32s)
	case schema.Int64:
		dst = appendRaw(dst, c.Int64s)
	case schema.Float, schema.FloatVector:
		dst = appendRaw(dst, c.Floats)
	case schema.Double:
		dst = appendRaw(dst, c.Doubles)
	case schema.VarChar, schema.JSON:
		dst = c.Bytes.appendTo(dst)
	case schema.Array:
		dst = appendOffsets(dst, c.Offsets)
		dst = binary.AppendUvarint(dst, uint64(c.Items.Len()))
		dst = c.Items.appendTo(dst)
	}
	return dst
}

func (b *Bytes) appendTo(dst []byte) []byte {
	dst = appendOffsets(dst, b.Offsets)
	return append(dst, b.Data...)
}

// appendOffsets writes the lengths between offsets, a uvarint each.
func appendOffsets(dst []byte, offsets []uint32) []byte {
	for i := 1; i < len(offsets); i++ {
		dst = binary.AppendUvarint(dst, uint64(offsets[i]-offsets[i-1]))
	}
	return dst
}

// Decode reads one batch and returns what follows it. The batch copies what
// it needs: src may be reused.
func Decode(src []byte) (*Batch, []byte, error) {
	d := decoder{src: src}
	if v := d.byte(); d.err == nil && v != codecVersion {
		return nil, nil, fmt.Errorf("%w: version %d, want %d", ErrMalformed, v, codecVersion)
	}
	rows, fields := d.uvarint(math.MaxInt32), d.uvarint(maxFields)
	b := &Batch{Rows: int(rows)}
	for range fields {
		id := d.uvarint(math.MaxInt64)
		c := d.column(int(rows), 0)
		if d.err != nil {
			return nil, nil, d.err
		}
		b.Add(base.ID(id), c)
	}
	if d.err != nil {
		return nil, nil, d.err
	}
	return b, d.src, nil
}

type decoder struct {
	src []byte
	err error
}

func (d *decoder) fail(what string) {
	if d.err == nil {
		d.err = fmt.Errorf("%w: %s", ErrMalformed, what)
	}
}

func (d *decoder) byte() byte {
	if d.err != nil || len(d.src) == 0 {
		d.fail("short")
		return 0
	}
	v := d.src[0]
	d.src = d.src[1:]
	return v
}

func (d *decoder) uvarint(limit uint64) uint64 {
	v, n := binary.Uvarint(d.src)
	if d.err != nil || n <= 0 || v > limit {
		d.fail("number")
		return 0
	}
	d.src = d.src[n:]
	return v
}

func (d *decoder) take(n int) []byte {
	if d.err != nil || n < 0 || n > len(d.src) {
		d.fail("short")
		return nil
	}
	out := d.src[:n]
	d.src = d.src[n:]
	return out
}

func (d *decoder) column(rows, depth int) *Column {
	c := &Column{Type: schema.Type(d.uvarint(1 << 16)), Element: schema.Type(d.uvarint(1 << 16)), Dim: int(d.uvarint(maxDim))}
	switch d.byte() {
	case 0:
	case flagValid:
		c.Valid = Bitset{words: decodeRaw[uint64](d, (rows+63)/64), n: rows}
		if d.err == nil && rows > 0 {
			c.Valid.trim()
		}
	default:
		d.fail("flags")
	}
	switch c.Type {
	case schema.Bool:
		raw := d.take(rows)
		c.Bools = make([]bool, len(raw))
		for i, v := range raw {
			c.Bools[i] = v != 0
		}
	case schema.Int8, schema.Int16, schema.Int32:
		c.Int32s = decodeRaw[int32](d, rows)
	case schema.Int64:
		c.Int64s = decodeRaw[int64](d, rows)
	case schema.Float:
		c.Floats = decodeRaw[float32](d, rows)
	case schema.FloatVector:
		if c.Dim == 0 {
			d.fail("dimension")
		}
		c.Floats = decodeRaw[float32](d, rows*c.Dim)
	case schema.Double:
		c.Doubles = decodeRaw[float64](d, rows)
	case schema.VarChar, schema.JSON:
		c.Bytes.Offsets = d.offsets(rows)
		if d.err == nil {
			c.Bytes.Data = append([]byte(nil), d.take(int(c.Bytes.Offsets[rows]))...)
		}
	case schema.Array:
		if depth > 0 {
			d.fail("nested array")
			return c
		}
		c.Offsets = d.offsets(rows)
		n := d.uvarint(math.MaxUint32)
		if d.err == nil && uint64(c.Offsets[rows]) != n {
			d.fail("array items")
		}
		if d.err == nil && n > uint64(len(d.src))*64 {
			d.fail("array items")
		}
		if d.err == nil {
			c.Items = d.column(int(n), depth+1)
			if c.Items.Type != c.Element {
				d.fail("array element type")
			}
		}
	default:
		d.fail("type")
	}
	return c
}

func (d *decoder) offsets(rows int) []uint32 {
	if d.err != nil || rows > len(d.src) { // a length takes at least a byte
		d.fail("short")
		return nil
	}
	out := make([]uint32, rows+1)
	var at uint64
	for i := range rows {
		at += d.uvarint(math.MaxUint32)
		if at > math.MaxUint32 {
			d.fail("offset")
		}
		out[i+1] = uint32(at)
	}
	return out
}

func b2u(b bool) byte {
	if b {
		return 1
	}
	return 0
}
