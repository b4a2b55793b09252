package expr

import (
	"math"
	"strings"
	"testing"

	"github.com/milvus-io/milvus-proto/go-api/v3/commonpb"
	"github.com/milvus-io/milvus-proto/go-api/v3/schemapb"

	"github.com/redkite-db/redkite/internal/base"
	"github.com/redkite-db/redkite/internal/schema"
)

// testCollection has a field of each type; ids count from 100 in this order.
func testCollection(dynamic bool) *schema.Collection {
	fields := []*schema.Field{
		{Name: "id", Type: schema.Int64, PrimaryKey: true},
		{Name: "b", Type: schema.Bool, Nullable: true},
		{Name: "i8", Type: schema.Int8},
		{Name: "i16", Type: schema.Int16},
		{Name: "i32", Type: schema.Int32, Nullable: true},
		{Name: "i64", Type: schema.Int64, Nullable: true},
		{Name: "f", Type: schema.Float, Nullable: true},
		{Name: "d", Type: schema.Double},
		{Name: "s", Type: schema.VarChar, Nullable: true, MaxLength: 100},
		{Name: "t", Type: schema.VarChar, MaxLength: 100, Params: []*commonpb.KeyValuePair{{Key: "enable_match", Value: "true"}}},
		{Name: "j", Type: schema.JSON, Nullable: true},
		{Name: "ints", Type: schema.Array, Element: schema.Int32, MaxCapacity: 10},
		{Name: "floats", Type: schema.Array, Element: schema.Float, MaxCapacity: 10},
		{Name: "strs", Type: schema.Array, Element: schema.VarChar, MaxLength: 10, MaxCapacity: 10, Nullable: true},
		{Name: "bools", Type: schema.Array, Element: schema.Bool, MaxCapacity: 10},
		{Name: "vec", Type: schema.FloatVector, Dim: 4},
	}
	c := &schema.Collection{Name: "c", Fields: fields, DynamicOn: dynamic, Version: 1}
	if dynamic {
		c.Fields = append(c.Fields, &schema.Field{Name: schema.DynamicName, Type: schema.JSON, Dynamic: true})
	}
	for i, f := range c.Fields {
		f.ID = schema.FirstFieldID + base.ID(i)
	}
	return c
}

// stringPKCollection has a primary key of strings and nothing dynamic.
func stringPKCollection() *schema.Collection {
	return &schema.Collection{Name: "p", Fields: []*schema.Field{
		{ID: 100, Name: "key", Type: schema.VarChar, PrimaryKey: true, MaxLength: 100},
		{ID: 101, Name: "n", Type: schema.Int64},
	}}
}

func testTemplates() map[string]*schemapb.TemplateValue {
	scalar := func(v any) *schemapb.TemplateValue {
		switch v := v.(type) {
		case bool:
			return &schemapb.TemplateValue{Val: &schemapb.TemplateValue_BoolVal{BoolVal: v}}
		case int64:
			return &schemapb.TemplateValue{Val: &schemapb.TemplateValue_Int64Val{Int64Val: v}}
		case float64:
			return &schemapb.TemplateValue{Val: &schemapb.TemplateValue_FloatVal{FloatVal: v}}
		case string:
			return &schemapb.TemplateValue{Val: &schemapb.TemplateValue_StringVal{StringVal: v}}
		}
		return &schemapb.TemplateValue{Val: &schemapb.TemplateValue_ArrayVal{ArrayVal: v.(*schemapb.TemplateArrayValue)}}
	}
	ints := &schemapb.TemplateArrayValue{Data: &schemapb.TemplateArrayValue_LongData{LongData: &schemapb.LongArray{Data: []int64{3, 1, 2}}}}
	doubles := &schemapb.TemplateArrayValue{Data: &schemapb.TemplateArrayValue_DoubleData{DoubleData: &schemapb.DoubleArray{Data: []float64{1.5, 2}}}}
	strs := &schemapb.TemplateArrayValue{Data: &schemapb.TemplateArrayValue_StringData{StringData: &schemapb.StringArray{Data: []string{"x", "y"}}}}
	bools := &schemapb.TemplateArrayValue{Data: &schemapb.TemplateArrayValue_BoolData{BoolData: &schemapb.BoolArray{Data: []bool{true}}}}
	nested := &schemapb.TemplateArrayValue{Data: &schemapb.TemplateArrayValue_ArrayData{
		ArrayData: &schemapb.TemplateArrayValueArray{Data: []*schemapb.TemplateArrayValue{ints, strs}},
	}}
	texts := [][]byte{[]byte("1"), []byte(`"a"`), []byte("2.5"), []byte("[1]"), []byte("9223372036854775808")}
	jsons := &schemapb.TemplateArrayValue{Data: &schemapb.TemplateArrayValue_JsonData{JsonData: &schemapb.JSONArray{Data: texts}}}
	badJSON := &schemapb.TemplateArrayValue{Data: &schemapb.TemplateArrayValue_JsonData{JsonData: &schemapb.JSONArray{Data: [][]byte{[]byte("{}")}}}}
	inf := &schemapb.TemplateArrayValue{Data: &schemapb.TemplateArrayValue_DoubleData{DoubleData: &schemapb.DoubleArray{Data: []float64{1, math.Inf(1)}}}}
	return map[string]*schemapb.TemplateValue{
		"int": scalar(int64(7)), "float": scalar(0.5), "str": scalar("it's \"so\"\n"), "yes": scalar(true), "pattern": scalar("a%"),
		"ints": scalar(ints), "doubles": scalar(doubles), "strs": scalar(strs), "bools": scalar(bools), "nested": scalar(nested),
		"jsons": scalar(jsons), "badjson": scalar(badJSON), "big": scalar(inf),
		"nothing": {}, "emptylist": scalar(&schemapb.TemplateArrayValue{}), "nil": nil,
	}
}

func mustParse(t testing.TB, text string) *Plan {
	t.Helper()
	p, err := Parse(text, testCollection(true), testTemplates())
	if err != nil {
		t.Fatalf("%s: %v", abridged(text, 200), err)
	}
	return p
}

// cause returns what an error says beside the filter.
func cause(err error) string {
	text := strings.TrimSuffix(err.Error(), ": invalid parameter")
	if _, c, ok := strings.Cut(text, ", error: "); ok {
		return c
	}
	return text
}
