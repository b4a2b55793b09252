package etcdkv

import (
	"io"
	"io/fs"
	"os"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/redkite-db/redkite/meta"
)

// TestRestartFails: a store whose server could not be replaced says why, and
// is there again when it can, with its watches and leases.
func TestRestartFails(t *testing.T) {
	kv := opened(t, Config{Dir: t.TempDir()})
	_, err := kv.Commit(t.Context(), put("a", []byte("1")))
	require.NoError(t, err)
	events, err := kv.Watch(t.Context(), "", 0)
	require.NoError(t, err)
	require.Equal(t, "a", (<-events).Key)
	lease, err := kv.Lease(t.Context(), 0)
	require.NoError(t, err)

	away := kv.dir + "/away"
	require.NoError(t, os.Rename(walDir(kv.dir), away))
	kv.turn <- struct{}{}
	require.ErrorIs(t, kv.restart(t.Context()), ErrDamaged)
	<-kv.turn
	for range 2 {
		_, err = kv.Commit(t.Context(), put("b", []byte("1")))
		require.ErrorIs(t, err, ErrDamaged)
		require.NotErrorIs(t, err, meta.ErrClosed)
		_, err = kv.Get(t.Context(), "a")
		require.ErrorContains(t, err, "restart")
		_, _, err = kv.List(t.Context(), "")
		require.ErrorContains(t, err, kv.dir)
		_, err = kv.Watch(t.Context(), "", 0)
		require.ErrorContains(t, err, "restart")
	}
	require.NoError(t, os.Rename(away, walDir(kv.dir)))
	_, err = kv.Commit(t.Context(), put("b", []byte("1")))
	require.NoError(t, err)
	require.Equal(t, "b", (<-events).Key)
	select {
	case <-lease.Lost():
		t.Fatal("the lease is lost")
	default:
	}
	require.NoError(t, kv.Close())
}

// TestLife: what etcd may go on from, and what ends the store.
func TestLife(t *testing.T) {
	for _, c := range []struct {
		err    error
		adopt  bool
		goesOn bool
		closed bool
	}{
		{err: &fs.PathError{Path: "x/1-2.snap", Err: syscall.ENOSPC}, adopt: true, goesOn: true},
		{err: &fs.PathError{Path: "x/1-2.snap", Err: syscall.EIO}, adopt: true, closed: true},
		{err: &fs.PathError{Path: "x/1-2.wal", Err: syscall.ENOSPC}, adopt: true, closed: true},
		{err: io.ErrShortWrite}, // of a start
	} {
		kv := opened(t, Config{Dir: t.TempDir()})
		l := newLife(kv)
		if c.adopt {
			require.NoError(t, l.adopt(1))
		}
		require.Equal(t, c.goesOn, l.giveUp(c.err))
		require.Equal(t, c.goesOn, l.bare.Load())
		_, err := kv.Commit(t.Context(), put("k", []byte("v")))
		if c.closed {
			require.ErrorIs(t, err, meta.ErrClosed)
			require.ErrorIs(t, err, c.err)
		} else {
			require.NoError(t, err)
		}
		if !c.goesOn {
			require.ErrorIs(t, l.failed(), c.err)
			require.False(t, l.giveUp(io.EOF), "the first cause counts")
			require.ErrorIs(t, l.failed(), c.err)
		}
	}
}
