package kvtest

import (
	"context"
	"sync"

	"github.com/redkite-db/redkite/meta"
)

// Crash is a store whose process ends at a chosen commit: that commit is
// either lost or durable, its caller does not learn which, and nothing works
// afterwards.
type Crash struct {
	*KV
	at    int64 // counts from 1; 0: never
	after bool  // the commit is durable
	mu    struct {
		sync.Mutex
		commits int64
		dead    chan struct{}
	}
}

// NewCrash wraps a store. at is the number of the last commit, from 1; after
// tells whether it is applied.
func NewCrash(kv *KV, at int64, after bool) *Crash {
	c := &Crash{KV: kv, at: at, after: after}
	c.mu.dead = make(chan struct{})
	return c
}

// Commit implements meta.KV.
func (c *Crash) Commit(ctx context.Context, t meta.Txn) (int64, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.mu.commits++
	if c.mu.commits != c.at {
		return c.KV.Commit(ctx, t)
	}
	if c.after {
		if _, err := c.KV.Commit(ctx, t); err != nil {
			return 0, err
		}
	}
	c.KV.Close()
	close(c.mu.dead)
	return 0, meta.ErrClosed
}

// Commits is the number of commits so far.
func (c *Crash) Commits() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.mu.commits
}

// Dead is closed once the chosen commit was reached.
func (c *Crash) Dead() <-chan struct{} { return c.mu.dead }
