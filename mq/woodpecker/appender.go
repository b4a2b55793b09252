package woodpecker

import (
	"fmt"

	"github.com/redkite-db/redkite/internal/base"
	"github.com/redkite-db/redkite/mq"
)

// appender writes a channel in one term.
type appender struct {
	ch   *channel
	w    *writer
	term int64
}

// request is a batch on its way to the disk.
type request struct {
	term    int64
	records [][]byte
	size    int64 // of lengths and records
	opening bool
	done    chan struct{}
	// Written before done is closed.
	pos base.Position
	err error
}

func (r *request) resolve(pos base.Position, err error) {
	r.pos, r.err = pos, err
	r.records = nil
	close(r.done)
}

// Wait implements mq.Pending.
func (r *request) Wait() (base.Position, error) {
	<-r.done
	return r.pos, r.err
}

// Append implements mq.Appender.
func (a *appender) Append(batch [][]byte) mq.Pending {
	r := &request{term: a.term, records: batch, done: make(chan struct{})}
	for i, rec := range batch {
		if len(rec) > a.ch.log.cfg.MaxRecord {
			r.resolve(base.Position{}, fmt.Errorf("woodpecker: record %d of the batch has %d bytes, the limit is %d: %w",
				i, len(rec), a.ch.log.cfg.MaxRecord, mq.ErrTooLarge))
			return r
		}
		r.size += lengthLen + int64(len(rec))
	}
	if r.size > maxBlockBody {
		r.resolve(base.Position{}, fmt.Errorf("woodpecker: batch of %d bytes, the limit is %d: %w", r.size, maxBlockBody, mq.ErrTooLarge))
		return r
	}
	a.w.submit(a, r)
	return r
}

// Close implements mq.Appender. What was queued becomes durable.
func (a *appender) Close() error {
	a.w.disown(a)
	return nil
}
