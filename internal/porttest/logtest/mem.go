package logtest

import (
	"context"
	"encoding/binary"
	"fmt"
	"sync"

	"github.com/redkite-db/redkite/internal/base"
	"github.com/redkite-db/redkite/mq"
)

// Options of a MemStore. The zero value is a log without limits.
type Options struct {
	MaxRecord  int   // bytes; 0: 1 MiB
	Capacity   int64 // bytes of data per channel; 0: unlimited
	Generation int64 // of the positions
}

// Outcome is what becomes of an append in a MemStore.
type Outcome int

const (
	// Durable stores the batch and confirms it.
	Durable Outcome = iota
	// Full refuses the batch with mq.ErrFull.
	Full
	// FailedKept stores the batch but fails its appender: an unknown outcome.
	FailedKept
	// FailedLost fails the appender and stores nothing: an unknown outcome.
	FailedLost
)

// MemStore is what a log in memory leaves behind: logs opened over it, one
// after another, see what earlier ones confirmed. Of one MemStore at most one
// Log is open, except between Kill and Close of the killed one.
type MemStore struct {
	opts Options
	mu   struct {
		sync.Mutex
		channels map[base.Channel]*memChannel
		current  *memLog
		outcome  func(ch base.Channel, batch [][]byte) Outcome
		held     bool
		queue    []*memPending // appends that wait while held
	}
}

type memChannel struct {
	records []mq.Record // after the cut
	last    mark        // of the last record or the cut, whichever is later
	cut     base.Position
	bytes   int64
	term    int64         // highest term opened by the current log
	changed chan struct{} // closed and replaced when records or cut change
}

// mark is a position in parts: term, then the count of records.
type mark struct {
	term int64
	seq  uint64
}

func (m mark) position(generation int64) base.Position {
	b := binary.BigEndian.AppendUint64(nil, uint64(m.term))
	return base.Position{Generation: generation, Offset: string(binary.BigEndian.AppendUint64(b, m.seq))}
}

// NewMemStore returns an empty store.
func NewMemStore(opts Options) *MemStore {
	if opts.MaxRecord == 0 {
		opts.MaxRecord = 1 << 20
	}
	s := &MemStore{opts: opts}
	s.mu.channels = map[base.Channel]*memChannel{}
	return s
}

// Open returns a log over the store. A log that is open is killed.
func (s *MemStore) Open() mq.Log {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.killLocked()
	s.mu.current = &memLog{store: s, closed: make(chan struct{})}
	return s.mu.current
}

// Kill ends the open log as the end of its process would: appends that are
// held back are lost, and whoever still uses the log gets mq.ErrClosed.
func (s *MemStore) Kill() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.killLocked()
}

func (s *MemStore) killLocked() {
	if s.mu.current != nil {
		s.mu.current.closeLocked()
	}
	for _, p := range s.mu.queue {
		p.resolve(base.Position{}, mq.ErrClosed)
	}
	s.mu.queue, s.mu.held = nil, false
	for _, c := range s.mu.channels {
		c.term = 0
	}
}

// Decide installs the function that chooses each append's outcome; nil makes
// all durable. It is called when the append would become durable.
func (s *MemStore) Decide(outcome func(ch base.Channel, batch [][]byte) Outcome) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mu.outcome = outcome
}

// Hold makes appends wait until Release, as a slow disk does.
func (s *MemStore) Hold() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mu.held = true
}

// Release lets what Hold held back, and all that follows, become durable.
func (s *MemStore) Release() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mu.held = false
	for _, p := range s.mu.queue {
		s.storeLocked(p)
	}
	s.mu.queue = nil
}

func (s *MemStore) channelLocked(ch base.Channel) *memChannel {
	c := s.mu.channels[ch]
	if c == nil {
		c = &memChannel{changed: make(chan struct{})}
		s.mu.channels[ch] = c
	}
	return c
}

func (c *memChannel) changedLocked() {
	close(c.changed)
	c.changed = make(chan struct{})
}

func (s *MemStore) addLocked(c *memChannel, term int64, batch [][]byte) base.Position {
	var pos base.Position
	for _, data := range batch {
		c.last = mark{term: term, seq: c.last.seq + 1}
		pos = c.last.position(s.opts.Generation)
		c.records = append(c.records, mq.Record{Position: pos, Term: term, Data: append([]byte(nil), data...)})
		c.bytes += int64(len(data))
	}
	c.changedLocked()
	return pos
}

// storeLocked brings an append to its end.
func (s *MemStore) storeLocked(p *memPending) {
	a := p.appender
	c := s.channelLocked(a.channel)
	switch {
	case a.err != nil:
		p.resolve(base.Position{}, a.err)
		return
	case a.term < c.term:
		a.err = fmt.Errorf("term %d of %s: %w", a.term, a.channel, mq.ErrFenced)
		p.resolve(base.Position{}, a.err)
		return
	}
	outcome := Durable
	if s.mu.outcome != nil {
		outcome = s.mu.outcome(a.channel, p.batch)
	}
	size := int64(0)
	for _, r := range p.batch {
		size += int64(len(r))
	}
	if s.opts.Capacity > 0 && c.bytes+size > s.opts.Capacity {
		outcome = Full
	}
	switch outcome {
	case Full:
		p.resolve(base.Position{}, fmt.Errorf("%s holds %d of %d bytes: %w", a.channel, c.bytes, s.opts.Capacity, mq.ErrFull))
		return
	case FailedKept, FailedLost:
		a.err = fmt.Errorf("append to %s failed as asked", a.channel)
	case Durable:
	}
	var pos base.Position
	if outcome != FailedLost {
		pos = s.addLocked(c, a.term, p.batch)
	}
	p.resolve(pos, a.err)
}

// memLog is a log over a MemStore.
type memLog struct {
	store  *MemStore
	closed chan struct{}
}

func (l *memLog) closeLocked() {
	select {
	case <-l.closed:
	default:
		close(l.closed)
	}
}

func (l *memLog) errLocked() error {
	select {
	case <-l.closed:
		return mq.ErrClosed
	default:
		return nil
	}
}

// Close implements mq.Log. Appends that are held back are confirmed first.
func (l *memLog) Close() error {
	l.store.mu.Lock()
	current := l.store.mu.current == l
	l.store.mu.Unlock()
	if current {
		l.store.Release()
	}
	l.store.mu.Lock()
	defer l.store.mu.Unlock()
	l.closeLocked()
	return nil
}

// Open implements mq.Log.
func (l *memLog) Open(ctx context.Context, ch base.Channel, term int64) (mq.Appender, base.Position, error) {
	s := l.store
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := l.errLocked(); err != nil {
		return nil, base.Position{}, err
	}
	if err := ctx.Err(); err != nil {
		return nil, base.Position{}, err
	}
	c := s.channelLocked(ch)
	if highest := max(c.last.term, c.term); term <= highest {
		return nil, base.Position{}, fmt.Errorf("term %d of %s, which term %d has: %w", term, ch, highest, mq.ErrFenced)
	}
	c.term = term
	pos := s.addLocked(c, term, [][]byte{nil})
	return &memAppender{log: l, channel: ch, term: term}, pos, nil
}

// Truncate implements mq.Log.
func (l *memLog) Truncate(_ context.Context, ch base.Channel, upTo base.Position) error {
	s := l.store
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := l.errLocked(); err != nil {
		return err
	}
	c := s.channelLocked(ch)
	if upTo.Compare(c.cut) <= 0 {
		return nil
	}
	c.cut = upTo
	keep := 0
	for keep < len(c.records) && c.records[keep].Position.Compare(upTo) <= 0 {
		c.bytes -= int64(len(c.records[keep].Data))
		keep++
	}
	c.records = append([]mq.Record(nil), c.records[keep:]...)
	c.changedLocked()
	return nil
}

// MaxRecord implements mq.Log.
func (l *memLog) MaxRecord() int { return l.store.opts.MaxRecord }

// Stats implements mq.Log.
func (l *memLog) Stats(ch base.Channel) mq.Stats {
	s := l.store
	s.mu.Lock()
	defer s.mu.Unlock()
	return mq.Stats{Bytes: s.channelLocked(ch).bytes, Capacity: s.opts.Capacity}
}

// Subscribe implements mq.Log.
func (l *memLog) Subscribe(_ context.Context, ch base.Channel, after base.Position) (mq.Subscription, error) {
	s := l.store
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := l.errLocked(); err != nil {
		return nil, err
	}
	c := s.channelLocked(ch)
	if after.IsZero() {
		after = c.cut
	}
	if after.Before(c.cut) {
		return nil, fmt.Errorf("%s after %v, cut at %v: %w", ch, after, c.cut, mq.ErrTruncated)
	}
	return &memSubscription{log: l, channel: ch, after: after, closed: make(chan struct{})}, nil
}

type memAppender struct {
	log     *memLog
	channel base.Channel
	term    int64
	err     error // guarded by the store's mutex
}

type memPending struct {
	appender *memAppender
	batch    [][]byte
	done     chan struct{}
	pos      base.Position
	err      error
}

func (p *memPending) resolve(pos base.Position, err error) {
	p.pos, p.err = pos, err
	close(p.done)
}

func (p *memPending) Wait() (base.Position, error) {
	<-p.done
	return p.pos, p.err
}

func (a *memAppender) Append(batch [][]byte) mq.Pending {
	s := a.log.store
	p := &memPending{appender: a, batch: batch, done: make(chan struct{})}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := a.log.errLocked(); err != nil {
		p.resolve(base.Position{}, err)
		return p
	}
	for _, r := range batch {
		if len(r) > s.opts.MaxRecord {
			p.resolve(base.Position{}, fmt.Errorf("record of %d bytes, limit %d: %w", len(r), s.opts.MaxRecord, mq.ErrTooLarge))
			return p
		}
	}
	if s.mu.held {
		s.mu.queue = append(s.mu.queue, p)
	} else {
		s.storeLocked(p)
	}
	return p
}

func (a *memAppender) Close() error {
	s := a.log.store
	s.mu.Lock()
	defer s.mu.Unlock()
	rest := s.mu.queue[:0]
	for _, p := range s.mu.queue {
		if p.appender == a {
			s.storeLocked(p)
		} else {
			rest = append(rest, p)
		}
	}
	s.mu.queue = rest
	if a.err == nil {
		a.err = mq.ErrClosed
	}
	return nil
}

type memSubscription struct {
	log     *memLog
	channel base.Channel
	after   base.Position
	once    sync.Once
	closed  chan struct{}
}

func (b *memSubscription) Next(ctx context.Context) (mq.Record, error) {
	for {
		rec, changed, err := b.poll()
		if changed == nil {
			return rec, err
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return mq.Record{}, ctx.Err()
		case <-b.closed:
			return mq.Record{}, mq.ErrClosed
		case <-b.log.closed:
			return mq.Record{}, mq.ErrClosed
		}
	}
}

// poll returns the next record, an error, or the channel that tells of news.
func (b *memSubscription) poll() (mq.Record, <-chan struct{}, error) {
	s := b.log.store
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case <-b.closed:
		return mq.Record{}, nil, mq.ErrClosed
	default:
	}
	if err := b.log.errLocked(); err != nil {
		return mq.Record{}, nil, err
	}
	c := s.channelLocked(b.channel)
	if b.after.Before(c.cut) {
		return mq.Record{}, nil, fmt.Errorf("%s after %v, cut at %v: %w", b.channel, b.after, c.cut, mq.ErrTruncated)
	}
	lo, hi := 0, len(c.records)
	for lo < hi {
		if mid := (lo + hi) / 2; c.records[mid].Position.Compare(b.after) > 0 {
			hi = mid
		} else {
			lo = mid + 1
		}
	}
	if lo == len(c.records) {
		return mq.Record{}, c.changed, nil
	}
	b.after = c.records[lo].Position
	return c.records[lo], nil, nil
}

func (b *memSubscription) Close() error {
	b.once.Do(func() { close(b.closed) })
	return nil
}
