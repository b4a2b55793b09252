package woodpecker

import (
	"fmt"
	"sync"

	"github.com/redkite-db/redkite/internal/vfs"
	"github.com/redkite-db/redkite/mq/appendq"
)

const (
	// packLimit is the size up to which waiting batches share a block.
	packLimit = 1 << 20
	// groupLimit is the size from which blocks do not wait for more to share a
	// sync: it is better to write these while the others are synced.
	groupLimit = 8 << 20
)

// writer appends to a channel's last segment. One goroutine packs what waits
// into blocks and writes them; the sync runs in a second one while more is
// waiting, so that the next blocks are written meanwhile, and in the first
// one otherwise, which saves the handover.
type writer struct {
	ch *channel

	q *appendq.Queue

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
	reqs []*appendq.Request // their positions or errors are set
}

func newWriter(ch *channel) *writer {
	return &writer{
		ch: ch, q: appendq.New(ch.name, ch.log.cfg.MaxRecord, maxBlockBody), marked: true,
		syncing: make(chan struct{}, 1), groups: make(chan *group),
	}
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
	w.q.Stop()
	w.wg.Wait()
}

// fail makes the writer refuse everything from now on.
func (w *writer) fail(err error) {
	if w.q.Fail(err) {
		w.ch.logger().Error("log append failed; the next owner goes on from the last durable record", "error", err)
	}
}

// write is the writing goroutine.
func (w *writer) write() {
	defer close(w.groups)
	for {
		reqs := w.q.Take()
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
				w.abandon(nil, reqs, w.q.Err())
				break
			}
		}
	}
	w.syncing <- struct{}{} // wait for the last sync
	if w.q.Err() == nil {
		w.mark()
	}
	<-w.syncing
	if w.file != nil {
		_ = w.file.Close() // all that matters was synced
	}
}

// abandon fails the requests of a group that could not be written, and all
// that wait behind them.
func (w *writer) abandon(g *group, reqs []*appendq.Request, err error) {
	w.fail(err)
	if g != nil {
		reqs = append(g.reqs, reqs...)
	}
	for _, r := range reqs {
		r.Refuse(err)
	}
}

// commit has a group synced, after the one before it. It reports whether the
// writer is still sound.
func (w *writer) commit(g *group) bool {
	w.syncing <- struct{}{}
	if w.q.Waiting() {
		w.groups <- g
		return true
	}
	w.finish(g)
	<-w.syncing
	return w.q.Err() == nil
}

// finish makes a group durable, shows it to readers and answers its requests.
func (w *writer) finish(g *group) {
	err := w.q.Err()
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
		if r.Err == nil {
			r.Err = err
		}
		r.Answer()
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
