package segment

import (
	"github.com/milvus-io/milvus-proto/go-api/v3/schemapb"

	"github.com/redkite-db/redkite/internal/column"
	"github.com/redkite-db/redkite/internal/schema"
)

// constant returns n rows of what a field reads as in rows that are older than
// the field: its default, {} in the dynamic field, else null. f may be nil:
// null.
func constant(f *schema.Field, like *column.Column, n int) *column.Column {
	one := like.Like()
	switch {
	case f != nil && f.Default != nil && appendDefault(one, f.Default):
	case f != nil && f.Dynamic:
		one.Bytes.AppendString("{}")
	default:
		one.AppendNull()
	}
	out := like.Like()
	rows := make([]int, n)
	out.AppendRows(one, rows)
	return out
}

// appendDefault appends a default value; false if it is none of the column's
// type.
func appendDefault(c *column.Column, v *schemapb.ValueField) bool {
	switch d := v.GetData().(type) {
	case *schemapb.ValueField_BoolData:
		c.Bools = append(c.Bools, d.BoolData)
	case *schemapb.ValueField_IntData:
		c.Int32s = append(c.Int32s, d.IntData)
	case *schemapb.ValueField_LongData:
		c.Int64s = append(c.Int64s, d.LongData)
	case *schemapb.ValueField_FloatData:
		c.Floats = append(c.Floats, d.FloatData)
	case *schemapb.ValueField_DoubleData:
		c.Doubles = append(c.Doubles, d.DoubleData)
	case *schemapb.ValueField_StringData:
		c.Bytes.AppendString(d.StringData)
	case *schemapb.ValueField_BytesData:
		c.Bytes.Append(d.BytesData)
	}
	return c.Len() == 1
}
