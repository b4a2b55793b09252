package schema

// Limits bound what a schema may hold. All lengths are bytes of UTF-8.
type Limits struct {
	NameLength        int // of every name
	DescriptionLength int // of a collection's description
	Fields            int // of a collection, the dynamic field not counted
	VectorFields      int
	Shards            int32
	Dimension         int // of a dense vector
	VarCharLength     int
	ArrayCapacity     int
	JSONLength        int // of one JSON value, the dynamic one too
	Partitions        int64
	KeyedPartitions   int64 // of a collection with a partition key that says no number
}

// DefaultLimits are Milvus's.
func DefaultLimits() Limits {
	return Limits{
		NameLength: 255, DescriptionLength: 1024, Fields: 64, VectorFields: 10, Shards: 16, Dimension: 32768,
		VarCharLength: 65535, ArrayCapacity: 4096, JSONLength: 65536, Partitions: 1024, KeyedPartitions: 16,
	}
}
