package querynode

import (
	"context"
	"sync/atomic"

	"github.com/milvus-io/milvus-proto/go-api/v3/commonpb"

	"github.com/redkite-db/redkite/internal/column"
	"github.com/redkite-db/redkite/internal/reduce"
	"github.com/redkite-db/redkite/internal/role"
)

const (
	strong     = commonpb.ConsistencyLevel_Strong
	eventually = commonpb.ConsistencyLevel_Eventually
)

// Retrieve returns the rows of one shard that match a filter; see
// role.RetrieveRequest.
func (n *Node) Retrieve(ctx context.Context, r *role.RetrieveRequest) (*role.RetrieveResult, error) {
	readers, at, err := n.readers(ctx, r.Collection, r.Shard, r.Partitions, r.At, r.IgnoreGrowing)
	if err != nil {
		return nil, err
	}
	defer closeReaders(readers)
	if r.CountOnly {
		var total atomic.Int64
		err := n.each(len(readers), func(i int) error {
			count, err := readers[i].Count(ctx, r.Plan)
			total.Add(int64(count))
			return err
		})
		return &role.RetrieveResult{Count: total.Load(), At: at}, err
	}
	rows := make([][]uint32, len(readers))
	parts := make([]reduce.Rows, len(readers))
	err = n.each(len(readers), func(i int) (err error) {
		if rows[i], err = readers[i].Retrieve(ctx, r.Plan, r.Limit); err != nil {
			return err
		}
		parts[i] = reduce.Rows{Keys: readers[i].Keys(rows[i]), Times: readers[i].Times(rows[i])}
		return nil
	})
	if err != nil {
		return nil, err
	}
	picks := reduce.Ordered(parts, 0, r.Limit)
	keys := make([]*column.Column, len(parts))
	for i := range parts {
		keys[i] = parts[i].Keys
	}
	result := &role.RetrieveResult{Count: int64(len(picks)), Keys: reduce.Gather(keys, picks), At: at}
	if result.Keys == nil {
		result.Keys = column.New(r.Collection.Primary())
	}
	result.Rows, err = fetch(readers, rows, picks, r.Collection.Collection, r.Output, r.MaxBytes)
	return result, err
}
