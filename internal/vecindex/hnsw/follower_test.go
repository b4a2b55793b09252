package hnsw_test

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/redkite-db/redkite/internal/column"
	"github.com/redkite-db/redkite/internal/mem"
	"github.com/redkite-db/redkite/internal/porttest/indextest"
	"github.com/redkite-db/redkite/internal/vec"
	"github.com/redkite-db/redkite/internal/vecindex"
	"github.com/redkite-db/redkite/internal/vecindex/hnsw"
)

// coded reports whether an index is walked on codes.
func coded(t testing.TB, x vecindex.Index) bool { return codes(t, x) == 1 }

// part is the first rows of v, in its memory, with a bitset of their own, as a
// growing column has one.
func part(v vecindex.Vectors, rows int) vecindex.Vectors {
	out := head(v, rows)
	if v.Present.IsZero() {
		return out
	}
	out.Present = column.NewBitset(rows)
	for r := v.Present.Next(0); r >= 0 && r < rows; r = v.Present.Next(r + 1) {
		out.Present.Set(r)
	}
	return out
}

// like returns n queries, each like one of the rows [from, to) that have a vector.
func like(rng *rand.Rand, src vecindex.Vectors, n, from, to int) vecindex.Vectors {
	q := vecindex.Vectors{Dimension: src.Dimension}
	for q.Rows() < n {
		row := from + rng.IntN(to-from)
		if !src.Present.IsZero() && !src.Present.Get(row) {
			continue
		}
		for _, e := range src.Data[row*src.Dimension:][:src.Dimension] {
			q.Data = append(q.Data, e*(1+0.2*float32(rng.NormFloat64())))
		}
	}
	return q
}

// drifts are rows whose elements do not stay what the first ones are. Each is
// made of clustered ones.
var drifts = []struct {
	name  string
	move  func(rng *rand.Rand, v vecindex.Vectors) vecindex.Vectors
	coded map[vecindex.Metric]bool // in the end, where that is beyond doubt
}{
	{"steady", func(_ *rand.Rand, v vecindex.Vectors) vecindex.Vectors { return v }, all},
	{"larger", func(_ *rand.Rand, v vecindex.Vectors) vecindex.Vectors { return scaled(v, 1000, v.Rows(), 100) }, cosine},
	{"smaller", func(_ *rand.Rand, v vecindex.Vectors) vecindex.Vectors { return scaled(v, 2500, v.Rows(), 0.01) }, map[vecindex.Metric]bool{vecindex.L2: false, vecindex.IP: false, vecindex.Cosine: true}},
	{"larger for a while", func(_ *rand.Rand, v vecindex.Vectors) vecindex.Vectors { return scaled(v, 2000, 2600, 100) }, cosine},
	{"one outlier", func(_ *rand.Rand, v vecindex.Vectors) vecindex.Vectors { return scaled(v, 2500, 2501, 1e6) }, cosine},
	{"sorted", func(_ *rand.Rand, v vecindex.Vectors) vecindex.Vectors { return sorted(v) }, map[vecindex.Metric]bool{vecindex.L2: true}},
	{"moving", func(_ *rand.Rand, v vecindex.Vectors) vecindex.Vectors {
		for i := range v.Data {
			v.Data[i] += float32(i/v.Dimension) / 200
		}
		return v
	}, map[vecindex.Metric]bool{vecindex.L2: true}},
	{"constant", func(_ *rand.Rand, v vecindex.Vectors) vecindex.Vectors {
		for i := range v.Data {
			v.Data[i] = 0.3
		}
		return v
	}, map[vecindex.Metric]bool{vecindex.L2: false}},
	{"constant at first", func(_ *rand.Rand, v vecindex.Vectors) vecindex.Vectors {
		for i := range 2000 * v.Dimension {
			v.Data[i] = 7
		}
		return v
	}, all},
	{"zero at first", func(_ *rand.Rand, v vecindex.Vectors) vecindex.Vectors { return scaled(v, 0, 2000, 0) }, all},
	{"nulls", func(rng *rand.Rand, v vecindex.Vectors) vecindex.Vectors { return indextest.Without(rng, v, 0.4) }, all},
	{"whole at first", func(_ *rand.Rand, v vecindex.Vectors) vecindex.Vectors {
		for i := range 3000 * v.Dimension {
			v.Data[i] = float32(math.Round(float64(20 * v.Data[i])))
		}
		return scaled(v, 3000, v.Rows(), 20)
	}, all},
}

var (
	all    = map[vecindex.Metric]bool{vecindex.L2: true, vecindex.IP: true, vecindex.Cosine: true}
	cosine = map[vecindex.Metric]bool{vecindex.Cosine: true}
)

func scaled(v vecindex.Vectors, from, to int, by float32) vecindex.Vectors {
	for i := from * v.Dimension; i < to*v.Dimension; i++ {
		v.Data[i] *= by
	}
	return v
}

// sorted sorts rows by their first element, which is the largest of most.
func sorted(v vecindex.Vectors) vecindex.Vectors {
	rows := slices.Collect(slices.Chunk(v.Data, v.Dimension))
	slices.SortFunc(rows, func(a, b []float32) int { return cmp.Compare(a[0], b[0]) })
	out := vecindex.Vectors{Data: slices.Concat(rows...), Dimension: v.Dimension}
	for r := range out.Rows() {
		out.Data[r*v.Dimension] *= 10
	}
	return out
}

// TestLiveDrift: whatever comes after the first rows, early and late ones are
// found as in a graph by vectors.
func TestLiveDrift(t *testing.T) {
	indextest.SlowUnderRace(t)
	const n, dim = 6000, 32
	for _, c := range drifts {
		for _, m := range metrics {
			t.Run(c.name+"/"+m.String(), func(t *testing.T) {
				rng := rand.New(rand.NewPCG(21, uint64(m)))
				full, _ := indextest.Clustered(rng, n, 0, dim, 40)
				src := c.move(rng, full)
				budget := mem.NewBudget(0)
				x, plain := newLive(t, dim, n, m, budget), newLive(t, dim, n, m, nil)
				hnsw.ByVectors(plain)
				var got, want, times float64
				for done := 0; done < n; times += 2 {
					done = min(done+1+rng.IntN(700), n)
					so := part(src, done)
					require.NoError(t, x.Extend(t.Context(), so, 1))
					require.NoError(t, plain.Extend(t.Context(), so, 1))
					exact := indextest.Flat(t, vec.Detect(), so, m)
					q := vecindex.Query{K: 10, Allowed: -1, Params: vecindex.SearchParams{Ef: 100}, Skip: indextest.SkipOf(so, nil)}
					for _, queries := range []vecindex.Vectors{like(rng, so, 20, 0, min(done, 1000)), like(rng, so, 20, max(done-300, 0), done)} {
						got += indextest.Recall(t, x, exact, m, queries, q)
						want += indextest.Recall(t, plain, exact, m, queries, q)
					}
				}
				got, want = got/times, want/times
				t.Logf("recall %.4f, by vectors %.4f, coded %v", got, want, coded(t, x))
				require.GreaterOrEqual(t, got, want-0.025)
				if want, sure := c.coded[m]; sure {
					require.Equal(t, want, coded(t, x))
				}
				require.NoError(t, plain.Close())
				require.NoError(t, x.Close())
				require.Zero(t, budget.Used())
			})
		}
	}
}

// TestLiveIterates runs the conformance suite on an index that grew.
func TestLiveIterates(t *testing.T) {
	indextest.SlowUnderRace(t)
	for _, e := range []vecindex.Element{vecindex.Float32, vecindex.BFloat16} {
		t.Run(e.String(), func(t *testing.T) {
			kern := vec.All()[0]
			indextest.Run(t, indextest.Config{
				Kernels: kern, Recall: 0.85, Element: e, Dim: 40, Large: 20_000,
				Params: vecindex.SearchParams{Ef: 200}, Wide: vecindex.SearchParams{Ef: 1 << 20},
				Build: func(t *testing.T, src vecindex.Source, m vecindex.Metric) vecindex.Index {
					return grown(t, kern, src, m)
				},
			})
		})
	}
}

// grown is an index that grew by a few calls and is closed with the test.
func grown(t *testing.T, kern vec.Kernels, src vecindex.Source, m vecindex.Metric) vecindex.Live {
	t.Helper()
	rows := src.Matrix()
	x, err := hnsw.Kind(kern).Live(src.Dim(), m, vecindex.Params{"M": "12", "efConstruction": "80"}, vecindex.LiveOptions{MaxRows: src.Rows(), Element: vecindex.ElementOf(&rows)})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, x.Close()) })
	for done := 0; done < src.Rows(); {
		done = min(2*done+500, src.Rows())
		require.NoError(t, x.Extend(t.Context(), firstRows{src, done}, 2))
	}
	require.Equal(t, src.Rows() > 1500, coded(t, x))
	return x
}

// firstRows is the first rows of a source.
type firstRows struct {
	vecindex.Source
	n int
}

func (f firstRows) Rows() int          { return f.n }
func (f firstRows) Matrix() vec.Matrix { return f.Source.Matrix().Head(f.n) }
func (f firstRows) Valid() column.Bitset {
	v := f.Source.Valid()
	if v.IsZero() {
		return v
	}
	return column.BitsetOf(v.Words()[:(f.n+63)/64], f.n)
}

// TestLiveLossless: while all rows are whole numbers, distances by bytes are the
// scores and no vector is read, which shows when others lie in their place; from
// the first row that is not on they are not.
func TestLiveLossless(t *testing.T) {
	indextest.SlowUnderRace(t)
	const n, dim = 9000, 24
	src, queries := whole(rand.New(rand.NewPCG(22, 1)), n, dim, 0)
	src.Data[dim*(n-1)+1] += 0.25
	x := newLive(t, dim, n, vecindex.L2, nil)
	for _, c := range []struct {
		rows  int
		exact bool
	}{{4000, true}, {4001, true}, {8500, true}, {n - 1, true}, {n, false}} {
		so := head(src, c.rows)
		require.NoError(t, x.Extend(t.Context(), so, 2))
		other := vecindex.Vectors{Data: make([]float32, len(so.Data)), Dimension: dim}
		blind, err := hnsw.Kind(vec.Detect()).Open(mem.FromBytes(indextest.File(t, x)), other, vecindex.L2, nil)
		require.NoError(t, err)
		same := true
		for i := range queries.Rows() {
			q := vecindex.Query{Vector: queries.Data[i*dim:][:dim], K: 10, Allowed: -1, Params: vecindex.SearchParams{Ef: 60}}
			same = same && slices.Equal(indextest.Search(t, x, q), indextest.Search(t, blind, q))
		}
		require.Equal(t, c.exact, same, "%d rows", c.rows)
		require.NoError(t, blind.Close())
		q := vecindex.Query{K: 10, Allowed: -1, Params: vecindex.SearchParams{Ef: 100}}
		require.GreaterOrEqual(t, indextest.Recall(t, x, indextest.Flat(t, vec.Detect(), so, vecindex.L2), vecindex.L2, queries, q), 0.97)
	}
	require.NoError(t, x.Close())
}

// TestLiveLease: an iterator reads the codes that it began with, which are freed
// when it is closed.
func TestLiveLease(t *testing.T) {
	const n, dim = 13_000, 24
	rng := rand.New(rand.NewPCG(23, 1))
	src, _ := indextest.Clustered(rng, n, 0, dim, 30)
	scaled(src, 10_000, n, 1.7) // other bounds
	budget := mem.NewBudget(0)
	x, err := hnsw.Kind(vec.Detect()).Live(dim, vecindex.L2, vecindex.Params{"M": "8", "efConstruction": "20"}, vecindex.LiveOptions{MaxRows: n, Budget: budget})
	require.NoError(t, err)
	require.NoError(t, x.Extend(t.Context(), head(src, 10_000), 2))
	require.True(t, coded(t, x))
	require.Equal(t, x.Bytes(), budget.Used())

	q := vecindex.Query{Vector: src.Data[:dim], K: 10, Allowed: -1, Params: vecindex.SearchParams{Ef: 20}}
	it, err := x.Iterate(t.Context(), &q)
	require.NoError(t, err)
	hits, err := it.Next(t.Context(), 10, nil)
	require.NoError(t, err)
	require.NoError(t, x.Extend(t.Context(), src, 2))
	require.True(t, coded(t, x))
	held := budget.Used() - x.Bytes()
	require.GreaterOrEqual(t, held, int64(64*10_000))
	for range 50 {
		more, err := it.Next(t.Context(), 10, nil)
		require.NoError(t, err)
		hits = append(hits, more...)
	}
	seen := map[uint32]bool{}
	for _, h := range hits {
		require.Less(t, h.Row, uint32(10_000))
		require.False(t, seen[h.Row])
		seen[h.Row] = true
	}
	it.Close()
	require.NoError(t, x.Extend(t.Context(), src, 2))
	require.Equal(t, x.Bytes(), budget.Used())
	require.NoError(t, x.Close())
	require.Zero(t, budget.Used())
}

// TestLiveCodesYield: memory that is refused costs a graph its codes before rows.
func TestLiveCodesYield(t *testing.T) {
	indextest.SlowUnderRace(t)
	const n, dim, calls = 6000, 32, 12
	src, queries := indextest.Clustered(rand.New(rand.NewPCG(24, 1)), n, 30, dim, 30)
	plain := newLive(t, dim, n, vecindex.L2, nil)
	hnsw.ByVectors(plain)
	require.NoError(t, plain.Extend(t.Context(), src, 1))
	least := plain.Bytes()
	require.NoError(t, plain.Close())
	const codes = 64 * n
	was := map[bool]bool{}
	for _, more := range []int64{0, codes / 8, codes / 3, codes / 2, codes - 1, codes, 2 * codes} {
		budget := mem.NewBudget(least + more)
		x := newLive(t, dim, n, vecindex.L2, budget)
		var ever bool
		for i := range calls {
			so := head(src, n*(i+1)/calls)
			require.NoError(t, x.Extend(t.Context(), so, 1), "%d bytes more", more)
			require.Equal(t, so.Rows(), x.Rows())
			ever = ever || coded(t, x)
		}
		require.True(t, ever)
		require.Equal(t, more >= codes, coded(t, x), "%d bytes more", more)
		was[coded(t, x)] = true
		q := vecindex.Query{K: 10, Allowed: -1, Params: vecindex.SearchParams{Ef: 100}}
		require.GreaterOrEqual(t, indextest.Recall(t, x, indextest.Flat(t, vec.Detect(), src, vecindex.L2), vecindex.L2, queries, q), 0.97)
		require.NoError(t, x.Close())
		require.Zero(t, budget.Used())
	}
	require.Len(t, was, 2)
}

// TestLiveModel has rows of any scale come in calls of any length, some of them
// canceled, while others search and keep iterators: an answer is whole, of rows
// that are there, and its scores are those of the vectors.
func TestLiveModel(t *testing.T) {
	for _, m := range []vecindex.Metric{vecindex.L2, vecindex.IP, vecindex.Cosine} {
		for _, kern := range []vec.Kernels{vec.Detect(), vec.Portable()} {
			for seed := range uint64(2) {
				t.Run(fmt.Sprintf("%v/%v/%d", m, kern, seed), func(t *testing.T) { model(t, kern, m, seed) })
			}
		}
	}
}

func model(t *testing.T, kern vec.Kernels, m vecindex.Metric, seed uint64) {
	const n, dim = 3000, 20
	rng := rand.New(rand.NewPCG(25, seed))
	budget := mem.NewBudget(0)
	x, err := hnsw.Kind(kern).Live(dim, m, vecindex.Params{"M": "6", "efConstruction": "24"}, vecindex.LiveOptions{MaxRows: n, Budget: budget})
	require.NoError(t, err)
	src, _ := indextest.Clustered(rng, n, 0, dim, 30)
	var calls []int // how many rows there are after each
	for done, scale := 0, float32(1); done < n; done = calls[len(calls)-1] {
		calls = append(calls, min(done+1+rng.IntN(600), n))
		scale *= []float32{1, 1, 1, 3, 0.5}[rng.IntN(5)]
		scaled(src, done, calls[len(calls)-1], scale)
	}
	exact := indextest.Flat(t, kern, src, m)
	var stop atomic.Bool
	var answers atomic.Int64
	recoded := 0
	var wg sync.WaitGroup
	for g := range 2 {
		rng := rand.New(rand.NewPCG(seed, uint64(g)))
		wg.Go(func() {
			for !stop.Load() {
				rows := x.Rows()
				if rows == 0 {
					runtime.Gosched()
					continue
				}
				q := vecindex.Query{Vector: make([]float32, dim), K: 10, Allowed: -1, Limit: rows, Params: vecindex.SearchParams{Ef: 20}}
				copy(q.Vector, src.Data[dim*rng.IntN(rows):])
				check(t, exact, m, q, rows, func() ([]vecindex.Hit, error) { return x.Search(t.Context(), &q, nil) })
				it, err := x.Iterate(t.Context(), &q)
				if err != nil {
					t.Error(err)
					return
				}
				for range rng.IntN(6) {
					check(t, exact, m, q, rows, func() ([]vecindex.Hit, error) { return it.Next(t.Context(), 10, nil) })
					time.Sleep(time.Duration(rng.IntN(3)) * time.Millisecond)
				}
				it.Close()
				answers.Add(1)
			}
		})
	}
	var had []byte
	for _, to := range calls {
		for x.Rows() < to {
			ctx := &fuse{Context: t.Context()}
			ctx.left.Store(rng.Int64N(3000))
			if err := x.Extend(ctx, head(src, to), 2); err != nil {
				require.ErrorIs(t, err, context.Canceled)
			}
		}
		if now := indextest.File(t, x)[atCodes:][:12]; !bytes.Equal(now, had) { // kind and bounds
			had = now
			recoded++
		}
	}
	for answers.Load() < 5 {
		runtime.Gosched()
	}
	stop.Store(true)
	wg.Wait()
	t.Logf("%d answers, %d changes of the codes", answers.Load(), recoded)
	require.NoError(t, x.Close())
	require.Zero(t, budget.Used())
}

// check holds hits to what exact says of their rows, one by one.
func check(t *testing.T, exact vecindex.Index, m vecindex.Metric, q vecindex.Query, rows int, ask func() ([]vecindex.Hit, error)) {
	hits, err := ask()
	if err != nil || len(hits) < min(10, rows) && len(hits) > 0 && rows >= 1000 {
		t.Errorf("%d hits of %d rows: %v", len(hits), rows, err)
	}
	skip := make([]uint64, (rows+63)/64)
	for i := range skip {
		skip[i] = math.MaxUint64
	}
	for i, h := range hits {
		if int(h.Row) >= rows {
			t.Errorf("row %d of %d", h.Row, rows)
			return
		}
		if i > 0 && m.Better(h.Score, hits[i-1].Score) {
			t.Errorf("hits %d and %d out of order", i-1, i)
		}
		skip[h.Row/64] &^= 1 << (h.Row % 64)
	}
	q.Skip, q.Limit, q.K = skip, rows, max(len(hits), 1)
	want, err := exact.Search(context.Background(), &q, nil)
	if err != nil || !slices.Equal(want, hits) {
		t.Errorf("%v, by vectors %v: %v", hits, want, err)
	}
}

// TestLiveCanceledJudgement: rows that do not suit the codes are not linked by them
// where a call was canceled before these were judged.
func TestLiveCanceledJudgement(t *testing.T) {
	const n, coded, dim = 1400, 1100, 20
	for _, c := range []struct {
		name string
		move func(v vecindex.Vectors) vecindex.Vectors
	}{
		{"out of the bounds", func(v vecindex.Vectors) vecindex.Vectors { return scaled(v, coded, n, 100) }},
		{"all alike", func(v vecindex.Vectors) vecindex.Vectors { return scaled(v, coded, n, 0.001) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			full, _ := indextest.Clustered(rand.New(rand.NewPCG(27, 1)), n, 0, dim, 30)
			src := c.move(full)
			calls := 0
			for whole := false; !whole; calls++ {
				x, err := hnsw.Kind(vec.Detect()).Live(dim, vecindex.L2, vecindex.Params{"M": "4", "efConstruction": "8"}, vecindex.LiveOptions{MaxRows: n})
				require.NoError(t, err)
				require.NoError(t, x.Extend(t.Context(), head(src, coded), 1))
				had := indextest.File(t, x)[atCodes:][:12]
				ctx := &fuse{Context: t.Context()}
				ctx.left.Store(int64(calls))
				require.ErrorIs(t, x.Extend(ctx, src, 1), context.Canceled)
				whole = x.Rows() > coded
				require.NoError(t, x.Extend(t.Context(), src, 1))
				require.NotEqual(t, had, indextest.File(t, x)[atCodes:][:12], "canceled after %d steps", calls)
				require.NoError(t, x.Close())
			}
			require.Greater(t, calls, 10)
		})
	}
}

// TestLiveFirstLossy: rows that lose what tells them apart are found out among those
// that came, however many before them lost nothing.
func TestLiveFirstLossy(t *testing.T) {
	const n, judged, lossless, dim = 2990, 1500, 2700, 20
	rng := rand.New(rand.NewPCG(28, 1))
	src, _ := whole(rng, n, dim, 0)
	for i := lossless * dim; i < n*dim; i++ {
		src.Data[i] = 100 + 0.2*rng.Float32()
	}
	x, err := hnsw.Kind(vec.Detect()).Live(dim, vecindex.L2, vecindex.Params{"M": "4", "efConstruction": "8"}, vecindex.LiveOptions{MaxRows: n})
	require.NoError(t, err)
	for _, rows := range []int{judged, lossless} {
		require.NoError(t, x.Extend(t.Context(), head(src, rows), 1))
		require.True(t, coded(t, x))
	}
	require.NoError(t, x.Extend(t.Context(), src, 1))
	require.False(t, coded(t, x))
	require.NoError(t, x.Close())
}

// TestLiveThrash: rows that leave the bounds in every call, which are growing
// without end, cost as many new codes as there are steps of an eighth.
func TestLiveThrash(t *testing.T) {
	const n, dim = 4000, 20
	src, _ := indextest.Clustered(rand.New(rand.NewPCG(26, 1)), n, 0, dim, 30)
	x, err := hnsw.Kind(vec.Detect()).Live(dim, vecindex.L2, vecindex.Params{"M": "4", "efConstruction": "16"}, vecindex.LiveOptions{MaxRows: n})
	require.NoError(t, err)
	var had []byte
	changes, scale := 0, float32(1)
	for done := 0; done < n; done += 50 {
		scaled(src, done, done+50, scale)
		scale *= 1.2
		require.NoError(t, x.Extend(t.Context(), head(src, done+50), 1))
		if now := indextest.File(t, x)[atCodes:][:12]; !bytes.Equal(now, had) {
			had = now
			changes++
		}
	}
	t.Logf("%d changes", changes)
	require.Greater(t, changes, 2)
	require.LessOrEqual(t, changes, 2*int(math.Ceil(math.Log(n/1000)/math.Log(1.125)))+2)
	require.NoError(t, x.Close())
}
