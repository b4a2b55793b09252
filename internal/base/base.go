// Package base holds the vocabulary that every other package speaks: ids,
// hybrid timestamps, channels, shards and log positions.
package base

import (
	"fmt"
	"strings"
	"time"
)

// ID names a database, collection, partition, field, segment, index or task.
// IDs are allotted by rootcoord, positive, and never reused in a data
// directory; field ids are the exception: they count from 100 in each
// collection, as clients expect.
type ID = int64

// Channel names one log channel: an ordered, durable sequence of records.
type Channel string

// Shard names one slice of a collection's rows. A shard lives on exactly one
// channel; many shards share a channel.
type Shard struct {
	Collection ID
	Index      int32
}

// VChannel returns the name clients see for the shard on its channel.
func (s Shard) VChannel(ch Channel) string {
	return fmt.Sprintf("%s_%dv%d", ch, s.Collection, s.Index)
}

func (s Shard) String() string { return fmt.Sprintf("%dv%d", s.Collection, s.Index) }

// logicalBits is the width of the counter below the milliseconds.
const logicalBits = 18

// Timestamp is a hybrid time: 46 bits of Unix milliseconds, then an 18-bit
// counter. Timestamps of one channel ascend in log order.
type Timestamp uint64

// MaxTimestamp is later than every timestamp that the oracle can give.
const MaxTimestamp = Timestamp(^uint64(0))

// ComposeTimestamp builds a timestamp from Unix milliseconds and a counter.
func ComposeTimestamp(ms int64, logical int64) Timestamp {
	return Timestamp(uint64(ms)<<logicalBits | uint64(logical)&(1<<logicalBits-1))
}

// TimestampOf returns the earliest timestamp of t's millisecond.
func TimestampOf(t time.Time) Timestamp { return ComposeTimestamp(t.UnixMilli(), 0) }

// Physical returns the Unix milliseconds of the timestamp.
func (t Timestamp) Physical() int64 { return int64(t >> logicalBits) }

// Time returns the wall-clock time of the timestamp, to the millisecond.
func (t Timestamp) Time() time.Time { return time.UnixMilli(t.Physical()) }

// Add moves the timestamp by d (to the millisecond) and keeps its counter.
// It saturates at zero.
func (t Timestamp) Add(d time.Duration) Timestamp {
	delta := d.Milliseconds()
	if delta < 0 && t.Physical() < -delta {
		return 0
	}
	return Timestamp(uint64(int64(t) + delta<<logicalBits))
}

// Position is a place in a channel: after the record that it was given for.
// It is ordered within a channel: by the log's generation, which a migration
// to another log raises, then by Offset, whose bytes the adapter chose so
// that they sort. The zero Position is before the first record.
type Position struct {
	Generation int64
	Offset     string
}

// IsZero reports whether p is before the first record.
func (p Position) IsZero() bool { return p == Position{} }

// Compare returns -1, 0 or 1 as p is before, at or after q.
func (p Position) Compare(q Position) int {
	if p.Generation != q.Generation {
		if p.Generation < q.Generation {
			return -1
		}
		return 1
	}
	return strings.Compare(p.Offset, q.Offset)
}

// Before reports whether p is before q.
func (p Position) Before(q Position) bool { return p.Compare(q) < 0 }

func (p Position) String() string { return fmt.Sprintf("%d/%x", p.Generation, p.Offset) }
