package diskann

import (
	"context"

	"github.com/redkite-db/redkite/internal/vecindex"
)

// Iterate implements vecindex.Index: it compares all rows, in order, as the index
// tells only which are near and not which are next.
func (x *index) Iterate(ctx context.Context, q *vecindex.Query) (vecindex.Iterator, error) {
	return vecindex.IterateRows(ctx, vecindex.Rows{
		Kernels: x.kern, Metric: x.metric, Matrix: x.src.Matrix(), To: x.src.Rows(),
	}, q)
}
