package natsmq

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"sync"

	"github.com/nats-io/nats.go"

	"github.com/redkite-db/redkite/mq"
)

// One fetch asks for at most this many messages, and stops after so many bytes.
const (
	fetchMessages = 256
	fetchBytes    = 1 << 20
)

// subscription reads a channel's durable records.
type subscription struct {
	ch     *channel
	closed chan struct{}
	once   sync.Once

	// Owned by the goroutine that calls Next.
	after   place // records up to it were given out or are not wanted
	located bool  // next is known
	next    uint64
	prev    link
	bytes   int      // fetched since the heap was collected
	msgs    [][]byte // fetched, not yet begun
	body    []byte   // what is left of the message being given out
	rec     place    // of the next record in body
	failure error    // damage is found once and stays
}

func (ch *channel) subscribe(after place, fromCut bool) (mq.Subscription, error) {
	ch.opMu.Lock()
	err := ch.ready()
	ch.opMu.Unlock()
	if err != nil {
		return nil, err
	}
	ch.mu.Lock()
	defer ch.mu.Unlock()
	switch {
	case ch.mu.closed:
		return nil, mq.ErrClosed
	case fromCut:
		after = ch.mu.cutAt
	case after.before(ch.mu.cutAt):
		return nil, ch.errGone(after)
	}
	s := &subscription{ch: ch, after: after, closed: make(chan struct{})}
	ch.mu.subs[s] = struct{}{}
	return s, nil
}

// errGone is the answer to a reader that the cut overtook.
func (ch *channel) errGone(at place) error {
	return fmt.Errorf("natsmq: %s after message %d of term %d: %w", ch.name, at.seq, at.term, mq.ErrTruncated)
}

// Close implements mq.Subscription.
func (s *subscription) Close() error {
	s.ch.mu.Lock()
	delete(s.ch.mu.subs, s)
	s.ch.mu.Unlock()
	s.end()
	return nil
}

// end stops Next.
func (s *subscription) end() { s.once.Do(func() { close(s.closed) }) }

// Next implements mq.Subscription.
func (s *subscription) Next(ctx context.Context) (mq.Record, error) {
	for {
		select {
		case <-s.closed:
			return mq.Record{}, mq.ErrClosed
		default:
		}
		if s.failure != nil {
			return mq.Record{}, s.failure
		}
		rec, news, err := s.poll(ctx)
		if errors.Is(err, mq.ErrCorrupt) {
			s.failure = err
		}
		if news == nil {
			return rec, err
		}
		select {
		case <-news:
		case <-ctx.Done():
			return mq.Record{}, ctx.Err()
		case <-s.closed:
		}
	}
}

// poll returns the next record, an error, or a channel that is closed when
// there may be more.
func (s *subscription) poll(ctx context.Context) (mq.Record, <-chan struct{}, error) {
	for {
		for len(s.body) > 0 {
			data, rest, err := nextRecord(s.body)
			if err != nil {
				return mq.Record{}, nil, s.ch.damage(s.rec.seq, "record lengths do not add up")
			}
			at := s.rec
			s.body = rest
			s.rec.index++
			if s.after.before(at) {
				s.after = at
				return mq.Record{Position: at.position(s.ch.log.cfg.Generation), Term: at.term, Data: data}, nil, nil
			}
		}
		if len(s.msgs) > 0 {
			if err := s.begin(s.msgs[0]); err != nil {
				return mq.Record{}, nil, err
			}
			s.msgs = s.msgs[1:]
			continue
		}
		if news, err := s.fetch(ctx); err != nil || news != nil {
			return mq.Record{}, news, err
		}
	}
}

// begin checks a message, which must be the next one, and takes its records.
func (s *subscription) begin(data []byte) error {
	m, err := decodeMessage(data)
	if err != nil {
		return s.ch.damage(s.next, "it is not what was written")
	}
	if m.seq != s.next {
		return s.missing(fmt.Sprintf("it is missing; JetStream has %d", m.seq))
	}
	if s.prev.seq != 0 && !m.follows(s.prev) || m.term < s.rec.term {
		return s.ch.damage(m.seq, "it does not follow the message before it")
	}
	s.prev, s.next = m.link(), m.seq+1
	s.body, s.rec = m.body, place{term: m.term, seq: m.seq}
	return nil
}

// missing tells a message that the cut overtook from one that was lost.
func (s *subscription) missing(what string) error {
	s.ch.mu.Lock()
	gone := s.after.before(s.ch.mu.cutAt)
	s.ch.mu.Unlock()
	if gone {
		return s.ch.errGone(s.after)
	}
	return s.ch.damage(s.next, what)
}

// fetch gets the next messages.
func (s *subscription) fetch(ctx context.Context) (<-chan struct{}, error) {
	e, err := s.ch.log.server()
	if err != nil {
		return nil, err
	}
	s.ch.mu.Lock()
	last := s.ch.mu.last.seq
	if s.after.before(s.ch.mu.cutAt) {
		s.ch.mu.Unlock()
		return nil, s.ch.errGone(s.after)
	}
	if last == 0 || s.located && s.next > last {
		defer s.ch.mu.Unlock()
		if s.ch.mu.news == nil {
			s.ch.mu.news = make(chan struct{})
		}
		return s.ch.mu.news, nil
	}
	s.ch.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, apiTimeout)
	defer cancel()
	if !s.located {
		if s.next, err = s.ch.find(ctx, e, s.after); err != nil {
			return nil, err
		}
		s.located = true
		return nil, nil
	}
	n := min(last-s.next+1, fetchMessages)
	s.msgs, err = s.request(ctx, e, getRequest{Seq: s.next, Batch: int(n), MaxBytes: fetchBytes, NoHeaders: true})
	if err == nil && len(s.msgs) == 0 {
		err = s.missing("JetStream cannot read it")
	}
	for _, m := range s.msgs {
		s.bytes += len(m)
	}
	if s.bytes > heapStep {
		s.bytes = 0
		runtime.GC()
	}
	return nil, err
}

// request asks for messages and collects what comes.
func (s *subscription) request(ctx context.Context, e *embedded, r getRequest) ([][]byte, error) {
	req, err := json.Marshal(r)
	if err != nil {
		return nil, fmt.Errorf("natsmq: %w", err)
	}
	inbox := nats.NewInbox()
	replies := make(chan *nats.Msg, r.Batch+1)
	sub, err := e.read.ChanSubscribe(inbox, replies)
	if err != nil {
		return nil, fmt.Errorf("natsmq: %w", err)
	}
	defer func() { _ = sub.Unsubscribe() }() // fails only on a closed connection
	if err := e.read.PublishRequest(getSubject(s.ch.stream), inbox, req); err != nil {
		return nil, fmt.Errorf("natsmq: %w", err)
	}
	var msgs [][]byte
	for {
		select {
		case m := <-replies:
			if m.Header.Get(statusHeader) != "" { // the end of the batch, or nothing found
				return msgs, nil
			}
			msgs = append(msgs, m.Data)
		case <-e.broken:
			return nil, e.err()
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-s.closed:
			return nil, mq.ErrClosed
		}
	}
}
