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
	kv.gate.RLock()
	first, down := int64(0), kv.down
	if down == nil {
		first = kv.server.Server.KV().FirstRev()
	}
	kv.gate.RUnlock()
	if down != nil {
		err := kv.fail(ctx, "watch "+prefix, down)
		leave()
		return nil, err
	}
	if after+1 < first {
		leave()
		return nil, fmt.Errorf("etcdkv: watch %s in %s: changes before revision %d are gone, %d was the last one seen", prefix, kv.dir, first, after)
	}
	out := make(chan meta.Event)
	go func() { // ends with ctx, which Close ends; leave tells Close
		defer leave()
		defer close(out)
		for more := true; more; {
			var changes clientv3.WatchChan
			kv.gate.RLock()
			if kv.client != nil {
				changes = kv.client.Watch(ctx, prefix, clientv3.WithPrefix(), clientv3.WithRev(after+1))
			}
			kv.gate.RUnlock()
			if changes == nil {
				more = pause(ctx) == nil
				continue
			}
			after, more = forward(ctx, changes, after, out)
		}
	}()
	return out, nil
}

// forward sends the changes on until there are no more. It returns the last
// revision, and whether to go on behind it: the server was replaced.
func forward(ctx context.Context, changes clientv3.WatchChan, after int64, out chan<- meta.Event) (int64, bool) {
	for resp := range changes {
		if resp.CompactRevision > 0 {
			return after, false
		}
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
				return after, false
			}
		}
		if n := len(resp.Events); n > 0 { // a response has whole revisions
			after = resp.Events[n-1].Kv.ModRevision
		}
	}
	return after, pause(ctx) == nil
}
