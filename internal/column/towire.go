package column

import (
	"unsafe"

	"github.com/milvus-io/milvus-proto/go-api/v3/schemapb"

	"github.com/redkite-db/redkite/internal/schema"
)

// ToFieldData returns the column as clients read it: scalars in full length
// with zeros for nulls, vectors without the null rows, and validity if the
// field is nullable. It aliases the column's memory.
func (c *Column) ToFieldData(f *schema.Field) *schemapb.FieldData {
	fd := &schemapb.FieldData{Type: f.Type, FieldName: f.Name, FieldId: f.ID, IsDynamic: f.Dynamic}
	if f.Nullable {
		fd.ValidData = c.validity()
	}
	if f.IsVector() {
		fd.Field = &schemapb.FieldData_Vectors{Vectors: &schemapb.VectorField{
			Dim:  int64(f.Dim),
			Data: &schemapb.VectorField_FloatVector{FloatVector: &schemapb.FloatArray{Data: c.presentVectors()}},
		}}
		return fd
	}
	fd.Field = &schemapb.FieldData_Scalars{Scalars: c.toScalars()}
	return fd
}

// validity returns one entry a row.
func (c *Column) validity() []bool {
	out := make([]bool, c.Len())
	for i := range out {
		out[i] = !c.IsNull(i)
	}
	return out
}

// presentVectors returns the vectors of the rows that are not null.
func (c *Column) presentVectors() []float32 {
	if c.Valid.IsZero() || c.Valid.Count() == c.Len() {
		return c.Floats
	}
	var out []float32
	for i := c.Valid.Next(0); i >= 0; i = c.Valid.Next(i + 1) {
		out = append(out, c.Floats[i*c.Dim:(i+1)*c.Dim]...)
	}
	return out
}

func (c *Column) toScalars() *schemapb.ScalarField {
	s := &schemapb.ScalarField{}
	switch c.Type {
	case schema.Bool:
		s.Data = &schemapb.ScalarField_BoolData{BoolData: &schemapb.BoolArray{Data: c.Bools}}
	case schema.Int8, schema.Int16, schema.Int32:
		s.Data = &schemapb.ScalarField_IntData{IntData: &schemapb.IntArray{Data: c.Int32s}}
	case schema.Int64:
		s.Data = &schemapb.ScalarField_LongData{LongData: &schemapb.LongArray{Data: c.Int64s}}
	case schema.Float:
		s.Data = &schemapb.ScalarField_FloatData{FloatData: &schemapb.FloatArray{Data: c.Floats}}
	case schema.Double:
		s.Data = &schemapb.ScalarField_DoubleData{DoubleData: &schemapb.DoubleArray{Data: c.Doubles}}
	case schema.VarChar:
		s.Data = &schemapb.ScalarField_StringData{StringData: &schemapb.StringArray{Data: c.Bytes.Strings()}}
	case schema.JSON:
		values := make([][]byte, c.Bytes.Len())
		for i := range values {
			values[i] = c.Bytes.At(i)
		}
		s.Data = &schemapb.ScalarField_JsonData{JsonData: &schemapb.JSONArray{Data: values}}
	case schema.Array:
		rows := make([]*schemapb.ScalarField, c.Len())
		for i := range rows {
			rows[i] = c.Items.slice(int(c.Offsets[i]), int(c.Offsets[i+1])).toScalars()
		}
		s.Data = &schemapb.ScalarField_ArrayData{ArrayData: &schemapb.ArrayArray{Data: rows, ElementType: c.Element}}
	}
	return s
}

// slice returns rows [lo, hi) without validity; it aliases c. Arrays cannot be
// sliced.
func (c *Column) slice(lo, hi int) *Column {
	out := &Column{Type: c.Type, Dim: c.Dim}
	switch c.Type {
	case schema.Bool:
		out.Bools = c.Bools[lo:hi]
	case schema.Int8, schema.Int16, schema.Int32:
		out.Int32s = c.Int32s[lo:hi]
	case schema.Int64:
		out.Int64s = c.Int64s[lo:hi]
	case schema.Float:
		out.Floats = c.Floats[lo:hi]
	case schema.Double:
		out.Doubles = c.Doubles[lo:hi]
	case schema.VarChar, schema.JSON:
		if hi > lo {
			out.Bytes = Bytes{Offsets: c.Bytes.Offsets[lo : hi+1], Data: c.Bytes.Data}
		}
	}
	return out
}

// Strings returns the byte strings as strings; they alias Data, which must not
// change while they live.
func (b *Bytes) Strings() []string {
	out := make([]string, b.Len())
	for i := range out {
		v := b.At(i)
		out[i] = unsafe.String(unsafe.SliceData(v), len(v))
	}
	return out
}

// ToIDs returns a column of primary keys as clients read it; nil for none. It
// aliases the column's memory.
func (c *Column) ToIDs() *schemapb.IDs {
	if c == nil || c.Len() == 0 {
		return &schemapb.IDs{}
	}
	if c.Type == schema.VarChar {
		return &schemapb.IDs{IdField: &schemapb.IDs_StrId{StrId: &schemapb.StringArray{Data: c.Bytes.Strings()}}}
	}
	return &schemapb.IDs{IdField: &schemapb.IDs_IntId{IntId: &schemapb.LongArray{Data: c.Int64s}}}
}
