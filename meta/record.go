package meta

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"

	"github.com/milvus-io/milvus-proto/go-api/v3/commonpb"
	"github.com/milvus-io/milvus-proto/go-api/v3/schemapb"
	"google.golang.org/protobuf/proto"

	"github.com/redkite-db/redkite/internal/base"
	"github.com/redkite-db/redkite/internal/schema"
)

// ErrCorrupt says that a record of the catalog does not decode; the error names its key.
var ErrCorrupt = errors.New("meta: damaged catalog record")

// recordVersion is the first byte of every value of the catalog.
const recordVersion = 1

// headerLen is the length of the version byte and the checksum.
const headerLen = 1 + 4

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// seal prefixes a payload with the version and the CRC-32C of key and payload,
// so that a value under another key is noticed too.
func seal(key string, payload []byte) []byte {
	out := make([]byte, headerLen, headerLen+len(payload))
	out[0] = recordVersion
	binary.LittleEndian.PutUint32(out[1:], checksum(key, payload))
	return append(out, payload...)
}

// unseal checks what seal wrote and returns the payload, a part of value.
func unseal(key string, value []byte) ([]byte, error) {
	if len(value) < headerLen {
		return nil, fmt.Errorf("%w: %s has %d bytes", ErrCorrupt, key, len(value))
	}
	if value[0] != recordVersion {
		return nil, fmt.Errorf("%w: %s has version %d, this program reads %d", ErrCorrupt, key, value[0], recordVersion)
	}
	payload := value[headerLen:]
	if got, want := checksum(key, payload), binary.LittleEndian.Uint32(value[1:]); got != want {
		return nil, fmt.Errorf("%w: %s has checksum %08x, want %08x", ErrCorrupt, key, got, want)
	}
	return payload, nil
}

func checksum(key string, payload []byte) uint32 {
	return crc32.Update(crc32.Checksum([]byte(key), castagnoli), castagnoli, payload)
}

// sealJSON encodes a record that is read rarely and may gain fields.
func sealJSON(key string, v any) ([]byte, error) {
	payload, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("meta: encoding %s: %w", key, err)
	}
	return seal(key, payload), nil
}

func unsealJSON(key string, value []byte, v any) error {
	payload, err := unseal(key, value)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(payload, v); err != nil {
		return fmt.Errorf("%w: %s: %w", ErrCorrupt, key, err)
	}
	return nil
}

// The JSON records. Field names are short because there are many of them; the
// ids inside are what counts, the key is only the place.
type (
	pairRecord struct {
		Key   string `json:"k"`
		Value string `json:"v,omitempty"`
	}
	leaderRecord struct {
		Epoch int64  `json:"epoch"`
		Owner string `json:"owner"`
	}
	databaseRecord struct {
		ID         base.ID        `json:"id"`
		Name       string         `json:"name"`
		Properties []pairRecord   `json:"props,omitempty"`
		CreatedAt  base.Timestamp `json:"created"`
	}
	fieldRecord struct {
		ID           base.ID      `json:"id"`
		Name         string       `json:"name"`
		Description  string       `json:"desc,omitempty"`
		Type         int32        `json:"type"`
		Element      int32        `json:"elem,omitempty"`
		PrimaryKey   bool         `json:"pk,omitempty"`
		AutoID       bool         `json:"auto,omitempty"`
		Nullable     bool         `json:"null,omitempty"`
		Dynamic      bool         `json:"dyn,omitempty"`
		ClusterKey   bool         `json:"cluster,omitempty"`
		PartitionKey bool         `json:"partkey,omitempty"`
		Default      []byte       `json:"default,omitempty"` // schemapb.ValueField
		Dim          int          `json:"dim,omitempty"`
		MaxLength    int          `json:"maxlen,omitempty"`
		MaxCapacity  int          `json:"maxcap,omitempty"`
		Params       []pairRecord `json:"params,omitempty"`
	}
	partitionRecord struct {
		ID         base.ID        `json:"id"`
		Collection base.ID        `json:"coll,omitempty"`
		Name       string         `json:"name"`
		CreatedAt  base.Timestamp `json:"created"`
	}
	collectionRecord struct {
		ID             base.ID           `json:"id"`
		DB             base.ID           `json:"db"`
		Name           string            `json:"name"`
		Description    string            `json:"desc,omitempty"`
		Fields         []fieldRecord     `json:"fields"`
		Dynamic        bool              `json:"dyn,omitempty"`
		Shards         int32             `json:"shards"`
		Consistency    int32             `json:"level"`
		Properties     []pairRecord      `json:"props,omitempty"`
		PartitionKeyed bool              `json:"partkeyed,omitempty"`
		NumPartitions  int64             `json:"numparts,omitempty"`
		Version        int64             `json:"version"`
		CreatedAt      base.Timestamp    `json:"created"`
		UpdatedAt      base.Timestamp    `json:"updated"`
		NextFieldID    base.ID           `json:"nextfield"`
		Channel        base.Channel      `json:"channel"`
		Partitions     []partitionRecord `json:"parts"`
		TruncatedAt    base.Timestamp    `json:"truncated,omitempty"`
		Dropping       bool              `json:"dropping,omitempty"`
	}
	aliasRecord struct {
		DB         base.ID `json:"db"`
		Name       string  `json:"name"`
		Collection base.ID `json:"coll"`
	}
	indexRecord struct {
		ID         base.ID           `json:"id"`
		Collection base.ID           `json:"coll"`
		Field      base.ID           `json:"field"`
		Name       string            `json:"name"`
		Type       string            `json:"type"`
		UserType   string            `json:"usertype,omitempty"`
		Metric     string            `json:"metric,omitempty"`
		Params     map[string]string `json:"params,omitempty"`
		UserParams []pairRecord      `json:"userparams,omitempty"`
		CreatedAt  base.Timestamp    `json:"created"`
	}
	loadRecord struct {
		Collection base.ID   `json:"coll"`
		All        bool      `json:"all,omitempty"`
		Partitions []base.ID `json:"parts,omitempty"`
		Replicas   int32     `json:"replicas"`
	}
	checkpointRecord struct {
		Collection base.ID        `json:"coll"`
		Shard      int32          `json:"shard"`
		Version    int64          `json:"version"`
		Generation int64          `json:"gen"`
		Offset     []byte         `json:"off"`
		Time       base.Timestamp `json:"time,omitempty"`
		Deletes    base.Timestamp `json:"deletes,omitempty"`
	}
	termRecord struct {
		Channel base.Channel `json:"channel"`
		Term    int64        `json:"term"`
	}
	taskRecord struct {
		ID   base.ID `json:"id"`
		Kind string  `json:"kind"`
	}
	intentRecord struct {
		ID         base.ID `json:"id"`
		Kind       string  `json:"kind"`
		Collection base.ID `json:"coll"`
	}
	garbageRecord struct {
		ID         base.ID  `json:"id"`
		Collection base.ID  `json:"coll"`
		Keys       []string `json:"keys"`
	}
	windowRecord struct {
		Until uint64 `json:"until"`
	}
)

func toPairs(kvs []*commonpb.KeyValuePair) []pairRecord {
	var out []pairRecord
	for _, kv := range kvs {
		out = append(out, pairRecord{kv.GetKey(), kv.GetValue()})
	}
	return out
}

func fromPairs(rs []pairRecord) []*commonpb.KeyValuePair {
	var out []*commonpb.KeyValuePair
	for _, r := range rs {
		out = append(out, &commonpb.KeyValuePair{Key: r.Key, Value: r.Value})
	}
	return out
}

func toField(f *schema.Field) (fieldRecord, error) {
	r := fieldRecord{
		ID: f.ID, Name: f.Name, Description: f.Description, Type: int32(f.Type), Element: int32(f.Element),
		PrimaryKey: f.PrimaryKey, AutoID: f.AutoID, Nullable: f.Nullable, Dynamic: f.Dynamic,
		ClusterKey: f.ClusterKey, PartitionKey: f.PartitionKey,
		Dim: f.Dim, MaxLength: f.MaxLength, MaxCapacity: f.MaxCapacity, Params: toPairs(f.Params),
	}
	if f.Default != nil {
		b, err := proto.Marshal(f.Default)
		if err != nil {
			return r, fmt.Errorf("meta: default value of field %s: %w", f.Name, err)
		}
		r.Default = b
	}
	return r, nil
}

func fromField(r fieldRecord) (*schema.Field, error) {
	f := &schema.Field{
		ID: r.ID, Name: r.Name, Description: r.Description, Type: schema.Type(r.Type), Element: schema.Type(r.Element),
		PrimaryKey: r.PrimaryKey, AutoID: r.AutoID, Nullable: r.Nullable, Dynamic: r.Dynamic,
		ClusterKey: r.ClusterKey, PartitionKey: r.PartitionKey,
		Dim: r.Dim, MaxLength: r.MaxLength, MaxCapacity: r.MaxCapacity, Params: fromPairs(r.Params),
	}
	if len(r.Default) > 0 {
		f.Default = &schemapb.ValueField{}
		if err := proto.Unmarshal(r.Default, f.Default); err != nil {
			return nil, fmt.Errorf("default value of field %s: %w", r.Name, err)
		}
	}
	return f, nil
}

func toCollection(c *Collection) (collectionRecord, error) {
	s := c.Schema
	r := collectionRecord{
		ID: s.ID, DB: s.DB, Name: s.Name, Description: s.Description, Dynamic: s.DynamicOn, Shards: s.Shards,
		Consistency: int32(s.Consistency), Properties: toPairs(s.Properties), PartitionKeyed: s.PartitionKeyed,
		NumPartitions: s.NumPartitions, Version: s.Version, CreatedAt: s.CreatedAt, UpdatedAt: s.UpdatedAt,
		NextFieldID: s.NextFieldID, Channel: c.Channel, TruncatedAt: c.TruncatedAt, Dropping: c.Dropping,
	}
	for _, f := range s.Fields {
		fr, err := toField(f)
		if err != nil {
			return r, err
		}
		r.Fields = append(r.Fields, fr)
	}
	for _, p := range c.Partitions {
		r.Partitions = append(r.Partitions, partitionRecord{ID: p.ID, Name: p.Name, CreatedAt: p.CreatedAt})
	}
	return r, nil
}

func fromCollection(r collectionRecord) (*Collection, error) {
	s := &schema.Collection{
		ID: r.ID, DB: r.DB, Name: r.Name, Description: r.Description, DynamicOn: r.Dynamic, Shards: r.Shards,
		Consistency: schema.Consistency(r.Consistency), Properties: fromPairs(r.Properties),
		PartitionKeyed: r.PartitionKeyed, NumPartitions: r.NumPartitions, Version: r.Version,
		CreatedAt: r.CreatedAt, UpdatedAt: r.UpdatedAt, NextFieldID: r.NextFieldID,
	}
	for _, fr := range r.Fields {
		f, err := fromField(fr)
		if err != nil {
			return nil, err
		}
		s.Fields = append(s.Fields, f)
	}
	c := &Collection{Schema: s, Channel: r.Channel, TruncatedAt: r.TruncatedAt, Dropping: r.Dropping}
	for _, p := range r.Partitions {
		c.Partitions = append(c.Partitions, &schema.Partition{ID: p.ID, Collection: r.ID, Name: p.Name, CreatedAt: p.CreatedAt})
	}
	return c, nil
}
