package woodpecker

import (
	"fmt"
	"sync"

	"github.com/redkite-db/redkite/internal/base"
	"github.com/redkite-db/redkite/internal/vfs"
	"github.com/redkite-db/redkite/mq"
)

// packLimit is the size up to which waiting batches share a block.
const packLimit = 1 << 20

// writer appends to a channel's last segment. One goroutine packs what waits
// into blocks and writes them; the sync runs in a second one while more is
// waiting, so that the next blocks are written meanwhile, and in the first
// one otherwise, which saves the handover.
type writer struct {
	ch *channel

	q struct {
		sync.Mutex
		waiting []*request
		owner   *appender
		err     error // of the failure after which nothing is appended
		closing bool
	}
	wake chan struct{} // holds a token when q changed

	// syncing holds a token while a group is being synced: groups become
	// durable in the order in which they were written.
	syncing chan struct{}
	groups  chan *group
	wg      sync.WaitGroup

	// Owned by the writing goroutine.
	seg    *segment
	file   vfs.File
	at     chain // behind the last block written
	marked bool  // nothing was written since the last mark
	asked  bool  // the next segment is being prepared
	out    output
}

// group is what one sync makes durable.
type group struct {
	seg  *segment
	file vfs.File
	end  chain
	reqs []*request // their positions or errors are set
}

func newWriter(ch *channel) *writer {
	return &writer{ch: ch, wake: make(chan struct{}, 1), syncing: make(chan struct{}, 1), groups: make(chan *group), marked: true}
}

func (w *writer) start() {
	w.wg.Go(w.write)
	w.wg.Go(func() {
		for g := range w.groups {
			w.finish(g)
			<-w.syncing
		}
	})
}

// stop waits for what is queued, then ends the goroutines.
func (w *writer) stop() {
	w.q.Lock()
	w.q.closing = true
	w.q.Unlock()
	w.signal()
	w.wg.Wait()
}

func (w *writer) signal() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

func (w *writer) failed() error {
	w.q.Lock()
	defer w.q.Unlock()
	return w.q.err
}

// fail makes the writer refuse everything from now on.
func (w *writer) fail(err error) {
	w.q.Lock()
	first := w.q.err == nil
	if first {
		w.q.err = err
	}
	waiting := w.q.waiting
	w.q.waiting = nil
	w.q.Unlock()
	if first {
		w.ch.logger().Error("log append failed; the next owner goes on from the last durable record", "error", err)
	}
	for _, r := range waiting {
		r.resolve(base.Position{}, err)
	}
}

// own makes a the owner, refuses what earlier owners have waiting, and queues
// a's opening record.
func (w *writer) own(a *appender, opening *request) {
	w.q.Lock()
	refused := w.q.waiting
	w.q.waiting = []*request{opening}
	w.q.owner = a
	err := w.q.err
	if err != nil {
		w.q.waiting = nil
	}
	w.q.Unlock()
	w.signal()
	for _, r := range refused {
		r.resolve(base.Position{}, w.fenced(r.term, a.term))
	}
	if err != nil {
		opening.resolve(base.Position{}, err)
	}
}

func (w *writer) fenced(term, by int64) error {
	return fmt.Errorf("woodpecker: term %d of %s, which term %d has: %w", term, w.ch.name, by, mq.ErrFenced)
}

// disown ends a's right to append.
func (w *writer) disown(a *appender) {
	w.q.Lock()
	defer w.q.Unlock()
	if w.q.owner == a {
		w.q.owner = nil
	}
}

func (w *writer) submit(a *appender, r *request) {
	w.q.Lock()
	err := w.q.err
	switch {
	case w.q.owner != nil && w.q.owner != a:
		err = w.fenced(a.term, w.q.owner.term)
	case err != nil:
	case w.q.owner != a || w.q.closing:
		err = mq.ErrClosed
	default:
		w.q.waiting = append(w.q.waiting, r)
	}
	w.q.Unlock()
	if err != nil {
		r.resolve(base.Position{}, err)
		return
	}
	w.signal()
}

// take waits for requests. It returns none when the writer is to end.
func (w *writer) take() []*request {
	for {
		w.q.Lock()
		reqs, end := w.q.waiting, w.q.closing || w.q.err != nil
		w.q.waiting = nil
		w.q.Unlock()
		if len(reqs) > 0 || end {
			return reqs
		}
		<-w.wake
	}
}

// write is the writing goroutine.
func (w *writer) write() {
	defer close(w.groups)
	for {
		reqs := w.take()
		if len(reqs) == 0 {
			break
		}
		for len(reqs) > 0 {
			var g *group
			var err error
			if g, reqs, err = w.writeGroup(reqs); err != nil {
				w.abandon(g, reqs, err)
				break
			}
			if !w.commit(g) {
				w.abandon(nil, reqs, w.failed())
				break
			}
		}
	}
	w.syncing <- struct{}{} // wait for the last sync
	if w.failed() == nil {
		w.mark()
	}
	<-w.syncing
	if w.file != nil {
		_ = w.file.Close() // all that matters was synced
	}
}

// abandon fails the requests of a group that could not be written, and all
// that wait behind them.
func (w *writer) abandon(g *group, reqs []*request, err error) {
	w.fail(err)
	if g != nil {
		reqs = append(g.reqs, reqs...)
	}
	for _, r := range reqs {
		r.resolve(base.Position{}, err)
	}
}

// commit has a group synced, after the one before it. It reports whether the
// writer is still sound.
func (w *writer) commit(g *group) bool {
	w.syncing <- struct{}{}
	w.q.Lock()
	more := len(w.q.waiting) > 0
	w.q.Unlock()
	if more {
		w.groups <- g
		return true
	}
	w.finish(g)
	<-w.syncing
	return w.failed() == nil
}

// finish makes a group durable, shows it to readers and answers its requests.
func (w *writer) finish(g *group) {
	err := w.failed()
	if err == nil && g.file != nil {
		if err = g.file.Sync(); err != nil {
			err = fmt.Errorf("woodpecker: sync of %s: %w", g.seg.path, err)
			w.fail(err)
		}
	}
	if err == nil && g.file != nil {
		w.publish(g)
	}
	for _, r := range g.reqs {
		if r.err == nil {
			r.err = err
		}
		r.resolve(r.pos, r.err)
	}
}

func (w *writer) publish(g *group) {
	w.ch.mu.Lock()
	g.seg.end = g.end
	w.ch.announceLocked()
	dropped := w.ch.dropDeadLocked()
	w.ch.mu.Unlock()
	if dropped {
		w.ch.pool.reclaim()
	}
}

// mark writes an empty block that says that all before it is durable, so that
// damage done to it while the log is closed cannot pass for a torn tail.
func (w *writer) mark() {
	if w.seg == nil || w.marked || w.at.off+pageSize > w.seg.blocksEnd() {
		return
	}
	w.out.reset(w.file, w.at.off)
	at := w.block(nil, w.at.off)
	err := w.out.flush()
	if err == nil {
		err = w.file.Sync()
	}
	if err != nil {
		w.ch.logger().Warn("the mark of a clean end could not be written", "error", err)
		return
	}
	w.at, w.marked = at, true
	w.publish(&group{seg: w.seg, end: at})
}
