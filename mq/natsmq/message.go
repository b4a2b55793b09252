package natsmq

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"

	"github.com/redkite-db/redkite/internal/base"
	"github.com/redkite-db/redkite/mq/appendq"
)

// A message holds records. Numbers are little-endian:
//
//	 0  4  "RKN1"      4  4  CRC32C of bytes 8 to the end
//	 8  8  term       16  8  the message's sequence number in its stream
//	24  4  records    28  4  checksum of the message before (0: unknown)
//	32  …  each record: 4 bytes of length, the record
//
// A message without records is a mark: it shows that the one before it was
// durable.
const (
	messageMagic   = 0x314e4b52
	messageHeader  = 32
	positionBytes  = 20
	natsOverhead   = 256 // NATS headers that count for its largest payload
	largestMessage = 30 << 20
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// errInvalid says that bytes are no message of this package.
var errInvalid = errors.New("natsmq: not a message of this log")

// place orders records: by term, by message, by number in the message.
type place struct {
	term  int64
	seq   uint64
	index uint32
}

func (p place) before(q place) bool {
	switch {
	case p.term != q.term:
		return p.term < q.term
	case p.seq != q.seq:
		return p.seq < q.seq
	}
	return p.index < q.index
}

func (p place) position(generation int64) base.Position {
	b := make([]byte, 0, positionBytes)
	b = binary.BigEndian.AppendUint64(b, uint64(p.term))
	b = binary.BigEndian.AppendUint64(b, p.seq)
	b = binary.BigEndian.AppendUint32(b, p.index)
	return base.Position{Generation: generation, Offset: string(b)}
}

// placeOf reads a position of this log. A position of an earlier generation
// is before all places.
func placeOf(pos base.Position, generation int64) (place, error) {
	switch {
	case pos.IsZero() || pos.Generation < generation:
		return place{}, nil
	case pos.Generation > generation:
		return place{}, fmt.Errorf("natsmq: position %v is of a later generation than the log's %d", pos, generation)
	case len(pos.Offset) != positionBytes:
		return place{}, fmt.Errorf("natsmq: position %v has %d bytes, want %d", pos, len(pos.Offset), positionBytes)
	}
	b := []byte(pos.Offset)
	return place{
		term: int64(binary.BigEndian.Uint64(b)), seq: binary.BigEndian.Uint64(b[8:]), index: binary.BigEndian.Uint32(b[16:]),
	}, nil
}

// link is what a message must say to follow the one before it.
type link struct {
	seq uint64 // of the message before
	sum uint32 // 0: not known
}

// message is a decoded message.
type message struct {
	term  int64
	seq   uint64
	count uint32
	prev  uint32
	sum   uint32
	body  []byte
}

// follows reports whether m comes directly after l.
func (m message) follows(l link) bool {
	return m.seq == l.seq+1 && (l.sum == 0 || m.prev == 0 || m.prev == l.sum)
}

func (m message) link() link { return link{seq: m.seq, sum: m.sum} }

func decodeMessage(b []byte) (message, error) {
	if len(b) < messageHeader || binary.LittleEndian.Uint32(b) != messageMagic {
		return message{}, errInvalid
	}
	m := message{
		sum:   binary.LittleEndian.Uint32(b[4:]),
		term:  int64(binary.LittleEndian.Uint64(b[8:])),
		seq:   binary.LittleEndian.Uint64(b[16:]),
		count: binary.LittleEndian.Uint32(b[24:]),
		prev:  binary.LittleEndian.Uint32(b[28:]),
		body:  b[messageHeader:],
	}
	if m.sum != crc32.Checksum(b[8:], castagnoli) || int64(m.count)*appendq.Overhead > int64(len(m.body)) {
		return message{}, errInvalid
	}
	return m, nil
}

// nextRecord splits the first record off a body.
func nextRecord(body []byte) (record, rest []byte, err error) {
	if len(body) < appendq.Overhead {
		return nil, nil, errInvalid
	}
	n := binary.LittleEndian.Uint32(body)
	if body = body[appendq.Overhead:]; int64(n) > int64(len(body)) {
		return nil, nil, errInvalid
	}
	return body[:n], body[n:], nil
}

// encoder builds a message in a buffer that is used again.
type encoder struct {
	buf   []byte
	count uint32
}

func (e *encoder) reset() {
	e.buf = append(e.buf[:0], make([]byte, messageHeader)...)
	e.count = 0
}

func (e *encoder) add(record []byte) {
	e.buf = binary.LittleEndian.AppendUint32(e.buf, uint32(len(record)))
	e.buf = append(e.buf, record...)
	e.count++
}

// finish fills in the header and returns the message and its link.
func (e *encoder) finish(term int64, before link) ([]byte, link) {
	b := e.buf
	binary.LittleEndian.PutUint32(b, messageMagic)
	binary.LittleEndian.PutUint64(b[8:], uint64(term))
	binary.LittleEndian.PutUint64(b[16:], before.seq+1)
	binary.LittleEndian.PutUint32(b[24:], e.count)
	binary.LittleEndian.PutUint32(b[28:], before.sum)
	sum := crc32.Checksum(b[8:], castagnoli)
	binary.LittleEndian.PutUint32(b[4:], sum)
	return b, link{seq: before.seq + 1, sum: sum}
}
