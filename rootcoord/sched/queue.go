package sched

import (
	"context"
	"sync"
	"time"
)

// queue runs one function for each key that was added. A key is worked on by
// one goroutine at a time; added meanwhile, it is worked on once more. A key
// whose function asks for it comes again after a pause that doubles. Idle, a
// queue has its goroutines parked and no timer.
type queue[K comparable] struct {
	work    func(ctx context.Context, key K) error
	pause   time.Duration // after the first failure
	longest time.Duration
	wg      sync.WaitGroup
	stop    context.CancelFunc

	mu struct {
		sync.Mutex
		ready   sync.Cond
		waiting []K
		state   map[K]keyState
		failed  map[K]time.Duration // the last pause
		timers  map[K]*time.Timer
		running int
		stopped bool
	}
}

type keyState uint8

const (
	queued  keyState = 1 << iota // in waiting
	running                      // being worked on
	again                        // added while running
)

func newQueue[K comparable](pause, longest time.Duration, work func(context.Context, K) error) *queue[K] {
	q := &queue[K]{work: work, pause: pause, longest: longest}
	q.mu.ready.L = &q.mu.Mutex
	q.mu.state = map[K]keyState{}
	q.mu.failed = map[K]time.Duration{}
	q.mu.timers = map[K]*time.Timer{}
	return q
}

// start begins to work with n goroutines.
func (q *queue[K]) start(n int) {
	ctx, cancel := context.WithCancel(context.Background())
	q.stop = cancel
	for range n {
		q.wg.Go(func() { q.loop(ctx) })
	}
}

// close cancels what runs and waits for it. A queue that was never started
// closes at once.
func (q *queue[K]) close() {
	q.mu.Lock()
	q.mu.stopped = true
	for _, t := range q.mu.timers {
		t.Stop()
	}
	q.mu.ready.Broadcast()
	q.mu.Unlock()
	if q.stop != nil {
		q.stop()
	}
	q.wg.Wait()
}

// add asks for a key to be worked on, now if it was waiting out a failure.
func (q *queue[K]) add(key K) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.addLocked(key)
}

func (q *queue[K]) addLocked(key K) {
	if q.mu.stopped {
		return
	}
	if t := q.mu.timers[key]; t != nil {
		t.Stop()
		delete(q.mu.timers, key)
	}
	switch st := q.mu.state[key]; {
	case st&running != 0:
		q.mu.state[key] = st | again
	case st&queued == 0:
		q.mu.state[key] = queued
		q.mu.waiting = append(q.mu.waiting, key)
		q.mu.ready.Signal()
	}
}

// busy reports whether anything is waiting, running or waiting out a failure.
func (q *queue[K]) busy() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.mu.state) > 0 || len(q.mu.timers) > 0
}

func (q *queue[K]) loop(ctx context.Context) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for {
		for len(q.mu.waiting) == 0 && !q.mu.stopped {
			q.mu.ready.Wait()
		}
		if q.mu.stopped {
			return
		}
		key := q.mu.waiting[0]
		q.mu.waiting = q.mu.waiting[1:]
		q.mu.state[key] = running
		q.mu.Unlock()
		err := q.work(ctx, key)
		q.mu.Lock()
		q.doneLocked(key, err)
	}
}

func (q *queue[K]) doneLocked(key K, err error) {
	repeat := q.mu.state[key]&again != 0
	delete(q.mu.state, key)
	if err == nil {
		delete(q.mu.failed, key)
		if repeat {
			q.addLocked(key)
		}
		return
	}
	if q.mu.stopped {
		return
	}
	pause := min(max(q.pause, 2*q.mu.failed[key]), q.longest)
	q.mu.failed[key] = pause
	// What was added while running may have mended it, but a tight loop of
	// failures must not form: it waits out the pause as well.
	q.mu.timers[key] = time.AfterFunc(pause, func() {
		q.mu.Lock()
		defer q.mu.Unlock()
		if q.mu.timers[key] != nil {
			delete(q.mu.timers, key)
			q.addLocked(key)
		}
	})
}
