package woodpecker

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/redkite-db/redkite/internal/base"
	"github.com/redkite-db/redkite/internal/vfs"
)

// segment is a file of a channel's chain. The fields below the line are
// guarded by the channel's mu.
type segment struct {
	id     uint64
	path   string
	length int64
	begin  chain // what its first block must say

	end    chain    // behind its last durable block
	sealed bool     // nothing more comes at end; the chain goes on at next
	next   *segment // nil while it is the last
	// sealTried: a seal was written but may not be durable, and does not hold
	// unless sealed is set.
	sealTried bool
	readers   int  // subscriptions that read it
	dead      bool // all its records are before the cut
	gone      bool // its file is removed or reused
}

// blocksEnd is the offset at which the seal lies.
func (s *segment) blocksEnd() int64 { return s.length - pageSize }

// openings is the room of a segment of that length that only blocks which open
// a term may use: a server that is started on a full disk, which has no room
// for another segment, can do it several times.
func openings(length int64) int64 {
	return min(length/64&^(pageSize-1), 16*pageSize)
}

// usable is the room in a segment of that length for what is not an opening.
func usable(length int64) int64 { return length - openings(length) }

// lengthFor returns the least length of which need bytes are usable.
func lengthFor(need int64) int64 {
	length := (need + pageSize - 1) &^ (pageSize - 1)
	for usable(length) < need {
		length += pageSize
	}
	return length
}

const (
	segmentSuffix = ".wlog"
	cutSuffix     = ".cut"
)

// fileName writes a channel's name so that it is a file name everywhere, also
// where upper and lower case are the same.
func fileName(ch base.Channel) string {
	var b strings.Builder
	for i := range len(ch) {
		switch c := ch[i]; {
		case 'a' <= c && c <= 'z', '0' <= c && c <= '9', c == '-', c == '_':
			b.WriteByte(c)
		default:
			fmt.Fprintf(&b, "%%%02x", c)
		}
	}
	return b.String()
}

func (ch *channel) segmentPath(id uint64) string {
	return filepath.Join(ch.log.cfg.Dir, fmt.Sprintf("%s-%016x%s", fileName(ch.name), id, segmentSuffix))
}

func (ch *channel) cutPath() string {
	return filepath.Join(ch.log.cfg.Dir, fileName(ch.name)+cutSuffix)
}

// segmentID reads the id off a file name of the channel.
func (ch *channel) segmentID(name string) (uint64, bool) {
	name, ok := strings.CutSuffix(name, segmentSuffix)
	if !ok {
		return 0, false
	}
	hex, ok := strings.CutPrefix(name, fileName(ch.name)+"-")
	if !ok || len(hex) != 16 {
		return 0, false
	}
	id, err := strconv.ParseUint(hex, 16, 64)
	return id, err == nil
}

// readAt fills b from a file. Bytes that the file is too short for are
// errInvalid.
func readAt(f vfs.File, b []byte, off int64) error {
	n, err := f.ReadAt(b, off)
	if n == len(b) {
		return nil
	}
	if err == nil || errors.Is(err, io.EOF) {
		return errInvalid
	}
	return fmt.Errorf("woodpecker: %w", err)
}

// readHeader reads the block header at an offset of a segment, into b, and
// the checksum in the block's trailer.
func readHeader(f vfs.File, s *segment, off int64, b []byte) (blockHeader, uint32, error) {
	if off+pageSize > s.blocksEnd() {
		return blockHeader{}, 0, errInvalid
	}
	if err := readAt(f, b[:headerLen], off); err != nil {
		return blockHeader{}, 0, err
	}
	h, err := decodeBlockHeader(b[:headerLen], s.id, off)
	if err != nil || h.end() > s.blocksEnd() {
		return blockHeader{}, 0, errInvalid
	}
	var trailer [trailerLen]byte
	if err := readAt(f, trailer[:], h.end()-trailerLen); err != nil {
		return blockHeader{}, 0, err
	}
	sum, err := decodeTrailer(trailer[:], b)
	return h, sum, err
}

// chain follows blocks: what the next one must say.
type chain struct {
	off  int64
	last place // the next record's sequence number is last.seq+1
	sum  uint32
}

// follows reports whether a block is the next of the chain. Only numbers of
// records and checksums are compared: terms never fall.
func (c chain) follows(h blockHeader) bool {
	return h.offset == c.off && h.prev == c.sum && h.first.seq == c.last.seq+1 && h.first.term >= c.last.term
}

func (c chain) after(h blockHeader, sum uint32) chain {
	next := chain{off: h.end(), last: c.last, sum: sum}
	if h.count > 0 {
		next.last = h.last()
	}
	return next
}
