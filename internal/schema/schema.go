// Package schema holds what a collection is made of: databases, collections,
// fields, partitions, indexes and aliases, with their rules and their mapping
// to the wire.
package schema

import (
	"github.com/milvus-io/milvus-proto/go-api/v3/commonpb"
	"github.com/milvus-io/milvus-proto/go-api/v3/schemapb"

	"github.com/redkite-db/redkite/internal/base"
)

// Type is a field's data type; the numbers are those of the wire.
type Type = schemapb.DataType

// The types that fields of this version may have.
const (
	Bool        = schemapb.DataType_Bool
	Int8        = schemapb.DataType_Int8
	Int16       = schemapb.DataType_Int16
	Int32       = schemapb.DataType_Int32
	Int64       = schemapb.DataType_Int64
	Float       = schemapb.DataType_Float
	Double      = schemapb.DataType_Double
	VarChar     = schemapb.DataType_VarChar
	JSON        = schemapb.DataType_JSON
	Array       = schemapb.DataType_Array
	FloatVector = schemapb.DataType_FloatVector
)

// FirstFieldID is the id of a collection's first field; ids below are the
// system's (0: row id, 1: timestamp).
const FirstFieldID base.ID = 100

// DynamicName is the name of the hidden JSON field that holds dynamic keys.
const DynamicName = "$meta"

// DefaultDatabase and DefaultPartition always exist.
const (
	DefaultDatabase   = "default"
	DefaultPartition  = "_default"
	DefaultDatabaseID = base.ID(1)
)

// Field is one column of a collection. Values are never changed once they are
// in the catalog: an alteration makes a new Collection.
type Field struct {
	ID           base.ID
	Name         string
	Description  string
	Type         Type
	Element      Type // of an Array
	PrimaryKey   bool
	AutoID       bool
	Nullable     bool
	Dynamic      bool // the hidden $meta field
	ClusterKey   bool // accepted and stored; it does not order segments yet
	PartitionKey bool
	Default      *schemapb.ValueField     // nil: none
	Dim          int                      // of a vector
	MaxLength    int                      // bytes, of VarChar and of VarChar elements
	MaxCapacity  int                      // elements of an Array
	Params       []*commonpb.KeyValuePair // type parameters as the user gave them
}

// IsVector reports whether the field holds vectors.
func (f *Field) IsVector() bool { return f.Type == FloatVector }

// Consistency is a level of the wire.
type Consistency = commonpb.ConsistencyLevel

// Collection is one immutable version of a collection's description.
type Collection struct {
	ID             base.ID
	DB             base.ID
	DBName         string
	Name           string
	Description    string
	Fields         []*Field // ascending by id: as given, then $meta if dynamic, then what was added
	DynamicOn      bool
	Shards         int32
	Consistency    Consistency
	Properties     []*commonpb.KeyValuePair
	PartitionKeyed bool
	NumPartitions  int64 // of a collection with a partition key; else 0
	Version        int64 // schema version: rises with each change of fields
	CreatedAt      base.Timestamp
	UpdatedAt      base.Timestamp
	NextFieldID    base.ID
}

// Primary returns the primary-key field.
func (c *Collection) Primary() *Field {
	for _, f := range c.Fields {
		if f.PrimaryKey {
			return f
		}
	}
	return nil
}

// PartitionKey returns the partition-key field, nil if there is none.
func (c *Collection) PartitionKey() *Field {
	for _, f := range c.Fields {
		if f.PartitionKey {
			return f
		}
	}
	return nil
}

// DynamicField returns the hidden $meta field, nil if there is none.
func (c *Collection) DynamicField() *Field {
	for _, f := range c.Fields {
		if f.Dynamic {
			return f
		}
	}
	return nil
}

// Field returns the field of a name, nil if there is none.
func (c *Collection) Field(name string) *Field {
	for _, f := range c.Fields {
		if f.Name == name {
			return f
		}
	}
	return nil
}

// FieldByID returns the field of an id, nil if there is none.
func (c *Collection) FieldByID(id base.ID) *Field {
	for _, f := range c.Fields {
		if f.ID == id {
			return f
		}
	}
	return nil
}

// VectorFields returns the vector fields in order.
func (c *Collection) VectorFields() []*Field {
	var out []*Field
	for _, f := range c.Fields {
		if f.IsVector() {
			out = append(out, f)
		}
	}
	return out
}

// ShardList returns the collection's shards.
func (c *Collection) ShardList() []base.Shard {
	out := make([]base.Shard, c.Shards)
	for i := range out {
		out[i] = base.Shard{Collection: c.ID, Index: int32(i)}
	}
	return out
}

// Property returns the value of a property.
func (c *Collection) Property(key string) (string, bool) {
	for _, kv := range c.Properties {
		if kv.Key == key {
			return kv.Value, true
		}
	}
	return "", false
}

// Database is a namespace of collections.
type Database struct {
	ID         base.ID
	Name       string
	Properties []*commonpb.KeyValuePair
	CreatedAt  base.Timestamp
}

// Partition is a named part of a collection.
type Partition struct {
	ID         base.ID
	Collection base.ID
	Name       string
	CreatedAt  base.Timestamp
}

// Alias is another name of a collection.
type Alias struct {
	DB         base.ID
	Name       string
	Collection base.ID
}

// Index is the description of an index on one field.
type Index struct {
	ID         base.ID
	Collection base.ID
	Field      base.ID
	Name       string
	Type       string                   // resolved kind: FLAT, HNSW, or a scalar kind
	UserType   string                   // as the user asked: AUTOINDEX stays AUTOINDEX
	Metric     string                   // of a vector index: L2, IP, COSINE
	Params     map[string]string        // resolved build parameters
	UserParams []*commonpb.KeyValuePair // reported as given
	CreatedAt  base.Timestamp
}
