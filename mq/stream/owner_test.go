package stream

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/redkite-db/redkite/internal/base"
	"github.com/redkite-db/redkite/internal/column"
	"github.com/redkite-db/redkite/internal/merr"
	"github.com/redkite-db/redkite/internal/porttest/logtest"
	"github.com/redkite-db/redkite/internal/schema"
	"github.com/redkite-db/redkite/mq"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const testChannel = base.Channel("ch")

var testShard = base.Shard{Collection: 7}

// clock is a whole clock in memory: time is a counter, terms are fenced.
type clock struct {
	mu struct {
		sync.Mutex
		now  base.Timestamp
		ids  base.ID
		term int64
	}
}

func newClock() *clock {
	c := &clock{}
	c.mu.now = base.ComposeTimestamp(1000, 0)
	return c
}

func (c *clock) Now(_ context.Context, _ base.Channel, term int64) (base.Timestamp, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if term < c.mu.term {
		return 0, mq.ErrFenced
	}
	c.mu.now++
	return c.mu.now, nil
}

func (c *clock) IDs(_ context.Context, n int) (base.ID, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.mu.ids += base.ID(n)
	return c.mu.ids - base.ID(n) + 1, nil
}

func (c *clock) Term(context.Context, base.Channel) (int64, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.mu.term++
	return c.mu.term, nil
}

func (c *clock) Past(_ context.Context, ts base.Timestamp) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.mu.now = max(c.mu.now, ts)
	return nil
}

// sink records what was applied, and that timestamps ascend.
type sink struct {
	t  testing.TB
	mu struct {
		sync.Mutex
		keys   []int64
		last   base.Timestamp
		sealed map[base.ID]bool
	}
}

func (s *sink) Apply(g *mq.Group, _, _ base.Position) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if g.Timestamp <= s.mu.last {
		s.t.Errorf("timestamp %d after %d", g.Timestamp, s.mu.last)
	}
	s.mu.last = g.Timestamp
	for _, m := range g.Messages {
		switch m.Kind {
		case mq.Insert:
			if m.Segment == 0 || s.mu.sealed[m.Segment] {
				s.t.Errorf("row in segment %d", m.Segment)
			}
			s.mu.keys = append(s.mu.keys, m.Rows.Columns[0].Int64s...)
		case mq.Seal:
			if s.mu.sealed == nil {
				s.mu.sealed = map[base.ID]bool{}
			}
			s.mu.sealed[m.Segment] = true
		}
	}
}

func (s *sink) keys() map[int64]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := map[int64]int{}
	for _, k := range s.mu.keys {
		out[k]++
	}
	return out
}

func insert(keys ...int64) *mq.Group {
	rows := &column.Batch{Rows: len(keys), Fields: []base.ID{100}, Columns: []*column.Column{{Type: schema.Int64, Int64s: keys}}}
	return &mq.Group{Messages: []*mq.Message{{Kind: mq.Insert, Shard: testShard, Partition: 3, SchemaVersion: 1, Rows: rows}}}
}

func openOwner(t testing.TB, l mq.Log, c *clock) (*Owner, *sink) {
	s := &sink{t: t}
	o, err := Open(context.Background(), Config{
		Channel: testChannel, Log: l, Clock: c, Consumer: s, Logger: slog.New(slog.DiscardHandler),
		Backoff: func(context.Context, int) {},
	}, []Shard{{Shard: testShard, SchemaVersion: 1, Partitions: []base.ID{3}}})
	require.NoError(t, err)
	return o, s
}

// Writers append under random outcomes of the log; every acknowledged key is
// applied exactly once, every refused one never, and a restart sees the same.
func TestOutcomesAreAnsweredByTheLog(t *testing.T) {
	seed := logtest.Seed(t)
	store := logtest.NewMemStore(logtest.Options{MaxRecord: 400})
	rng := rand.New(rand.NewPCG(seed, 1))
	var rngMu sync.Mutex
	store.Decide(func(base.Channel, [][]byte) logtest.Outcome {
		rngMu.Lock()
		defer rngMu.Unlock()
		switch rng.IntN(12) {
		case 0:
			return logtest.Full
		case 1:
			return logtest.FailedKept
		case 2:
			return logtest.FailedLost
		}
		return logtest.Durable
	})
	l, c := store.Open(), newClock()
	o, s := openOwner(t, l, c)
	var mu sync.Mutex
	acked, refused := map[int64]bool{}, map[int64]bool{}
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(seed, uint64(w)+2))
			for i := range 150 {
				keys := make([]int64, 1+r.IntN(60)) // some need several records
				for k := range keys {
					keys[k] = int64(w*1_000_000 + i*100 + k)
				}
				_, err := o.Append(context.Background(), insert(keys...))
				mu.Lock()
				for _, k := range keys {
					if err == nil {
						acked[k] = true
					} else {
						refused[k] = true
					}
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	check := func(got map[int64]int) {
		for k := range acked {
			if got[k] != 1 {
				t.Fatalf("acknowledged key %d applied %d times", k, got[k])
			}
		}
		for k := range refused {
			if got[k] != 0 {
				t.Fatalf("refused key %d was applied", k)
			}
		}
		require.Len(t, got, len(acked))
	}
	require.NotEmpty(t, acked)
	require.NotEmpty(t, refused)
	check(s.keys())
	require.NoError(t, o.Close())
	require.NoError(t, l.Close())
	store.Decide(nil)
	l = store.Open()
	o, s = openOwner(t, l, c)
	check(s.keys())
	require.NoError(t, o.Close())
	require.NoError(t, l.Close())
}

func TestRetryIsAnsweredNotRepeated(t *testing.T) {
	store := logtest.NewMemStore(logtest.Options{})
	l, c := store.Open(), newClock()
	o, s := openOwner(t, l, c)
	g := insert(1)
	g.Request = mq.RequestID{9}
	store.Hold()
	short, cancel := context.WithTimeout(context.Background(), time.Millisecond)
	_, err := o.Append(short, g)
	cancel()
	require.ErrorIs(t, err, context.DeadlineExceeded)
	store.Release()
	again := insert(1)
	again.Request = mq.RequestID{9}
	ts, err := o.Append(context.Background(), again)
	require.NoError(t, err)
	require.Equal(t, map[int64]int{1: 1}, s.keys())
	require.NoError(t, o.Close())
	require.NoError(t, l.Close())

	l = store.Open() // a new process remembers by replay
	o, s = openOwner(t, l, c)
	again = insert(1)
	again.Request = mq.RequestID{9}
	ts2, err := o.Append(context.Background(), again)
	require.NoError(t, err)
	require.Equal(t, ts, ts2)
	require.Equal(t, map[int64]int{1: 1}, s.keys())
	require.NoError(t, o.Close())
	require.NoError(t, l.Close())
}

func TestSealEndsASegment(t *testing.T) {
	l, c := logtest.NewMemStore(logtest.Options{}).Open(), newClock()
	o, _ := openOwner(t, l, c)
	ctx := context.Background()
	first, second := insert(1), insert(2)
	_, err := o.Append(ctx, first)
	require.NoError(t, err)
	seg := first.Messages[0].Segment
	_, err = o.Append(ctx, &mq.Group{Messages: []*mq.Message{{Kind: mq.Seal, Shard: testShard, Segment: seg}}})
	require.NoError(t, err)
	_, err = o.Append(ctx, second)
	require.NoError(t, err)
	require.NotEqual(t, seg, second.Messages[0].Segment)
	require.NoError(t, o.Close())
	require.NoError(t, l.Close())
}

func TestTableRefusals(t *testing.T) {
	l, c := logtest.NewMemStore(logtest.Options{}).Open(), newClock()
	o, s := openOwner(t, l, c)
	ctx := context.Background()
	for name, tc := range map[string]struct {
		change func(m *mq.Message)
		code   merr.Code
	}{
		"unknown shard":     {func(m *mq.Message) { m.Shard.Collection = 8 }, merr.CollectionNotFound},
		"old schema":        {func(m *mq.Message) { m.SchemaVersion = 0 }, merr.SchemaMismatch},
		"unknown partition": {func(m *mq.Message) { m.Partition = 4 }, merr.PartitionNotFound},
	} {
		g := insert(1)
		tc.change(g.Messages[0])
		_, err := o.Append(ctx, g)
		require.True(t, merr.Is(err, tc.code), "%s: %v", name, err)
	}
	_, err := o.Append(ctx, &mq.Group{Messages: []*mq.Message{{Kind: mq.DropShard, Shard: testShard}}})
	require.NoError(t, err)
	_, err = o.Append(ctx, insert(1))
	require.True(t, merr.Is(err, merr.CollectionNotFound), "%v", err)
	require.Empty(t, s.keys())
	require.NoError(t, o.Close())
	require.NoError(t, l.Close())
}

// A drop that the log refused must not leave the shard dropped.
func TestRefusedDropIsTakenBack(t *testing.T) {
	store := logtest.NewMemStore(logtest.Options{})
	l, c := store.Open(), newClock()
	o, _ := openOwner(t, l, c)
	ctx := context.Background()
	store.Decide(func(base.Channel, [][]byte) logtest.Outcome { return logtest.Full })
	_, err := o.Append(ctx, &mq.Group{Messages: []*mq.Message{{Kind: mq.DropShard, Shard: testShard}}})
	require.True(t, merr.Is(err, merr.QuotaExceeded), "%v", err)
	store.Decide(nil)
	_, err = o.Append(ctx, insert(1))
	require.NoError(t, err)
	require.NoError(t, o.Close())
	require.NoError(t, l.Close())
}

func TestReadAt(t *testing.T) {
	store := logtest.NewMemStore(logtest.Options{})
	l, c := store.Open(), newClock()
	o, s := openOwner(t, l, c)
	ctx := context.Background()
	ts, err := o.Append(ctx, insert(1))
	require.NoError(t, err)
	at, err := o.ReadAt(ctx, 0)
	require.NoError(t, err)
	require.GreaterOrEqual(t, at, ts)

	// Idle: safe time moves to the clock without a write.
	later, _ := c.Now(ctx, testChannel, 1)
	at, err = o.ReadAt(ctx, later)
	require.NoError(t, err)
	require.GreaterOrEqual(t, at, later)
	next, err := o.Append(ctx, insert(2))
	require.NoError(t, err)
	require.Greater(t, next, at, "a stamp after a promise must be later")

	// A write under way: a read at its time waits for it; a Strong one does not.
	store.Hold()
	var wrote atomic.Bool
	done := make(chan error, 1)
	go func() {
		_, err := o.Append(ctx, insert(3))
		wrote.Store(true)
		done <- err
	}()
	for { // until it is stamped
		o.stamping.Lock()
		n := o.stamping.inflight
		o.stamping.Unlock()
		if n > 0 {
			break
		}
		time.Sleep(time.Millisecond)
	}
	_, err = o.ReadAt(ctx, 0)
	require.NoError(t, err)
	require.False(t, wrote.Load())
	later, _ = c.Now(ctx, testChannel, 1)
	got := make(chan map[int64]int, 1)
	go func() {
		_, err := o.ReadAt(ctx, later)
		if err != nil {
			t.Error(err)
		}
		got <- s.keys()
	}()
	store.Release()
	require.Equal(t, 1, (<-got)[3], "the read must see the write under way")
	require.NoError(t, <-done)

	_, err = o.ReadAt(ctx, base.MaxTimestamp)
	require.True(t, merr.Is(err, merr.ParameterInvalid), "%v", err)
	require.NoError(t, o.Close())
	require.NoError(t, l.Close())
}

// An owner of a superseded term stamps and promises nothing until it has
// taken the channel with a new one.
func TestSupersededTermReopens(t *testing.T) {
	l, c := logtest.NewMemStore(logtest.Options{}).Open(), newClock()
	o, s := openOwner(t, l, c)
	ctx := context.Background()
	_, err := c.Term(ctx, testChannel)
	require.NoError(t, err)
	if _, err = o.Append(ctx, insert(1)); err == nil {
		t.Fatal("a superseded owner wrote")
	}
	for {
		if _, err = o.Append(ctx, insert(2)); err == nil {
			break
		}
	}
	require.Equal(t, map[int64]int{2: 1}, s.keys())
	require.NoError(t, o.Close())
	require.NoError(t, l.Close())
}

func TestCloseAnswersEveryone(t *testing.T) {
	l, c := logtest.NewMemStore(logtest.Options{}).Open(), newClock()
	o, s := openOwner(t, l, c)
	var wg sync.WaitGroup
	var acked atomic.Int64
	for w := range 16 {
		wg.Go(func() {
			for i := range int64(1000) {
				if _, err := o.Append(context.Background(), insert(int64(w)*10000+i)); err != nil {
					if errors.Is(err, context.Canceled) {
						t.Error(err)
					}
					return
				}
				acked.Add(1)
			}
		})
	}
	require.NoError(t, o.Close())
	wg.Wait()
	require.Len(t, s.keys(), int(acked.Load()))
	require.NoError(t, l.Close())
}
