package minhash

import (
	"context"
	"io"
	"math/bits"

	"github.com/cespare/xxhash/v2"

	"github.com/redkite-db/redkite/internal/mem"
	"github.com/redkite-db/redkite/internal/vecindex"
)

// index is a complete index, built in memory or in a map of its file. It
// implements vecindex.Index.
type index struct {
	*env
	params
	src    vecindex.Source
	bits   []byte // of src
	nodes  int    // rows that have a vector
	tables []table
	close  func() error
}

// table is the rows by their hash in one band. The upper bits of a hash are the
// number of a bucket, the lower 16 the tag.
type table struct {
	starts []uint32 // buckets+1: bucket i has the entries [starts[i], starts[i+1])
	rows   []uint32 // of each entry: its row
	tags   []uint16 // of each entry; ascending in a bucket, the rows of a tag too
}

// bucketRows is how many rows there are to a bucket, at least, where there are
// as many: their tags are on one cache line.
const bucketRows = 8

// maxRows is the bound of row numbers.
const maxRows = 1 << 31

// bucketBits is the logarithm of the number of buckets of a table of nodes.
func bucketBits(nodes int) int { return max(bits.Len(uint(nodes/bucketRows))-1, 0) }

// hash returns the bucket and the tag of the elements of a row in a band.
func hash(elements []byte, bucketBits int) (bucket uint32, tag uint16) {
	h := xxhash.Sum64(elements)
	return uint32(h >> 32 >> (32 - bucketBits)), uint16(h)
}

// bytesOf returns the rows of a source of binary vectors.
func bytesOf(s vecindex.Source) []byte {
	m := s.Matrix()
	return m.Bytes()
}

// row returns the elements of a row.
func (x *index) row(row uint32) []byte {
	size := x.src.Dim() / 8
	return x.bits[int(row)*size:][:size]
}

func (x *index) Rows() int { return x.src.Rows() }

func (x *index) Bytes() int64 {
	n := int64(0)
	for i := range x.tables {
		for _, s := range x.tables[i].sections() {
			n += int64(len(s.bytes))
		}
	}
	return n
}

func (x *index) WriteTo(w io.Writer) (int64, error) { return x.write(w) }

func (x *index) Close() error {
	closing := x.close
	x.tables, x.close = nil, nil
	if closing == nil {
		return nil
	}
	return closing()
}

// Iterate implements vecindex.Index: a table does not tell which row is next.
func (x *index) Iterate(context.Context, *vecindex.Query) (vecindex.Iterator, error) {
	return nil, vecindex.ParamError("minhash does not support iterator.")
}

// section is a part of a table.
type section struct {
	bytes []byte
	width int // bytes of an element
}

// sections returns the parts of a table in file order.
func (t *table) sections() [3]section {
	return [3]section{{mem.Bytes(t.starts), 4}, {mem.Bytes(t.rows), 4}, {mem.Bytes(t.tags), 2}}
}
