package schema

import (
	"fmt"
	"slices"

	"github.com/milvus-io/milvus-proto/go-api/v3/schemapb"

	"github.com/redkite-db/redkite/internal/merr"
)

// AddedField checks a field that a client wants to add to a collection, which
// may have rows, and returns it without an id. Rows that are there read as its
// default, or null; so it must be nullable. Errors are Milvus's, code and text.
func (l Limits) AddedField(c *Collection, f *schemapb.FieldSchema) (*Field, error) {
	// The field beside the ones that are there, for checks of whole schemas.
	alone := &schemapb.CollectionSchema{Name: c.Name, Fields: []*schemapb.FieldSchema{f}}
	r := Request{Name: c.Name}
	if err := l.checkAddition(c, f); err != nil {
		return nil, err
	}
	if f.GetDataType() == Array {
		if err := checkElement(f.GetElementType()); err != nil {
			return nil, err
		}
	}
	if err := l.checkFields(alone, r); err != nil {
		return nil, err
	}
	if !f.GetNullable() {
		return nil, merr.ParameterInvalid.Msg("added field must be nullable, please check it, field name = %s", f.GetName())
	}
	for _, check := range []func(*schemapb.CollectionSchema, Request) error{checkDuplicates, l.checkDefaults, checkSupported} {
		if err := check(alone, r); err != nil {
			return nil, err
		}
	}
	return l.field(c.Name, f)
}

// checkAddition checks what a field may be that is not there from the start.
func (l Limits) checkAddition(c *Collection, f *schemapb.FieldSchema) error {
	fields, vectors, clustered := 0, 0, false
	for _, have := range c.Fields {
		if !have.Dynamic {
			fields++
		}
		if have.IsVector() {
			vectors++
		}
		clustered = clustered || have.ClusterKey
	}
	name, t := f.GetName(), f.GetDataType()
	_, known := schemapb.DataType_name[int32(t)]
	switch {
	case fields >= l.Fields:
		return merr.ParameterInvalid.Msg("The number of fields has reached the maximum value %d", l.Fields)
	case name != DynamicName && c.Field(name) != nil:
		return merr.ParameterInvalid.Msg("duplicated field name %s", name)
	case !known || t == schemapb.DataType_None:
		return merr.InvalidParameter("valid field", fmt.Sprintf("field data type: %s is not supported", t), "")
	case f.GetExternalField() != "":
		return merr.ParameterInvalid.Msg("add field operation does not support external field mapping, field name = %s", name)
	case name == DynamicName || isSystemField(name):
		return merr.ParameterInvalid.Msg("not support to add system field, field name = %s", name)
	case f.GetIsDynamic():
		return merr.ParameterInvalid.Msg("cannot explicitly set a field as a dynamic field")
	case f.GetIsPrimaryKey():
		return merr.ParameterInvalid.Msg("not support to add pk field, field name = %s", name)
	case f.GetAutoID():
		return merr.ParameterInvalid.Msg("only primary field can speficy AutoID with true, field name = %s", name)
	case f.GetIsPartitionKey():
		return merr.ParameterInvalid.Msg("not support to add partition key field, field name  = %s", name)
	case f.GetIsClusteringKey() && !canCluster(t):
		return merr.ParameterInvalid.Msg("clustering key field %s has unsupported data type %s", name, t)
	case f.GetIsClusteringKey() && clustered:
		return merr.ParameterInvalid.Msg("already has another clustering key field, field name: %s", name)
	case isVectorType(t) && vectors >= l.VectorFields:
		return merr.ParameterInvalid.Msg("maximum vector field's number should be limited to %d", l.VectorFields)
	}
	return nil
}

// canCluster reports whether a clustering key may be of a type.
func canCluster(t Type) bool {
	switch t {
	case Int8, Int16, Int32, Int64, Float, Double, VarChar:
		return true
	}
	return false
}

// NewDynamicField returns the hidden field of dynamic keys, without an id.
func NewDynamicField() *Field {
	return &Field{Name: DynamicName, Description: "dynamic schema", Type: JSON, Dynamic: true}
}

// Extended returns the version that follows c, with one more field, which gets
// the next id. Neither c nor f is changed.
func (c *Collection) Extended(f *Field) *Collection {
	next, added := *c, *f
	next.Fields = slices.Clone(c.Fields)
	next.addField(&added)
	next.DynamicOn = c.DynamicOn || f.Dynamic
	next.Version++
	return &next
}
