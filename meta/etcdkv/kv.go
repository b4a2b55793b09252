package etcdkv

import (
	"context"
	"errors"
	"fmt"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/redkite-db/redkite/meta"
)

// Get implements meta.KV.
func (kv *KV) Get(ctx context.Context, key string) (meta.Pair, error) {
	if err := kv.enter(ctx); err != nil {
		return meta.Pair{}, err
	}
	defer kv.calls.Done()
	resp, err := kv.client.Get(ctx, key, clientv3.WithSerializable())
	if err != nil {
		return meta.Pair{}, kv.fail("get "+key, err)
	}
	if len(resp.Kvs) == 0 {
		return meta.Pair{}, fmt.Errorf("%w: %s", meta.ErrNotFound, key)
	}
	p := resp.Kvs[0]
	return pair(p.Key, p.Value, p.ModRevision), nil
}

// List implements meta.KV.
func (kv *KV) List(ctx context.Context, prefix string) ([]meta.Pair, int64, error) {
	if err := kv.enter(ctx); err != nil {
		return nil, 0, err
	}
	defer kv.calls.Done()
	resp, err := kv.client.Get(ctx, prefix, clientv3.WithPrefix(), clientv3.WithSerializable())
	if err != nil {
		return nil, 0, kv.fail("list "+prefix, err)
	}
	pairs := make([]meta.Pair, len(resp.Kvs))
	for i, p := range resp.Kvs {
		pairs[i] = pair(p.Key, p.Value, p.ModRevision)
	}
	return pairs, resp.Header.Revision, nil
}

// Commit implements meta.KV.
func (kv *KV) Commit(ctx context.Context, t meta.Txn) (int64, error) {
	if err := t.Check(); err != nil {
		return 0, err
	}
	if err := kv.enter(ctx); err != nil {
		return 0, err
	}
	defer kv.calls.Done()
	cmps := make([]clientv3.Cmp, len(t.If))
	for i, c := range t.If {
		cmps[i] = clientv3.Compare(clientv3.ModRevision(c.Key), "=", c.Revision)
	}
	ops := make([]clientv3.Op, len(t.Then))
	for i, op := range t.Then {
		if op.Value == nil {
			ops[i] = clientv3.OpDelete(op.Key)
		} else {
			ops[i] = clientv3.OpPut(op.Key, string(op.Value))
		}
	}
	resp, err := kv.client.Txn(ctx).If(cmps...).Then(ops...).Commit()
	if err != nil {
		return 0, kv.fail("commit", err)
	}
	if !resp.Succeeded {
		return 0, meta.ErrConflict
	}
	return resp.Header.Revision, nil
}

func pair(key, value []byte, revision int64) meta.Pair {
	if value == nil {
		value = []byte{}
	}
	return meta.Pair{Key: string(key), Value: value, Revision: revision}
}

// fail puts etcd's error into the port's words.
func (kv *KV) fail(what string, err error) error {
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	case errors.Is(err, rpctypes.ErrRequestTooLarge), errors.Is(err, rpctypes.ErrTooManyOps):
		return fmt.Errorf("%w: %w", meta.ErrTooLarge, err)
	case errors.Is(err, rpctypes.ErrStopped):
		return meta.ErrClosed
	}
	return fmt.Errorf("etcdkv: %s in %s: %w", what, kv.dir, err)
}
