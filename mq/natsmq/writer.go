package natsmq

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/redkite-db/redkite/mq"
	"github.com/redkite-db/redkite/mq/appendq"
)

const (
	// packLimit is the size up to which waiting batches share a message.
	packLimit = 1 << 20
	// window is how many messages are under way.
	window = 2
	// healthInterval is how often a server that owes an answer is asked whether
	// it is well.
	healthInterval = time.Second
)

// writer sends a channel's messages. One goroutine packs and publishes them,
// a second one waits for the answers, in order.
type writer struct {
	ch      *channel
	e       *embedded
	q       *appendq.Queue
	slots   chan struct{} // holds a token for each message under way
	sent    chan *outgoing
	answers chan *nats.Msg
	inbox   string
	sub     *nats.Subscription
	wg      sync.WaitGroup

	// Owned by the publishing goroutine.
	at   link  // the last message published
	term int64 // of it
	enc  encoder

	// Owned by the goroutine that waits.
	block uint32 // the last block file whose name is durable
}

// outgoing is a message under way.
type outgoing struct {
	link link
	term int64
	reqs []*appendq.Request // that end in it; their positions are set
}

func startWriter(ch *channel, e *embedded) (*writer, error) {
	cfg := &ch.log.cfg
	w := &writer{
		ch: ch, e: e, q: appendq.New(ch.name, ch.log.MaxRecord(), 1<<30),
		slots: make(chan struct{}, window), sent: make(chan *outgoing, window+1),
		answers: make(chan *nats.Msg, 4*window), inbox: nats.NewInbox(),
	}
	list, err := blocks(cfg.FS, messagesDir(cfg.Dir, ch.stream))
	if err != nil {
		return nil, err
	}
	if len(list) > 0 {
		w.block = list[len(list)-1]
	}
	if err := cfg.FS.SyncDir(messagesDir(cfg.Dir, ch.stream)); err != nil {
		return nil, fmt.Errorf("natsmq: %w", err)
	}
	if w.sub, err = e.write.ChanSubscribe(w.inbox, w.answers); err != nil {
		return nil, fmt.Errorf("natsmq: %w", err)
	}
	ch.mu.Lock()
	w.at, w.term = ch.mu.last, ch.mu.term
	ch.mu.Unlock()
	w.wg.Go(w.publishAll)
	w.wg.Go(w.confirmAll)
	return w, nil
}

// stop waits for what is queued, then ends the goroutines.
func (w *writer) stop() {
	w.q.Stop()
	w.wg.Wait()
	_ = w.sub.Unsubscribe() // fails only on a closed connection
}

func (w *writer) fail(err error) {
	if w.q.Fail(err) {
		w.ch.logger().Error("log append failed; the next owner reads what is there", "error", err)
	}
}

// publishAll is the publishing goroutine.
func (w *writer) publishAll() {
	defer close(w.sent)
	var reqs []*appendq.Request
	from := 0 // records of reqs[0] that were sent
	some := false
	for {
		w.slots <- struct{}{}
		if len(reqs) == 0 {
			reqs = w.q.Take()
		}
		if err := w.q.Err(); err != nil {
			for _, r := range reqs {
				r.Refuse(err)
			}
			return
		}
		if len(reqs) == 0 {
			if some {
				w.enc.reset()
				w.publish(&outgoing{term: w.term}) // a mark
			}
			return
		}
		var out *outgoing
		if out, reqs, from = w.pack(reqs, from); out == nil {
			<-w.slots
			continue
		}
		some = true
		w.publish(out)
	}
}

// pack fills the next message. It returns the requests that are left, and how
// many records of the first one were sent. Requests for which there is no
// room are refused; without any other there is no message.
func (w *writer) pack(reqs []*appendq.Request, from int) (*outgoing, []*appendq.Request, int) {
	limit := w.ch.log.cfg.messageLimit()
	w.enc.reset()
	out := &outgoing{}
	for len(reqs) > 0 {
		r := reqs[0]
		if len(out.reqs) > 0 && (r.Term != out.term || len(w.enc.buf)+int(r.Size) > min(packLimit, limit)) {
			break
		}
		if from == 0 {
			if err := w.admit(r, int64(len(w.enc.buf))); err != nil {
				if len(out.reqs) > 0 {
					break // it is refused when the message is on its way
				}
				r.Refuse(err)
				reqs = reqs[1:]
				continue
			}
		}
		out.term = r.Term
		for from < len(r.Records) && len(w.enc.buf)+appendq.Overhead+len(r.Records[from]) <= limit {
			w.enc.add(r.Records[from])
			from++
		}
		if from < len(r.Records) {
			return out, reqs, from
		}
		last := place{term: r.Term, seq: w.at.seq + 1, index: max(w.enc.count, 1) - 1}
		r.Position = last.position(w.ch.log.cfg.Generation)
		out.reqs = append(out.reqs, r)
		reqs, from = reqs[1:], 0
	}
	if len(out.reqs) == 0 {
		return nil, reqs, 0
	}
	return out, reqs, 0
}

// admit tells whether there is room for a request behind n bytes of a message.
func (w *writer) admit(r *appendq.Request, n int64) error {
	cfg := &w.ch.log.cfg
	n += r.Size + natsOverhead
	w.ch.mu.Lock()
	held := w.ch.mu.bytes
	w.ch.mu.Unlock()
	if cfg.Capacity > 0 && held+n > cfg.Capacity && !r.Opening {
		return fmt.Errorf("natsmq: %d of %d bytes held, %d more needed: %w", held, cfg.Capacity, n, mq.ErrFull)
	}
	free, err := cfg.FS.FreeSpace(cfg.Dir)
	if err == nil && free < n+cfg.Reserve {
		return fmt.Errorf("natsmq: %d bytes free on the disk, %d needed and %d kept in reserve: %w", free, n, cfg.Reserve, mq.ErrFull)
	}
	return nil
}

// publish sends the message in enc, to be the next one of the stream.
func (w *writer) publish(out *outgoing) {
	before := w.at
	var data []byte
	data, w.at = w.enc.finish(out.term, before)
	w.term = out.term
	out.link = w.at
	w.ch.mu.Lock()
	w.ch.mu.bytes += int64(len(data) + natsOverhead)
	w.ch.mu.Unlock()
	msg := &nats.Msg{
		Subject: subjectOf(w.ch.stream), Reply: w.inbox, Data: data,
		Header: nats.Header{nats.ExpectedLastSeqHdr: []string{strconv.FormatUint(before.seq, 10)}},
	}
	w.sent <- out
	if err := w.e.write.PublishMsg(msg); err != nil {
		w.e.fail(fmt.Errorf("natsmq: publish: %w", err))
	}
}

// confirmAll is the goroutine that waits for answers.
func (w *writer) confirmAll() {
	for out := range w.sent {
		err := w.q.Err()
		if err == nil {
			err = w.confirm(out)
		}
		if err != nil {
			w.fail(err)
		} else {
			w.show(out)
		}
		for _, r := range out.reqs {
			if err != nil {
				r.Refuse(err)
			} else {
				r.Answer()
			}
		}
		<-w.slots
	}
}

// answer is JetStream's answer to a message.
type answer struct {
	Seq   uint64 `json:"seq"`
	Error *struct {
		Code        int    `json:"err_code"`
		Description string `json:"description"`
	} `json:"error"`
}

// confirm waits until a message is durable.
func (w *writer) confirm(out *outgoing) error {
	msg, err := w.await()
	if err != nil {
		return err
	}
	var a answer
	if err := json.Unmarshal(msg.Data, &a); err != nil {
		return fmt.Errorf("natsmq: answer to message %d of %s: status %q, %w", out.link.seq, w.ch.stream, msg.Header.Get(statusHeader), err)
	}
	if a.Error != nil {
		return fmt.Errorf("natsmq: message %d of %s was refused: %s (%d)", out.link.seq, w.ch.stream, a.Error.Description, a.Error.Code)
	}
	if a.Seq != out.link.seq {
		return fmt.Errorf("natsmq: message %d of %s became %d", out.link.seq, w.ch.stream, a.Seq)
	}
	return w.syncNames()
}

func (w *writer) await() (*nats.Msg, error) {
	timer := time.NewTimer(healthInterval)
	defer timer.Stop()
	for {
		select {
		case msg := <-w.answers:
			return msg, nil
		case <-w.e.broken:
			return nil, w.e.err()
		case <-timer.C:
			w.e.checkHealth(w.ch.stream)
			timer.Reset(healthInterval)
		}
	}
}

// syncNames makes the name of a new block file durable, which JetStream
// leaves to the system.
func (w *writer) syncNames() error {
	cfg := &w.ch.log.cfg
	dir := messagesDir(cfg.Dir, w.ch.stream)
	begun := w.block
	for {
		_, err := cfg.FS.Stat(blockPath(dir, w.block+1))
		if errors.Is(err, fs.ErrNotExist) {
			break
		}
		if err != nil {
			return fmt.Errorf("natsmq: %w", err)
		}
		w.block++
	}
	if w.block == begun {
		return nil
	}
	if err := cfg.FS.SyncDir(dir); err != nil {
		return fmt.Errorf("natsmq: %w", err)
	}
	return nil
}

// show lets readers have a message.
func (w *writer) show(out *outgoing) {
	w.ch.mu.Lock()
	defer w.ch.mu.Unlock()
	w.ch.mu.last, w.ch.mu.term = out.link, out.term
	if w.ch.mu.first == 0 {
		w.ch.mu.first = out.link.seq
	}
	w.ch.announceLocked()
}
