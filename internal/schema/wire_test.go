package schema

import (
	"strings"
	"testing"

	"github.com/milvus-io/milvus-proto/go-api/v3/commonpb"
	"github.com/milvus-io/milvus-proto/go-api/v3/schemapb"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"

	"github.com/redkite-db/redkite/internal/merr"
)

// field builds a field of a schema: params are key, value, key, value.
func field(name string, t Type, params ...string) *schemapb.FieldSchema {
	f := &schemapb.FieldSchema{Name: name, DataType: t}
	for i := 0; i < len(params); i += 2 {
		f.TypeParams = append(f.TypeParams, &commonpb.KeyValuePair{Key: params[i], Value: params[i+1]})
	}
	return f
}

func primaryKey() *schemapb.FieldSchema {
	f := field("id", Int64)
	f.IsPrimaryKey = true
	return f
}

func collection(fields ...*schemapb.FieldSchema) *schemapb.CollectionSchema {
	return &schemapb.CollectionSchema{Name: "c", Fields: append([]*schemapb.FieldSchema{primaryKey(), field("v", FloatVector, "dim", "4")}, fields...)}
}

func with(f *schemapb.FieldSchema, change func(*schemapb.FieldSchema)) *schemapb.FieldSchema {
	change(f)
	return f
}

func defaulted(f *schemapb.FieldSchema, v *schemapb.ValueField) *schemapb.FieldSchema {
	f.DefaultValue = v
	return f
}

func TestFromProtoRefuses(t *testing.T) {
	text := &schemapb.ValueField{Data: &schemapb.ValueField_StringData{StringData: "abcdef"}}
	long := &schemapb.ValueField{Data: &schemapb.ValueField_IntData{IntData: 300}}
	many := make([]*schemapb.FieldSchema, 70)
	for i := range many {
		many[i] = field("f"+strings.Repeat("x", i+1), Int8)
	}
	var vectors []*schemapb.FieldSchema
	for i := range 11 {
		vectors = append(vectors, field("v"+strings.Repeat("x", i+1), FloatVector, "dim", "4"))
	}
	cases := []struct {
		name   string
		schema *schemapb.CollectionSchema
		req    Request
		code   merr.Code
		text   string
	}{
		{"empty", &schemapb.CollectionSchema{}, Request{}, merr.ParameterInvalid, "schema does not contain vector field: invalid parameter"},
		{"too many fields", collection(many...), Request{}, merr.ParameterInvalid, "maximum field's number should be limited to 64"},
		{"too many vectors", collection(vectors...), Request{}, merr.ParameterInvalid, "maximum vector field's number should be limited to 10"},
		{"shards", collection(), Request{Shards: 17}, merr.ParameterInvalid, "maximum shards's number should be limited to 16"},
		{"negative shards", collection(), Request{Shards: -1}, merr.ParameterInvalid, "shard num (-1) is invalid"},
		{"other name", collection(), Request{Name: "d"}, merr.ParameterInvalid, "collection name = d, schema.Name=c"},
		{"no key", &schemapb.CollectionSchema{Name: "c", Fields: []*schemapb.FieldSchema{field("v", FloatVector, "dim", "4")}}, Request{}, merr.ParameterMissing, "primary key is not specified"},
		{"two keys", collection(with(field("k", Int64), func(f *schemapb.FieldSchema) { f.IsPrimaryKey = true })), Request{}, merr.ParameterInvalid, "there are more than one primary key, field name = id, k"},
		{"null key", with2(collection(), func(f *schemapb.FieldSchema) { f.Nullable = true }), Request{}, merr.ParameterInvalid, "primary field not support null"},
		{"default key", with2(collection(), func(f *schemapb.FieldSchema) { f.DefaultValue = text }), Request{}, merr.ParameterInvalid, "primary field not support default_value"},
		{"auto id", collection(with(field("a", Int64), func(f *schemapb.FieldSchema) { f.AutoID = true })), Request{}, merr.ParameterInvalid, "only primary field can speficy AutoID with true, field name = a"},
		{"twice", collection(field("a", Int8), field("a", Int8)), Request{}, merr.ParameterInvalid, "duplicated field name a found"},
		{"keyword", collection(field("like", Int8)), Request{}, merr.FieldInvalidName, "Invalid field name: like. like is keyword in milvus.: field name invalid[field=like]"},
		{"null word", collection(field("NulL", Int8)), Request{}, merr.FieldInvalidName, "NulL is keyword in milvus."},
		{"system", collection(field("RowID", Int64)), Request{}, merr.FieldInvalidName, `field name "RowID" is reserved`},
		{"first letter", collection(field("1a", Int8)), Request{}, merr.FieldInvalidName, "Invalid field name: 1a. The first character of a field name must be an underscore or letter.: field name invalid[field=1a]"},
		{"string", collection(field("s", schemapb.DataType_String)), Request{}, merr.ParameterInvalid, "string data type not supported yet, please use VarChar type instead"},
		{"none", collection(field("s", schemapb.DataType_None)), Request{}, merr.ParameterInvalid, "data type None is not valid"},
		{"unknown", collection(field("s", 999)), Request{}, merr.ParameterInvalid, "data type 999 of field s is not supported by this version"},
		{"no length", collection(field("s", VarChar)), Request{}, merr.ParameterMissing, "type param(max_length) should be specified for the field(s) of collection c"},
		{"length 0", collection(field("s", VarChar, "max_length", "0")), Request{}, merr.ParameterInvalid, "the maximum length specified for the field(s) should be in (0, 65535], but got 0 instead: invalid parameter"},
		{"length text", collection(field("s", VarChar, "max_length", "x")), Request{}, merr.ParameterInvalid, "the value for max_length of field s must be an integer"},
		{"no capacity", collection(elements(field("a", Array), Int8)), Request{}, merr.ParameterMissing, "type param(max_capacity) should be specified for array field a of collection c"},
		{"capacity", collection(elements(field("a", Array, "max_capacity", "4097"), Int8)), Request{}, merr.ParameterInvalid, "the maximum capacity specified for a Array should be in (0, 4096]"},
		{"capacity text", collection(elements(field("a", Array, "max_capacity", "x"), Int8)), Request{}, merr.ParameterInvalid, "the value for max_capacity of field a must be an integer"},
		{"array of arrays", collection(elements(field("a", Array, "max_capacity", "4"), Array)), Request{}, merr.ParameterInvalid, "element type Array is not supported"},
		{"array of nothing", collection(field("a", Array, "max_capacity", "4")), Request{}, merr.ParameterInvalid, "element data type None is not valid"},
		{"no dim", collection(field("w", FloatVector)), Request{}, merr.ParameterInvalid, "dimension is not defined in field type params of field w, check type param `dim` for vector field"},
		{"dim 1", collection(field("w", FloatVector, "dim", "1")), Request{}, merr.ParameterInvalid, "invalid dimension: 1. should be in range 2 ~ 32768"},
		{"dim large", collection(field("w", FloatVector, "dim", "32769")), Request{}, merr.ParameterInvalid, "float vector dimension should be in range 2 ~ 32768"},
		{"dim text", collection(field("w", FloatVector, "dim", "x")), Request{}, merr.ParameterInvalid, "invalid dimension: x"},
		{"binary dim", collection(field("w", schemapb.DataType_BinaryVector, "dim", "7")), Request{}, merr.ParameterInvalid, "binary vector dimension should be multiple of 8."},
		{"binary", collection(field("w", schemapb.DataType_BinaryVector, "dim", "8")), Request{}, merr.ParameterInvalid, "data type BinaryVector of field w is not supported by this version"},
		{"sparse dim", collection(field("w", schemapb.DataType_SparseFloatVector, "dim", "8")), Request{}, merr.ParameterInvalid, "dim should not be specified for sparse vector field"},
		{"partition key type", collection(with(field("p", Float), func(f *schemapb.FieldSchema) { f.IsPartitionKey = true })), Request{}, merr.ParameterInvalid, "the data type of partition key should be Int64 or VarChar: invalid parameter"},
		{"too many partitions", collection(with(field("p", Int64), func(f *schemapb.FieldSchema) { f.IsPartitionKey = true })), Request{NumPartitions: 1025}, merr.ParameterInvalid, "partition number (1025) exceeds max configuration (1024)"},
		{"partition key null", collection(with(field("p", Int64), func(f *schemapb.FieldSchema) { f.IsPartitionKey, f.Nullable = true, true })), Request{}, merr.ParameterInvalid, "partition key field not support nullable: invalid parameter"},
		{"partitions", collection(), Request{NumPartitions: 4}, merr.ParameterInvalid, "num_partitions should only be specified with partition key field enabled"},
		{"clustering", collection(with(field("j", JSON), func(f *schemapb.FieldSchema) { f.IsClusteringKey = true })), Request{}, merr.IllegalSchema, "clustering key field j has unsupported data type JSON"},
		{"analyzer", collection(field("s", VarChar, "max_length", "9", "enable_match", "true")), Request{}, merr.ParameterInvalid, "enable_match of field s is not supported by this version"},
		{"param twice", collection(field("s", VarChar, "max_length", "9", "max_length", "8")), Request{}, merr.ParameterInvalid, `duplicated type param key "max_length"`},
		{"dynamic by hand", collection(with(field("d", JSON), func(f *schemapb.FieldSchema) { f.IsDynamic = true })), Request{}, merr.ParameterInvalid, "cannot explicitly set a field as a dynamic field"},
		{"default of json", collection(defaulted(field("j", JSON), text)), Request{}, merr.ParameterInvalid, "type not support default_value, type:JSON, name:j"},
		{"default type", collection(defaulted(field("i", Int64), text)), Request{}, merr.ParameterInvalid, "type (Int64) of field (i) is not equal to the type(DataType_VarChar) of default_value"},
		{"default long", collection(defaulted(field("s", VarChar, "max_length", "3"), text)), Request{}, merr.ParameterInvalid, "the length (6) of string exceeds max length (3): invalid parameter[expected=valid length string][actual=string length exceeds max length]"},
		{"default range", collection(defaulted(field("i", Int8), long)), Request{}, merr.ParameterInvalid, "default value out of range: invalid parameter[300 out of range -128 <= value <= 127]"},
		{"function", &schemapb.CollectionSchema{Name: "c", Fields: collection().Fields, Functions: []*schemapb.FunctionSchema{{Name: "bm25"}}}, Request{}, merr.ParameterInvalid, "function bm25 of a collection schema is not supported by this version"},
		{"replicas", collection(), Request{Properties: []*commonpb.KeyValuePair{{Key: "collection.replica.number", Value: "2"}}}, merr.ParameterInvalid, "property collection.replica.number = 2 is not supported by this version"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if c.req.Name == "" {
				c.req.Name = c.schema.Name
			}
			_, err := FromProto(c.schema, c.req, DefaultLimits())
			require.ErrorContains(t, err, c.text)
			require.Equal(t, c.code.Number, merr.NumberOf(err), err)
		})
	}
}

func with2(c *schemapb.CollectionSchema, change func(*schemapb.FieldSchema)) *schemapb.CollectionSchema {
	change(c.Fields[0])
	return c
}

func elements(f *schemapb.FieldSchema, t Type) *schemapb.FieldSchema {
	f.ElementType = t
	return f
}

// A schema that is taken comes back as it was sent, with ids.
func TestFromProtoRoundTrip(t *testing.T) {
	sent := collection(
		field("b", Bool), field("i8", Int8), field("i16", Int16), field("i32", Int32), field("i64", Int64),
		with(field("f", Float), func(f *schemapb.FieldSchema) { f.Nullable = true }), field("d", Double),
		defaulted(field("s", VarChar, "max_length", "100"), &schemapb.ValueField{Data: &schemapb.ValueField_StringData{StringData: "x"}}),
		field("j", JSON), elements(field("a", Array, "max_capacity", "5", "max_length", "7"), VarChar),
		with(field("w", FloatVector, "dim", "3"), func(f *schemapb.FieldSchema) { f.Nullable = true }),
	)
	sent.EnableDynamicField, sent.Description = true, "about it"
	c, err := FromProto(sent, Request{Name: "c"}, DefaultLimits())
	require.NoError(t, err)
	require.Equal(t, int32(1), c.Shards)
	require.Equal(t, "id", c.Primary().Name)
	require.Equal(t, DynamicName, c.DynamicField().Name)
	require.Equal(t, c.DynamicField(), c.Fields[len(c.Fields)-1])
	require.Equal(t, FirstFieldID+int64(len(c.Fields)), c.NextFieldID)
	a := c.Field("a")
	require.Equal(t, []int{5, 7}, []int{a.MaxCapacity, a.MaxLength})
	require.Equal(t, 4, c.Field("v").Dim)

	back := c.ToProto()
	for i, f := range back.Fields {
		require.Equal(t, FirstFieldID+int64(i), f.FieldID)
		f.FieldID = 0
	}
	back.Version = 0
	require.True(t, proto.Equal(sent, back), "sent %v\nback %v", sent, back)
}

func TestNames(t *testing.T) {
	l := DefaultLimits()
	long := strings.Repeat("a", 256)
	cases := []struct {
		check func(string) error
		name  string
		text  string // "": good
	}{
		{l.CheckCollectionName, "_a1", ""},
		{l.CheckCollectionName, long[:255], ""},
		{l.CheckCollectionName, "", "collection name should not be empty: invalid parameter"},
		{l.CheckCollectionName, "1a", "Invalid collection name: 1a. the first character of a collection name must be an underscore or letter: invalid parameter"},
		{l.CheckCollectionName, "a-b", "Invalid collection name: a-b. collection name can only contain numbers, letters and underscores: invalid parameter"},
		{l.CheckCollectionName, long, "the length of a collection name must be less than 255 characters: invalid parameter"},
		{l.CheckCollectionName, "名", "the first character of a collection name"},
		{l.CheckAlias, "", "collection alias should not be empty"},
		{l.CheckAlias, "a%d", "Invalid collection alias: a%d. collection alias can only contain"},
		{l.CheckDatabaseName, "", "database name couldn't be empty: invalid database name[database=]"},
		{l.CheckDatabaseName, "1", "the first character of a database name must be an underscore or letter: invalid database name[database=1]"},
		{l.CheckDatabaseName, long, "the length of a database name must be less than 255 characters"},
		{l.CheckIndexName, "", ""},
		{l.CheckIndexName, "a[b]", ""},
		{l.CheckIndexName, "1", "Invalid index name: 1. The first character of a index name must be an underscore or letter."},
		{func(s string) error { return l.CheckPartitionName(s, true) }, "1-x", ""},
		{func(s string) error { return l.CheckPartitionName(s, true) }, " ", "Invalid partition name: . Partition name should not be empty.: invalid parameter"},
		{func(s string) error { return l.CheckPartitionName(s, true) }, "%$#", "Invalid partition name: %$#. The first character of a partition name must be an underscore or letter."},
		{func(s string) error { return l.CheckPartitionName(s, false) }, "%$#", ""},
		{l.CheckFieldName, " a ", "The first character of a field name"},
		{l.CheckFieldName, "", "field name should not be empty"},
	}
	for _, c := range cases {
		err := c.check(c.name)
		if c.text == "" {
			require.NoError(t, err, c.name)
			continue
		}
		require.ErrorContains(t, err, c.text)
	}
}

func FuzzFromProto(f *testing.F) {
	for _, c := range []*schemapb.CollectionSchema{collection(), collection(field("s", VarChar, "max_length", "9")), {}} {
		raw, err := proto.Marshal(c)
		require.NoError(f, err)
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		p := &schemapb.CollectionSchema{}
		if proto.Unmarshal(raw, p) != nil {
			return
		}
		c, err := FromProto(p, Request{Name: p.GetName()}, DefaultLimits())
		if err != nil {
			return
		}
		if c.Primary() == nil || len(c.VectorFields()) == 0 {
			t.Fatalf("accepted %v", p)
		}
		if again, err := FromProto(c.ToProto(), Request{Name: c.Name}, DefaultLimits()); err != nil || len(again.Fields) != len(c.Fields) {
			t.Fatalf("%v: what was accepted is refused: %v", p, err)
		}
	})
}

func TestPartitionKey(t *testing.T) {
	p := collection(with(field("p", VarChar, "max_length", "9"), func(f *schemapb.FieldSchema) { f.IsPartitionKey = true }))
	for given, want := range map[int64]int64{0: 16, 1: 1, 64: 64} {
		c, err := FromProto(p, Request{Name: "c", NumPartitions: given}, DefaultLimits())
		require.NoError(t, err)
		require.True(t, c.PartitionKeyed)
		require.Equal(t, want, c.NumPartitions)
		require.Equal(t, "p", c.PartitionKey().Name)
		require.True(t, c.ToProto().Fields[2].IsPartitionKey)
	}
	c, err := FromProto(collection(), Request{Name: "c"}, DefaultLimits())
	require.NoError(t, err)
	require.False(t, c.PartitionKeyed)
	require.Zero(t, c.NumPartitions)
	require.Nil(t, c.PartitionKey())
}
