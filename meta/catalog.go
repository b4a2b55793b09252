package meta

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// ErrDeposed says that another process has taken the catalog; this one may not
// write it any more.
var ErrDeposed = errors.New("meta: the catalog has another leader")

// Bounds of one part of a large change, below the limits of a transaction.
const (
	partOps   = MaxOps - 10
	partBytes = MaxBytes / 2
)

// Bounds of the pause between tries of a transaction whose outcome is unknown.
const (
	firstPause = 5 * time.Millisecond
	lastPause  = time.Second
)

// Catalog holds all that is remembered of databases, collections and segments,
// over a KV. It has one writer: Open takes the leader key, and each transaction
// compares its revision, so that a process which was deposed and does not know
// it changes nothing.
//
// A Change that fits into one transaction is one. A larger one is written in
// parts under a batch id that nothing names; writing the batch's key decides
// it, and the parts are then moved to their places, by Load if the process
// ended on the way.
type Catalog struct {
	kv     KV
	root   string
	logger *slog.Logger
	leader Compare
	epoch  int64
	batch  atomic.Int64 // counts the large changes of this epoch
	lost   atomic.Bool  // a transaction ended without a known outcome
	// order is held shared by changes of one transaction and exclusively while
	// the parts of a large one are moved: nothing may be overtaken.
	order sync.RWMutex
}

// Open takes the catalog below root, a name without slashes at its ends.
// owner is told to people who look at the leader key.
func Open(ctx context.Context, kv KV, root, owner string, logger *slog.Logger) (*Catalog, error) {
	c := &Catalog{kv: kv, root: root + "/", logger: logger}
	key := c.root + leaderKey
	old, err := kv.Get(ctx, key)
	var was leaderRecord
	switch {
	case errors.Is(err, ErrNotFound):
	case err != nil:
		return nil, fmt.Errorf("meta: reading the leader key: %w", err)
	default:
		if err := unsealJSON(leaderKey, old.Value, &was); err != nil {
			return nil, err
		}
	}
	c.epoch = was.Epoch + 1
	value, err := sealJSON(leaderKey, leaderRecord{Epoch: c.epoch, Owner: owner})
	if err != nil {
		return nil, err
	}
	rev, err := kv.Commit(ctx, Txn{
		If:   []Compare{{Key: key, Revision: old.Revision}},
		Then: []Op{{Key: key, Value: value}},
	})
	if errors.Is(err, ErrConflict) {
		return nil, fmt.Errorf("%w: it was taken while opening", ErrDeposed)
	}
	if err != nil {
		return nil, fmt.Errorf("meta: taking the leader key: %w", err)
	}
	c.leader = Compare{Key: key, Revision: rev}
	return c, nil
}

// Apply makes a change durable and visible, all of it or nothing. It returns
// when the outcome is known, whatever ctx says meanwhile: a transaction that
// failed for another reason than a comparison is tried again, because a store
// that timed out may still have applied it. Changes of the same records must
// be serialised by the caller.
//
// Errors: ErrDeposed, ErrClosed (the outcome is for the next Open to see),
// ErrTooLarge (one record exceeds a transaction), or an encoding error.
func (c *Catalog) Apply(ctx context.Context, change *Change) error {
	if change.err != nil {
		return change.err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	ops := change.sorted(c.root)
	if len(ops) == 0 {
		return nil
	}
	if fits(ops) {
		c.order.RLock()
		defer c.order.RUnlock()
		return c.commit(ctx, ops)
	}
	return c.applyBatch(ctx, ops)
}

func fits(ops []Op) bool {
	if len(ops) > partOps {
		return false
	}
	size := 0
	for _, op := range ops {
		size += len(op.Key) + len(op.Value)
	}
	return size <= partBytes
}

// commit applies operations in one transaction, trying until the outcome is known.
func (c *Catalog) commit(ctx context.Context, ops []Op) error {
	pause := firstPause
	for try := 1; ; try++ {
		_, err := c.kv.Commit(context.WithoutCancel(ctx), Txn{If: []Compare{c.leader}, Then: ops})
		switch {
		case err == nil:
			return nil
		case errors.Is(err, ErrConflict):
			c.lost.Store(true) // it may be an earlier try that was applied
			return fmt.Errorf("%w: %w", ErrDeposed, err)
		case errors.Is(err, ErrClosed):
			c.lost.Store(true)
			return err
		case errors.Is(err, ErrTooLarge):
			return err
		}
		if try&(try-1) == 0 { // 1, 2, 4, 8...
			c.logger.Warn("catalog write failed, trying again", "try", try, "err", err)
		}
		time.Sleep(pause)
		pause = min(2*pause, lastPause)
	}
}

// applyBatch writes the parts, decides by one key, and moves the parts.
func (c *Catalog) applyBatch(ctx context.Context, ops []Op) error {
	id := fmt.Sprintf("%d-%d", c.epoch, c.batch.Add(1))
	parts, err := split(ops)
	if err != nil {
		return err
	}
	for i, part := range parts {
		key := stageKey(id, i)
		value := seal(key, appendOps(nil, part))
		if err := c.commit(ctx, []Op{{Key: c.root + key, Value: value}}); err != nil {
			return err
		}
	}
	c.order.Lock()
	defer c.order.Unlock()
	key := batchPrefix + id
	value := seal(key, binary.AppendUvarint(nil, uint64(len(parts))))
	if err := c.commit(ctx, []Op{{Key: c.root + key, Value: value}}); err != nil {
		return err
	}
	for i, part := range parts {
		if err := c.commit(ctx, append(part, Op{Key: c.root + stageKey(id, i)})); err != nil {
			return err
		}
	}
	return c.commit(ctx, []Op{{Key: c.root + key}})
}

func stageKey(batch string, part int) string {
	return stagePrefix + batch + "/" + strconv.Itoa(part)
}

// split cuts operations into parts that fit into a transaction each.
func split(ops []Op) ([][]Op, error) {
	var parts [][]Op
	size := 0
	for _, op := range ops {
		n := len(op.Key) + len(op.Value)
		if n > partBytes {
			return nil, fmt.Errorf("%w: record %s has %d bytes, at most %d", ErrTooLarge, op.Key, n, partBytes)
		}
		if len(parts) == 0 || len(parts[len(parts)-1]) == partOps || size+n > partBytes {
			parts = append(parts, nil)
			size = 0
		}
		parts[len(parts)-1] = append(parts[len(parts)-1], op)
		size += n
	}
	return parts, nil
}

// appendOps encodes a part: a count, then for each operation its key, a byte
// that is 1 if it writes, and the value.
func appendOps(b []byte, ops []Op) []byte {
	b = binary.AppendUvarint(b, uint64(len(ops)))
	for _, op := range ops {
		b = appendString(b, op.Key)
		if op.Value == nil {
			b = append(b, 0)
			continue
		}
		b = appendString(append(b, 1), string(op.Value))
	}
	return b
}

func decodeOps(payload []byte) ([]Op, error) {
	r := &reader{b: payload}
	n := r.uvarint()
	if n > uint64(len(r.b)) {
		return nil, errShort
	}
	ops := make([]Op, 0, n)
	for range n {
		op := Op{Key: r.string()}
		if r.byte() != 0 {
			op.Value = []byte(r.string())
		}
		ops = append(ops, op)
	}
	return ops, r.end()
}

// Sure reports whether the outcome of every change is known here. Once it is
// not, what this process believes to be unnamed may be named: it must not
// delete any object.
func (c *Catalog) Sure() bool { return !c.lost.Load() }

// Window returns the end of the window of a name, 0 if it has none.
func (c *Catalog) Window(ctx context.Context, name string) (uint64, error) {
	key := windowPrefix + name
	p, err := c.kv.Get(ctx, c.root+key)
	if errors.Is(err, ErrNotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("meta: reading %s: %w", key, err)
	}
	var r windowRecord
	return r.Until, unsealJSON(key, p.Value, &r)
}

// SaveWindow makes the end of a window durable.
func (c *Catalog) SaveWindow(ctx context.Context, name string, until uint64) error {
	var ch Change
	ch.putWindow(name, until)
	return c.Apply(ctx, &ch)
}
