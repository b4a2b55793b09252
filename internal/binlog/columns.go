package binlog

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"

	"github.com/redkite-db/redkite/internal/base"
	"github.com/redkite-db/redkite/internal/column"
	"github.com/redkite-db/redkite/internal/schema"
	"github.com/redkite-db/redkite/objectstore"
)

// Source is a column that is written: it hands out its rows in pieces, again
// for each pass over them, so that no second copy of it is ever in memory.
type Source struct {
	Field    base.ID
	Like     *column.Column // an empty column of the type
	Rows     int
	Nullable bool // some pieces may hold nulls
	// Chunks calls yield with one piece after the other, Rows in all, the same
	// in each call. A piece is not kept. It returns yield's error at once.
	Chunks func(yield func(*column.Column) error) error
}

// SourceOf returns a column in memory as one piece.
func SourceOf(field base.ID, c *column.Column) Source {
	return Source{
		Field: field, Like: c.Like(), Rows: c.Len(), Nullable: !c.Valid.IsZero(),
		Chunks: func(yield func(*column.Column) error) error { return yield(c) },
	}
}

// shape is what the meta data tells of a column; the layout of the body
// follows from it.
type shape struct {
	field   base.ID
	typ     schema.Type
	element schema.Type
	dim     int
	rows    int
	nulls   bool  // a validity section is there
	items   int   // of an Array
	data    int64 // bytes of the strings, or of an Array's
}

// Limits that a decoder accepts.
const (
	maxRows    = math.MaxInt32
	maxColumns = 4096
	maxDim     = 1 << 20
)

// width is the bytes of a fixed-width value, 0 for strings and arrays, -1 for
// a type that has no column.
func width(t schema.Type, dim int) int64 {
	switch t {
	case schema.Bool:
		return 1
	case schema.Int8, schema.Int16, schema.Int32, schema.Float:
		return 4
	case schema.Int64, schema.Double:
		return 8
	case schema.FloatVector:
		return 4 * int64(dim)
	case schema.VarChar, schema.JSON, schema.Array:
		return 0
	}
	return -1
}

// sections returns the lengths of the column's sections in bytes, in the order
// of the body.
func (s *shape) sections() []int64 {
	var out []int64
	if s.nulls {
		out = append(out, int64(s.rows+63)/64*8)
	}
	typ, rows := s.typ, s.rows
	if typ == schema.Array {
		out = append(out, 4*int64(rows+1))
		typ, rows = s.element, s.items
	}
	if w := width(typ, s.dim); w > 0 {
		return append(out, w*int64(rows))
	}
	return append(out, 4*int64(rows+1), s.data)
}

func (s *shape) size() int64 {
	var n int64
	for _, b := range s.sections() {
		n += alignUp(b)
	}
	return n
}

func (s *shape) appendTo(dst []byte) []byte {
	flags := uint64(0)
	if s.nulls {
		flags = 1
	}
	for _, v := range []uint64{
		uint64(s.field), uint64(s.typ), uint64(s.element), uint64(s.dim), uint64(s.rows), flags, uint64(s.items), uint64(s.data),
	} {
		dst = binary.AppendUvarint(dst, v)
	}
	return dst
}

// measure finds what the layout depends on, in one pass if it needs one.
func measure(src *Source) (shape, error) {
	s := shape{field: src.Field, typ: src.Like.Type, element: src.Like.Element, dim: src.Like.Dim, rows: src.Rows}
	if w := width(s.typ, s.dim); w < 0 || s.typ == schema.Array && (width(s.element, 0) < 0 || s.element == schema.Array || s.element == schema.FloatVector) {
		return s, fmt.Errorf("field %d: columns of %v (%v) are not stored", src.Field, s.typ, s.element)
	} else if w > 0 && !src.Nullable {
		return s, nil
	}
	items := int64(0)
	err := src.Chunks(func(c *column.Column) error {
		for i := 0; src.Nullable && !s.nulls && i < c.Len(); i++ {
			s.nulls = c.IsNull(i)
		}
		switch {
		case s.typ == schema.VarChar || s.typ == schema.JSON:
			s.data += span(c.Bytes.Offsets)
		case s.typ == schema.Array:
			items += span(c.Offsets)
			if c.Items.Bytes.Len() > 0 {
				o := c.Items.Bytes.Offsets
				s.data += int64(o[c.Offsets[len(c.Offsets)-1]] - o[c.Offsets[0]])
			}
		}
		return nil
	})
	if err == nil && (items > math.MaxUint32 || s.data > math.MaxUint32) {
		err = fmt.Errorf("field %d: %d items, %d bytes of strings: more than a column holds", src.Field, items, s.data)
	}
	s.items = int(items)
	return s, err
}

// span is the difference of the first and the last offset.
func span(offsets []uint32) int64 {
	if len(offsets) == 0 {
		return 0
	}
	return int64(offsets[len(offsets)-1] - offsets[0])
}

// WriteColumns stores columns, which may differ in length, as one object.
func WriteColumns(ctx context.Context, store objectstore.Store, key string, sources ...Source) (Object, error) {
	return putColumns(ctx, store, key, columnsObject, nil, sources)
}

// putColumns stores columns as an object of a kind; extra precedes what the
// meta data tells of the columns.
func putColumns(ctx context.Context, store objectstore.Store, key string, k kind, extra []byte, sources []Source) (Object, error) {
	meta := binary.AppendUvarint(extra, uint64(len(sources)))
	shapes := make([]shape, len(sources))
	var body int64
	for i := range sources {
		var err error
		if shapes[i], err = measure(&sources[i]); err != nil {
			return Object{}, fmt.Errorf("write %s: %w", key, err)
		}
		meta = shapes[i].appendTo(meta)
		body += shapes[i].size()
	}
	return putFrame(ctx, store, key, k, meta, body, func(f *frameWriter) error {
		for i := range sources {
			if err := writeColumn(f, &shapes[i], &sources[i]); err != nil {
				return fmt.Errorf("field %d: %w", sources[i].Field, err)
			}
		}
		return nil
	})
}

// pass writes one section of a column.
type pass struct {
	add func(c *column.Column) // a piece with at least one row
	end func()                 // after the last piece; may be nil
}

// passes returns what writes the sections of a column, in their order.
func passes(f *frameWriter, s *shape) []pass {
	var out []pass
	if s.nulls {
		v := &validityWriter{f: f}
		out = append(out, pass{v.add, v.end})
	}
	switch s.typ {
	case schema.VarChar, schema.JSON:
		o := &offsetWriter{f: f}
		out = append(out,
			pass{func(c *column.Column) { o.add(c.Bytes.Offsets) }, o.end},
			pass{add: func(c *column.Column) { f.write(stringData(&c.Bytes, 0, c.Bytes.Len())) }})
	case schema.Array:
		o := &offsetWriter{f: f}
		out = append(out, pass{func(c *column.Column) { o.add(c.Offsets) }, o.end})
		if width(s.element, 0) > 0 {
			out = append(out, pass{add: func(c *column.Column) { lo, hi := itemRange(c); f.write(fixedBytes(c.Items, lo, hi)) }})
			break
		}
		in := &offsetWriter{f: f}
		out = append(out,
			pass{func(c *column.Column) {
				if lo, hi := itemRange(c); lo < hi {
					in.add(c.Items.Bytes.Offsets[lo : hi+1])
				}
			}, in.end},
			pass{add: func(c *column.Column) { lo, hi := itemRange(c); f.write(stringData(&c.Items.Bytes, lo, hi)) }})
	default:
		out = append(out, pass{add: func(c *column.Column) { f.write(fixedBytes(c, 0, c.Len())) }})
	}
	return out
}

// writeColumn writes one column, a pass over its pieces for each section.
func writeColumn(f *frameWriter, s *shape, src *Source) error {
	sections := s.sections()
	for i, p := range passes(f, s) {
		want, rows := f.at+sections[i], 0
		err := src.Chunks(func(c *column.Column) error {
			rows += c.Len()
			if c.Len() > 0 {
				p.add(c)
			}
			return f.err
		})
		if err != nil {
			return err
		}
		if p.end != nil {
			p.end()
		}
		if f.err == nil && (rows != s.rows || f.at != want) {
			return fmt.Errorf("section %d: %d of %d rows, %d bytes missing", i, rows, s.rows, want-f.at)
		}
		f.pad()
	}
	return f.err
}

// validityWriter writes a bit a row, 1 for a value, in words of 64.
type validityWriter struct {
	f    *frameWriter
	word uint64
	n    int // rows so far
}

func (v *validityWriter) add(c *column.Column) {
	for i := range c.Len() {
		if !c.IsNull(i) {
			v.word |= 1 << (v.n & 63)
		}
		if v.n++; v.n&63 == 0 {
			v.flush()
		}
	}
}

func (v *validityWriter) flush() {
	var b [8]byte
	binary.LittleEndian.PutUint64(b[:], v.word)
	v.f.write(b[:])
	v.word = 0
}

func (v *validityWriter) end() {
	if v.n&63 != 0 {
		v.flush()
	}
}

// offsetWriter writes the offsets of strings or items, which begin anew in
// each piece, as one sequence from 0.
type offsetWriter struct {
	f     *frameWriter
	last  uint32
	begun bool
	buf   []uint32
}

func (o *offsetWriter) begin() {
	if !o.begun {
		o.f.write([]byte{0, 0, 0, 0})
		o.begun = true
	}
}

func (o *offsetWriter) add(offsets []uint32) {
	o.begin()
	o.buf = o.buf[:0]
	for i := 1; i < len(offsets); i++ {
		o.last += offsets[i] - offsets[i-1]
		o.buf = append(o.buf, o.last)
	}
	o.f.write(encode(o.buf))
}

func (o *offsetWriter) end() { o.begin() }

func itemRange(c *column.Column) (lo, hi int) {
	return int(c.Offsets[0]), int(c.Offsets[len(c.Offsets)-1])
}

func stringData(b *column.Bytes, lo, hi int) []byte {
	if lo == hi {
		return nil
	}
	return b.Data[b.Offsets[lo]:b.Offsets[hi]]
}

// fixedBytes returns the bytes of the values [lo, hi) of a fixed-width column.
func fixedBytes(c *column.Column, lo, hi int) []byte {
	switch c.Type {
	case schema.Bool:
		return boolBytes(c.Bools[lo:hi])
	case schema.Int8, schema.Int16, schema.Int32:
		return encode(c.Int32s[lo:hi])
	case schema.Int64:
		return encode(c.Int64s[lo:hi])
	case schema.Float:
		return encode(c.Floats[lo:hi])
	case schema.FloatVector:
		return encode(c.Floats[lo*c.Dim : hi*c.Dim])
	case schema.Double:
		return encode(c.Doubles[lo:hi])
	}
	return nil
}
