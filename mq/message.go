package mq

import (
	"github.com/redkite-db/redkite/internal/base"
	"github.com/redkite-db/redkite/internal/column"
)

// Kind says what a message does. The numbers are on disk.
type Kind uint8

// The kinds of message.
const (
	// Insert adds Rows to Segment of Partition.
	Insert Kind = 1
	// Delete hides the rows of Keys with a smaller timestamp, in Partition (0: in all).
	Delete Kind = 2
	// Upsert is a Delete of Keys in DeletePartition and an Insert of Rows at one timestamp.
	Upsert Kind = 3
	// Seal ends Segment: no later record has rows of it.
	Seal Kind = 4
	// DropPartition removes Partition and its rows.
	DropPartition Kind = 5
	// Truncate removes every row of the shard with a smaller timestamp.
	Truncate Kind = 6
	// DropShard removes the shard and its rows.
	DropShard Kind = 7
)

// RequestID names one client request: a retry of it carries the same id, and
// is answered, not repeated. The zero id is never remembered.
type RequestID [16]byte

// Message is one change of one shard. Timestamp and, for rows, Segment are
// filled in by the channel's owner.
type Message struct {
	Kind            Kind
	Shard           base.Shard
	Partition       base.ID // of the rows; of a Delete: 0 is all
	DeletePartition base.ID // of an Upsert's delete: 0 is all
	Segment         base.ID
	SchemaVersion   int64
	Timestamp       base.Timestamp
	Rows            *column.Batch  // Insert, Upsert
	Keys            *column.Column // Delete, Upsert: primary keys
}

// Group is the messages of one request. They are in the log all or none, and
// share a timestamp.
type Group struct {
	Request   RequestID
	Timestamp base.Timestamp
	Messages  []*Message
}
