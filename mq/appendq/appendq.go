// Package appendq holds the queue between the appenders of a channel and the
// one goroutine that writes it. It keeps the order of appends, lets only the
// newest owner in, and answers what is refused or fails.
package appendq

import (
	"fmt"
	"sync"

	"github.com/redkite-db/redkite/internal/base"
	"github.com/redkite-db/redkite/mq"
)

// Overhead is what each record counts for beside its bytes, in Request.Size.
const Overhead = 4

// Queue is the queue of one channel. The writer calls Take, and Fail when it
// cannot go on; everything else may be called from any goroutine.
type Queue struct {
	channel   base.Channel
	maxRecord int
	maxBatch  int64
	wake      chan struct{} // holds a token when the state changed

	mu struct {
		sync.Mutex
		waiting []*Request
		owner   *Appender
		err     error // after which nothing is appended
		closing bool
	}
}

// New returns an empty queue. maxRecord is the most bytes of a record,
// maxBatch the largest Size of a request.
func New(channel base.Channel, maxRecord int, maxBatch int64) *Queue {
	return &Queue{channel: channel, maxRecord: maxRecord, maxBatch: maxBatch, wake: make(chan struct{}, 1)}
}

// Request is a batch on its way to the log. It is an mq.Pending.
type Request struct {
	Term    int64
	Records [][]byte
	Size    int64 // bytes of the records, and Overhead for each
	Opening bool  // the opening record of Term
	// The writer sets one of these, then calls Answer.
	Position base.Position
	Err      error

	done chan struct{}
}

// Answer lets Wait return.
func (r *Request) Answer() {
	r.Records = nil
	close(r.done)
}

// Refuse answers with an error.
func (r *Request) Refuse(err error) {
	r.Position, r.Err = base.Position{}, err
	r.Answer()
}

// Wait implements mq.Pending.
func (r *Request) Wait() (base.Position, error) {
	<-r.done
	if r.Err != nil {
		return base.Position{}, r.Err
	}
	return r.Position, nil
}

// Appender implements mq.Appender over a queue.
type Appender struct {
	q    *Queue
	term int64
}

var _ mq.Appender = (*Appender)(nil)

// Open makes a new owner: what earlier owners have waiting is refused, and
// the opening record is queued behind what the writer already took.
func (q *Queue) Open(term int64) (*Appender, *Request) {
	a := &Appender{q: q, term: term}
	opening := &Request{Term: term, Records: [][]byte{nil}, Size: Overhead, Opening: true, done: make(chan struct{})}
	q.mu.Lock()
	refused, err := q.mu.waiting, q.mu.err
	if err == nil && q.mu.closing {
		err = mq.ErrClosed
	}
	q.mu.waiting, q.mu.owner = nil, a
	if err == nil {
		q.mu.waiting = []*Request{opening}
	}
	q.mu.Unlock()
	q.signal()
	for _, r := range refused {
		r.Refuse(q.fenced(r.Term, term))
	}
	if err != nil {
		opening.Refuse(err)
	}
	return a, opening
}

func (q *Queue) fenced(term, by int64) error {
	return fmt.Errorf("term %d of %s, which term %d has: %w", term, q.channel, by, mq.ErrFenced)
}

// Append implements mq.Appender.
func (a *Appender) Append(batch [][]byte) mq.Pending {
	r := &Request{Term: a.term, Records: batch, done: make(chan struct{})}
	if err := a.q.measure(r); err != nil {
		r.Refuse(err)
		return r
	}
	if err := a.q.add(a, r); err != nil {
		r.Refuse(err)
	}
	return r
}

func (q *Queue) measure(r *Request) error {
	for i, rec := range r.Records {
		if len(rec) > q.maxRecord {
			return fmt.Errorf("record %d of the batch has %d bytes, the limit is %d: %w", i, len(rec), q.maxRecord, mq.ErrTooLarge)
		}
		r.Size += Overhead + int64(len(rec))
	}
	if r.Size > q.maxBatch {
		return fmt.Errorf("batch of %d bytes, the limit is %d: %w", r.Size, q.maxBatch, mq.ErrTooLarge)
	}
	return nil
}

func (q *Queue) add(a *Appender, r *Request) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case q.mu.owner != nil && q.mu.owner != a:
		return q.fenced(a.term, q.mu.owner.term)
	case q.mu.err != nil:
		return q.mu.err
	case q.mu.owner != a || q.mu.closing:
		return mq.ErrClosed
	}
	q.mu.waiting = append(q.mu.waiting, r)
	q.signal()
	return nil
}

// Close implements mq.Appender. What was queued is still written.
func (a *Appender) Close() error {
	a.q.mu.Lock()
	defer a.q.mu.Unlock()
	if a.q.mu.owner == a {
		a.q.mu.owner = nil
	}
	return nil
}

func (q *Queue) signal() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// Take waits for requests and takes all there are. It returns none when the
// writer is to end: after Stop, once the queue is empty, or after Fail.
func (q *Queue) Take() []*Request {
	for {
		q.mu.Lock()
		reqs, end := q.mu.waiting, q.mu.closing || q.mu.err != nil
		q.mu.waiting = nil
		q.mu.Unlock()
		if len(reqs) > 0 || end {
			return reqs
		}
		<-q.wake
	}
}

// Waiting reports whether Take would return requests at once.
func (q *Queue) Waiting() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.mu.waiting) > 0
}

// Fail refuses all that waits and all that comes. It reports whether this was
// the first failure; later ones change nothing.
func (q *Queue) Fail(err error) bool {
	q.mu.Lock()
	first := q.mu.err == nil
	if first {
		q.mu.err = err
	}
	err = q.mu.err
	waiting := q.mu.waiting
	q.mu.waiting = nil
	q.mu.Unlock()
	q.signal()
	for _, r := range waiting {
		r.Refuse(err)
	}
	return first
}

// Err returns the error of the first Fail.
func (q *Queue) Err() error {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.mu.err
}

// Stop lets nothing more in; Take returns what waits, then nothing.
func (q *Queue) Stop() {
	q.mu.Lock()
	q.mu.closing = true
	q.mu.Unlock()
	q.signal()
}
