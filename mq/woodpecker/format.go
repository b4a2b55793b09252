package woodpecker

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"

	"github.com/redkite-db/redkite/internal/base"
	"github.com/redkite-db/redkite/mq/appendq"
)

// Sizes and marks of the format. Numbers are little-endian; checksums are
// CRC32C.
const (
	pageSize      = 4096
	version       = 1
	maxName       = 1024
	headerLen     = 64 // of a block and a seal
	trailerLen    = 8
	lengthLen     = appendq.Overhead // before each record
	segmentMagic  = "rkwlog\r\n"
	blockMagic    = 0x4b4c4252 // "RBLK"
	sealMagic     = 0x4c454152 // "RAEL"
	minSegment    = 4 * pageSize
	maxSegment    = 1 << 40
	maxBlockBody  = 1 << 30
	positionBytes = 16
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func checksum(b []byte) uint32 { return crc32.Checksum(b, castagnoli) }

// errInvalid says that bytes are not what was looked for; what that means
// depends on where they lie.
var errInvalid = errors.New("woodpecker: invalid bytes")

// errVersion says that a segment was written by another version.
var errVersion = errors.New("unknown format version")

// place orders records: by term, then by their count since the channel began.
type place struct {
	term int64
	seq  uint64
}

func (p place) before(q place) bool {
	return p.term < q.term || p.term == q.term && p.seq < q.seq
}

func (p place) position(generation int64) base.Position {
	b := make([]byte, 0, positionBytes)
	b = binary.BigEndian.AppendUint64(b, uint64(p.term))
	b = binary.BigEndian.AppendUint64(b, p.seq)
	return base.Position{Generation: generation, Offset: string(b)}
}

// placeOf reads a position of this log. A position of an earlier generation
// is before all places.
func placeOf(pos base.Position, generation int64) (place, error) {
	switch {
	case pos.IsZero() || pos.Generation < generation:
		return place{}, nil
	case pos.Generation > generation:
		return place{}, fmt.Errorf("woodpecker: position %v is of a later generation than the log's %d", pos, generation)
	case len(pos.Offset) != positionBytes:
		return place{}, fmt.Errorf("woodpecker: position %v has %d bytes, want %d", pos, len(pos.Offset), positionBytes)
	}
	b := []byte(pos.Offset)
	return place{term: int64(binary.BigEndian.Uint64(b)), seq: binary.BigEndian.Uint64(b[8:])}, nil
}

// segmentHeader is the first page of a segment.
//
//	 0  8  magic        8  4  version      12  4  checksum of the page, this field as 0
//	16  8  segment id  24  8  length       32  8  generation
//	40  4  length of the channel's name    44  …  the name
type segmentHeader struct {
	id         uint64
	length     int64 // of the file; a longer file is cut short in reading
	generation int64
	channel    base.Channel
}

func (h segmentHeader) encode() []byte {
	b := make([]byte, pageSize)
	copy(b, segmentMagic)
	binary.LittleEndian.PutUint32(b[8:], version)
	binary.LittleEndian.PutUint64(b[16:], h.id)
	binary.LittleEndian.PutUint64(b[24:], uint64(h.length))
	binary.LittleEndian.PutUint64(b[32:], uint64(h.generation))
	binary.LittleEndian.PutUint32(b[40:], uint32(len(h.channel)))
	copy(b[44:], h.channel)
	binary.LittleEndian.PutUint32(b[12:], checksum(b))
	return b
}

func decodeSegmentHeader(page []byte) (segmentHeader, error) {
	var h segmentHeader
	if len(page) < pageSize || string(page[:8]) != segmentMagic {
		return h, errInvalid
	}
	if v := binary.LittleEndian.Uint32(page[8:]); v != version {
		return h, fmt.Errorf("%w %d, this program reads %d", errVersion, v, version)
	}
	b := append([]byte(nil), page[:pageSize]...)
	clear(b[12:16])
	if checksum(b) != binary.LittleEndian.Uint32(page[12:]) {
		return h, errInvalid
	}
	h.id = binary.LittleEndian.Uint64(b[16:])
	h.length = int64(binary.LittleEndian.Uint64(b[24:]))
	h.generation = int64(binary.LittleEndian.Uint64(b[32:]))
	n := binary.LittleEndian.Uint32(b[40:])
	if n > maxName || h.length < minSegment || h.length > maxSegment || h.length%pageSize != 0 {
		return h, errInvalid
	}
	h.channel = base.Channel(b[44 : 44+n])
	return h, nil
}

// blockHeader begins a block. A block without records is a mark: it only
// tells how far the segment is durable.
//
//	 0  4  magic        4  4  checksum of bytes 8 to 64
//	 8  8  segment id  16  8  offset of the block in the file
//	24  8  term        32  8  sequence number of the first record
//	40  4  records     44  4  bytes of lengths and records
//	48  8  durable     56  4  checksum in the trailer of the block before
//	60  4  zero
//
// The trailer is the last 8 bytes of the block's last page: the checksum of
// the header and of the body, and the header's checksum again.
type blockHeader struct {
	segment uint64
	offset  int64
	first   place // of the first record, or of the next one for a mark
	count   uint32
	body    uint32
	durable int64 // blocks of the segment that end at or before it were synced
	prev    uint32
}

// blockLen returns the bytes that a block with a body of n bytes takes.
func blockLen(n int64) int64 {
	return (headerLen + n + trailerLen + pageSize - 1) &^ (pageSize - 1)
}

func (h blockHeader) length() int64 { return blockLen(int64(h.body)) }

func (h blockHeader) end() int64 { return h.offset + h.length() }

// last returns the place of the last record. A mark has none.
func (h blockHeader) last() place {
	return place{term: h.first.term, seq: h.first.seq + uint64(h.count) - 1}
}

func (h blockHeader) appendTo(b []byte) []byte {
	start := len(b)
	b = binary.LittleEndian.AppendUint32(b, blockMagic)
	b = binary.LittleEndian.AppendUint32(b, 0)
	b = binary.LittleEndian.AppendUint64(b, h.segment)
	b = binary.LittleEndian.AppendUint64(b, uint64(h.offset))
	b = binary.LittleEndian.AppendUint64(b, uint64(h.first.term))
	b = binary.LittleEndian.AppendUint64(b, h.first.seq)
	b = binary.LittleEndian.AppendUint32(b, h.count)
	b = binary.LittleEndian.AppendUint32(b, h.body)
	b = binary.LittleEndian.AppendUint64(b, uint64(h.durable))
	b = binary.LittleEndian.AppendUint32(b, h.prev)
	b = binary.LittleEndian.AppendUint32(b, 0)
	binary.LittleEndian.PutUint32(b[start+4:], checksum(b[start+8:]))
	return b
}

// decodeBlockHeader reads a header that lies at an offset of a segment.
func decodeBlockHeader(b []byte, segment uint64, offset int64) (blockHeader, error) {
	if len(b) < headerLen || binary.LittleEndian.Uint32(b) != blockMagic ||
		binary.LittleEndian.Uint32(b[4:]) != checksum(b[8:headerLen]) {
		return blockHeader{}, errInvalid
	}
	h := blockHeader{
		segment: binary.LittleEndian.Uint64(b[8:]),
		offset:  int64(binary.LittleEndian.Uint64(b[16:])),
		first:   place{term: int64(binary.LittleEndian.Uint64(b[24:])), seq: binary.LittleEndian.Uint64(b[32:])},
		count:   binary.LittleEndian.Uint32(b[40:]),
		body:    binary.LittleEndian.Uint32(b[44:]),
		durable: int64(binary.LittleEndian.Uint64(b[48:])),
		prev:    binary.LittleEndian.Uint32(b[56:]),
	}
	if h.segment != segment || h.offset != offset || h.body > maxBlockBody || int64(h.count)*lengthLen > int64(h.body) {
		return blockHeader{}, errInvalid
	}
	return h, nil
}

// decodeTrailer reads the last bytes of a block and returns its checksum.
func decodeTrailer(b []byte, header []byte) (uint32, error) {
	if len(b) != trailerLen || binary.LittleEndian.Uint32(b[4:]) != binary.LittleEndian.Uint32(header[4:]) {
		return 0, errInvalid
	}
	return binary.LittleEndian.Uint32(b), nil
}

// checkBlock checks that b is the whole block, header to trailer, that h was
// read from, and returns its checksum and its body.
func checkBlock(b []byte, h blockHeader) (sum uint32, body []byte, err error) {
	if int64(len(b)) != h.length() {
		return 0, nil, errInvalid
	}
	// The bytes may have been read again since, and hold a block of old.
	if again, err := decodeBlockHeader(b, h.segment, h.offset); err != nil || again != h {
		return 0, nil, errInvalid
	}
	sum, err = decodeTrailer(b[len(b)-trailerLen:], b)
	end := headerLen + int(h.body)
	if err != nil || sum != checksum(b[:end]) {
		return 0, nil, errInvalid
	}
	return sum, b[headerLen:end], nil
}

// nextRecord splits the first record off a body.
func nextRecord(body []byte) (record, rest []byte, err error) {
	if len(body) < lengthLen {
		return nil, nil, errInvalid
	}
	n := binary.LittleEndian.Uint32(body)
	if body = body[lengthLen:]; int64(n) > int64(len(body)) {
		return nil, nil, errInvalid
	}
	return body[:n], body[n:], nil
}

// seal is the last page of a segment that has a successor. It is written
// after all blocks are durable and is durable before the successor is used.
//
//	 0  4  magic        4  4  checksum of bytes 8 to 64
//	 8  8  segment id  16  8  end of the last block
//	24  8  successor   32  8  term of the last record   40  8  its sequence number
//	48  4  checksum in the last block's trailer         52 12  zero
type seal struct {
	segment   uint64
	end       int64
	successor uint64
	last      place
	sum       uint32
}

func (s seal) encode() []byte {
	b := make([]byte, pageSize)
	binary.LittleEndian.PutUint32(b, sealMagic)
	binary.LittleEndian.PutUint64(b[8:], s.segment)
	binary.LittleEndian.PutUint64(b[16:], uint64(s.end))
	binary.LittleEndian.PutUint64(b[24:], s.successor)
	binary.LittleEndian.PutUint64(b[32:], uint64(s.last.term))
	binary.LittleEndian.PutUint64(b[40:], s.last.seq)
	binary.LittleEndian.PutUint32(b[48:], s.sum)
	binary.LittleEndian.PutUint32(b[4:], checksum(b[8:headerLen]))
	return b
}

func decodeSeal(b []byte, segment uint64, length int64) (seal, error) {
	if len(b) < headerLen || binary.LittleEndian.Uint32(b) != sealMagic ||
		binary.LittleEndian.Uint32(b[4:]) != checksum(b[8:headerLen]) {
		return seal{}, errInvalid
	}
	s := seal{
		segment:   binary.LittleEndian.Uint64(b[8:]),
		end:       int64(binary.LittleEndian.Uint64(b[16:])),
		successor: binary.LittleEndian.Uint64(b[24:]),
		last:      place{term: int64(binary.LittleEndian.Uint64(b[32:])), seq: binary.LittleEndian.Uint64(b[40:])},
		sum:       binary.LittleEndian.Uint32(b[48:]),
	}
	if s.segment != segment || s.end < pageSize || s.end > length-pageSize {
		return seal{}, errInvalid
	}
	return s, nil
}
