package etcdkv_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/redkite-db/redkite/internal/porttest/kvtest"
	"github.com/redkite-db/redkite/meta"
	"github.com/redkite-db/redkite/meta/etcdkv"
)

func TestConformance(t *testing.T) {
	kvtest.Run(t, func(t *testing.T) kvtest.Opener {
		dir := t.TempDir()
		return func() (meta.KV, error) {
			return etcdkv.Open(t.Context(), etcdkv.Config{Dir: dir})
		}
	})
}

// TestStarts: a store is opened many times around the lengths of the log at
// which etcd takes snapshots and drops entries from memory.
func TestStarts(t *testing.T) {
	dir := t.TempDir()
	written := 0
	for range 30 {
		kv, err := etcdkv.Open(t.Context(), etcdkv.Config{Dir: dir})
		require.NoError(t, err)
		pairs, _, err := kv.List(t.Context(), "k")
		require.NoError(t, err)
		require.Len(t, pairs, written)
		for range 7 {
			_, err := kv.Commit(t.Context(), meta.Txn{Then: []meta.Op{{Key: fmt.Sprintf("k%04d", written), Value: []byte("v")}}})
			require.NoError(t, err)
			written++
		}
		require.NoError(t, kv.Close())
	}
}
