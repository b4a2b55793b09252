// Package storetest holds the conformance suite of objectstore.Store and
// objectstore.Files, a store in memory, and one that fails on request.
package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/redkite-db/redkite/internal/mem"
	"github.com/redkite-db/redkite/objectstore"
)

// Memory is a store in memory. The zero value is empty and ready.
type Memory struct {
	// Before, if set, is called before each operation and may fail it: "put",
	// "get", "stat", "list", "delete" or "pin", with its key or prefix. It is
	// set before the store is shared.
	Before func(op, key string) error

	mu struct {
		sync.Mutex
		objects map[string]object
		clock   int64
	}
}

type object struct {
	data     []byte
	modified time.Time
}

var (
	_ objectstore.Store = (*Memory)(nil)
	_ objectstore.Files = (*Memory)(nil)
)

func (s *Memory) begin(ctx context.Context, op, key string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if op != "list" {
		if err := objectstore.CheckKey(key); err != nil {
			return err
		}
	}
	if s.Before != nil {
		return s.Before(op, key)
	}
	return nil
}

// Put implements objectstore.Store.
func (s *Memory) Put(ctx context.Context, key string, r io.Reader, size int64) error {
	if err := s.begin(ctx, "put", key); err != nil {
		return err
	}
	var b bytes.Buffer
	if n, err := io.Copy(&b, io.LimitReader(r, size)); err != nil {
		return fmt.Errorf("put %s: %w", key, err)
	} else if n < size {
		return fmt.Errorf("put %s: source ended %d bytes early: %w", key, size-n, io.ErrUnexpectedEOF)
	}
	switch n, err := io.ReadFull(r, make([]byte, 1)); {
	case n > 0:
		return fmt.Errorf("put %s: source is longer than the %d bytes announced", key, size)
	case !errors.Is(err, io.EOF):
		return fmt.Errorf("put %s: end of the source: %w", key, err)
	}
	return s.store(key, b.Bytes(), false)
}

// PutNew implements objectstore.Store.
func (s *Memory) PutNew(ctx context.Context, key string, b []byte) error {
	if err := s.begin(ctx, "put", key); err != nil {
		return err
	}
	return s.store(key, bytes.Clone(b), true)
}

func (s *Memory) store(key string, b []byte, onlyNew bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.mu.objects[key]; ok && onlyNew {
		return fmt.Errorf("put %s: %w", key, objectstore.ErrExists)
	}
	if s.mu.objects == nil {
		s.mu.objects = map[string]object{}
	}
	s.mu.clock++
	s.mu.objects[key] = object{data: b, modified: time.Unix(s.mu.clock, 0)}
	return nil
}

func (s *Memory) get(key string) (object, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	o, ok := s.mu.objects[key]
	if !ok {
		return object{}, fmt.Errorf("%s: %w", key, objectstore.ErrNotFound)
	}
	return o, nil
}

// GetRange implements objectstore.Store.
func (s *Memory) GetRange(ctx context.Context, key string, off, n int64) (io.ReadCloser, error) {
	if err := s.begin(ctx, "get", key); err != nil {
		return nil, err
	}
	o, err := s.get(key)
	if err != nil {
		return nil, err
	}
	if off < 0 || off > int64(len(o.data)) {
		return nil, fmt.Errorf("get %s: offset %d of %d bytes", key, off, len(o.data))
	}
	b := o.data[off:]
	if n >= 0 && n < int64(len(b)) {
		b = b[:n]
	}
	return io.NopCloser(bytes.NewReader(b)), nil
}

// Stat implements objectstore.Store.
func (s *Memory) Stat(ctx context.Context, key string) (objectstore.Info, error) {
	if err := s.begin(ctx, "stat", key); err != nil {
		return objectstore.Info{}, err
	}
	o, err := s.get(key)
	if err != nil {
		return objectstore.Info{}, err
	}
	return objectstore.Info{Key: key, Size: int64(len(o.data)), Modified: o.modified}, nil
}

// List implements objectstore.Store.
func (s *Memory) List(ctx context.Context, prefix string) iter.Seq2[objectstore.Info, error] {
	return func(yield func(objectstore.Info, error) bool) {
		if err := s.begin(ctx, "list", prefix); err != nil {
			yield(objectstore.Info{}, err)
			return
		}
		for _, info := range s.snapshot(prefix) {
			if !yield(info, nil) {
				return
			}
		}
	}
}

func (s *Memory) snapshot(prefix string) []objectstore.Info {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []objectstore.Info
	for key, o := range s.mu.objects {
		if strings.HasPrefix(key, prefix) {
			out = append(out, objectstore.Info{Key: key, Size: int64(len(o.data)), Modified: o.modified})
		}
	}
	slices.SortFunc(out, func(a, b objectstore.Info) int { return strings.Compare(a.Key, b.Key) })
	return out
}

// Delete implements objectstore.Store.
func (s *Memory) Delete(ctx context.Context, keys ...string) error {
	for _, key := range keys {
		if err := s.begin(ctx, "delete", key); err != nil {
			return err
		}
		s.mu.Lock()
		delete(s.mu.objects, key)
		s.mu.Unlock()
	}
	return nil
}

// Pin implements objectstore.Files.
func (s *Memory) Pin(ctx context.Context, key string) (*mem.Map, error) {
	if err := s.begin(ctx, "pin", key); err != nil {
		return nil, err
	}
	o, err := s.get(key)
	if err != nil {
		return nil, err
	}
	return mem.FromBytes(o.data), nil
}

// Replace puts other bytes in the place of an object's, as a failing disk
// would; it reports whether there is such an object.
func (s *Memory) Replace(key string, b []byte) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	o, ok := s.mu.objects[key]
	if ok {
		o.data = b
		s.mu.objects[key] = o
	}
	return ok
}
