package segment

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/redkite-db/redkite/internal/base"
	"github.com/redkite-db/redkite/internal/column"
	"github.com/redkite-db/redkite/internal/expr"
	"github.com/redkite-db/redkite/internal/schema"
	"github.com/redkite-db/redkite/internal/vecindex"
)

const benchRows = 200_000

func benchSealed(b *testing.B) (*Sealed, *schema.Collection) {
	b.Helper()
	e, c := testEngine(), wideCollection()
	g := NewGrowing(e, GrowingConfig{ID: 1, Partition: 3, Collection: c})
	rng := rand.New(rand.NewPCG(1, 1))
	for at := 0; at < benchRows; at += 5000 {
		require.NoError(b, g.Insert(wideBatch(rng, at, 5000), base.Timestamp(10+at)))
	}
	s := seal(b, e, newStore(), c, 2, g)
	b.Cleanup(s.Close)
	return s, c
}

// BenchmarkSealedDelete applies deletes of 1,000 keys to 200,000 rows.
func BenchmarkSealedDelete(b *testing.B) {
	for _, hit := range []bool{true, false} {
		name := map[bool]string{true: "present", false: "absent"}[hit]
		b.Run(name, func(b *testing.B) {
			s, _ := benchSealed(b)
			rng := rand.New(rand.NewPCG(2, 2))
			at := s.Manifest().MaxTime
			b.ReportAllocs()
			for b.Loop() {
				keys := &column.Column{Type: schema.Int64, Int64s: make([]int64, 1000)}
				for i := range keys.Int64s {
					keys.Int64s[i] = rng.Int64N(benchRows)
					if !hit {
						keys.Int64s[i] += benchRows
					}
				}
				at++
				require.NoError(b, s.Delete(keys, []base.Timestamp{at}, 0))
			}
		})
	}
}

// BenchmarkGrowingInsert appends rows of 16 floats to a segment that is begun
// anew at 200,000 rows.
func BenchmarkGrowingInsert(b *testing.B) {
	for name, n := range map[string]int{"rows=1": 1, "rows=1000": 1000} {
		b.Run(name, func(b *testing.B) {
			e, c := testEngine(), wideCollection()
			batch := wideBatch(rand.New(rand.NewPCG(3, 3)), 0, n)
			var g *Growing
			b.ReportAllocs()
			for b.Loop() {
				if g == nil || g.Rows() > benchRows {
					g = NewGrowing(e, GrowingConfig{ID: 1, Partition: 3, Collection: c})
				}
				require.NoError(b, g.Insert(batch, 10))
			}
			b.ReportMetric(float64(b.N*n)/b.Elapsed().Seconds(), "rows/s")
		})
	}
}

// BenchmarkReads is the fixed cost of a read: view, search of the smallest
// index, retrieve by key, count.
func BenchmarkReads(b *testing.B) {
	s, c := benchSealed(b)
	require.NoError(b, s.Delete(&column.Column{Type: schema.Int64, Int64s: []int64{7}}, []base.Timestamp{s.Manifest().MaxTime + 1}, 0))
	byKey, err := expr.Parse("id in [5, 77777, 123456]", c, nil)
	require.NoError(b, err)
	wide, err := expr.Parse("id % 2 == 0", c, nil)
	require.NoError(b, err)
	view := func(b *testing.B, read func(r *Reader) error) {
		b.ReportAllocs()
		for b.Loop() {
			r, err := s.View(base.MaxTimestamp, c)
			require.NoError(b, err)
			require.NoError(b, read(r))
			r.Close()
		}
	}
	b.Run("view", func(b *testing.B) { view(b, func(*Reader) error { return nil }) })
	b.Run("key", func(b *testing.B) {
		view(b, func(r *Reader) error {
			rows, err := r.Retrieve(b.Context(), byKey, -1)
			if err == nil {
				_, err = r.Fetch(rows, []base.ID{keyID, vectorID})
			}
			return err
		})
	})
	b.Run("count", func(b *testing.B) {
		view(b, func(r *Reader) error { _, err := r.Count(b.Context(), nil); return err })
	})
	b.Run("countFiltered", func(b *testing.B) {
		view(b, func(r *Reader) error { _, err := r.Count(b.Context(), wide); return err })
	})
	b.Run("limit", func(b *testing.B) {
		view(b, func(r *Reader) error { _, err := r.Retrieve(b.Context(), wide, 10); return err })
	})
	b.Run("scan", func(b *testing.B) {
		q := &SearchRequest{Field: vectorID, Metric: vecindex.L2, Vectors: make([]float32, 16), NQ: 1, K: 10}
		view(b, func(r *Reader) error { _, err := r.Search(b.Context(), q); return err })
	})
}

// BenchmarkWriteSealed writes 200,000 rows of 16 floats to memory.
func BenchmarkWriteSealed(b *testing.B) {
	s, c := benchSealed(b)
	b.ReportAllocs()
	for b.Loop() {
		_, err := WriteSealed(b.Context(), WriteTask{Store: newStore(), Collection: c, Segment: 3, Task: 4}, s)
		require.NoError(b, err)
	}
	b.SetBytes(s.Manifest().Bytes())
}
