package exec

import (
	"context"
	"fmt"
	"unicode/utf8"

	"github.com/redkite-db/redkite/internal/column"
	"github.com/redkite-db/redkite/internal/scalarindex"
	"github.com/redkite-db/redkite/internal/schema"
)

// FieldIndex is an index of a field over the rows of an input.
type FieldIndex struct {
	Spec scalarindex.Spec
	Rows *scalarindex.Index
}

// BuildIndex makes an index over the first rows rows of a field's column, nil
// if the field was added after the rows were written. The values become keys
// of the order that comparisons have. It ends early, with the context's error,
// when the context does; reserve is told how much memory it takes so far.
func BuildIndex(ctx context.Context, f *schema.Field, c *column.Column, rows int, spec scalarindex.Spec,
	reserve func(bytes int64) error,
) (*scalarindex.Index, error) {
	if c == nil {
		c = defaults(f, rows)
	}
	b := scalarindex.NewBuilder(spec, rows)
	if c == nil {
		return b.Finish()
	}
	if c.Type != f.Type || c.Type == schema.Array && c.Element != f.Element || c.Len() < rows {
		return nil, fmt.Errorf("exec: index of %s over %d of %d rows of field %s", spec, c.Len(), rows, f.Name)
	}
	add, err := (&keyer{b: b, spec: spec}).of(c)
	if err != nil {
		return nil, err
	}
	const between = 1 << 14 // rows between looks at the context and the memory
	for row := range rows {
		if row%between == 0 {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			if err := reserve(b.Bytes()); err != nil {
				return nil, err
			}
		}
		if !c.IsNull(row) {
			add(row)
		}
	}
	if err := reserve(b.Bytes()); err != nil {
		return nil, err
	}
	return b.Finish()
}

// keyer gives a builder the keys of rows.
type keyer struct {
	b       *scalarindex.Builder
	spec    scalarindex.Spec
	scratch []byte // for unescaped strings
	whole   []byte // for keys of whole values
}

// of returns the function that adds the keys of a row that is not null.
func (k *keyer) of(c *column.Column) (func(row int), error) {
	switch {
	case k.spec.Whole:
		path := steps(k.spec.Path)
		pointer := []byte(scalarindex.Pointer(k.spec.Path))
		return func(row int) { k.addWhole(find(c.Bytes.At(row), path), pointer, 0, row) }, nil
	case k.spec.JSON:
		path := steps(k.spec.Path)
		return func(row int) { k.addJSON(find(c.Bytes.At(row), path), row) }, nil
	case k.spec.Items:
		add := k.addValue(c.Items)
		if add == nil {
			break
		}
		return func(row int) {
			for i := c.Offsets[row]; i < c.Offsets[row+1]; i++ {
				add(int(i), row)
			}
		}, nil
	default:
		if add := k.addValue(c); add != nil {
			return func(row int) { add(row, row) }, nil
		}
	}
	return nil, fmt.Errorf("exec: no index of %s over %s", k.spec, c.Type)
}

// addValue returns the function that adds value i of a column as a key of a
// row; nil if the column has no scalars.
func (k *keyer) addValue(c *column.Column) func(i, row int) {
	switch c.Type {
	case schema.Bool:
		return func(i, row int) { k.b.AddNumber(int64(bit(c.Bools[i])), row) }
	case schema.Int8, schema.Int16, schema.Int32:
		return func(i, row int) { k.b.AddNumber(int64(c.Int32s[i]), row) }
	case schema.Int64:
		return func(i, row int) { k.b.AddNumber(c.Int64s[i], row) }
	case schema.Float:
		return func(i, row int) { k.b.AddNumber(int64(orderedFloat(c.Floats[i])), row) }
	case schema.Double:
		return func(i, row int) { k.b.AddNumber(orderedDouble(c.Doubles[i]), row) }
	case schema.VarChar:
		return func(i, row int) { k.addString(c.Bytes.At(i), row) }
	}
	return nil
}

// addJSON adds a JSON value, or its elements, if it has the type of the keys.
// Integers become doubles.
func (k *keyer) addJSON(v jsonValue, row int) {
	if !k.spec.Items {
		k.addScalar(v, row)
		return
	}
	if v.kind != jsonArray {
		return
	}
	for it := (elements{doc: v.raw}); it.next(); {
		k.addScalar(it.value(), row)
	}
}

func (k *keyer) addScalar(v jsonValue, row int) {
	switch {
	case k.spec.Type == schema.Bool && v.kind == jsonBool:
		k.b.AddNumber(v.i, row)
	case k.spec.Type == schema.Double && v.kind == jsonInt:
		k.b.AddNumber(orderedDouble(float64(v.i)), row)
	case k.spec.Type == schema.Double && v.kind == jsonDouble:
		k.b.AddNumber(orderedDouble(v.f), row)
	case k.spec.Type == schema.VarChar && v.kind == jsonString:
		text := v.raw
		if v.escaped {
			var ok bool
			if text, ok = unescapeJSON(k.scratch[:0], v.raw); !ok {
				return // no predicate is true of it
			}
			k.scratch = text
		}
		k.addString(text, row)
	}
}

// addString adds a string, or its pieces. A string that is not UTF-8 has no
// characters; its key in an index of pieces is "", which every search of
// pieces asks for.
func (k *keyer) addString(s []byte, row int) {
	switch {
	case k.spec.MinGram == 0:
		k.b.AddString(s, row)
	case !utf8.Valid(s):
		k.b.AddString(nil, row)
	default:
		add := func(piece []byte) { k.b.AddString(piece, row) }
		pieces(s, k.spec.MinGram, add)
		if k.spec.MaxGram > k.spec.MinGram {
			pieces(s, k.spec.MaxGram, add)
		}
	}
}

// pieces calls fn for each run of n characters of a string of UTF-8.
func pieces(s []byte, n int, fn func([]byte)) {
	end := 0
	for range n {
		if end == len(s) {
			return
		}
		end += width(s[end])
	}
	for start := 0; ; start += width(s[start]) {
		fn(s[start:end])
		if end == len(s) {
			return
		}
		end += width(s[end])
	}
}

// width is the number of bytes of the character that begins with b.
func width(b byte) int {
	switch {
	case b < 0xc0:
		return 1
	case b < 0xe0:
		return 2
	case b < 0xf0:
		return 3
	}
	return 4
}
