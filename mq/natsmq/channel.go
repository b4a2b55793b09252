package natsmq

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"sort"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/redkite-db/redkite/internal/base"
	"github.com/redkite-db/redkite/mq"
	"github.com/redkite-db/redkite/mq/cutfile"
)

// apiTimeout bounds a request to the embedded server, which answers at once
// if it answers at all.
const apiTimeout = 30 * time.Second

// channel is the state of one channel. Lock order: opMu, mu.
type channel struct {
	log    *Log
	name   base.Channel
	stream string

	opMu   sync.Mutex // reading the state, opening, cutting and closing, one at a time
	server *embedded  // guarded by opMu: whose state was read; nil: read it anew
	writer *writer    // guarded by opMu

	mu struct {
		sync.Mutex
		first  uint64 // stream sequence number of the first message
		last   link   // of the last durable message
		term   int64  // of the last durable message
		bytes  int64  // that the stream holds, with what is under way
		cut    cutfile.Cut
		cutAt  place         // of cut
		news   chan struct{} // closed when readers may find more; nil if none waits
		subs   map[*subscription]struct{}
		closed bool
	}
}

func newChannel(l *Log, name base.Channel, stream string) *channel {
	ch := &channel{log: l, name: name, stream: stream}
	ch.mu.subs = map[*subscription]struct{}{}
	return ch
}

func (ch *channel) logger() *slog.Logger {
	return ch.log.cfg.Logger.With("channel", string(ch.name))
}

func (ch *channel) cutPath() string { return filepath.Join(ch.log.cfg.Dir, ch.stream+".cut") }

func (ch *channel) announceLocked() {
	if ch.mu.news != nil {
		close(ch.mu.news)
		ch.mu.news = nil
	}
}

// ready makes sure that the channel's state is that of the running server.
// The caller holds opMu.
func (ch *channel) ready() error {
	ch.mu.Lock()
	closed := ch.mu.closed
	ch.mu.Unlock()
	if closed {
		return mq.ErrClosed
	}
	e, err := ch.log.server()
	if err != nil {
		return err
	}
	failed := ch.writer != nil && ch.writer.q.Err() != nil
	if ch.server == e && !failed {
		return nil
	}
	if ch.writer != nil {
		ch.writer.fail(fmt.Errorf("natsmq: the embedded server was replaced: %w", mq.ErrClosed))
		ch.writer.stop()
		ch.writer = nil
	}
	ch.server = nil
	if err := ch.readState(e); err != nil {
		return err
	}
	ch.server = e
	return nil
}

// readState learns where the channel begins and ends.
func (ch *channel) readState(e *embedded) error {
	ctx, cancel := context.WithTimeout(context.Background(), apiTimeout)
	defer cancel()
	cut, cutAt, err := ch.readCut()
	if err != nil {
		return err
	}
	stream, err := e.stream(ctx, ch.stream)
	if err != nil {
		return fmt.Errorf("natsmq: %w", err)
	}
	if stream == nil {
		// JetStream leaves out a stream whose description is damaged.
		list, err := blocks(ch.log.cfg.FS, messagesDir(ch.log.cfg.Dir, ch.stream))
		if err != nil {
			return err
		}
		if len(list) > 0 {
			if stream, err = e.createStream(ctx, &ch.log.cfg, ch.stream); err != nil {
				return fmt.Errorf("natsmq: %w", err)
			}
		}
	}
	var state jetstream.StreamState
	if stream != nil {
		info, err := stream.Info(ctx)
		if err != nil {
			return fmt.Errorf("natsmq: %w", err)
		}
		state = info.State
	}
	last := message{seq: state.LastSeq}
	if state.Msgs > 0 {
		if last, err = ch.get(ctx, e, state.LastSeq); err != nil {
			return err
		}
	}
	if missing := state.FirstSeq > cutAt.seq+1 || state.Msgs == 0 && state.LastSeq > cutAt.seq; state.LastSeq > 0 && missing {
		return fmt.Errorf("natsmq: stream %s begins at message %d, but was cut at %d: %w", ch.stream, state.FirstSeq, cutAt.seq, mq.ErrCorrupt)
	}
	ch.mu.Lock()
	ch.mu.first, ch.mu.last, ch.mu.term, ch.mu.bytes = state.FirstSeq, last.link(), last.term, int64(state.Bytes)
	ch.mu.cut, ch.mu.cutAt = cut, cutAt
	ch.announceLocked()
	ch.mu.Unlock()
	if stream != nil && state.Msgs > 0 {
		ch.purge(ctx, e)
	}
	return nil
}

// readCut returns the cut that the channel's file remembers.
func (ch *channel) readCut() (cutfile.Cut, place, error) {
	cut, err := cutfile.Read(ch.log.cfg.FS, ch.cutPath())
	if err != nil {
		return cut, place{}, fmt.Errorf("natsmq: %w", err)
	}
	if cut.Position.Offset == "" {
		return cut, place{}, nil
	}
	if cut.Position.Generation != ch.log.cfg.Generation {
		return cut, place{}, fmt.Errorf("natsmq: %s is of generation %d, the log of %d", ch.cutPath(), cut.Position.Generation, ch.log.cfg.Generation)
	}
	at, err := placeOf(cut.Position, ch.log.cfg.Generation)
	return cut, at, err
}

// open takes the channel for a term: later appends of earlier owners are
// refused, and what they have queued either lies before the opening record or
// is refused too.
func (ch *channel) open(term int64) (mq.Appender, base.Position, error) {
	ch.opMu.Lock()
	defer ch.opMu.Unlock()
	if err := ch.ready(); err != nil {
		return nil, base.Position{}, ch.log.cfg.explain(err)
	}
	ch.mu.Lock()
	highest, cut := max(ch.mu.term, ch.mu.cutAt.term), ch.mu.cut
	ch.mu.Unlock()
	if term <= highest {
		return nil, base.Position{}, fmt.Errorf("natsmq: term %d of %s, which term %d has: %w", term, ch.name, highest, mq.ErrFenced)
	}
	if ch.writer == nil {
		if err := ch.prepareFiles(cut); err != nil {
			return nil, base.Position{}, ch.log.cfg.explain(err)
		}
		w, err := startWriter(ch, ch.server)
		if err != nil {
			return nil, base.Position{}, err
		}
		ch.writer = w
	}
	a, opening := ch.writer.q.Open(term)
	pos, err := opening.Wait()
	if err != nil {
		return nil, base.Position{}, err
	}
	return a, pos, nil
}

// explain says ErrFull of a failure that a full disk accounts for: the server
// cannot start there, nor make a stream.
func (c *Config) explain(err error) error {
	if errors.Is(err, mq.ErrCorrupt) || errors.Is(err, mq.ErrClosed) {
		return err
	}
	if free, ferr := c.FS.FreeSpace(c.Dir); ferr == nil && free < c.Reserve {
		return fmt.Errorf("natsmq: %d bytes free on the disk: %w: %w", free, mq.ErrFull, err)
	}
	return err
}

// prepareFiles makes the stream, and the file of the cut before it is needed:
// a full disk must not keep the log from being cut.
func (ch *channel) prepareFiles(cut cutfile.Cut) error {
	ctx, cancel := context.WithTimeout(context.Background(), apiTimeout)
	defer cancel()
	if cut.Count == 0 {
		cut = cut.Next(base.Position{Generation: ch.log.cfg.Generation})
		if err := cutfile.Write(ch.log.cfg.FS, ch.cutPath(), cut); err != nil {
			return fmt.Errorf("natsmq: %w", err)
		}
		ch.mu.Lock()
		ch.mu.cut = cut
		ch.mu.Unlock()
	}
	stream, err := ch.server.stream(ctx, ch.stream)
	if err == nil && stream == nil {
		_, err = ch.server.createStream(ctx, &ch.log.cfg, ch.stream)
	}
	if err != nil {
		return fmt.Errorf("natsmq: stream %s: %w", ch.stream, err)
	}
	return nil
}

// truncate moves the cut and has JetStream remove what lies before it.
func (ch *channel) truncate(to place, pos base.Position) error {
	ch.opMu.Lock()
	defer ch.opMu.Unlock()
	if err := ch.ready(); err != nil {
		return err
	}
	ch.mu.Lock()
	next := ch.mu.cut.Next(pos)
	nothing := !ch.mu.cutAt.before(to) || ch.mu.last.seq == 0
	ch.mu.Unlock()
	if nothing {
		return nil
	}
	if err := cutfile.Write(ch.log.cfg.FS, ch.cutPath(), next); err != nil {
		return fmt.Errorf("natsmq: %w", err)
	}
	ch.mu.Lock()
	ch.mu.cut, ch.mu.cutAt = next, to
	ch.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), apiTimeout)
	defer cancel()
	ch.purge(ctx, ch.server)
	return nil
}

// purge removes the messages before the cut. The one that holds the cut, and
// the last one, stay: it says where the channel ends. If it fails, the next
// truncation or start does it.
func (ch *channel) purge(ctx context.Context, e *embedded) {
	ch.mu.Lock()
	cut, first, last := ch.mu.cutAt, ch.mu.first, ch.mu.last.seq
	ch.mu.Unlock()
	keep, err := ch.find(ctx, e, cut)
	if err != nil {
		ch.logger().Warn("messages before the cut could not be removed", "error", err)
		return
	}
	if keep = min(keep, last); keep <= first {
		return
	}
	stream, err := e.stream(ctx, ch.stream)
	if err == nil && stream != nil {
		err = stream.Purge(ctx, jetstream.WithPurgeSequence(keep))
	}
	var info *jetstream.StreamInfo
	if err == nil && stream != nil {
		info, err = stream.Info(ctx)
	}
	if err != nil || info == nil {
		ch.logger().Warn("messages before the cut could not be removed", "error", err)
		return
	}
	ch.mu.Lock()
	defer ch.mu.Unlock()
	ch.mu.first, ch.mu.bytes = info.State.FirstSeq, int64(info.State.Bytes)
}

// find returns the sequence number of the message that holds a place, or of
// the first one behind it.
func (ch *channel) find(ctx context.Context, e *embedded, p place) (uint64, error) {
	ch.mu.Lock()
	first, last := ch.mu.first, ch.mu.last.seq
	ch.mu.Unlock()
	if p.seq < first || last == 0 {
		return max(first, 1), nil
	}
	// Places of one term are found at once. Only a place of an end that was lost
	// needs a search: after it terms are higher, whatever the numbers.
	if p.seq <= last {
		if m, err := ch.get(ctx, e, p.seq); err != nil || m.term == p.term {
			return p.seq, err
		}
	}
	var failure error
	n := sort.Search(int(last-first+1), func(i int) bool {
		m, err := ch.get(ctx, e, first+uint64(i))
		failure = errors.Join(failure, err)
		return err != nil || !(place{term: m.term, seq: m.seq}).before(place{term: p.term, seq: p.seq})
	})
	return first + uint64(n), failure
}

// get reads one message.
func (ch *channel) get(ctx context.Context, e *embedded, seq uint64) (message, error) {
	req, err := json.Marshal(getRequest{Seq: seq, NoHeaders: true})
	if err != nil {
		return message{}, fmt.Errorf("natsmq: %w", err)
	}
	reply, err := e.read.RequestWithContext(ctx, getSubject(ch.stream), req)
	if err != nil {
		return message{}, fmt.Errorf("natsmq: read message %d of %s: %w", seq, ch.stream, err)
	}
	if status := reply.Header.Get(statusHeader); status != "" {
		return message{}, ch.damage(seq, "JetStream cannot read it: "+status+" "+reply.Header.Get("Description"))
	}
	m, err := decodeMessage(reply.Data)
	if err != nil || m.seq != seq {
		return message{}, ch.damage(seq, "it is not what was written")
	}
	return m, nil
}

func (ch *channel) damage(seq uint64, what string) error {
	return fmt.Errorf("natsmq: message %d in %s: %s: %w", seq, messagesDir(ch.log.cfg.Dir, ch.stream), what, mq.ErrCorrupt)
}

// getRequest is JetStream's request to read messages directly.
type getRequest struct {
	Seq       uint64 `json:"seq"`
	Batch     int    `json:"batch,omitempty"`
	MaxBytes  int    `json:"max_bytes,omitempty"`
	NoHeaders bool   `json:"no_hdr,omitempty"`
}

const (
	statusHeader = "Status"
	endOfBatch   = "204"
)

func getSubject(stream string) string { return "$JS.API.DIRECT.GET." + stream }

// close ends the writer and the subscriptions.
func (ch *channel) close() {
	ch.opMu.Lock()
	defer ch.opMu.Unlock()
	if ch.writer != nil {
		ch.writer.stop()
		ch.writer = nil
	}
	ch.mu.Lock()
	ch.mu.closed = true
	subs := ch.mu.subs
	ch.mu.subs = map[*subscription]struct{}{}
	ch.mu.Unlock()
	for sub := range subs {
		sub.end()
	}
}
