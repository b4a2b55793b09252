// Package indextest holds the conformance suites of vecindex.Index, which the
// kinds run, and the rows, filters and files that their tests are made of.
package indextest

import (
	"context"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/redkite-db/redkite/internal/column"
	"github.com/redkite-db/redkite/internal/vec"
	"github.com/redkite-db/redkite/internal/vecindex"
)

// Config says what is checked.
type Config struct {
	Kernels vec.Kernels
	// Build makes an index over src that is closed with the test.
	Build func(t *testing.T, src vecindex.Source, m vecindex.Metric) vecindex.Index
	// Params of a query; Wide are those by which every row is found.
	Params, Wide vecindex.SearchParams
	// Element of the rows, and the metrics; without them float32 by L2, IP and
	// COSINE.
	Element vecindex.Element
	Metrics []vecindex.Metric
	// Dim of the vectors; 0: 12, of bits 64.
	Dim int
	// Exact: the order is that of FLAT.
	Exact bool
	// Recall is the least share that the first hits of an iterator and those of a
	// range search have of the exact ones.
	Recall float64
	// Large is the number of rows of the largest test; 0: 100,000.
	Large int
}

// Run checks a kind of index.
func Run(t *testing.T, c Config) {
	if c.Large == 0 {
		c.Large = 100_000
	}
	if c.Element == 0 {
		c.Element = vecindex.Float32
	}
	if c.Metrics == nil {
		c.Metrics = metrics
	}
	for _, m := range c.Metrics {
		t.Run(m.String(), func(t *testing.T) {
			rng := rand.New(rand.NewPCG(uint64(m), 17))
			for _, rows := range []int{1, 63, 900, 12_000} {
				f := c.fixture(t, rng, m, rows, false)
				f.filters(t, rng)
				f.ranges(t, rng)
			}
			nulls := c.fixture(t, rng, m, 15_000, true)
			nulls.filters(t, rng)
			nulls.ranges(t, rng)
			nulls.cancels(t)
		})
	}
	t.Run("Large", func(t *testing.T) {
		rng := rand.New(rand.NewPCG(3, 18))
		f := c.fixture(t, rng, c.Metrics[0], c.Large, false)
		f.drain(t, rng, f.query(rng, 500))
	})
}

// fixture is an index, and FLAT over the same rows.
type fixture struct {
	Config
	metric   vecindex.Metric
	rows     vecindex.Vectors // of which src is made
	src      vecindex.Source
	x, exact vecindex.Index
	near     int // of the first hits of all iterators, those that are among the first of FLAT
	first    int
}

func (c Config) fixture(t *testing.T, rng *rand.Rand, m vecindex.Metric, rows int, nulls bool) *fixture {
	t.Helper()
	dim := c.Dim
	if dim == 0 {
		dim = 12
		if c.Element == vecindex.Binary {
			dim = 64
		}
	}
	f := &fixture{Config: c, metric: m, rows: vecindex.Vectors{Data: make([]float32, rows*dim), Dimension: dim}}
	mid := make([]float32, 30*dim)
	for i := range mid {
		mid[i] = float32(rng.NormFloat64())
	}
	for r := range rows {
		center := rng.IntN(30) * dim
		for i := range dim {
			f.rows.Data[r*dim+i] = mid[center+i] + 0.4*float32(rng.NormFloat64())
		}
		if r > 0 && rng.IntN(8) == 0 { // equal scores
			copy(f.rows.Data[r*dim:(r+1)*dim], f.rows.Data[(r-1)*dim:])
		}
	}
	if nulls {
		f.rows.Present = column.NewBitset(rows)
		for r := range rows {
			if rng.IntN(3) > 0 {
				f.rows.Present.Set(r)
			} else {
				clear(f.rows.Data[r*dim : (r+1)*dim])
			}
		}
	}
	f.src = Typed(c.Element, f.rows)
	f.x = c.Build(t, f.src, m)
	f.exact = Flat(t, c.Kernels, f.src, m)
	return f
}

// query returns one for batches of about k rows, by Params.
func (f *fixture) query(rng *rand.Rand, k int) *vecindex.Query {
	dim := f.rows.Dimension
	v := make([]float32, dim)
	for i := range v {
		v[i] = float32(rng.NormFloat64())
	}
	if rng.IntN(4) == 0 {
		copy(v, f.rows.Data[rng.IntN(f.rows.Rows())*dim:])
	}
	q := QueryOf(f.Element, v)
	q.K, q.Params, q.Allowed = k, f.Params, -1
	return &q
}

// skip returns a filter that lets about a share of the rows pass, and no row
// without a vector.
func (f *fixture) skip(rng *rand.Rand, share float64) []uint64 {
	return SkipOf(f.rows, RandomSkip(rng, f.src.Rows(), share))
}

// filters drains iterators with filters of every kind.
func (f *fixture) filters(t *testing.T, rng *rand.Rand) {
	t.Helper()
	for _, share := range []float64{0, 0.001, 0.02, 0.5, 1} {
		q := f.query(rng, 1+rng.IntN(200))
		q.Skip = f.skip(rng, share)
		f.drain(t, rng, q)
		q.Limit = 1 + rng.IntN(f.src.Rows())
		f.drain(t, rng, q)
	}
	if f.rows.Present.IsZero() {
		for range 5 {
			q := f.query(rng, 10)
			q.Allowed = f.src.Rows()
			f.drain(t, rng, q)
		}
	}
	require.GreaterOrEqual(t, float64(f.near), f.Recall*float64(f.first), "of the first hits of %d rows", f.src.Rows())
}

// drain takes all hits of an iterator in batches of random sizes and compares
// them with all hits of FLAT.
func (f *fixture) drain(t *testing.T, rng *rand.Rand, q *vecindex.Query) {
	t.Helper()
	all := *q
	all.K = f.src.Rows()
	want, err := f.exact.Search(t.Context(), &all, nil)
	require.NoError(t, err)
	it, err := f.x.Iterate(t.Context(), q)
	require.NoError(t, err)
	defer it.Close()
	var got []vecindex.Hit
	first := 0
	for step := 0; ; step++ {
		n := 1 + rng.IntN(2*q.K)
		before := len(got)
		got, err = it.Next(t.Context(), n, got)
		require.NoError(t, err)
		if step == 0 {
			first = len(got)
		}
		if step == 1 { // a search meanwhile is not disturbed, and does not disturb
			near := *q
			near.K = 5
			_, err := f.x.Search(t.Context(), &near, nil)
			require.NoError(t, err)
		}
		require.GreaterOrEqual(t, it.Bytes(), int64(0))
		if len(got)-before < n {
			break
		}
	}
	more, err := it.Next(t.Context(), 3, nil)
	require.NoError(t, err)
	require.Empty(t, more, "hits behind the end")
	if f.Exact {
		require.Equal(t, want, got)
		return
	}
	near := map[uint32]bool{}
	for _, h := range want[:first] {
		near[h.Row] = true
	}
	for _, h := range got[:first] {
		if near[h.Row] || !f.metric.Better(want[first-1].Score, h.Score) {
			f.near++
		}
	}
	f.first += first
	vecindex.Sort(f.metric, got)
	require.Equal(t, want, got, "rows, each once, with their scores")
}

// ranges compares range searches with FLAT's.
func (f *fixture) ranges(t *testing.T, rng *rand.Rand) {
	t.Helper()
	if f.metric.IsMatch() {
		return // has no ranges
	}
	found, all := 0, 0
	for _, share := range []float64{1, 0.3} {
		for range 12 {
			q := f.query(rng, f.src.Rows())
			q.Skip = f.skip(rng, share)
			everything, err := f.exact.Search(t.Context(), q, nil)
			require.NoError(t, err)
			q.K, q.Range = 1+rng.IntN(f.src.Rows()), f.bounds(rng, everything)
			var want []vecindex.Hit
			for _, h := range everything {
				if d := f.metric.Distance(h.Score); d >= q.Range.Low && d < q.Range.High && len(want) < q.K {
					want = append(want, h)
				}
			}
			got := f.rangeSearch(t, f.exact, q)
			require.Equal(t, want, got, "FLAT, %v", *q.Range)
			got = f.rangeSearch(t, f.x, q)
			require.LessOrEqual(t, len(got), len(want))
			all += len(want)
			found += len(got)
			q.Params = f.Wide
			require.Equal(t, want, f.rangeSearch(t, f.x, q), "at full width")
		}
	}
	require.GreaterOrEqual(t, float64(found), f.Recall*float64(all), "hits of ranges")
}

// bounds returns a range between the distances of two hits, or open.
func (f *fixture) bounds(rng *rand.Rand, hits []vecindex.Hit) *vecindex.Range {
	at := func() float32 {
		if len(hits) == 0 {
			return 1
		}
		return f.metric.Distance(hits[min(int(rng.ExpFloat64()*float64(len(hits))/20), len(hits)-1)].Score)
	}
	r := &vecindex.Range{Low: at(), High: at()}
	if r.Low > r.High {
		r.Low, r.High = r.High, r.Low
	}
	switch rng.IntN(4) {
	case 0:
		r.Low = float32(math.Inf(-1))
	case 1:
		r.High = float32(math.Inf(1))
	}
	return r
}

// rangeSearch searches, and iterates, and holds both to the law.
func (f *fixture) rangeSearch(t *testing.T, x vecindex.Index, q *vecindex.Query) []vecindex.Hit {
	t.Helper()
	hits, err := x.Search(t.Context(), q, nil)
	require.NoError(t, err)
	sorted := slices.Clone(hits)
	vecindex.Sort(f.metric, sorted)
	require.Equal(t, sorted, hits, "best first")
	it, err := x.Iterate(t.Context(), q)
	require.NoError(t, err)
	defer it.Close()
	some, err := it.Next(t.Context(), q.K, nil)
	require.NoError(t, err)
	for i, h := range append(slices.Clone(some), hits...) {
		d := f.metric.Distance(h.Score)
		require.True(t, d >= q.Range.Low && d < q.Range.High, "hit %d: %v is not in %v", i, d, *q.Range)
	}
	require.Len(t, some, len(hits))
	return hits
}

// cancels checks that a canceled context is an error, and no more.
func (f *fixture) cancels(t *testing.T) {
	t.Helper()
	rng := rand.New(rand.NewPCG(5, 5))
	q := f.query(rng, 10)
	q.Skip = f.skip(rng, 1)
	ctx, cancel := context.WithCancel(t.Context())
	it, err := f.x.Iterate(ctx, q)
	require.NoError(t, err)
	_, err = it.Next(ctx, 5, nil)
	require.NoError(t, err)
	cancel()
	_, err = it.Next(ctx, f.src.Rows(), nil)
	require.ErrorIs(t, err, context.Canceled)
	it.Close()
	it.Close() // once more changes nothing
	_, err = f.x.Iterate(ctx, q)
	require.ErrorIs(t, err, context.Canceled)
	other := vecindex.Query{K: 1}
	if len(q.Vector) > 0 {
		other.Vector = q.Vector[1:]
	} else {
		other.Bytes = q.Bytes[1:]
	}
	_, err = f.x.Iterate(t.Context(), &other)
	require.Error(t, err, "a vector of another dimension")
	f.drain(t, rng, q)
}
