// Package objectstore holds the port to immutable blobs, and to maps of them
// in local memory.
package objectstore

import (
	"context"
	"errors"
	"io"
	"iter"
	"time"

	"github.com/redkite-db/redkite/internal/mem"
)

// Errors that stores return, wrapped or bare; test with errors.Is.
var (
	ErrNotFound = errors.New("objectstore: no such object")
	ErrExists   = errors.New("objectstore: object exists")
	// ErrFull: no space; nothing of the object is visible.
	ErrFull = errors.New("objectstore: store is full")
	// ErrBadKey: a key that is empty, absolute, or climbs out of the store.
	ErrBadKey = errors.New("objectstore: invalid key")
)

// Info describes one object.
type Info struct {
	Key      string
	Size     int64
	Modified time.Time
}

// Store holds immutable blobs under slash-separated keys. When Put or PutNew
// returned nil the object is durable, power loss included; before that it is
// either whole or absent. Nothing is ever changed in place. All methods may
// be called from any goroutine.
type Store interface {
	// Put stores exactly size bytes of r. An object of that key is replaced whole.
	Put(ctx context.Context, key string, r io.Reader, size int64) error
	// PutNew stores b unless the key exists: then ErrExists, and nothing changed.
	PutNew(ctx context.Context, key string, b []byte) error
	// GetRange reads n bytes from off; n < 0: to the end.
	GetRange(ctx context.Context, key string, off, n int64) (io.ReadCloser, error)
	Stat(ctx context.Context, key string) (Info, error)
	// List yields the objects whose key begins with prefix, in key order.
	List(ctx context.Context, prefix string) iter.Seq2[Info, error]
	// Delete removes objects; a missing one is no error. Their space is free
	// once no map of them is pinned.
	Delete(ctx context.Context, keys ...string) error
}

// Files maps objects into memory. A map that is pinned stays readable after
// its object was deleted.
type Files interface {
	Pin(ctx context.Context, key string) (*mem.Map, error)
}
