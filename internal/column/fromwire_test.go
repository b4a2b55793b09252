package column

import (
	"math"
	"testing"

	"github.com/milvus-io/milvus-proto/go-api/v3/schemapb"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"

	"github.com/redkite-db/redkite/internal/merr"
	"github.com/redkite-db/redkite/internal/schema"
)

// all is a collection with a field of every type: nullable ones begin with n,
// those with a default with d.
func all() *schema.Collection {
	c := &schema.Collection{Name: "c", DynamicOn: true, Fields: []*schema.Field{
		{Name: "id", Type: schema.Int64, PrimaryKey: true},
		{Name: "v", Type: schema.FloatVector, Dim: 2},
		{Name: "nv", Type: schema.FloatVector, Dim: 2, Nullable: true},
		{Name: "nbool", Type: schema.Bool, Nullable: true},
		{Name: "ni8", Type: schema.Int8, Nullable: true},
		{Name: "ni16", Type: schema.Int16, Nullable: true},
		{Name: "di32", Type: schema.Int32, Default: &schemapb.ValueField{Data: &schemapb.ValueField_IntData{IntData: 7}}},
		{Name: "nf", Type: schema.Float, Nullable: true},
		{Name: "nd", Type: schema.Double, Nullable: true},
		{Name: "ns", Type: schema.VarChar, MaxLength: 5, Nullable: true},
		{Name: "ds", Type: schema.VarChar, MaxLength: 5, Default: &schemapb.ValueField{Data: &schemapb.ValueField_StringData{StringData: "dft"}}},
		{Name: "nj", Type: schema.JSON, Nullable: true},
		{Name: "na", Type: schema.Array, Element: schema.VarChar, MaxLength: 3, MaxCapacity: 2, Nullable: true},
		{Name: "n8", Type: schema.Array, Element: schema.Int8, MaxCapacity: 2, Nullable: true},
		{Name: schema.DynamicName, Type: schema.JSON, Dynamic: true},
	}}
	for i, f := range c.Fields {
		f.ID = schema.FirstFieldID + int64(i)
	}
	return c
}

func ints(name string, v ...int64) *schemapb.FieldData {
	return scalarData(name, schema.Int64, &schemapb.ScalarField{Data: &schemapb.ScalarField_LongData{LongData: &schemapb.LongArray{Data: v}}})
}

func shorts(name string, v ...int32) *schemapb.FieldData {
	return scalarData(name, schema.Int32, &schemapb.ScalarField{Data: &schemapb.ScalarField_IntData{IntData: &schemapb.IntArray{Data: v}}})
}

func floats(name string, v ...float32) *schemapb.FieldData {
	return scalarData(name, schema.Float, &schemapb.ScalarField{Data: &schemapb.ScalarField_FloatData{FloatData: &schemapb.FloatArray{Data: v}}})
}

func stringsOf(v ...string) *schemapb.ScalarField {
	return &schemapb.ScalarField{Data: &schemapb.ScalarField_StringData{StringData: &schemapb.StringArray{Data: v}}}
}

func texts(name string, v ...string) *schemapb.FieldData {
	return scalarData(name, schema.VarChar, stringsOf(v...))
}

func jsons(name string, v ...string) *schemapb.FieldData {
	raw := make([][]byte, len(v))
	for i := range v {
		raw[i] = []byte(v[i])
	}
	return scalarData(name, schema.JSON, &schemapb.ScalarField{Data: &schemapb.ScalarField_JsonData{JsonData: &schemapb.JSONArray{Data: raw}}})
}

func dynamic(v ...string) *schemapb.FieldData {
	fd := jsons("", v...)
	fd.IsDynamic = true
	return fd
}

func lists(name string, v ...*schemapb.ScalarField) *schemapb.FieldData {
	return scalarData(name, schema.Array, &schemapb.ScalarField{Data: &schemapb.ScalarField_ArrayData{ArrayData: &schemapb.ArrayArray{Data: v}}})
}

func scalarData(name string, t schema.Type, s *schemapb.ScalarField) *schemapb.FieldData {
	return &schemapb.FieldData{FieldName: name, Type: t, Field: &schemapb.FieldData_Scalars{Scalars: s}}
}

func vectors(name string, dim int64, v ...float32) *schemapb.FieldData {
	return &schemapb.FieldData{FieldName: name, Type: schema.FloatVector, Field: &schemapb.FieldData_Vectors{Vectors: &schemapb.VectorField{
		Dim: dim, Data: &schemapb.VectorField_FloatVector{FloatVector: &schemapb.FloatArray{Data: v}},
	}}}
}

func valid(fd *schemapb.FieldData, v ...bool) *schemapb.FieldData {
	fd.ValidData = v
	return fd
}

var testOptions = WireOptions{JSONLength: 1000, MaxBytes: 1 << 20}

// base has two rows of the fields that must be there.
func required(more ...*schemapb.FieldData) []*schemapb.FieldData {
	return append([]*schemapb.FieldData{ints("id", 1, 2), vectors("v", 2, 1, 2, 3, 4)}, more...)
}

func TestFromFieldDataRefuses(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	short := &schemapb.ScalarField{Data: &schemapb.ScalarField_IntData{IntData: &schemapb.IntArray{Data: []int32{1, 200}}}}
	cases := []struct {
		name string
		data []*schemapb.FieldData
		rows uint32
		text string
	}{
		{"no rows", required(), 0, "num_rows should be greater than 0: invalid parameter[expected=invalid num_rows][actual=0]"},
		{"too many rows", required(), math.MaxUint32, "num_rows should be less than 2147483648"},
		{"rows do not match", required(), 3, "the num_rows (2) of field (id) is not equal to passed num_rows (3): invalid parameter[expected=3][actual=2]"},
		{"many rows claimed", required(), math.MaxInt32, "the num_rows (2) of field (id) is not equal"},
		{"nothing", nil, 2, "fieldSchema(id) has no corresponding fieldData pass in: invalid parameter"},
		{"nil column", required(nil), 2, "a column of fields_data is empty"},
		{"no vector", []*schemapb.FieldData{ints("id", 1, 2)}, 2, "fieldSchema(v) has no corresponding fieldData pass in: invalid parameter"},
		{"unknown", required(ints("x", 1, 2)), 2, "fieldName x not exist in collection schema"},
		{"type", required(scalarData("ns", 999, stringsOf("a", "b"))), 2, "field 'ns' has data of an unknown type 999"},
		{"twice", required(ints("id", 1, 2)), 2, "duplicated field id found"},
		{"dim", []*schemapb.FieldData{ints("id", 1, 2), vectors("v", 4, 1, 2, 3, 4)}, 2, "the dim (4) of field data(v) is not equal to schema dim (2): invalid parameter[expected=2][actual=4]"},
		{"dim divides", []*schemapb.FieldData{ints("id", 1, 2), vectors("v", 2, 1, 2, 3)}, 2, "the length(3) of float data should divide the dim(2)"},
		{"no floats", []*schemapb.FieldData{ints("id", 1, 2), vectors("v", 2)}, 2, "the num_rows (0) of field (v) is not equal to passed num_rows (2)"},
		{"nan", []*schemapb.FieldData{ints("id", 1, 2), vectors("v", 2, 1, nan, 3, 4)}, 2, "value 'NaN' is not a number or infinity: invalid parameter"},
		{"inf", []*schemapb.FieldData{ints("id", 1, 2), vectors("v", 2, 1, inf, 3, 4)}, 2, "value '+Inf' is not a number or infinity"},
		{"no data in vector", []*schemapb.FieldData{ints("id", 1, 2), {FieldName: "v"}}, 2, "float vector field 'v' is illegal, array type mismatch: invalid parameter[expected=need float vector][actual=got nil]"},
		{"scalars in vector", []*schemapb.FieldData{ints("id", 1, 2), ints("v", 1, 2)}, 2, "float vector field 'v' is illegal"},
		{"text in int", []*schemapb.FieldData{texts("id", "a", "b"), vectors("v", 2, 1, 2, 3, 4)}, 2, "field 'id' is illegal, array type mismatch: invalid parameter[expected=need long int array][actual=got nil]"},
		{"vector in int", []*schemapb.FieldData{vectors("id", 1, 1, 2), vectors("v", 2, 1, 2, 3, 4)}, 2, "field 'id' is illegal"},
		{"int in text", required(ints("ns", 1, 2)), 2, "varchar field 'ns' is illegal, array type mismatch"},
		{"text long", required(texts("ns", "a", "toolong")), 2, "length of varchar field ns exceeds max length, row number: 1, length: 7, max length: 5"},
		{"text column long", required(texts("ns", "a", "b", "c")), 2, "the length of field is wrong: invalid parameter[expected=2][actual=3]"},
		{"int8", required(shorts("ni8", 200, 1)), 2, "the 0th element (200) out of range: [-128, 127]: invalid parameter[expected=integer doesn't overflow][actual=out of range]"},
		{"int16", required(shorts("ni16", 1, -32769)), 2, "the 1th element (-32769) out of range: [-32768, 32767]"},
		{"float nan", required(floats("nf", 1, nan)), 2, "value 'NaN' is not a number"},
		{"validity short", required(valid(texts("ns", "a"), true)), 2, "the length of valid_data of field(ns) is wrong: invalid parameter[expected=2][actual=1]"},
		{"validity of what cannot be null", []*schemapb.FieldData{valid(ints("id", 1, 2), true, true), vectors("v", 2, 1, 2, 3, 4)}, 2, "the length of valid_data of field(id) is wrong: invalid parameter[expected=0][actual=2]"},
		{"nulls in full", required(valid(texts("ns", "a", "b"), true, false)), 2, "the length of field is wrong: invalid parameter[expected=1][actual=2]"},
		{"null vectors in full", required(valid(vectors("nv", 2, 1, 2, 3, 4), true, false)), 2, "the num_rows (2) of field (nv)"},
		{"json", required(jsons("nj", `{}`, `{"a":`)), 2, "json field 'nj' has a value that is not valid JSON"},
		{"json deep", required(jsons("nj", `{}`, nested(20000))), 2, "the length (40000) of json field (nj) exceeds max length (1000)"},
		{"dynamic list", required(dynamic(`{}`, `[1]`)), 2, "invalid dynamic field data, only json map is supported"},
		{"dynamic null", required(dynamic(`{}`, `null`)), 2, "invalid dynamic field data, only json map is supported"},
		{"dynamic meta", required(dynamic(`{}`, `{"$meta":1}`)), 2, "cannot set json key to: $meta"},
		{"dynamic static", required(dynamic(`{}`, `{"ns":1}`)), 2, "dynamic field name cannot include the static field name: ns"},
		{"capacity", required(lists("na", stringsOf("a"), stringsOf("a", "b", "c"))), 2, "the length (3) of 1th array exceeds max capacity (2): invalid parameter[expected=valid length array][actual=array length exceeds max capacity]"},
		{"element length", required(lists("na", stringsOf("a"), stringsOf("a", "long"))), 2, `length of Array array field "na" exceeds max length, row number: 1, array index: 1, length: 4, max length: 3`},
		{"element range", required(lists("n8", short, short)), 2, "the 1th element (200) out of range: [-128, 127]"},
		{"element type", required(lists("na", stringsOf("a"), short)), 2, "insert data does not match"},
		{"array of nothing", required(lists("na", stringsOf("a"), nil)), 2, "insert data does not match"},
		{"struct", required(&schemapb.FieldData{FieldName: "ns", Field: &schemapb.FieldData_StructArrays{StructArrays: &schemapb.StructArrayField{}}}), 2, "varchar field 'ns' is illegal"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			_, err := FromFieldData(all(), c.data, c.rows, testOptions)
			require.ErrorContains(t, err, c.text)
			require.True(t, merr.Is(err, merr.ParameterInvalid), err)
		})
	}
}

func nested(n int) string {
	b := make([]byte, 2*n)
	for i := range n {
		b[i], b[2*n-1-i] = '[', ']'
	}
	return string(b)
}

func TestFromFieldDataFills(t *testing.T) {
	c := all()
	b, err := FromFieldData(c, []*schemapb.FieldData{
		ints("id", 1, 2, 3), vectors("v", 2, 1, 2, 3, 4, 5, 6),
		valid(vectors("nv", 2, 7, 8), false, true, false),
		valid(texts("ns", "x", "y"), true, false, true),
		valid(texts("ds", "z"), false, false, true),
		valid(lists("na", stringsOf("p", "q")), false, true, false),
		valid(jsons("nj", `[1]`), false, false, true),
		dynamic(`{"k":1}`, `{}`, `{}`),
	}, 3, testOptions)
	require.NoError(t, err)
	get := func(name string) *Column { return b.Column(c.Field(name).ID) }
	nulls := func(name string) []bool {
		col := get(name)
		out := make([]bool, col.Len())
		for i := range out {
			out[i] = col.IsNull(i)
		}
		return out
	}
	require.Equal(t, []bool{true, false, true}, nulls("nv"))
	require.Equal(t, []float32{0, 0, 7, 8, 0, 0}, get("nv").Floats)
	require.Equal(t, []bool{false, true, false}, nulls("ns"))
	require.Equal(t, []string{"x", "", "y"}, get("ns").Bytes.Strings())
	require.Equal(t, []bool{false, false, false}, nulls("ds"))
	require.Equal(t, []string{"dft", "dft", "z"}, get("ds").Bytes.Strings())
	require.Equal(t, []int32{7, 7, 7}, get("di32").Int32s)
	require.Equal(t, []bool{true, true, true}, nulls("nf"))
	require.Equal(t, []uint32{0, 0, 2, 2}, get("na").Offsets)
	require.Equal(t, []bool{true, true, false}, nulls("nj"))
	require.Equal(t, []string{`{"k":1}`, "{}", "{}"}, get(schema.DynamicName).Bytes.Strings())

	meta := get(schema.DynamicName).SelectKeys([]string{"k", "absent"})
	require.Equal(t, []string{`{"k":1}`, "{}", "{}"}, meta.Bytes.Strings())
	require.Equal(t, []string{"{}", "{}", "{}"}, meta.SelectKeys([]string{"other"}).Bytes.Strings())
}

// A missing dynamic column is an empty object in each row.
func TestFromFieldDataWithoutDynamic(t *testing.T) {
	c := all()
	b, err := FromFieldData(c, required(), 2, testOptions)
	require.NoError(t, err)
	require.Equal(t, []string{"{}", "{}"}, b.Column(c.DynamicField().ID).Bytes.Strings())
}

func TestFromFieldDataKeyRule(t *testing.T) {
	o := testOptions
	o.Key = KeyAbsent
	_, err := FromFieldData(all(), required(), 2, o)
	require.ErrorContains(t, err, "can not assign primary field data when auto id enabled and allow_insert_auto_id is false id")
	for _, rule := range []KeyRule{KeyAbsent, KeyOptional} {
		o.Key = rule
		b, err := FromFieldData(all(), required()[1:], 2, o)
		require.NoError(t, err)
		require.Nil(t, b.Column(schema.FirstFieldID))
	}
	o.Key = KeyOptional
	b, err := FromFieldData(all(), required(), 2, o)
	require.NoError(t, err)
	require.Equal(t, []int64{1, 2}, b.Column(schema.FirstFieldID).Int64s)
}

// A small message must not be able to ask for much memory.
func TestFromFieldDataBoundsWhatItMakes(t *testing.T) {
	c := &schema.Collection{Fields: []*schema.Field{
		{ID: 100, Name: "id", Type: schema.Int64, PrimaryKey: true, AutoID: true},
		{ID: 101, Name: "v", Type: schema.FloatVector, Dim: 32768, Nullable: true},
	}}
	fd := vectors("v", 32768)
	fd.ValidData = make([]bool, 1<<20)
	_, err := FromFieldData(c, []*schemapb.FieldData{fd}, 1<<20, WireOptions{Key: KeyAbsent, MaxBytes: 1 << 28})
	require.True(t, merr.Is(err, merr.ParameterTooLarge), err)
}

// Vectors and integers are taken from the message, not copied.
func TestFromFieldDataAliases(t *testing.T) {
	data := required()
	b, err := FromFieldData(all(), data, 2, testOptions)
	require.NoError(t, err)
	require.Same(t, &data[0].GetScalars().GetLongData().Data[0], &b.Column(100).Int64s[0])
	require.Same(t, &data[1].GetVectors().GetFloatVector().Data[0], &b.Column(101).Floats[0])
}

// Vectors come and go without those of null rows; in between every row has a
// place. Where none is null, nothing is copied.
func TestNullVectors(t *testing.T) {
	c := all()
	f := c.Field("nv")
	for _, test := range []struct {
		sent  *schemapb.FieldData // nil: the column is missing
		rows  []float32
		valid []bool
	}{
		{nil, make([]float32, 4), []bool{false, false}},
		{valid(vectors("nv", 2), false, false), make([]float32, 4), []bool{false, false}},
		{valid(vectors("nv", 2, 7, 8), true, false), []float32{7, 8, 0, 0}, []bool{true, false}},
		{valid(vectors("nv", 2, 5, 6, 7, 8), true, true), []float32{5, 6, 7, 8}, []bool{true, true}},
		{vectors("nv", 2, 5, 6, 7, 8), []float32{5, 6, 7, 8}, []bool{true, true}},
	} {
		data := required()
		if test.sent != nil {
			data = append(data, test.sent)
		}
		b, err := FromFieldData(c, data, 2, testOptions)
		require.NoError(t, err)
		b, _, err = Decode(b.AppendTo(nil))
		require.NoError(t, err)
		col := b.Column(f.ID)
		require.Equal(t, test.rows, col.Floats)
		back := col.ToFieldData(f)
		require.Equal(t, test.valid, back.ValidData)
		require.Equal(t, test.sent.GetVectors().GetFloatVector().GetData(), back.GetVectors().GetFloatVector().GetData())
		require.Equal(t, int64(2), back.GetVectors().Dim)
	}
	sent := valid(vectors("nv", 2, 5, 6, 7, 8), true, true)
	b, err := FromFieldData(c, append(required(), sent), 2, testOptions)
	require.NoError(t, err)
	require.Same(t, &sent.GetVectors().GetFloatVector().Data[0], &b.Column(f.ID).Floats[0])
}

// What is read from the wire and written to it again is the same, nulls in
// full length for scalars and left out for vectors.
func TestToFieldData(t *testing.T) {
	c := all()
	b, err := FromFieldData(c, []*schemapb.FieldData{
		ints("id", 1, 2), vectors("v", 2, 1, 2, 3, 4), valid(vectors("nv", 2, 7, 8), false, true), valid(texts("ns", "x"), true, false),
		valid(lists("n8", shorts("", 5).GetScalars()), false, true), jsons("nj", `{"a":1}`, `2`), shorts("ni8", 1, 2), floats("nf", 1, 2),
	}, 2, testOptions)
	require.NoError(t, err)
	want := map[string]*schemapb.FieldData{
		"id": ints("id", 1, 2), "v": vectors("v", 2, 1, 2, 3, 4), "nv": valid(vectors("nv", 2, 7, 8), false, true),
		"ns": valid(texts("ns", "x", ""), true, false), "nj": valid(jsons("nj", `{"a":1}`, `2`), true, true),
		"ni8": valid(shorts("ni8", 1, 2), true, true), "nf": valid(floats("nf", 1, 2), true, true),
	}
	for name, fd := range want {
		f := c.Field(name)
		fd.FieldId, fd.Type = f.ID, f.Type
		got := b.Column(f.ID).ToFieldData(f)
		require.True(t, proto.Equal(fd, got), "%s: want %v, got %v", name, fd, got)
	}
	list := b.Column(c.Field("n8").ID).ToFieldData(c.Field("n8")).GetScalars().GetArrayData()
	require.Equal(t, []int{0, 1}, []int{len(list.Data[0].GetIntData().Data), len(list.Data[1].GetIntData().Data)})
	require.Equal(t, schema.Int8, list.ElementType)
	for _, f := range c.Fields { // an empty column is well formed
		raw, err := proto.Marshal(New(f).ToFieldData(f))
		require.NoError(t, err)
		require.NotEmpty(t, raw)
	}
	require.Equal(t, []int64{1, 2}, b.Column(100).ToIDs().GetIntId().GetData())
	require.Equal(t, []string{"x", ""}, b.Column(c.Field("ns").ID).ToIDs().GetStrId().GetData())
	require.Nil(t, (*Column)(nil).ToIDs().IdField)
}

func FuzzFromFieldData(f *testing.F) {
	c := all()
	for _, data := range [][]*schemapb.FieldData{
		required(), required(dynamic(`{}`, `{"a":1}`)), required(valid(lists("na", stringsOf("a")), true, false)),
		required(valid(vectors("nv", 2, 1, 2), true, false), texts("ns", "a", "b")),
	} {
		row := &schemapb.StructArrayField{Fields: data}
		raw, err := proto.Marshal(row)
		require.NoError(f, err)
		f.Add(raw, uint32(2))
	}
	f.Fuzz(func(t *testing.T, raw []byte, rows uint32) {
		message := &schemapb.StructArrayField{}
		if proto.Unmarshal(raw, message) != nil {
			return
		}
		b, err := FromFieldData(c, message.Fields, rows, testOptions)
		if err != nil {
			return
		}
		if uint32(b.Rows) != rows || len(b.Fields) != len(c.Fields) {
			t.Fatalf("%d rows of %d, %d fields", b.Rows, rows, len(b.Fields))
		}
		back, rest, err := Decode(b.AppendTo(nil))
		if err != nil || len(rest) > 0 || back.Rows != b.Rows {
			t.Fatalf("the batch does not survive its codec: %v", err)
		}
		for i, col := range b.Columns {
			if _, err := proto.Marshal(col.ToFieldData(c.Fields[i])); err != nil {
				t.Fatal(err)
			}
		}
	})
}
