//go:build !windows

package coderhnsw

import (
	"context"

	"github.com/redkite-db/redkite/internal/vecindex"
)

// Iterate implements vecindex.Index: it compares all rows, in order, as the library
// has no way to go on with a search.
func (x *index) Iterate(ctx context.Context, q *vecindex.Query) (vecindex.Iterator, error) {
	return vecindex.IterateRows(ctx, vecindex.Rows{
		Kernels: x.kern, Metric: x.metric, Matrix: x.src.Matrix(), InvNorms: x.inv, To: x.src.Rows(),
	}, q)
}
