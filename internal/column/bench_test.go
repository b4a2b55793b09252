package column

import (
	"testing"

	"github.com/milvus-io/milvus-proto/go-api/v3/schemapb"

	"github.com/redkite-db/redkite/internal/schema"
)

// A thousand rows of 128 elements with a key and a text.
func BenchmarkFromFieldData(b *testing.B) {
	const rows, dim = 1000, 128
	c := &schema.Collection{Fields: []*schema.Field{
		{ID: 100, Name: "id", Type: schema.Int64, PrimaryKey: true},
		{ID: 101, Name: "v", Type: schema.FloatVector, Dim: dim},
		{ID: 102, Name: "s", Type: schema.VarChar, MaxLength: 64},
		{ID: 103, Name: schema.DynamicName, Type: schema.JSON, Dynamic: true},
	}}
	keys, names, dyn := make([]int64, rows), make([]string, rows), make([]string, rows)
	for i := range keys {
		keys[i], names[i], dyn[i] = int64(i), "some text of a row", `{"color":"red","price":12.5}`
	}
	data := []*schemapb.FieldData{ints("id", keys...), vectors("v", dim, make([]float32, rows*dim)...), texts("s", names...), dynamic(dyn...)}
	b.ReportAllocs()
	b.SetBytes(rows * dim * 4)
	for b.Loop() {
		if _, err := FromFieldData(c, data, rows, testOptions); err != nil {
			b.Fatal(err)
		}
	}
}
