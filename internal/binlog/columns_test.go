package binlog

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/redkite-db/redkite/internal/base"
	"github.com/redkite-db/redkite/internal/column"
	"github.com/redkite-db/redkite/internal/porttest/storetest"
	"github.com/redkite-db/redkite/internal/schema"
)

// everyType has one field of each type that is stored.
func everyType() []*schema.Field {
	fields := []*schema.Field{
		{Type: schema.Bool},
		{Type: schema.Int8},
		{Type: schema.Int16},
		{Type: schema.Int32},
		{Type: schema.Int64},
		{Type: schema.Float},
		{Type: schema.Double},
		{Type: schema.VarChar},
		{Type: schema.JSON},
		{Type: schema.FloatVector, Dim: 5},
		{Type: schema.Array, Element: schema.VarChar},
		{Type: schema.Array, Element: schema.Int64},
		{Type: schema.Array, Element: schema.Bool},
		{Type: schema.Array, Element: schema.Double},
	}
	for i, f := range fields {
		f.ID = base.ID(100 + i)
	}
	return fields
}

func randomColumn(rng *rand.Rand, f *schema.Field, rows, nullPercent int) *column.Column {
	c := column.New(f)
	if f.Type == schema.VarChar || f.Type == schema.JSON {
		c.Bytes.Offsets = []uint32{0}
	}
	for range rows {
		if rng.IntN(100) < nullPercent {
			c.AppendNull()
			continue
		}
		one := column.New(f)
		appendRandom(rng, one)
		c.AppendRange(one, 0, 1)
	}
	return c
}

func appendRandom(rng *rand.Rand, c *column.Column) {
	switch c.Type {
	case schema.Bool:
		c.Bools = append(c.Bools, rng.IntN(2) == 0)
	case schema.Int8, schema.Int16, schema.Int32:
		c.Int32s = append(c.Int32s, int32(rng.IntN(200)-100))
	case schema.Int64:
		c.Int64s = append(c.Int64s, rng.Int64()-rng.Int64())
	case schema.Float:
		c.Floats = append(c.Floats, rng.Float32())
	case schema.FloatVector:
		for range c.Dim {
			c.Floats = append(c.Floats, rng.Float32())
		}
	case schema.Double:
		c.Doubles = append(c.Doubles, rng.Float64()-0.5)
	case schema.VarChar, schema.JSON:
		c.Bytes.AppendString(strings.Repeat(string(rune('a'+rng.IntN(26))), rng.IntN(12)))
	case schema.Array:
		for range rng.IntN(4) {
			appendRandom(rng, c.Items)
		}
		c.Offsets = append(c.Offsets, uint32(c.Items.Len()))
	}
}

// sliced cuts a column into random pieces, as a segment's writer does.
func sliced(rng *rand.Rand, field base.ID, c *column.Column) Source {
	s := SourceOf(field, c)
	var cuts []int
	for at := 0; at < c.Len(); {
		at = min(c.Len(), at+rng.IntN(100))
		cuts = append(cuts, at)
	}
	s.Chunks = func(yield func(*column.Column) error) error {
		at := 0
		for _, cut := range cuts {
			piece := c.Like()
			piece.AppendRange(c, at, cut)
			if err := yield(piece); err != nil {
				return err
			}
			at = cut
		}
		return nil
	}
	return s
}

func batchOf(ids []base.ID, cols []*column.Column) []byte {
	b := &column.Batch{Rows: cols[0].Len()}
	for i, c := range cols {
		b.Add(ids[i], c)
	}
	return b.AppendTo(nil)
}

func TestColumnsRoundTrip(t *testing.T) {
	store := &storetest.Memory{}
	for seed := range uint64(60) {
		rng := rand.New(rand.NewPCG(seed, 0))
		rows := []int{0, 1, 63, 64, 65, 300}[rng.IntN(6)]
		var sources []Source
		var cols []*column.Column
		var ids []base.ID
		for _, f := range everyType() {
			c := randomColumn(rng, f, rows, []int{0, 30, 100}[rng.IntN(3)])
			cols, ids = append(cols, c), append(ids, f.ID)
			sources = append(sources, sliced(rng, f.ID, c))
		}
		key := fmt.Sprintf("k/%d", seed)
		o, err := WriteColumns(t.Context(), store, key, sources...)
		require.NoError(t, err, "seed %d", seed)
		info, err := store.Stat(t.Context(), key)
		require.NoError(t, err)
		require.Equal(t, info.Size, o.Size)

		back, err := OpenColumns(t.Context(), store, key)
		require.NoError(t, err, "seed %d", seed)
		require.NoError(t, back.Verify())
		require.NoError(t, back.Expect(o))
		require.Equal(t, ids, back.Fields())
		got := make([]*column.Column, len(ids))
		for i, id := range ids {
			got[i] = back.Column(id)
			require.Equal(t, rows, got[i].Len(), "seed %d field %d", seed, id)
			if cols[i].Valid.Count() == rows {
				cols[i].Valid = column.Bitset{} // validity that excludes nothing is not stored
			}
		}
		require.Equal(t, batchOf(ids, cols), batchOf(ids, got), "seed %d", seed)
		require.NoError(t, back.Close())
	}
}

func TestVectorsAreAligned(t *testing.T) {
	store := &storetest.Memory{}
	rng := rand.New(rand.NewPCG(1, 1))
	fields := everyType()
	var sources []Source
	for _, f := range fields {
		sources = append(sources, SourceOf(f.ID, randomColumn(rng, f, 77, 20)))
	}
	_, err := WriteColumns(t.Context(), store, "k", sources...)
	require.NoError(t, err)
	m, err := store.Pin(t.Context(), "k")
	require.NoError(t, err)
	c, err := parseColumns("k", m.Bytes(), columnsObject, 0)
	require.NoError(t, err)
	whole := m.Bytes()
	require.False(t, c.Column(109).Valid.IsZero(), "some are null")
	vectors := column.View(c.Column(109).Floats)
	for at := range whole {
		if &whole[at] == &vectors[0] {
			require.Zero(t, at%align)
			return
		}
	}
	t.Fatal("the vectors were copied")
}

func TestWriteColumnsRefuses(t *testing.T) {
	store := &storetest.Memory{}
	c := &column.Column{Type: schema.Int64, Int64s: []int64{1, 2}}
	short := SourceOf(1, c)
	short.Rows = 3
	_, err := WriteColumns(t.Context(), store, "k", short)
	require.ErrorContains(t, err, "2 of 3 rows")
	long := SourceOf(1, c)
	long.Rows = 1
	_, err = WriteColumns(t.Context(), store, "k", long)
	require.ErrorContains(t, err, "2 of 1 rows")
	boom := errors.New("boom")
	failing := SourceOf(1, c)
	failing.Chunks = func(func(*column.Column) error) error { return boom }
	_, err = WriteColumns(t.Context(), store, "k", failing)
	require.ErrorIs(t, err, boom)
	_, err = WriteColumns(t.Context(), store, "k", SourceOf(1, &column.Column{Type: schema.Array, Element: schema.Array, Offsets: []uint32{0}}))
	require.ErrorContains(t, err, "not stored")
	store.Before = func(_, _ string) error { return boom }
	_, err = WriteColumns(t.Context(), store, "k", SourceOf(1, c))
	require.ErrorIs(t, err, boom)
	store.Before = nil
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = WriteColumns(ctx, store, "k", SourceOf(1, c))
	require.ErrorIs(t, err, context.Canceled)
	_, err = store.Stat(t.Context(), "k")
	require.Error(t, err)
}
