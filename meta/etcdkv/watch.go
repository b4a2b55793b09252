package etcdkv

import (
	"context"
	"fmt"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/redkite-db/redkite/meta"
)

// Watch implements meta.KV. The channel is also closed with the store, and if
// the changes after that revision were compacted while they were read: whoever
// wants to go on lists again. Revisions that are gone already are an error.
func (kv *KV) Watch(ctx context.Context, prefix string, after int64) (<-chan meta.Event, error) {
	ctx, leave, err := kv.enter(ctx, true)
	if err != nil {
		return nil, err
	}
	if first := kv.server.Server.KV().FirstRev(); after+1 < first {
		leave()
		return nil, fmt.Errorf("etcdkv: watch %s in %s: changes before revision %d are gone, %d was the last one seen", prefix, kv.dir, first, after)
	}
	changes := kv.client.Watch(ctx, prefix, clientv3.WithPrefix(), clientv3.WithRev(after+1))
	out := make(chan meta.Event)
	go func() { // ends with ctx, which Close ends; leave tells Close
		defer leave()
		defer close(out)
		for resp := range changes {
			for _, e := range resp.Events {
				if string(e.Kv.Key) == sealKey {
					continue
				}
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
