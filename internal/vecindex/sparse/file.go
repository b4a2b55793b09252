package sparse

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math"

	"github.com/redkite-db/redkite/internal/mem"
	"github.com/redkite-db/redkite/internal/vecindex"
)

// The file (docs/formats/sparse.md) is a header of fixed size, then the parts as
// they are in memory, little-endian, each at a multiple of sectionAlign, so that
// a map of the file is used in place.
const (
	magic        = "RKIXSPRS"
	version      = 1
	headerSize   = 384
	sectionAlign = 64
	sections     = 10
	sectionEntry = 24
)

// Offsets in the header.
const (
	atVersion  = 8
	atMetric   = 12
	atShift    = 16
	atFlags    = 20
	atRows     = 24
	atNulls    = 32
	atK1       = 40
	atB        = 48
	atAvgDL    = 56
	atLeastTF  = 64
	atLeastLen = 68
	atMostLen  = 72
	atSections = 80
	atChecksum = headerSize - 4
)

// flagFree says that a search may name another k1 and b.
const flagFree = 1

// Sections whose length follows from others.
const (
	sectionDims  = 0
	sectionHeads = 4
	sectionIDs   = 6
	sectionMaps  = 8
)

func checksum(b []byte) uint32 { return crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)) }

// write writes the file.
func (x *index) write(w io.Writer) (int64, error) {
	total := int64(0)
	put := func(b []byte) error {
		n, err := w.Write(b)
		total += int64(n)
		return err
	}
	if err := put(x.header()); err != nil {
		return total, err
	}
	for _, s := range x.sections() {
		err := s.each(put)
		if n := padding(len(s.bytes)); err == nil && n > 0 {
			err = put(make([]byte, n))
		}
		if err != nil {
			return total, err
		}
	}
	return total, nil
}

// header returns the header.
func (x *index) header() []byte {
	h := make([]byte, headerSize)
	copy(h, magic)
	le := binary.LittleEndian
	le.PutUint32(h[atVersion:], version)
	le.PutUint32(h[atMetric:], uint32(x.metric))
	le.PutUint32(h[atShift:], uint32(x.shift))
	if x.free {
		le.PutUint32(h[atFlags:], flagFree)
	}
	le.PutUint64(h[atRows:], uint64(x.src.Rows()))
	le.PutUint64(h[atNulls:], uint64(x.src.Rows()-x.nodes))
	le.PutUint64(h[atK1:], math.Float64bits(x.k1))
	le.PutUint64(h[atB:], math.Float64bits(x.b))
	le.PutUint64(h[atAvgDL:], math.Float64bits(x.avgdl))
	le.PutUint32(h[atLeastTF:], math.Float32bits(x.leastTF))
	le.PutUint32(h[atLeastLen:], math.Float32bits(x.leastLen))
	le.PutUint32(h[atMostLen:], math.Float32bits(x.mostLen))
	at := uint64(headerSize)
	table := crc32.MakeTable(crc32.Castagnoli)
	for i, s := range x.sections() {
		e := h[atSections+i*sectionEntry:]
		crc := uint32(0)
		_ = s.each(func(b []byte) error {
			crc = crc32.Update(crc, table, b)
			return nil
		})
		le.PutUint64(e, at)
		le.PutUint64(e[8:], uint64(len(s.bytes)))
		le.PutUint32(e[16:], crc)
		at += uint64(len(s.bytes)) + padding(len(s.bytes))
	}
	le.PutUint32(h[atChecksum:], checksum(h[:atChecksum]))
	return h
}

// padding is the number of zero bytes behind a section of n bytes.
func padding(n int) uint64 { return uint64(-n & (sectionAlign - 1)) }

// each calls fn for pieces of s, in the order of bytes of the file.
func (s section) each(fn func([]byte) error) error {
	const chunk = 1 << 20
	var swapped []byte
	for rest := s.bytes; len(rest) > 0; {
		b := rest[:min(chunk, len(rest))]
		rest = rest[len(b):]
		if s.width > 1 && !mem.LittleEndian() {
			swapped = append(swapped[:0], b...)
			for i := 0; i < len(b); i += s.width {
				for j := range s.width {
					swapped[i+j] = b[i+s.width-1-j]
				}
			}
			b = swapped
		}
		if err := fn(b); err != nil {
			return err
		}
	}
	return nil
}

// open reads a file over its rows and takes over one pin of f.
func (e *env) open(f *mem.Map, rows vecindex.SparseSource, m vecindex.Metric, _ vecindex.Params) (*index, error) {
	x := newIndex(e, rows, m)
	x.close = f.Unpin
	if err := x.read(f.Bytes()); err != nil {
		return nil, errors.Join(fmt.Errorf("open sparse index %s: %w", f.Name(), err), x.Close())
	}
	return x, nil
}

// read checks the whole file, every checksum and every number that a search
// follows, and uses it in place where the machine allows.
func (x *index) read(b []byte) error {
	if err := x.readHeader(b); err != nil {
		return err
	}
	var part [sections][]byte
	at := uint64(headerSize)
	for i := range part {
		e := b[atSections+i*sectionEntry:]
		offset, length := binary.LittleEndian.Uint64(e), binary.LittleEndian.Uint64(e[8:])
		switch {
		case offset != at:
			return vecindex.BadFile("section %d at %d, want %d", i, offset, at)
		case length > uint64(len(b))-at:
			return vecindex.BadFile("section %d of %d bytes at %d in a file of %d", i, length, at, len(b))
		}
		part[i] = b[at : at+length]
		if got, want := checksum(part[i]), binary.LittleEndian.Uint32(e[16:]); got != want {
			return vecindex.BadFile("section %d: checksum %08x, want %08x", i, got, want)
		}
		end := at + length
		if at = end + padding(int(length)); at > uint64(len(b)) {
			return vecindex.BadFile("file of %d bytes ends before %d", len(b), at)
		}
		if len(bytes.Trim(b[end:at], "\x00")) != 0 {
			return vecindex.BadFile("bytes %d to %d are not zero", end, at)
		}
	}
	if at != uint64(len(b)) {
		return vecindex.BadFile("file of %d bytes, want %d", len(b), at)
	}
	if err := x.checkLengths(&part); err != nil {
		return err
	}
	x.parts = parts{
		dims: mem.Decode[uint32](part[0]), scales: mem.Decode[float32](part[1]), dense: mem.Decode[uint32](part[2]), first: mem.Decode[uint32](part[3]),
		heads: mem.Decode[uint32](part[4]), ats: mem.Decode[uint32](part[5]), ids: mem.Decode[uint16](part[6]), codes: part[7], maps: part[8],
		lens: mem.Decode[float32](part[9]),
	}
	return x.checkNumbers()
}

// readHeader checks the header and takes the parameters from it.
func (x *index) readHeader(b []byte) error {
	le := binary.LittleEndian
	switch {
	case len(b) < headerSize || string(b[:len(magic)]) != magic:
		return vecindex.BadFile("not an index of sparse vectors")
	case le.Uint32(b[atChecksum:]) != checksum(b[:atChecksum]):
		return vecindex.BadFile("header: checksum mismatch")
	case le.Uint32(b[atVersion:]) != version:
		return vecindex.BadFile("version %d, this build reads %d", le.Uint32(b[atVersion:]), version)
	}
	metric, n, nulls := le.Uint32(b[atMetric:]), le.Uint64(b[atRows:]), le.Uint64(b[atNulls:])
	if metric != uint32(x.metric) || n != uint64(x.src.Rows()) || nulls != uint64(x.src.Rows()-x.nodes) || n >= maxRows {
		return vecindex.BadFile("metric %v, %d rows, of which %d without a vector, in the file, %v, %d, %d wanted",
			vecindex.Metric(metric), n, nulls, x.metric, x.src.Rows(), x.src.Rows()-x.nodes)
	}
	shift, flags := le.Uint32(b[atShift:]), le.Uint32(b[atFlags:])
	if shift < minWindowBits || shift > maxWindowBits || flags > flagFree {
		return vecindex.BadFile("windows of 2^%d rows, flags %x", shift, flags)
	}
	x.shift, x.free = uint(shift), flags == flagFree
	float := func(at int) float64 { return math.Float64frombits(le.Uint64(b[at:])) }
	x.k1, x.b, x.avgdl = float(atK1), float(atB), float(atAvgDL)
	half := func(at int) float32 { return math.Float32frombits(le.Uint32(b[at:])) }
	x.leastTF, x.leastLen, x.mostLen = half(atLeastTF), half(atLeastLen), half(atMostLen)
	if x.metric != vecindex.BM25 {
		return nil
	}
	if !(x.k1 >= 0 && x.k1 <= maxK1 && x.b >= 0 && x.b <= maxB && x.avgdl >= 1 && x.avgdl <= vecindex.MaxFloat) {
		return vecindex.BadFile("k1 %v, b %v, avgdl %v", x.k1, x.b, x.avgdl)
	}
	if !(x.leastTF >= 0 && x.leastLen >= 0 && x.mostLen >= 0) {
		return vecindex.BadFile("counts from %v, lengths from %v to %v", x.leastTF, x.leastLen, x.mostLen)
	}
	return nil
}

// checkLengths refuses sections whose lengths do not go together.
func (x *index) checkLengths(part *[sections][]byte) error {
	lists, runs, entries := len(part[sectionDims])/4, len(part[sectionHeads])/4, len(part[sectionIDs])/2
	lens := 0
	if x.metric == vecindex.BM25 {
		lens = 4 * x.src.Rows()
	}
	maps := len(part[sectionMaps])
	if size := x.windowCount() << x.shift; maps > 0 && (size == 0 || maps%size != 0) {
		return vecindex.BadFile("maps of %d bytes", maps)
	}
	want := [sections]int{4 * lists, 4 * lists, 4 * lists, 4 * (lists + 1), 4 * runs, 4 * (runs + 1), 2 * entries, entries, maps, lens}
	for i, n := range want {
		if len(part[i]) != n {
			return vecindex.BadFile("section %d of %d bytes, want %d", i, len(part[i]), n)
		}
	}
	return nil
}

// checkNumbers refuses what a search could not follow.
func (x *index) checkNumbers() error {
	if err := x.checkLists(); err != nil {
		return err
	}
	if x.ats[0] != 0 || int(x.ats[len(x.heads)]) != len(x.ids) {
		return vecindex.BadFile("runs of %d entries, want %d", x.ats[len(x.heads)], len(x.ids))
	}
	for i := range x.dims {
		last := int64(-1)
		for r := x.first[i]; r < x.first[i+1]; r++ {
			window := int64(x.heads[r] >> 8)
			if window <= last || window >= int64(x.windowCount()) || byte(x.heads[r]) == 0 {
				return vecindex.BadFile("list %d: run %d: window %d after %d", i, r, window, last)
			}
			last = window
			from, to := x.ats[r], x.ats[r+1]
			if from > to || int(to) > len(x.ids) || (from == to) != (x.dense[i] > 0) {
				return vecindex.BadFile("list %d: run %d of entries %d to %d", i, r, from, to)
			}
			before := int64(-1)
			for _, id := range x.ids[from:to] {
				if int64(id) <= before {
					return vecindex.BadFile("list %d: run %d: row %d after %d", i, r, id, before)
				}
				before = int64(id)
			}
			if before >= 1<<x.shift || before+window<<x.shift >= int64(x.src.Rows()) {
				return vecindex.BadFile("list %d: run %d: row %d of window %d", i, r, before, window)
			}
		}
	}
	for row, n := range x.lens {
		if !(n >= 0) {
			return vecindex.BadFile("row %d: length %v", row, n)
		}
	}
	return nil
}

// checkLists refuses lists that are not in order.
func (x *index) checkLists() error {
	maps := uint32(0)
	for i, d := range x.dims {
		s := x.scales[i]
		if math.IsNaN(float64(s)) || math.IsInf(float64(s), 0) || s == 0 || s < 0 && x.metric == vecindex.BM25 {
			return vecindex.BadFile("list %d: step %v", i, s)
		}
		if i > 0 && keyOf(d, s < 0) <= keyOf(x.dims[i-1], x.scales[i-1] < 0) {
			return vecindex.BadFile("list %d: dimension %d after %d", i, d, x.dims[i-1])
		}
		if m := x.dense[i]; m > 0 {
			if maps++; m != maps {
				return vecindex.BadFile("list %d: map %d, want %d", i, m, maps)
			}
		}
		if x.first[i] >= x.first[i+1] {
			return vecindex.BadFile("list %d of runs %d to %d", i, x.first[i], x.first[i+1])
		}
	}
	if x.first[0] != 0 || int(x.first[len(x.dims)]) != len(x.heads) {
		return vecindex.BadFile("lists of %d runs, want %d", x.first[len(x.dims)], len(x.heads))
	}
	if int(maps)*x.windowCount()<<x.shift != len(x.maps) {
		return vecindex.BadFile("%d maps of %d bytes", maps, len(x.maps))
	}
	return nil
}
