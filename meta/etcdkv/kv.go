package etcdkv

import (
	"context"
	"fmt"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/redkite-db/redkite/meta"
)

// Reads are of the local state: what the only member has applied is what is
// committed, and a disk that hangs does not hold them up.

// Get implements meta.KV.
func (kv *KV) Get(ctx context.Context, key string) (meta.Pair, error) {
	inner, leave, err := kv.enter(ctx, false)
	if err != nil {
		return meta.Pair{}, err
	}
	defer leave()
	if !storable(key) {
		return meta.Pair{}, fmt.Errorf("%w: %q", meta.ErrNotFound, key)
	}
	kv.gate.RLock()
	defer kv.gate.RUnlock()
	if kv.down != nil {
		return meta.Pair{}, kv.fail(ctx, "get "+key, kv.down)
	}
	resp, err := kv.client.Get(inner, key, clientv3.WithSerializable())
	if err != nil {
		return meta.Pair{}, kv.fail(ctx, "get "+key, err)
	}
	if len(resp.Kvs) == 0 {
		return meta.Pair{}, fmt.Errorf("%w: %s", meta.ErrNotFound, key)
	}
	p := resp.Kvs[0]
	return pair(p.Key, p.Value, p.ModRevision), nil
}

// List implements meta.KV.
func (kv *KV) List(ctx context.Context, prefix string) ([]meta.Pair, int64, error) {
	inner, leave, err := kv.enter(ctx, false)
	if err != nil {
		return nil, 0, err
	}
	defer leave()
	kv.gate.RLock()
	defer kv.gate.RUnlock()
	if kv.down != nil {
		return nil, 0, kv.fail(ctx, "list "+prefix, kv.down)
	}
	resp, err := kv.client.Get(inner, prefix, clientv3.WithPrefix(), clientv3.WithSerializable())
	if err != nil {
		return nil, 0, kv.fail(ctx, "list "+prefix, err)
	}
	pairs := make([]meta.Pair, 0, len(resp.Kvs))
	for _, p := range resp.Kvs {
		if string(p.Key) != sealKey {
			pairs = append(pairs, pair(p.Key, p.Value, p.ModRevision))
		}
	}
	return pairs, resp.Header.Revision, nil
}

func pair(key, value []byte, revision int64) meta.Pair {
	if value == nil {
		value = []byte{}
	}
	return meta.Pair{Key: string(key), Value: value, Revision: revision}
}
