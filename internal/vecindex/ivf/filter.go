package ivf

import (
	"math/bits"

	"github.com/redkite-db/redkite/internal/vecindex"
)

// filter says which rows a query may return.
type filter struct {
	skip    []uint64
	limit   int  // rows from here on may not
	allowed int  // how many may
	all     bool // every row in a list may
}

func newFilter(rows, nodes int, q *vecindex.Query) filter {
	f := filter{skip: q.Skip, limit: rows}
	if q.Limit > 0 {
		f.limit = min(f.limit, q.Limit)
	}
	if len(f.skip) > (f.limit+63)/64 {
		f.skip = f.skip[:(f.limit+63)/64]
	}
	// A count that says that all pass is not taken on trust: then no row is
	// asked any more.
	if f.allowed = q.Allowed; f.allowed < 0 || f.allowed >= min(f.limit, nodes) || len(f.skip) == 0 {
		f.allowed = f.limit - f.skipped()
	}
	f.all = f.allowed == nodes // skip has all rows without a vector
	return f
}

// skipped counts the bits of skip below limit.
func (f *filter) skipped() int {
	n := 0
	for _, w := range f.skip {
		n += bits.OnesCount64(w)
	}
	if rest := f.limit % 64; rest != 0 && len(f.skip) == f.limit/64+1 {
		n -= bits.OnesCount64(f.skip[len(f.skip)-1] >> rest)
	}
	return n
}

// passes reports whether a row may be returned.
func (f *filter) passes(row uint32) bool {
	if int64(row) >= int64(f.limit) {
		return false
	}
	w := int(row / 64)
	return w >= len(f.skip) || f.skip[w]>>(row%64)&1 == 0
}
