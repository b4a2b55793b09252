package woodpecker

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/redkite-db/redkite/internal/vfs"
	"github.com/redkite-db/redkite/mq"
)

const (
	firstRead = 64 << 10 // of a block, before its length is known
	keepRead  = 4 << 20  // a buffer longer than this is not kept
)

// subscription reads a channel's durable records. It keeps the segment that
// it reads from being removed.
type subscription struct {
	ch     *channel
	closed chan struct{}
	once   sync.Once

	// mu is held while files are read, never while waiting.
	mu      sync.Mutex
	after   place // records up to it were given out or are not wanted
	seg     *segment
	file    vfs.File
	at      chain  // the next block
	body    []byte // what is left of the block being given out
	rec     place  // the last record taken from body
	buf     []byte
	ended   bool
	failure error // damage is found once and stays
}

func (ch *channel) subscribe(after place, fromCut bool) (mq.Subscription, error) {
	ch.mu.Lock()
	defer ch.mu.Unlock()
	switch {
	case ch.mu.closed:
		return nil, mq.ErrClosed
	case fromCut:
		after = ch.mu.cutAt
	case after.before(ch.mu.cutAt):
		return nil, ch.errGone(after)
	}
	s := &subscription{ch: ch, after: after, closed: make(chan struct{})}
	ch.mu.subs[s] = struct{}{}
	return s, nil
}

// Close implements mq.Subscription.
func (s *subscription) Close() error {
	s.ch.mu.Lock()
	delete(s.ch.mu.subs, s)
	s.ch.mu.Unlock()
	s.end()
	return nil
}

// end stops Next and closes the file.
func (s *subscription) end() {
	s.once.Do(func() { close(s.closed) })
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = true
	s.leave()
	s.buf, s.body = nil, nil
}

// leave lets go of the segment.
func (s *subscription) leave() {
	if s.file != nil {
		_ = s.file.Close() // only read
		s.file = nil
	}
	if s.seg == nil {
		return
	}
	s.ch.mu.Lock()
	s.seg.readers--
	free := s.seg.dead && s.seg.readers == 0
	s.ch.mu.Unlock()
	s.seg = nil
	if free {
		s.ch.pool.reclaim()
	}
}

// Next implements mq.Subscription.
func (s *subscription) Next(ctx context.Context) (mq.Record, error) {
	for {
		rec, news, err := s.poll()
		if news == nil {
			return rec, err
		}
		select {
		case <-news:
		case <-ctx.Done():
			return mq.Record{}, ctx.Err()
		case <-s.closed:
			return mq.Record{}, mq.ErrClosed
		}
	}
}

// poll returns the next record, an error, or a channel that is closed when
// there may be more.
func (s *subscription) poll() (mq.Record, <-chan struct{}, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		switch {
		case s.ended:
			return mq.Record{}, nil, mq.ErrClosed
		case s.failure != nil:
			return mq.Record{}, nil, s.failure
		}
		for len(s.body) > 0 {
			data, rest, err := nextRecord(s.body)
			if err != nil {
				s.failure = s.damage(s.at.off, "record lengths do not add up")
				return mq.Record{}, nil, s.failure
			}
			s.body = rest
			s.rec.seq++
			if s.after.before(s.rec) {
				s.after = s.rec
				return mq.Record{Position: s.rec.position(s.ch.log.cfg.Generation), Term: s.rec.term, Data: data}, nil, nil
			}
		}
		if news, err := s.load(); err != nil || news != nil {
			if errors.Is(err, mq.ErrCorrupt) {
				s.failure = err
			}
			return mq.Record{}, news, err
		}
	}
}

// load brings the next block with wanted records into body.
func (s *subscription) load() (<-chan struct{}, error) {
	if s.seg == nil {
		if news, err := s.enter(); err != nil || news != nil {
			return news, err
		}
	}
	s.ch.mu.Lock()
	limit, sealed, next := s.seg.end, s.seg.sealed, s.seg.next
	if s.at.off >= limit.off && !sealed {
		news := s.newsLocked()
		s.ch.mu.Unlock()
		return news, nil
	}
	s.ch.mu.Unlock()
	if s.at.off < limit.off {
		return nil, s.readBlock(limit.off)
	}
	if s.at != limit || next.begin.sum != limit.sum || next.begin.last.seq != limit.last.seq {
		return nil, s.damage(s.at.off, "the segment's end does not fit what follows")
	}
	return nil, s.move(next)
}

func (s *subscription) newsLocked() <-chan struct{} {
	if s.ch.mu.news == nil {
		s.ch.mu.news = make(chan struct{})
	}
	return s.ch.mu.news
}

// enter finds the segment to begin with.
func (s *subscription) enter() (<-chan struct{}, error) {
	s.ch.mu.Lock()
	defer s.ch.mu.Unlock()
	if s.after.before(s.ch.mu.cutAt) {
		return nil, s.ch.errGone(s.after)
	}
	for _, seg := range s.ch.mu.segments {
		if !seg.sealed || s.after.before(seg.end.last) {
			seg.readers++
			s.seg, s.at = seg, seg.begin
			return nil, nil
		}
	}
	return s.newsLocked(), nil
}

// move goes on to the next segment of the chain.
func (s *subscription) move(next *segment) error {
	s.ch.mu.Lock()
	gone := next.gone
	if !gone {
		next.readers++
	}
	s.ch.mu.Unlock()
	s.leave()
	if gone {
		return s.ch.errGone(s.after)
	}
	s.seg, s.at = next, next.begin
	return nil
}

// readBlock reads the block at s.at, which is durable, so that anything wrong
// with it is damage. Blocks that hold nothing wanted are passed by header.
func (s *subscription) readBlock(limit int64) error {
	if s.file == nil {
		f, err := s.ch.log.cfg.FS.Open(s.seg.path)
		if err != nil {
			return fmt.Errorf("woodpecker: %w", err)
		}
		s.file = f
	}
	if cap(s.buf) < firstRead {
		s.buf = make([]byte, firstRead)
	}
	head := s.buf[:min(firstRead, limit-s.at.off)]
	if err := readAt(s.file, head, s.at.off); err != nil {
		return s.wrong(err, s.at.off, "the file ends too early")
	}
	h, err := decodeBlockHeader(head, s.seg.id, s.at.off)
	if err != nil || h.end() > limit {
		return s.damage(s.at.off, "no valid block header")
	}
	if !s.at.follows(h) {
		return s.damage(s.at.off, "the block does not follow the one before it")
	}
	if h.count == 0 || !s.after.before(h.last()) {
		return s.passBlock(h)
	}
	block, err := s.wholeBlock(head, h)
	if err != nil {
		return s.wrong(err, s.at.off, "the file ends too early")
	}
	sum, body, err := checkBlock(block, h)
	if err != nil {
		return s.damage(s.at.off, "checksum mismatch")
	}
	s.body, s.rec = body, place{term: h.first.term, seq: h.first.seq - 1}
	s.at = s.at.after(h, sum)
	return nil
}

func (s *subscription) passBlock(h blockHeader) error {
	head := make([]byte, headerLen)
	_, sum, err := readHeader(s.file, s.seg, h.offset, head)
	if err != nil {
		return s.wrong(err, h.offset, "no valid block trailer")
	}
	s.at = s.at.after(h, sum)
	return nil
}

// wholeBlock reads the rest of a block whose first bytes are in head.
func (s *subscription) wholeBlock(head []byte, h blockHeader) ([]byte, error) {
	n := int(h.length())
	if n <= len(head) {
		return head[:n], nil
	}
	block := s.buf
	if cap(block) < n {
		block = make([]byte, n)
		copy(block, head)
		if n <= keepRead {
			s.buf = block
		}
	}
	block = block[:n]
	return block, readAt(s.file, block[len(head):], h.offset+int64(len(head)))
}

// wrong tells damage from an error of the disk.
func (s *subscription) wrong(err error, off int64, what string) error {
	if errors.Is(err, errInvalid) {
		return s.damage(off, what)
	}
	return err
}

func (s *subscription) damage(off int64, what string) error {
	return damage(s.seg.path, off, what)
}

func damage(path string, off int64, what string) error {
	return fmt.Errorf("woodpecker: %s at offset %d: %s: %w", path, off, what, mq.ErrCorrupt)
}
