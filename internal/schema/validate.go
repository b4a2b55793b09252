package schema

import (
	"fmt"
	"strconv"

	"github.com/milvus-io/milvus-proto/go-api/v3/commonpb"
	"github.com/milvus-io/milvus-proto/go-api/v3/schemapb"

	"github.com/redkite-db/redkite/internal/merr"
)

// Type parameters of a field.
const (
	DimKey         = "dim"
	MaxLengthKey   = "max_length"
	MaxCapacityKey = "max_capacity"
	MmapKey        = "mmap.enabled"
	WarmupKey      = "warmup"
)

// isVectorType reports whether the wire knows t as a vector.
func isVectorType(t Type) bool {
	return t >= schemapb.DataType_BinaryVector && t <= schemapb.DataType_ArrayOfVector
}

// validate checks a schema as a client sent it, in the order in which Milvus
// does, so that of several faults the same one is reported.
func (l Limits) validate(p *schemapb.CollectionSchema, r Request) error {
	for _, check := range []func(*schemapb.CollectionSchema, Request) error{
		l.checkSize, l.checkNames, checkKeys, l.checkTypes, checkClusteringKey,
		l.checkFields, checkDuplicates, l.checkDefaults, checkSupported,
	} {
		if err := check(p, r); err != nil {
			return err
		}
	}
	return CheckProperties(r.Properties)
}

func (l Limits) checkSize(p *schemapb.CollectionSchema, r Request) error {
	if r.Shards > l.Shards {
		return merr.ParameterInvalid.Msg("maximum shards's number should be limited to %d", l.Shards)
	}
	if r.Shards < 0 {
		return merr.ParameterInvalid.Msg("shard num (%d) is invalid, it should be in range [0, %d]", r.Shards, l.Shards)
	}
	fields, vectors := len(p.GetFields()), 0
	for _, f := range p.GetFields() {
		if isVectorType(f.GetDataType()) {
			vectors++
		}
	}
	for _, s := range p.GetStructArrayFields() {
		fields += len(s.GetFields())
		for _, f := range s.GetFields() {
			if isVectorType(f.GetDataType()) {
				vectors++
			}
		}
	}
	switch {
	case fields > l.Fields:
		return merr.ParameterInvalid.Msg("maximum field's number should be limited to %d", l.Fields)
	case vectors > l.VectorFields:
		return merr.ParameterInvalid.Msg("maximum vector field's number should be limited to %d", l.VectorFields)
	case vectors == 0:
		return merr.ParameterInvalid.Msg("schema does not contain vector field")
	}
	return nil
}

func (l Limits) checkNames(p *schemapb.CollectionSchema, r Request) error {
	if err := l.CheckCollectionName(p.GetName()); err != nil {
		return err
	}
	if err := l.CheckDescription(p.GetDescription()); err != nil {
		return err
	}
	if p.GetName() != r.Name {
		return merr.InvalidParameter("collection name matches schema name", "don't match",
			"collection name = %s, schema.Name=%s", r.Name, p.GetName())
	}
	for _, f := range p.GetFields() {
		if isSystemField(f.GetName()) {
			return merr.Wrap(merr.FieldInvalidName.With(merr.KV{Key: "field", Value: f.GetName()}),
				"field name %q is reserved for internal use and cannot be used in user schemas", f.GetName())
		}
	}
	return nil
}

// CheckDescription says what is wrong with a collection's description.
func (l Limits) CheckDescription(text string) error {
	if len(text) > l.DescriptionLength {
		return merr.ParameterInvalid.Msg("the length of a collection description must not exceed %d bytes", l.DescriptionLength)
	}
	return nil
}

// checkKeys checks the primary key, the dynamic field and auto ids.
func checkKeys(p *schemapb.CollectionSchema, _ Request) error {
	if err := checkPrimary(p); err != nil {
		return err
	}
	for _, f := range p.GetFields() {
		if f.GetIsDynamic() {
			return merr.ParameterInvalid.Msg("cannot explicitly set a field as a dynamic field")
		}
	}
	auto := ""
	for _, f := range p.GetFields() {
		if !f.GetAutoID() {
			continue
		}
		if auto != "" {
			return merr.ParameterInvalid.Msg("only one field can speficy AutoID with true, field name = %s, %s", auto, f.GetName())
		}
		auto = f.GetName()
		if !f.GetIsPrimaryKey() {
			return merr.ParameterInvalid.Msg("only primary field can speficy AutoID with true, field name = %s", f.GetName())
		}
	}
	return nil
}

func checkPrimary(p *schemapb.CollectionSchema) error {
	found := ""
	for _, f := range p.GetFields() {
		if !f.GetIsPrimaryKey() {
			continue
		}
		if found != "" {
			return merr.ParameterInvalid.Msg("there are more than one primary key, field name = %s, %s", found, f.GetName())
		}
		if f.GetDataType() != Int64 && f.GetDataType() != VarChar {
			return merr.ParameterInvalid.Msg("the data type of primary key should be Int64 or VarChar")
		}
		found = f.GetName()
	}
	if found == "" {
		return merr.ParameterMissing.Msg("primary key is not specified")
	}
	return nil
}

func (l Limits) checkTypes(p *schemapb.CollectionSchema, r Request) error {
	for _, f := range p.GetFields() {
		switch f.GetDataType() {
		case schemapb.DataType_String:
			return merr.ParameterInvalid.Msg("string data type not supported yet, please use VarChar type instead")
		case schemapb.DataType_None:
			return merr.ParameterInvalid.Msg("data type None is not valid")
		case Array:
			if err := checkElement(f.GetElementType()); err != nil {
				return err
			}
		}
	}
	return l.checkPartitionKey(p, r)
}

func checkElement(t Type) error {
	switch t {
	case Bool, Int8, Int16, Int32, Int64, Float, Double, VarChar:
		return nil
	case schemapb.DataType_String:
		return merr.ParameterInvalid.Msg("string data type not supported yet, please use VarChar type instead")
	case schemapb.DataType_None:
		return merr.ParameterInvalid.Msg("element data type None is not valid")
	}
	return merr.ParameterInvalid.Msg("element type %s is not supported", t)
}

func (l Limits) checkPartitionKey(p *schemapb.CollectionSchema, r Request) error {
	found := ""
	for _, f := range p.GetFields() {
		if !f.GetIsPartitionKey() {
			continue
		}
		switch {
		case found != "":
			return merr.ParameterInvalid.Msg("there are more than one partition key, field name = %s, %s", found, f.GetName())
		case f.GetIsPrimaryKey():
			return merr.ParameterInvalid.Msg("the partition key field must not be primary field")
		case f.GetNullable():
			return merr.ParameterInvalid.Msg("partition key field not support nullable")
		case f.GetDataType() != Int64 && f.GetDataType() != VarChar:
			return merr.ParameterInvalid.Msg("the data type of partition key should be Int64 or VarChar")
		case r.NumPartitions < 0:
			return merr.ParameterInvalid.Msg("the specified partitions should be greater than 0 if partition key is used")
		case r.NumPartitions > l.Partitions:
			return merr.ParameterInvalid.Msg("partition number (%d) exceeds max configuration (%d)", r.NumPartitions, l.Partitions)
		}
		found = f.GetName()
	}
	if found == "" && r.NumPartitions != 0 {
		return merr.ParameterInvalid.Msg("num_partitions should only be specified with partition key field enabled")
	}
	return nil
}

func checkClusteringKey(p *schemapb.CollectionSchema, r Request) error {
	found := ""
	for _, f := range p.GetFields() {
		if !f.GetIsClusteringKey() {
			continue
		}
		illegal := merr.IllegalSchema.With(merr.KV{Key: "collection", Value: r.Name})
		switch t := f.GetDataType(); {
		case canCluster(t):
		case t == FloatVector:
			return merr.VectorClusteringKey.With(merr.KV{Key: "collection", Value: r.Name})
		default:
			return merr.Wrap(illegal, "clustering key field %s has unsupported data type %s", f.GetName(), f.GetDataType())
		}
		if found != "" {
			return merr.Wrap(illegal, "there are more than one clustering key, field name = %s, %s", found, f.GetName())
		}
		found = f.GetName()
	}
	return nil
}

func (l Limits) checkFields(p *schemapb.CollectionSchema, r Request) error {
	for _, f := range p.GetFields() {
		if err := l.CheckFieldName(f.GetName()); err != nil {
			return err
		}
		if isVectorType(f.GetDataType()) && f.GetDataType() != schemapb.DataType_ArrayOfVector {
			if err := l.checkDimension(f); err != nil {
				return err
			}
		}
		if f.GetDataType() == VarChar || f.GetDataType() == Array && f.GetElementType() == VarChar {
			if _, err := l.maxLength(r.Name, f); err != nil {
				return err
			}
		}
		if f.GetDataType() == Array {
			if _, err := l.maxCapacity(r.Name, f); err != nil {
				return err
			}
		}
		if policy, ok := param(f.GetTypeParams(), WarmupKey); ok {
			if err := checkWarmup(policy); err != nil {
				return merr.ParameterInvalid.Msg("invalid warmup policy for field %s: %v", f.GetName(), err)
			}
		}
	}
	return nil
}

// param returns the last value of a key, as a later one overrides.
func param(kvs []*commonpb.KeyValuePair, key string) (string, bool) {
	v, ok := "", false
	for _, kv := range kvs {
		if kv.GetKey() == key {
			v, ok = kv.GetValue(), true
		}
	}
	return v, ok
}

// checkDimension checks the vector types of all versions: the message about a
// bad dimension comes before the one about a type that this version lacks.
func (l Limits) checkDimension(f *schemapb.FieldSchema) error {
	text, ok := param(f.GetTypeParams(), DimKey)
	if f.GetDataType() == schemapb.DataType_SparseFloatVector {
		if ok {
			return merr.ParameterInvalid.Msg("dim should not be specified for sparse vector field %s(%d)", f.GetName(), f.GetFieldID())
		}
		return nil
	}
	if !ok {
		return merr.ParameterInvalid.Msg("dimension is not defined in field type params of field %s, check type param `dim` for vector field", f.GetName())
	}
	dim, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return merr.ParameterInvalid.Msg("invalid dimension: %s of field %s, it is not an integer", text, f.GetName())
	}
	if dim <= 1 {
		return merr.ParameterInvalid.Msg("invalid dimension: %d. should be in range 2 ~ %d", dim, l.Dimension)
	}
	if f.GetDataType() == schemapb.DataType_BinaryVector {
		if dim%8 != 0 {
			return merr.ParameterInvalid.Msg("invalid dimension: %d of field %s. binary vector dimension should be multiple of 8. ", dim, f.GetName())
		}
		if dim > int64(l.Dimension)*8 {
			return merr.ParameterInvalid.Msg("invalid dimension: %d of field %s. binary vector dimension should be in range 2 ~ %d", dim, f.GetName(), l.Dimension*8)
		}
		return nil
	}
	if dim > int64(l.Dimension) {
		return merr.ParameterInvalid.Msg("invalid dimension: %d of field %s. float vector dimension should be in range 2 ~ %d", dim, f.GetName(), l.Dimension)
	}
	return nil
}

func (l Limits) maxLength(collection string, f *schemapb.FieldSchema) (int, error) {
	text, ok := param(f.GetTypeParams(), MaxLengthKey)
	if !ok {
		return 0, merr.ParameterMissing.Msg("type param(max_length) should be specified for the field(%s) of collection %s", f.GetName(), collection)
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0, merr.ParameterInvalid.Msg("the value for %s of field %s must be an integer", MaxLengthKey, f.GetName())
	}
	if n <= 0 || n > int64(l.VarCharLength) {
		return 0, merr.ParameterInvalid.Msg("the maximum length specified for the field(%s) should be in (0, %d], but got %d instead", f.GetName(), l.VarCharLength, n)
	}
	return int(n), nil
}

func (l Limits) maxCapacity(collection string, f *schemapb.FieldSchema) (int, error) {
	text, ok := param(f.GetTypeParams(), MaxCapacityKey)
	if !ok {
		return 0, merr.ParameterMissing.Msg("type param(max_capacity) should be specified for array field %s of collection %s", f.GetName(), collection)
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0, merr.ParameterInvalid.Msg("the value for %s of field %s must be an integer", MaxCapacityKey, f.GetName())
	}
	if n <= 0 || n > int64(l.ArrayCapacity) {
		return 0, merr.ParameterInvalid.Msg("the maximum capacity specified for a Array should be in (0, %d]", l.ArrayCapacity)
	}
	return int(n), nil
}

func checkDuplicates(p *schemapb.CollectionSchema, _ Request) error {
	seen := make(map[string]bool, len(p.GetFields()))
	for _, f := range p.GetFields() {
		if seen[f.GetName()] {
			return merr.ParameterInvalid.Msg("duplicated field name %s found", f.GetName())
		}
		seen[f.GetName()] = true
		keys := make(map[string]bool, len(f.GetTypeParams()))
		for _, kv := range f.GetTypeParams() {
			if keys[kv.GetKey()] {
				return merr.ParameterInvalid.Msg("duplicated type param key %q", kv.GetKey())
			}
			keys[kv.GetKey()] = true
		}
	}
	return nil
}

// checkSupported refuses, by name, what this version does not have.
func checkSupported(p *schemapb.CollectionSchema, _ Request) error {
	switch {
	case len(p.GetFunctions()) > 0:
		return merr.NotSupported("function %s of a collection schema", p.GetFunctions()[0].GetName())
	case len(p.GetStructArrayFields()) > 0:
		return merr.NotSupported("struct array field %s", p.GetStructArrayFields()[0].GetName())
	case p.GetExternalSource() != "" || p.GetExternalSpec() != "":
		return merr.NotSupported("an external collection (external_source, external_spec)")
	case p.GetEnableNamespace():
		return merr.NotSupported("enable_namespace")
	}
	for _, f := range p.GetFields() {
		if err := checkFieldSupported(f); err != nil {
			return err
		}
	}
	return nil
}

func checkFieldSupported(f *schemapb.FieldSchema) error {
	switch f.GetDataType() {
	case Bool, Int8, Int16, Int32, Int64, Float, Double, VarChar, JSON, Array, FloatVector:
	default:
		return merr.NotSupported("data type %s of field %s", f.GetDataType(), f.GetName())
	}
	switch {
	case f.GetIsFunctionOutput():
		return merr.NotSupported("function output field %s", f.GetName())
	case f.GetExternalField() != "":
		return merr.NotSupported("external_field of field %s", f.GetName())
	}
	for _, kv := range f.GetTypeParams() {
		switch kv.GetKey() {
		case "enable_analyzer", "enable_match":
			if on, err := strconv.ParseBool(kv.GetValue()); err != nil || on {
				return merr.NotSupported("%s of field %s", kv.GetKey(), f.GetName())
			}
		case "analyzer_params", "multi_analyzer_params", "field.skipLoad":
			return merr.NotSupported("%s of field %s", kv.GetKey(), f.GetName())
		}
	}
	return nil
}

func checkWarmup(policy string) error {
	switch policy {
	case "disable", "sync", "async":
		return nil
	}
	return merr.ParameterInvalid.Msg("invalid warmup policy: %s, must be 'disable', 'sync' or 'async'", policy)
}

// kindOf names the type of a default value as messages do.
func kindOf(v *schemapb.ValueField) string {
	switch v.GetData().(type) {
	case *schemapb.ValueField_BoolData:
		return "DataType_Bool"
	case *schemapb.ValueField_IntData:
		return "DataType_Int"
	case *schemapb.ValueField_LongData:
		return "DataType_Int64"
	case *schemapb.ValueField_FloatData:
		return "DataType_Float"
	case *schemapb.ValueField_DoubleData:
		return "DataType_Double"
	case *schemapb.ValueField_StringData:
		return "DataType_VarChar"
	}
	return fmt.Sprintf("%T", v.GetData())
}
