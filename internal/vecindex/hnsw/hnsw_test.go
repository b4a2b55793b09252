package hnsw_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/redkite-db/redkite/internal/porttest/indextest"
	"github.com/redkite-db/redkite/internal/vec"
	"github.com/redkite-db/redkite/internal/vecindex"
	"github.com/redkite-db/redkite/internal/vecindex/hnsw"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var metrics = []vecindex.Metric{vecindex.L2, vecindex.IP, vecindex.Cosine}

func build(t testing.TB, kern vec.Kernels, src vecindex.Source, m vecindex.Metric, p vecindex.Params, o vecindex.BuildOptions) vecindex.Index {
	t.Helper()
	o.Threads = max(o.Threads, 1) // one: every run sees the same graph
	return indextest.Build(t, hnsw.Kind(kern), src, m, p, o)
}

func TestRecall(t *testing.T) {
	indextest.SlowUnderRace(t)
	rng := rand.New(rand.NewPCG(1, 1))
	src, queries := indextest.Clustered(rng, 6000, 100, 24, 40)
	copy(queries.Data, src.Data[:50*24]) // half of them are rows
	for i, kern := range vec.All() {
		for _, m := range metrics {
			for j, c := range []struct {
				m, efc, ef, k int
				floor         float64
			}{{8, 100, 64, 10, 0.97}, {16, 200, 64, 10, 0.97}, {4, 60, 100, 1, 0.9}, {48, 100, 200, 100, 0.97}} {
				if i > 0 && j > 0 {
					break // one shape is enough for a slower kernel
				}
				t.Run(fmt.Sprintf("%v/%v/M=%d/ef=%d", kern, m, c.m, c.ef), func(t *testing.T) {
					x := build(t, kern, src, m, vecindex.Params{"M": fmt.Sprint(c.m), "efConstruction": fmt.Sprint(c.efc)}, vecindex.BuildOptions{})
					require.Equal(t, 6000, x.Rows())
					got := indextest.Recall(t, x, indextest.Flat(t, kern, src, m), m, queries, vecindex.Query{K: c.k, Allowed: -1, Params: vecindex.SearchParams{Ef: c.ef}})
					t.Logf("recall %.4f", got)
					require.GreaterOrEqual(t, got, c.floor)
				})
			}
		}
	}
}

// TestSmall covers the sizes at which a graph begins, and k beyond its rows.
func TestSmall(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 2))
	for _, n := range []int{0, 1, 2, 3, 17, 100} {
		for _, m := range metrics {
			src, queries := indextest.Clustered(rng, n, 5, 7, 3)
			x := build(t, vec.Detect(), src, m, vecindex.Params{"M": "2", "efConstruction": "4"}, vecindex.BuildOptions{})
			for _, k := range []int{1, 10, 500} {
				require.EqualValues(t, 1, indextest.Recall(t, x, indextest.Flat(t, vec.Detect(), src, m), m, queries, vecindex.Query{K: k, Allowed: -1}))
			}
		}
	}
}

// TestDuplicates: rows that are copies of each other neither hide the others
// nor each other.
func TestDuplicates(t *testing.T) {
	indextest.SlowUnderRace(t)
	const dim = 16
	rng := rand.New(rand.NewPCG(3, 3))
	for _, m := range metrics {
		src, queries := indextest.Clustered(rng, 6000, 50, dim, 20)
		for r := 1000; r < 3500; r++ { // 2,500 copies of row 0, then 500 of others
			copy(src.Data[r*dim:(r+1)*dim], src.Data[:dim])
		}
		for r := 3500; r < 4000; r++ {
			copy(src.Data[r*dim:(r+1)*dim], src.Data[(r%100)*dim:])
		}
		x := build(t, vec.Detect(), src, m, vecindex.Params{"M": "16", "efConstruction": "100"}, vecindex.BuildOptions{Threads: 2})
		queries.Data = append(queries.Data, src.Data[:50*dim]...)
		got := indextest.Recall(t, x, indextest.Flat(t, vec.Detect(), src, m), m, queries, vecindex.Query{K: 10, Allowed: -1, Params: vecindex.SearchParams{Ef: 64}})
		t.Logf("%v: recall %.4f", m, got)
		require.GreaterOrEqual(t, got, 0.95)
	}
}

// TestSameGraph: one thread and one seed give one file, another seed another.
func TestSameGraph(t *testing.T) {
	src, _ := indextest.Clustered(rand.New(rand.NewPCG(4, 4)), 1500, 0, 8, 10)
	p := vecindex.Params{"M": "8", "efConstruction": "40"}
	var files []string
	for _, seed := range []uint64{7, 7, 8} {
		x := build(t, vec.Detect(), src, vecindex.Cosine, p, vecindex.BuildOptions{Threads: 1, Seed: seed})
		files = append(files, string(indextest.File(t, x)))
	}
	require.Equal(t, files[0], files[1])
	require.NotEqual(t, files[0], files[2])
}

func TestParams(t *testing.T) {
	kind := hnsw.Kind(vec.Detect())
	require.NoError(t, kind.Check(vecindex.Params{}, 8, vecindex.L2))
	require.NoError(t, kind.Check(vecindex.Params{"M": "16", "efConstruction": "200", "anything": "nothing", "refine": "false"}, 8, vecindex.L2))
	for p, want := range map[[2]string]string{
		{"M", "1"}:               "Out of range in json: param 'M' (1) should be in range [2, 2048]",
		{"efConstruction", "0"}:  "Out of range in json: param 'efConstruction' (0) should be in range [1, 2147483647]",
		{"M", "16.0"}:            "wrong data type in json, key: 'M', value: '16.0'",
		{"refine", "true"}:       "refine is not supported for this index",
		{"refine_type", "FP16"}:  "refine is not supported for this index",
		{"efConstruction", "[]"}: "invalid integer value, key: 'efConstruction', value: '[]'",
	} {
		var pe vecindex.ParamError
		err := kind.Check(vecindex.Params{p[0]: p[1]}, 8, vecindex.L2)
		require.ErrorAs(t, err, &pe)
		require.EqualError(t, err, want)
	}

	sp, err := kind.CheckSearch(map[string]any{"ef": "32", "unknown": true}, 10)
	require.NoError(t, err)
	require.Equal(t, 32, sp.Ef)
	sp, err = kind.CheckSearch(nil, 100)
	require.NoError(t, err)
	require.Equal(t, 150, sp.Ef)
	_, err = kind.CheckSearch(map[string]any{"ef": 1}, 10)
	require.EqualError(t, err, "ef(1) should be larger than k(10)")
	_, err = kind.CheckSearch(map[string]any{"ef": 10}, 10)
	require.NoError(t, err)
}

// TestSearchAllocates holds a search to no allocation once its memory is warm.
func TestSearchAllocates(t *testing.T) {
	indextest.SlowUnderRace(t)
	rng := rand.New(rand.NewPCG(5, 5))
	src, _ := indextest.Clustered(rng, 8000, 0, 16, 30)
	skip := indextest.RandomSkip(rng, 8000, 0.6)
	few := indextest.RandomSkip(rng, 8000, 0.01)
	for _, m := range metrics {
		x := build(t, vec.Detect(), src, m, vecindex.Params{"M": "8", "efConstruction": "40"}, vecindex.BuildOptions{})
		for name, q := range map[string]*vecindex.Query{
			"all":  {Vector: src.Data[:16], K: 10, Allowed: -1, Params: vecindex.SearchParams{Ef: 40}},
			"most": {Vector: src.Data[:16], K: 10, Skip: skip, Allowed: -1, Params: vecindex.SearchParams{Ef: 40}},
			"few":  {Vector: src.Data[:16], K: 10, Skip: few, Allowed: -1, Params: vecindex.SearchParams{Ef: 40}},
		} {
			out := make([]vecindex.Hit, 0, 10)
			allocs := testing.AllocsPerRun(100, func() {
				var err error
				if out, err = x.Search(context.Background(), q, out[:0]); err != nil || len(out) != 10 {
					t.Fatal(len(out), err)
				}
			})
			// A collection during the run may empty the pool once.
			if allocs >= 1 {
				t.Errorf("%v/%s: %v allocations a search", m, name, allocs)
			}
		}
	}
}

// TestSIFT runs on a sample of real vectors.
func TestSIFT(t *testing.T) {
	indextest.SlowUnderRace(t)
	const n, dim = 40_000, 128
	dir := os.Getenv("REDKITE_TEST_DATA")
	if dir == "" {
		t.Skip("REDKITE_TEST_DATA does not name a folder with sift200k/base.u8 and query.u8")
	}
	read := func(name string, rows int) vecindex.Vectors {
		b, err := os.ReadFile(filepath.Join(dir, "sift200k", name))
		require.NoError(t, err)
		v := make([]float32, rows*dim)
		for i, x := range b[:len(v)] {
			v[i] = float32(x)
		}
		return vecindex.Vectors{Data: v, Dimension: dim}
	}
	src, queries := read("base.u8", n), read("query.u8", 200)
	exact := indextest.Flat(t, vec.Detect(), src, vecindex.L2)
	x := build(t, vec.Detect(), src, vecindex.L2, vecindex.Params{"M": "16", "efConstruction": "200"}, vecindex.BuildOptions{Threads: 2})
	rng := rand.New(rand.NewPCG(6, 6))
	for _, share := range []float64{1, 0.5, 0.1, 0.01} {
		q := vecindex.Query{K: 10, Allowed: -1, Params: vecindex.SearchParams{Ef: 64}}
		if share < 1 {
			q.Skip = indextest.RandomSkip(rng, n, share)
		}
		got := indextest.Recall(t, x, exact, vecindex.L2, queries, q)
		t.Logf("share %v: recall %.4f", share, got)
		require.GreaterOrEqual(t, got, 0.95)
	}
}
