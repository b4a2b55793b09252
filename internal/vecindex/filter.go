package vecindex

import (
	"math/bits"

	"github.com/redkite-db/redkite/internal/vec"
)

// Filter says which rows of an index a query may return.
type Filter struct {
	Limit   int  // rows from here on may not
	Allowed int  // how many may
	All     bool // every row with a vector may
	skip    []uint64
}

// NewFilter reads what a query says of the rows of an index, of which nodes
// have a vector.
func NewFilter(rows, nodes int, q *Query) Filter {
	f := Filter{skip: q.Skip, Limit: rows}
	if q.Limit > 0 {
		f.Limit = min(f.Limit, q.Limit)
	}
	if len(f.skip) > (f.Limit+63)/64 {
		f.skip = f.skip[:(f.Limit+63)/64]
	}
	// A count that says that all pass is not taken on trust: then no row is
	// asked any more.
	if f.Allowed = q.Allowed; f.Allowed < 0 || f.Allowed >= min(f.Limit, nodes) || len(f.skip) == 0 {
		f.Allowed = f.Limit - f.skipped()
	}
	f.All = f.Allowed == nodes // skip has all rows without a vector
	return f
}

// skipped counts the bits of skip below Limit.
func (f *Filter) skipped() int {
	n, w := 0, f.skip
	for ; len(w) >= 4; w = w[4:] { // four do not wait for each other
		n += bits.OnesCount64(w[0]) + bits.OnesCount64(w[1]) + bits.OnesCount64(w[2]) + bits.OnesCount64(w[3])
	}
	for _, w := range w {
		n += bits.OnesCount64(w)
	}
	if rest := f.Limit % 64; rest != 0 && len(f.skip) == f.Limit/64+1 {
		n -= bits.OnesCount64(f.skip[len(f.skip)-1] >> rest)
	}
	return n
}

// Rows appends to ids rows from from on that may be returned, ascending, as long
// as there is room for the 64 of another word, and returns where to go on: Limit
// when these were all.
func (f *Filter) Rows(kern vec.Kernels, ids []uint32, from int) ([]uint32, int) {
	if w, whole := from/64, min(len(f.skip), f.Limit/64); w < whole && from%64 == 0 {
		n, done := kern.ClearBits(f.skip[w:whole], uint32(from), ids[len(ids):cap(ids)])
		ids, from = ids[:len(ids)+n], from+64*done
		if w+done < whole {
			return ids, from
		}
	}
	for from < f.Limit && cap(ids)-len(ids) >= 64 {
		end := min(from-from%64+64, f.Limit)
		for live := liveRows(f.skip, from, end); live != 0; live &= live - 1 {
			ids = append(ids, uint32(from+bits.TrailingZeros64(live)))
		}
		from = end
	}
	return ids, from
}

// Without returns a Query.Skip of what the query skips, below Limit, and rows, but
// for those of the keys in heaps.
func (f *Filter) Without(rows []uint32, heaps ...MinHeap) []uint64 {
	skip := make([]uint64, (f.Limit+63)/64)
	copy(skip, f.skip)
	for _, row := range rows {
		if int64(row) < int64(f.Limit) {
			skip[row/64] |= 1 << (row % 64)
		}
	}
	for _, heap := range heaps {
		for _, key := range heap {
			row := KeyRow(key)
			skip[row/64] &^= 1 << (row % 64)
		}
	}
	return skip
}

// Passes reports whether a row may be returned.
func (f *Filter) Passes(row uint32) bool {
	if int64(row) >= int64(f.Limit) {
		return false
	}
	w := int(row / 64)
	return w >= len(f.skip) || f.skip[w]>>(row%64)&1 == 0
}
