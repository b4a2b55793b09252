package woodpecker

import (
	"fmt"
	"log/slog"
	"sync"

	"github.com/redkite-db/redkite/internal/base"
	"github.com/redkite-db/redkite/internal/vfs"
	"github.com/redkite-db/redkite/mq"
	"github.com/redkite-db/redkite/mq/cutfile"
)

// channel is the state of one channel. Lock order: opMu, cutMu, mu, and alone
// the writer's queue. No file is touched under mu.
type channel struct {
	log  *Log
	name base.Channel

	opMu      sync.Mutex // recovery, opening and closing, one at a time
	cutMu     sync.Mutex // the cut file; taken under opMu or alone
	recovered bool       // guarded by opMu
	writer    *writer    // guarded by opMu; nil until the first open
	pool      *pool

	mu struct {
		sync.Mutex
		segments []*segment // the chain, oldest first; the last one is written
		cut      cutfile.Cut
		cutAt    place         // of cut
		cutEnd   int64         // in segments[0]: blocks that end at or before it are cut
		news     chan struct{} // closed when readers may find more; nil if none waits
		subs     map[*subscription]struct{}
		closed   bool
	}
}

func newChannel(l *Log, name base.Channel) *channel {
	ch := &channel{log: l, name: name}
	ch.mu.subs = map[*subscription]struct{}{}
	ch.pool = newPool(ch)
	return ch
}

func (ch *channel) logger() *slog.Logger {
	return ch.log.cfg.Logger.With("channel", string(ch.name))
}

// tailLocked returns the segment that is written, or nil.
func (ch *channel) tailLocked() *segment {
	if n := len(ch.mu.segments); n > 0 {
		return ch.mu.segments[n-1]
	}
	return nil
}

// heldLocked returns the bytes of durable blocks after the cut.
func (ch *channel) heldLocked() int64 {
	var n int64
	for i, s := range ch.mu.segments {
		from := int64(pageSize)
		if i == 0 {
			from = max(from, ch.mu.cutEnd)
		}
		n += s.end.off - from
	}
	return n
}

func (ch *channel) announceLocked() {
	if ch.mu.news != nil {
		close(ch.mu.news)
		ch.mu.news = nil
	}
}

// open takes the channel for a term: later appends of earlier owners are
// refused, and what they have queued either lies before the opening record or
// is refused too.
func (ch *channel) open(term int64) (mq.Appender, base.Position, error) {
	ch.opMu.Lock()
	defer ch.opMu.Unlock()
	if ch.isClosed() {
		return nil, base.Position{}, mq.ErrClosed
	}
	if err := ch.startWriter(); err != nil {
		return nil, base.Position{}, err
	}
	ch.mu.Lock()
	highest := ch.mu.cutAt.term
	if tail := ch.tailLocked(); tail != nil {
		highest = max(highest, tail.end.last.term)
	}
	ch.mu.Unlock()
	if term <= highest {
		return nil, base.Position{}, fmt.Errorf("woodpecker: term %d of %s, which term %d has: %w", term, ch.name, highest, mq.ErrFenced)
	}
	a, opening := ch.writer.q.Open(term)
	pos, err := opening.Wait()
	if err != nil {
		return nil, base.Position{}, err
	}
	return a, pos, nil
}

func (ch *channel) isClosed() bool {
	ch.mu.Lock()
	defer ch.mu.Unlock()
	return ch.mu.closed
}

// startWriter makes sure that a writer runs. One that failed is replaced: its
// file is opened anew and writing goes on where the last successful sync
// ended. What lies behind that point was never confirmed; the opening record
// overwrites its beginning, and with it the chain to the rest.
func (ch *channel) startWriter() error {
	if ch.writer != nil {
		if ch.writer.q.Err() == nil {
			return nil
		}
		ch.writer.stop()
		ch.writer = nil
	}
	ch.mu.Lock()
	tail := ch.tailLocked()
	sealTried := tail != nil && tail.sealTried
	ch.mu.Unlock()
	w := newWriter(ch)
	if tail != nil {
		f, err := ch.log.cfg.FS.OpenReadWrite(tail.path)
		if err != nil {
			return fmt.Errorf("woodpecker: %w", err)
		}
		err = f.Preallocate(tail.length) // its end may be lost
		if err == nil && sealTried {
			err = clearSeal(f, tail)
		}
		if err != nil {
			_ = f.Close() // the first error tells more
			return diskError(err, "prepare "+tail.path)
		}
		ch.mu.Lock()
		tail.sealTried = false
		ch.mu.Unlock()
		w.seg, w.file = tail, f
		w.at = tail.end
	}
	w.start()
	ch.writer = w
	return nil
}

// clearSeal removes a seal that could not be made durable: writing goes on
// in front of it.
func clearSeal(f vfs.File, s *segment) error {
	if _, err := f.WriteAt(make([]byte, pageSize), s.blocksEnd()); err != nil {
		return err
	}
	return f.Sync()
}

// diskError tells a full disk from other failures.
func diskError(err error, what string) error {
	if vfs.IsNoSpace(err) {
		return fmt.Errorf("woodpecker: %s: %w: %w", what, mq.ErrFull, err)
	}
	return fmt.Errorf("woodpecker: %s: %w", what, err)
}

// truncate moves the cut and lets go of the segments before it.
func (ch *channel) truncate(to place, pos base.Position) error {
	ch.cutMu.Lock()
	defer ch.cutMu.Unlock()
	ch.mu.Lock()
	next := ch.mu.cut.Next(pos)
	nothing := !ch.mu.cutAt.before(to) || len(ch.mu.segments) == 0
	closed := ch.mu.closed
	ch.mu.Unlock()
	switch {
	case closed:
		return mq.ErrClosed
	case nothing:
		return nil
	}
	if err := cutfile.Write(ch.log.cfg.FS, ch.cutPath(), next); err != nil {
		return fmt.Errorf("woodpecker: %w", err)
	}
	ch.mu.Lock()
	ch.mu.cut, ch.mu.cutAt = next, to
	ch.dropDeadLocked()
	ch.mu.Unlock()
	ch.findCutEnd()
	ch.pool.reclaim()
	return nil
}

// ensureCut makes the file of the cut before there is anything to remove, so
// that a full disk cannot keep the log from being cut.
func (ch *channel) ensureCut() error {
	ch.cutMu.Lock()
	defer ch.cutMu.Unlock()
	ch.mu.Lock()
	cut := ch.mu.cut
	ch.mu.Unlock()
	if cut.Count > 0 {
		return nil
	}
	cut = cut.Next(base.Position{Generation: ch.log.cfg.Generation})
	if err := cutfile.Write(ch.log.cfg.FS, ch.cutPath(), cut); err != nil {
		return diskError(err, "the file of the cut")
	}
	ch.mu.Lock()
	ch.mu.cut = cut
	ch.mu.Unlock()
	return nil
}

// dropDeadLocked takes the segments out of the chain that end before the cut,
// and reports whether there were any. The last segment that has a block
// always stays: it says where the channel ends.
func (ch *channel) dropDeadLocked() bool {
	dropped := false
	for len(ch.mu.segments) > 1 {
		s, next := ch.mu.segments[0], ch.mu.segments[1]
		if next.end.off == pageSize || ch.mu.cutAt.before(s.end.last) {
			break
		}
		s.dead, dropped = true, true
		ch.pool.addDead(s)
		ch.mu.segments = ch.mu.segments[1:]
		ch.mu.cutEnd = pageSize
	}
	return dropped
}

// findCutEnd finds the first block after the cut, to know how much is held.
// It goes by headers; where one is bad it stops, and readers report it.
func (ch *channel) findCutEnd() {
	ch.mu.Lock()
	s, cut := ch.mu.segments[0], ch.mu.cutAt
	from, end := max(pageSize, ch.mu.cutEnd), s.end.off
	ch.mu.Unlock()
	f, err := ch.log.cfg.FS.Open(s.path)
	if err != nil {
		return
	}
	defer f.Close()
	buf := make([]byte, headerLen)
	for from < end {
		h, _, err := readHeader(f, s, from, buf)
		if err != nil || h.count > 0 && cut.before(h.last()) {
			break
		}
		from = h.end()
	}
	ch.mu.Lock()
	ch.mu.cutEnd = from
	ch.mu.Unlock()
}

// close ends the writer, the subscriptions and the work in the background.
func (ch *channel) close() {
	ch.opMu.Lock()
	defer ch.opMu.Unlock()
	if ch.writer != nil {
		ch.writer.stop()
		ch.writer = nil
	}
	ch.mu.Lock()
	ch.mu.closed = true
	subs := ch.mu.subs
	ch.mu.subs = map[*subscription]struct{}{}
	ch.mu.Unlock()
	for sub := range subs {
		sub.end()
	}
	ch.pool.close()
}
