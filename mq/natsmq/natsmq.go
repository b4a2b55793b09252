package natsmq

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/redkite-db/redkite/internal/base"
	"github.com/redkite-db/redkite/internal/vfs"
	"github.com/redkite-db/redkite/mq"
	"github.com/redkite-db/redkite/mq/appendq"
)

// Config of a log. One process at a time may have a directory open; who opens
// the log sees to that.
type Config struct {
	Dir    string // made if missing
	Logger *slog.Logger
	// FS is used beside the server, which opens files itself: it must be, or
	// wrap, the file system of the machine. The default value is vfs.OS().
	FS vfs.FS
	// Generation is that of the positions; see base.Position.
	Generation int64
	// Port is the TCP port on 127.0.0.1 where NATS clients may look at the
	// streams. The default value is 0: none.
	Port int
	// MaxPayload is the most bytes of a NATS message, and bounds MaxRecord. The
	// default value is 8 MiB.
	MaxPayload int
	// MaxPending is the most bytes that the server buffers for a connection. The
	// default value is 64 MiB.
	MaxPending int64
	// Capacity is the most bytes that a channel may hold after its cut. The
	// default value is 0: as the disk allows.
	Capacity int64
	// StartTimeout bounds the start of the server. The default value is 30 s.
	StartTimeout time.Duration
	// Reserve is the space on the disk that appends leave free, so that the
	// server, which gives up when it finds none, never does. The default value
	// is 2 MiB.
	Reserve int64
}

func (c *Config) setDefaults() error {
	if c.FS == nil {
		c.FS = vfs.OS()
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.MaxPayload == 0 {
		c.MaxPayload = 8 << 20
	}
	if c.MaxPending == 0 {
		c.MaxPending = 64 << 20
	}
	c.MaxPending = max(c.MaxPending, 2*int64(c.MaxPayload))
	if c.StartTimeout == 0 {
		c.StartTimeout = 30 * time.Second
	}
	if c.Reserve == 0 {
		c.Reserve = 2 << 20
	}
	switch {
	case c.Dir == "":
		return fmt.Errorf("natsmq: a directory is needed")
	case c.MaxPayload < 4<<10 || c.MaxPayload > 64<<20:
		return fmt.Errorf("natsmq: largest payload %d must be %d to %d", c.MaxPayload, 4<<10, 64<<20)
	case c.Capacity < 0:
		return fmt.Errorf("natsmq: capacity %d is negative", c.Capacity)
	case c.Port < 0 || c.Port > 65535:
		return fmt.Errorf("natsmq: port %d must be 0 to 65535", c.Port)
	}
	return nil
}

// messageLimit is the most bytes of a message that this package sends.
// JetStream takes a longer record than largestMessage for a damaged one.
func (c *Config) messageLimit() int { return min(c.MaxPayload-natsOverhead, largestMessage) }

// Log is a log on an embedded NATS server.
type Log struct {
	cfg  Config
	done chan struct{} // closed by Close

	serverMu sync.Mutex // starting and stopping the server; taken before mu
	mu       struct {
		sync.Mutex
		closed   bool
		server   *embedded
		channels map[base.Channel]*channel
	}
}

var _ mq.Log = (*Log)(nil)

// Open opens the log of a directory and starts the server.
func Open(cfg Config) (*Log, error) {
	if err := cfg.setDefaults(); err != nil {
		return nil, err
	}
	if err := cfg.FS.MkdirAll(cfg.Dir); err != nil {
		return nil, fmt.Errorf("natsmq: %w", err)
	}
	l := &Log{cfg: cfg, done: make(chan struct{})}
	l.mu.channels = map[base.Channel]*channel{}
	if _, err := l.server(); err != nil {
		return nil, err
	}
	return l, nil
}

// server returns the running server; one that is broken is replaced.
func (l *Log) server() (*embedded, error) {
	l.serverMu.Lock()
	defer l.serverMu.Unlock()
	l.mu.Lock()
	e, closed := l.mu.server, l.mu.closed
	l.mu.Unlock()
	if closed {
		return nil, mq.ErrClosed
	}
	if e != nil {
		err := e.err()
		if err == nil {
			return e, nil
		}
		l.cfg.Logger.Warn("restarting the embedded NATS server", "error", err)
		e.stop()
	}
	e, err := startServer(&l.cfg)
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	l.mu.server = e
	l.mu.Unlock()
	return e, nil
}

func (l *Log) channel(name base.Channel) (*channel, error) {
	stream, err := streamName(name)
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.mu.closed {
		return nil, mq.ErrClosed
	}
	ch := l.mu.channels[name]
	if ch == nil {
		ch = newChannel(l, name, stream)
		l.mu.channels[name] = ch
	}
	return ch, nil
}

// longestName is JetStream's limit of a stream's name.
const longestName = 255

// streamName writes a channel's name so that it is a stream's name and a
// directory's everywhere, also where upper and lower case are the same.
func streamName(ch base.Channel) (string, error) {
	var b strings.Builder
	for i := range len(ch) {
		switch c := ch[i]; {
		case 'a' <= c && c <= 'z', '0' <= c && c <= '9', c == '-', c == '_':
			b.WriteByte(c)
		default:
			fmt.Fprintf(&b, "%%%02x", c)
		}
	}
	if n := b.Len(); n == 0 || n > longestName {
		return "", fmt.Errorf("natsmq: channel name %q makes a stream name of %d bytes, want 1 to %d", ch, n, longestName)
	}
	return b.String(), nil
}

func subjectOf(stream string) string { return "redkite.log." + stream }

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
func (l *Log) MaxRecord() int { return l.cfg.messageLimit() - messageHeader - appendq.Overhead }

// Stats implements mq.Log. A channel that was not used yet counts as empty.
func (l *Log) Stats(name base.Channel) mq.Stats {
	l.mu.Lock()
	ch := l.mu.channels[name]
	l.mu.Unlock()
	s := mq.Stats{Capacity: l.cfg.Capacity}
	if ch != nil {
		ch.mu.Lock()
		s.Bytes = ch.mu.bytes
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
	l.serverMu.Lock()
	defer l.serverMu.Unlock()
	if l.mu.server != nil {
		l.mu.server.stop()
	}
	return nil
}
