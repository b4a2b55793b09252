package rootcoord

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/redkite-db/redkite/internal/base"
	"github.com/redkite-db/redkite/internal/merr"
	"github.com/redkite-db/redkite/internal/role"
	"github.com/redkite-db/redkite/meta"
)

const intentTruncate = "truncate"

// truncate removes the rows stamped up to the message that the owner logs.
// Until this returns the truncation is pending, so it may take place as late
// as at the next start, before anything is written there.
func (c *Coord) truncate(ctx context.Context, cmd role.Truncate) error {
	coll, unlock, err := c.lockCollection(cmd.CollectionRef)
	if err != nil {
		return err
	}
	defer unlock()
	intent, err := c.intend(ctx, intentTruncate, coll.id)
	if err != nil {
		return err
	}
	if err := c.finishTruncate(ctx, coll, intent); err != nil {
		// The client is told that it failed, so it must not come true later.
		var change meta.Change
		change.DropIntent(intent.ID)
		if undo := c.catalog.Apply(context.WithoutCancel(ctx), &change); undo != nil {
			return fmt.Errorf("%w (and taking the intent back: %w)", err, undo)
		}
		return err
	}
	return nil
}

// Tries of a call to the owner that must come true: the first pause doubles.
const (
	ownerTries = 8
	ownerPause = 10 * time.Millisecond
)

// finishTruncate has it logged and makes the catalog say so. Once it may be in
// the log there is no way back, for the owner has forgotten the rows and their
// deletes: so the caller's cancellation does not count, and an error is met by
// another try.
func (c *Coord) finishTruncate(ctx context.Context, coll *collection, intent *meta.Intent) error {
	node, err := c.datanode()
	if err != nil {
		return err
	}
	ctx = context.WithoutCancel(ctx)
	pause := ownerPause
	for try := 1; ; try++ {
		at, err := node.Truncate(ctx, coll.info.Load())
		if err == nil {
			return c.truncateAt(ctx, coll, intent, at)
		}
		refused := merr.Is(err, merr.QuotaExceeded) || merr.Is(err, merr.CollectionNotFound)
		if try == ownerTries || refused {
			return err
		}
		c.logger.Warn("a truncation was not logged, trying again", "collection", coll.id, "try", try, "err", err)
		time.Sleep(pause)
		pause *= 2
	}
}

func (c *Coord) intend(ctx context.Context, kind string, collection base.ID) (*meta.Intent, error) {
	id, err := c.ids.Next(ctx, 1)
	if err != nil {
		return nil, err
	}
	intent := &meta.Intent{ID: id, Kind: kind, Collection: collection}
	var change meta.Change
	change.PutIntent(intent)
	return intent, c.catalog.Apply(ctx, &change)
}

// truncateAt is the final state of a truncation.
func (c *Coord) truncateAt(ctx context.Context, coll *collection, intent *meta.Intent, at base.Timestamp) error {
	return c.update(ctx, coll, func(t *tx) error {
		t.info.TruncatedAt = max(t.info.TruncatedAt, at)
		t.putCollection()
		t.dropSegments(func(s *role.Segment) bool { return s.MaxTime <= at })
		for _, d := range t.coll.deltas() {
			if d.To <= at {
				t.dropDelta(d)
			}
		}
		t.DropIntent(intent.ID)
		return c.discardDeltas(ctx, t)
	})
}

// discardDeltas leaves the objects of the delta logs that the transaction
// removes to the loop that deletes them.
func (c *Coord) discardDeltas(ctx context.Context, t *tx) error {
	var keys []string
	for id, d := range t.deltas {
		if d == nil {
			keys = append(keys, t.coll.delta(id).Key)
		}
	}
	slices.Sort(keys)
	for group := range slices.Chunk(keys, garbageKeys) {
		id, err := c.ids.Next(ctx, 1)
		if err != nil {
			return err
		}
		t.putGarbage(&meta.Garbage{ID: id, Collection: t.coll.id, Keys: group})
	}
	return nil
}

// redo finishes what a predecessor began.
func (c *Coord) redo(ctx context.Context) error {
	for _, intent := range c.intents {
		c.mu.RLock()
		coll := c.mu.collections[intent.Collection]
		c.mu.RUnlock()
		if coll == nil || !coll.live() || intent.Kind != intentTruncate {
			if err := c.dropIntent(ctx, intent); err != nil {
				return err
			}
			continue
		}
		if err := c.finishTruncate(ctx, coll, intent); err != nil {
			return fmt.Errorf("rootcoord: redoing the truncation of collection %d: %w", coll.id, err)
		}
	}
	c.intents = nil
	return nil
}

func (c *Coord) dropIntent(ctx context.Context, intent *meta.Intent) error {
	var change meta.Change
	change.DropIntent(intent.ID)
	return c.catalog.Apply(ctx, &change)
}
