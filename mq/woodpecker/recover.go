package woodpecker

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"sort"

	"github.com/redkite-db/redkite/internal/vfs"
	"github.com/redkite-db/redkite/mq/cutfile"
)

// file is a segment's file as recovery finds it.
type file struct {
	id     uint64
	path   string
	header segmentHeader
	broken bool // the header page is not valid for the id
	used   bool // the first block's header is valid
	first  blockHeader
	seal   *seal
}

// recover reads the channel's files, once.
//
// The rule that divides a torn tail from damage: a segment's first block is
// written after the segment before it is durable and sealed, and a block
// tells up to which offset the segment was durable when it was written. So a
// block that is not valid is
//   - damage, if it lies in a segment with a valid seal, or before an offset
//     that a later valid header of its segment calls durable. Reading it gives
//     ErrCorrupt, with the file and the offset, and it is never skipped;
//   - the torn tail, otherwise: an append that was never confirmed. It is cut,
//     with all that follows it.
//
// Nothing that was confirmed can be cut, as long as the disk keeps what it
// synced. Where it does not, damage to blocks written by the last one or two
// syncs looks like a torn tail; the mark that a clean end writes covers these.
func (ch *channel) recover() error {
	ch.opMu.Lock()
	defer ch.opMu.Unlock()
	if ch.recovered {
		return nil
	}
	cut, cutAt, err := ch.readCut()
	if err != nil {
		return err
	}
	files, err := ch.listFiles()
	if err != nil {
		return err
	}
	segments, unnamed, err := ch.findChain(files, cutAt)
	if err != nil {
		return err
	}
	if n := len(segments); n > 0 {
		if err := ch.recoverTail(segments[n-1]); err != nil {
			return err
		}
	}
	ch.adopt(cut, cutAt, files, segments, unnamed)
	ch.recovered = true
	return nil
}

// adopt makes the recovered chain the channel's state. Files that nothing
// names are used again or removed.
func (ch *channel) adopt(cut cutfile.Cut, cutAt place, files []*file, segments []*segment, unnamed []*file) {
	var maxID uint64
	for _, f := range files {
		maxID = max(maxID, f.id, f.header.id)
	}
	var length int64
	if n := len(segments); n > 0 {
		length = min(segments[n-1].length, ch.log.cfg.SegmentSize)
	}
	var dead []*segment
	for _, f := range unnamed {
		dead = append(dead, &segment{id: f.id, path: f.path, length: f.header.length, dead: true})
	}
	ch.mu.Lock()
	ch.mu.cut, ch.mu.cutAt, ch.mu.segments = cut, cutAt, segments
	ch.dropDeadLocked()
	some := len(ch.mu.segments) > 0
	ch.mu.Unlock()
	ch.pool.adopt(maxID, length, dead)
	if some && cut.Count > 0 {
		ch.findCutEnd()
	}
}

// readCut returns the cut that the channel's file remembers.
func (ch *channel) readCut() (cutfile.Cut, place, error) {
	cut, err := cutfile.Read(ch.log.cfg.FS, ch.cutPath())
	if err != nil {
		return cut, place{}, fmt.Errorf("woodpecker: %w", err)
	}
	if cut.Count == 0 || cut.Position.Offset == "" {
		return cut, place{}, nil
	}
	if cut.Position.Generation != ch.log.cfg.Generation {
		return cut, place{}, fmt.Errorf("woodpecker: %s is of generation %d, the log of %d", ch.cutPath(), cut.Position.Generation, ch.log.cfg.Generation)
	}
	at, err := placeOf(cut.Position, ch.log.cfg.Generation)
	return cut, at, err
}

func (ch *channel) listFiles() ([]*file, error) {
	dir := ch.log.cfg.Dir
	entries, err := ch.log.cfg.FS.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("woodpecker: %w", err)
	}
	var files []*file
	for _, e := range entries {
		id, ok := ch.segmentID(e.Name())
		if !ok {
			continue
		}
		f := &file{id: id, path: filepath.Join(dir, e.Name())}
		if err := ch.inspect(f); err != nil {
			return nil, err
		}
		files = append(files, f)
	}
	return files, nil
}

// inspect reads a file's header, its first block's header and its seal.
func (ch *channel) inspect(f *file) error {
	r, err := ch.log.cfg.FS.Open(f.path)
	if err != nil {
		return fmt.Errorf("woodpecker: %w", err)
	}
	defer r.Close()
	page := make([]byte, pageSize)
	err = readAt(r, page, 0)
	if err == nil {
		f.header, err = decodeSegmentHeader(page)
	}
	switch {
	case errors.Is(err, errVersion):
		return fmt.Errorf("woodpecker: %s: %w", f.path, err)
	case errors.Is(err, errInvalid) || err == nil && f.header.id != f.id:
		f.broken = true
	case err != nil:
		return err
	case f.header.channel != ch.name || f.header.generation != ch.log.cfg.Generation:
		return fmt.Errorf("woodpecker: %s is of channel %s, generation %d; want %s, %d",
			f.path, f.header.channel, f.header.generation, ch.name, ch.log.cfg.Generation)
	}
	if err := readAt(r, page[:headerLen], pageSize); err == nil {
		if f.first, err = decodeBlockHeader(page, f.id, pageSize); err == nil {
			f.used = true
		}
	} else if !errors.Is(err, errInvalid) {
		return err
	}
	if f.broken {
		return nil
	}
	f.seal, err = readSeal(r, f.id, f.header.length)
	return err
}

// readSeal returns a segment's seal, nil if it has none.
func readSeal(r vfs.File, id uint64, length int64) (*seal, error) {
	page := make([]byte, pageSize)
	err := readAt(r, page, length-pageSize)
	if err == nil {
		var s seal
		if s, err = decodeSeal(page, id, length); err == nil {
			return &s, nil
		}
	}
	if errors.Is(err, errInvalid) {
		return nil, nil
	}
	return nil, err
}

// settleSeal reads the last segment's seal again from the disk: one that only
// the system's memory holds must not be built upon.
func (ch *channel) settleSeal(f *file) error {
	r, err := ch.log.cfg.FS.OpenReadWrite(f.path)
	if err != nil {
		return fmt.Errorf("woodpecker: %w", err)
	}
	defer r.Close()
	if err := r.Sync(); err != nil {
		return fmt.Errorf("woodpecker: %w", err)
	}
	if err := r.DropCache(f.header.length-pageSize, pageSize); err != nil {
		return fmt.Errorf("woodpecker: %w", err)
	}
	f.seal, err = readSeal(r, f.id, f.header.length)
	return err
}

// findChain orders the segments, checks that each is followed by the one that
// its seal names, and returns those that may hold records after the cut, and
// the files that nothing names.
func (ch *channel) findChain(files []*file, cut place) ([]*segment, []*file, error) {
	var used, rest []*file
	for _, f := range files {
		switch {
		case f.used && f.broken:
			return nil, nil, damage(f.path, 0, "no valid segment header")
		case f.used:
			used = append(used, f)
		default:
			rest = append(rest, f)
		}
	}
	if len(used) == 0 {
		return nil, rest, ch.checkUnused(rest, cut)
	}
	sort.Slice(used, func(i, j int) bool {
		a, b := used[i], used[j]
		if x, y := a.first.first.seq, b.first.first.seq; x != y {
			return x < y
		}
		return links(a, b) // a holds nothing but a mark
	})
	from := len(used) - 1
	for from > 0 && links(used[from-1], used[from]) {
		from--
	}
	if used[from].first.first.seq > cut.seq+1 {
		return nil, nil, ch.gap(used, from, rest, cut)
	}
	last := used[len(used)-1]
	if last.seal != nil {
		if err := ch.settleSeal(last); err != nil {
			return nil, nil, err
		}
	}
	var segments []*segment
	for _, f := range used[from:] {
		segments = append(segments, f.segment())
	}
	if last.seal != nil { // its successor holds no valid block yet
		i := 0
		for i < len(rest) && rest[i].id != last.seal.successor {
			i++
		}
		if i == len(rest) || rest[i].broken {
			return nil, nil, damage(ch.segmentPath(last.seal.successor), 0, "no valid segment header, and a segment's seal names it")
		}
		s := rest[i].segment()
		rest = append(rest[:i:i], rest[i+1:]...)
		s.begin = chain{off: pageSize, last: last.seal.last, sum: last.seal.sum}
		segments = append(segments, s)
	}
	for i := range segments[:len(segments)-1] {
		s, next := segments[i], segments[i+1]
		s.sealed, s.next = true, next
		next.begin.last = s.end.last
	}
	// What lies before a break in the chain was cut; its removal was undone.
	return segments, append(rest, used[:from]...), nil
}

// links reports whether a's seal names b and what b's first block says.
func links(a, b *file) bool {
	return a.seal != nil && a.seal.successor == b.id && a.seal.last.seq+1 == b.first.first.seq && a.seal.sum == b.first.prev
}

func (f *file) segment() *segment {
	s := &segment{id: f.id, path: f.path, length: f.header.length}
	if f.used {
		s.begin = chain{off: pageSize, last: place{seq: f.first.first.seq - 1}, sum: f.first.prev}
	}
	if f.seal != nil {
		s.end = chain{off: f.seal.end, last: f.seal.last, sum: f.seal.sum}
	}
	return s
}

// gap names what is wrong where records after the cut are missing.
func (ch *channel) gap(used []*file, from int, rest []*file, cut place) error {
	what := fmt.Sprintf("records from %d to %d are missing", cut.seq+1, used[from].first.first.seq-1)
	if from > 0 {
		before := used[from-1]
		if before.seal == nil {
			return damage(before.path, before.header.length-pageSize, "no valid seal, and "+what)
		}
		return damage(ch.segmentPath(before.seal.successor), 0, what)
	}
	for _, f := range rest {
		if f.seal != nil && f.seal.successor == used[from].id {
			return damage(f.path, pageSize, "no valid block, and "+what)
		}
	}
	for _, f := range rest {
		if f.broken {
			return damage(f.path, 0, "no valid segment header, and "+what)
		}
	}
	return damage(used[from].path, 0, what)
}

// checkUnused makes sure that files without a valid first block really hold
// no records.
func (ch *channel) checkUnused(files []*file, cut place) error {
	for _, f := range files {
		length := f.header.length
		if f.broken {
			st, err := ch.log.cfg.FS.Stat(f.path)
			if err != nil {
				return fmt.Errorf("woodpecker: %w", err)
			}
			length = st.Size()
		}
		r, err := ch.log.cfg.FS.Open(f.path)
		if err != nil {
			return fmt.Errorf("woodpecker: %w", err)
		}
		durable, err := scanDurable(r, &segment{id: f.id, length: length}, pageSize)
		_ = r.Close() // only read
		if err != nil {
			return err
		}
		if durable > pageSize {
			return damage(f.path, pageSize, "no valid block, and later blocks call it durable")
		}
	}
	if cut != (place{}) {
		return damage(filepath.Join(ch.log.cfg.Dir, fileName(ch.name)+"-*"+segmentSuffix), 0,
			fmt.Sprintf("all segments are missing; the log was cut at record %d", cut.seq))
	}
	return nil
}

// scanDurable returns the highest offset that a valid block header at or
// after from calls durable.
func scanDurable(r vfs.File, s *segment, from int64) (int64, error) {
	const step = 256 << 10
	var durable int64
	buf := make([]byte, step)
	for ; from < s.blocksEnd(); from += step {
		n, err := r.ReadAt(buf, from)
		for at := 0; at+headerLen <= n; at += pageSize {
			if h, herr := decodeBlockHeader(buf[at:n], s.id, from+int64(at)); herr == nil {
				durable = max(durable, h.durable)
			}
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return 0, fmt.Errorf("woodpecker: %w", err)
		}
	}
	return durable, nil
}

// recoverTail finds the end of the segment that is written next.
func (ch *channel) recoverTail(s *segment) error {
	r, err := ch.log.cfg.FS.OpenReadWrite(s.path)
	if err != nil {
		return fmt.Errorf("woodpecker: %w", err)
	}
	defer r.Close()
	at, blocks, durable, err := walk(r, s)
	if err != nil {
		return err
	}
	claimed, err := scanDurable(r, s, at.off)
	if err != nil {
		return err
	}
	if claimed > at.off {
		return damage(s.path, at.off, fmt.Sprintf("no valid block, and a later one calls the segment durable up to %d", claimed))
	}
	durable = max(durable, claimed)
	if at.off > durable {
		// Valid, but perhaps only in the system's memory: an earlier process may
		// have failed to sync it, and syncing again would not tell.
		if err := r.Sync(); err != nil {
			return fmt.Errorf("woodpecker: %w", err)
		}
		if err := r.DropCache(durable, at.off-durable); err != nil {
			return fmt.Errorf("woodpecker: %w", err)
		}
	}
	torn := false
	for _, b := range blocks {
		if b.h.end() <= durable {
			continue
		}
		block := make([]byte, b.h.length())
		if err := readAt(r, block, b.h.offset); err != nil && !errors.Is(err, errInvalid) {
			return err
		}
		if sum, _, err := checkBlock(block, b.h); err != nil || sum != b.sum {
			at, torn = b.at, true
			break
		}
	}
	s.end = at
	if torn || claimed > 0 {
		ch.logger().Warn("log tail cut: an append was not finished", "file", s.path, "offset", at.off)
	}
	return nil
}

// walked is a block that a walk over headers found.
type walked struct {
	h   blockHeader
	sum uint32
	at  chain // before the block
}

// walk follows a segment's chain by headers and trailers. It returns where
// the chain ends, the blocks, and the offset that they call durable.
func walk(r vfs.File, s *segment) (at chain, blocks []walked, durable int64, err error) {
	at = s.begin
	buf := make([]byte, headerLen)
	for {
		h, sum, err := readHeader(r, s, at.off, buf)
		if err != nil && !errors.Is(err, errInvalid) {
			return at, nil, 0, err
		}
		if err != nil || !at.follows(h) {
			return at, blocks, durable, nil
		}
		blocks = append(blocks, walked{h: h, sum: sum, at: at})
		durable = max(durable, h.durable)
		at = at.after(h, sum)
	}
}
