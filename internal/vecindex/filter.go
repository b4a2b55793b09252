package vecindex

import "math/bits"

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
	n := 0
	for _, w := range f.skip {
		n += bits.OnesCount64(w)
	}
	if rest := f.Limit % 64; rest != 0 && len(f.skip) == f.Limit/64+1 {
		n -= bits.OnesCount64(f.skip[len(f.skip)-1] >> rest)
	}
	return n
}

// Passes reports whether a row may be returned.
func (f *Filter) Passes(row uint32) bool {
	if int64(row) >= int64(f.Limit) {
		return false
	}
	w := int(row / 64)
	return w >= len(f.skip) || f.skip[w]>>(row%64)&1 == 0
}
