package binivf

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"slices"

	"github.com/redkite-db/redkite/internal/mem"
	"github.com/redkite-db/redkite/internal/vec"
	"github.com/redkite-db/redkite/internal/vecindex"
)

// The file (docs/formats/binivf.md) is a header and then the parts of an index, as
// they are in memory: little-endian words, then bytes.
const (
	magic      = "RKIXBIVF"
	version    = 1
	headerSize = 64
)

// Offsets in the header.
const (
	atVersion  = 8
	atMetric   = 12
	atDim      = 16
	atLists    = 20
	atNulls    = 24
	atRows     = 32
	atSeed     = 40
	atBody     = 56
	atChecksum = 60
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// header makes the header of a file with a body of that checksum.
func (x *index) header(body uint32) []byte {
	h, le := make([]byte, headerSize), binary.LittleEndian
	copy(h, magic)
	le.PutUint32(h[atVersion:], version)
	le.PutUint32(h[atMetric:], uint32(x.metric))
	le.PutUint32(h[atDim:], uint32(x.src.Dim()))
	le.PutUint32(h[atLists:], uint32(x.lists))
	le.PutUint32(h[atNulls:], uint32(x.src.Rows()-x.nodes))
	le.PutUint64(h[atRows:], uint64(x.src.Rows()))
	le.PutUint64(h[atSeed:], x.seed)
	le.PutUint32(h[atBody:], body)
	le.PutUint32(h[atChecksum:], crc32.Checksum(h[:atChecksum], castagnoli))
	return h
}

// write writes the file.
func (x *index) write(w io.Writer) (int64, error) {
	sum := crc32.New(castagnoli)
	if _, err := x.body(sum); err != nil {
		return 0, err
	}
	n, err := w.Write(x.header(sum.Sum32()))
	if err != nil {
		return int64(n), err
	}
	m, err := x.body(w)
	return int64(n) + m, err
}

// body writes the parts.
func (x *index) body(w io.Writer) (int64, error) {
	total := int64(0)
	for _, words := range [][]uint32{x.ends, x.ids} {
		const chunk = 1 << 16
		for part := range slices.Chunk(words, chunk) {
			written, err := w.Write(mem.Encode(part))
			if total += int64(written); err != nil {
				return total, err
			}
		}
	}
	written, err := w.Write(x.centers)
	return total + int64(written), err
}

// open reads a file over its rows and takes over one pin of f.
func (e *env) open(f *mem.Map, rows vecindex.Source, m vecindex.Metric) (*index, error) {
	x := &index{env: e, metric: m, src: rows, rows: rows.Matrix(), nodes: vecindex.Nodes(rows.Valid(), 0, rows.Rows()), close: f.Unpin}
	err := check(rows, m)
	if err != nil {
		err = vecindex.BadFile("%v", err)
	} else {
		err = x.parse(f.Bytes())
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open BIN_IVF_FLAT index %s: %w", f.Name(), err), x.Close())
	}
	return x, nil
}

// parse checks the whole file, every checksum and every number that a search
// follows, and uses it in place where the machine allows.
func (x *index) parse(b []byte) error {
	le := binary.LittleEndian
	switch {
	case len(b) < headerSize || string(b[:len(magic)]) != magic:
		return vecindex.BadFile("not a BIN_IVF_FLAT index")
	case le.Uint32(b[atChecksum:]) != crc32.Checksum(b[:atChecksum], castagnoli):
		return vecindex.BadFile("header: checksum mismatch")
	case le.Uint32(b[atVersion:]) != version:
		return vecindex.BadFile("version %d, this build reads %d", le.Uint32(b[atVersion:]), version)
	}
	lists := le.Uint32(b[atLists:])
	if lists < 1 || lists > maxLists {
		return vecindex.BadFile("%d lists", lists)
	}
	x.lists, x.seed = int(lists), le.Uint64(b[atSeed:])
	if string(b[:headerSize]) != string(x.header(le.Uint32(b[atBody:]))) {
		return vecindex.BadFile("metric %v, %d rows, %d without a vector, of dimension %d in the file, %v, %d, %d, %d wanted",
			vecindex.Metric(b[atMetric]), le.Uint64(b[atRows:]), le.Uint32(b[atNulls:]), le.Uint32(b[atDim:]),
			x.metric, x.src.Rows(), x.src.Rows()-x.nodes, x.src.Dim())
	}
	body := le.Uint32(b[atBody:])
	b = b[headerSize:]
	ends, ids, centers := 4*(x.lists+1), 4*x.nodes, x.lists*x.rows.RowSize()
	if len(b) != ends+ids+centers {
		return vecindex.BadFile("%d bytes behind the header, want %d", len(b), ends+ids+centers)
	}
	if sum := crc32.Checksum(b, castagnoli); sum != body {
		return vecindex.BadFile("body: checksum %08x, want %08x", sum, body)
	}
	x.parts = parts{ends: mem.Decode[uint32](b[:ends]), ids: mem.Decode[uint32](b[ends : ends+ids]), centers: b[ends+ids:]}
	x.center = vec.Packed(vec.Bits, x.src.Dim(), x.centers)
	return x.checkNumbers()
}

// checkNumbers refuses ends that do not ascend, and lists in which not every node
// is once.
func (x *index) checkNumbers() error {
	last := uint32(0)
	for i, end := range x.ends {
		if end < last || i == 0 && end != 0 {
			return vecindex.BadFile("list %d ends at %d behind %d", i, end, last)
		}
		last = end
	}
	if int64(last) != int64(x.nodes) {
		return vecindex.BadFile("lists of %d rows, want %d", last, x.nodes)
	}
	valid, seen := x.src.Valid(), make([]uint64, (x.src.Rows()+63)/64)
	for i, row := range x.ids {
		if int64(row) >= int64(x.src.Rows()) || !valid.IsZero() && !valid.Get(int(row)) || seen[row/64]>>(row%64)&1 != 0 {
			return vecindex.BadFile("entry %d: row %d has no vector or is there twice", i, row)
		}
		seen[row/64] |= 1 << (row % 64)
	}
	return nil
}
