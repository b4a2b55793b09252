// Package stream holds the owner of a log channel: the one place that stamps
// timestamps and appends, many requests to one durable write, and hands what
// is durable to its consumer; and the client that routes requests to owners.
package stream

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redkite-db/redkite/internal/base"
	"github.com/redkite-db/redkite/internal/merr"
	"github.com/redkite-db/redkite/mq"
)

// Clock is what an owner needs of rootcoord: see role.Clock.
type Clock interface {
	Now(ctx context.Context, ch base.Channel, term int64) (base.Timestamp, error)
	IDs(ctx context.Context, n int) (base.ID, error)
	Term(ctx context.Context, ch base.Channel) (int64, error)
	Past(ctx context.Context, ts base.Timestamp) error
}

// Consumer applies what is durable, in log order, from one goroutine at a
// time. start is the position after which a reader of the log sees all of the
// group, end the position of its last record.
type Consumer interface {
	Apply(g *mq.Group, start, end base.Position)
}

// Config of an owner. Every field but Rand and the sizes is required.
type Config struct {
	Channel  base.Channel
	Log      mq.Log
	Clock    Clock
	Consumer Consumer
	Logger   *slog.Logger
	Rand     io.Reader // of request ids; the default is crypto/rand
	// Gather is the most bytes of waiting requests that go into one durable
	// write. The default is 8 MiB.
	Gather int
	// Window is how many writes may be under way. The default is 2: one syncs
	// while the next is packed.
	Window int
	// Ahead is how far in the future a read may ask for. The default is 5 s.
	Ahead time.Duration
	// Backoff waits between two attempts to open the channel again. The
	// default sleeps 50 ms, doubled each time, up to 2 s.
	Backoff func(ctx context.Context, attempt int)
}

func (c *Config) setDefaults() {
	if c.Rand == nil {
		c.Rand = rand.Reader
	}
	if c.Gather == 0 {
		c.Gather = 8 << 20
	}
	if c.Window == 0 {
		c.Window = 2
	}
	if c.Ahead == 0 {
		c.Ahead = 5 * time.Second
	}
	if c.Backoff == nil {
		c.Backoff = sleepBackoff
	}
}

func sleepBackoff(ctx context.Context, attempt int) {
	t := time.NewTimer(min(50*time.Millisecond<<min(attempt, 6), 2*time.Second))
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// Owner is the one writer of a channel.
//
// Two goroutines serve it: run stamps and appends what waits, commit waits for
// each append, applies it and answers. Lock order: stamping before table.
type Owner struct {
	cfg   Config
	table *table
	seen  *recent

	in      chan *request
	commits chan *commit
	ended   chan struct{} // closed when run has ended
	cancel  context.CancelFunc

	// stamping is held while timestamps are taken and the writes that carry
	// them are counted, so that safe time never overtakes a stamp.
	stamping struct {
		sync.Mutex
		inflight int
		progress chan struct{} // closed and replaced after each commit
	}
	applied atomic.Uint64 // base.Timestamp: every group up to it is applied

	appender mq.Appender   // changed by run while no write is under way, with stamping held
	term     int64         // likewise
	last     base.Position // of the last applied record; owned by the commit loop, by run between two

	position atomic.Pointer[base.Position] // last, for others to read
	down     atomic.Pointer[downError]     // why appends fail at once, nil when they work
}

type downError struct{ err error }

// Open takes the channel with a new term, replays the log from its cut into
// the consumer, and begins to serve. shards are those that accept rows.
func Open(ctx context.Context, cfg Config, shards []Shard) (*Owner, error) {
	cfg.setDefaults()
	runCtx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	o := &Owner{
		cfg:     cfg,
		table:   newTable(cfg.Clock),
		seen:    newRecent(recentLimit),
		in:      make(chan *request, 256),
		commits: make(chan *commit, cfg.Window),
		ended:   make(chan struct{}),
		cancel:  cancel,
	}
	o.stamping.progress = make(chan struct{})
	o.position.Store(&base.Position{})
	for _, s := range shards {
		o.table.put(s)
	}
	if err := o.takeChannel(ctx, nil); err != nil {
		cancel()
		return nil, err
	}
	now, err := cfg.Clock.Now(ctx, cfg.Channel, o.term)
	if err != nil {
		cancel()
		return nil, err
	}
	o.applied.Store(uint64(now))
	go o.run(runCtx)
	return o, nil
}

// Close ends the owner: requests that wait are answered with an error, writes
// under way are finished first.
func (o *Owner) Close() error {
	o.cancel()
	<-o.ended
	return o.appender.Close()
}

// takeChannel opens the channel with the next term and applies what the log
// holds after the last applied record. found is told each group.
func (o *Owner) takeChannel(ctx context.Context, found func(*mq.Group)) error {
	term, err := o.cfg.Clock.Term(ctx, o.cfg.Channel)
	if err != nil {
		return fmt.Errorf("stream: term of %s: %w", o.cfg.Channel, err)
	}
	appender, end, err := o.cfg.Log.Open(ctx, o.cfg.Channel, term)
	if err != nil {
		return fmt.Errorf("stream: open %s in term %d: %w", o.cfg.Channel, term, err)
	}
	if err := o.replay(ctx, end, found); err != nil {
		_ = appender.Close()
		return err
	}
	o.stamping.Lock()
	o.appender, o.term = appender, term
	o.stamping.Unlock()
	return nil
}

// replay applies the records after o.last up to end.
func (o *Owner) replay(ctx context.Context, end base.Position, found func(*mq.Group)) error {
	sub, err := o.cfg.Log.Subscribe(ctx, o.cfg.Channel, o.last)
	if err != nil {
		return fmt.Errorf("stream: replay %s: %w", o.cfg.Channel, err)
	}
	defer func() { _ = sub.Close() }()
	decoder := mq.NewDecoder(o.last)
	for o.last.Before(end) {
		rec, err := sub.Next(ctx)
		if err != nil {
			return fmt.Errorf("stream: replay %s after %v: %w", o.cfg.Channel, o.last, err)
		}
		groups, start, err := decoder.Feed(rec)
		if err != nil {
			return fmt.Errorf("stream: replay %s at %v: %w", o.cfg.Channel, rec.Position, err)
		}
		for _, g := range groups {
			o.cfg.Consumer.Apply(g, start, rec.Position)
			o.table.replayed(g)
			o.seen.add(g.Request, g.Timestamp)
			if err := o.cfg.Clock.Past(ctx, g.Timestamp); err != nil {
				return fmt.Errorf("stream: clock past the log: %w", err)
			}
			o.raiseApplied(g.Timestamp)
			if found != nil {
				found(g)
			}
		}
		o.moveTo(rec.Position)
	}
	return nil
}

// moveTo says that everything up to a position is applied.
func (o *Owner) moveTo(p base.Position) {
	o.last = p
	o.position.Store(&p)
}

// Position returns the place in the log up to which everything is applied.
func (o *Owner) Position() base.Position { return *o.position.Load() }

// raiseApplied publishes that every group up to ts is applied.
func (o *Owner) raiseApplied(ts base.Timestamp) {
	for {
		old := o.applied.Load()
		if uint64(ts) <= old || o.applied.CompareAndSwap(old, uint64(ts)) {
			return
		}
	}
}

// Stats tells the size of the channel's log.
func (o *Owner) Stats() mq.Stats { return o.cfg.Log.Stats(o.cfg.Channel) }

// Truncate cuts the log at a position up to which all is committed.
func (o *Owner) Truncate(ctx context.Context, upTo base.Position) error {
	return o.cfg.Log.Truncate(ctx, o.cfg.Channel, upTo)
}

// Term returns the term that the owner opened with or took last.
func (o *Owner) Term() int64 {
	o.stamping.Lock()
	defer o.stamping.Unlock()
	return o.term
}

// clientError turns a failed append into what the client is told.
func clientError(err error) error {
	switch {
	case isFull(err):
		return merr.QuotaExceeded.Text("disk quota exceeded, please allocate more resources: %v: %s", err, merr.QuotaExceeded.Message)
	default:
		return merr.Unavailable.Text("the write-ahead log does not answer, nothing was written, try again: %v: %s", err, merr.Unavailable.Message)
	}
}
