package woodpecker

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"

	"github.com/redkite-db/redkite/internal/base"
	"github.com/redkite-db/redkite/internal/vfs"
	"github.com/redkite-db/redkite/mq"
)

// Config of a log. One process at a time may have a directory open; who opens
// the log sees to that.
type Config struct {
	Dir    string // made if missing
	FS     vfs.FS
	Logger *slog.Logger
	// Generation is that of the positions; see base.Position.
	Generation int64
	// SegmentSize is the length of a segment file in bytes. The default value is
	// 32 MiB.
	SegmentSize int64
	// FirstSegment is the length of a new channel's first file; each one is
	// twice as long as the last until SegmentSize. The default value is 4 MiB.
	FirstSegment int64
	// MaxRecord is the most bytes of one record. The default value is 16 MiB.
	MaxRecord int
	// Capacity is the most bytes that a channel may hold after its cut. The
	// default value is 0: as the disk allows.
	Capacity int64
}

func (c *Config) setDefaults() error {
	if c.SegmentSize == 0 {
		c.SegmentSize = 32 << 20
	}
	if c.FirstSegment == 0 {
		c.FirstSegment = min(4<<20, c.SegmentSize)
	}
	if c.MaxRecord == 0 {
		c.MaxRecord = 16 << 20
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	switch {
	case c.FS == nil || c.Dir == "":
		return fmt.Errorf("woodpecker: a file system and a directory are needed")
	case c.FirstSegment < minSegment || c.FirstSegment%pageSize != 0 || c.SegmentSize%pageSize != 0 ||
		c.SegmentSize < c.FirstSegment || c.SegmentSize > maxSegment:
		return fmt.Errorf("woodpecker: segment sizes %d and %d must be multiples of %d, at least %d, ascending",
			c.FirstSegment, c.SegmentSize, pageSize, minSegment)
	case c.MaxRecord < 1 || c.MaxRecord > maxBlockBody-lengthLen:
		return fmt.Errorf("woodpecker: largest record %d must be 1 to %d", c.MaxRecord, maxBlockBody-lengthLen)
	case c.Capacity < 0:
		return fmt.Errorf("woodpecker: capacity %d is negative", c.Capacity)
	}
	return nil
}

// Log is a write-ahead log in a directory.
type Log struct {
	cfg  Config
	done chan struct{} // closed by Close
	mu   struct {
		sync.Mutex
		closed   bool
		channels map[base.Channel]*channel
	}
}

var _ mq.Log = (*Log)(nil)

// Open opens the log of a directory. A channel is read when it is first used.
func Open(cfg Config) (*Log, error) {
	if err := cfg.setDefaults(); err != nil {
		return nil, err
	}
	if err := cfg.FS.MkdirAll(cfg.Dir); err != nil {
		return nil, fmt.Errorf("woodpecker: %w", err)
	}
	if err := cfg.FS.SyncDir(filepath.Dir(cfg.Dir)); err != nil {
		return nil, fmt.Errorf("woodpecker: %w", err)
	}
	l := &Log{cfg: cfg, done: make(chan struct{})}
	l.mu.channels = map[base.Channel]*channel{}
	return l, nil
}

// channel returns the channel, recovered.
func (l *Log) channel(name base.Channel) (*channel, error) {
	if len(name) == 0 || len(name) > maxName {
		return nil, fmt.Errorf("woodpecker: channel name of %d bytes, want 1 to %d", len(name), maxName)
	}
	l.mu.Lock()
	if l.mu.closed {
		l.mu.Unlock()
		return nil, mq.ErrClosed
	}
	ch := l.mu.channels[name]
	if ch == nil {
		ch = newChannel(l, name)
		l.mu.channels[name] = ch
	}
	l.mu.Unlock()
	return ch, ch.recover()
}

// Open implements mq.Log.
func (l *Log) Open(ctx context.Context, name base.Channel, term int64) (mq.Appender, base.Position, error) {
	if err := ctx.Err(); err != nil {
		return nil, base.Position{}, err
	}
	ch, err := l.channel(name)
	if err != nil {
		return nil, base.Position{}, err
	}
	return ch.open(term)
}

// Subscribe implements mq.Log.
func (l *Log) Subscribe(_ context.Context, name base.Channel, after base.Position) (mq.Subscription, error) {
	ch, err := l.channel(name)
	if err != nil {
		return nil, err
	}
	at, err := placeOf(after, l.cfg.Generation)
	if err != nil {
		return nil, err
	}
	return ch.subscribe(at, after.IsZero())
}

// Truncate implements mq.Log.
func (l *Log) Truncate(_ context.Context, name base.Channel, upTo base.Position) error {
	ch, err := l.channel(name)
	if err != nil {
		return err
	}
	at, err := placeOf(upTo, l.cfg.Generation)
	if err != nil {
		return err
	}
	return ch.truncate(at, upTo)
}

// MaxRecord implements mq.Log.
func (l *Log) MaxRecord() int { return l.cfg.MaxRecord }

// Stats implements mq.Log. A channel that was not used yet counts as empty.
func (l *Log) Stats(name base.Channel) mq.Stats {
	l.mu.Lock()
	ch := l.mu.channels[name]
	l.mu.Unlock()
	s := mq.Stats{Capacity: l.cfg.Capacity}
	if ch != nil {
		ch.mu.Lock()
		s.Bytes = ch.heldLocked()
		ch.mu.Unlock()
	}
	return s
}

// Close implements mq.Log. Appends that were queued are made durable first.
func (l *Log) Close() error {
	l.mu.Lock()
	if l.mu.closed {
		l.mu.Unlock()
		return nil
	}
	l.mu.closed = true
	close(l.done)
	l.mu.Unlock()
	for _, ch := range l.mu.channels { // no longer written once closed is set
		ch.close()
	}
	return nil
}
