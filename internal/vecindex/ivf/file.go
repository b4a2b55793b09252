package ivf

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math"

	"github.com/redkite-db/redkite/internal/mem"
	"github.com/redkite-db/redkite/internal/vec"
	"github.com/redkite-db/redkite/internal/vecindex"
)

// The file (docs/formats/ivf.md) is a header of fixed size, then the parts as
// they are in memory: little-endian words of 32 bits, or bytes, each part at a
// multiple of sectionAlign, so that a map of the file is used in place.
const (
	magic        = "RKIXIVF\x00"
	version      = 1
	headerSize   = 320
	sectionAlign = 64
	sections     = 10
	sectionEntry = 24
)

// Offsets in the header.
const (
	atVersion  = 8
	atCoding   = 12
	atMetric   = 16
	atDim      = 20
	atLists    = 24
	atM        = 28
	atBits     = 32
	atNulls    = 36
	atRows     = 40
	atSeed     = 48
	atElement  = 56
	atSections = 64
	atLow      = atSections + sections*sectionEntry // of the centers' coder: bits of Min
	atScale    = atLow + 4                          // and of Scale
	atChecksum = headerSize - 4
)

// The sections of bytes; the others are of words.
const (
	codesSection  = 4
	coarseSection = 8
)

func ofWords(section int) bool { return section != codesSection && section != coarseSection }

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// sections returns the parts in file order.
func (p *parts) sections() [sections][]byte {
	return [sections][]byte{
		mem.Bytes(p.centers), mem.Bytes(p.ends), mem.Bytes(p.ids), mem.Bytes(p.inv),
		p.codes, mem.Bytes(p.scale), mem.Bytes(p.bias), mem.Bytes(p.book), p.coarse, mem.Bytes(p.spread),
	}
}

// write writes the file.
func (x *index) write(w io.Writer) (int64, error) {
	h := make([]byte, headerSize)
	copy(h, magic)
	le := binary.LittleEndian
	le.PutUint32(h[atVersion:], version)
	le.PutUint32(h[atCoding:], uint32(x.coding))
	le.PutUint32(h[atMetric:], uint32(x.metric))
	le.PutUint32(h[atDim:], uint32(x.src.Dim()))
	le.PutUint32(h[atLists:], uint32(x.lists))
	le.PutUint32(h[atM:], uint32(x.m))
	le.PutUint32(h[atBits:], uint32(x.bits))
	le.PutUint32(h[atNulls:], uint32(x.src.Rows()-x.nodes))
	le.PutUint64(h[atRows:], uint64(x.src.Rows()))
	le.PutUint64(h[atSeed:], x.seed)
	le.PutUint32(h[atElement:], uint32(x.elem))
	le.PutUint32(h[atLow:], math.Float32bits(x.coarseCoder.Min))
	le.PutUint32(h[atScale:], math.Float32bits(x.coarseCoder.Scale))
	at := uint64(headerSize)
	for i, s := range x.sections() {
		e := h[atSections+i*sectionEntry:]
		crc := uint32(0)
		_ = eachChunk(s, ofWords(i), func(b []byte) error {
			crc = crc32.Update(crc, castagnoli, b)
			return nil
		})
		le.PutUint64(e, at)
		le.PutUint64(e[8:], uint64(len(s)))
		le.PutUint32(e[16:], crc)
		at += uint64(len(s)) + padding(len(s))
	}
	le.PutUint32(h[atChecksum:], crc32.Checksum(h[:atChecksum], castagnoli))

	total := int64(0)
	put := func(b []byte) error {
		n, err := w.Write(b)
		total += int64(n)
		return err
	}
	if err := put(h); err != nil {
		return total, err
	}
	for i, s := range x.sections() {
		err := eachChunk(s, ofWords(i), put)
		if err == nil && padding(len(s)) > 0 {
			err = put(make([]byte, padding(len(s))))
		}
		if err != nil {
			return total, err
		}
	}
	return total, nil
}

// padding is the number of zero bytes behind a section of n bytes.
func padding(n int) uint64 { return uint64(-n & (sectionAlign - 1)) }

// eachChunk calls fn for pieces of s, in the order of bytes of the file; words
// says that s is of words.
func eachChunk(s []byte, words bool, fn func([]byte) error) error {
	const chunk = 1 << 20
	var swapped []byte
	for len(s) > 0 {
		b := s[:min(chunk, len(s))]
		s = s[len(b):]
		if words && !mem.LittleEndian() {
			swapped = swapped[:0]
			for i := 0; i < len(b); i += 4 {
				swapped = append(swapped, b[i+3], b[i+2], b[i+1], b[i])
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
func (e *env) open(f *mem.Map, c coding, rows vecindex.Source, m vecindex.Metric) (*index, error) {
	x := &index{env: e, coding: c, metric: m, src: rows, rows: rows.Matrix(), nodes: vecindex.Nodes(rows.Valid(), 0, rows.Rows()), close: f.Unpin}
	x.elem = vecindex.ElementOf(&x.rows)
	err := vecindex.CheckOpened(rows, m, types()...)
	if err == nil {
		err = x.read(f.Bytes())
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open %v index %s: %w", c, f.Name(), err), x.Close())
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
	lengths := x.lengths()
	at := uint64(headerSize)
	for i := range part {
		e := b[atSections+i*sectionEntry:]
		offset, length := binary.LittleEndian.Uint64(e), binary.LittleEndian.Uint64(e[8:])
		switch {
		case offset != at:
			return vecindex.BadFile("section %d at %d, want %d", i, offset, at)
		case length > uint64(len(b))-at:
			return vecindex.BadFile("section %d of %d bytes at %d in a file of %d", i, length, at, len(b))
		case i == codesSection: // checked when the lists are known
		case length != lengths[i]:
			return vecindex.BadFile("section %d of %d bytes, want %d", i, length, lengths[i])
		}
		part[i] = b[at : at+length]
		if got, want := crc32.Checksum(part[i], castagnoli), binary.LittleEndian.Uint32(e[16:]); got != want {
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
	x.parts = parts{
		centers: mem.Decode[float32](part[0]), ends: mem.Decode[uint32](part[1]), ids: mem.Decode[uint32](part[2]), inv: mem.Decode[float32](part[3]),
		codes: part[4], scale: mem.Decode[float32](part[5]), bias: mem.Decode[float32](part[6]), book: mem.Decode[float32](part[7]), coarse: part[8], spread: mem.Decode[float32](part[9]),
	}
	if err := x.checkNumbers(); err != nil {
		return err
	}
	x.coder = x.newCoder()
	return x.checkCodes()
}

// readHeader checks the header and takes the parameters from it.
func (x *index) readHeader(b []byte) error {
	le := binary.LittleEndian
	switch {
	case len(b) < headerSize || string(b[:len(magic)]) != magic:
		return vecindex.BadFile("not an IVF index")
	case le.Uint32(b[atChecksum:]) != crc32.Checksum(b[:atChecksum], castagnoli):
		return vecindex.BadFile("header: checksum mismatch")
	case le.Uint32(b[atVersion:]) != version:
		return vecindex.BadFile("version %d, this build reads %d", le.Uint32(b[atVersion:]), version)
	case coding(le.Uint32(b[atCoding:])) != x.coding:
		return vecindex.BadFile("coding %d, want %d", le.Uint32(b[atCoding:]), x.coding)
	}
	metric, dim, n := le.Uint32(b[atMetric:]), le.Uint32(b[atDim:]), le.Uint64(b[atRows:])
	if metric != uint32(x.metric) || int64(dim) != int64(x.src.Dim()) || n != uint64(x.src.Rows()) {
		return vecindex.BadFile("metric %v, %d rows of dimension %d in the file, %v, %d, %d wanted",
			vecindex.Metric(metric), n, dim, x.metric, x.src.Rows(), x.src.Dim())
	}
	if elem := le.Uint32(b[atElement:]); elem != uint32(x.elem) {
		return vecindex.BadFile("element %d in the file, %v wanted", elem, x.elem)
	}
	if nulls := le.Uint32(b[atNulls:]); int64(nulls) != int64(x.src.Rows()-x.nodes) {
		return vecindex.BadFile("%d rows without a vector in the file, %d wanted", nulls, x.src.Rows()-x.nodes)
	}
	lists, m, bits := le.Uint32(b[atLists:]), le.Uint32(b[atM:]), le.Uint32(b[atBits:])
	x.params = params{lists: int(lists), m: int(m), bits: int(bits)}
	if lists < 1 || lists > maxLists || n >= maxRows || !x.fits() {
		return vecindex.BadFile("%d lists, %d sub-vectors of %d bits", lists, m, bits)
	}
	x.seed = le.Uint64(b[atSeed:])
	x.coarseCoder = vec.Coder{Min: math.Float32frombits(le.Uint32(b[atLow:])), Scale: math.Float32frombits(le.Uint32(b[atScale:]))}
	if !x.coarseCoder.Usable() && x.coarseCoder != (vec.Coder{}) {
		return vecindex.BadFile("codes of centers from %v, %v a unit", x.coarseCoder.Min, x.coarseCoder.Scale)
	}
	return nil
}

// fits reports whether m and bits can be those of the coding.
func (x *index) fits() bool {
	switch x.coding {
	case codingPQ:
		return x.m >= 1 && x.m <= maxM && x.src.Dim()%x.m == 0 && x.bits >= 1 && x.bits <= defaultBits
	case codingScann:
		return x.m >= 1 && x.m <= maxM && x.src.Dim()%x.m == 0 && x.bits == scannBits
	}
	return x.m == 0 && x.bits == 0
}

// lengths returns the bytes of each section but that of the codes.
func (x *index) lengths() [sections]uint64 {
	words := [sections]int{x.lists * x.src.Dim(), x.lists + 1, x.nodes}
	words[9] = x.lists
	if x.metric == vecindex.Cosine {
		words[3] = x.src.Rows()
	}
	if x.nodes > 0 {
		words[5], words[6], words[7] = x.nodes*truth(x.hasScale()), x.nodes*truth(x.coding != codingFlat), x.bookSize()
	}
	var n [sections]uint64
	for i, w := range words {
		n[i] = 4 * uint64(w)
	}
	if x.coarseCoder.Usable() && x.src.Dim() <= vec.MaxCodeDim {
		n[coarseSection] = uint64(x.lists) * uint64(vec.CodeStride(x.src.Dim()))
	}
	return n
}

// checkNumbers refuses ends that do not ascend, and lists in which not every
// node is once.
func (x *index) checkNumbers() error {
	last := uint32(0)
	for i, end := range x.ends {
		if end < last || i == 0 && end != 0 {
			return vecindex.BadFile("list %d ends at %d behind %d", i, end, last)
		}
		last = end
	}
	if int(last) != x.nodes {
		return vecindex.BadFile("lists of %d rows, want %d", last, x.nodes)
	}
	valid := x.src.Valid()
	seen := make([]uint64, (x.src.Rows()+63)/64)
	for i, row := range x.ids {
		if int64(row) >= int64(x.src.Rows()) || !valid.IsZero() && !valid.Get(int(row)) || seen[row/64]>>(row%64)&1 != 0 {
			return vecindex.BadFile("entry %d: row %d has no vector or is there twice", i, row)
		}
		seen[row/64] |= 1 << (row % 64)
	}
	for i, spread := range x.spread {
		if !(spread >= 0 && spread <= math.MaxFloat32) {
			return vecindex.BadFile("list %d: spread %v", i, spread)
		}
	}
	for row, inv := range x.inv {
		if !(inv >= 0) || math.IsInf(float64(inv), 1) {
			return vecindex.BadFile("row %d: inverse norm %v", row, inv)
		}
	}
	return nil
}
