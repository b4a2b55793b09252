package segment

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/redkite-db/redkite/internal/base"
	"github.com/redkite-db/redkite/internal/binlog"
	"github.com/redkite-db/redkite/internal/column"
	"github.com/redkite-db/redkite/internal/expr"
	"github.com/redkite-db/redkite/internal/mem"
	"github.com/redkite-db/redkite/internal/schema"
	"github.com/redkite-db/redkite/internal/vec"
	"github.com/redkite-db/redkite/internal/vecindex"
	"github.com/redkite-db/redkite/internal/vecindex/hnsw"
)

// sparse is a segment of rows of which few have a vector, and what it holds:
// the vectors by key, nil for those without one. Row keys are 0, 1, ...
type sparse struct {
	c       *schema.Collection
	vectors [][]float32
	deleted int // the keys below
}

// fill inserts n rows in two batches, the first of which has no vector, and
// deletes some.
func (s *sparse) fill(t *testing.T, g *Growing, rng *rand.Rand, n int, nulls float64) {
	for i, size := range []int{50, n - 50} {
		first := len(s.vectors)
		b := wideBatch(rng, first, size)
		v := b.Column(vectorID)
		v.Valid = column.NewBitset(size)
		for row := range size {
			vector := v.Floats[row*wide : (row+1)*wide]
			if i == 0 || rng.Float64() < nulls {
				clear(vector)
				s.vectors = append(s.vectors, nil)
				continue
			}
			v.Valid.Set(row)
			s.vectors = append(s.vectors, vector)
		}
		require.NoError(t, g.Insert(b, base.Timestamp(10+i)))
	}
	s.deleted = 300
	keys := &column.Column{Type: schema.Int64}
	for k := range s.deleted {
		keys.Int64s = append(keys.Int64s, int64(k))
	}
	require.NoError(t, g.Delete(keys, 20))
}

// recall searches a segment with a filter that lets keys divisible by step
// pass, and returns the share of the hits that are right. Fewer hits than there
// are rows to hit, or a row without a vector, fail the test.
func (s *sparse) recall(t *testing.T, seg Segment, rng *rand.Rand, step int) float64 {
	r, err := seg.View(base.MaxTimestamp, s.c)
	require.NoError(t, err)
	defer r.Close()
	q := &SearchRequest{Field: vectorID, Metric: vecindex.L2, NQ: 30, K: 10, Params: map[string]any{"ef": 64}}
	for range q.NQ * wide {
		q.Vectors = append(q.Vectors, rng.Float32())
	}
	if step > 1 {
		q.Plan, err = expr.Parse(fmt.Sprintf("id %% %d == 0", step), s.c, nil)
		require.NoError(t, err)
	}
	got, err := r.Search(t.Context(), q)
	require.NoError(t, err)
	right, all := 0, 0
	for i, hits := range got {
		var best []float64
		for k, v := range s.vectors {
			if v != nil && k >= s.deleted && k%step == 0 {
				best = append(best, squared(v, q.Vectors[i*wide:]))
			}
		}
		slices.Sort(best)
		best = best[:min(q.K, len(best))]
		require.Len(t, hits, len(best))
		all += len(best)
		for j, h := range hits {
			key := r.Keys([]uint32{h.Row}).Int64s[0]
			require.GreaterOrEqual(t, key, int64(s.deleted))
			require.NotNil(t, s.vectors[key], "key %d has no vector", key)
			require.InDelta(t, squared(s.vectors[key], q.Vectors[i*wide:]), h.Score, 1e-4, "hit %d", j)
			if float64(h.Score) <= best[len(best)-1]+1e-4 {
				right++
			}
		}
	}
	if all == 0 {
		return 1
	}
	return float64(right) / float64(all)
}

func squared(a, b []float32) float64 {
	d := 0.0
	for i, x := range a {
		d += float64(x-b[i]) * float64(x-b[i])
	}
	return d
}

// TestNullVectors searches segments of which half, most or all rows have no
// vector: growing and sealed, by scan and by index, filtered and not.
func TestNullVectors(t *testing.T) {
	const n = 4500
	kern := vec.Detect()
	kinds := []vecindex.Kind{hnsw.Kind(kern), vecindex.Flat(kern, 1)}
	spec := &schema.Index{ID: 50, Field: vectorID, Type: "HNSW", Metric: "L2", Params: map[string]string{"M": "8", "efConstruction": "60"}}
	for _, nulls := range []float64{0.3, 0.9, 1} {
		t.Run(fmt.Sprint(nulls), func(t *testing.T) {
			rng := rand.New(rand.NewPCG(uint64(100*nulls), 1))
			e := NewEngine(EngineOptions{Kernels: kern, Kinds: kinds, Threads: 2, Growing: mem.NewBudget(0)})
			s := &sparse{c: wideCollection()}
			g := newTestGrowing(e, s.c)
			s.fill(t, g, rng, n, nulls)
			require.InDelta(t, 1, s.recall(t, g, rng, 1), 0)
			require.NoError(t, g.Extend(t.Context(), spec, 1))
			require.True(t, g.indexes.has(spec.ID))
			require.GreaterOrEqual(t, s.recall(t, g, rng, 1), 0.95)
			require.GreaterOrEqual(t, s.recall(t, g, rng, 3), 0.95)

			store := newStore()
			w, err := WriteSealed(t.Context(), WriteTask{Store: store, Collection: s.c, Segment: 2, Task: 3, Deletes: 5}, g)
			require.NoError(t, err)
			g.Release()
			sealed, err := OpenSealed(t.Context(), e, store, w.Key)
			require.NoError(t, err)
			defer sealed.Close()
			s.deleted = 0 // the deletes at 20 are the opener's to apply
			require.InDelta(t, 1, s.recall(t, sealed, rng, 1), 0)
			source, err := sealed.Vectors(vectorID)
			require.NoError(t, err)
			x, err := kinds[0].Build(t.Context(), source, vecindex.L2, spec.Params, vecindex.BuildOptions{Threads: 1})
			require.NoError(t, err)
			o, err := binlog.WriteObject(t.Context(), store, "index_files/1/1/3/2/50", x)
			require.NoError(t, err)
			require.NoError(t, x.Close())
			require.NoError(t, sealed.OpenIndex(t.Context(), store, s.c.FieldByID(vectorID), spec, o.Key))
			for _, step := range []int{1, 3, 400} {
				require.GreaterOrEqual(t, s.recall(t, sealed, rng, step), 0.95)
			}
			s.checkStored(t, sealed)
		})
	}
}

// checkStored: a vector is as it was, and so is its absence.
func (s *sparse) checkStored(t *testing.T, sealed *Sealed) {
	r, err := sealed.View(base.MaxTimestamp, s.c)
	require.NoError(t, err)
	defer r.Close()
	count, err := r.Count(t.Context(), nil)
	require.NoError(t, err)
	require.Equal(t, len(s.vectors), count)
	rows, err := r.Retrieve(t.Context(), nil, 200)
	require.NoError(t, err)
	b, err := r.Fetch(rows, []base.ID{vectorID})
	require.NoError(t, err)
	for i, v := range b.Columns {
		require.NoError(t, b.Check())
		for row := range rows {
			want := s.vectors[row]
			require.Equal(t, want == nil, v.IsNull(row), "column %d, row %d", i, row)
			if want != nil {
				require.Equal(t, want, v.Floats[row*wide:(row+1)*wide])
			}
		}
	}
}
