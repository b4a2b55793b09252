package etcdkv

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/redkite-db/redkite/meta"
)

// TestNoGoroutineIsLeft after Close, with a watch and a lease open.
func TestNoGoroutineIsLeft(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	kv, err := Open(t.Context(), Config{Dir: t.TempDir()})
	require.NoError(t, err)
	events, err := kv.Watch(t.Context(), "", 0)
	require.NoError(t, err)
	lease, err := kv.Lease(t.Context(), 0)
	require.NoError(t, err)
	_, err = kv.Commit(t.Context(), meta.Txn{Then: []meta.Op{{Key: "k", Value: []byte("v")}}})
	require.NoError(t, err)
	require.Equal(t, "k", (<-events).Key)
	require.NoError(t, kv.Close())
	_, open := <-events
	require.False(t, open)
	<-lease.Lost()
}
