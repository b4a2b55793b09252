package proxy

import (
	"encoding/binary"

	"github.com/cespare/xxhash/v2"

	"github.com/redkite-db/redkite/internal/column"
	"github.com/redkite-db/redkite/internal/schema"
)

// shardOf returns the shard of a primary key: XXH64, seed 0, of its bytes (an
// integer as 8 bytes little-endian) modulo the number of shards. Rows and
// deletes of a key meet in one shard, so this function never changes.
func shardOf(keys *column.Column, row, shards int) int {
	if keys.Type == schema.VarChar {
		return int(xxhash.Sum64(keys.Bytes.At(row)) % uint64(shards))
	}
	var b [8]byte
	binary.LittleEndian.PutUint64(b[:], uint64(keys.Int64s[row]))
	return int(xxhash.Sum64(b[:]) % uint64(shards))
}

// split lists the rows of each shard, in their order.
func split(keys *column.Column, shards int) [][]int {
	out := make([][]int, shards)
	for row := range keys.Len() {
		i := shardOf(keys, row, shards)
		out[i] = append(out[i], row)
	}
	return out
}

// pick returns the listed rows of a column.
func pick(c *column.Column, rows []int) *column.Column {
	out := c.Like()
	out.AppendRows(c, rows)
	return out
}
