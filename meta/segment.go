package meta

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/redkite-db/redkite/internal/base"
)

// errShort: a binary record ends too early or a length in it is absurd.
var errShort = errors.New("record is cut short")

// Segments and delta logs are the records there may be many of, so theirs are
// binary: varints and length-prefixed strings, in the order of appendSegment
// and appendDelta.

func appendString(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

func appendPosition(b []byte, p base.Position) []byte {
	return appendString(binary.AppendVarint(b, p.Generation), p.Offset)
}

func appendSegment(b []byte, s *Segment) []byte {
	for _, v := range []int64{s.ID, s.Shard.Collection, int64(s.Shard.Index), s.Partition, s.Rows, s.Bytes, s.Task} {
		b = binary.AppendVarint(b, v)
	}
	b = appendString(b, s.Manifest)
	b = appendPosition(appendPosition(b, s.Start), s.End)
	for _, t := range []base.Timestamp{s.MinTime, s.MaxTime, s.DeletesApplied} {
		b = binary.AppendUvarint(b, uint64(t))
	}
	b = binary.AppendVarint(b, int64(s.Level))
	dropped := byte(0)
	if s.Dropped {
		dropped = 1
	}
	b = append(b, dropped)
	b = binary.AppendUvarint(b, uint64(len(s.Indexes)))
	for _, f := range s.Indexes {
		b = binary.AppendVarint(binary.AppendVarint(b, f.Index), f.Build)
		b = binary.AppendVarint(appendString(b, f.Key), f.Bytes)
	}
	return b
}

func appendDelta(b []byte, d *Delta) []byte {
	for _, v := range []int64{d.ID, d.Shard.Collection, int64(d.Shard.Index), d.Task, d.Rows} {
		b = binary.AppendVarint(b, v)
	}
	b = appendString(b, d.Key)
	return binary.AppendUvarint(binary.AppendUvarint(b, uint64(d.From)), uint64(d.To))
}

// reader consumes a binary record; after the first error it yields zeros.
type reader struct {
	b   []byte
	err error
}

func (r *reader) fail() {
	r.b = nil
	if r.err == nil {
		r.err = errShort
	}
}

func (r *reader) varint() int64 {
	v, n := binary.Varint(r.b)
	if n <= 0 {
		r.fail()
		return 0
	}
	r.b = r.b[n:]
	return v
}

func (r *reader) uvarint() uint64 {
	v, n := binary.Uvarint(r.b)
	if n <= 0 {
		r.fail()
		return 0
	}
	r.b = r.b[n:]
	return v
}

func (r *reader) byte() byte {
	if len(r.b) == 0 {
		r.fail()
		return 0
	}
	v := r.b[0]
	r.b = r.b[1:]
	return v
}

func (r *reader) string() string {
	n := r.uvarint()
	if n > uint64(len(r.b)) {
		r.fail()
		return ""
	}
	s := string(r.b[:n])
	r.b = r.b[n:]
	return s
}

func (r *reader) time() base.Timestamp { return base.Timestamp(r.uvarint()) }

func (r *reader) shard() base.Shard {
	return base.Shard{Collection: r.varint(), Index: int32(r.varint())}
}

func (r *reader) position() base.Position {
	return base.Position{Generation: r.varint(), Offset: r.string()}
}

// end returns the first error, or one if bytes are left over.
func (r *reader) end() error {
	if r.err == nil && len(r.b) > 0 {
		return fmt.Errorf("%d bytes after the record", len(r.b))
	}
	return r.err
}

func decodeSegment(payload []byte) (*Segment, error) {
	r := &reader{b: payload}
	s := &Segment{ID: r.varint(), Shard: r.shard(), Partition: r.varint(), Rows: r.varint(), Bytes: r.varint(), Task: r.varint()}
	s.Manifest = r.string()
	s.Start, s.End = r.position(), r.position()
	s.MinTime, s.MaxTime, s.DeletesApplied = r.time(), r.time(), r.time()
	s.Level = int32(r.varint())
	s.Dropped = r.byte() != 0
	n := r.uvarint()
	if n > uint64(len(r.b)) { // each takes more than a byte
		return nil, errShort
	}
	for range n {
		f := IndexFile{Index: r.varint(), Build: r.varint()}
		f.Key, f.Bytes = r.string(), r.varint()
		s.Indexes = append(s.Indexes, f)
	}
	return s, r.end()
}

func decodeDelta(payload []byte) (*Delta, error) {
	r := &reader{b: payload}
	d := &Delta{ID: r.varint(), Shard: r.shard(), Task: r.varint(), Rows: r.varint()}
	d.Key = r.string()
	d.From, d.To = r.time(), r.time()
	return d, r.end()
}
