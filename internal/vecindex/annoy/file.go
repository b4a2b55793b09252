package annoy

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"slices"

	"github.com/redkite-db/redkite/internal/mem"
	"github.com/redkite-db/redkite/internal/vecindex"
)

// The file (docs/formats/annoy.md) is a header, the number of splits of each
// tree, and the trees as they are in memory, all of words of 32 bits, so that a
// map of the file is used in place.
const (
	magic      = "RKIXANOY"
	version    = 1
	headerSize = 64
)

// Offsets in the header.
const (
	atVersion  = 8
	atMetric   = 12
	atDim      = 16
	atTrees    = 20
	atNulls    = 24
	atRows     = 32
	atSum      = 40
	atChecksum = headerSize - 4
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// write writes the file.
func (x *index) write(w io.Writer) (int64, error) {
	h := make([]byte, headerSize)
	copy(h, magic)
	le := binary.LittleEndian
	le.PutUint32(h[atVersion:], version)
	le.PutUint32(h[atMetric:], uint32(x.metric))
	le.PutUint32(h[atDim:], uint32(x.src.Dim()))
	le.PutUint32(h[atTrees:], uint32(len(x.trees)))
	le.PutUint32(h[atNulls:], uint32(x.src.Rows()-x.nodes))
	le.PutUint64(h[atRows:], uint64(x.src.Rows()))
	counts := make([]uint32, len(x.trees))
	parts := [][]uint32{counts}
	for i, t := range x.trees {
		counts[i] = uint32(len(t.splits) / splitWords(x.src.Dim()))
		parts = append(parts, t.rows, t.splits)
	}
	sum := uint32(0)
	for _, part := range parts {
		_ = eachChunk(part, func(b []byte) error {
			sum = crc32.Update(sum, castagnoli, b)
			return nil
		})
	}
	le.PutUint32(h[atSum:], sum)
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
	for _, part := range parts {
		if err := eachChunk(part, put); err != nil {
			return total, err
		}
	}
	return total, nil
}

// eachChunk calls fn for pieces of words, in the order of bytes of the file.
func eachChunk(words []uint32, fn func([]byte) error) error {
	const chunk = 1 << 18
	for part := range slices.Chunk(words, chunk) {
		if err := fn(mem.Encode(part)); err != nil {
			return err
		}
	}
	return nil
}

// open reads a file over its rows and takes over one pin of f.
func (e *env) open(f *mem.Map, rows vecindex.Source, m vecindex.Metric) (*index, error) {
	x := &index{env: e, metric: m, src: rows, nodes: vecindex.Nodes(rows.Valid(), 0, rows.Rows()), close: f.Unpin}
	err := vecindex.CheckOpened(rows, m, vecindex.Float32)
	if err == nil {
		err = x.read(f.Bytes())
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open ANNOY index %s: %w", f.Name(), err), x.Close())
	}
	return x, nil
}

// read checks the whole file, its checksums and every number that a search
// follows, and uses it in place where the machine allows.
func (x *index) read(b []byte) error {
	trees, err := x.readHeader(b)
	if err != nil {
		return err
	}
	b = b[headerSize:]
	if len(b)%4 != 0 || len(b)/4 < trees {
		return vecindex.BadFile("%d bytes behind the header", len(b))
	}
	words := mem.Decode[uint32](b)
	counts, words := words[:trees], words[trees:]
	size := splitWords(x.src.Dim())
	for i, n := range counts {
		if uint64(len(words)) < uint64(x.nodes)+uint64(n)*uint64(size) {
			return vecindex.BadFile("tree %d of %d splits: the file ends before", i, n)
		}
		t := tree{rows: words[:x.nodes:x.nodes], splits: words[x.nodes:][:int(n)*size]}
		words = words[x.nodes+int(n)*size:]
		if err := x.check(&t); err != nil {
			return fmt.Errorf("tree %d: %w", i, err)
		}
		x.trees = append(x.trees, t)
	}
	if len(words) != 0 {
		return vecindex.BadFile("%d words too many", len(words))
	}
	return nil
}

// readHeader checks the header and the checksums and returns the number of
// trees.
func (x *index) readHeader(b []byte) (int, error) {
	le := binary.LittleEndian
	switch {
	case len(b) < headerSize || string(b[:len(magic)]) != magic:
		return 0, vecindex.BadFile("not an ANNOY index")
	case le.Uint32(b[atChecksum:]) != crc32.Checksum(b[:atChecksum], castagnoli):
		return 0, vecindex.BadFile("header: checksum mismatch")
	case le.Uint32(b[atVersion:]) != version:
		return 0, vecindex.BadFile("version %d, this build reads %d", le.Uint32(b[atVersion:]), version)
	case le.Uint32(b[atSum:]) != crc32.Checksum(b[headerSize:], castagnoli):
		return 0, vecindex.BadFile("trees: checksum mismatch")
	}
	metric, dim, n := le.Uint32(b[atMetric:]), le.Uint32(b[atDim:]), le.Uint64(b[atRows:])
	if metric != uint32(x.metric) || int64(dim) != int64(x.src.Dim()) || n != uint64(x.src.Rows()) {
		return 0, vecindex.BadFile("metric %v, %d rows of dimension %d in the file, %v, %d, %d wanted",
			vecindex.Metric(metric), n, dim, x.metric, x.src.Rows(), x.src.Dim())
	}
	if nulls := le.Uint32(b[atNulls:]); int64(nulls) != int64(x.src.Rows()-x.nodes) {
		return 0, vecindex.BadFile("%d rows without a vector in the file, %d wanted", nulls, x.src.Rows()-x.nodes)
	}
	trees := le.Uint32(b[atTrees:])
	if trees < 1 || trees > maxTrees || n >= maxRows {
		return 0, vecindex.BadFile("%d trees of %d rows", trees, n)
	}
	return int(trees), nil
}

// check refuses a tree in which not every row is once, or whose splits are not
// each below one before it, with a part of its rows on each side.
func (x *index) check(t *tree) error {
	valid := x.src.Valid()
	seen := make([]uint64, (x.src.Rows()+63)/64)
	for i, row := range t.rows {
		if int64(row) >= int64(x.src.Rows()) || !valid.IsZero() && !valid.Get(int(row)) || seen[row/64]>>(row%64)&1 != 0 {
			return vecindex.BadFile("place %d: row %d has no vector or is there twice", i, row)
		}
		seen[row/64] |= 1 << (row % 64)
	}
	type run struct{ split, from, to uint32 }
	n := uint32(len(t.splits) / splitWords(x.src.Dim()))
	if n == 0 {
		return nil
	}
	// Each split is as many as its number among those met in the order in which
	// they were made: itself, all below its left side, all below its right one.
	next := uint32(0)
	for open := []run{{0, 0, uint32(x.nodes)}}; len(open) > 0; {
		r := open[len(open)-1]
		open = open[:len(open)-1]
		if r.split != next || r.split >= n {
			return vecindex.BadFile("split %d where %d of %d is due", r.split, next, n)
		}
		next++
		s := x.splitAt(t, r.split)
		if s.mid <= r.from || s.mid >= r.to {
			return vecindex.BadFile("split %d parts rows %d to %d at %d", r.split, r.from, r.to, s.mid)
		}
		for _, v := range append(s.normal[:len(s.normal):len(s.normal)], s.offset) {
			if v != v || math.IsInf(float64(v), 0) {
				return vecindex.BadFile("split %d: plane of %v", r.split, v)
			}
		}
		if s.right != 0 {
			open = append(open, run{s.right, s.mid, r.to})
		}
		if s.left != 0 {
			open = append(open, run{s.left, r.from, s.mid})
		}
	}
	if next != n {
		return vecindex.BadFile("%d splits, %d of them in the tree", n, next)
	}
	return nil
}
