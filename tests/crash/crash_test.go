//go:build e2e

// Package crash_test kills the real binary in the middle of its work, starts it
// again, and looks for every acknowledged row.
package crash_test

import (
	"context"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"
)

const (
	writers = 3
	// pace keeps the collections at a size that each cycle can read whole.
	pace      = 4 * time.Millisecond
	opTimeout = 20 * time.Second
)

var collections = map[string]string{"flat": "FLAT", "graph": "HNSW"}

// TestKill9 runs CRASH_CYCLES (10) cycles of write, kill -9, start, verify.
func TestKill9(t *testing.T) {
	for _, logType := range []string{"natsmq", "woodpecker"} {
		t.Run(logType, func(t *testing.T) { loop(t, logType) })
	}
}

func loop(t *testing.T, logType string) {
	cycles := 10
	if v := os.Getenv("CRASH_CYCLES"); v != "" {
		n, err := strconv.Atoi(v)
		if err != nil {
			t.Fatal(err)
		}
		cycles = n
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))

	s := newServer(t, logType)
	s.start()
	models := map[string]*model{}
	for name, kind := range collections {
		models[name] = newModel()
		if err := s.create(context.Background(), name, kind); err != nil {
			t.Fatal(err)
		}
	}
	next := make([]int64, writers)
	for cycle := range cycles {
		writeUntilKilled(s, models, next, rng.Uint64(), time.Duration(200+rng.IntN(1000))*time.Millisecond)
		if rng.IntN(3) == 0 { // a second crash, somewhere in the recovery
			s.launch()
			time.Sleep(time.Duration(rng.IntN(80)) * time.Millisecond)
			s.kill()
		}
		took := s.start()
		for name, m := range models {
			verify(t, s, name, m)
			rows, acked := m.size()
			t.Logf("cycle %d: %s: up after %v, %d rows, %d acknowledged so far", cycle, name, took.Round(time.Millisecond), rows, acked)
		}
		if t.Failed() {
			t.Fatalf("cycle %d, seed %d\n%s", cycle, seed, s.output())
		}
	}
}

// writeUntilKilled lets the writers and a flusher work for a while, then kills
// the server under them. Each writer has its own keys.
func writeUntilKilled(s *server, models map[string]*model, next []int64, seed uint64, d time.Duration) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			write(ctx, s, models, int64(w+1)<<32, &next[w], rand.New(rand.NewPCG(seed, uint64(w))))
		})
	}
	wg.Go(func() {
		for name := range models {
			select {
			case <-ctx.Done():
				return
			case <-time.After(d / 3):
				_ = s.flush(ctx, name) // it may be cut off by the kill
			}
		}
	})
	time.Sleep(d)
	s.kill()
	cancel()
	wg.Wait()
}

// write inserts, upserts and deletes until the server is gone.
func write(ctx context.Context, s *server, models map[string]*model, base int64, next *int64, rng *rand.Rand) {
	names := []string{"flat", "graph"}
	for ctx.Err() == nil {
		name := names[rng.IntN(len(names))]
		m := models[name]
		n := []int{1, 5, 40}[rng.IntN(3)]
		callCtx, cancel := context.WithTimeout(ctx, opTimeout)
		var err error
		switch keys, highest := m.pick(rng, base, base+*next, n); {
		case len(keys) == 0 || rng.IntN(10) < 6:
			fresh := make([]int64, n)
			for i := range fresh {
				fresh[i] = base + *next
				*next++
			}
			err = attempt(m, fresh, 1, func() error { return s.insert(callCtx, name, fresh, 1) })
		case rng.IntN(2) == 0:
			err = attempt(m, keys, highest+1, func() error { return s.upsert(callCtx, name, keys, highest+1) })
		default:
			err = attempt(m, keys, absent, func() error { return s.remove(callCtx, name, keys) })
		}
		cancel()
		if err != nil {
			return
		}
		time.Sleep(pace)
	}
}

// attempt records what a write makes possible, and what its answer makes sure.
func attempt(m *model, keys []int64, version int64, send func() error) error {
	m.begin(keys, version)
	if err := send(); err != nil {
		return err
	}
	m.acked(keys, version)
	return nil
}

// verify reads the whole collection, and finds some rows by their vector.
func verify(t *testing.T, s *server, name string, m *model) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	found, wrong, err := s.rows(ctx, name)
	if err != nil {
		t.Errorf("%s: %v", name, err)
		return
	}
	wrong = append(wrong, m.check(found)...)
	for i, w := range wrong {
		if i == 20 {
			t.Errorf("%s: and %d more", name, len(wrong)-i)
			break
		}
		t.Errorf("%s: %s", name, w)
	}
	tried, missed := 0, 0
	for key, version := range found {
		if tried++; tried > 20 {
			break
		}
		switch got, err := s.nearest(ctx, name, vectorOf(key, version)); {
		case err != nil:
			t.Errorf("%s: search: %v", name, err)
		case got != key:
			missed++
		}
	}
	if allowed := map[string]int{"flat": 0, "graph": 1}[name]; missed > allowed { // a graph is approximate
		t.Errorf("%s: %d of %d rows are not the nearest to their own vector", name, missed, tried)
	}
}
