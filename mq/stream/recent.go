package stream

import (
	"sync"

	"github.com/redkite-db/redkite/internal/base"
	"github.com/redkite-db/redkite/mq"
)

// recentLimit is how many request ids an owner remembers: more than can be
// retried before their client gave up.
const recentLimit = 16384

// recent remembers the newest requests and the timestamps they got, so that a
// retry is answered and not repeated.
type recent struct {
	mu struct {
		sync.Mutex
		byID map[mq.RequestID]*outcome
		ring []mq.RequestID // landed requests, oldest at next
		next int
	}
}

// outcome of a request: under way until done is closed.
type outcome struct {
	done chan struct{}
	ts   base.Timestamp
	gone bool // it was not written
}

func newRecent(limit int) *recent {
	r := &recent{}
	r.mu.byID = make(map[mq.RequestID]*outcome)
	r.mu.ring = make([]mq.RequestID, limit)
	return r
}

// begin returns the outcome of an earlier request of that id, nil if there is
// none: then the caller carries it out and calls add or forget.
func (r *recent) begin(id mq.RequestID) *outcome {
	r.mu.Lock()
	defer r.mu.Unlock()
	if o := r.mu.byID[id]; o != nil {
		return o
	}
	r.mu.byID[id] = &outcome{done: make(chan struct{})}
	return nil
}

// add remembers that a request is in the log.
func (r *recent) add(id mq.RequestID, ts base.Timestamp) {
	r.mu.Lock()
	defer r.mu.Unlock()
	o := r.mu.byID[id]
	if o == nil {
		o = &outcome{done: make(chan struct{})}
		r.mu.byID[id] = o
	} else if o.ts != 0 {
		return
	}
	o.ts = ts
	close(o.done)
	if old := r.mu.ring[r.mu.next]; old != (mq.RequestID{}) {
		delete(r.mu.byID, old)
	}
	r.mu.ring[r.mu.next] = id
	r.mu.next = (r.mu.next + 1) % len(r.mu.ring)
}

// forget says that a request was not written: a retry is carried out.
func (r *recent) forget(id mq.RequestID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if o := r.mu.byID[id]; o != nil && o.ts == 0 {
		o.gone = true
		delete(r.mu.byID, id)
		close(o.done)
	}
}
