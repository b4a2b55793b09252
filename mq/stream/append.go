package stream

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/redkite-db/redkite/internal/base"
	"github.com/redkite-db/redkite/internal/merr"
	"github.com/redkite-db/redkite/mq"
)

// Append writes a group: when it returns nil the group is durable, applied,
// and its messages carry their timestamp and segments. An error means that
// nothing of it was written, unless ctx ended first: then a retry with the
// same request id tells. The caller does not change the group afterwards.
func (o *Owner) Append(ctx context.Context, g *mq.Group) (base.Timestamp, error) {
	if d := o.down.Load(); d != nil {
		return 0, d.err
	}
	if g.Request == (mq.RequestID{}) {
		if _, err := io.ReadFull(o.cfg.Rand, g.Request[:]); err != nil {
			return 0, fmt.Errorf("stream: request id: %w", err)
		}
	}
	for {
		earlier := o.seen.begin(g.Request)
		if earlier == nil {
			break
		}
		select {
		case <-earlier.done:
			if !earlier.gone {
				return earlier.ts, nil
			}
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
	r := &request{group: g, encoded: mq.Encode(g), done: make(chan struct{})}
	select {
	case o.in <- r:
	case <-ctx.Done():
		o.seen.forget(g.Request)
		return 0, ctx.Err()
	case <-o.ended:
		o.seen.forget(g.Request)
		return 0, clientError(mq.ErrClosed)
	}
	select {
	case <-r.done:
		return g.Timestamp, r.err
	case <-o.ended:
		return o.afterEnd(r)
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

// afterEnd answers a request that was queued while the owner ended.
func (o *Owner) afterEnd(r *request) (base.Timestamp, error) {
	select {
	case <-r.done:
		return r.group.Timestamp, r.err
	default:
		return 0, clientError(mq.ErrClosed)
	}
}

// CreateShard makes the channel accept rows of a shard, or updates its
// partitions and schema version.
func (o *Owner) CreateShard(s Shard) { o.table.put(s) }

// RemoveShard forgets a shard that was dropped.
func (o *Owner) RemoveShard(s base.Shard) { o.table.remove(s) }

// Applied returns the time up to which every group is applied: a read at it
// sees every acknowledged write.
func (o *Owner) Applied() base.Timestamp { return base.Timestamp(o.applied.Load()) }

// ReadAt returns a time >= guarantee at which the channel can be read: every
// group with a smaller or equal timestamp is applied, and none will get one.
// A guarantee of 0 asks for the last acknowledged write (Strong) and waits for
// nothing. One that lies too far ahead of the clock fails at once.
func (o *Owner) ReadAt(ctx context.Context, guarantee base.Timestamp) (base.Timestamp, error) {
	for {
		if at := o.Applied(); at >= guarantee {
			return at, nil
		}
		wait, err := o.moveSafeTime(ctx, guarantee)
		if err != nil {
			return 0, err
		}
		if wait == nil {
			continue
		}
		select {
		case <-wait:
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
}

// moveSafeTime moves the applied time of an idle channel to the clock's now.
// If writes are under way, or the guarantee is still ahead, it returns a
// channel that is closed when it is worth trying again.
func (o *Owner) moveSafeTime(ctx context.Context, guarantee base.Timestamp) (<-chan struct{}, error) {
	o.stamping.Lock()
	defer o.stamping.Unlock()
	now, err := o.cfg.Clock.Now(ctx, o.cfg.Channel, o.term)
	if err != nil {
		return nil, clientError(err)
	}
	if ahead := time.Duration(guarantee.Physical()-now.Physical()) * time.Millisecond; guarantee > now.Add(o.cfg.Ahead) {
		return nil, merr.ParameterInvalid.Msg("guarantee_timestamp %d lies %v ahead of the server's clock, the most is %v", guarantee, ahead, o.cfg.Ahead)
	}
	if o.stamping.inflight > 0 {
		return o.stamping.progress, nil
	}
	o.raiseApplied(now)
	if now >= guarantee {
		return nil, nil
	}
	soon := make(chan struct{})
	time.AfterFunc(time.Duration(guarantee.Physical()-now.Physical()+1)*time.Millisecond, func() { close(soon) })
	return soon, nil
}
