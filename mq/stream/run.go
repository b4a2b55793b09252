package stream

import (
	"context"
	"errors"
	"fmt"

	"github.com/redkite-db/redkite/internal/base"
	"github.com/redkite-db/redkite/mq"
)

func isFull(err error) bool { return errors.Is(err, mq.ErrFull) || errors.Is(err, mq.ErrTooLarge) }

// request is one group on its way.
type request struct {
	group   *mq.Group
	encoded *mq.Encoded
	undo    func() // takes back what the table was told, if the log never got the group
	done    chan struct{}
	err     error // set before done is closed
}

func (r *request) finish(err error) {
	if err != nil && r.undo != nil {
		r.undo()
	}
	r.err = err
	close(r.done)
}

// commit is one durable write under way.
type commit struct {
	pending  mq.Pending
	requests []*request
}

// run serves the channel until ctx ends.
func (o *Owner) run(ctx context.Context) {
	defer close(o.ended)
	for {
		failed := o.serve(ctx)
		if ctx.Err() == nil {
			failed = o.recover(ctx, failed)
		}
		if ctx.Err() != nil {
			o.refuse(failed, ctx.Err())
			o.drain(ctx.Err())
			return
		}
	}
}

// serve stamps and appends until ctx ends, the term is superseded, or an
// append fails for good. It returns the requests whose outcome is unknown,
// after the commit loop has ended.
func (o *Owner) serve(ctx context.Context) []*request {
	poisoned := make(chan struct{})
	unknown := make(chan []*request, 1)
	go func() { unknown <- o.commitLoop(poisoned) }()
	for working := true; working; {
		select {
		case <-ctx.Done():
			working = false
		case <-poisoned:
			working = false
		case r := <-o.in:
			working = o.write(ctx, o.gather(r))
		}
	}
	o.commits <- nil // no more
	return <-unknown
}

// gather takes the requests that wait, up to the size of one write.
func (o *Owner) gather(first *request) []*request {
	batch := []*request{first}
	size := first.encoded.Len()
	for size < o.cfg.Gather {
		select {
		case r := <-o.in:
			batch = append(batch, r)
			size += r.encoded.Len()
		default:
			return batch
		}
	}
	return batch
}

// write stamps a batch and queues its append; requests that the table refuses
// are answered at once. It returns false if the term was superseded.
func (o *Owner) write(ctx context.Context, batch []*request) bool {
	o.stamping.Lock()
	var accepted []*request
	fenced := false
	for _, r := range batch {
		if err := o.stamp(ctx, r); err != nil {
			fenced = fenced || errors.Is(err, mq.ErrFenced)
			o.seen.forget(r.group.Request)
			r.finish(err)
			continue
		}
		accepted = append(accepted, r)
	}
	if len(accepted) > 0 {
		o.stamping.inflight++
	}
	o.stamping.Unlock()
	if len(accepted) == 0 {
		return !fenced
	}
	groups := make([]*mq.Encoded, len(accepted))
	for i, r := range accepted {
		groups[i] = r.encoded
	}
	pending := o.appender.Append(mq.Pack(groups, o.cfg.Gather, o.cfg.Log.MaxRecord()))
	o.commits <- &commit{pending: pending, requests: accepted}
	return !fenced
}

// stamp checks a request against the table, gives its rows segments and the
// group its timestamp. Called with stamping held.
func (o *Owner) stamp(ctx context.Context, r *request) error {
	undo, err := o.table.admit(ctx, r.group)
	if err != nil {
		return err
	}
	r.undo = undo
	ts, err := o.cfg.Clock.Now(ctx, o.cfg.Channel, o.term)
	if err != nil {
		return fmt.Errorf("%w: %w", clientError(err), err)
	}
	r.group.Timestamp = ts
	r.encoded.Stamp(ts)
	for i, m := range r.group.Messages {
		m.Timestamp = ts
		if m.Segment != 0 {
			r.encoded.SetSegment(i, m.Segment)
		}
	}
	return nil
}

// commitLoop waits for the writes in order, applies and answers them. After a
// write failed for good it closes poisoned and collects the requests of all
// later ones; it ends with a nil commit.
func (o *Owner) commitLoop(poisoned chan struct{}) (unknown []*request) {
	broken := false
	for c := range o.commits {
		if c == nil {
			break
		}
		end, err := c.pending.Wait()
		switch {
		case err == nil && !broken:
			o.applyAll(c.requests, end)
		case isFull(err) && !broken:
			o.refuse(c.requests, err)
		default:
			if !broken {
				broken = true
				o.down.Store(&downError{clientError(err)})
				o.cfg.Logger.Error("append failed, opening the channel again", "channel", o.cfg.Channel, "err", err)
				close(poisoned)
			}
			unknown = append(unknown, c.requests...)
		}
		o.landed()
	}
	if !broken {
		close(poisoned)
	}
	return unknown
}

func (o *Owner) applyAll(requests []*request, end base.Position) {
	for _, r := range requests {
		o.cfg.Consumer.Apply(r.group, o.last, end)
		o.seen.add(r.group.Request, r.group.Timestamp)
		o.raiseApplied(r.group.Timestamp)
	}
	o.moveTo(end)
	for _, r := range requests {
		r.finish(nil)
	}
}

// landed counts a write as no longer under way and wakes those who wait for time.
func (o *Owner) landed() {
	o.stamping.Lock()
	o.stamping.inflight--
	close(o.stamping.progress)
	o.stamping.progress = make(chan struct{})
	o.stamping.Unlock()
}

func (o *Owner) refuse(requests []*request, err error) {
	for _, r := range requests {
		o.seen.forget(r.group.Request)
		r.finish(clientError(err))
	}
}

// drain answers what still waits after the end.
func (o *Owner) drain(err error) {
	o.down.Store(&downError{clientError(err)})
	for {
		select {
		case r := <-o.in:
			o.refuse([]*request{r}, err)
		default:
			return
		}
	}
}

// recover opens the channel again with the next term and answers the requests
// whose outcome was unknown by what the log holds. It returns those that are
// still unknown because ctx ended.
func (o *Owner) recover(ctx context.Context, failed []*request) []*request {
	_ = o.appender.Close()
	unknown := make(map[mq.RequestID]*request, len(failed))
	for _, r := range failed {
		unknown[r.group.Request] = r
	}
	found := func(g *mq.Group) {
		if r := unknown[g.Request]; r != nil {
			delete(unknown, g.Request)
			r.group.Timestamp = g.Timestamp
			r.finish(nil)
		}
	}
	rest := func() (out []*request) {
		for _, r := range unknown {
			out = append(out, r)
		}
		return out
	}
	for attempt := 0; ; attempt++ {
		err := o.takeChannel(ctx, found)
		if err == nil {
			break
		}
		if ctx.Err() != nil {
			return rest()
		}
		o.cfg.Logger.Error("channel cannot be opened", "channel", o.cfg.Channel, "attempt", attempt, "err", err)
		o.cfg.Backoff(ctx, attempt)
	}
	o.refuse(rest(), errors.New("the append failed and the log does not hold it"))
	o.down.Store(nil)
	o.cfg.Logger.Info("channel is open again", "channel", o.cfg.Channel, "term", o.term)
	return nil
}
