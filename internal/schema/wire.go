package schema

import (
	"strconv"

	"github.com/milvus-io/milvus-proto/go-api/v3/commonpb"
	"github.com/milvus-io/milvus-proto/go-api/v3/schemapb"
	"google.golang.org/protobuf/proto"
)

// Request is what a client asks for beside the schema itself.
type Request struct {
	Name          string
	Shards        int32 // 0: 1
	Consistency   Consistency
	Properties    []*commonpb.KeyValuePair
	NumPartitions int64 // with a partition key; 0: the default
}

// FromProto checks a schema that a client sent and returns it as a collection
// without ids, but for those of its fields, which count from FirstFieldID in
// their order, and schema version 1. Errors are Milvus's, code and text.
func FromProto(p *schemapb.CollectionSchema, r Request, l Limits) (*Collection, error) {
	if err := l.validate(p, r); err != nil {
		return nil, err
	}
	c := &Collection{
		Name: p.GetName(), Description: p.GetDescription(), DynamicOn: p.GetEnableDynamicField(),
		Shards: max(r.Shards, 1), Consistency: r.Consistency, Properties: r.Properties, NumPartitions: r.NumPartitions,
		NextFieldID: FirstFieldID, Version: 1,
	}
	for _, f := range p.GetFields() {
		field, err := l.field(r.Name, f)
		if err != nil {
			return nil, err
		}
		c.addField(field)
	}
	if c.DynamicOn {
		c.addField(NewDynamicField())
	}
	if c.PartitionKeyed = c.PartitionKey() != nil; c.PartitionKeyed && c.NumPartitions == 0 {
		c.NumPartitions = l.KeyedPartitions
	}
	return c, nil
}

func (c *Collection) addField(f *Field) {
	f.ID = c.NextFieldID
	c.NextFieldID++
	c.Fields = append(c.Fields, f)
}

// field maps a field that validate found good.
func (l Limits) field(collection string, f *schemapb.FieldSchema) (*Field, error) {
	out := &Field{
		Name: f.GetName(), Description: f.GetDescription(), Type: f.GetDataType(), PrimaryKey: f.GetIsPrimaryKey(),
		AutoID: f.GetAutoID(), Nullable: f.GetNullable(), ClusterKey: f.GetIsClusteringKey(), PartitionKey: f.GetIsPartitionKey(),
		Default: f.GetDefaultValue(), Params: f.GetTypeParams(),
	}
	var err error
	if out.Type == Array {
		out.Element = f.GetElementType()
		if out.MaxCapacity, err = l.maxCapacity(collection, f); err != nil {
			return nil, err
		}
	}
	if out.Type == VarChar || out.Element == VarChar {
		if out.MaxLength, err = l.maxLength(collection, f); err != nil {
			return nil, err
		}
	}
	if out.IsVector() {
		text, _ := param(f.GetTypeParams(), DimKey)
		if out.Dim, err = strconv.Atoi(text); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// ToProto returns the schema as clients see it: without the hidden dynamic
// field, whose presence is a flag.
func (c *Collection) ToProto() *schemapb.CollectionSchema {
	p := &schemapb.CollectionSchema{
		Name: c.Name, Description: c.Description, EnableDynamicField: c.DynamicOn, DbName: c.DBName, Version: int32(c.Version),
	}
	for _, f := range c.Fields {
		if !f.Dynamic {
			p.Fields = append(p.Fields, f.ToProto())
		}
	}
	return p
}

// ToProto returns the field as clients see it.
func (f *Field) ToProto() *schemapb.FieldSchema {
	p := &schemapb.FieldSchema{
		FieldID: f.ID, Name: f.Name, Description: f.Description, DataType: f.Type, ElementType: f.Element,
		IsPrimaryKey: f.PrimaryKey, AutoID: f.AutoID, Nullable: f.Nullable, IsDynamic: f.Dynamic,
		IsClusteringKey: f.ClusterKey, IsPartitionKey: f.PartitionKey, TypeParams: f.Params,
	}
	if f.Default != nil {
		p.DefaultValue = proto.CloneOf(f.Default)
	}
	return p
}
