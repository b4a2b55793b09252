package segment

import (
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/redkite-db/redkite/internal/base"
	"github.com/redkite-db/redkite/internal/column"
	"github.com/redkite-db/redkite/internal/mem"
	"github.com/redkite-db/redkite/internal/schema"
	"github.com/redkite-db/redkite/internal/vec"
	"github.com/redkite-db/redkite/internal/vecindex"
	"github.com/redkite-db/redkite/internal/vecindex/hnsw"
)

const wide = 16

func wideCollection() *schema.Collection {
	return &schema.Collection{ID: 7, Fields: []*schema.Field{
		{ID: keyID, Name: "id", Type: schema.Int64, PrimaryKey: true},
		{ID: vectorID, Name: "v", Type: schema.FloatVector, Dim: wide},
	}}
}

// withNulls takes the vectors of every third row out.
func withNulls(b *column.Batch) *column.Batch {
	v := b.Column(vectorID)
	v.Valid = column.NewBitset(b.Rows)
	v.Valid.Fill()
	for row := 0; row < b.Rows; row += 3 {
		v.Valid.Clear(row)
		clear(v.Floats[row*wide : (row+1)*wide])
	}
	return b
}

func wideBatch(rng *rand.Rand, first, n int) *column.Batch {
	b := &column.Batch{Rows: n}
	keys := &column.Column{Type: schema.Int64}
	v := &column.Column{Type: schema.FloatVector, Dim: wide}
	for i := range n {
		keys.Int64s = append(keys.Int64s, int64(first+i))
		for range wide {
			v.Floats = append(v.Floats, rng.Float32())
		}
	}
	b.Add(keyID, keys)
	b.Add(vectorID, v)
	return b
}

// TestLiveIndex searches a growing segment while its index follows: rows that
// the index has and rows that it lacks are found, deleted ones are not, and
// the past is as it was.
func TestLiveIndex(t *testing.T) {
	t.Run("all", func(t *testing.T) { testLiveIndex(t, func(b *column.Batch) *column.Batch { return b }) })
	t.Run("null vectors", func(t *testing.T) { testLiveIndex(t, withNulls) })
}

func testLiveIndex(t *testing.T, batch func(b *column.Batch) *column.Batch) {
	kern := vec.Detect()
	e := NewEngine(EngineOptions{
		Kernels: kern, Kinds: []vecindex.Kind{hnsw.Kind(kern), vecindex.Flat(kern, 1)}, Threads: 2, Growing: mem.NewBudget(0),
	})
	c := wideCollection()
	g := NewGrowing(e, GrowingConfig{ID: 1, Partition: 3, Collection: c})
	spec := &schema.Index{ID: 9, Field: vectorID, Type: "HNSW", Metric: "L2", Params: map[string]string{"M": "8", "efConstruction": "60"}}
	rng := rand.New(rand.NewPCG(7, 7))
	require.NoError(t, g.Extend(t.Context(), spec, 1), "no rows")
	const steps, each = 40, 200
	var wg sync.WaitGroup
	stop := make(chan struct{})
	wg.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
				if err := g.Extend(t.Context(), spec, 1); err != nil {
					t.Error(err)
					return
				}
			}
		}
	})
	found, wanted := 0, 0
	for i := range steps {
		at := base.Timestamp(10 * (i + 1))
		require.NoError(t, g.Insert(batch(wideBatch(rng, i*each, each)), at))
		require.NoError(t, g.Delete(&column.Column{Type: schema.Int64, Int64s: []int64{int64(i * each)}}, at+1))
		f, w := recallOf(t, g, c, at+1, rng)
		found, wanted = found+f, wanted+w
		recallOf(t, g, c, base.Timestamp(rng.IntN(int(at))), rng)
	}
	close(stop)
	wg.Wait()
	require.NoError(t, g.Extend(t.Context(), spec, 1))
	f, w := recallOf(t, g, c, base.MaxTimestamp, rng)
	found, wanted = found+f, wanted+w
	require.Greater(t, float64(found), 0.9*float64(wanted), "recall %d of %d", found, wanted)
	a := g.indexes.vectors(vectorID)
	require.Equal(t, steps*each, a.index.Rows())
	a.drop()

	other := *spec
	other.ID, other.Metric = 10, "IP"
	require.NoError(t, g.Extend(t.Context(), &other, 1), "another index takes its place")
	require.True(t, g.indexes.has(10))
	require.False(t, g.indexes.has(9))
	flat := schema.Index{ID: 11, Field: vectorID, Type: "FLAT", Metric: "L2"}
	require.NoError(t, g.Extend(t.Context(), &flat, 1), "a kind that does not grow")
	require.Error(t, g.Extend(t.Context(), &schema.Index{ID: 12, Field: vectorID, Type: "NONE", Metric: "L2"}, 1))
	g.Release()
	require.Nil(t, g.indexes.vectors(vectorID))
	require.NoError(t, g.Extend(t.Context(), spec, 1), "nothing is made once it is released")
	require.Nil(t, g.indexes.vectors(vectorID))
	require.Zero(t, e.growing.Used())
}

// recallOf compares a search with an exact one.
func recallOf(t *testing.T, g *Growing, c *schema.Collection, at base.Timestamp, rng *rand.Rand) (found, wanted int) {
	r, err := g.View(at, c)
	require.NoError(t, err)
	defer r.Close()
	q := &SearchRequest{Field: vectorID, Metric: vecindex.L2, NQ: 3, K: 10, Params: map[string]any{"ef": 40}}
	for range q.NQ * wide {
		q.Vectors = append(q.Vectors, rng.Float32())
	}
	got, err := r.Search(t.Context(), q)
	require.NoError(t, err)
	find := &searcher{r: r, metric: q.Metric, vectors: r.snap.column(vectorID).Floats[:r.rows*wide], dim: wide}
	exact := make([][]vecindex.Hit, q.NQ)
	vectors := r.snap.column(vectorID)
	skip := orNot(r.hidden(), vectors.Valid, r.rows)
	require.NoError(t, find.all(t.Context(), q, &vecindex.Query{K: q.K, Allowed: -1, Skip: skip}, exact))
	hidden := column.BitsetOf(skip, r.rows)
	for i := range exact {
		require.Len(t, got[i], len(exact[i]))
		known := map[uint32]float32{}
		for _, h := range exact[i] {
			known[h.Row] = h.Score
		}
		for j, h := range got[i] {
			require.Less(t, int(h.Row), r.rows)
			require.True(t, hidden.IsZero() || !hidden.Get(int(h.Row)), "row %d is hidden", h.Row)
			if j > 0 {
				require.LessOrEqual(t, got[i][j-1].Score, h.Score)
			}
			if score, ok := known[h.Row]; ok {
				require.InDelta(t, score, h.Score, 1e-5)
				found++
			}
		}
		wanted += len(exact[i])
	}
	all := &vecindex.Query{K: max(1, r.rows), Allowed: -1, Skip: skip}
	require.NoError(t, find.all(t.Context(), q, all, exact))
	checkIterator(t, r, *q, rng, exact[0])
	return found, wanted
}
