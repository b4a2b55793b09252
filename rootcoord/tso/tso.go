// Package tso holds the timestamp oracle and the allotter of ids: numbers that
// only ever rise, served from memory below a window that is durable, so that
// a restart begins past everything that was given out.
package tso

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/redkite-db/redkite/internal/base"
	"github.com/redkite-db/redkite/meta"
)

const (
	timeWindow = "tso"
	idWindow   = "id"

	// ahead is how far the durable window reaches past the clock when it is
	// extended; after a restart time runs on from the window's end, so this
	// is also how far it may be ahead of the clock.
	ahead = 3 * time.Second
	// early is when the next window is prepared in the background.
	early = time.Second

	// idBlock is how many ids one write makes available.
	idBlock = 1 << 20

	// farthest is how far past the clock a log may claim to be. More than a
	// century is damage, not a clock that went wrong.
	farthest = 100 * 365 * 24 * time.Hour
)

// Oracle gives hybrid timestamps. It writes only when timestamps are asked
// for: an idle oracle does nothing.
type Oracle struct {
	catalog *meta.Catalog
	now     func() time.Time
	// extend is held by whoever moves the window; it is taken before mu, never under it.
	extend sync.Mutex
	work   sync.WaitGroup // background extensions
	mu     struct {
		sync.Mutex
		last    base.Timestamp // given last
		until   base.Timestamp // of the durable window: all given are below
		running bool           // a background extension is on its way
		closed  bool
	}
}

// New starts an oracle past the window of its predecessor. now is the clock;
// it may go backwards.
func New(ctx context.Context, catalog *meta.Catalog, now func() time.Time) (*Oracle, error) {
	until, err := catalog.Window(ctx, timeWindow)
	if err != nil {
		return nil, fmt.Errorf("tso: %w", err)
	}
	o := &Oracle{catalog: catalog, now: now}
	o.mu.until = base.Timestamp(until)
	if until > 0 {
		o.mu.last = base.Timestamp(until) - 1
	}
	return o, nil
}

// Next gives a timestamp later than every one given before, in this process
// and in those before it.
func (o *Oracle) Next(ctx context.Context) (base.Timestamp, error) {
	for {
		ts, ok := o.try()
		if ok {
			return ts, nil
		}
		if err := o.reserve(ctx, ts); err != nil {
			return 0, err
		}
	}
}

// try gives the next timestamp if the window has it; else it returns the one
// that the window must reach beyond.
func (o *Oracle) try() (base.Timestamp, bool) {
	clock := base.TimestampOf(o.now())
	o.mu.Lock()
	defer o.mu.Unlock()
	// The counter below the milliseconds overflows into them, as it should.
	next := max(clock, o.mu.last+1)
	if next >= o.mu.until {
		return next, false
	}
	o.mu.last = next
	if next.Add(early) >= o.mu.until && !o.mu.running && !o.mu.closed {
		o.mu.running = true
		o.work.Go(o.prepare)
	}
	return next, true
}

// prepare extends the window before it is used up, so that callers seldom wait.
func (o *Oracle) prepare() {
	defer func() {
		o.mu.Lock()
		o.mu.running = false
		o.mu.Unlock()
	}()
	o.mu.Lock()
	want := o.mu.until
	o.mu.Unlock()
	// An error is met again, and reported, by the caller who needs the window.
	_ = o.reserve(context.Background(), want)
}

// reserve makes the window reach beyond ts.
func (o *Oracle) reserve(ctx context.Context, ts base.Timestamp) error {
	o.extend.Lock()
	defer o.extend.Unlock()
	o.mu.Lock()
	enough := ts < o.mu.until
	o.mu.Unlock()
	if enough {
		return nil
	}
	until := max(ts, base.TimestampOf(o.now())).Add(ahead)
	if err := o.catalog.SaveWindow(ctx, timeWindow, uint64(until)); err != nil {
		return fmt.Errorf("tso: extending the window: %w", err)
	}
	o.mu.Lock()
	o.mu.until = until
	o.mu.Unlock()
	return nil
}

// Past makes every later timestamp later than ts, which a log holds.
func (o *Oracle) Past(ctx context.Context, ts base.Timestamp) error {
	if limit := base.TimestampOf(o.now().Add(farthest)); ts > limit {
		return fmt.Errorf("tso: a log holds timestamp %d (%s), which is no time of this clock", ts, ts.Time().UTC().Format(time.RFC3339))
	}
	if err := o.reserve(ctx, ts); err != nil {
		return err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.mu.last = max(o.mu.last, ts)
	return nil
}

// Close waits for background work. Next goes on to work while the catalog does.
func (o *Oracle) Close() {
	o.mu.Lock()
	o.mu.closed = true
	o.mu.Unlock()
	o.work.Wait()
}

// IDs allots ids. The first of a data directory is the time of its making, so
// that ids of two directories do not meet; after that they count up.
type IDs struct {
	catalog *meta.Catalog
	mu      struct {
		sync.Mutex
		next  base.ID
		until base.ID // of the durable window: all given are below
	}
}

// NewIDs starts an allotter past the window of its predecessor; now is asked
// once, in a new data directory.
func NewIDs(ctx context.Context, catalog *meta.Catalog, now func() time.Time) (*IDs, error) {
	until, err := catalog.Window(ctx, idWindow)
	if err != nil {
		return nil, fmt.Errorf("tso: %w", err)
	}
	a := &IDs{catalog: catalog}
	a.mu.next = base.ID(until)
	if until == 0 {
		a.mu.next = base.ID(base.TimestampOf(now()))
	}
	a.mu.until = a.mu.next
	return a, nil
}

// Next allots n > 0 consecutive ids and returns the first. It waits for the
// store when a block is used up; the lock is held meanwhile because everybody
// else needs the new block too.
func (a *IDs) Next(ctx context.Context, n int) (base.ID, error) {
	if n <= 0 {
		return 0, fmt.Errorf("tso: %d ids asked for, at least 1", n)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	first := a.mu.next
	end := first + base.ID(n)
	if end > a.mu.until {
		until := end + idBlock
		if err := a.catalog.SaveWindow(ctx, idWindow, uint64(until)); err != nil {
			return 0, fmt.Errorf("tso: a new block of ids: %w", err)
		}
		a.mu.until = until
	}
	a.mu.next = end
	return first, nil
}
