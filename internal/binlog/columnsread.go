package binlog

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"

	"github.com/redkite-db/redkite/internal/base"
	"github.com/redkite-db/redkite/internal/column"
	"github.com/redkite-db/redkite/internal/mem"
	"github.com/redkite-db/redkite/internal/schema"
	"github.com/redkite-db/redkite/objectstore"
)

// Columns is an open object of columns. What it returns lies in the mapped
// object and is valid until Close.
type Columns struct {
	m     *mem.Map
	frame *frame
	extra []byte
	cols  []*column.Column
	ids   []base.ID
}

// OpenColumns maps an object of columns and checks its frame; Verify checks
// the rest.
func OpenColumns(ctx context.Context, files objectstore.Files, key string) (*Columns, error) {
	return openColumns(ctx, files, key, columnsObject, 0)
}

// openColumns opens an object of columns of a kind, whose meta data begins
// with extra numbers of the kind's own.
func openColumns(ctx context.Context, files objectstore.Files, key string, k kind, extra int) (*Columns, error) {
	m, err := files.Pin(ctx, key)
	if err != nil {
		return nil, err
	}
	c, err := parseColumns(key, m.Bytes(), k, extra)
	if err != nil {
		_ = m.Unpin() // the object is not used
		return nil, err
	}
	c.m = m
	return c, nil
}

func parseColumns(key string, b []byte, k kind, extra int) (*Columns, error) {
	f, err := openFrame(key, b, k)
	if err != nil {
		return nil, err
	}
	c := &Columns{frame: f}
	d := metaReader{src: f.meta}
	for range extra {
		d.uvarint(math.MaxUint64)
	}
	c.extra = f.meta[:len(f.meta)-len(d.src)]
	n := d.uvarint(maxColumns)
	var at int64
	for range n {
		s := d.shape()
		if d.err != nil || s.size() > int64(len(f.body))-at {
			return nil, f.malformed("column %d of %d", len(c.cols), n)
		}
		col, err := f.column(&s, at)
		if err != nil {
			return nil, err
		}
		c.ids, c.cols = append(c.ids, s.field), append(c.cols, col)
		at += s.size()
	}
	if d.err != nil || len(d.src) > 0 || at != int64(len(f.body)) {
		return nil, f.malformed("meta data does not describe the body")
	}
	return c, nil
}

// malformed is damage that no checksum shows: bytes that were never right.
func (f *frame) malformed(format string, args ...any) error {
	return &Damage{Key: f.key, Offset: headerBytes, Reason: fmt.Sprintf(format, args...)}
}

// metaReader decodes the numbers of the meta data.
type metaReader struct {
	src []byte
	err error
}

func (d *metaReader) uvarint(limit uint64) uint64 {
	v, n := binary.Uvarint(d.src)
	if d.err != nil || n <= 0 || v > limit {
		d.err = ErrCorrupt
		return 0
	}
	d.src = d.src[n:]
	return v
}

func (d *metaReader) shape() shape {
	s := shape{
		field: int64(d.uvarint(math.MaxInt64)), typ: schema.Type(d.uvarint(math.MaxInt16)),
		element: schema.Type(d.uvarint(math.MaxInt16)), dim: int(d.uvarint(maxDim)), rows: int(d.uvarint(maxRows)),
		nulls: d.uvarint(1) == 1, items: int(d.uvarint(math.MaxUint32)), data: int64(d.uvarint(math.MaxUint32)),
	}
	isArray := s.typ == schema.Array
	values := s.typ
	if isArray {
		values = s.element
	}
	switch w := width(values, s.dim); {
	case w < 0, w == 0 && values != schema.VarChar && values != schema.JSON, isArray && values == schema.FloatVector,
		!isArray && s.items != 0, w > 0 && s.data != 0:
		d.err = ErrCorrupt
	}
	return s
}

// column makes the column whose sections begin at an offset of the body. It
// checks all that reading a value relies on, whether or not the checksums
// were.
func (f *frame) column(s *shape, at int64) (*column.Column, error) {
	c := &column.Column{Type: s.typ, Element: s.element, Dim: s.dim}
	sections := s.sections()
	next := func() []byte {
		n := sections[0]
		b := f.body[at : at+n : at+n]
		at, sections = at+alignUp(n), sections[1:]
		return b
	}
	bad := func(what string) error {
		return &Damage{Key: f.key, Offset: f.start + at, Reason: fmt.Sprintf("field %d: %s", s.field, what)}
	}
	if s.nulls {
		words := decode[uint64](next())
		if r := s.rows & 63; r != 0 && words[len(words)-1]>>r != 0 {
			return nil, bad("validity of rows that are not there")
		}
		c.Valid = column.BitsetOf(words, s.rows)
	}
	values, rows := c, s.rows
	if s.typ == schema.Array {
		c.Offsets = decode[uint32](next())
		if !ascending(c.Offsets, int64(s.items)) {
			return nil, bad("offsets of items")
		}
		c.Items = &column.Column{Type: s.element}
		values, rows = c.Items, s.items
	}
	switch values.Type {
	case schema.Bool:
		ok := false
		if values.Bools, ok = bools(next()); !ok {
			return nil, bad("a truth value that is neither 0 nor 1")
		}
	case schema.Int8, schema.Int16, schema.Int32:
		values.Int32s = decode[int32](next())
	case schema.Int64:
		values.Int64s = decode[int64](next())
	case schema.Float, schema.FloatVector:
		values.Floats = decode[float32](next())
	case schema.Double:
		values.Doubles = decode[float64](next())
	default:
		values.Bytes.Offsets = decode[uint32](next())
		if !ascending(values.Bytes.Offsets, s.data) {
			return nil, bad("offsets of strings")
		}
		values.Bytes.Data = next()
	}
	if values.Len() != rows {
		return nil, bad(fmt.Sprintf("%d values for %d rows", values.Len(), rows))
	}
	return c, nil
}

// ascending reports whether offsets go from 0 to end and never back.
func ascending(offsets []uint32, end int64) bool {
	last := uint32(0)
	for _, o := range offsets {
		if o < last {
			return false
		}
		last = o
	}
	return offsets[0] == 0 && int64(last) == end
}

// Verify checks every block's checksum.
func (c *Columns) Verify() error { return c.frame.verify() }

// Expect checks that the object is the one that was meant, by its size and
// checksums.
func (c *Columns) Expect(o Object) error { return c.frame.expect(o, len(c.m.Bytes())) }

// Fields returns the ids of the columns, in the order they were written.
func (c *Columns) Fields() []base.ID { return c.ids }

// Column returns the column of a field, nil if the object has none.
func (c *Columns) Column(field base.ID) *column.Column {
	for i, id := range c.ids {
		if id == field {
			return c.cols[i]
		}
	}
	return nil
}

// Close gives the object's pin back. No column of it may be read from then on.
func (c *Columns) Close() error { return c.m.Unpin() }
