package segment

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/milvus-io/milvus-proto/go-api/v3/schemapb"
	"github.com/stretchr/testify/require"

	"github.com/redkite-db/redkite/internal/base"
	"github.com/redkite-db/redkite/internal/column"
	"github.com/redkite-db/redkite/internal/expr"
	"github.com/redkite-db/redkite/internal/mem"
	"github.com/redkite-db/redkite/internal/schema"
	"github.com/redkite-db/redkite/internal/vecindex"
)

func newTestGrowing(e *Engine, c *schema.Collection) *Growing {
	return NewGrowing(e, GrowingConfig{Shard: base.Shard{Collection: 7}, ID: 1, Partition: 3, Collection: c, Start: base.Position{Offset: "s"}})
}

// numbered makes n rows with ascending keys from first.
func numbered(c *schema.Collection, first, n int) *column.Batch {
	rows := make([]*modelRow, n)
	for i := range rows {
		k := first + i
		rows[i] = &modelRow{key: k, number: int32(k), text: fmt.Sprint(k), vector: [dim]float32{float32(k)}}
	}
	return batchOf(c, rows)
}

func TestGrowingBasics(t *testing.T) {
	e, c := testEngine(), testCollection(schema.Int64)
	g := newTestGrowing(e, c)
	require.Equal(t, base.Position{Offset: "s"}, g.Start())
	require.Same(t, c, g.Collection())
	first, last := g.Times()
	require.Zero(t, first+last)
	require.NoError(t, g.Delete(keyColumn(schema.Int64, 1), 5), "no rows yet")
	require.NoError(t, g.Insert(numbered(c, 0, 0), 9))
	require.NoError(t, g.Insert(numbered(c, 0, 10), 10))
	require.NoError(t, g.Insert(numbered(c, 10, 10), 12))
	first, last = g.Times()
	require.Equal(t, []base.Timestamp{10, 12}, []base.Timestamp{first, last})
	require.NoError(t, g.Delete(keyColumn(schema.Int64, 3, 15), 12))
	require.Equal(t, 20, g.Rows())
	require.Equal(t, 19, g.LiveRows(), "a row inserted at the time of the delete stays")
	for at, want := range map[base.Timestamp]int{9: 0, 10: 10, 11: 10, 12: 19, 99: 19} {
		r, err := g.View(at, c)
		require.NoError(t, err)
		n, err := r.Count(t.Context(), nil)
		require.NoError(t, err)
		require.Equal(t, want, n, "at %d", at)
		r.Close()
	}
	require.Positive(t, g.Bytes())
	require.Equal(t, g.Bytes(), e.growing.Used())
	g.Release()
	g.Release()
	require.Zero(t, e.growing.Used())
	r, err := g.View(99, c)
	require.NoError(t, err, "released, but held")
	require.Equal(t, 20, r.Rows())
	r.Close()
	require.NoError(t, g.Delete(keyColumn(schema.Int64, 4), 100))
	require.Equal(t, 18, g.LiveRows(), "and deletes reach it")
	require.Zero(t, e.growing.Used())
}

// TestGrowingLarge grows columns through all the stages of their memory.
func TestGrowingLarge(t *testing.T) {
	e, c := testEngine(), testCollection(schema.VarChar)
	g := newTestGrowing(e, c)
	rng := rand.New(rand.NewPCG(2, 2))
	total := 0
	for at := base.Timestamp(1); total < 60_000; at++ {
		n := 1 + rng.IntN(4000)
		require.NoError(t, g.Insert(numbered(c, total, n), at))
		total += n
		require.NoError(t, g.Delete(keyColumn(schema.VarChar, total-1), at+1))
	}
	r, err := g.View(base.MaxTimestamp, c)
	require.NoError(t, err)
	defer r.Close()
	rows := []uint32{0, uint32(total / 2), uint32(total - 2)}
	b, err := r.Fetch(rows, []base.ID{textID, numberID, vectorID, keyID})
	require.NoError(t, err)
	for i, row := range rows {
		require.Equal(t, fmt.Sprint(row), string(b.Column(textID).Bytes.At(i)))
		require.Equal(t, int(row), keyOf(t, b.Column(keyID), i))
		require.InDelta(t, float32(row), b.Column(vectorID).Floats[i*dim], 0)
	}
	g.Release()
	require.Zero(t, e.growing.Used())
}

// TestGrowingMemoryIsFreed: what lies outside the Go heap goes with the last
// holder of the segment.
func TestGrowingMemoryIsFreed(t *testing.T) {
	e, c := testEngine(), testCollection(schema.Int64)
	var memory *mem.Budget
	var table int64 // of keys: in the Go heap
	func() {
		g := newTestGrowing(e, c)
		require.NoError(t, g.Insert(numbered(c, 0, 50_000), 1))
		memory, table = g.w.memory, g.w.keys.bytes
		g.Release()
	}()
	for range 1000 {
		if memory.Used() == table {
			return
		}
		runtime.GC()
		runtime.Gosched()
	}
	t.Fatalf("%d bytes were not freed", memory.Used())
}

func TestGrowingFailureSticks(t *testing.T) {
	e, c := testEngine(), testCollection(schema.Int64)
	for name, write := range map[string]func(g *Growing) error{
		"time goes back": func(g *Growing) error { return g.Insert(numbered(c, 5, 1), 9) },
		"other type": func(g *Growing) error {
			b := numbered(c, 5, 1)
			b.Columns[2] = &column.Column{Type: schema.Double, Doubles: []float64{1}}
			return g.Insert(b, 11)
		},
		"short column": func(g *Growing) error {
			b := numbered(c, 5, 2)
			b.Columns[0] = keyColumn(schema.Int64, 1)
			return g.Insert(b, 11)
		},
		"no key": func(g *Growing) error {
			b := numbered(c, 5, 1)
			b.Fields, b.Columns = b.Fields[1:], b.Columns[1:]
			return g.Insert(b, 11)
		},
		"delete by other keys": func(g *Growing) error { return g.Delete(keyColumn(schema.VarChar, 1), 11) },
	} {
		t.Run(name, func(t *testing.T) {
			g := newTestGrowing(e, c)
			require.NoError(t, g.Insert(numbered(c, 0, 3), 10))
			err := write(g)
			require.Error(t, err)
			require.ErrorIs(t, g.Insert(numbered(c, 9, 1), 20), err)
			require.ErrorIs(t, g.Delete(keyColumn(schema.Int64, 1), 20), err)
			_, verr := g.View(20, c)
			require.ErrorIs(t, verr, err)
			_, werr := WriteSealed(t.Context(), WriteTask{Collection: c}, g)
			require.ErrorIs(t, werr, err)
		})
	}
}

// TestFieldsAddedLater: rows that are older than a field read as its default,
// {} of the dynamic field, or null, growing or sealed.
func TestFieldsAddedLater(t *testing.T) {
	e, old := testEngine(), testCollection(schema.Int64)
	now := testCollection(schema.Int64)
	now.Fields = append(now.Fields,
		&schema.Field{ID: 110, Name: "d", Type: schema.VarChar, Default: &schemapb.ValueField{Data: &schemapb.ValueField_StringData{StringData: "x"}}},
		&schema.Field{ID: 111, Name: "m", Type: schema.JSON, Dynamic: true},
		&schema.Field{ID: 112, Name: "z", Type: schema.Int64, Nullable: true})
	g := NewGrowing(e, GrowingConfig{ID: 1, Partition: 3, Collection: now})
	require.NoError(t, g.Insert(numbered(old, 0, 3), 1))
	check := func(s Segment, newRows bool) {
		r, err := s.View(99, now)
		require.NoError(t, err)
		defer r.Close()
		b, err := r.Fetch([]uint32{0, 1, 2}, []base.ID{110, 111, 112})
		require.NoError(t, err)
		require.NoError(t, b.Check())
		require.Equal(t, "x", string(b.Column(110).Bytes.At(2)))
		require.Equal(t, "{}", string(b.Column(111).Bytes.At(2)))
		require.True(t, b.Column(112).IsNull(2))
		_, err = r.Fetch([]uint32{0}, []base.ID{999})
		require.ErrorContains(t, err, "no field 999")
		p, err := expr.Parse(`d == "x" and z is null`, now, nil)
		require.NoError(t, err)
		n, err := r.Count(t.Context(), p)
		require.NoError(t, err)
		want := 3
		if newRows {
			want++ // the last batch has no such field either
		}
		require.Equal(t, want, n)
		if newRows {
			b, err = r.Fetch([]uint32{3}, []base.ID{110, 112})
			require.NoError(t, err)
			require.Equal(t, "y", string(b.Column(110).Bytes.At(0)))
			require.EqualValues(t, 8, b.Column(112).Int64s[0])
		}
	}
	check(g, false)
	store := newStore()
	s := seal(t, e, store, old, 5, g)
	check(s, false)
	s.Close()

	b := numbered(now, 3, 1)
	b.Add(110, &column.Column{Type: schema.VarChar, Bytes: column.BytesOf("y")})
	b.Add(112, &column.Column{Type: schema.Int64, Int64s: []int64{8}})
	require.NoError(t, g.Insert(b, 2))
	require.NoError(t, g.Insert(numbered(old, 4, 1), 3), "and a batch without them")
	check(g, true)
	s = seal(t, e, store, now, 6, g)
	check(s, true)
	s.Close()
}

// TestGrowingReadersAndWriter has readers at times of the past while one
// writer goes on: what they see is a function of the time.
func TestGrowingReadersAndWriter(t *testing.T) {
	e, c := testEngine(), testCollection(schema.Int64)
	g := newTestGrowing(e, c)
	const steps, each, lag = 400, 7, 30
	var applied atomic.Uint64 // the time up to which reads are promised all
	// At time 2i each rows with keys from i*each are inserted, at 2i+1 those of step i-lag deleted.
	visible := func(at base.Timestamp) (lo, hi int) {
		inserted := int(at/2) + 1
		gone := max(0, int(at+1)/2-lag)
		return gone * each, inserted * each
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for i := range steps {
			if err := g.Insert(numbered(c, i*each, each), base.Timestamp(2*i)); err != nil {
				t.Error(err)
				return
			}
			if k := i - lag; k >= 0 {
				var keys []int
				for j := range each {
					keys = append(keys, k*each+j)
				}
				if err := g.Delete(keyColumn(schema.Int64, keys...), base.Timestamp(2*i+1)); err != nil {
					t.Error(err)
				}
			}
			applied.Store(uint64(2*i + 1))
		}
		g.Release()
	})
	for reader := range 3 {
		wg.Go(func() {
			rng := rand.New(rand.NewPCG(uint64(reader), 3))
			for applied.Load() < 2*steps-1 {
				now := int64(applied.Load())
				at := base.Timestamp(max(0, now-rng.Int64N(100)))
				if now == 0 {
					continue
				}
				if err := readAt(t, g, c, at, visible); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
}

func readAt(t *testing.T, g *Growing, c *schema.Collection, at base.Timestamp, visible func(at base.Timestamp) (lo, hi int)) error {
	r, err := g.View(at, c)
	if err != nil {
		return err
	}
	defer r.Close()
	lo, hi := visible(at)
	n, err := r.Count(t.Context(), nil)
	if err != nil || n != hi-lo {
		return fmt.Errorf("at %d: %d rows, want [%d, %d): %w", at, n, lo, hi, err)
	}
	rows, err := r.Retrieve(t.Context(), nil, 5)
	if err != nil {
		return err
	}
	for i, k := range r.Keys(rows).Int64s {
		if int(k)+50 != lo+i {
			return fmt.Errorf("at %d: key %d, want %d", at, k+50, lo+i)
		}
	}
	hits, err := r.Search(t.Context(), &SearchRequest{Field: vectorID, Metric: vecindex.L2, Vectors: []float32{float32(lo), 0, 0, 0}, NQ: 1, K: 1})
	if err != nil {
		return err
	}
	if k := r.Keys([]uint32{hits[0][0].Row}).Int64s[0] + 50; int(k) != lo {
		return fmt.Errorf("at %d: nearest is %d, want %d", at, k, lo)
	}
	return nil
}
