package diskann

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"slices"

	"github.com/redkite-db/redkite/internal/mem"
	"github.com/redkite-db/redkite/internal/vecindex"
	"github.com/redkite-db/redkite/internal/vecindex/pq"
)

// The file (docs/formats/diskann.md) is a header, the parts that are held in
// memory, and the blocks.
const (
	magic        = "RKIXDISK"
	version      = 1
	headerSize   = 128
	sections     = 4
	sectionEntry = 4
)

// Offsets in the header.
const (
	atVersion  = 8
	atMetric   = 12
	atDim      = 16
	atDegree   = 20
	atM        = 24
	atBits     = 28
	atNulls    = 32
	atRows     = 40
	atSums     = 48 // checksums of the sections: rows, book, codes, blocks
	atChecksum = headerSize - 4
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// layout is where the sections lie: offsets, and the file's size behind them.
func (x *index) layout() (at [sections + 1]int64) {
	at[0] = headerSize
	at[1] = at[0] + 4*int64(x.nodes)
	at[2] = at[1] + 4*int64(x.bookSize())
	end := at[2] + int64(x.nodes)*int64(x.quant.M)
	at[3] = (end + pageSize - 1) / pageSize * pageSize
	at[4] = at[3] + int64(x.blocks(x.nodes))*int64(x.block())
	return at
}

func (x *index) bookSize() int {
	if x.nodes == 0 {
		return 0
	}
	return pq.BookSize(x.quant.Dim, x.quant.Bits)
}

// write writes the file of an index that was built.
func (x *index) write(w io.Writer) (int64, error) {
	h := make([]byte, headerSize)
	copy(h, magic)
	le := binary.LittleEndian
	for at, v := range map[int]int{
		atVersion: version, atMetric: int(x.metric), atDim: x.dim, atDegree: x.degree, atM: x.quant.M, atBits: x.quant.Bits,
		atNulls: x.src.Rows() - x.nodes, atRows: x.src.Rows(),
	} {
		le.PutUint32(h[at:], uint32(v))
	}
	parts := [sections]func(put func([]byte) error) error{
		func(put func([]byte) error) error { return putWords(x.rows, put) },
		func(put func([]byte) error) error {
			words, _ := mem.View[uint32](mem.Bytes(x.quant.Book))
			return putWords(words, put)
		},
		func(put func([]byte) error) error { return put(x.codes) },
		x.putBlocks,
	}
	for i, part := range parts {
		sum := uint32(0)
		err := part(func(b []byte) error {
			sum = crc32.Update(sum, castagnoli, b)
			return nil
		})
		if err != nil {
			return 0, err
		}
		le.PutUint32(h[atSums+sectionEntry*i:], sum)
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
	for i, part := range parts {
		if err := put(make([]byte, x.layout()[i]-total)); err != nil {
			return total, err
		}
		if err := part(put); err != nil {
			return total, err
		}
	}
	return total, nil
}

// chunk is how many words are handled at a time.
const chunk = 1 << 18

// putWords puts words in the order of bytes of the file.
func putWords(words []uint32, put func([]byte) error) error {
	for part := range slices.Chunk(words, chunk) {
		if err := put(mem.Encode(part)); err != nil {
			return err
		}
	}
	return nil
}

// putBlocks puts the blocks.
func (x *index) putBlocks(put func([]byte) error) error {
	w := newWalker()
	size, per := x.block()/4, x.perBlock()
	some := max(1, chunk/size)
	buf := make([]uint32, 0, some*size)
	for from := 0; from < x.nodes; from += some * per {
		to := min(from+some*per, x.nodes)
		buf = buf[:x.blocks(to-from)*size]
		clear(buf)
		for node := from; node < to; node++ {
			if err := x.store.fetch(w, []uint32{uint32(node)}); err != nil {
				return err
			}
			i := node - from
			at := buf[i/per*size+i%per*x.words():][:x.words()]
			copy(floats(at), w.vectors[0])
			at[x.dim] = uint32(copy(at[x.dim+1:], w.lists[0]))
		}
		if err := putWords(buf, put); err != nil {
			return err
		}
	}
	return nil
}

// open reads a file over its rows and takes over one pin of f.
func (e *env) open(f *mem.Map, rows vecindex.Source, m vecindex.Metric, p vecindex.Params) (*index, error) {
	x := &index{env: e, metric: m, src: rows, nodes: vecindex.Nodes(rows.Valid(), 0, rows.Rows())}
	r := f.Reader()
	o := &opener{index: x, r: r, cache: parse(p).cache}
	x.close = func() error { return errors.Join(o.slabs.Free(), r.Close(), f.Unpin()) }
	err := vecindex.CheckOpened(rows, m, vecindex.Float32)
	if err == nil {
		err = o.read(f.Name())
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open DISKANN index %s: %w", f.Name(), err), x.Close())
	}
	return x, nil
}

// opener reads one file.
type opener struct {
	*index
	r     *mem.Reader
	cache budget
	sums  [sections]uint32
	slabs mem.Slabs
}

// read checks the whole file, every checksum and every number that a search
// follows, and takes what is held in memory.
func (o *opener) read(name string) error {
	h := make([]byte, headerSize)
	if o.r.Size() < headerSize {
		return vecindex.BadFile("not a DISKANN index")
	}
	if _, err := o.r.ReadAt(h, 0); err != nil {
		return err
	}
	if err := o.readHeader(h); err != nil {
		return err
	}
	at := o.layout()
	if o.r.Size() != at[sections] {
		return vecindex.BadFile("file of %d bytes, want %d", o.r.Size(), at[sections])
	}
	if err := o.readParts(at); err != nil {
		return err
	}
	if err := o.checkRows(); err != nil {
		return err
	}
	if o.nodes > 0 {
		o.learnt()
	}
	s := &stored{shape: o.shape, r: o.r, name: name, at: at[3]}
	if err := o.readBlocks(s); err != nil {
		return err
	}
	o.store = s
	o.r.Random()
	return nil
}

// readHeader checks the header and takes the parameters from it.
func (o *opener) readHeader(h []byte) error {
	le := binary.LittleEndian
	switch {
	case string(h[:len(magic)]) != magic:
		return vecindex.BadFile("not a DISKANN index")
	case le.Uint32(h[atChecksum:]) != crc32.Checksum(h[:atChecksum], castagnoli):
		return vecindex.BadFile("header: checksum mismatch")
	case le.Uint32(h[atVersion:]) != version:
		return vecindex.BadFile("version %d, this build reads %d", le.Uint32(h[atVersion:]), version)
	}
	metric, dim, n := le.Uint32(h[atMetric:]), le.Uint32(h[atDim:]), le.Uint64(h[atRows:])
	if metric != uint32(o.metric) || int64(dim) != int64(o.src.Dim()) || n != uint64(o.src.Rows()) {
		return vecindex.BadFile("metric %v, %d rows of dimension %d in the file, %v, %d, %d wanted",
			vecindex.Metric(metric), n, dim, o.metric, o.src.Rows(), o.src.Dim())
	}
	if nulls := le.Uint32(h[atNulls:]); int64(nulls) != int64(o.src.Rows()-o.nodes) {
		return vecindex.BadFile("%d rows without a vector in the file, %d wanted", nulls, o.src.Rows()-o.nodes)
	}
	degree, m, bits := le.Uint32(h[atDegree:]), le.Uint32(h[atM:]), le.Uint32(h[atBits:])
	if n >= maxRows || degree > maxDegree || m < 1 || m > dim || bits < 1 || bits > pq.MaxBits {
		return vecindex.BadFile("%d rows, lists of %d, %d codes of %d bits", n, degree, m, bits)
	}
	o.shape = shape{int(dim), int(degree)}
	sub := (o.dim + int(m) - 1) / int(m)
	o.quant = pq.Quantizer{Kern: o.kern, Dim: sub * int(m), M: int(m), Bits: int(bits)}
	for i := range o.sums {
		o.sums[i] = le.Uint32(h[atSums+sectionEntry*i:])
	}
	return nil
}

// readParts reads the rows, the book and the codes.
func (o *opener) readParts(at [sections + 1]int64) (err error) {
	if o.rows, err = mem.Alloc[uint32](&o.slabs, nil, o.nodes); err != nil {
		return err
	}
	if o.quant.Book, err = mem.Alloc[float32](&o.slabs, nil, o.bookSize()); err != nil {
		return err
	}
	if o.codes, err = mem.Alloc[byte](&o.slabs, nil, o.nodes*o.quant.M); err != nil {
		return err
	}
	book, _ := mem.View[uint32](mem.Bytes(o.quant.Book))
	for i, b := range [][]byte{mem.Bytes(o.rows), mem.Bytes(book), o.codes} {
		if _, err := o.r.ReadAt(b, at[i]); err != nil {
			return err
		}
		if err := o.checkSum(i, crc32.Checksum(b, castagnoli)); err != nil {
			return err
		}
	}
	if !mem.LittleEndian() {
		swap(o.rows)
		swap(book)
	}
	gap := make([]byte, at[3]-at[2]-int64(len(o.codes)))
	if _, err := o.r.ReadAt(gap, at[3]-int64(len(gap))); err != nil {
		return err
	}
	for _, b := range gap {
		if b != 0 {
			return vecindex.BadFile("bytes before %d are not zero", at[3])
		}
	}
	return nil
}

func (o *opener) checkSum(section int, sum uint32) error {
	if sum != o.sums[section] {
		return vecindex.BadFile("section %d: checksum %08x, want %08x", section, sum, o.sums[section])
	}
	return nil
}

// checkRows refuses rows of which not every one that has a vector is there once.
func (o *opener) checkRows() error {
	valid := o.src.Valid()
	seen := make([]uint64, (o.src.Rows()+63)/64)
	for node, row := range o.rows {
		if int64(row) >= int64(o.src.Rows()) || !valid.IsZero() && !valid.Get(int(row)) || seen[row/64]>>(row%64)&1 != 0 {
			return vecindex.BadFile("node %d: row %d has no vector or is there twice", node, row)
		}
		seen[row/64] |= 1 << (row % 64)
	}
	return nil
}

// readBlocks checks all blocks, through a small buffer, and keeps the first ones
// as far as the budget goes.
func (o *opener) readBlocks(s *stored) error {
	size, all := o.block()/4, o.blocks(o.nodes)
	raw := 4 * int64(o.dim) * int64(o.nodes)
	keep := int(min(o.cache.bytes(raw)/int64(o.block()), int64(all)))
	var err error
	if s.cached, err = mem.Alloc[uint32](&o.slabs, nil, keep*size); err != nil {
		return err
	}
	some := max(1, chunk/size)
	buf := make([]uint32, min(some, all)*size)
	sum := uint32(0)
	for from := 0; from < all; from += some {
		words := buf[:min(some, all-from)*size]
		if _, err := o.r.ReadAt(mem.Bytes(words), s.offset(uint32(from))); err != nil {
			return err
		}
		sum = crc32.Update(sum, castagnoli, mem.Bytes(words))
		if !mem.LittleEndian() {
			swap(words)
		}
		for at := from; at < from+len(words)/size; at++ {
			if err := o.checkBlock(at, words[(at-from)*size:][:size]); err != nil {
				return err
			}
		}
		if from < keep {
			copy(s.cached[from*size:], words)
		}
	}
	return o.checkSum(sections-1, sum)
}

// checkBlock refuses lists that are too long or name no node.
func (o *opener) checkBlock(at int, block []uint32) error {
	per := o.perBlock()
	for node := at * per; node < min((at+1)*per, o.nodes); node++ {
		if n := block[node%per*o.words()+o.dim]; int64(n) > int64(o.degree) {
			return vecindex.BadFile("node %d has %d neighbours", node, n)
		}
		list, _ := o.node(block, node%per)
		for _, id := range list {
			if int64(id) >= int64(o.nodes) {
				return vecindex.BadFile("node %d: neighbour %d of %d nodes", node, id, o.nodes)
			}
		}
	}
	return nil
}
