// Package meta holds the port to the metadata store, and the catalog that
// lives in it.
package meta

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Errors that stores return, wrapped or bare; test with errors.Is.
var (
	ErrNotFound = errors.New("meta: no such key")
	// ErrConflict: a comparison of a transaction did not hold; nothing changed.
	ErrConflict = errors.New("meta: transaction conflict")
	// ErrTooLarge: a transaction above MaxOps or MaxBytes; nothing changed.
	ErrTooLarge = errors.New("meta: transaction too large")
	ErrClosed   = errors.New("meta: closed")
)

// Limits of one transaction.
const (
	MaxOps   = 100
	MaxBytes = 1 << 20
)

// Pair is a key, its value, and the revision that wrote it (> 0).
type Pair struct {
	Key      string
	Value    []byte
	Revision int64
}

// Compare asks that a key was last written by a revision; 0: is absent.
type Compare struct {
	Key      string
	Revision int64
}

// Op writes a key, or deletes it if Value is nil.
type Op struct {
	Key   string
	Value []byte
}

// Txn is applied if all comparisons hold: all operations at one revision, or
// none. Each key is written at most once.
type Txn struct {
	If   []Compare
	Then []Op
}

// Check refuses a transaction above MaxOps or MaxBytes (ErrTooLarge), and one
// that names a key twice. Stores call it before anything else.
func (t Txn) Check() error {
	if n := len(t.Then); n > MaxOps {
		return fmt.Errorf("%w: %d operations, at most %d", ErrTooLarge, n, MaxOps)
	}
	size := 0
	seen := make(map[string]bool, len(t.Then))
	for _, op := range t.Then {
		if seen[op.Key] {
			return fmt.Errorf("meta: transaction names key %s twice", op.Key)
		}
		seen[op.Key] = true
		size += len(op.Key) + len(op.Value)
	}
	if size > MaxBytes {
		return fmt.Errorf("%w: %d bytes of keys and values, at most %d", ErrTooLarge, size, MaxBytes)
	}
	return nil
}

// Event is one change of a watched key; Value is nil for a deletion.
type Event struct {
	Pair
}

// Lease is a promise that ends by itself unless it is kept.
type Lease interface {
	ID() int64
	// Lost is closed when the lease may have ended.
	Lost() <-chan struct{}
	Close() error
}

// KV is the metadata store: small, durable, with transactions.
type KV interface {
	Get(ctx context.Context, key string) (Pair, error)
	// List returns the pairs under a prefix in key order, and the revision of
	// the snapshot that it read.
	List(ctx context.Context, prefix string) ([]Pair, int64, error)
	// Commit applies a transaction durably and returns its revision.
	Commit(ctx context.Context, t Txn) (int64, error)
	// Watch yields the changes under a prefix after a revision, until ctx ends.
	Watch(ctx context.Context, prefix string, after int64) (<-chan Event, error)
	Lease(ctx context.Context, ttl time.Duration) (Lease, error)
	Close() error
}
