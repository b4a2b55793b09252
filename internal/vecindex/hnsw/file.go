package hnsw

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

// The file (docs/formats/hnsw.md) is a header of fixed size, then the slabs of
// a view as they are in memory: little-endian words of 32 bits, or codes, each
// slab at a multiple of sectionAlign, so that a map of the file is used in
// place.
const (
	magic        = "RKIXHNSW"
	version      = 1
	headerSize   = 256
	sectionAlign = 64
)

// Offsets in the header.
const (
	atVersion  = 8
	atMetric   = 12
	atDim      = 16
	atM        = 20
	atEfc      = 24
	atEntry    = 28
	atRows     = 32
	atSeed     = 40
	atTop      = 48
	atNulls    = 52
	atElement  = 56
	atSections = 64
	atCodes    = atSections + sectionCount*sectionEntry
	atMin      = atCodes + 4
	atScale    = atMin + 4
	atLoss     = atScale + 4
	atParts    = atLoss + 4
	atBits     = atParts + 4
	atRounds   = atBits + 4
	atChecksum = headerSize - 4
)

// sectionEntry is the size of a section's entry in the header: offset and
// length in bytes, checksum, four bytes of zero.
const sectionEntry = 24

// The sections, in file order.
const (
	linksSection = iota
	firstSection
	upperSection
	invSection
	codesSection
	bookSection
	sectionCount
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// sections returns the slabs of a view, and the book of its codes, in file order.
func (v *view) sections() [sectionCount][]byte {
	var book []byte
	if v.coding != nil {
		book = mem.Bytes(v.coding.book())
	}
	return [...][]byte{mem.Bytes(v.links), mem.Bytes(v.first), mem.Bytes(v.upper), mem.Bytes(v.inv), v.codes, book}
}

// wordsIn reports whether a section is of words, of which a machine may have
// another order than the file.
func wordsIn(section int) bool { return section != codesSection }

// write writes the file. Nobody may be extending the graph.
func (g *graph) write(w io.Writer) (int64, error) {
	v := g.view.Load()
	h := make([]byte, headerSize)
	copy(h, magic)
	le := binary.LittleEndian
	le.PutUint32(h[atVersion:], version)
	le.PutUint32(h[atMetric:], uint32(g.metric))
	le.PutUint32(h[atElement:], uint32(g.elem))
	le.PutUint32(h[atDim:], uint32(g.dim))
	le.PutUint32(h[atM:], uint32(g.m))
	le.PutUint32(h[atEfc:], uint32(g.efc))
	le.PutUint32(h[atEntry:], v.entry)
	le.PutUint64(h[atRows:], uint64(v.rows))
	le.PutUint64(h[atSeed:], g.seed)
	le.PutUint32(h[atTop:], uint32(v.top))
	le.PutUint32(h[atNulls:], uint32(v.rows-v.nodes))
	at := uint64(headerSize)
	for i, s := range v.sections() {
		e := h[atSections+i*sectionEntry:]
		le.PutUint64(e, at)
		le.PutUint64(e[8:], uint64(len(s)))
		le.PutUint32(e[16:], checksum(s, wordsIn(i)))
		at += uint64(len(s)) + padding(len(s))
	}
	if v.coding != nil {
		v.coding.header().write(h)
	}
	le.PutUint32(h[atChecksum:], crc32.Checksum(h[:atChecksum], castagnoli))

	written, err := w.Write(h)
	total := int64(written)
	for i, s := range v.sections() {
		for _, part := range [][]byte{s, make([]byte, padding(len(s)))} {
			if err != nil || len(part) == 0 {
				continue
			}
			written, err = writeSection(w, part, wordsIn(i))
			total += int64(written)
		}
	}
	return total, err
}

func (c codesHeader) write(h []byte) {
	le := binary.LittleEndian
	le.PutUint32(h[atCodes:], c.kind)
	le.PutUint32(h[atMin:], math.Float32bits(c.min))
	le.PutUint32(h[atScale:], math.Float32bits(c.scale))
	le.PutUint32(h[atLoss:], math.Float32bits(c.loss))
	le.PutUint32(h[atParts:], c.m)
	le.PutUint32(h[atBits:], c.bits)
	le.PutUint32(h[atRounds:], c.rounds)
}

func readCodesHeader(h []byte) codesHeader {
	word := func(at int) uint32 { return binary.LittleEndian.Uint32(h[at:]) }
	float := func(at int) float32 { return math.Float32frombits(word(at)) }
	return codesHeader{
		kind: word(atCodes), min: float(atMin), scale: float(atScale), loss: float(atLoss),
		m: word(atParts), bits: word(atBits), rounds: word(atRounds),
	}
}

// padding is the number of zero bytes behind a section of n bytes.
func padding(n int) uint64 { return uint64(-n & (sectionAlign - 1)) }

// checksum is the CRC32C of a section's bytes in the file.
func checksum(s []byte, words bool) uint32 {
	crc := uint32(0)
	_ = eachChunk(s, words, func(b []byte) error {
		crc = crc32.Update(crc, castagnoli, b)
		return nil
	})
	return crc
}

func writeSection(w io.Writer, s []byte, words bool) (int, error) {
	total := 0
	err := eachChunk(s, words, func(b []byte) error {
		n, err := w.Write(b)
		total += n
		return err
	})
	return total, err
}

// eachChunk calls fn for pieces of s, in file order of bytes.
func eachChunk(s []byte, words bool, fn func([]byte) error) error {
	const chunk = 1 << 20
	var swapped []byte
	for len(s) > 0 {
		b := s[:min(chunk, len(s))]
		s = s[len(b):]
		if words && !mem.LittleEndian() {
			swapped = swap(swapped[:0], b)
			b = swapped
		}
		if err := fn(b); err != nil {
			return err
		}
	}
	return nil
}

// swap appends the words of b with their bytes reversed.
func swap(dst, b []byte) []byte {
	for ; len(b) >= 4; b = b[4:] {
		dst = append(dst, b[3], b[2], b[1], b[0])
	}
	return append(dst, b...)
}

// opened is a graph in a file. It owns a pin of the map.
type opened struct {
	graph
	file *mem.Map
}

// open reads a file over its rows and takes over one pin of f.
func (e *env) open(f *mem.Map, rows vecindex.Source, m vecindex.Metric) (vecindex.Index, error) {
	x := &opened{file: f}
	matrix := rows.Matrix()
	x.graph = graph{env: e, metric: m, elem: vecindex.ElementOf(&matrix), dim: rows.Dim()}
	v, err := x.read(f.Bytes(), rows)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open HNSW index %s: %w", f.Name(), err), f.Unpin())
	}
	x.view.Store(v)
	return x, nil
}

func (x *opened) WriteTo(w io.Writer) (int64, error) { return x.graph.write(w) }

func (x *opened) Close() error {
	x.view.Store(&view{})
	return x.file.Unpin()
}

// read checks the whole file, every checksum and every number that a walk
// follows, and makes a view of it, in place where the machine allows.
func (x *opened) read(b []byte, rows vecindex.Source) (*view, error) {
	v, err := x.readHeader(b, rows)
	if err != nil {
		return nil, err
	}
	lists := (len(b) - headerSize) / 4 / x.m // no fewer than can be there
	lengths := [sectionCount]int{linksSection: 4 * x.m0() * v.rows, firstSection: 4 * v.rows, upperSection: -1}
	if x.metric == vecindex.Cosine {
		lengths[invSection] = 4 * v.rows
	}
	if v.coding != nil {
		lengths[codesSection] = v.coding.stride() * v.rows
		lengths[bookSection] = 4 * len(v.coding.book())
	}
	var parts [sectionCount][]byte
	at := uint64(headerSize)
	for i, want := range lengths {
		e := b[atSections+i*sectionEntry:]
		offset, length := binary.LittleEndian.Uint64(e), binary.LittleEndian.Uint64(e[8:])
		switch {
		case offset != at:
			return nil, vecindex.BadFile("section %d at %d, want %d", i, offset, at)
		case length > uint64(len(b))-at || wordsIn(i) && length%4 != 0:
			return nil, vecindex.BadFile("section %d of %d bytes at %d in a file of %d", i, length, at, len(b))
		case want >= 0 && length != uint64(want):
			return nil, vecindex.BadFile("section %d of %d bytes, want %d", i, length, want)
		case want < 0 && (length%uint64(4*x.m) != 0 || length > 4*uint64(lists)*uint64(x.m)):
			return nil, vecindex.BadFile("section %d of %d bytes is not of lists of %d", i, length, x.m)
		}
		parts[i] = b[at : at+length]
		if got, want := crc32.Checksum(parts[i], castagnoli), binary.LittleEndian.Uint32(e[16:]); got != want {
			return nil, vecindex.BadFile("section %d: checksum %08x, want %08x", i, got, want)
		}
		end := at + length
		if at = end + padding(int(length)); at > uint64(len(b)) {
			return nil, vecindex.BadFile("file of %d bytes ends before %d", len(b), at)
		}
		if len(bytes.Trim(b[end:at], "\x00")) != 0 {
			return nil, vecindex.BadFile("bytes %d to %d are not zero", end, at)
		}
	}
	if at != uint64(len(b)) {
		return nil, vecindex.BadFile("file of %d bytes, want %d", len(b), at)
	}
	v.links, v.first = mem.Decode[uint32](parts[linksSection]), mem.Decode[uint32](parts[firstSection])
	v.upper, v.inv = mem.Decode[uint32](parts[upperSection]), mem.Decode[float32](parts[invSection])
	v.codes = parts[codesSection]
	if v.coding != nil {
		copy(v.coding.book(), mem.Decode[float32](parts[bookSection]))
	}
	if c, ok := v.coding.(*products); ok && !c.ready() {
		return nil, vecindex.BadFile("words that are no numbers")
	}
	return v, x.checkNumbers(v)
}

// readHeader checks the header and returns a view with what it says.
func (x *opened) readHeader(b []byte, rows vecindex.Source) (*view, error) {
	le := binary.LittleEndian
	switch {
	case len(b) < headerSize || string(b[:len(magic)]) != magic:
		return nil, vecindex.BadFile("not an HNSW index")
	case le.Uint32(b[atChecksum:]) != crc32.Checksum(b[:atChecksum], castagnoli):
		return nil, vecindex.BadFile("header: checksum mismatch")
	case le.Uint32(b[atVersion:]) != version:
		return nil, vecindex.BadFile("version %d, this build reads %d", le.Uint32(b[atVersion:]), version)
	}
	if elem := vecindex.Element(b[atElement]); uint32(elem) != le.Uint32(b[atElement:]) || elem != x.elem || !takes(x.elem, x.metric, readCodesHeader(b).kind) {
		return nil, vecindex.BadFile("%v by %v in the file, %v by %v wanted", elem, vecindex.Metric(b[atMetric]), x.elem, x.metric)
	}
	metric, dim, n := vecindex.Metric(b[atMetric]), le.Uint32(b[atDim:]), le.Uint64(b[atRows:])
	if uint32(metric) != le.Uint32(b[atMetric:]) || metric != x.metric || int64(dim) != int64(x.dim) || n != uint64(rows.Rows()) {
		return nil, vecindex.BadFile("metric %v, %d rows of dimension %d in the file, %v, %d, %d wanted", metric, n, dim, x.metric, rows.Rows(), x.dim)
	}
	nodes := vecindex.Nodes(rows.Valid(), 0, rows.Rows())
	if nulls := le.Uint32(b[atNulls:]); int64(nulls) != int64(rows.Rows()-nodes) {
		return nil, vecindex.BadFile("%d rows without a vector in the file, %d wanted", nulls, rows.Rows()-nodes)
	}
	m, efc, top := le.Uint32(b[atM:]), le.Uint32(b[atEfc:]), le.Uint32(b[atTop:])
	entry := le.Uint32(b[atEntry:])
	if m < minM || m > maxM || efc > math.MaxInt32 || n >= maxRows || top > maxLevel || n > 0 && uint64(entry) >= n ||
		nodes > 0 && vecindex.NextNode(rows.Valid(), int(entry)) != int(entry) {
		return nil, vecindex.BadFile("M %d, efConstruction %d, %d rows, entry %d in level %d", m, efc, n, entry, top)
	}
	x.params = params{m: int(m), efc: int(efc)}
	x.seed = le.Uint64(b[atSeed:])
	v := &view{
		rows: int(n), nodes: nodes, entry: entry, top: int(top),
		matrix: rows.Matrix().Head(int(n)),
	}
	if h := readCodesHeader(b); h.kind != codesNone {
		var ok bool
		if v.coding, ok = x.newCoding(h); !ok {
			return nil, vecindex.BadFile("codes %d of dimension %d, of scale %v from %v", h.kind, x.dim, h.scale, h.min)
		}
	}
	return v, nil
}

// checkNumbers refuses neighbours that are no rows and lists that are none.
func (x *opened) checkNumbers(v *view) error {
	lists := len(v.upper) / x.m
	for row, first := range v.first {
		if first != none && int64(first) >= int64(lists) {
			return vecindex.BadFile("row %d: list %d of %d", row, first, lists)
		}
	}
	for _, links := range [][]uint32{v.links, v.upper} {
		top := uint32(0)
		for _, id := range links {
			top = max(top, id)
		}
		if len(links) > 0 && int64(top) >= int64(v.rows) {
			return vecindex.BadFile("neighbour %d of %d rows", top, v.rows)
		}
	}
	for row, inv := range v.inv {
		if !(inv >= 0) || math.IsInf(float64(inv), 1) {
			return vecindex.BadFile("row %d: inverse norm %v", row, inv)
		}
	}
	return nil
}
