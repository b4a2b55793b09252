package minhash

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"

	"github.com/redkite-db/redkite/internal/mem"
	"github.com/redkite-db/redkite/internal/vecindex"
)

// The file (docs/formats/minhash.md) is a header, the checksum of each table,
// and the tables as they are in memory, little-endian, each part at a multiple of
// partAlign, so that a map of the file is used in place.
const (
	magic      = "RKIXMHSH"
	version    = 1
	headerSize = 64
	partAlign  = 64
)

// Offsets in the header.
const (
	atVersion  = 8
	atMetric   = 12
	atDim      = 16
	atWidth    = 20
	atBands    = 24
	atNulls    = 28
	atRows     = 32
	atSums     = 40
	atChecksum = headerSize - 4
)

func castagnoli() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) }

// padding is the number of zero bytes behind a part of n bytes.
func padding(n int) int { return -n & (partAlign - 1) }

// write writes the file.
func (x *index) write(w io.Writer) (int64, error) {
	sums := make([]byte, 0, 4*len(x.tables))
	for i := range x.tables {
		sum := uint32(0)
		_ = x.tables[i].each(func(b []byte) error {
			sum = crc32.Update(sum, castagnoli(), b)
			return nil
		})
		sums = binary.LittleEndian.AppendUint32(sums, sum)
	}
	total := int64(0)
	put := func(b []byte) error {
		n, err := w.Write(b)
		total += int64(n)
		return err
	}
	for _, b := range [][]byte{x.header(sums), sums, make([]byte, padding(len(sums)))} {
		if err := put(b); err != nil {
			return total, err
		}
	}
	for i := range x.tables {
		if err := x.tables[i].each(put); err != nil {
			return total, err
		}
	}
	return total, nil
}

// header returns the header of a file with these checksums of tables.
func (x *index) header(sums []byte) []byte {
	h := make([]byte, headerSize)
	copy(h, magic)
	le := binary.LittleEndian
	le.PutUint32(h[atVersion:], version)
	le.PutUint32(h[atMetric:], uint32(vecindex.MHJaccard))
	le.PutUint32(h[atDim:], uint32(x.src.Dim()))
	le.PutUint32(h[atWidth:], uint32(8*x.width))
	le.PutUint32(h[atBands:], uint32(x.bands))
	le.PutUint32(h[atNulls:], uint32(x.src.Rows()-x.nodes))
	le.PutUint64(h[atRows:], uint64(x.src.Rows()))
	le.PutUint32(h[atSums:], crc32.Checksum(sums, castagnoli()))
	le.PutUint32(h[atChecksum:], crc32.Checksum(h[:atChecksum], castagnoli()))
	return h
}

// each calls fn for pieces of a table, padding too, in the order of bytes of the
// file.
func (t *table) each(fn func([]byte) error) error {
	const chunk = 1 << 20
	var swapped []byte
	for _, s := range t.sections() {
		for rest := s.bytes; len(rest) > 0; {
			b := rest[:min(chunk, len(rest))]
			rest = rest[len(b):]
			if !mem.LittleEndian() {
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
		if err := fn(make([]byte, padding(len(s.bytes)))); err != nil {
			return err
		}
	}
	return nil
}

// open reads a file over its rows and takes over one pin of f.
func (e *env) open(f *mem.Map, rows vecindex.Source, m vecindex.Metric) (*index, error) {
	x := &index{env: e, src: rows, bits: bytesOf(rows), nodes: vecindex.Nodes(rows.Valid(), 0, rows.Rows()), close: f.Unpin}
	if err := x.read(f.Bytes(), m); err != nil {
		return nil, errors.Join(fmt.Errorf("open %s index %s: %w", name, f.Name(), err), x.Close())
	}
	return x, nil
}

// read checks every checksum, and the numbers that searches follow without a
// look, and uses the file in place where the machine allows.
func (x *index) read(b []byte, m vecindex.Metric) error {
	if err := x.readHeader(b, m); err != nil {
		return err
	}
	starts := 1<<bucketBits(x.nodes) + 1
	parts := [3]int{4 * starts, 4 * x.nodes, 2 * x.nodes}
	size := 0
	for _, n := range parts {
		size += n + padding(n)
	}
	sums := b[headerSize:]
	if want := 4*x.bands + padding(4*x.bands) + x.bands*size; len(sums) != want {
		return vecindex.BadFile("%d bytes behind the header, want %d", len(sums), want)
	}
	tables := sums[4*x.bands+padding(4*x.bands):]
	if sum := binary.LittleEndian.Uint32(b[atSums:]); sum != crc32.Checksum(sums[:4*x.bands], castagnoli()) {
		return vecindex.BadFile("checksums of tables: checksum mismatch")
	}
	if len(bytes.Trim(sums[4*x.bands:len(sums)-len(tables)], "\x00")) != 0 {
		return vecindex.BadFile("bytes behind the checksums are not zero")
	}
	x.tables = make([]table, x.bands)
	for i := range x.tables {
		part := tables[i*size:][:size]
		if got, want := crc32.Checksum(part, castagnoli()), binary.LittleEndian.Uint32(sums[4*i:]); got != want {
			return vecindex.BadFile("table %d: checksum %08x, want %08x", i, got, want)
		}
		t := &x.tables[i]
		t.starts = mem.Decode[uint32](part[:parts[0]])
		part = part[parts[0]+padding(parts[0]):]
		t.rows = mem.Decode[uint32](part[:parts[1]])
		part = part[parts[1]+padding(parts[1]):]
		t.tags = mem.Decode[uint16](part[:parts[2]])
		before := uint32(0)
		for j, at := range t.starts {
			if at < before || j == 0 && at != 0 {
				return vecindex.BadFile("table %d: bucket %d at %d after %d", i, j, at, before)
			}
			before = at
		}
		if int(before) != x.nodes {
			return vecindex.BadFile("table %d: buckets of %d rows, want %d", i, before, x.nodes)
		}
	}
	return nil
}

// readHeader checks the header and takes the parameters from it.
func (x *index) readHeader(b []byte, m vecindex.Metric) error {
	le := binary.LittleEndian
	switch {
	case len(b) < headerSize || string(b[:len(magic)]) != magic:
		return vecindex.BadFile("not a %s index", name)
	case le.Uint32(b[atChecksum:]) != crc32.Checksum(b[:atChecksum], castagnoli()):
		return vecindex.BadFile("header: checksum mismatch")
	case le.Uint32(b[atVersion:]) != version:
		return vecindex.BadFile("version %d, this build reads %d", le.Uint32(b[atVersion:]), version)
	}
	metric, dim, n, nulls := le.Uint32(b[atMetric:]), le.Uint32(b[atDim:]), le.Uint64(b[atRows:]), le.Uint32(b[atNulls:])
	if metric != uint32(vecindex.MHJaccard) || m != vecindex.MHJaccard || int64(dim) != int64(x.src.Dim()) ||
		n != uint64(x.src.Rows()) || int64(nulls) != int64(x.src.Rows()-x.nodes) || n >= maxRows {
		return vecindex.BadFile("metric %v, %d rows of dimension %d, of which %d without a vector, in the file, %v, %d, %d, %d wanted",
			vecindex.Metric(metric), n, dim, nulls, m, x.src.Rows(), x.src.Dim(), x.src.Rows()-x.nodes)
	}
	width, bands := le.Uint32(b[atWidth:]), le.Uint32(b[atBands:])
	if width < minWidth || width > maxWidth || width%8 != 0 || width > dim {
		return vecindex.BadFile("elements of %d bits", width)
	}
	x.width, x.elements = int(width/8), int(dim/width)
	if bands < 1 || int64(bands) > int64(x.elements) {
		return vecindex.BadFile("%d bands of %d elements", bands, x.elements)
	}
	x.bands = int(bands)
	return nil
}
