package tso

import (
	"context"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/redkite-db/redkite/internal/base"
	"github.com/redkite-db/redkite/internal/porttest/kvtest"
	"github.com/redkite-db/redkite/meta"
)

// clock is a clock that tests move.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func newClock() *clock { return &clock{t: time.UnixMilli(1_700_000_000_000)} }

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

func catalog(t *testing.T, kv meta.KV) *meta.Catalog {
	t.Helper()
	c, err := meta.Open(t.Context(), kv, "by-dev", "test", slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	return c
}

func TestAscendingAcrossRestartsAndClocks(t *testing.T) {
	kv, c := kvtest.New(), newClock()
	last := base.Timestamp(0)
	for life := range 20 {
		o, err := New(t.Context(), catalog(t, kv), c.now)
		require.NoError(t, err)
		for i := range 200 {
			ts, err := o.Next(t.Context())
			require.NoError(t, err)
			require.Greater(t, ts, last, "life %d, number %d", life, i)
			last = ts
			switch i % 50 {
			case 10:
				c.add(700 * time.Millisecond)
			case 20:
				c.add(-time.Hour)
			case 30:
				c.add(2 * time.Second)
			}
		}
		o.Close()
		kv = kv.Reopen()
	}
}

func TestFollowsTheClock(t *testing.T) {
	c := newClock()
	o, err := New(t.Context(), catalog(t, kvtest.New()), c.now)
	require.NoError(t, err)
	defer o.Close()
	for range 10 {
		c.add(time.Minute)
		ts, err := o.Next(t.Context())
		require.NoError(t, err)
		require.Equal(t, c.now().UnixMilli(), ts.Physical())
	}
}

// A million stamps within one clock tick: the counter runs over into the
// milliseconds and through several windows.
func TestCounterOverflow(t *testing.T) {
	c := newClock()
	o, err := New(t.Context(), catalog(t, kvtest.New()), c.now)
	require.NoError(t, err)
	defer o.Close()
	var last base.Timestamp
	for range 1_000_000 {
		ts, err := o.Next(t.Context())
		require.NoError(t, err)
		if ts <= last {
			t.Fatalf("%d after %d", ts, last)
		}
		last = ts
	}
	require.Greater(t, last.Physical(), c.now().UnixMilli())
}

func TestIdleWritesNothing(t *testing.T) {
	kv, c := kvtest.NewCrash(kvtest.New(), 0, false), newClock()
	o, err := New(t.Context(), catalog(t, kv), c.now)
	require.NoError(t, err)
	_, err = o.Next(t.Context())
	require.NoError(t, err)
	o.Close()
	before := kv.Commits()
	c.add(time.Hour)
	o.Close()
	require.Equal(t, before, kv.Commits())
}

func TestPast(t *testing.T) {
	kv, c := kvtest.New(), newClock()
	o, err := New(t.Context(), catalog(t, kv), c.now)
	require.NoError(t, err)
	far := base.TimestampOf(c.now().Add(24 * time.Hour))
	require.NoError(t, o.Past(t.Context(), far))
	ts, err := o.Next(t.Context())
	require.NoError(t, err)
	require.Greater(t, ts, far)
	require.NoError(t, o.Past(t.Context(), 5), "the past is no news")
	again, err := o.Next(t.Context())
	require.NoError(t, err)
	require.Greater(t, again, ts)
	require.Error(t, o.Past(t.Context(), base.MaxTimestamp))
	o.Close()

	o, err = New(t.Context(), catalog(t, kv.Reopen()), c.now)
	require.NoError(t, err)
	defer o.Close()
	ts, err = o.Next(t.Context())
	require.NoError(t, err)
	require.Greater(t, ts, again, "what was past stays past")
}

func TestConcurrentStampsDiffer(t *testing.T) {
	o, err := New(t.Context(), catalog(t, kvtest.New()), time.Now)
	require.NoError(t, err)
	defer o.Close()
	const workers, each = 8, 2000
	got := make([][]base.Timestamp, workers)
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for range each {
				ts, err := o.Next(context.Background())
				if err != nil {
					t.Error(err)
					return
				}
				got[w] = append(got[w], ts)
			}
		})
	}
	wg.Wait()
	seen := map[base.Timestamp]bool{}
	for _, list := range got {
		for i, ts := range list {
			require.False(t, seen[ts])
			seen[ts] = true
			if i > 0 {
				require.Greater(t, ts, list[i-1])
			}
		}
	}
}

// The process ends at each commit: no timestamp and no id is given twice.
func TestCrashAtEachCommit(t *testing.T) {
	for at := int64(1); at < 12; at++ {
		for _, after := range []bool{false, true} {
			store, c := kvtest.New(), newClock()
			var stamps []base.Timestamp
			var ids []base.ID
			live := func(kv meta.KV, rounds int) {
				cat, err := meta.Open(t.Context(), kv, "by-dev", "test", slog.New(slog.DiscardHandler))
				if err != nil {
					return
				}
				o, err := New(t.Context(), cat, c.now)
				require.NoError(t, err)
				defer o.Close()
				a, err := NewIDs(t.Context(), cat, c.now)
				require.NoError(t, err)
				for range rounds {
					ts, err := o.Next(t.Context())
					if err != nil {
						return
					}
					stamps = append(stamps, ts)
					id, err := a.Next(t.Context(), idBlock/2)
					if err != nil {
						return
					}
					ids = append(ids, id, id+idBlock/2-1)
					c.add(time.Second)
				}
			}
			live(kvtest.NewCrash(store, at, after), 20)
			store = store.Reopen()
			live(store, 5)
			for i := 1; i < len(stamps); i++ {
				require.Greater(t, stamps[i], stamps[i-1], "at %d after %v", at, after)
			}
			for i := 1; i < len(ids); i++ {
				require.Greater(t, ids[i], ids[i-1], "at %d after %v", at, after)
			}
			require.Positive(t, ids[0])
		}
	}
}

func TestIDs(t *testing.T) {
	c := newClock()
	a, err := NewIDs(t.Context(), catalog(t, kvtest.New()), c.now)
	require.NoError(t, err)
	first, err := a.Next(t.Context(), 3)
	require.NoError(t, err)
	second, err := a.Next(t.Context(), 10*idBlock)
	require.NoError(t, err)
	require.Equal(t, first+3, second)
	third, err := a.Next(t.Context(), 1)
	require.NoError(t, err)
	require.Equal(t, second+10*idBlock, third)
	_, err = a.Next(t.Context(), 0)
	require.Error(t, err)
}
