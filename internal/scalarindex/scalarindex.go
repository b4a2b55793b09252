// Package scalarindex holds the index of a scalar field, an array's elements
// or the values under a JSON path: the distinct keys of a segment's rows in
// ascending order, and the rows of each.
//
// It knows keys and rows only. What of a row becomes a key is said by a Spec
// and done by package exec, which has the order of values that the scan has;
// so an index finds the rows that the scan finds, or more of them.
//
// One structure serves every type of index that a user may ask for: equality
// and membership are binary searches, a range or prefix is a run of keys, and
// an index of n-grams has pieces of strings as its keys (Zobel and Moffat,
// "Inverted files for text search engines", ACM Computing Surveys 38, 2006,
// section 3). It is flat, so that a map of its file is used in place.
package scalarindex

import (
	"bytes"
	"sort"

	"github.com/redkite-db/redkite/internal/mem"
)

// Index is an immutable index over the rows [0, Rows()) of one segment. Any
// number of goroutines may use it until Close.
type Index struct {
	spec    string
	total   int      // rows of the segment
	numbers []int64  // keys that are numbers, ascending
	offsets []uint32 // keys that are strings: key i is data[offsets[i]:offsets[i+1]]
	data    []byte
	starts  []uint32 // the rows of key i are rows[starts[i]:starts[i+1]]; none: each key has one
	rows    []uint32 // of each key ascending and distinct
	file    *mem.Map // nil: in memory
}

// Span is a run of keys [Lo, Hi).
type Span struct{ Lo, Hi int }

// Rows returns the number of rows that the index is over.
func (x *Index) Rows() int { return x.total }

// Keys returns the number of distinct keys.
func (x *Index) Keys() int {
	if x.offsets != nil {
		return len(x.offsets) - 1
	}
	return len(x.numbers)
}

// Spec returns the text of what the index holds.
func (x *Index) Spec() string { return x.spec }

// Bytes returns the size of the index: memory of a built one, mapped bytes of
// an opened one.
func (x *Index) Bytes() int64 {
	return int64(8*len(x.numbers) + 4*len(x.offsets) + len(x.data) + 4*len(x.starts) + 4*len(x.rows))
}

// String returns key i of strings. It is valid until Close.
func (x *Index) String(i int) []byte { return x.data[x.offsets[i]:x.offsets[i+1]:x.offsets[i+1]] }

// Numbers returns the run of the keys from lo to hi, both included.
func (x *Index) Numbers(lo, hi int64) Span {
	if lo > hi {
		return Span{}
	}
	from := sort.Search(len(x.numbers), func(i int) bool { return x.numbers[i] >= lo })
	to := from + sort.Search(len(x.numbers)-from, func(i int) bool { return x.numbers[from+i] > hi })
	return Span{from, to}
}

// From returns the first key of strings that is not before b.
func (x *Index) From(b []byte) int {
	return sort.Search(x.Keys(), func(i int) bool { return bytes.Compare(x.String(i), b) >= 0 })
}

// After returns the first key of strings that is behind b.
func (x *Index) After(b []byte) int {
	return sort.Search(x.Keys(), func(i int) bool { return bytes.Compare(x.String(i), b) > 0 })
}

// Prefix returns the run of the strings that begin with b.
func (x *Index) Prefix(b []byte) Span {
	lo := x.From(b)
	return Span{lo, lo + sort.Search(x.Keys()-lo, func(i int) bool { return !bytes.HasPrefix(x.String(lo+i), b) })}
}

// Entries returns how many rows the keys of a run have, a row that has
// several of them counted for each.
func (x *Index) Entries(s Span) int {
	if s.Lo >= s.Hi {
		return 0
	}
	if len(x.starts) == 0 {
		return s.Hi - s.Lo
	}
	return int(x.starts[s.Hi] - x.starts[s.Lo])
}

// Add sets the bits of the rows that have a key of the run: row r is bit r%64
// of word r/64, and there are words for all rows.
func (x *Index) Add(words []uint64, s Span) {
	if s.Lo >= s.Hi {
		return
	}
	lo, hi := uint32(s.Lo), uint32(s.Hi)
	if len(x.starts) > 0 {
		lo, hi = x.starts[s.Lo], x.starts[s.Hi]
	}
	for _, row := range x.rows[lo:hi] {
		words[row>>6] |= 1 << (row & 63)
	}
}

// Close gives up the pin of an opened index.
func (x *Index) Close() error {
	if x.file == nil {
		return nil
	}
	return x.file.Unpin()
}
