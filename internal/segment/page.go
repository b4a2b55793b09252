package segment

import (
	"context"

	"github.com/redkite-db/redkite/internal/expr"
)

// A page of a query iterator asks for the first rows behind a key. It looks at
// windows of rows from there on, each larger than the one before, and gives up,
// as the filter passes few rows, when it has looked at a part of all: to
// evaluate a plan over all rows is cheaper for each.
const (
	firstWindow = 1024 // rows beyond the limit
	widerWindow = 2
	pageShare   = 8
)

// page returns the first limit rows that are visible and match, ascending by
// key, of equal keys only the newest, if they are near the beginning of the
// keys that a plan leaves; else false.
func (r *Reader) page(ctx context.Context, plan *expr.Plan, limit int) ([]uint32, bool, error) {
	if plan == nil || limit <= 0 || r.rows == 0 {
		return nil, false, nil
	}
	own, b, ok, err := r.keysOf(plan)
	if err != nil || !ok || b.Set != nil {
		return nil, false, err
	}
	from, to, ok := span(own, r.collection.Primary(), b)
	if !ok {
		return nil, false, nil
	}
	hides := r.hidesRow()
	var found []uint32
	seen, keys := 0, 0
	for size := limit + firstWindow; from < to; size *= widerWindow {
		if seen > 0 && seen+size > r.rows/pageShare {
			return nil, false, nil
		}
		end := min(from+size, to)
		window := make([]uint32, 0, end-from)
		for row := from; row < end; row++ {
			if !hides(uint32(row)) {
				window = append(window, uint32(row))
			}
		}
		if window, err = r.among(ctx, plan, window); err != nil {
			return nil, false, err
		}
		for _, row := range window {
			if n := len(found); n == 0 || !sameKey(own, int(found[n-1]), own, int(row)) {
				keys++
			}
			if keys > limit { // the key before has all its rows
				return r.firstOf(found, limit), true, nil
			}
			found = append(found, row)
		}
		seen += end - from
		from = end
	}
	return r.firstOf(found, limit), true, nil
}
