//go:build !windows

package coderhnsw

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math"

	"github.com/coder/hnsw"

	"github.com/redkite-db/redkite/internal/mem"
	"github.com/redkite-db/redkite/internal/vec"
	"github.com/redkite-db/redkite/internal/vecindex"
)

// The file (docs/formats/coderhnsw.md) is a header, what the library exports,
// and the checksum of both.
const (
	version      = 1
	headerSize   = 40
	checksumSize = 4
	// exported is the library's name of the distance under which it exports.
	exported        = "euclidean"
	exportedVersion = 1
	maxLayers       = 64
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// header describes the rows and this index's size.
func (x *index) header() []byte {
	le := binary.LittleEndian
	b := append(make([]byte, 0, headerSize), magic...)
	b = le.AppendUint32(b, version)
	b = le.AppendUint32(b, uint32(x.metric))
	b = le.AppendUint32(b, uint32(x.src.Dim()))
	b = le.AppendUint32(b, uint32(x.src.Rows()-x.nodes))
	b = le.AppendUint64(b, uint64(x.src.Rows()))
	return le.AppendUint64(b, uint64(x.size))
}

// WriteTo implements io.WriterTo.
func (x *index) WriteTo(w io.Writer) (int64, error) {
	sum := crc32.New(castagnoli)
	count := &counter{w: w}
	buffered := bufio.NewWriterSize(io.MultiWriter(count, sum), 1<<16)
	if _, err := buffered.Write(x.header()); err != nil {
		return count.n, err
	}
	g := x.graph // exported with a distance that the library knows
	g.Distance = hnsw.EuclideanDistance
	if err := g.Export(buffered); err != nil {
		return count.n, fmt.Errorf("HNSW index of engine %s: %w", engineName, err)
	}
	if err := buffered.Flush(); err != nil {
		return count.n, err
	}
	_, err := count.Write(binary.LittleEndian.AppendUint32(nil, sum.Sum32()))
	return count.n, err
}

// counter counts the bytes that went to w.
type counter struct {
	w io.Writer
	n int64
}

func (c *counter) Write(b []byte) (int, error) {
	n, err := c.w.Write(b)
	c.n += int64(n)
	return n, err
}

// open reads a file over its rows and takes over one pin of f.
func open(f *mem.Map, kern vec.Kernels, rows vecindex.Source, m vecindex.Metric) (vecindex.Index, error) {
	x := newIndex(kern, rows, m)
	if err := x.read(f.Bytes()); err != nil {
		return nil, errors.Join(fmt.Errorf("open HNSW index %s: %w", f.Name(), err), f.Unpin())
	}
	x.file = f
	return x, nil
}

func (x *index) read(b []byte) error {
	if len(b) < headerSize+checksumSize {
		return vecindex.BadFile("%d bytes", len(b))
	}
	body, sum := b[:len(b)-checksumSize], b[len(b)-checksumSize:]
	le := binary.LittleEndian
	if got := crc32.Checksum(body, castagnoli); got != le.Uint32(sum) {
		return vecindex.BadFile("checksum mismatch")
	}
	if v := le.Uint32(b[8:]); v != version {
		return vecindex.BadFile("version %d, this build reads %d", v, version)
	}
	x.size = int64(min(le.Uint64(b[32:]), 1<<50))
	if want := x.header(); !bytes.Equal(b[:headerSize], want) {
		return vecindex.BadFile("metric %v, %d rows of dimension %d, %d of them without a vector in the file; %v, %d, %d, %d wanted",
			vecindex.Metric(b[12]), le.Uint64(b[24:]), le.Uint32(b[16:]), le.Uint32(b[20:]),
			x.metric, x.src.Rows(), x.src.Dim(), x.src.Rows()-x.nodes)
	}
	graph := body[headerSize:]
	if err := x.check(graph); err != nil {
		return err
	}
	if err := x.graph.Import(bytes.NewReader(graph)); err != nil {
		return vecindex.BadFile("%v", err)
	}
	return nil
}

// check reads what the library exported as it does, which trusts what it reads:
// every node must be a row that has a vector, every neighbour a node of the same
// layer, every node of a layer one of the layer below, and each row there once.
func (x *index) check(b []byte) error {
	c := &cursor{b: b}
	v, m := c.varint(), c.varint()
	ml := math.Float64frombits(c.uint64())
	ef := c.varint()
	name := c.bytes(c.varint())
	layers := c.varint()
	if c.short || v != exportedVersion || m < 1 || m > 2*maxM || !(ml > 0 && ml < 1) || ef < 1 || ef > math.MaxInt32 ||
		string(name) != exported || layers < 0 || layers > maxLayers || x.nodes > 0 && layers < 1 {
		return vecindex.BadFile("graph of version %d, degree %d, breadth %d, %d layers", v, m, ef, layers)
	}
	valid := x.src.Valid()
	below := make([]bool, x.src.Rows())
	for row := range below {
		below[row] = valid.IsZero() || valid.Get(row)
	}
	for layer := range layers {
		here, err := x.checkLayer(c, below, layer == 0)
		if err != nil {
			return fmt.Errorf("layer %d: %w", layer, err)
		}
		below = here
	}
	if c.short || len(c.b) != 0 {
		return vecindex.BadFile("%d bytes behind the graph", len(c.b))
	}
	return nil
}

// checkLayer reads a layer, whose nodes must be below, all of them in the lowest
// one, and returns which they are.
func (x *index) checkLayer(c *cursor, below []bool, lowest bool) ([]bool, error) {
	nodes := c.varint()
	if c.short || nodes < 1 && x.nodes > 0 || nodes > int64(x.nodes) || lowest && nodes != int64(x.nodes) {
		return nil, vecindex.BadFile("%d nodes of %d", nodes, x.nodes)
	}
	here := make([]bool, len(below))
	var links []uint32
	for range nodes {
		row := c.uint32()
		length := c.varint()
		hi, lo := math.Float32frombits(c.uint32()), math.Float32frombits(c.uint32())
		degree := c.varint()
		if c.short || length != 2 || int64(row) >= int64(len(below)) || !below[row] || here[row] ||
			hi != float32(row>>16) || lo != float32(row&0xffff) || degree < 0 || degree > nodes {
			return nil, vecindex.BadFile("node of row %d with %d neighbours", row, degree)
		}
		here[row] = true
		for range degree {
			links = append(links, c.uint32())
			if c.short {
				return nil, vecindex.BadFile("ends in the neighbours of row %d", row)
			}
		}
	}
	for _, row := range links {
		if int64(row) >= int64(len(here)) || !here[row] {
			return nil, vecindex.BadFile("neighbour %d is no node", row)
		}
	}
	return here, nil
}

// cursor reads from b; short says that there was less than asked for.
type cursor struct {
	b     []byte
	short bool
}

func (c *cursor) bytes(n int64) []byte {
	if n < 0 || n > int64(len(c.b)) {
		c.short, c.b = true, nil
		return nil
	}
	part := c.b[:n]
	c.b = c.b[n:]
	return part
}

func (c *cursor) varint() int64 {
	v, n := binary.Varint(c.b)
	if n <= 0 {
		c.short, c.b = true, nil
		return 0
	}
	c.b = c.b[n:]
	return v
}

func (c *cursor) uint32() uint32 {
	if b := c.bytes(4); b != nil {
		return binary.LittleEndian.Uint32(b)
	}
	return 0
}

func (c *cursor) uint64() uint64 {
	if b := c.bytes(8); b != nil {
		return binary.LittleEndian.Uint64(b)
	}
	return 0
}
