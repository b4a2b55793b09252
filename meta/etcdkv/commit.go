package etcdkv

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/redkite-db/redkite/meta"
)

// retryAfter is the pause before a transaction is sent again.
const retryAfter = 10 * time.Millisecond

// chain is what the next transaction follows on.
type chain struct {
	known   bool // false: the seal has to be read
	seal    seal // revision 0: nothing was ever committed
	commits int  // since the start of the server
	tight   bool // the server was started with little space on disk
	space   space
}

// Commit implements meta.KV. Transactions run one after the other, so that
// each can seal the whole. A disk that hangs delays it; if ctx ends first, the
// transaction may yet be applied.
func (kv *KV) Commit(ctx context.Context, t meta.Txn) (int64, error) {
	if err := check(t); err != nil {
		return 0, err
	}
	inner, leave, err := kv.enter(ctx, false)
	if err != nil {
		return 0, err
	}
	defer leave()
	select {
	case kv.turn <- struct{}{}:
	case <-inner.Done():
		return 0, kv.fail(ctx, "commit", inner.Err())
	}
	defer func() { <-kv.turn }()
	var revision int64
	if err = kv.mend(inner); err == nil {
		revision, err = kv.commit(inner, t)
	}
	if errors.Is(err, errLogStuck) {
		if err = kv.mend(inner); err == nil {
			revision, err = kv.commit(inner, t)
		}
	}
	if err != nil {
		return 0, kv.fail(ctx, "commit", err)
	}
	return revision, nil
}

// check refuses what meta.Txn.Check does, names that cannot be stored, and
// more comparisons than fit.
func check(t meta.Txn) error {
	if err := t.Check(); err != nil {
		return err
	}
	if n := len(t.If); n > maxCompares {
		return fmt.Errorf("%w: %d comparisons, at most %d", meta.ErrTooLarge, n, maxCompares)
	}
	size := 0
	for _, c := range t.If {
		size += len(c.Key)
		if !storable(c.Key) {
			return fmt.Errorf("etcdkv: key %q cannot be compared", c.Key)
		}
	}
	if size > meta.MaxBytes {
		return fmt.Errorf("%w: %d bytes of compared keys, at most %d", meta.ErrTooLarge, size, meta.MaxBytes)
	}
	for _, op := range t.Then {
		if !storable(op.Key) {
			return fmt.Errorf("etcdkv: key %q cannot be written", op.Key)
		}
	}
	return nil
}

// storable tells whether callers may name a key.
func storable(key string) bool { return key != "" && key != sealKey }

// mend restarts a server that missed something for want of space, if there is
// space, and one that is down. It runs with kv.turn held.
func (kv *KV) mend(ctx context.Context) error {
	if kv.down != nil {
		return kv.restart(ctx)
	}
	if s := kv.chain; (s.tight || s.space.last || kv.life.bare.Load()) && kv.roomForLog() == nil {
		return kv.restart(ctx)
	}
	return nil
}

// commit runs with kv.turn held.
func (kv *KV) commit(ctx context.Context, t meta.Txn) (int64, error) {
	kv.gate.RLock()
	defer kv.gate.RUnlock()
	for {
		if err := kv.loadSeal(ctx); err != nil {
			return 0, err
		}
		next, ops, err := kv.plan(ctx, t)
		if err != nil {
			return 0, err
		}
		if len(ops) == 0 {
			return kv.chain.seal.revision, nil
		}
		size := int64(txnBytes)
		for _, op := range t.Then {
			size += int64(len(op.Key) + len(op.Value) + opBytes)
		}
		if err := kv.reserve(ctx, size); err != nil {
			return 0, err
		}
		applied, err := kv.propose(ctx, next, ops)
		if err != nil {
			return 0, err
		}
		if applied {
			kv.chain.commits++
			if kv.chain.commits%upkeepEvery == 0 {
				kv.upkeep(ctx)
			}
			return next.revision, nil
		}
	}
}

// loadSeal reads the seal if it is not known.
func (kv *KV) loadSeal(ctx context.Context) error {
	if kv.chain.known {
		return nil
	}
	resp, err := kv.client.Get(ctx, sealKey)
	for ; err != nil && passing(err); resp, err = kv.client.Get(ctx, sealKey) {
		if err := pause(ctx); err != nil {
			return err
		}
	}
	if err != nil {
		return err
	}
	return kv.follow(resp)
}

// follow makes the chain end at the seal that was read.
func (kv *KV) follow(resp *clientv3.GetResponse) error {
	next := seal{}
	if len(resp.Kvs) > 0 {
		var err error
		if next, err = decodeSeal(resp.Kvs[0].Value); err != nil {
			return fmt.Errorf("%w: %w", ErrDamaged, err)
		}
		if next.revision != resp.Kvs[0].ModRevision || next.revision != resp.Header.Revision {
			return fmt.Errorf("%w: revision %d, seal of %d at %d", ErrDamaged, resp.Header.Revision, next.revision, resp.Kvs[0].ModRevision)
		}
	} else if resp.Header.Revision > firstRevision {
		return fmt.Errorf("%w: revision %d without a seal", ErrDamaged, resp.Header.Revision)
	}
	kv.chain.seal, kv.chain.known = next, true
	return nil
}

// firstRevision is that of an etcd that nothing was written to.
const firstRevision = 1

// plan compares, and returns the operations with the seal of their revision.
// What it reads cannot change before the transaction: nobody else commits, and
// it is applied only if nothing did. No operations: nothing would change.
func (kv *KV) plan(ctx context.Context, t meta.Txn) (seal, []clientv3.Op, error) {
	old, err := kv.read(ctx, t)
	if err != nil {
		return seal{}, nil, err
	}
	for _, c := range t.If {
		if got := old[c.Key].Revision; got != c.Revision {
			return seal{}, nil, fmt.Errorf("%w: %s is at revision %d, not %d", meta.ErrConflict, c.Key, got, c.Revision)
		}
	}
	next := seal{revision: max(kv.chain.seal.revision, firstRevision) + 1, sum: kv.chain.seal.sum}
	var ops []clientv3.Op
	for _, op := range t.Then {
		was := old[op.Key]
		if was.Revision > 0 {
			next.sum -= pairSum(was)
		}
		switch {
		case op.Value != nil:
			next.sum += pairSum(meta.Pair{Key: op.Key, Value: op.Value, Revision: next.revision})
			ops = append(ops, clientv3.OpPut(op.Key, string(op.Value)))
		case was.Revision > 0:
			ops = append(ops, clientv3.OpDelete(op.Key))
		}
	}
	if len(ops) > 0 {
		ops = append(ops, clientv3.OpPut(sealKey, string(next.encode())))
	}
	return next, ops, nil
}

// read returns the pairs that a transaction compares or writes.
func (kv *KV) read(ctx context.Context, t meta.Txn) (map[string]meta.Pair, error) {
	old := make(map[string]meta.Pair, len(t.Then))
	var gets []clientv3.Op
	for _, op := range t.Then {
		old[op.Key] = meta.Pair{}
		gets = append(gets, clientv3.OpGet(op.Key, clientv3.WithSerializable()))
	}
	for _, c := range t.If {
		if _, ok := old[c.Key]; !ok {
			old[c.Key] = meta.Pair{}
			gets = append(gets, clientv3.OpGet(c.Key, clientv3.WithSerializable(), clientv3.WithKeysOnly()))
		}
	}
	if len(gets) == 0 {
		return old, nil
	}
	resp, err := kv.client.Txn(ctx).Then(gets...).Commit()
	if err != nil {
		return nil, err
	}
	for _, r := range resp.Responses {
		for _, p := range r.GetResponseRange().GetKvs() {
			old[string(p.Key)] = pair(p.Key, p.Value, p.ModRevision)
		}
	}
	return old, nil
}

// propose applies the operations if the chain still ends where they expect it,
// and tells whether it did; if not, the chain was read anew. An attempt of
// which nothing was heard is repeated: applied twice it changes nothing, and
// the seal tells whether the first was.
func (kv *KV) propose(ctx context.Context, next seal, ops []clientv3.Op) (bool, error) {
	kv.chain.known = false
	for {
		resp, err := kv.client.Txn(ctx).
			If(clientv3.Compare(clientv3.ModRevision(sealKey), "=", kv.chain.seal.revision)).
			Then(ops...).Else(clientv3.OpGet(sealKey)).Commit()
		switch {
		case err != nil && passing(err):
			if err := pause(ctx); err != nil {
				return false, err
			}
			continue
		case errors.Is(err, rpctypes.ErrRequestTooLarge), errors.Is(err, rpctypes.ErrTooManyOps):
			return false, fmt.Errorf("%w: %w", meta.ErrTooLarge, err)
		case err != nil:
			return false, err
		case resp.Succeeded && resp.Header.Revision != next.revision:
			return false, fmt.Errorf("%w: revision %d, not %d", ErrDamaged, resp.Header.Revision, next.revision)
		case resp.Succeeded:
			kv.chain.seal, kv.chain.known = next, true
			return true, nil
		}
		got := resp.Responses[0].GetResponseRange()
		if err := kv.follow(&clientv3.GetResponse{Header: resp.Header, Kvs: got.GetKvs()}); err != nil {
			return false, err
		}
		return kv.chain.seal == next, nil
	}
}

// passing tells whether an error says no more than that it took too long.
func passing(err error) bool {
	for _, e := range []error{
		rpctypes.ErrTimeout, rpctypes.ErrTimeoutDueToLeaderFail, rpctypes.ErrTimeoutDueToConnectionLost,
		rpctypes.ErrTimeoutWaitAppliedIndex, rpctypes.ErrLeaderChanged, rpctypes.ErrNoLeader, rpctypes.ErrTooManyRequests,
	} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

func pause(ctx context.Context) error {
	timer := time.NewTimer(retryAfter)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
