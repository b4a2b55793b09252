package etcdkv

import (
	"context"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/redkite-db/redkite/meta"
)

// Watch implements meta.KV. The channel is also closed when the store is.
func (kv *KV) Watch(ctx context.Context, prefix string, after int64) (<-chan meta.Event, error) {
	if err := kv.enter(ctx); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	stop := context.AfterFunc(kv.closed, cancel)
	changes := kv.client.Watch(ctx, prefix, clientv3.WithPrefix(), clientv3.WithRev(after+1))
	out := make(chan meta.Event)
	go func() {
		defer kv.calls.Done()
		defer close(out)
		defer stop()
		defer cancel()
		for resp := range changes {
			for _, e := range resp.Events {
				event := meta.Event{Pair: pair(e.Kv.Key, e.Kv.Value, e.Kv.ModRevision)}
				if e.Type == clientv3.EventTypeDelete {
					event.Value = nil
				}
				select {
				case out <- event:
				case <-ctx.Done():
					return
				}
			}
		}
	}()
	return out, nil
}
