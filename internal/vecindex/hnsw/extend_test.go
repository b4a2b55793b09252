package hnsw_test

import (
	"context"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/redkite-db/redkite/internal/mem"
	"github.com/redkite-db/redkite/internal/porttest/indextest"
	"github.com/redkite-db/redkite/internal/vec"
	"github.com/redkite-db/redkite/internal/vecindex"
	"github.com/redkite-db/redkite/internal/vecindex/hnsw"
)

func TestExtend(t *testing.T) {
	kern := vec.Detect()
	indextest.RunExtend(t, indextest.Extension{
		Kernels: kern, Kind: hnsw.Kind(kern), Metrics: metrics, Rows: 6000,
		Params: vecindex.Params{"M": "8", "efConstruction": "100"}, Search: extendedEf,
	})
}

// extendedEf is such that a search misses a few rows, but for IP not those
// queries whose rows no walk of these lists gets at.
func extendedEf(m vecindex.Metric) vecindex.SearchParams {
	if m == vecindex.IP {
		return vecindex.SearchParams{Ef: 150}
	}
	return vecindex.SearchParams{Ef: 20}
}

// TestExtendKinds: what is walked on in the end takes no part in the extension.
func TestExtendKinds(t *testing.T) {
	kern := vec.Detect()
	for _, c := range []struct {
		kind string
		p    vecindex.Params
	}{{"HNSW_SQ", vecindex.Params{"sq_type": "SQ4U"}}, {"HNSW_PQ", vecindex.Params{"m": "16"}}} {
		t.Run(c.kind, func(t *testing.T) {
			p := vecindex.Params{"M": "8", "efConstruction": "100"}
			for k, v := range c.p {
				p[k] = v
			}
			indextest.RunExtend(t, indextest.Extension{
				Kernels: kern, Kind: kindNamed(t, kern, c.kind), Metrics: []vecindex.Metric{vecindex.L2}, Rows: 3000,
				Params: p, Search: extendedEf,
			})
		})
	}
}

// TestExtendVectors extends graphs that codes do not serve, before or after.
func TestExtendVectors(t *testing.T) {
	const n, dim = 3000, 16
	p := vecindex.Params{"M": "8", "efConstruction": "60"}
	kern := vec.Detect()
	for name, change := range map[string]func(v vecindex.Vectors, row int){
		"all": func(v vecindex.Vectors, row int) { v.Data[row*dim] = float32(row%7) * 1e6 },
		"after": func(v vecindex.Vectors, row int) {
			if row > n*8/10 {
				v.Data[row*dim] = float32(row) * 1e5
			}
		},
	} {
		rng := rand.New(rand.NewPCG(61, 1))
		src, queries := indextest.Clustered(rng, n, 100, dim, 10)
		for row := range n {
			change(src, row)
		}
		c := indextest.Compact(rng, src, 1, func(row int) bool { return row%10 == 0 })
		if name == "after" {
			had := n * 8 / 10
			c = indextest.Compaction{Earlier: head(src, had), Result: src, From: make([]int32, had)}
			for row := range c.From {
				c.From[row] = int32(row)
			}
		}
		x := indextest.Build(t, indextest.Extended(t, hnsw.Kind(kern), c, vecindex.L2, p), c.Result, vecindex.L2, p, vecindex.BuildOptions{Threads: 2})
		require.Zero(t, binary.LittleEndian.Uint32(indextest.File(t, x)[208:]), "%s: codes", name)
		got := indextest.Recall(t, x, indextest.Flat(t, kern, c.Result, vecindex.L2), vecindex.L2, queries, vecindex.Query{K: 10, Allowed: -1, Params: vecindex.SearchParams{Ef: 100}})
		t.Logf("%s: recall %.4f", name, got)
		require.GreaterOrEqual(t, got, 0.97)
	}
}

// TestExtendManyTimes compacts one index again and again, as the largest segment
// of a partition is.
func TestExtendManyTimes(t *testing.T) {
	indextest.SlowUnderRace(t)
	const dim, queried = 16, 200
	p := vecindex.Params{"M": "8", "efConstruction": "80"}
	rng := rand.New(rand.NewPCG(62, 1))
	all, queries := indextest.Clustered(rng, 12_000, queried, dim, 40)
	kind := hnsw.Kind(vec.Detect())
	rows, added := head(all, 2000), 2000
	x := build(t, vec.Detect(), rows, vecindex.L2, p, vecindex.BuildOptions{})
	for turn := range 8 {
		// A third of the rows goes, and as many and more come.
		c := indextest.Compaction{Earlier: rows, Result: vecindex.Vectors{Dimension: dim}}
		for row := range rows.Rows() {
			if rng.IntN(3) == 0 {
				c.From = append(c.From, vecindex.Gone)
				continue
			}
			c.From = append(c.From, int32(c.Result.Rows()))
			c.Result.Data = append(c.Result.Data, rows.Data[row*dim:(row+1)*dim]...)
		}
		c.Result.Data = append(c.Result.Data, all.Data[added*dim:(added+1000)*dim]...)
		added += 1000
		y, err := kind.Extend(t.Context(), vecindex.Earlier{File: mem.FromBytes(indextest.File(t, x)), Rows: rows, Map: c.From}, c.Result, vecindex.L2, p,
			vecindex.BuildOptions{Threads: 1, Seed: uint64(turn)})
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, y.Close()) })
		x, rows = y, c.Result
	}
	q := vecindex.Query{K: 10, Allowed: -1, Params: vecindex.SearchParams{Ef: 40}}
	exact := indextest.Flat(t, vec.Detect(), rows, vecindex.L2)
	got := indextest.Recall(t, x, exact, vecindex.L2, queries, q)
	want := indextest.Recall(t, build(t, vec.Detect(), rows, vecindex.L2, p, vecindex.BuildOptions{}), exact, vecindex.L2, queries, q)
	t.Logf("recall %.4f, built %.4f", got, want)
	require.GreaterOrEqual(t, got, want-0.005)
}

func TestExtendEndsWhenCanceled(t *testing.T) {
	indextest.SlowUnderRace(t)
	rng := rand.New(rand.NewPCG(63, 1))
	src, _ := indextest.Clustered(rng, 12_000, 0, 24, 20)
	p := vecindex.Params{"M": "8", "efConstruction": "40"}
	for _, m := range []vecindex.Metric{vecindex.L2, vecindex.Cosine} {
		c := indextest.Compact(rng, src, 0.6, func(row int) bool { return row%8 == 0 })
		cancellation := indextest.Cancellation{Kind: indextest.Extended(t, hnsw.Kind(vec.Detect()), c, m, p), Source: c.Result, Metric: m, Params: p}
		indextest.Cancel(t, cancellation)
		indextest.CancelReports(t, cancellation)
		indextest.Budget(t, cancellation, 1)
	}
}

// TestNotExtended: what does not suit is refused by name and leaves nothing.
func TestNotExtended(t *testing.T) {
	const n, dim = 1000, 8
	rng := rand.New(rand.NewPCG(64, 1))
	src, _ := indextest.Clustered(rng, n, 0, dim, 5)
	kind := hnsw.Kind(vec.Detect())
	p := vecindex.Params{"M": "8", "efConstruction": "40"}
	c := indextest.Compact(rng, src, 0.6, func(int) bool { return false })
	set := func(at int, to int32) func(e *vecindex.Earlier) {
		return func(e *vecindex.Earlier) {
			e.Map = slices.Clone(e.Map)
			e.Map[at] = to
		}
	}
	most := func(e *vecindex.Earlier) {
		e.Map = slices.Clone(e.Map)
		for row := range e.Map[:350] {
			e.Map[row] = vecindex.Gone
		}
	}
	for _, tc := range []struct {
		name   string
		params vecindex.Params
		change func(e *vecindex.Earlier)
		want   string
	}{
		{"M", vecindex.Params{"M": "9", "efConstruction": "40"}, nil, "M 8 and efConstruction 40 in the file, 9 and 40 wanted"},
		{"efConstruction", vecindex.Params{"M": "8", "efConstruction": "41"}, nil, "40 in the file, 8 and 41 wanted"},
		{"short map", p, func(e *vecindex.Earlier) { e.Map = e.Map[1:] }, "a map of"},
		{"row twice", p, set(1, c.From[0]), "row 1 is to be row"},
		{"row below", p, set(2, -2), "row 2 is to be row -2 of 1000"},
		{"row beyond", p, set(2, n), "row 2 is to be row 1000 of 1000"},
		{"most gone", p, most, "nodes are left for 1000"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			x := indextest.Build(t, kind, c.Earlier, vecindex.L2, p, vecindex.BuildOptions{Threads: 1})
			e := vecindex.Earlier{File: mem.FromBytes(indextest.File(t, x)), Rows: c.Earlier, Map: c.From}
			if tc.change != nil {
				tc.change(&e)
			}
			notExtended(t, kind, e, c.Result, vecindex.L2, tc.params, tc.want)
		})
	}
	t.Run("few", func(t *testing.T) {
		few := indextest.Compact(rng, src, 0.1, func(int) bool { return false })
		x := indextest.Build(t, kind, few.Earlier, vecindex.L2, p, vecindex.BuildOptions{Threads: 1})
		e := vecindex.Earlier{File: mem.FromBytes(indextest.File(t, x)), Rows: few.Earlier, Map: few.From}
		notExtended(t, kind, e, few.Result, vecindex.L2, p, "nodes are left for 1000")
	})
	t.Run("longer rows", func(t *testing.T) {
		longer := vecindex.Vectors{Data: slices.Clone(c.Result.Data), Dimension: dim}
		for i := range longer.Data {
			longer.Data[i] *= 3
		}
		x := indextest.Build(t, kind, c.Earlier, vecindex.IP, p, vecindex.BuildOptions{Threads: 1})
		e := vecindex.Earlier{File: mem.FromBytes(indextest.File(t, x)), Rows: c.Earlier, Map: c.From}
		notExtended(t, kind, e, longer, vecindex.IP, p, "rows are lifted to")
	})
}

func notExtended(t *testing.T, kind vecindex.Kind, e vecindex.Earlier, s vecindex.Source, m vecindex.Metric, p vecindex.Params, want string) {
	t.Helper()
	budget := mem.NewBudget(0)
	x, err := kind.Extend(t.Context(), e, s, m, p, vecindex.BuildOptions{Threads: 2, Budget: budget})
	require.ErrorIs(t, err, vecindex.ErrNotExtended)
	require.ErrorContains(t, err, want)
	require.True(t, x == nil, "an index beside the error")
	require.Zero(t, budget.Used())
	require.False(t, e.File.TryPin(), "the pin is given back")
}

// TestExtendElements extends graphs over rows that are no floats of 32 bits.
func TestExtendElements(t *testing.T) {
	const n, dim = 1500, 16
	rng := rand.New(rand.NewPCG(65, 1))
	bytes := make([]byte, n*dim)
	for i := range bytes {
		bytes[i] = byte(rng.IntN(40))
	}
	p := vecindex.Params{"M": "8", "efConstruction": "60"}
	src := vecindex.Packed{Data: vec.Packed(vec.Int8s, dim, bytes)}
	half := vecindex.Packed{Data: vec.Packed(vec.Int8s, dim, bytes[:n/2*dim])}
	kind := hnsw.Kind(vec.Detect())
	from := make([]int32, n/2)
	for row := range from {
		from[row] = int32(row)
	}
	x := indextest.Build(t, kind, half, vecindex.L2, p, vecindex.BuildOptions{Threads: 1})
	e := vecindex.Earlier{File: mem.FromBytes(indextest.File(t, x)), Rows: half, Map: from}
	y, err := kind.Extend(t.Context(), e, src, vecindex.L2, p, vecindex.BuildOptions{Threads: 1})
	require.NoError(t, err)
	for row := range n {
		q := vecindex.Query{Bytes: bytes[row*dim : (row+1)*dim], K: 1, Allowed: -1, Params: vecindex.SearchParams{Ef: 64}}
		require.Zero(t, indextest.Search(t, y, q)[0].Score, "row %d", row)
	}
	require.NoError(t, y.Close())

	e.File = mem.FromBytes(indextest.File(t, x))
	floats := vecindex.Vectors{Data: make([]float32, n*dim), Dimension: dim}
	notExtended(t, kind, e, floats, vecindex.L2, p, "INT8_VECTOR in the file")
}

// FuzzExtend extends damaged files, whose checksums are right half of the time,
// and searches what comes of it.
func FuzzExtend(f *testing.F) {
	const n, dim = 300, 3
	rng := rand.New(rand.NewPCG(66, 3))
	src, _ := indextest.Clustered(rng, n, 0, dim, 5)
	c := indextest.Compact(rng, src, 0.7, func(row int) bool { return row%9 == 0 })
	kind := hnsw.Kind(vec.Detect())
	p := vecindex.Params{"M": "3", "efConstruction": "9"}
	x, err := kind.Build(context.Background(), c.Earlier, vecindex.Cosine, p, vecindex.BuildOptions{Threads: 1})
	require.NoError(f, err)
	good := indextest.File(f, x)
	require.NoError(f, x.Close())
	f.Add(uint32(0), []byte{}, uint32(len(good)), true)
	for at := uint32(0); at < uint32(len(good)); at += 44 {
		f.Add(at, []byte{255, 255, 255, 255}, uint32(len(good)), true)
		f.Add(at, []byte{1, 0, 0, 0}, uint32(len(good)), true)
		f.Add(at, []byte{7, 0, 0, 0, 8, 0, 0, 0}, uint32(len(good)), at%8 == 0)
	}
	f.Fuzz(func(t *testing.T, at uint32, patch []byte, size uint32, sealed bool) {
		b := indextest.Patched(good, at, patch, size)
		if sealed {
			seal(b)
		}
		e := vecindex.Earlier{File: mem.FromBytes(b), Rows: c.Earlier, Map: c.From}
		x, err := kind.Extend(t.Context(), e, c.Result, vecindex.Cosine, p, vecindex.BuildOptions{Threads: 2})
		if err != nil {
			require.True(t, errors.Is(err, vecindex.ErrBadFile) || errors.Is(err, vecindex.ErrNotExtended), "%v", err)
			return
		}
		for i := range 3 {
			q := vecindex.Query{Vector: src.Data[i*dim : (i+1)*dim], K: 5, Allowed: -1, Params: vecindex.SearchParams{Ef: 5}}
			require.Len(t, indextest.Search(t, x, q), 5)
		}
		require.NoError(t, x.Close())
	})
}
