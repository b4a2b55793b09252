package proxy

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/redkite-db/redkite/internal/base"
	"github.com/redkite-db/redkite/internal/column"
	"github.com/redkite-db/redkite/internal/expr"
	"github.com/redkite-db/redkite/internal/role"
	"github.com/redkite-db/redkite/internal/schema"
)

// keyedCollection has partitions 50, 51, ... and the key p.
func keyedCollection(t schema.Type, partitions int, shards int32) *role.CollectionInfo {
	info := &role.CollectionInfo{Collection: &schema.Collection{
		ID: 7, Shards: shards, PartitionKeyed: true, NumPartitions: int64(partitions),
		Fields: []*schema.Field{
			{ID: 100, Name: "id", Type: schema.Int64, PrimaryKey: true},
			{ID: 101, Name: "p", Type: t, MaxLength: 99, PartitionKey: true},
			{ID: 102, Name: "n", Type: schema.Int64},
		},
	}}
	for i, name := range keyedPartitions(info.Collection) {
		info.Partitions = append(info.Partitions, &schema.Partition{ID: base.ID(50 + i), Name: name})
	}
	return info
}

// Where a value lies is written in the log and in segments: it never changes.
func TestBucketsNeverChange(t *testing.T) {
	var got []int
	for _, v := range []int64{0, 1, -1, 42, 1 << 40} {
		got = append(got, bucketOf(intBytes(v), 16), bucketOf(intBytes(v), 7))
	}
	for _, v := range []string{"", "a", "tenant-1", "ü"} {
		got = append(got, bucketOf([]byte(v), 16), bucketOf([]byte(v), 7))
	}
	require.Equal(t, []int{13, 5, 7, 5, 13, 2, 15, 3, 7, 6, 7, 1, 1, 5, 4, 4, 9, 3}, got) // XXH64 of "" is ef46db37 51d8e999
}

// Every row goes to one shard and one partition, and a filter that pins its
// partition key looks there.
func TestRowsAreFoundWhereTheyWent(t *testing.T) {
	for _, kind := range []schema.Type{schema.Int64, schema.VarChar} {
		for _, shards := range []int32{1, 3} {
			info := keyedCollection(kind, 8, shards)
			ids, p := &column.Column{Type: schema.Int64}, &column.Column{Type: kind}
			literal := func(i int) string {
				if kind == schema.Int64 {
					return fmt.Sprint(i - 20)
				}
				return fmt.Sprintf("%q", fmt.Sprint("t", i))
			}
			const n = 200
			for i := range n {
				ids.Int64s = append(ids.Int64s, int64(i))
				if kind == schema.Int64 {
					p.Int64s = append(p.Int64s, int64(i%40-20))
				} else {
					p.Bytes.AppendString(fmt.Sprint("t", i%40))
				}
			}
			b := &column.Batch{Rows: n}
			b.Add(100, ids)
			b.Add(101, p)
			at := map[int]base.ID{}
			for _, s := range slots(info, 0, b, ids) {
				for _, row := range s.rows {
					require.NotContains(t, at, row)
					at[row] = s.partition
					require.Equal(t, int(s.shard.Index), shardOf(ids, row, int(shards)))
				}
			}
			require.Len(t, at, n)
			look := func(format string, args ...any) []base.ID {
				plan, err := expr.Parse(fmt.Sprintf(format, args...), info.Collection, nil)
				require.NoError(t, err)
				return prune(info, plan)
			}
			for i := range 40 {
				require.Equal(t, []base.ID{at[i]}, look("p == %s", literal(i)))
				require.Equal(t, []base.ID{at[i]}, look("n > 5 and p == %s", literal(i)))
				j := (i * 7) % 40
				want := []base.ID{at[i], at[j]}
				slices.Sort(want)
				want = slices.Compact(want)
				require.Equal(t, want, look("p in [%s, %s]", literal(i), literal(j)))
				require.Equal(t, want, look("p == %s or p == %s", literal(i), literal(j)))
				require.Empty(t, look("p == %s or n > 5", literal(i)))
				require.Empty(t, look("p != %s", literal(i)))
			}
			require.Empty(t, look("n == 1"))
			require.Empty(t, look("p > %s", literal(3)))
			require.Empty(t, prune(info, nil))
		}
	}
}
