package sparse

import (
	"io"
	"slices"

	"github.com/redkite-db/redkite/internal/mem"
	"github.com/redkite-db/redkite/internal/vecindex"
)

// index is a complete index, built in memory or in a map of its file. It
// implements vecindex.Index.
type index struct {
	*env
	params
	metric vecindex.Metric
	src    vecindex.SparseSource
	nodes  int  // rows that have a vector
	shift  uint // a window has 1<<shift rows

	// Of BM25: the least count above 0 and the bounds of the rows' lengths.
	leastTF, leastLen, mostLen float32

	parts
	close func() error
}

// parts is what is in the file; see docs/formats/sparse.md. A list has a run for
// each window in which it has rows; one of many rows has in place of entries a
// map, with a code for every row.
type parts struct {
	dims   []uint32  // of each list, ascending; a dimension's list of negative values comes second
	scales []float32 // of each list: the worth of a step of its codes; negative for negative values
	dense  []uint32  // of each list: the number of its map, from 1; 0: none
	first  []uint32  // lists+1: list i has the runs [first[i], first[i+1])
	heads  []uint32  // of each run: its window << 8 | its largest code; windows ascend in a list
	ats    []uint32  // runs+1: run i has the entries [ats[i], ats[i+1]), none if there is a map
	ids    []uint16  // of each entry: its row in the window, ascending in a run
	codes  []byte    // of each entry: its worth in steps, rounded up, at least 1
	maps   []byte    // of each map, window and row: as codes, 0 for no value
	lens   []float32 // BM25: the length of each row
}

// denseShare is the share of the rows, as a divisor, from which on a list has a
// map. To add a map of 4096 codes up takes as long as to add 110 entries.
const denseShare = 16

func newIndex(e *env, s vecindex.SparseSource, m vecindex.Metric) *index {
	return &index{env: e, metric: m, src: s, nodes: vecindex.Nodes(s.Valid(), 0, s.Rows())}
}

// windowCount returns the number of windows.
func (x *index) windowCount() int { return (x.src.Rows() + 1<<x.shift - 1) >> x.shift }

// denseMap returns the codes of a map, from 1, in a window.
func (x *index) denseMap(number uint32, window int) []byte {
	at := (int(number-1)*x.windowCount() + window) << x.shift
	return x.maps[at : at+1<<x.shift]
}

// list returns the number of the list with that key, or -1.
func (x *index) list(k key) int {
	i, found := slices.BinarySearch(x.dims, k.dim())
	if !found {
		return -1
	}
	if (x.scales[i] < 0) == k.negative() {
		return i
	}
	if k.negative() && i+1 < len(x.dims) && x.dims[i+1] == k.dim() {
		return i + 1
	}
	return -1
}

func (x *index) Rows() int { return x.src.Rows() }

func (x *index) Bytes() int64 {
	n := int64(0)
	for _, s := range x.sections() {
		n += int64(len(s.bytes))
	}
	return n
}

func (x *index) Close() error {
	closing := x.close
	x.parts, x.close = parts{}, nil
	if closing == nil {
		return nil
	}
	return closing()
}

func (x *index) WriteTo(w io.Writer) (int64, error) { return x.write(w) }

// section is a part of the file.
type section struct {
	bytes []byte
	width int // bytes of an element
}

// sections returns the parts in file order.
func (p *parts) sections() [sections]section {
	return [sections]section{
		{mem.Bytes(p.dims), 4}, {mem.Bytes(p.scales), 4}, {mem.Bytes(p.dense), 4}, {mem.Bytes(p.first), 4},
		{mem.Bytes(p.heads), 4}, {mem.Bytes(p.ats), 4}, {mem.Bytes(p.ids), 2}, {p.codes, 1}, {p.maps, 1},
		{mem.Bytes(p.lens), 4},
	}
}
