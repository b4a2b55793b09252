package sched

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// Keys run one at a time each, many at a time together, and what was added
// last is seen by a run that began after it.
func TestQueueRunsEachKeyAlone(t *testing.T) {
	const keys, adds = 10, 2000
	var wanted, seen [keys]atomic.Int64
	var busy [keys]atomic.Bool
	q := newQueue(time.Millisecond, time.Millisecond, func(_ context.Context, key int) error {
		if !busy[key].CompareAndSwap(false, true) {
			t.Errorf("key %d runs twice at a time", key)
		}
		seen[key].Store(wanted[key].Load())
		busy[key].Store(false)
		return nil
	})
	q.start(4)
	defer q.close()
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			for i := range adds {
				key := (i*7 + w) % keys
				wanted[key].Add(1)
				q.add(key)
			}
		})
	}
	wg.Wait()
	for q.busy() {
		time.Sleep(time.Millisecond)
	}
	for key := range keys {
		require.Equal(t, wanted[key].Load(), seen[key].Load(), "key %d", key)
	}
}

func TestQueueTriesAgain(t *testing.T) {
	var tries atomic.Int64
	q := newQueue(time.Millisecond, 4*time.Millisecond, func(context.Context, string) error {
		if tries.Add(1) < 6 {
			return errors.New("not yet")
		}
		return nil
	})
	q.start(1)
	defer q.close()
	q.add("a")
	for q.busy() {
		time.Sleep(time.Millisecond)
	}
	require.Equal(t, int64(6), tries.Load())
}

// A key that waits out a failure runs at once when something changed.
func TestQueueAddEndsThePause(*testing.T) {
	ran := make(chan struct{}, 10)
	q := newQueue(time.Hour, time.Hour, func(context.Context, string) error {
		ran <- struct{}{}
		return errors.New("no")
	})
	q.start(1)
	defer q.close()
	q.add("a")
	<-ran
	// The failure is noted after the run: add until it shows.
	for done := false; !done; {
		q.add("a")
		select {
		case <-ran:
			done = true
		case <-time.After(time.Millisecond):
		}
	}
}

func TestQueueClose(*testing.T) {
	q := newQueue(time.Millisecond, time.Millisecond, func(ctx context.Context, _ int) error {
		<-ctx.Done()
		return ctx.Err()
	})
	q.add(1) // before the start
	q.start(2)
	q.add(2)
	q.close()
	q.add(3)
	q.close()
	never := newQueue(time.Millisecond, time.Millisecond, func(context.Context, int) error { return nil })
	never.add(1)
	never.close()
}
