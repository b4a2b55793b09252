package segment

import (
	"context"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/redkite-db/redkite/internal/base"
	"github.com/redkite-db/redkite/internal/schema"
	"github.com/redkite-db/redkite/internal/vecindex"
)

// mappable makes a segment of random rows, of which many have equal keys and
// times.
func mappable(t *testing.T, rng *rand.Rand, e *Engine, store storeFiles, c *schema.Collection, id base.ID) *Sealed {
	g := NewGrowing(e, GrowingConfig{Shard: base.Shard{Collection: 7}, ID: 100 + id, Partition: 3, Collection: c})
	for at := base.Timestamp(10); at < 16; at++ {
		rows := make([]*modelRow, 20+rng.IntN(80))
		for i := range rows {
			rows[i] = randomRow(rng, rng.IntN(150), at)
			if rng.IntN(3) == 0 {
				rows[i].vector = [dim]float32{1} // many are the same
			}
		}
		require.NoError(t, g.Insert(batchOf(c, rows), at))
	}
	return seal(t, e, store, c, id, g)
}

// TestMapRows compacts segments and finds every row that is left, by its key, time
// and vector, and no other.
func TestMapRows(t *testing.T) {
	for _, keys := range []schema.Type{schema.Int64, schema.VarChar} {
		for seed := range uint64(20) {
			rng := rand.New(rand.NewPCG(seed, 71))
			e, c, store := testEngine(), testCollection(keys), newStore()
			inputs := make([]Segment, 1+rng.IntN(3))
			for i := range inputs {
				s := mappable(t, rng, e, store, c, base.ID(2+i))
				defer s.Close()
				inputs[i] = s
			}
			gone := map[int]bool{}
			for range 30 {
				key := rng.IntN(150)
				gone[key] = true
			}
			for key := range gone {
				for _, in := range inputs {
					require.NoError(t, in.(*Sealed).Delete(keyColumn(keys, key), []base.Timestamp{13}, 0))
				}
			}
			w, err := WriteSealed(t.Context(), WriteTask{
				Store: store, Collection: c, Shard: base.Shard{Collection: 7}, Partition: 3, Segment: 50, Task: 1050, Deletes: 13, Level: 2,
			}, inputs...)
			require.NoError(t, err)
			out, err := OpenSealed(t.Context(), e, store, w.Key)
			require.NoError(t, err)
			defer out.Close()
			left := 0
			for _, in := range inputs {
				left += checkMap(t, in.(*Sealed), out, gone)
			}
			require.Equal(t, out.Rows(), left, "seed %d: every row is one of an input's", seed)
		}
	}
}

// checkMap maps the rows of an input and returns how many are left.
func checkMap(t *testing.T, in, out *Sealed, gone map[int]bool) int {
	t.Helper()
	rows := make([]int32, in.Rows())
	require.NoError(t, out.MapRows(t.Context(), in, vectorID, rows))
	left, taken := 0, map[int32]bool{}
	keys, err := in.column(keyID)
	require.NoError(t, err)
	results, err := out.column(keyID)
	require.NoError(t, err)
	before, after := floatsOf(t, in), floatsOf(t, out)
	for row, to := range rows {
		deleted := gone[keyOf(t, keys, row)] && in.times[row] < 13
		require.Equal(t, deleted, to == vecindex.Gone, "row %d", row)
		if deleted {
			continue
		}
		require.False(t, taken[to], "row %d is given twice", to)
		taken[to] = true
		require.True(t, sameKey(keys, row, results, int(to)))
		require.Equal(t, in.times[row], out.times[to])
		require.Equal(t, before(row), after(int(to)))
		left++
	}
	return left
}

// floatsOf returns the vectors of a segment; nil for none.
func floatsOf(t *testing.T, s *Sealed) func(row int) []float32 {
	t.Helper()
	c, err := s.column(vectorID)
	require.NoError(t, err)
	return func(row int) []float32 {
		if !c.Valid.IsZero() && !c.Valid.Get(row) {
			return nil
		}
		return c.Floats[row*dim : (row+1)*dim]
	}
}

// TestMapRowsOfOthers: a segment of other rows shares none, one of other fields is
// refused, and a canceled context ends it.
func TestMapRowsOfOthers(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 72))
	e, c, store := testEngine(), testCollection(schema.Int64), newStore()
	s := mappable(t, rng, e, store, c, 2)
	defer s.Close()
	g := newTestGrowing(e, c)
	rows := []*modelRow{{key: 1, vector: [dim]float32{77}}, {key: 1, vector: [dim]float32{78}}, {key: 400}}
	require.NoError(t, g.Insert(batchOf(c, rows), 12))
	other := seal(t, e, store, c, 3, g)
	defer other.Close()
	to := make([]int32, 3)
	require.NoError(t, s.MapRows(t.Context(), other, vectorID, to))
	require.Equal(t, []int32{vecindex.Gone, vecindex.Gone, vecindex.Gone}, to)
	require.ErrorContains(t, s.MapRows(t.Context(), other, vectorID, to[:2]), "room for 2 rows, segment 3 has 3")
	require.ErrorContains(t, s.MapRows(t.Context(), other, textID, to), "field 102 has no vectors")

	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, s.MapRows(canceled, other, vectorID, to), context.Canceled)

	text := testCollection(schema.VarChar)
	g = newTestGrowing(e, text)
	require.NoError(t, g.Insert(batchOf(text, rows), 12))
	third := seal(t, e, store, text, 4, g)
	defer third.Close()
	require.ErrorContains(t, s.MapRows(t.Context(), third, vectorID, to), "segments 2 and 4 are of different fields")
}
