package binlog

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/redkite-db/redkite/internal/base"
	"github.com/redkite-db/redkite/internal/column"
	"github.com/redkite-db/redkite/internal/porttest/doctest"
	"github.com/redkite-db/redkite/internal/porttest/storetest"
	"github.com/redkite-db/redkite/internal/schema"
)

func TestExamples(t *testing.T) {
	store := &storetest.Memory{}
	text := &column.Column{Type: schema.VarChar, Bytes: column.BytesOf("a")}
	text.AppendNull()
	text.AppendRange(&column.Column{Type: schema.VarChar, Bytes: column.BytesOf("bcd")}, 0, 1)
	vectors := &column.Column{Type: schema.FloatVector, Dim: 2, Floats: []float32{0, 1, 2, 3, 4, 5}}
	_, err := WriteColumns(t.Context(), store, "columns", SourceOf(100, text), SourceOf(101, vectors))
	require.NoError(t, err)
	ints := func(v ...int64) Source { return SourceOf(0, &column.Column{Type: schema.Int64, Int64s: v}) }
	_, err = WriteDelta(t.Context(), store, "delta", DeltaHeader{Shard: base.Shard{Collection: 7}, PrimaryKey: 100, From: 5, To: 20},
		ints(1, 2, 3), ints(9, 9, 20), ints(0, 0, 4))
	require.NoError(t, err)
	b := NewStatsBuilder(3)
	keys := &column.Column{Type: schema.Int64, Int64s: []int64{1, 2, 3}}
	b.AddKeys(keys)
	b.Add(100, keys)
	stats, err := b.Write(t.Context(), store, "stats")
	require.NoError(t, err)

	for _, name := range []string{"columns", "delta", "stats"} {
		m, err := store.Pin(t.Context(), name)
		require.NoError(t, err)
		require.True(t, store.Replace(name, doctest.Check(t, "object.md", name, m.Bytes())))
	}
	c, err := OpenColumns(t.Context(), store, "columns")
	require.NoError(t, err)
	require.NoError(t, c.Verify())
	require.Equal(t, "bcd", string(c.Column(100).Bytes.At(2)))
	require.True(t, c.Column(100).IsNull(1))
	require.Equal(t, vectors.Floats, c.Column(101).Floats)
	d, err := OpenDelta(t.Context(), store, "delta")
	require.NoError(t, err)
	require.Equal(t, []base.Timestamp{9, 9, 20}, d.Times)
	s, m, err := OpenStats(t.Context(), store, stats)
	require.NoError(t, err)
	require.True(t, s.MayContain(keys, 2))
	require.EqualValues(t, 3, s.Bounds[100].Range.Int64s[1])
	require.NoError(t, m.Unpin())
}
