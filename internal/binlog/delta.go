package binlog

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"

	"github.com/redkite-db/redkite/internal/base"
	"github.com/redkite-db/redkite/internal/column"
	"github.com/redkite-db/redkite/internal/schema"
	"github.com/redkite-db/redkite/objectstore"
)

// DeltaHeader says whose deletes a delta log holds: those of a shard stamped
// in (From, To].
type DeltaHeader struct {
	Shard      base.Shard
	PrimaryKey base.ID
	From, To   base.Timestamp
}

const deltaHeaderNumbers = 5

// Delta is an open delta log. Delete i hides the rows with key Keys[i] in
// partition Partitions[i] (0: in all) that were inserted before Times[i].
// Times ascend. All of it lies in the mapped object and is valid until Close.
type Delta struct {
	DeltaHeader
	Keys       *column.Column
	Times      []base.Timestamp
	Partitions []base.ID
	object     *Columns
}

// WriteDelta stores a delta log. Each source yields pieces for the same rows:
// keys, then timestamps (ascending) and partitions as Int64.
func WriteDelta(ctx context.Context, store objectstore.Store, key string, h DeltaHeader, keys, times, partitions Source) (Object, error) {
	if keys.Rows != times.Rows || keys.Rows != partitions.Rows {
		return Object{}, fmt.Errorf("write %s: %d keys, %d times, %d partitions", key, keys.Rows, times.Rows, partitions.Rows)
	}
	keys.Field, times.Field, partitions.Field = h.PrimaryKey, TimeField, PartitionField
	var head []byte
	for _, v := range [deltaHeaderNumbers]uint64{
		uint64(h.Shard.Collection), uint64(uint32(h.Shard.Index)), uint64(h.PrimaryKey), uint64(h.From), uint64(h.To),
	} {
		head = binary.AppendUvarint(head, v)
	}
	return putColumns(ctx, store, key, deltaObject, head, []Source{keys, times, partitions})
}

// OpenDelta maps a delta log and checks all of it.
func OpenDelta(ctx context.Context, files objectstore.Files, key string) (*Delta, error) {
	c, err := openColumns(ctx, files, key, deltaObject, deltaHeaderNumbers)
	if err != nil {
		return nil, err
	}
	d, err := c.delta()
	if err == nil {
		err = c.Verify()
	}
	if err != nil {
		_ = c.Close() // the object is not used
		return nil, err
	}
	return d, nil
}

func (c *Columns) delta() (*Delta, error) {
	r := metaReader{src: c.extra}
	d := &Delta{object: c}
	d.Shard = base.Shard{Collection: int64(r.uvarint(math.MaxInt64)), Index: int32(r.uvarint(math.MaxInt32))}
	d.PrimaryKey = int64(r.uvarint(math.MaxInt64))
	d.From, d.To = base.Timestamp(r.uvarint(math.MaxUint64)), base.Timestamp(r.uvarint(math.MaxUint64))
	d.Keys = c.Column(d.PrimaryKey)
	times, partitions := c.Column(TimeField), c.Column(PartitionField)
	switch {
	case r.err != nil, d.Keys == nil, times == nil, partitions == nil, len(c.cols) != 3,
		d.Keys.Type != schema.Int64 && d.Keys.Type != schema.VarChar, times.Type != schema.Int64, partitions.Type != schema.Int64,
		d.Keys.Len() != times.Len(), d.Keys.Len() != partitions.Len():
		return nil, c.frame.malformed("not the columns of a delta log")
	}
	d.Times, d.Partitions = Timestamps(times.Int64s), partitions.Int64s
	last := base.Timestamp(0)
	for i, t := range d.Times {
		if t < last {
			return nil, c.frame.malformed("delete %d is older than the one before it", i)
		}
		last = t
	}
	return d, nil
}

// Expect checks that the object is the one that was meant.
func (d *Delta) Expect(o Object) error { return d.object.Expect(o) }

// Close gives the object's pin back. Nothing of the delta log may be read from
// then on.
func (d *Delta) Close() error { return d.object.Close() }
