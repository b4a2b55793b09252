package mq

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"github.com/redkite-db/redkite/internal/base"
	"github.com/redkite-db/redkite/internal/column"
)

// ErrMalformed: bytes of a record that are no groups.
var ErrMalformed = errors.New("mq: malformed record")

// The layout of a record is in docs/formats/log-record.md. The log's adapter
// keeps the checksum.
const (
	recordVersion = 1

	typePack     = 1 // whole groups, each with its length before it
	typeFragment = 2 // a piece of one group

	packHeader     = 2               // version, type
	groupPrefix    = 4               // length of a group in a pack
	groupHeader    = 16 + 8 + 4      // request, timestamp, number of messages
	messageHeader  = 1 + 8 + 4 + 4*8 // kind, collection, shard, partition, delete partition, segment, schema version
	fragmentHeader = 2 + 16 + 4 + 4  // version, type, request, index, count
	maxMessages    = 1 << 16
)

// Encoded is a group in its binary form. Its timestamp and segments can be
// set after the rows were encoded, so that callers encode and the owner stamps.
type Encoded struct {
	buf      []byte // pack header, prefix, group: a whole record when it is alone
	segments []int  // offset of the segment id of each message
}

// Encode encodes a group. size hints the bytes of its rows and keys.
func Encode(g *Group) *Encoded {
	size := packHeader + groupPrefix + groupHeader
	for _, m := range g.Messages {
		size += messageHeader + 8
		if m.Rows != nil {
			size += int(m.Rows.Size()) + 64*(len(m.Rows.Fields)+1)
		}
		if m.Keys != nil {
			size += int(m.Keys.Size()) + 64
		}
	}
	e := &Encoded{buf: make([]byte, 0, size)}
	e.buf = append(e.buf, recordVersion, typePack, 0, 0, 0, 0)
	e.buf = append(e.buf, g.Request[:]...)
	e.buf = binary.LittleEndian.AppendUint64(e.buf, uint64(g.Timestamp))
	e.buf = binary.LittleEndian.AppendUint32(e.buf, uint32(len(g.Messages)))
	for _, m := range g.Messages {
		e.appendMessage(m)
	}
	binary.LittleEndian.PutUint32(e.buf[packHeader:], uint32(len(e.buf)-packHeader-groupPrefix))
	return e
}

func (e *Encoded) appendMessage(m *Message) {
	e.buf = append(e.buf, byte(m.Kind))
	e.buf = binary.LittleEndian.AppendUint64(e.buf, uint64(m.Shard.Collection))
	e.buf = binary.LittleEndian.AppendUint32(e.buf, uint32(m.Shard.Index))
	e.buf = binary.LittleEndian.AppendUint64(e.buf, uint64(m.Partition))
	e.buf = binary.LittleEndian.AppendUint64(e.buf, uint64(m.DeletePartition))
	e.segments = append(e.segments, len(e.buf))
	e.buf = binary.LittleEndian.AppendUint64(e.buf, uint64(m.Segment))
	e.buf = binary.LittleEndian.AppendUint64(e.buf, uint64(m.SchemaVersion))
	e.appendSized(m.Rows)
	if m.Keys == nil {
		e.appendSized(nil)
	} else {
		e.appendSized(&column.Batch{Rows: m.Keys.Len(), Fields: []base.ID{0}, Columns: []*column.Column{m.Keys}})
	}
}

// appendSized appends a batch with its length before it; nil has length 0.
func (e *Encoded) appendSized(b *column.Batch) {
	at := len(e.buf)
	e.buf = append(e.buf, 0, 0, 0, 0)
	if b != nil {
		e.buf = b.AppendTo(e.buf)
	}
	binary.LittleEndian.PutUint32(e.buf[at:], uint32(len(e.buf)-at-4))
}

// Len returns the bytes that the group takes in a record.
func (e *Encoded) Len() int { return len(e.buf) - packHeader }

// Stamp sets the group's timestamp.
func (e *Encoded) Stamp(ts base.Timestamp) {
	binary.LittleEndian.PutUint64(e.buf[packHeader+groupPrefix+16:], uint64(ts))
}

// SetSegment sets the segment of message i.
func (e *Encoded) SetSegment(i int, id base.ID) {
	binary.LittleEndian.PutUint64(e.buf[e.segments[i]:], uint64(id))
}

// Pack turns groups, in order, into records of at most maxRecord bytes: as
// many whole groups in a record as fit in target bytes, and a group that fits
// in no record in fragments of its own.
func Pack(groups []*Encoded, target, maxRecord int) [][]byte {
	var records [][]byte
	var shared []byte // a record being filled with several groups
	flush := func() {
		if shared != nil {
			records = append(records, shared)
			shared = nil
		}
	}
	for i, e := range groups {
		switch {
		case len(e.buf) > maxRecord:
			flush()
			records = appendFragments(records, e, maxRecord)
		case shared != nil && len(shared)+e.Len() <= min(target, maxRecord):
			shared = append(shared, e.buf[packHeader:]...)
		case i+1 < len(groups) && len(e.buf)+groups[i+1].Len() <= min(target, maxRecord):
			flush()
			shared = append(make([]byte, 0, len(e.buf)+groups[i+1].Len()), e.buf...)
		default: // alone: its own buffer is the record, nothing is copied
			flush()
			records = append(records, e.buf)
		}
	}
	flush()
	return records
}

func appendFragments(records [][]byte, e *Encoded, maxRecord int) [][]byte {
	group := e.buf[packHeader+groupPrefix:]
	room := maxRecord - fragmentHeader
	count := (len(group) + room - 1) / room
	for i := range count {
		piece := group[i*room : min((i+1)*room, len(group))]
		rec := make([]byte, 0, fragmentHeader+len(piece))
		rec = append(rec, recordVersion, typeFragment)
		rec = append(rec, group[:16]...)
		rec = binary.LittleEndian.AppendUint32(rec, uint32(i))
		rec = binary.LittleEndian.AppendUint32(rec, uint32(count))
		records = append(records, append(rec, piece...))
	}
	return records
}

// Decoder turns the records of a channel, read in order, back into groups. A
// group whose fragments are not all there before the next record of another
// kind does not exist: it was never acknowledged.
type Decoder struct {
	partial  []byte
	request  RequestID
	next     uint32
	count    uint32
	start    base.Position // before the partial group's first fragment
	previous base.Position
}

// NewDecoder returns a decoder for records after a position.
func NewDecoder(after base.Position) *Decoder { return &Decoder{previous: after} }

// Feed decodes one record. start is the position after which the record's
// first group begins, so that reading from there sees all of it again.
func (d *Decoder) Feed(rec Record) (groups []*Group, start base.Position, err error) {
	start = d.previous
	d.previous = rec.Position
	if len(rec.Data) == 0 { // opening record: what was incomplete stays so
		d.partial = nil
		return nil, start, nil
	}
	if len(rec.Data) < packHeader || rec.Data[0] != recordVersion {
		return nil, start, fmt.Errorf("%w: version", ErrMalformed)
	}
	switch rec.Data[1] {
	case typePack:
		d.partial = nil
		groups, err = decodePack(rec.Data[packHeader:])
		return groups, start, err
	case typeFragment:
		group, err := d.feedFragment(rec.Data, start)
		if err != nil || group == nil {
			return nil, start, err
		}
		return []*Group{group}, d.start, nil
	}
	return nil, start, fmt.Errorf("%w: type %d", ErrMalformed, rec.Data[1])
}

func (d *Decoder) feedFragment(data []byte, start base.Position) (*Group, error) {
	if len(data) < fragmentHeader {
		return nil, fmt.Errorf("%w: short fragment", ErrMalformed)
	}
	var request RequestID
	copy(request[:], data[2:])
	index, count := binary.LittleEndian.Uint32(data[18:]), binary.LittleEndian.Uint32(data[22:])
	switch {
	case index == 0:
		d.partial, d.request, d.count, d.next, d.start = []byte{}, request, count, 0, start
	case d.partial == nil || request != d.request || index != d.next || count != d.count:
		return nil, fmt.Errorf("%w: fragment %d of %d out of order", ErrMalformed, index, count)
	}
	d.partial = append(d.partial, data[fragmentHeader:]...)
	d.next++
	if d.next < d.count {
		return nil, nil
	}
	whole := d.partial
	d.partial = nil
	return decodeGroup(whole)
}

func decodePack(src []byte) ([]*Group, error) {
	var groups []*Group
	for len(src) > 0 {
		if len(src) < groupPrefix {
			return nil, fmt.Errorf("%w: short pack", ErrMalformed)
		}
		n := int(binary.LittleEndian.Uint32(src))
		src = src[groupPrefix:]
		if n > len(src) {
			return nil, fmt.Errorf("%w: group of %d bytes, %d left", ErrMalformed, n, len(src))
		}
		g, err := decodeGroup(src[:n])
		if err != nil {
			return nil, err
		}
		groups = append(groups, g)
		src = src[n:]
	}
	return groups, nil
}

func decodeGroup(src []byte) (*Group, error) {
	if len(src) < groupHeader {
		return nil, fmt.Errorf("%w: short group", ErrMalformed)
	}
	g := &Group{Timestamp: base.Timestamp(binary.LittleEndian.Uint64(src[16:]))}
	copy(g.Request[:], src)
	count := binary.LittleEndian.Uint32(src[24:])
	if count > maxMessages {
		return nil, fmt.Errorf("%w: %d messages", ErrMalformed, count)
	}
	src = src[groupHeader:]
	for range count {
		m, rest, err := decodeMessage(src)
		if err != nil {
			return nil, err
		}
		m.Timestamp = g.Timestamp
		g.Messages = append(g.Messages, m)
		src = rest
	}
	if len(src) != 0 {
		return nil, fmt.Errorf("%w: %d bytes after the group", ErrMalformed, len(src))
	}
	return g, nil
}

func decodeMessage(src []byte) (*Message, []byte, error) {
	if len(src) < messageHeader {
		return nil, nil, fmt.Errorf("%w: short message", ErrMalformed)
	}
	num := func(at int) int64 { return int64(binary.LittleEndian.Uint64(src[at:])) }
	m := &Message{
		Kind:            Kind(src[0]),
		Shard:           base.Shard{Collection: num(1), Index: int32(binary.LittleEndian.Uint32(src[9:]))},
		Partition:       num(13),
		DeletePartition: num(21),
		Segment:         num(29),
		SchemaVersion:   num(37),
	}
	if m.Kind < Insert || m.Kind > DropShard {
		return nil, nil, fmt.Errorf("%w: kind %d", ErrMalformed, m.Kind)
	}
	rows, src, err := decodeSized(src[messageHeader:])
	if err != nil {
		return nil, nil, err
	}
	keys, src, err := decodeSized(src)
	if err != nil {
		return nil, nil, err
	}
	m.Rows = rows
	if keys != nil {
		if len(keys.Columns) != 1 {
			return nil, nil, fmt.Errorf("%w: %d key columns", ErrMalformed, len(keys.Columns))
		}
		m.Keys = keys.Columns[0]
	}
	return m, src, nil
}

func decodeSized(src []byte) (*column.Batch, []byte, error) {
	if len(src) < 4 {
		return nil, nil, fmt.Errorf("%w: short batch", ErrMalformed)
	}
	n := binary.LittleEndian.Uint32(src)
	src = src[4:]
	if n == 0 {
		return nil, src, nil
	}
	if uint64(n) > uint64(len(src)) || n > math.MaxInt32 {
		return nil, nil, fmt.Errorf("%w: batch of %d bytes, %d left", ErrMalformed, n, len(src))
	}
	b, rest, err := column.Decode(src[:n])
	if err != nil {
		return nil, nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	if len(rest) != 0 {
		return nil, nil, fmt.Errorf("%w: %d bytes after a batch", ErrMalformed, len(rest))
	}
	return b, src[n:], nil
}
