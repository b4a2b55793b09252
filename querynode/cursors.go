package querynode

import (
	"container/list"
	"sync"
	"time"

	"github.com/redkite-db/redkite/internal/base"
)

// CursorLimits bound what is kept of iterators between two batches. One that is
// not kept begins anew, so every limit costs time, never hits.
type CursorLimits struct {
	Count int           // cursors
	Bytes int64         // of memory of all of them, without the segments they pin
	Idle  time.Duration // since the last batch
}

// DefaultCursorLimits suit a process that serves some dozen iterators at a time.
func DefaultCursorLimits() CursorLimits {
	return CursorLimits{Count: 256, Bytes: 256 << 20, Idle: time.Minute}
}

// cursors keeps those that wait for their next batch. A cursor that a request
// has is not in it.
type cursors struct {
	limits CursorLimits
	now    func() time.Time
	stop   chan struct{}
	ended  chan struct{}
	mu     struct {
		sync.Mutex
		byKey  map[cursorKey]*list.Element
		order  *list.List // of heldCursor, the last used first
		bytes  int64
		closed bool
	}
}

type heldCursor struct {
	*cursor
	size int64
}

func startCursors(limits CursorLimits, now func() time.Time) *cursors {
	s := &cursors{limits: limits, now: now, stop: make(chan struct{}), ended: make(chan struct{})}
	s.mu.byKey, s.mu.order = make(map[cursorKey]*list.Element), list.New()
	go s.run()
	return s
}

// run gives up idle cursors.
func (s *cursors) run() {
	defer close(s.ended)
	tick := time.NewTicker(max(s.limits.Idle/4, time.Millisecond))
	defer tick.Stop()
	for {
		select {
		case <-s.stop:
			return
		case <-tick.C:
			s.expire()
		}
	}
}

// take removes the cursor of a key and returns it, nil if there is none.
func (s *cursors) take(key cursorKey) *cursor {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.mu.byKey[key]
	if e == nil {
		return nil
	}
	return s.removeLocked(e)
}

func (s *cursors) removeLocked(e *list.Element) *cursor {
	h := s.mu.order.Remove(e).(heldCursor)
	delete(s.mu.byKey, h.key)
	s.mu.bytes -= h.size
	return h.cursor
}

// put keeps a cursor and gives up those used least recently, itself if it is
// too large, as far as the limits ask for it.
func (s *cursors) put(c *cursor) {
	c.used = s.now()
	h := heldCursor{cursor: c, size: c.bytes()}
	var out []*cursor
	s.mu.Lock()
	if e := s.mu.byKey[c.key]; e != nil { // of another request with this token
		out = append(out, s.removeLocked(e))
	}
	s.mu.byKey[c.key] = s.mu.order.PushFront(h)
	s.mu.bytes += h.size
	for e := s.mu.order.Back(); e != nil && (s.mu.closed || s.mu.order.Len() > s.limits.Count || s.mu.bytes > s.limits.Bytes); e = s.mu.order.Back() {
		out = append(out, s.removeLocked(e))
	}
	s.mu.Unlock()
	closeCursors(out)
}

// expire gives up the cursors that were idle for too long.
func (s *cursors) expire() {
	before := s.now().Add(-s.limits.Idle)
	s.remove(func(c *cursor) bool { return c.used.Before(before) })
}

// drop gives up the cursors of a shard.
func (s *cursors) drop(id base.Shard) {
	s.remove(func(c *cursor) bool { return c.key.shard == id })
}

func (s *cursors) remove(named func(c *cursor) bool) {
	var out []*cursor
	s.mu.Lock()
	for e := s.mu.order.Front(); e != nil; {
		next := e.Next()
		if named(e.Value.(heldCursor).cursor) {
			out = append(out, s.removeLocked(e))
		}
		e = next
	}
	s.mu.Unlock()
	closeCursors(out)
}

// close gives up all cursors, and those that are put later.
func (s *cursors) close() {
	close(s.stop)
	<-s.ended
	s.mu.Lock()
	s.mu.closed = true
	s.mu.Unlock()
	s.remove(func(*cursor) bool { return true })
}

func closeCursors(out []*cursor) {
	for _, c := range out {
		c.close()
	}
}
