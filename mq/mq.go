// Package mq holds the port to the write-ahead log and the codec of what is
// written to it. A log is a set of channels; a channel is one durable, ordered
// sequence of records with one writer at a time.
package mq

import (
	"context"
	"errors"

	"github.com/redkite-db/redkite/internal/base"
)

// Errors that adapters return, wrapped or bare; test with errors.Is.
var (
	// ErrFenced: a higher (or, at Open, an equal) term has the channel.
	ErrFenced = errors.New("mq: channel is owned by a newer term")
	// ErrTruncated: the position lies before the cut; its records are gone.
	ErrTruncated = errors.New("mq: position was truncated")
	// ErrFull: the log's size limit or the disk is exhausted and nothing of the
	// batch was written. Reads and Truncate go on; the same Appender accepts
	// appends again once there is room.
	ErrFull = errors.New("mq: log is full")
	// ErrCorrupt: a record before the tail fails its checksum. It is never skipped.
	ErrCorrupt = errors.New("mq: log is damaged")
	// ErrClosed: the log, appender or subscription was closed.
	ErrClosed = errors.New("mq: closed")
	// ErrTooLarge: a record is longer than MaxRecord. Nothing was written.
	ErrTooLarge = errors.New("mq: record exceeds the log's largest record")
)

// Log is a durable ordered log. Nothing after the cut is ever dropped: a
// backend's own expiry is off, and full means refuse.
//
// Three laws hold whatever the interleaving, and the conformance suite tests
// them: (1) once Open of term t returned, no Append of a lower term succeeds;
// (2) every reader drops a record whose term is below one it has already
// seen, so nothing late appears; (3) positions of a higher term are after all
// positions of lower ones, those of records that a broken disk lost included,
// so that a checkpoint never hides what was appended after it.
type Log interface {
	// Open takes the channel for a term: it takes the backend's fence, reads to
	// the end, fails with ErrFenced if a record of a term >= term is there, else
	// appends an empty record of that term (the opening record) durably. The
	// position returned is that record's: replay ends there. From then on an
	// Appender of a lower term fails with ErrFenced.
	Open(ctx context.Context, ch base.Channel, term int64) (Appender, base.Position, error)
	// Subscribe reads the records after a position (zero: from the cut), in
	// order. ErrTruncated if after lies before the cut and is not zero.
	Subscribe(ctx context.Context, ch base.Channel, after base.Position) (Subscription, error)
	// Truncate moves the cut: records at or before upTo may be removed. It
	// returns when the cut is remembered; space is freed in the background but
	// without further calls. A position before the current cut is a no-op.
	Truncate(ctx context.Context, ch base.Channel, upTo base.Position) error
	// MaxRecord is the most bytes that one record's data may hold.
	MaxRecord() int
	// Stats tells sizes for admission and metrics; it does no I/O.
	Stats(ch base.Channel) Stats
	// Close closes every appender and subscription and waits for them.
	Close() error
}

// Stats of one channel.
type Stats struct {
	Bytes    int64 // held after the cut
	Capacity int64 // at which appends are refused with ErrFull; 0: unlimited
}

// Appender writes one channel in one term. Append is called by one goroutine
// at a time; Close may be called from any.
type Appender interface {
	// Append queues the records, in call order, and returns at once; the caller
	// must not change them until Wait returns. The records of one batch lie
	// one after another. After an error other than ErrFull and ErrTooLarge no
	// later Append succeeds, and the outcome of this one is unknown: the owner
	// opens the next term, reads to the end, and answers by what the log holds.
	Append(batch [][]byte) Pending
	Close() error
}

// Pending is an append under way.
type Pending interface {
	// Wait returns when the whole batch is durable, power loss included, with
	// the position of its last record. It may be called once, from any goroutine.
	Wait() (base.Position, error)
}

// Record is one record of a channel. An opening record has no data.
type Record struct {
	Position base.Position
	Term     int64
	Data     []byte // valid until the next call of Next
}

// Subscription reads a channel forward. It is used by one goroutine.
type Subscription interface {
	// Next waits for the next record. After Close or ctx's end it returns an error.
	Next(ctx context.Context) (Record, error)
	Close() error
}
