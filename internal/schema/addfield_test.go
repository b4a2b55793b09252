package schema

import (
	"fmt"
	"testing"

	"github.com/milvus-io/milvus-proto/go-api/v3/schemapb"
	"github.com/stretchr/testify/require"

	"github.com/redkite-db/redkite/internal/merr"
)

func nullable(f *schemapb.FieldSchema) *schemapb.FieldSchema {
	f.Nullable = true
	return f
}

func TestAddedField(t *testing.T) {
	p := collection(field("n", Int64))
	p.EnableDynamicField = true
	c, err := FromProto(p, Request{Name: "c"}, DefaultLimits())
	require.NoError(t, err)
	long := &schemapb.ValueField{Data: &schemapb.ValueField_LongData{LongData: 300}}
	small := &schemapb.ValueField{Data: &schemapb.ValueField_IntData{IntData: 300}}
	cases := []struct {
		name string
		f    *schemapb.FieldSchema
		code merr.Code
		text string // "": it is good
	}{
		{"good", nullable(field("x", Int64)), merr.Code{}, ""},
		{"default", defaulted(nullable(field("x", Int64)), long), merr.Code{}, ""},
		{"vector", nullable(field("x", FloatVector, "dim", "8")), merr.Code{}, ""},
		{"array", nullable(elements(field("x", Array, "max_capacity", "4"), Int8)), merr.Code{}, ""},
		{"not nullable", field("x", Int64), merr.ParameterInvalid, "added field must be nullable, please check it, field name = x: invalid parameter"},
		{"default alone", defaulted(field("x", Int64), long), merr.ParameterInvalid, "added field must be nullable"},
		{"name taken", nullable(field("n", Int64)), merr.ParameterInvalid, "duplicated field name n: invalid parameter"},
		{"meta", nullable(field(DynamicName, JSON)), merr.ParameterInvalid, "not support to add system field, field name = $meta"},
		{"system", nullable(field("Timestamp", Int64)), merr.ParameterInvalid, "not support to add system field, field name = Timestamp"},
		{"no name", nullable(field("", Int64)), merr.FieldInvalidName, "field name should not be empty"},
		{"name", nullable(field("a b", Int64)), merr.FieldInvalidName, "Field name can only contain numbers, letters, and underscores."},
		{"type", nullable(field("x", 0)), merr.ParameterInvalid, "invalid parameter[expected=valid field][actual=field data type: None is not supported]"},
		{"unknown type", nullable(field("x", 999)), merr.ParameterInvalid, "field data type: 999 is not supported"},
		{"text", nullable(field("x", schemapb.DataType_Text)), merr.ParameterInvalid, "data type Text of field x is not supported by this version"},
		{"external", with(nullable(field("x", Int64)), func(f *schemapb.FieldSchema) { f.ExternalField = "y" }), merr.ParameterInvalid, "add field operation does not support external field mapping, field name = x"},
		{"dynamic", with(nullable(field("x", JSON)), func(f *schemapb.FieldSchema) { f.IsDynamic = true }), merr.ParameterInvalid, "cannot explicitly set a field as a dynamic field"},
		{"key", with(nullable(field("x", Int64)), func(f *schemapb.FieldSchema) { f.IsPrimaryKey = true }), merr.ParameterInvalid, "not support to add pk field, field name = x"},
		{"auto id", with(nullable(field("x", Int64)), func(f *schemapb.FieldSchema) { f.AutoID = true }), merr.ParameterInvalid, "only primary field can speficy AutoID with true, field name = x"},
		{"partition key", with(nullable(field("x", Int64)), func(f *schemapb.FieldSchema) { f.IsPartitionKey = true }), merr.ParameterInvalid, "not support to add partition key field, field name  = x"},
		{"clustering type", with(nullable(field("x", JSON)), func(f *schemapb.FieldSchema) { f.IsClusteringKey = true }), merr.ParameterInvalid, "clustering key field x has unsupported data type JSON"},
		{"element", nullable(field("x", Array, "max_capacity", "4")), merr.ParameterInvalid, "element data type None is not valid"},
		{"length", nullable(field("x", VarChar)), merr.ParameterMissing, "type param(max_length) should be specified for the field(x) of collection c"},
		{"dim", nullable(field("x", FloatVector, "dim", "1")), merr.ParameterInvalid, "invalid dimension: 1. should be in range 2 ~ 32768"},
		{"param twice", nullable(field("x", Int64, "a", "1", "a", "2")), merr.ParameterInvalid, `duplicated type param key "a"`},
		{"default type", defaulted(nullable(field("x", VarChar, "max_length", "9")), long), merr.ParameterInvalid, "type (VarChar) of field (x) is not equal to the type(DataType_Int64) of default_value"},
		{"default range", defaulted(nullable(field("x", Int8)), small), merr.ParameterInvalid, "default value out of range"},
		{"vector default", defaulted(nullable(field("x", FloatVector, "dim", "8")), long), merr.ParameterInvalid, "type not support default_value, type:FloatVector, name:x"},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			f, err := DefaultLimits().AddedField(c, tc.f)
			if tc.text == "" {
				require.NoError(t, err)
				next := c.Extended(f)
				require.Equal(t, c.NextFieldID, next.Field("x").ID)
				require.Equal(t, c.NextFieldID+1, next.NextFieldID)
				require.Equal(t, c.Version+1, next.Version)
				require.Zero(t, f.ID)
				require.Nil(t, c.Field("x"))
				return
			}
			require.Error(t, err)
			require.True(t, merr.Is(err, tc.code), "%v", err)
			require.Contains(t, err.Error(), tc.text)
		})
	}
}

func TestAddedFieldLimits(t *testing.T) {
	p := collection()
	p.EnableDynamicField = true
	c, err := FromProto(p, Request{Name: "c"}, DefaultLimits())
	require.NoError(t, err)
	add := func(f *schemapb.FieldSchema) error {
		added, err := DefaultLimits().AddedField(c, f)
		if err == nil {
			c = c.Extended(added)
		}
		return err
	}
	key := func(name string) *schemapb.FieldSchema {
		return with(nullable(field(name, Int64)), func(f *schemapb.FieldSchema) { f.IsClusteringKey = true })
	}
	require.NoError(t, add(key("k")))
	require.ErrorContains(t, add(key("l")), "already has another clustering key field, field name: l: invalid parameter")
	for i := range 9 {
		require.NoError(t, add(nullable(field(fmt.Sprint("v", i), FloatVector, "dim", "2"))))
	}
	require.ErrorContains(t, add(nullable(field("v9", FloatVector, "dim", "2"))), "maximum vector field's number should be limited to 10: invalid parameter")
	for i := len(c.Fields) - 1; i < 64; i++ { // the dynamic field does not count
		require.NoError(t, add(nullable(field(fmt.Sprint("x", i), Bool))))
	}
	require.ErrorContains(t, add(nullable(field("y", Bool))), "The number of fields has reached the maximum value 64: invalid parameter")
}
