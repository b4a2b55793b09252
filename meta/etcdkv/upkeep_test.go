package etcdkv

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/redkite-db/redkite/meta"
)

func opened(t *testing.T, cfg Config) *KV {
	t.Helper()
	kv, err := Open(t.Context(), cfg)
	require.NoError(t, err)
	t.Cleanup(func() { kv.Close() })
	return kv
}

func put(key string, value []byte) meta.Txn {
	return meta.Txn{Then: []meta.Op{{Key: key, Value: value}}}
}

// usage returns the bytes of all files in a directory, and their number.
func usage(t *testing.T, dir string) (size int64, count int) {
	t.Helper()
	require.NoError(t, filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err == nil {
			size += info.Size()
			count++
		}
		return err
	}))
	return size, count
}

// TestGrowth writes and deletes without an end: files stay few and small, and
// what watches may ask for is bounded.
func TestGrowth(t *testing.T) {
	dir := t.TempDir()
	kv := opened(t, Config{Dir: dir})
	value := bytes.Repeat([]byte("v"), 4<<10)
	for i := range 1200 {
		key := fmt.Sprint("k", i%10)
		_, err := kv.Commit(t.Context(), put(key, value))
		require.NoError(t, err)
		_, err = kv.Commit(t.Context(), meta.Txn{Then: []meta.Op{{Key: key}}})
		require.NoError(t, err)
		if i%100 == 99 {
			size, count := usage(t, dir)
			require.Less(t, size, int64(64<<20))
			require.Less(t, count, 12)
		}
	}
	last := kv.chain.seal.revision
	require.LessOrEqual(t, last-kv.server.Server.KV().FirstRev(), int64(2*keepRevisions+upkeepEvery))
	_, err := kv.Watch(t.Context(), "", 1)
	require.ErrorContains(t, err, "are gone")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	events, err := kv.Watch(ctx, "", last-keepRevisions)
	require.NoError(t, err)
	require.Equal(t, last-keepRevisions+1, (<-events).Revision)
}

// TestDefragment: a database that was large is small again.
func TestDefragment(t *testing.T) {
	dir := t.TempDir()
	kv := opened(t, Config{Dir: dir})
	value := bytes.Repeat([]byte("v"), 1<<20-10)
	for i := range 24 {
		_, err := kv.Commit(t.Context(), put(fmt.Sprint("k", i), value))
		require.NoError(t, err)
	}
	for i := range 23 {
		_, err := kv.Commit(t.Context(), meta.Txn{Then: []meta.Op{{Key: fmt.Sprint("k", i)}}})
		require.NoError(t, err)
	}
	backend := kv.server.Server.Backend()
	require.Greater(t, backend.Size(), int64(largeDB))
	for backend.Size() >= 8<<20 { // etcd compacts in the background
		_, err := kv.Commit(t.Context(), put("small", []byte("v")))
		require.NoError(t, err)
	}
	p, err := kv.Get(t.Context(), "k23")
	require.NoError(t, err)
	require.Equal(t, value, p.Value)
	require.NoError(t, kv.Close())
	kv = opened(t, Config{Dir: dir})
	p, err = kv.Get(t.Context(), "k23")
	require.NoError(t, err)
	require.Equal(t, value, p.Value)
}

// TestFull: with little space left nothing is written, reads go on, and writes
// when there is space again.
func TestFull(t *testing.T) {
	free, bad := int64(1<<40), error(nil)
	kv := opened(t, Config{Dir: t.TempDir(), Free: func() (int64, error) { return free, bad }})
	kv.solid = false // nothing but Free is known
	_, err := kv.Commit(t.Context(), put("k", []byte("1")))
	require.NoError(t, err)
	free = minFree - 1
	_, err = kv.Commit(t.Context(), put("k", []byte("2")))
	require.ErrorIs(t, err, syscall.ENOSPC)
	require.ErrorContains(t, err, kv.dir)
	p, err := kv.Get(t.Context(), "k")
	require.NoError(t, err)
	require.Equal(t, "1", string(p.Value))
	free, bad = 1<<40, errors.New("no such disk")
	_, err = kv.Commit(t.Context(), put("k", []byte("2")))
	require.ErrorIs(t, err, bad)
	bad = nil
	_, err = kv.Commit(t.Context(), put("k", []byte("3")))
	require.NoError(t, err)
}

// TestGiveUp: when etcd would end the process, all calls get the cause.
func TestGiveUp(t *testing.T) {
	kv := opened(t, Config{Dir: t.TempDir()})
	defer kv.server.Close() // which Close leaves alone then
	_, err := kv.Commit(t.Context(), put("k", []byte("1")))
	require.NoError(t, err)
	events, err := kv.Watch(t.Context(), "", 0)
	require.NoError(t, err)
	<-events
	lease, err := kv.Lease(t.Context(), 0)
	require.NoError(t, err)
	kv.turn <- struct{}{}
	waiting := make(chan error)
	go func() {
		_, err := kv.Commit(t.Context(), put("k", []byte("2")))
		waiting <- err
	}()
	for running := 0; running < 2; { // the watch and the commit
		kv.mu.Lock()
		running = len(kv.mu.calls)
		kv.mu.Unlock()
	}
	ended := make(chan bool)
	go func() {
		defer close(ended)
		newZapCore(kv.log, kv.life.giveUp).logger().Fatal("cannot write", zap.Error(io.ErrShortWrite))
		t.Error("Fatal returned")
	}()
	<-ended
	for _, err := range []error{<-waiting, func() error { _, err := kv.Get(t.Context(), "k"); return err }()} {
		require.ErrorIs(t, err, meta.ErrClosed)
		require.ErrorIs(t, err, io.ErrShortWrite)
		require.ErrorContains(t, err, kv.dir)
	}
	<-lease.Lost()
	_, open := <-events
	require.False(t, open)
	require.ErrorIs(t, kv.Close(), io.ErrShortWrite)
}

// TestLocked: a directory has one store at a time.
func TestLocked(t *testing.T) {
	dir := t.TempDir()
	kv := opened(t, Config{Dir: dir})
	_, err := Open(t.Context(), Config{Dir: dir})
	require.ErrorIs(t, err, ErrLocked)
	require.ErrorContains(t, err, dir)
	require.NoError(t, kv.Close())
	opened(t, Config{Dir: dir})
}

// TestSealIsHidden from callers, who cannot name it, nor an empty key.
func TestSealIsHidden(t *testing.T) {
	kv := opened(t, Config{Dir: t.TempDir()})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	events, err := kv.Watch(ctx, "", 0)
	require.NoError(t, err)
	for _, key := range []string{"a", "b"} {
		_, err = kv.Commit(ctx, put(key, []byte("1")))
		require.NoError(t, err)
		require.Equal(t, key, (<-events).Key)
	}
	pairs, _, err := kv.List(ctx, "")
	require.NoError(t, err)
	require.Len(t, pairs, 2)
	for _, key := range []string{sealKey, ""} {
		_, err = kv.Get(ctx, key)
		require.ErrorIs(t, err, meta.ErrNotFound)
		_, err = kv.Commit(ctx, put(key, []byte("1")))
		require.ErrorContains(t, err, "cannot be written")
		_, err = kv.Commit(ctx, meta.Txn{If: []meta.Compare{{Key: key}}})
		require.ErrorContains(t, err, "cannot be compared")
	}
	many := make([]meta.Compare, maxCompares+1)
	for i := range many {
		many[i].Key = fmt.Sprint(i)
	}
	_, err = kv.Commit(ctx, meta.Txn{If: many})
	require.ErrorIs(t, err, meta.ErrTooLarge)
	_, err = kv.Commit(ctx, meta.Txn{If: many[:maxCompares], Then: put("c", []byte("1")).Then})
	require.NoError(t, err)
}

// TestUnknownOutcome: a commit whose caller left may be applied later. The
// next one follows on whatever happened.
func TestUnknownOutcome(t *testing.T) {
	kv := opened(t, Config{Dir: t.TempDir()})
	wrote := map[string]bool{}
	for i := range 50 {
		ctx, cancel := context.WithCancel(t.Context())
		go cancel()
		key := fmt.Sprint("left", i)
		_, err := kv.Commit(ctx, put(key, []byte("1")))
		if err == nil {
			wrote[key] = true
		} else {
			require.ErrorIs(t, err, context.Canceled)
		}
		_, err = kv.Commit(t.Context(), put("stayed", fmt.Append(nil, i)))
		require.NoError(t, err)
	}
	for key := range wrote {
		_, err := kv.Get(t.Context(), key)
		require.NoError(t, err)
	}
	p, err := kv.Get(t.Context(), "stayed")
	require.NoError(t, err)
	require.Equal(t, "49", string(p.Value))
	require.NoError(t, kv.Close())
	opened(t, Config{Dir: kv.dir})
}
