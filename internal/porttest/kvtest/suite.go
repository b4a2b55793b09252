package kvtest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/redkite-db/redkite/meta"
)

// Opener opens the store of one test: the first call an empty one, each later
// call, after Close, the same one again.
type Opener func() (meta.KV, error)

// Run checks a store against the port's contract. fresh returns the opener of
// a new, empty store.
func Run(t *testing.T, fresh func(t *testing.T) Opener) {
	for _, test := range []struct {
		name string
		run  func(t *testing.T, open Opener)
	}{
		{"GetAndList", testGetAndList},
		{"Compare", testCompare},
		{"Limits", testLimits},
		{"Reopen", testReopen},
		{"Watch", testWatch},
		{"Lease", testLease},
		{"Closed", testClosed},
		{"Counter", testCounter},
		{"Model", testModel},
	} {
		t.Run(test.name, func(t *testing.T) { test.run(t, fresh(t)) })
	}
}

func opened(t *testing.T, open Opener) meta.KV {
	t.Helper()
	kv, err := open()
	require.NoError(t, err)
	t.Cleanup(func() { kv.Close() })
	return kv
}

func put(key, value string) meta.Op { return meta.Op{Key: key, Value: []byte(value)} }

func commit(t *testing.T, kv meta.KV, ops ...meta.Op) int64 {
	t.Helper()
	rev, err := kv.Commit(t.Context(), meta.Txn{Then: ops})
	require.NoError(t, err)
	return rev
}

func testGetAndList(t *testing.T, open Opener) {
	kv, ctx := opened(t, open), t.Context()
	_, err := kv.Get(ctx, "a")
	require.ErrorIs(t, err, meta.ErrNotFound)
	r1 := commit(t, kv, put("p/b", "1"), put("p/a", "2"), put("q", "3"))
	r2 := commit(t, kv, put("p/b", "4"), put("p/empty", ""))
	require.Greater(t, r2, r1)

	got, err := kv.Get(ctx, "p/b")
	require.NoError(t, err)
	require.Equal(t, meta.Pair{Key: "p/b", Value: []byte("4"), Revision: r2}, got)

	pairs, at, err := kv.List(ctx, "p/")
	require.NoError(t, err)
	require.Equal(t, r2, at)
	require.Len(t, pairs, 3)
	require.Equal(t, "p/a", pairs[0].Key)
	require.Equal(t, r1, pairs[0].Revision)
	require.Equal(t, "p/b", pairs[1].Key)
	require.Equal(t, "p/empty", pairs[2].Key)
	require.Empty(t, pairs[2].Value)

	commit(t, kv, meta.Op{Key: "p/b"}, meta.Op{Key: "nothing"})
	_, err = kv.Get(ctx, "p/b")
	require.ErrorIs(t, err, meta.ErrNotFound)

	all, _, err := kv.List(ctx, "")
	require.NoError(t, err)
	require.Len(t, all, 3)
}

func testCompare(t *testing.T, open Opener) {
	kv, ctx := opened(t, open), t.Context()
	r1, err := kv.Commit(ctx, meta.Txn{If: []meta.Compare{{Key: "k"}}, Then: []meta.Op{put("k", "1")}})
	require.NoError(t, err)
	_, err = kv.Commit(ctx, meta.Txn{If: []meta.Compare{{Key: "k"}}, Then: []meta.Op{put("k", "2"), put("x", "2")}})
	require.ErrorIs(t, err, meta.ErrConflict)
	_, err = kv.Get(ctx, "x")
	require.ErrorIs(t, err, meta.ErrNotFound, "a transaction that lost changed something")

	_, err = kv.Commit(ctx, meta.Txn{
		If:   []meta.Compare{{Key: "k", Revision: r1}, {Key: "absent"}},
		Then: []meta.Op{{Key: "k"}, put("y", "3")},
	})
	require.NoError(t, err)
	_, err = kv.Commit(ctx, meta.Txn{If: []meta.Compare{{Key: "k", Revision: r1}}, Then: []meta.Op{put("k", "4")}})
	require.ErrorIs(t, err, meta.ErrConflict, "a deleted key still has its revision")
}

func testLimits(t *testing.T, open Opener) {
	kv, ctx := opened(t, open), t.Context()
	var many []meta.Op
	for i := range meta.MaxOps + 1 {
		many = append(many, put(fmt.Sprint("k", i), "v"))
	}
	_, err := kv.Commit(ctx, meta.Txn{Then: many})
	require.ErrorIs(t, err, meta.ErrTooLarge)
	_, err = kv.Commit(ctx, meta.Txn{Then: many[:meta.MaxOps]})
	require.NoError(t, err)

	large := strings.Repeat("x", meta.MaxBytes)
	_, err = kv.Commit(ctx, meta.Txn{Then: []meta.Op{put("large", large)}})
	require.ErrorIs(t, err, meta.ErrTooLarge)
	_, err = kv.Commit(ctx, meta.Txn{Then: []meta.Op{put("large", large[len("large"):])}})
	require.NoError(t, err)
	got, err := kv.Get(ctx, "large")
	require.NoError(t, err)
	require.Len(t, got.Value, meta.MaxBytes-len("large"))

	_, err = kv.Commit(ctx, meta.Txn{Then: []meta.Op{put("twice", "1"), put("twice", "2")}})
	require.Error(t, err, "a key may be named once")
}

func testReopen(t *testing.T, open Opener) {
	kv, err := open()
	require.NoError(t, err)
	last := int64(0)
	for i := range 50 {
		last = commit(t, kv, put(fmt.Sprintf("k/%02d", i), strings.Repeat("v", i)))
	}
	require.NoError(t, kv.Close())

	kv = opened(t, open)
	pairs, _, err := kv.List(t.Context(), "k/")
	require.NoError(t, err)
	require.Len(t, pairs, 50)
	require.Equal(t, last, pairs[49].Revision, "revisions outlive a restart")
	require.Greater(t, commit(t, kv, put("k/00", "new")), last, "revisions go on after a restart")
	_, err = kv.Commit(t.Context(), meta.Txn{If: []meta.Compare{{Key: "k/49", Revision: last}}, Then: []meta.Op{{Key: "k/49"}}})
	require.NoError(t, err)
}

func testWatch(t *testing.T, open Opener) {
	kv := opened(t, open)
	r1 := commit(t, kv, put("w/a", "1"))
	commit(t, kv, put("w/b", "2"), put("other", "2"))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	events, err := kv.Watch(ctx, "w/", r1)
	require.NoError(t, err)
	commit(t, kv, meta.Op{Key: "w/a"})

	e := <-events
	require.Equal(t, "w/b", e.Key)
	require.Equal(t, "2", string(e.Value))
	e = <-events
	require.Equal(t, "w/a", e.Key)
	require.Nil(t, e.Value, "a deletion has no value")
	require.Greater(t, e.Revision, r1)
	cancel()
	for range events {
		continue // until it is closed
	}
}

func testLease(t *testing.T, open Opener) {
	kv := opened(t, open)
	a, err := kv.Lease(t.Context(), time.Minute)
	require.NoError(t, err)
	b, err := kv.Lease(t.Context(), time.Minute)
	require.NoError(t, err)
	require.NotEqual(t, a.ID(), b.ID())
	require.NoError(t, a.Close())
	<-a.Lost()
	select {
	case <-b.Lost():
		t.Fatal("a lease ended with another one")
	default:
	}
	require.NoError(t, b.Close())
}

func testClosed(t *testing.T, open Opener) {
	kv, err := open()
	require.NoError(t, err)
	require.NoError(t, kv.Close())
	require.NoError(t, kv.Close(), "Close twice")
	ctx := t.Context()
	_, err = kv.Get(ctx, "a")
	require.ErrorIs(t, err, meta.ErrClosed)
	_, _, err = kv.List(ctx, "a")
	require.ErrorIs(t, err, meta.ErrClosed)
	_, err = kv.Commit(ctx, meta.Txn{Then: []meta.Op{put("a", "1")}})
	require.ErrorIs(t, err, meta.ErrClosed)
	_, err = kv.Watch(ctx, "a", 0)
	require.ErrorIs(t, err, meta.ErrClosed)
	_, err = kv.Lease(ctx, time.Second)
	require.ErrorIs(t, err, meta.ErrClosed)
}

// testCounter: many writers raise one key by compare-and-set; none is lost.
func testCounter(t *testing.T, open Opener) {
	kv := opened(t, open)
	const writers, each = 8, 25
	var wg sync.WaitGroup
	errs := make(chan error, writers)
	for range writers {
		wg.Go(func() {
			for range each {
				if err := raise(t.Context(), kv); err != nil {
					errs <- err
					return
				}
			}
		})
	}
	wg.Wait()
	close(errs)
	require.NoError(t, <-errs)
	got, err := kv.Get(t.Context(), "counter")
	require.NoError(t, err)
	require.Equal(t, fmt.Sprint(writers*each), string(got.Value))
}

func raise(ctx context.Context, kv meta.KV) error {
	for {
		n := 0
		p, err := kv.Get(ctx, "counter")
		if err == nil {
			if _, err := fmt.Sscan(string(p.Value), &n); err != nil {
				return err
			}
		} else if !errors.Is(err, meta.ErrNotFound) {
			return err
		}
		_, err = kv.Commit(ctx, meta.Txn{
			If:   []meta.Compare{{Key: "counter", Revision: p.Revision}},
			Then: []meta.Op{put("counter", fmt.Sprint(n+1))},
		})
		if !errors.Is(err, meta.ErrConflict) {
			return err
		}
	}
}

// testModel compares random transactions and restarts with a map.
func testModel(t *testing.T, open Opener) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 0))
	kv, err := open()
	require.NoError(t, err)
	defer func() { kv.Close() }()
	model := map[string]string{}
	for step := range 300 {
		if step%100 == 99 {
			require.NoError(t, kv.Close())
			kv, err = open()
			require.NoError(t, err)
		}
		var ops []meta.Op
		used := map[string]bool{}
		for range 1 + rnd.IntN(5) {
			key := fmt.Sprintf("m/%d", rnd.IntN(20))
			if used[key] {
				continue
			}
			used[key] = true
			if rnd.IntN(3) == 0 {
				ops = append(ops, meta.Op{Key: key})
				delete(model, key)
			} else {
				value := fmt.Sprint(step)
				ops = append(ops, put(key, value))
				model[key] = value
			}
		}
		commit(t, kv, ops...)
		if step%10 == 0 {
			requireSame(t, kv, model)
		}
	}
	requireSame(t, kv, model)
}

func requireSame(t *testing.T, kv meta.KV, model map[string]string) {
	t.Helper()
	pairs, _, err := kv.List(t.Context(), "m/")
	require.NoError(t, err)
	require.Len(t, pairs, len(model))
	require.True(t, slices.IsSortedFunc(pairs, func(a, b meta.Pair) int { return strings.Compare(a.Key, b.Key) }))
	for _, p := range pairs {
		require.Equal(t, model[p.Key], string(p.Value), p.Key)
	}
}
