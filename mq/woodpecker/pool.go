package woodpecker

import (
	"fmt"
	"path/filepath"
	"sync"

	"github.com/redkite-db/redkite/internal/vfs"
	"github.com/redkite-db/redkite/mq"
)

// pool holds the segment that is ready to be used next, and turns segments
// before the cut into that one or removes them. What takes time is done by
// one goroutine, which ends when there is nothing to do.
type pool struct {
	ch *channel
	wg sync.WaitGroup
	// mu may be taken under the channel's mu, not the reverse.
	mu struct {
		sync.Mutex
		changed   *sync.Cond
		ready     *segment
		preparing bool // the goroutine makes a segment that will be ready
		wanted    bool // one should be made ready
		running   bool
		closed    bool
		dead      []*segment
		nextID    uint64
		length    int64 // of the last segment made
	}
}

func newPool(ch *channel) *pool {
	p := &pool{ch: ch}
	p.mu.changed = sync.NewCond(&p.mu)
	p.mu.nextID = 1
	return p
}

// take returns a segment of which at least need bytes are usable.
func (p *pool) take(need int64) (*segment, error) {
	p.mu.Lock()
	for p.mu.preparing {
		p.mu.changed.Wait()
	}
	if s := p.mu.ready; s != nil && usable(s.length) >= need {
		p.mu.ready = nil
		p.mu.Unlock()
		return s, nil
	}
	first := p.mu.length == 0
	regular := p.lengthLocked()
	size := max(regular, lengthFor(need))
	p.mu.Unlock()
	// The first file, and one for a large batch, are not filled with zeros: a
	// start should take no time, and a batch need not be written twice.
	if !first {
		if err := p.ch.ensureCut(); err != nil {
			return nil, err
		}
	}
	return p.create(size, !first && size == regular)
}

// giveBack returns a segment that was taken and not used.
func (p *pool) giveBack(s *segment) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.mu.ready == nil {
		p.mu.ready = s
		return
	}
	s.dead = true
	p.mu.dead = append(p.mu.dead, s)
	p.runLocked()
}

// lengthLocked returns the length of the next segment.
func (p *pool) lengthLocked() int64 {
	cfg := &p.ch.log.cfg
	return min(cfg.SegmentSize, max(cfg.FirstSegment, 2*p.mu.length))
}

func (p *pool) newIDLocked() uint64 {
	id := p.mu.nextID
	p.mu.nextID++
	return id
}

// create makes a segment's file, ready to be written in place.
func (p *pool) create(length int64, zero bool) (*segment, error) {
	p.mu.Lock()
	id := p.newIDLocked()
	p.mu.Unlock()
	s := &segment{id: id, path: p.ch.segmentPath(id), length: length}
	fsys := p.ch.log.cfg.FS
	f, err := fsys.Create(s.path)
	if err != nil {
		return nil, diskError(err, "create a segment")
	}
	if err = f.Preallocate(length); err == nil && zero {
		err = fillZeros(f, length)
	}
	if err == nil {
		_, err = f.WriteAt(p.header(s), 0)
	}
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = fsys.SyncDir(filepath.Dir(s.path))
	}
	if err != nil {
		_ = fsys.Remove(s.path) // if it stays, the next start removes it
		return nil, diskError(err, "create segment "+s.path)
	}
	p.mu.Lock()
	p.mu.length = min(length, p.ch.log.cfg.SegmentSize)
	p.mu.Unlock()
	return s, nil
}

func (p *pool) header(s *segment) []byte {
	return segmentHeader{id: s.id, length: s.length, generation: p.ch.log.cfg.Generation, channel: p.ch.name}.encode()
}

func fillZeros(f vfs.File, length int64) error {
	zeros := make([]byte, min(length, 256<<10))
	for off := int64(0); off < length; off += int64(len(zeros)) {
		if _, err := f.WriteAt(zeros[:min(int64(len(zeros)), length-off)], off); err != nil {
			return err
		}
	}
	return nil
}

// recycle gives a segment's file a new id. Old blocks in it name the old id,
// so that nobody takes them for records.
func (p *pool) recycle(old *segment) (*segment, error) {
	p.mu.Lock()
	id := p.newIDLocked()
	p.mu.Unlock()
	s := &segment{id: id, path: p.ch.segmentPath(id), length: old.length}
	fsys := p.ch.log.cfg.FS
	if err := fsys.Rename(old.path, s.path); err != nil {
		return nil, err
	}
	err := fsys.SyncDir(filepath.Dir(s.path))
	var f vfs.File
	if err == nil {
		f, err = fsys.OpenReadWrite(s.path)
	}
	if err != nil {
		return nil, err
	}
	if err = f.Preallocate(s.length); err == nil {
		_, err = f.WriteAt(p.header(s), 0)
	}
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	return s, err
}

// addDead hands over a segment whose records are all before the cut.
func (p *pool) addDead(s *segment) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mu.dead = append(p.mu.dead, s)
}

// prepare has a segment made ready, if none is.
func (p *pool) prepare() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.mu.ready == nil {
		p.mu.wanted = true
		p.runLocked()
	}
}

// reclaim has the dead segments that nobody reads reused or removed.
func (p *pool) reclaim() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.runLocked()
}

func (p *pool) runLocked() {
	if !p.mu.running && !p.mu.closed {
		p.mu.running = true
		p.wg.Go(p.run)
	}
}

func (p *pool) run() {
	for {
		s, ok := p.nextDead()
		p.mu.Lock()
		switch {
		case p.mu.closed || !ok && !p.mu.wanted:
			p.mu.running = false
			p.mu.Unlock()
			return
		case ok && p.mu.ready == nil && p.regular(s):
			p.mu.preparing = true
			p.mu.Unlock()
			fresh, err := p.recycle(s)
			if err != nil {
				p.ch.logger().Warn("a log segment could not be reused", "file", s.path, "error", err)
			}
			p.made(fresh, err)
		case ok:
			p.mu.Unlock()
			if err := p.ch.log.cfg.FS.Remove(s.path); err != nil {
				p.ch.logger().Warn("a log segment could not be removed", "file", s.path, "error", err)
			}
		default:
			p.mu.preparing = true
			length := p.lengthLocked()
			p.mu.Unlock()
			var fresh *segment
			err := p.ch.ensureCut()
			if err == nil {
				fresh, err = p.create(length, true)
			}
			if err != nil {
				p.ch.logger().Warn("no log segment could be prepared", "error", err)
			}
			p.made(fresh, err)
		}
	}
}

// regular reports whether a dead segment's file may serve again.
func (p *pool) regular(s *segment) bool {
	cfg := &p.ch.log.cfg
	return s.length >= cfg.FirstSegment && s.length <= cfg.SegmentSize
}

func (p *pool) made(s *segment, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err == nil {
		p.mu.ready = s
	}
	p.mu.preparing, p.mu.wanted = false, false
	p.mu.changed.Broadcast()
}

// nextDead takes a dead segment that nobody reads.
func (p *pool) nextDead() (*segment, bool) {
	p.ch.mu.Lock()
	defer p.ch.mu.Unlock()
	p.mu.Lock()
	defer p.mu.Unlock()
	for i, s := range p.mu.dead {
		if s.readers == 0 {
			s.gone = true
			p.mu.dead = append(p.mu.dead[:i:i], p.mu.dead[i+1:]...)
			return s, true
		}
	}
	return nil, false
}

// adopt takes over what recovery found: the ids in use, and files that
// nothing names.
func (p *pool) adopt(maxID uint64, length int64, unnamed []*segment) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mu.nextID, p.mu.length = maxID+1, length
	p.mu.dead = append(p.mu.dead, unnamed...)
	if len(p.mu.dead) > 0 {
		p.runLocked()
	}
}

// close waits for the work in the background. Segments that are still dead
// are removed after the next start.
func (p *pool) close() {
	p.mu.Lock()
	p.mu.closed = true
	p.mu.Unlock()
	p.wg.Wait()
}

// errGone is the answer to a reader that the cut overtook.
func (ch *channel) errGone(at place) error {
	return fmt.Errorf("woodpecker: %s after record %d of term %d: %w", ch.name, at.seq, at.term, mq.ErrTruncated)
}
