package gosdk_test

import (
	"errors"
	"io"
	"slices"
	"testing"

	"github.com/milvus-io/milvus/client/v2/column"
	"github.com/milvus-io/milvus/client/v2/entity"
	"github.com/milvus-io/milvus/client/v2/index"
	mc "github.com/milvus-io/milvus/client/v2/milvusclient"
	"github.com/stretchr/testify/require"
)

// keysOf returns the keys of a page.
func keysOf(t *testing.T, ids column.Column) []int64 {
	var out []int64
	for i := range ids.Len() {
		k, err := ids.GetAsInt64(i)
		require.NoError(t, err)
		out = append(out, k)
	}
	return out
}

// TestIterators reads all rows in pages, by distance and by key, and by groups.
// The Go client sends back each answer's token, and no time of the first page.
func TestIterators(t *testing.T) {
	s := newServer(t, "natsmq")
	w := newWalk(t, s)
	w.create("pages", index.NewHNSWIndex(entity.L2, 16, 100))
	w.insert("pages", 0, 700)
	w.flush("pages")
	w.insert("pages", 700, 1000)

	it, err := w.c.SearchIterator(w.ctx, mc.NewSearchIteratorOption("pages", entity.FloatVector(vector(5000))).
		WithANNSField("vec").WithBatchSize(130).WithConsistencyLevel(entity.ClStrong))
	require.NoError(t, err)
	var got []int64
	far := float32(0)
	for {
		page, err := it.Next(w.ctx)
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
		require.LessOrEqual(t, page.IDs.Len(), 130)
		for _, d := range page.Scores {
			require.GreaterOrEqual(t, d, far)
			far = d
		}
		if len(got) == 0 {
			w.insert("pages", 1000, 1100) // not of the first page's time
		}
		got = append(got, keysOf(t, page.IDs)...)
	}
	slices.Sort(got)
	require.Len(t, slices.Compact(got), 1000)
	require.EqualValues(t, 999, got[999])

	rows, err := w.c.QueryIterator(w.ctx, mc.NewQueryIteratorOption("pages").WithBatchSize(170).WithFilter("n < 50").WithConsistencyLevel(entity.ClStrong))
	require.NoError(t, err)
	got = nil
	for {
		page, err := rows.Next(w.ctx)
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
		got = append(got, keysOf(t, page.GetColumn("id"))...)
	}
	require.Len(t, got, 550)
	require.True(t, slices.IsSorted(got))

	r, err := w.c.Search(w.ctx, mc.NewSearchOption("pages", 10, []entity.Vector{entity.FloatVector(vector(5000))}).
		WithANNSField("vec").WithGroupByField("color").WithConsistencyLevel(entity.ClStrong))
	require.NoError(t, err)
	require.Equal(t, 3, r[0].ResultCount)
	require.Equal(t, 3, r[0].GroupByValue.Len())
}
