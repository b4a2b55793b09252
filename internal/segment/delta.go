package segment

import (
	"context"

	"github.com/redkite-db/redkite/internal/binlog"
	"github.com/redkite-db/redkite/internal/column"
	"github.com/redkite-db/redkite/internal/schema"
	"github.com/redkite-db/redkite/objectstore"
)

// WriteDelta stores deletes, ascending in time, as a delta log and returns the
// number of keys in it.
func WriteDelta(ctx context.Context, store objectstore.Store, key string, h binlog.DeltaHeader, batches []DeleteBatch) (int64, error) {
	keys := &column.Column{Type: batches[0].Keys.Type}
	times := &column.Column{Type: schema.Int64}
	partitions := &column.Column{Type: schema.Int64}
	for _, b := range batches {
		n := b.Keys.Len()
		keys.AppendRange(b.Keys, 0, n)
		for range n {
			times.Int64s = append(times.Int64s, int64(b.Timestamp))
			partitions.Int64s = append(partitions.Int64s, b.Partition)
		}
	}
	_, err := binlog.WriteDelta(ctx, store, key, h, binlog.SourceOf(0, keys), binlog.SourceOf(0, times), binlog.SourceOf(0, partitions))
	return int64(keys.Len()), err
}

// ReadDelta returns the deletes of a delta log, ascending in time. They are
// copies: nothing stays mapped.
func ReadDelta(ctx context.Context, files objectstore.Files, key string) ([]DeleteBatch, error) {
	d, err := binlog.OpenDelta(ctx, files, key)
	if err != nil {
		return nil, err
	}
	var out []DeleteBatch
	for lo := 0; lo < len(d.Times); {
		hi := lo + 1
		for hi < len(d.Times) && d.Times[hi] == d.Times[lo] && d.Partitions[hi] == d.Partitions[lo] {
			hi++
		}
		keys := d.Keys.Like()
		keys.AppendRange(d.Keys, lo, hi)
		out = append(out, DeleteBatch{Keys: keys, Partition: d.Partitions[lo], Timestamp: d.Times[lo]})
		lo = hi
	}
	return out, d.Close()
}
