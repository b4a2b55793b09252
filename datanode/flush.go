package datanode

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/redkite-db/redkite/internal/base"
	"github.com/redkite-db/redkite/internal/role"
	"github.com/redkite-db/redkite/internal/segment"
	"github.com/redkite-db/redkite/mq"
)

// flushLoop seals what the policy says and flushes what is sealed, until ctx
// ends. It is the only one that does either by itself; it sleeps without a
// timer while nothing grows.
func (n *Node) flushLoop(ctx context.Context) {
	defer close(n.ended)
	waits := make(map[base.Shard]retry)
	for ctx.Err() == nil {
		next := n.flushOnce(ctx, waits)
		n.sleep(ctx, next)
	}
}

// retry is when a shard whose flush failed is tried again.
type retry struct {
	failures int
	at       time.Time
}

// after returns the retry that follows one more failure.
func (r retry) after(now time.Time) retry {
	return retry{failures: r.failures + 1, at: now.Add(min(100*time.Millisecond<<min(r.failures, 6), 5*time.Second))}
}

// sleep waits for a kick, for the moment at if it is not zero, or for ctx.
func (n *Node) sleep(ctx context.Context, at time.Time) {
	var timer <-chan time.Time
	if !at.IsZero() {
		t := time.NewTimer(max(at.Sub(n.cfg.Now()), time.Millisecond))
		defer t.Stop()
		timer = t.C
	}
	select {
	case <-ctx.Done():
	case <-n.kick:
	case <-timer:
	}
}

// flushOnce seals and flushes all that is due, and returns when to look
// again. A shard that cannot be flushed waits alone; waits has its retry.
func (n *Node) flushOnce(ctx context.Context, waits map[base.Shard]retry) time.Time {
	candidates := n.candidates()
	chosen := n.cfg.Policy.choose(candidates, n.cfg.Budget.Used(), n.owner.Stats().Bytes, n.cfg.Now())
	rest := slices.DeleteFunc(candidates, func(c candidate) bool { return slices.Contains(chosen, c.id) })
	next := n.cfg.Policy.next(rest)
	soonest := func(at time.Time) {
		if next.IsZero() || at.Before(next) {
			next = at
		}
	}
	if err := n.seal(ctx, chosen); err != nil && ctx.Err() == nil {
		n.cfg.Logger.Error("segments cannot be sealed, trying again", "err", err)
		soonest(n.cfg.Now().Add(time.Second))
	}
	if n.dropped.Swap(false) {
		if err := n.cut(ctx); err != nil && ctx.Err() == nil {
			n.dropped.Store(true)
			soonest(n.cfg.Now().Add(time.Second))
		}
	}
	for _, job := range n.jobs() {
		if w := waits[job.shard]; n.cfg.Now().Before(w.at) {
			soonest(w.at)
			continue
		}
		err := n.flush(ctx, job)
		if err == nil {
			delete(waits, job.shard)
			continue
		}
		if ctx.Err() != nil {
			return next
		}
		waits[job.shard] = waits[job.shard].after(n.cfg.Now())
		soonest(waits[job.shard].at)
		n.cfg.Logger.Error("flush failed, trying again", "shard", job.shard, "attempt", waits[job.shard].failures, "err", err)
	}
	return next
}

// candidates lists the growing segments that take rows, and forgets those that
// Live does not hold any more.
func (n *Node) candidates() []candidate {
	n.mu.Lock()
	defer n.mu.Unlock()
	var out []candidate
	for id, t := range n.mu.tracked {
		g := n.cfg.Live.Segment(t.shard, id)
		switch {
		case g == nil:
			delete(n.mu.tracked, id)
		case t.seal == nil:
			_, last := g.Times()
			out = append(out, candidate{id: id, bytes: g.Bytes(), began: t.first.Time(), last: last.Time(), start: g.Start()})
		}
	}
	slices.SortFunc(out, func(a, b candidate) int { return cmp.Compare(a.id, b.id) })
	return out
}

// seal ends segments in the log; after it no later record has rows of them.
func (n *Node) seal(ctx context.Context, ids []base.ID) error {
	if len(ids) == 0 {
		return nil
	}
	g := &mq.Group{}
	n.mu.Lock()
	for _, id := range ids {
		if t := n.mu.tracked[id]; t != nil && t.seal == nil {
			g.Messages = append(g.Messages, &mq.Message{Kind: mq.Seal, Shard: t.shard, Segment: id})
		}
	}
	n.mu.Unlock()
	if len(g.Messages) == 0 {
		return nil
	}
	_, err := n.owner.Append(ctx, g)
	return err
}

// job is what one commit writes of a shard: sealed segments, and the deletes
// up to a time that is not before the newest of them.
type job struct {
	shard    base.Shard
	segments map[base.ID]sealPoint
	deletes  base.Timestamp
}

// jobs lists what is sealed or asked for and not committed, a job a shard.
func (n *Node) jobs() []*job {
	n.mu.Lock()
	defer n.mu.Unlock()
	byShard := make(map[base.Shard]*job)
	get := func(s base.Shard) *job {
		if byShard[s] == nil {
			byShard[s] = &job{shard: s, segments: make(map[base.ID]sealPoint)}
		}
		return byShard[s]
	}
	for id, t := range n.mu.tracked {
		if t.seal != nil {
			j := get(t.shard)
			j.segments[id] = *t.seal
			j.deletes = max(j.deletes, t.seal.at)
		}
	}
	for shard, at := range n.mu.wanted {
		j := get(shard)
		j.deletes = max(j.deletes, at)
	}
	out := make([]*job, 0, len(byShard))
	for _, j := range byShard {
		out = append(out, j)
	}
	slices.SortFunc(out, func(a, b *job) int { return cmp.Compare(a.deletes, b.deletes) })
	return out
}

// flush writes and commits one job, tells Live, and cuts the log.
func (n *Node) flush(ctx context.Context, j *job) error {
	if len(j.segments) == 0 && len(n.cfg.Live.PendingDeletes(j.shard, j.deletes)) == 0 {
		n.done(j) // nothing came since the last flush, or the shard is gone
		return nil
	}
	task, err := n.cfg.Root.Begin(ctx, "flush")
	if err != nil {
		return fmt.Errorf("datanode: begin flush: %w", err)
	}
	result, err := n.write(ctx, j, task)
	if err == nil {
		n.flushes.RLock()
		if err = n.cfg.Root.CommitFlush(ctx, result); err == nil {
			n.committed(j, result)
		}
		n.flushes.RUnlock()
	}
	if err != nil {
		_ = n.cfg.Root.End(context.WithoutCancel(ctx), task)
		return fmt.Errorf("datanode: flush of shard %v: %w", j.shard, err)
	}
	n.done(j)
	n.release()
	return n.cut(ctx)
}

// write puts the job's objects into the store.
func (n *Node) write(ctx context.Context, j *job, task base.ID) (*role.FlushResult, error) {
	result := &role.FlushResult{
		Shard: j.shard, Task: task, Term: n.owner.Term(),
		Checkpoint: role.Checkpoint{Version: n.cfg.Live.Version(j.shard) + 1, Position: n.owner.Position(), Deletes: j.deletes},
	}
	for id, seal := range j.segments {
		g := n.cfg.Live.Segment(j.shard, id)
		if g == nil {
			continue // dropped meanwhile
		}
		written, err := segment.WriteSealed(ctx, segment.WriteTask{
			Store: n.cfg.Store, Collection: g.Collection(), Shard: j.shard, Partition: g.Partition(),
			Segment: id, Task: task, Deletes: j.deletes, Level: 1,
		}, g)
		if err != nil {
			return nil, err
		}
		s := &role.Segment{ID: id, Shard: j.shard, Partition: g.Partition(), Task: task,
			Start: g.Start(), End: seal.end, DeletesApplied: j.deletes, Level: 1, Dropped: written == nil}
		if written != nil {
			s.Rows, s.Bytes, s.Manifest = int64(written.Manifest.Rows), written.Bytes, written.Key
			s.MinTime, s.MaxTime = written.Manifest.MinTime, written.Manifest.MaxTime
		}
		result.Segments = append(result.Segments, s)
	}
	result.Checkpoint.Time = n.committedTime(j)
	deletes := n.cfg.Live.PendingDeletes(j.shard, j.deletes)
	if len(deletes) == 0 {
		return result, nil
	}
	var err error
	result.Delta, err = n.writeDelta(ctx, j.shard, task, deletes)
	return result, err
}

// committedTime returns a time such that every row of the shard stamped at or
// before it is committed once the job is.
func (n *Node) committedTime(j *job) base.Timestamp {
	at := j.deletes
	n.mu.Lock()
	defer n.mu.Unlock()
	for id, t := range n.mu.tracked {
		if _, mine := j.segments[id]; !mine && t.shard == j.shard {
			at = min(at, t.first-1)
		}
	}
	return at
}

// committed makes Live forget what the catalog has now.
func (n *Node) committed(j *job, r *role.FlushResult) {
	ids := make([]base.ID, 0, len(j.segments))
	for id := range j.segments {
		ids = append(ids, id)
	}
	n.cfg.Live.Committed(j.shard, ids, r.Checkpoint.Deletes, r.Checkpoint.Version)
}

// done takes the job off the lists.
func (n *Node) done(j *job) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for id := range j.segments {
		delete(n.mu.tracked, id)
	}
	if n.mu.wanted[j.shard] <= j.deletes {
		delete(n.mu.wanted, j.shard)
	}
}

// cut truncates the log before the oldest record that any shard needs.
func (n *Node) cut(ctx context.Context) error {
	at := n.owner.Position() // first: what is applied after this lies after it
	for _, shard := range n.cfg.Live.Shards() {
		if held, ok := n.cfg.Live.Held(shard); ok && held.Before(at) {
			at = held
		}
	}
	if at.IsZero() {
		return nil
	}
	if err := n.owner.Truncate(ctx, at); err != nil {
		return fmt.Errorf("datanode: cut the log: %w", err)
	}
	return n.cfg.Root.Cut(ctx, n.cfg.Channel, at)
}
