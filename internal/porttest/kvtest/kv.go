// Package kvtest holds the conformance suite of the meta.KV port, an
// in-memory store that passes it, and a wrapper that ends the store at a
// chosen commit.
package kvtest

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/redkite-db/redkite/meta"
)

// KV is a meta.KV in memory. Its contents outlive Close: Reopen reads them.
type KV struct {
	mu struct {
		sync.Mutex
		revision int64
		pairs    map[string]meta.Pair
		events   []meta.Event  // all there ever were, ascending by revision
		changed  chan struct{} // closed and replaced at each change
		closed   bool
		leases   int64
	}
}

var _ meta.KV = (*KV)(nil)

// New returns an empty store.
func New() *KV {
	kv := &KV{}
	kv.mu.pairs = map[string]meta.Pair{}
	kv.mu.changed = make(chan struct{})
	return kv
}

// Reopen returns a store with the same contents, as after a restart. The old
// one is closed.
func (kv *KV) Reopen() *KV {
	kv.Close()
	kv.mu.Lock()
	defer kv.mu.Unlock()
	next := New()
	next.mu.revision = kv.mu.revision
	next.mu.events = slices.Clone(kv.mu.events)
	for k, p := range kv.mu.pairs {
		next.mu.pairs[k] = p
	}
	return next
}

// Get implements meta.KV.
func (kv *KV) Get(ctx context.Context, key string) (meta.Pair, error) {
	if err := ctx.Err(); err != nil {
		return meta.Pair{}, err
	}
	kv.mu.Lock()
	defer kv.mu.Unlock()
	if kv.mu.closed {
		return meta.Pair{}, meta.ErrClosed
	}
	p, ok := kv.mu.pairs[key]
	if !ok {
		return meta.Pair{}, fmt.Errorf("%w: %s", meta.ErrNotFound, key)
	}
	p.Value = bytes.Clone(p.Value)
	return p, nil
}

// List implements meta.KV.
func (kv *KV) List(ctx context.Context, prefix string) ([]meta.Pair, int64, error) {
	if err := ctx.Err(); err != nil {
		return nil, 0, err
	}
	kv.mu.Lock()
	defer kv.mu.Unlock()
	if kv.mu.closed {
		return nil, 0, meta.ErrClosed
	}
	var out []meta.Pair
	for k, p := range kv.mu.pairs {
		if strings.HasPrefix(k, prefix) {
			p.Value = bytes.Clone(p.Value)
			out = append(out, p)
		}
	}
	slices.SortFunc(out, func(a, b meta.Pair) int { return strings.Compare(a.Key, b.Key) })
	return out, kv.mu.revision, nil
}

// Commit implements meta.KV.
func (kv *KV) Commit(ctx context.Context, t meta.Txn) (int64, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	if err := t.Check(); err != nil {
		return 0, err
	}
	kv.mu.Lock()
	defer kv.mu.Unlock()
	if kv.mu.closed {
		return 0, meta.ErrClosed
	}
	for _, c := range t.If {
		if got := kv.mu.pairs[c.Key].Revision; got != c.Revision {
			return 0, fmt.Errorf("%w: %s is at revision %d, not %d", meta.ErrConflict, c.Key, got, c.Revision)
		}
	}
	kv.mu.revision++
	for _, op := range t.Then {
		p := meta.Pair{Key: op.Key, Value: bytes.Clone(op.Value), Revision: kv.mu.revision}
		if op.Value == nil {
			if _, ok := kv.mu.pairs[op.Key]; !ok {
				continue
			}
			delete(kv.mu.pairs, op.Key)
		} else {
			if p.Value == nil {
				p.Value = []byte{}
			}
			kv.mu.pairs[op.Key] = p
		}
		kv.mu.events = append(kv.mu.events, meta.Event{Pair: p})
	}
	close(kv.mu.changed)
	kv.mu.changed = make(chan struct{})
	return kv.mu.revision, nil
}

// Watch implements meta.KV.
func (kv *KV) Watch(ctx context.Context, prefix string, after int64) (<-chan meta.Event, error) {
	kv.mu.Lock()
	defer kv.mu.Unlock()
	if kv.mu.closed {
		return nil, meta.ErrClosed
	}
	out := make(chan meta.Event)
	go kv.follow(ctx, prefix, after, out)
	return out, nil
}

// follow sends events until ctx ends or the store is closed.
func (kv *KV) follow(ctx context.Context, prefix string, after int64, out chan<- meta.Event) {
	defer close(out)
	next := 0
	for {
		kv.mu.Lock()
		events, changed, closed := kv.mu.events[next:], kv.mu.changed, kv.mu.closed
		kv.mu.Unlock()
		next += len(events)
		for _, e := range events {
			if e.Revision <= after || !strings.HasPrefix(e.Key, prefix) {
				continue
			}
			select {
			case out <- e:
			case <-ctx.Done():
				return
			}
		}
		if closed {
			return
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return
		}
	}
}

type lease struct {
	id   int64
	lost chan struct{}
	once sync.Once
}

func (l *lease) ID() int64             { return l.id }
func (l *lease) Lost() <-chan struct{} { return l.lost }
func (l *lease) Close() error          { l.once.Do(func() { close(l.lost) }); return nil }

// Lease implements meta.KV; a lease in one process ends only with Close.
func (kv *KV) Lease(ctx context.Context, _ time.Duration) (meta.Lease, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	kv.mu.Lock()
	defer kv.mu.Unlock()
	if kv.mu.closed {
		return nil, meta.ErrClosed
	}
	kv.mu.leases++
	return &lease{id: kv.mu.leases, lost: make(chan struct{})}, nil
}

// Close implements meta.KV.
func (kv *KV) Close() error {
	kv.mu.Lock()
	defer kv.mu.Unlock()
	if !kv.mu.closed {
		kv.mu.closed = true
		close(kv.mu.changed)
		kv.mu.changed = make(chan struct{})
	}
	return nil
}
