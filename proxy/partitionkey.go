package proxy

import (
	"encoding/binary"
	"fmt"

	"github.com/cespare/xxhash/v2"

	"github.com/redkite-db/redkite/internal/base"
	"github.com/redkite-db/redkite/internal/column"
	"github.com/redkite-db/redkite/internal/expr"
	"github.com/redkite-db/redkite/internal/merr"
	"github.com/redkite-db/redkite/internal/role"
	"github.com/redkite-db/redkite/internal/schema"
)

// A collection with a partition key has a fixed number of partitions, which
// clients do not name: a row's partition follows from its value of the key.

// keyedPartitions are the names of the partitions of a collection with a
// partition key; nil for any other.
func keyedPartitions(c *schema.Collection) []string {
	if !c.PartitionKeyed {
		return nil
	}
	names := make([]string, c.NumPartitions)
	for i := range names {
		names[i] = fmt.Sprintf("%s_%d", schema.DefaultPartition, i)
	}
	return names
}

// refuseNames refuses partition names of a request to a collection with a
// partition key.
func refuseNames(info *role.CollectionInfo, names ...string) error {
	for _, name := range names {
		if info.PartitionKeyed && name != "" {
			return merr.ParameterInvalid.Msg("not support manually specifying the partition names if partition key mode is used")
		}
	}
	return nil
}

// refusePartitions refuses to do something to the partitions of a collection
// with a partition key.
func refusePartitions(info *role.CollectionInfo, what string) error {
	if info.PartitionKeyed {
		return merr.ParameterInvalid.Msg("disable %s if partition key mode is used", what)
	}
	return nil
}

// bucketOf returns the partition, of n, of a value of a partition key: the upper
// half of its XXH64, seed 0 (an integer as 8 bytes little-endian), modulo n. It
// never changes; shards are chosen by the lower half.
func bucketOf(value []byte, n int) int { return int((xxhash.Sum64(value) >> 32) % uint64(n)) }

func intBytes(v int64) []byte { return binary.LittleEndian.AppendUint64(nil, uint64(v)) }

// slot is the rows of a request that go to one partition of one shard.
type slot struct {
	shard     base.Shard
	partition base.ID
	rows      []int // nil: all
}

// slots says where the rows of a request go, which have these primary keys;
// part is the partition of all of them, 0 if it follows from the partition key.
func slots(info *role.CollectionInfo, part base.ID, rows *column.Batch, keys *column.Column) []slot {
	shards := info.ShardList()
	if part != 0 && len(shards) == 1 {
		return []slot{{shard: shards[0], partition: part}}
	}
	var out []slot
	for i, list := range split(keys, len(shards)) {
		switch {
		case len(list) == 0:
		case part != 0:
			out = append(out, slot{shards[i], part, list})
		default:
			out = append(out, keyedSlots(info, shards[i], rows, list)...)
		}
	}
	return out
}

// keyedSlots splits rows of one shard by their partition key.
func keyedSlots(info *role.CollectionInfo, shard base.Shard, rows *column.Batch, list []int) []slot {
	col := rows.Column(info.PartitionKey().ID)
	buckets := make([][]int, len(info.Partitions))
	for _, row := range list {
		var value []byte
		if col.Type == schema.VarChar {
			value = col.Bytes.At(row)
		} else {
			value = intBytes(col.Int64s[row])
		}
		i := bucketOf(value, len(buckets))
		buckets[i] = append(buckets[i], row)
	}
	var out []slot
	for i, list := range buckets {
		if len(list) > 0 {
			out = append(out, slot{shard, info.Partitions[i].ID, list})
		}
	}
	return out
}

// prune returns the only partitions of a collection with a partition key in
// which rows can match a plan (nil: no filter); none: all of them.
func prune(info *role.CollectionInfo, plan *expr.Plan) []base.ID {
	if !info.PartitionKeyed || plan == nil {
		return nil
	}
	b, ok := plan.Bound(info.PartitionKey().ID)
	if !ok {
		return nil
	}
	n := len(info.Partitions)
	wanted := make(map[int]bool)
	want := func(value []byte) { wanted[bucketOf(value, n)] = true }
	switch {
	case b.Set != nil:
		for _, v := range b.Set.Ints() {
			want(intBytes(v))
		}
		for _, v := range b.Set.Strings() {
			want([]byte(v))
		}
	case b.Min.Kind() == expr.Int && b.Max.Kind() == expr.Int && b.Min.Int() == b.Max.Int():
		want(intBytes(b.Min.Int()))
	case b.Min.Kind() == expr.String && b.Max.Kind() == expr.String && b.Min.Str() == b.Max.Str():
		want([]byte(b.Min.Str()))
	}
	var out []base.ID
	for i, p := range info.Partitions {
		if wanted[i] {
			out = append(out, p.ID)
		}
	}
	return out
}
