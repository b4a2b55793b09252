package etcdkv

import (
	"context"
	"time"

	"github.com/redkite-db/redkite/meta"
)

// lease ends with Close, its own or the store's. It needs no keeping: the
// directory belongs to this process alone, so that nobody can take over what
// the lease stands for while the process lives, however slow the disk is.
type lease struct {
	kv   *KV
	id   int64
	lost chan struct{} // closed under kv.mu, when the lease leaves kv.mu.held
}

// Lease implements meta.KV. IDs ascend over the life of the store.
func (kv *KV) Lease(ctx context.Context, _ time.Duration) (meta.Lease, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	kv.mu.Lock()
	defer kv.mu.Unlock()
	if kv.mu.closing {
		return nil, meta.ErrClosed
	}
	if kv.mu.failed != nil {
		return nil, kv.failedLocked()
	}
	kv.mu.leases++
	l := &lease{kv: kv, id: int64(kv.mu.term)<<32 + kv.mu.leases, lost: make(chan struct{})}
	kv.mu.held[l] = struct{}{}
	return l, nil
}

// ID implements meta.Lease.
func (l *lease) ID() int64 { return l.id }

// Lost implements meta.Lease.
func (l *lease) Lost() <-chan struct{} { return l.lost }

// Close implements meta.Lease.
func (l *lease) Close() error {
	l.kv.mu.Lock()
	defer l.kv.mu.Unlock()
	if _, ok := l.kv.mu.held[l]; ok {
		delete(l.kv.mu.held, l)
		close(l.lost)
	}
	return nil
}

// endLeasesLocked ends all leases.
func (kv *KV) endLeasesLocked() {
	for l := range kv.mu.held {
		delete(kv.mu.held, l)
		close(l.lost)
	}
}
