package exec

import (
	"github.com/milvus-io/milvus-proto/go-api/v3/schemapb"

	"github.com/redkite-db/redkite/internal/column"
	"github.com/redkite-db/redkite/internal/schema"
)

// defaults returns n rows of a field's default value, nil if it has none.
func defaults(f *schema.Field, n int) *column.Column {
	if f.Default == nil {
		return nil
	}
	c := column.New(f)
	switch v := f.Default.GetData().(type) {
	case *schemapb.ValueField_BoolData:
		c.Bools = repeat(v.BoolData, n)
	case *schemapb.ValueField_IntData:
		c.Int32s = repeat(v.IntData, n)
	case *schemapb.ValueField_LongData:
		c.Int64s = repeat(v.LongData, n)
	case *schemapb.ValueField_FloatData:
		c.Floats = repeat(v.FloatData, n)
	case *schemapb.ValueField_DoubleData:
		c.Doubles = repeat(v.DoubleData, n)
	case *schemapb.ValueField_StringData:
		for range n {
			c.Bytes.AppendString(v.StringData)
		}
	case *schemapb.ValueField_BytesData:
		for range n {
			c.Bytes.Append(v.BytesData)
		}
	default:
		return nil
	}
	return c
}

func repeat[T any](v T, n int) []T {
	out := make([]T, n)
	for i := range out {
		out[i] = v
	}
	return out
}
