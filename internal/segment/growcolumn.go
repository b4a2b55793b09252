package segment

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"unsafe"

	"github.com/redkite-db/redkite/internal/column"
	"github.com/redkite-db/redkite/internal/mem"
	"github.com/redkite-db/redkite/internal/schema"
)

// Address space that a column's arena reserves when it leaves the heap. It
// costs nothing until it is used; beyond it the column moves.
const (
	columnRoom = 64 << 20
	vectorRoom = 1 << 30
)

// growColumn is one column of a growing segment. One goroutine appends; what
// view returned stays valid and unchanged until free.
type growColumn struct {
	like    *column.Column // empty, of the type
	rows    int
	values  arena       // fixed-width values; strings: their bytes
	offsets arena       // strings and arrays: uint32, one more than rows once there is a row
	items   *growColumn // of an array
	valid   []uint64    // nil: no nulls yet. Replaced, never changed: readers have it
}

func newGrowColumn(like *column.Column, budget *mem.Budget) *growColumn {
	room := columnRoom
	if like.Type == schema.FloatVector {
		room = vectorRoom
	}
	g := &growColumn{
		like:    like,
		values:  arena{budget: budget, room: room},
		offsets: arena{budget: budget, room: columnRoom},
	}
	if like.Type == schema.Array {
		g.items = newGrowColumn(&column.Column{Type: like.Element}, budget)
	}
	return g
}

// reserve makes room for a column's rows; append cannot fail after it.
func (g *growColumn) reserve(c *column.Column) error {
	if c.Type != g.like.Type || c.Element != g.like.Element || c.Dim != g.like.Dim {
		return fmt.Errorf("%v (%v, dimension %d) for a column of %v (%v, dimension %d)",
			c.Type, c.Element, c.Dim, g.like.Type, g.like.Element, g.like.Dim)
	}
	switch g.like.Type {
	case schema.VarChar, schema.JSON:
		if int64(len(g.values.b))+int64(len(c.Bytes.Data)) > math.MaxUint32 {
			return errors.New("more than 4 GiB of strings in one column")
		}
		return errors.Join(g.offsets.reserve(4*(c.Len()+1)), g.values.reserve(len(c.Bytes.Data)))
	case schema.Array:
		if int64(g.items.rows)+int64(c.Items.Len()) > math.MaxUint32 {
			return errors.New("more than 4 Gi array elements in one column")
		}
		return errors.Join(g.offsets.reserve(4*(c.Len()+1)), g.items.reserve(c.Items))
	}
	return g.values.reserve(len(fixedBytes(c)))
}

// fixedBytes is the memory of a fixed-width column.
func fixedBytes(c *column.Column) []byte {
	switch c.Type {
	case schema.Bool:
		if len(c.Bools) == 0 {
			return nil
		}
		return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(c.Bools))), len(c.Bools))
	case schema.Int8, schema.Int16, schema.Int32:
		return mem.Bytes(c.Int32s)
	case schema.Int64:
		return mem.Bytes(c.Int64s)
	case schema.Float, schema.FloatVector:
		return mem.Bytes(c.Floats)
	case schema.Double:
		return mem.Bytes(c.Doubles)
	}
	return nil
}

// append adds the rows of a column for which reserve made room.
func (g *growColumn) append(c *column.Column) {
	n := c.Len()
	g.appendValid(c, n)
	switch g.like.Type {
	case schema.VarChar, schema.JSON:
		g.appendOffsets(c.Bytes.Offsets)
		if n > 0 {
			o := c.Bytes.Offsets
			add(&g.values, c.Bytes.Data[o[0]:o[n]])
		}
	case schema.Array:
		g.appendOffsets(c.Offsets)
		g.items.append(c.Items)
	default:
		add(&g.values, fixedBytes(c))
	}
	g.rows += n
}

// appendOffsets continues the sequence of offsets.
func (g *growColumn) appendOffsets(o []uint32) {
	if len(o) < 2 {
		return
	}
	if g.rows == 0 {
		add(&g.offsets, []uint32{0})
	}
	have := values[uint32](&g.offsets)
	last := have[len(have)-1]
	out, _ := mem.View[uint32](g.offsets.extend(4 * (len(o) - 1)))
	for i := range out {
		out[i] = last + o[i+1] - o[0]
	}
}

// appendValid extends the validity by n rows, in a copy.
func (g *growColumn) appendValid(c *column.Column, n int) {
	if g.valid == nil && c.Valid.IsZero() {
		return
	}
	words := make([]uint64, (g.rows+n+63)/64)
	b := column.BitsetOf(words, g.rows+n)
	if g.valid == nil {
		b.SetRange(0, g.rows)
	} else {
		copy(words, g.valid)
	}
	if c.Valid.IsZero() {
		b.SetRange(g.rows, g.rows+n)
	} else {
		for i := c.Valid.Next(0); i >= 0; i = c.Valid.Next(i + 1) {
			b.Set(g.rows + i)
		}
	}
	g.valid = words
}

// view returns the rows so far.
func (g *growColumn) view() *column.Column {
	c := &column.Column{Type: g.like.Type, Element: g.like.Element, Dim: g.like.Dim}
	if g.valid != nil {
		c.Valid = column.BitsetOf(g.valid, g.rows)
	}
	switch c.Type {
	case schema.Bool:
		if b := g.values.b; len(b) > 0 {
			c.Bools = unsafe.Slice((*bool)(unsafe.Pointer(unsafe.SliceData(b))), len(b)) // copied from bools
		}
	case schema.Int8, schema.Int16, schema.Int32:
		c.Int32s = clip(values[int32](&g.values))
	case schema.Int64:
		c.Int64s = clip(values[int64](&g.values))
	case schema.Float, schema.FloatVector:
		c.Floats = clip(values[float32](&g.values))
	case schema.Double:
		c.Doubles = clip(values[float64](&g.values))
	case schema.VarChar, schema.JSON:
		c.Bytes = column.Bytes{Offsets: clip(values[uint32](&g.offsets)), Data: slices.Clip(g.values.b)}
	case schema.Array:
		c.Offsets, c.Items = clip(values[uint32](&g.offsets)), g.items.view()
	}
	return c
}

// clip cuts the capacity, so that nobody appends into the arena.
func clip[T any](s []T) []T { return s[:len(s):len(s)] }

func (g *growColumn) free() error {
	err := errors.Join(g.values.free(), g.offsets.free())
	if g.items != nil {
		err = errors.Join(err, g.items.free())
	}
	return err
}
