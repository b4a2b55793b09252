package segment

import (
	"context"
	"errors"
	"fmt"

	"github.com/redkite-db/redkite/internal/column"
	"github.com/redkite-db/redkite/internal/expr"
)

// match returns the rows for which a plan is true.
func (r *Reader) match(ctx context.Context, plan *expr.Plan) (column.Bitset, error) {
	if keys, ok := plan.PrimaryKeys(); ok && r.sorted {
		return r.matchKeys(keys)
	}
	return column.Bitset{}, errors.Join(ctx.Err(), fmt.Errorf("filter %s: not evaluated", plan))
}

// matchKeys returns the rows of some primary keys in a segment sorted by them.
func (r *Reader) matchKeys(set expr.PKSet) (column.Bitset, error) {
	out := column.NewBitset(r.rows)
	own, err := r.stored(r.collection.Primary().ID)
	if err != nil {
		return out, err
	}
	keys := own.Like()
	keys.Int64s = set.Ints
	for _, s := range set.Strings {
		keys.Bytes.AppendString(s)
	}
	for i := range keys.Len() {
		lo, hi := keyRange(own, keys, i)
		out.SetRange(lo, hi)
	}
	return out, nil
}

// keyRange returns the rows [lo, hi) that have the key at i of keys, by binary
// search in the sorted column own.
func keyRange(own, keys *column.Column, i int) (lo, hi int) {
	lo, _ = search(own.Len(), func(row int) int { return compareKeys(own, row, keys, i) })
	for hi = lo; hi < own.Len() && sameKey(own, hi, keys, i); {
		hi++
	}
	return lo, hi
}

// search is slices.BinarySearch over row numbers.
func search(n int, compare func(row int) int) (int, bool) {
	lo, hi := 0, n
	for lo < hi {
		if mid := int(uint(lo+hi) >> 1); compare(mid) < 0 {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo, lo < n && compare(lo) == 0
}
