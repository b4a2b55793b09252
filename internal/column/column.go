// Package column holds typed columns of rows: the one currency in which rows
// travel from the wire to the log, into segments, and back to the client.
package column

import (
	"fmt"

	"github.com/redkite-db/redkite/internal/base"
	"github.com/redkite-db/redkite/internal/schema"
)

// Column is the values of one field over a number of rows. Exactly one of the
// value slices is used, as Type says. Null rows have a zero value in it, so
// that every column has an entry for every row. A Column that was put into a
// Batch is never changed.
type Column struct {
	Type    schema.Type
	Element schema.Type // of Array
	Dim     int         // of FloatVector
	Valid   Bitset      // rows that are not null; the zero Bitset means all

	Bools   []bool
	Int32s  []int32   // Int8, Int16, Int32
	Int64s  []int64   // Int64
	Floats  []float32 // Float; FloatVector: rows x Dim, row-major
	Doubles []float64
	Bytes   Bytes // VarChar, JSON

	Offsets []uint32 // Array: row i has the items [Offsets[i], Offsets[i+1])
	Items   *Column  // Array: the elements of all rows, of type Element
}

// Bytes is a sequence of byte strings in one piece of memory: string i is
// Data[Offsets[i]:Offsets[i+1]]. Offsets has one entry more than there are
// strings, or none if there are none.
type Bytes struct {
	Offsets []uint32
	Data    []byte
}

// Len returns the number of strings.
func (b *Bytes) Len() int { return max(0, len(b.Offsets)-1) }

// At returns string i; it aliases Data.
func (b *Bytes) At(i int) []byte { return b.Data[b.Offsets[i]:b.Offsets[i+1]:b.Offsets[i+1]] }

// Append adds a string.
func (b *Bytes) Append(s []byte) {
	if len(b.Offsets) == 0 {
		b.Offsets = append(b.Offsets, 0)
	}
	b.Data = append(b.Data, s...)
	b.Offsets = append(b.Offsets, uint32(len(b.Data)))
}

// AppendString adds a string.
func (b *Bytes) AppendString(s string) {
	if len(b.Offsets) == 0 {
		b.Offsets = append(b.Offsets, 0)
	}
	b.Data = append(b.Data, s...)
	b.Offsets = append(b.Offsets, uint32(len(b.Data)))
}

// New returns an empty column for a field.
func New(f *schema.Field) *Column {
	c := &Column{Type: f.Type, Element: f.Element, Dim: f.Dim}
	if f.Type == schema.Array {
		c.Items = &Column{Type: f.Element}
		c.Offsets = []uint32{0}
	}
	return c
}

// Like returns an empty column of the same type as c.
func (c *Column) Like() *Column {
	out := &Column{Type: c.Type, Element: c.Element, Dim: c.Dim}
	if c.Type == schema.Array {
		out.Items = &Column{Type: c.Element}
		out.Offsets = []uint32{0}
	}
	return out
}

// Len returns the number of rows.
func (c *Column) Len() int {
	switch c.Type {
	case schema.Bool:
		return len(c.Bools)
	case schema.Int8, schema.Int16, schema.Int32:
		return len(c.Int32s)
	case schema.Int64:
		return len(c.Int64s)
	case schema.Float:
		return len(c.Floats)
	case schema.FloatVector:
		if c.Dim == 0 {
			return 0
		}
		return len(c.Floats) / c.Dim
	case schema.Double:
		return len(c.Doubles)
	case schema.VarChar, schema.JSON:
		return c.Bytes.Len()
	case schema.Array:
		return max(0, len(c.Offsets)-1)
	}
	return 0
}

// IsNull reports whether row i is null.
func (c *Column) IsNull(i int) bool { return !c.Valid.IsZero() && !c.Valid.Get(i) }

// Size returns the bytes that the values take.
func (c *Column) Size() int64 {
	n := int64(len(c.Bools) + 4*len(c.Int32s) + 8*len(c.Int64s) + 4*len(c.Floats) + 8*len(c.Doubles) +
		4*len(c.Bytes.Offsets) + len(c.Bytes.Data) + 4*len(c.Offsets) + 8*len(c.Valid.words))
	if c.Items != nil {
		n += c.Items.Size()
	}
	return n
}

// AppendRows appends the rows of src that are listed; src has c's type.
func (c *Column) AppendRows(src *Column, rows []int) {
	start := c.Len()
	for _, r := range rows {
		c.appendValue(src, r)
	}
	c.appendValid(src, start, len(rows), func(i int) int { return rows[i] })
}

// AppendRange appends rows [lo, hi) of src, which has c's type.
func (c *Column) AppendRange(src *Column, lo, hi int) {
	start := c.Len()
	switch c.Type {
	case schema.Bool:
		c.Bools = append(c.Bools, src.Bools[lo:hi]...)
	case schema.Int8, schema.Int16, schema.Int32:
		c.Int32s = append(c.Int32s, src.Int32s[lo:hi]...)
	case schema.Int64:
		c.Int64s = append(c.Int64s, src.Int64s[lo:hi]...)
	case schema.Float:
		c.Floats = append(c.Floats, src.Floats[lo:hi]...)
	case schema.FloatVector:
		c.Floats = append(c.Floats, src.Floats[lo*c.Dim:hi*c.Dim]...)
	case schema.Double:
		c.Doubles = append(c.Doubles, src.Doubles[lo:hi]...)
	default:
		for r := lo; r < hi; r++ {
			c.appendValue(src, r)
		}
	}
	c.appendValid(src, start, hi-lo, func(i int) int { return lo + i })
}

// AppendNull appends a null row.
func (c *Column) AppendNull() {
	start := c.Len()
	c.appendZero()
	c.growValid(start, 1)
	c.Valid.Clear(start)
}

func (c *Column) appendValue(src *Column, r int) {
	switch c.Type {
	case schema.Bool:
		c.Bools = append(c.Bools, src.Bools[r])
	case schema.Int8, schema.Int16, schema.Int32:
		c.Int32s = append(c.Int32s, src.Int32s[r])
	case schema.Int64:
		c.Int64s = append(c.Int64s, src.Int64s[r])
	case schema.Float:
		c.Floats = append(c.Floats, src.Floats[r])
	case schema.FloatVector:
		c.Floats = append(c.Floats, src.Floats[r*c.Dim:(r+1)*c.Dim]...)
	case schema.Double:
		c.Doubles = append(c.Doubles, src.Doubles[r])
	case schema.VarChar, schema.JSON:
		c.Bytes.Append(src.Bytes.At(r))
	case schema.Array:
		lo, hi := int(src.Offsets[r]), int(src.Offsets[r+1])
		c.Items.AppendRange(src.Items, lo, hi)
		c.Offsets = append(c.Offsets, uint32(c.Items.Len()))
	}
}

func (c *Column) appendZero() {
	switch c.Type {
	case schema.Bool:
		c.Bools = append(c.Bools, false)
	case schema.Int8, schema.Int16, schema.Int32:
		c.Int32s = append(c.Int32s, 0)
	case schema.Int64:
		c.Int64s = append(c.Int64s, 0)
	case schema.Float:
		c.Floats = append(c.Floats, 0)
	case schema.FloatVector:
		c.Floats = append(c.Floats, make([]float32, c.Dim)...)
	case schema.Double:
		c.Doubles = append(c.Doubles, 0)
	case schema.VarChar, schema.JSON:
		c.Bytes.Append(nil)
	case schema.Array:
		c.Offsets = append(c.Offsets, uint32(c.Items.Len()))
	}
}

// appendValid extends the validity by n rows whose source row is from(i).
func (c *Column) appendValid(src *Column, start, n int, from func(int) int) {
	if c.Valid.IsZero() && src.Valid.IsZero() {
		return
	}
	c.growValid(start, n)
	for i := range n {
		if src.IsNull(from(i)) {
			c.Valid.Clear(start + i)
		}
	}
}

// growValid makes the validity explicit and adds n valid rows after start.
func (c *Column) growValid(start, n int) {
	if c.Valid.IsZero() {
		c.Valid = NewBitset(start)
		c.Valid.Fill()
	}
	for len(c.Valid.words)*64 < start+n {
		c.Valid.words = append(c.Valid.words, 0)
	}
	c.Valid.n = start + n
	c.Valid.SetRange(start, start+n)
}

// Batch is rows of one collection: one column a field, all of one length. It
// is immutable once it is handed on, and may be shared by any number of readers.
type Batch struct {
	Rows    int
	Fields  []base.ID // ascending order is not required
	Columns []*Column // Columns[i] holds field Fields[i]
}

// Column returns the column of a field, nil if the batch has none.
func (b *Batch) Column(field base.ID) *Column {
	for i, id := range b.Fields {
		if id == field {
			return b.Columns[i]
		}
	}
	return nil
}

// Add appends a column; its length must be the batch's (or the batch empty).
func (b *Batch) Add(field base.ID, c *Column) {
	b.Fields = append(b.Fields, field)
	b.Columns = append(b.Columns, c)
}

// Size returns the bytes that all values take.
func (b *Batch) Size() int64 {
	var n int64
	for _, c := range b.Columns {
		n += c.Size()
	}
	return n
}

// Check reports a column whose length is not the batch's.
func (b *Batch) Check() error {
	if len(b.Fields) != len(b.Columns) {
		return fmt.Errorf("column: %d fields, %d columns", len(b.Fields), len(b.Columns))
	}
	for i, c := range b.Columns {
		if c.Len() != b.Rows {
			return fmt.Errorf("column: field %d has %d rows of %d", b.Fields[i], c.Len(), b.Rows)
		}
		if !c.Valid.IsZero() && c.Valid.n != b.Rows {
			return fmt.Errorf("column: field %d has validity for %d rows of %d", b.Fields[i], c.Valid.n, b.Rows)
		}
	}
	return nil
}

// Select returns a batch of the listed rows, copied.
func (b *Batch) Select(rows []int) *Batch {
	out := &Batch{Rows: len(rows), Fields: b.Fields}
	for _, c := range b.Columns {
		n := c.Like()
		n.AppendRows(c, rows)
		out.Columns = append(out.Columns, n)
	}
	return out
}
