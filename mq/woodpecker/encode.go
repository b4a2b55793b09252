package woodpecker

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"

	"github.com/redkite-db/redkite/internal/vfs"
	"github.com/redkite-db/redkite/mq"
	"github.com/redkite-db/redkite/mq/appendq"
)

// output collects bytes and writes them in pieces of whole pages.
type output struct {
	file vfs.File
	off  int64 // of buf in the file
	buf  []byte
	err  error
}

const (
	minOutput = 64 << 10
	maxOutput = 1 << 20
)

func (o *output) reset(f vfs.File, off int64) { *o = output{file: f, off: off, buf: o.buf[:0]} }

func (o *output) write(p []byte) {
	for len(p) > 0 && o.err == nil {
		if room := cap(o.buf) - len(o.buf); room == 0 {
			o.grow()
			continue
		}
		n := min(len(p), cap(o.buf)-len(o.buf))
		o.buf = append(o.buf, p[:n]...)
		p = p[n:]
	}
}

// grow makes room in the buffer: by doubling it up to maxOutput, then by
// writing it out.
func (o *output) grow() {
	if c := cap(o.buf); c < maxOutput {
		bigger := make([]byte, len(o.buf), max(minOutput, 2*c))
		copy(bigger, o.buf)
		o.buf = bigger
		return
	}
	_ = o.flush() // kept in err
}

func (o *output) zeros(n int64) {
	var page [pageSize]byte
	for n > 0 {
		k := min(n, pageSize)
		o.write(page[:k])
		n -= k
	}
}

func (o *output) flush() error {
	if o.err == nil && len(o.buf) > 0 {
		_, o.err = o.file.WriteAt(o.buf, o.off)
		o.off += int64(len(o.buf))
		o.buf = o.buf[:0]
	}
	return o.err
}

// block writes a block with the records of requests, which are of one term,
// and sets their positions. It returns the chain behind it.
func (w *writer) block(reqs []*appendq.Request, durable int64) chain {
	h := blockHeader{
		segment: w.seg.id, offset: w.at.off, durable: durable, prev: w.at.sum,
		first: place{term: w.at.last.term, seq: w.at.last.seq + 1},
	}
	last := w.at.last
	for _, r := range reqs {
		h.first.term = r.Term
		h.count += uint32(len(r.Records))
		h.body += uint32(r.Size)
		if n := len(r.Records); n > 0 {
			last = place{term: r.Term, seq: last.seq + uint64(n)}
		}
		r.Position = last.position(w.ch.log.cfg.Generation)
	}
	var head [headerLen]byte
	h.appendTo(head[:0])
	sum := crc32.Update(0, castagnoli, head[:])
	w.out.write(head[:])
	for _, r := range reqs {
		for _, rec := range r.Records {
			var n [lengthLen]byte
			binary.LittleEndian.PutUint32(n[:], uint32(len(rec)))
			sum = crc32.Update(sum, castagnoli, n[:])
			sum = crc32.Update(sum, castagnoli, rec)
			w.out.write(n[:])
			w.out.write(rec)
		}
	}
	w.out.zeros(h.length() - headerLen - int64(h.body) - trailerLen)
	var trailer [trailerLen]byte
	binary.LittleEndian.PutUint32(trailer[:], sum)
	copy(trailer[4:], head[4:8])
	w.out.write(trailer[:])
	return chain{off: h.end(), last: last, sum: sum}
}

// room is what a group may use.
type room struct {
	end  int64 // of the segment's blocks, except those that open a term
	open int64 // behind end, for these alone
	held int64 // bytes after the cut, with what is written but not yet durable
	cap  int64 // 0: unlimited
}

// fits tells whether a block of n bytes at offset at, of which r is the first
// request, is within the segment.
func (r room) fits(at, n int64, first *appendq.Request) bool {
	if first.Opening {
		return at+n <= r.end+r.open
	}
	return at+n <= r.end
}

// admit tells whether a block of n bytes may follow.
func (r room) admit(n int64) error {
	if r.cap > 0 && r.held+n > r.cap {
		return fmt.Errorf("woodpecker: %d of %d bytes held, %d more needed: %w", r.held, r.cap, n, mq.ErrFull)
	}
	return nil
}

func (w *writer) room() room {
	w.ch.mu.Lock()
	defer w.ch.mu.Unlock()
	r := room{cap: w.ch.log.cfg.Capacity, held: w.ch.heldLocked()}
	if w.seg != nil {
		r.open = openings(w.seg.length)
		r.end = w.seg.blocksEnd() - r.open
		r.held += w.at.off - w.seg.end.off
	}
	return r
}

// writeGroup writes as many requests as fit into the segment, beginning with
// a new one if the first does not fit, and returns those that are left.
// Requests for which there is no room are in the group with their error. An
// error is one after which nothing may be appended.
func (w *writer) writeGroup(reqs []*appendq.Request) (*group, []*appendq.Request, error) {
	first := reqs[0]
	need := blockLen(first.Size)
	rm := w.room()
	g := &group{}
	if err := rm.admit(need); err == nil || first.Opening {
		if w.seg == nil || !rm.fits(w.at.off, need, first) {
			switch err := w.rotate(need); {
			case errors.Is(err, mq.ErrFull):
				first.Err = err
				g.reqs = reqs[:1:1]
				return g, reqs[1:], nil
			case err != nil:
				return nil, reqs, err
			}
			rm = w.room()
		}
	}
	start := w.at
	w.ch.mu.Lock()
	durable := w.seg.end.off
	w.ch.mu.Unlock()
	w.out.reset(w.file, start.off)
	for len(reqs) > 0 && w.at.off-start.off < groupLimit {
		block, refused, fits := w.pack(reqs, rm)
		g.reqs = append(append(g.reqs, block...), refused...)
		reqs = reqs[len(block)+len(refused):]
		if len(block) > 0 {
			from := w.at.off
			w.at = w.block(block, durable)
			w.marked = false
			rm.held += w.at.off - from
		}
		if !fits {
			break
		}
	}
	if w.at == start {
		return g, reqs, nil
	}
	g.seg, g.file, g.end = w.seg, w.file, w.at
	if err := w.out.flush(); err != nil {
		return g, reqs, w.undo(g, start, err)
	}
	if !w.asked && w.at.off > w.seg.length/2 {
		w.asked = true
		w.ch.pool.prepare()
	}
	return g, reqs, nil
}

// pack chooses the requests of the next block. It ends at a request that the
// segment has no room for (fits is false), that is of another term, or that
// would make the block too long; those that the capacity refuses have their
// error set.
func (w *writer) pack(reqs []*appendq.Request, rm room) (block, refused []*appendq.Request, fits bool) {
	var body int64
	for _, r := range reqs {
		if len(block) > 0 && (r.Term != block[0].Term || body+r.Size > packLimit) {
			return block, refused, true
		}
		need := blockLen(body + r.Size)
		if err := rm.admit(need); err != nil && !r.Opening {
			r.Err = err
			refused = append(refused, r)
			continue
		}
		if !rm.fits(w.at.off, need, r) {
			return block, refused, false
		}
		if len(refused) > 0 {
			return block, refused, true // keep the order of reqs
		}
		block = append(block, r)
		body += r.Size
	}
	return block, refused, true
}

// undo takes back a group that could not be written. If only room was
// missing, which preallocated files rule out but not every file system
// honours, its first page is made invalid and with it the chain behind it, so
// that nothing of the group can ever be read; its requests were refused.
func (w *writer) undo(g *group, start chain, err error) error {
	err = diskError(err, "write "+w.seg.path)
	if !vfs.IsNoSpace(err) {
		return err
	}
	if _, werr := w.file.WriteAt(make([]byte, pageSize), start.off); werr != nil {
		return fmt.Errorf("woodpecker: take back a write: %w", werr)
	}
	if serr := w.file.Sync(); serr != nil {
		return fmt.Errorf("woodpecker: take back a write: %w", serr)
	}
	w.at = start
	g.seg, g.file = nil, nil
	for _, r := range g.reqs {
		if r.Err == nil {
			r.Err = err
		}
	}
	return nil
}

// rotate ends the segment and begins the next. The order is what recovery
// relies on: all blocks durable, then the seal, then the next segment's first
// block.
func (w *writer) rotate(need int64) error {
	w.syncing <- struct{}{} // earlier groups are durable
	defer func() { <-w.syncing }()
	if err := w.q.Err(); err != nil {
		return err
	}
	next, err := w.ch.pool.take(need + 2*pageSize)
	if err != nil {
		return err
	}
	file, err := w.ch.log.cfg.FS.OpenReadWrite(next.path)
	if err == nil && w.seg != nil && w.at == w.seg.begin {
		err = w.markEmpty() // so that the segment is known to be of the chain
	}
	if err == nil && w.seg != nil {
		if err = w.seal(next.id); err != nil {
			_ = file.Close()
		}
	}
	if err != nil {
		w.giveBack(next)
		return fmt.Errorf("woodpecker: begin a segment: %w", err)
	}
	if w.file != nil {
		_ = w.file.Close() // sealed, and the seal synced
	}
	w.ch.mu.Lock()
	next.begin = chain{off: pageSize, last: w.at.last, sum: w.at.sum}
	next.end = next.begin
	if w.seg != nil {
		w.seg.end, w.seg.sealed, w.seg.next = w.at, true, next
	}
	w.ch.mu.segments = append(w.ch.mu.segments, next)
	w.ch.announceLocked()
	w.ch.mu.Unlock()
	w.seg, w.file, w.at, w.asked = next, file, next.begin, false
	return nil
}

// markEmpty writes a first block without records.
func (w *writer) markEmpty() error {
	w.out.reset(w.file, w.at.off)
	w.at = w.block(nil, w.at.off)
	return w.out.flush()
}

// giveBack returns a segment that was taken for nothing, unless a seal may
// name it: then it stays as it is until the next start.
func (w *writer) giveBack(s *segment) {
	w.ch.mu.Lock()
	named := w.seg != nil && w.seg.sealTried
	w.ch.mu.Unlock()
	if !named {
		w.ch.pool.giveBack(s)
	}
}

// seal ends a segment whose writing goes on in another.
func (w *writer) seal(successor uint64) error {
	if err := w.file.Sync(); err != nil {
		return err
	}
	s := seal{segment: w.seg.id, end: w.at.off, successor: successor, last: w.at.last, sum: w.at.sum}
	w.ch.mu.Lock()
	w.seg.sealTried = true
	w.ch.mu.Unlock()
	if _, err := w.file.WriteAt(s.encode(), w.seg.blocksEnd()); err != nil {
		return err
	}
	return w.file.Sync()
}
