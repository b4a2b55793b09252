//go:build !windows

package coderhnsw_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"hash/crc32"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/redkite-db/redkite/internal/column"
	"github.com/redkite-db/redkite/internal/mem"
	"github.com/redkite-db/redkite/internal/porttest/doctest"
	"github.com/redkite-db/redkite/internal/porttest/indextest"
	"github.com/redkite-db/redkite/internal/vec"
	"github.com/redkite-db/redkite/internal/vecindex"
	"github.com/redkite-db/redkite/internal/vecindex/coderhnsw"
	"github.com/redkite-db/redkite/internal/vecindex/hnsw"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	metrics = []vecindex.Metric{vecindex.L2, vecindex.IP, vecindex.Cosine}
	coder   = vecindex.Params{"engine": "coder", "M": "16", "efConstruction": "100"}
)

func kind() vecindex.Kind { return coderhnsw.Kind(vec.Detect(), hnsw.Kind(vec.Detect())) }

func build(t testing.TB, src vecindex.Source, m vecindex.Metric) vecindex.Index {
	t.Helper()
	return indextest.Build(t, kind(), src, m, coder, vecindex.BuildOptions{Threads: 1, Seed: 5})
}

// TestRecall: the library's order of maps is random, so that the floors are far
// below what it mostly reaches.
func TestRecall(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	src, queries := indextest.Clustered(rng, 3000, 40, 16, 20)
	for _, m := range metrics {
		x, exact := build(t, src, m), indextest.Flat(t, vec.Detect(), src, m)
		back, err := kind().Open(mem.FromBytes(indextest.File(t, x)), src, m, nil)
		require.NoError(t, err)
		require.Equal(t, 3000, back.Rows())
		require.Equal(t, x.Bytes(), back.Bytes())
		floor := map[vecindex.Metric]float64{vecindex.L2: 0.8, vecindex.Cosine: 0.8}[m] // IP is no distance, the library no index for it
		for _, x := range []vecindex.Index{x, back} {
			q := vecindex.Query{K: 10, Allowed: -1, Params: vecindex.SearchParams{Ef: 100}}
			got := indextest.Recall(t, x, exact, m, queries, q)
			t.Logf("%v: recall %.3f", m, got)
			require.GreaterOrEqual(t, got, floor)
			q.Skip = indextest.RandomSkip(rng, 3000, 0.6)
			require.GreaterOrEqual(t, indextest.Recall(t, x, exact, m, queries, q), floor-0.1)
			q.Skip = indextest.RandomSkip(rng, 3000, 0.05)
			require.EqualValues(t, 1, indextest.Recall(t, x, exact, m, queries, q), "a scan")
		}
		require.NoError(t, back.Close())
	}
}

// TestSmall covers few rows, rows without a vector, and k beyond them.
func TestSmall(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 2))
	for _, n := range []int{0, 1, 2, 70, 600} {
		for _, m := range metrics {
			src, queries := indextest.Clustered(rng, n, 4, 8, 3)
			for _, share := range []float64{1, 0.4, 0} {
				src.Present = column.Bitset{}
				q := vecindex.Query{Allowed: -1}
				if share < 1 {
					src.Present = column.NewBitset(n)
					for r := range n {
						if rng.Float64() < share {
							src.Present.Set(r)
						}
					}
					nulls := src.Present.Clone()
					nulls.Not()
					q.Skip = nulls.Words()
				}
				x, exact := build(t, src, m), indextest.Flat(t, vec.Detect(), src, m)
				back, err := kind().Open(mem.FromBytes(indextest.File(t, x)), src, m, nil)
				require.NoError(t, err)
				for _, q.K = range []int{1, 10, 1000} {
					indextest.Recall(t, x, exact, m, queries, q)
					indextest.Recall(t, back, exact, m, queries, q)
				}
				require.NoError(t, back.Close())
			}
		}
	}
}

// TestConcurrent: searches of different breadth and writers of the file do not
// disturb each other.
func TestConcurrent(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 3))
	src, queries := indextest.Clustered(rng, 1500, 8, 8, 10)
	x := build(t, src, vecindex.L2)
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			for i := range queries.Rows() {
				q := vecindex.Query{Vector: queries.Data[i*8 : (i+1)*8], K: 5, Allowed: -1, Params: vecindex.SearchParams{Ef: 10 + 40*g}}
				hits, err := x.Search(context.Background(), &q, nil)
				if err != nil || len(hits) != 5 {
					t.Error(len(hits), err)
				}
			}
			if _, err := x.WriteTo(&bytes.Buffer{}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}

func TestBuild(t *testing.T) {
	src, _ := indextest.Clustered(rand.New(rand.NewPCG(4, 4)), 2000, 0, 8, 5)
	budget := mem.NewBudget(0)
	x, err := kind().Build(context.Background(), src, vecindex.Cosine, coder, vecindex.BuildOptions{Threads: 2, Budget: budget})
	require.NoError(t, err)
	require.Positive(t, budget.Used())
	require.NoError(t, x.Close())
	require.Zero(t, budget.Used())

	ctx, cancel := context.WithCancel(context.Background())
	_, err = kind().Build(ctx, src, vecindex.L2, coder, vecindex.BuildOptions{Budget: budget, Progress: func(done, total int) {
		require.Equal(t, 2000, total)
		if done > 600 {
			cancel()
		}
	}})
	require.ErrorIs(t, err, context.Canceled)
	require.Zero(t, budget.Used())
	_, err = kind().Build(context.Background(), src, vecindex.L2, coder, vecindex.BuildOptions{Budget: mem.NewBudget(1000)})
	var be *mem.BudgetError
	require.ErrorAs(t, err, &be)
}

// TestEngine: the parameter chooses, anything else is HNSW as it is.
func TestEngine(t *testing.T) {
	src, queries := indextest.Clustered(rand.New(rand.NewPCG(5, 5)), 400, 5, 8, 5)
	k := kind()
	require.Equal(t, "HNSW", k.Name)
	require.NoError(t, k.Check(coder, 8, vecindex.L2))
	require.NoError(t, k.Check(vecindex.Params{}, 8, vecindex.L2))
	for p, want := range map[string]string{
		"faiss": `engine "faiss" of HNSW is not supported, optional engines are [coder]`,
		"":      `engine "" of HNSW is not supported, optional engines are [coder]`,
		"Coder": `engine "Coder" of HNSW is not supported, optional engines are [coder]`,
	} {
		var pe vecindex.ParamError
		err := k.Check(vecindex.Params{"engine": p}, 8, vecindex.L2)
		require.ErrorAs(t, err, &pe)
		require.EqualError(t, err, want)
	}
	require.EqualError(t, k.Check(vecindex.Params{"engine": "coder", "M": "1"}, 8, vecindex.L2), "Out of range in json: param 'M' (1) should be in range [2, 2048]")

	ours, err := k.Build(context.Background(), src, vecindex.L2, nil, vecindex.BuildOptions{Threads: 1})
	require.NoError(t, err)
	for want, x := range map[string]vecindex.Index{"RKIXHNSW": ours, "RKIXCODR": build(t, src, vecindex.L2)} {
		b := indextest.File(t, x)
		require.Equal(t, want, string(b[:8]))
		back, err := k.Open(mem.FromBytes(b), src, vecindex.L2, coder)
		require.NoError(t, err)
		require.EqualValues(t, 1, indextest.Recall(t, back, indextest.Flat(t, vec.Detect(), src, vecindex.L2), vecindex.L2, queries, vecindex.Query{K: 10, Allowed: -1}))
		require.NoError(t, back.Close())
	}
	require.NoError(t, ours.Close())
}

// seal makes the checksum of a file right.
func seal(b []byte) {
	if len(b) >= 4 {
		sum := crc32.Checksum(b[:len(b)-4], crc32.MakeTable(crc32.Castagnoli))
		binary.LittleEndian.PutUint32(b[len(b)-4:], sum)
	}
}

func TestBadFile(t *testing.T) {
	src, _ := indextest.Clustered(rand.New(rand.NewPCG(6, 6)), 60, 0, 8, 5)
	some := src
	some.Present = column.NewBitset(60)
	some.Present.SetRange(0, 30)
	b := indextest.File(t, build(t, src, vecindex.L2))
	indextest.Damage(t, kind(), b, src, vecindex.L2, seal)
	require.ErrorIs(t, indextest.TryOpen(t, kind(), b, src, vecindex.IP), vecindex.ErrBadFile)
	for _, other := range []vecindex.Vectors{some, {Data: src.Data, Dimension: 4}} {
		require.ErrorIs(t, indextest.TryOpen(t, kind(), b, other, vecindex.L2), vecindex.ErrBadFile)
	}
}

// TestDocumentedFile reads the example of docs/formats/coderhnsw.md.
func TestDocumentedFile(t *testing.T) {
	b := doctest.Read(t, "coderhnsw.md", "")
	src := vecindex.Vectors{Data: []float32{0, 0, 1, 0}, Dimension: 2}
	x, err := kind().Open(mem.FromBytes(b), src, vecindex.L2, nil)
	require.NoError(t, err)
	hits, err := x.Search(context.Background(), &vecindex.Query{Vector: []float32{0.9, 0}, K: 2, Allowed: -1}, nil)
	require.NoError(t, err)
	require.EqualValues(t, 1, hits[0].Row)
	require.NoError(t, x.Close())
	x = build(t, src, vecindex.L2)
	require.Len(t, indextest.File(t, x), len(b))
}

// FuzzOpen opens damaged files with a right checksum and searches what opens.
func FuzzOpen(f *testing.F) {
	const n, dim = 200, 4
	rng := rand.New(rand.NewPCG(7, 7))
	src, _ := indextest.Clustered(rng, n, 0, dim, 5)
	x, err := kind().Build(context.Background(), src, vecindex.Cosine, vecindex.Params{"engine": "coder", "M": "3", "efConstruction": "9"}, vecindex.BuildOptions{Threads: 1})
	require.NoError(f, err)
	good := indextest.File(f, x)
	require.NoError(f, x.Close())
	for at := uint32(0); at < 120; at += 3 {
		f.Add(at, []byte{255, 255}, uint32(len(good)))
		f.Add(at, []byte{0, 1}, uint32(len(good)))
	}
	f.Add(uint32(0), []byte{}, uint32(len(good)))
	f.Add(uint32(0), []byte{}, uint32(len(good)/2))
	f.Fuzz(func(t *testing.T, at uint32, patch []byte, size uint32) {
		b := indextest.Patched(good, at, patch, size)
		seal(b)
		x, err := kind().Open(mem.FromBytes(b), src, vecindex.Cosine, nil)
		if err != nil {
			require.ErrorIs(t, err, vecindex.ErrBadFile)
			return
		}
		for i, skip := range [][]uint64{nil, indextest.RandomSkip(rng, n, 0.9)} {
			q := vecindex.Query{Vector: src.Data[i*dim : (i+1)*dim], K: 5, Skip: skip, Allowed: -1, Params: vecindex.SearchParams{Ef: 8}}
			hits, err := x.Search(context.Background(), &q, nil)
			require.NoError(t, err)
			require.Len(t, hits, 5)
		}
		require.NoError(t, x.Close())
	})
}
