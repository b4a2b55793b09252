//go:build !windows

package coderhnsw_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/hex"
	"hash/crc32"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/redkite-db/redkite/internal/column"
	"github.com/redkite-db/redkite/internal/mem"
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

// clustered returns n rows around centers and some queries of the same kind.
func clustered(rng *rand.Rand, n, queries, dim, centers int) (rows, q vecindex.Vectors) {
	mid := make([]float32, centers*dim)
	for i := range mid {
		mid[i] = float32(rng.NormFloat64())
	}
	v := make([]float32, (n+queries)*dim)
	for r := range n + queries {
		c := rng.IntN(centers)
		for i := range dim {
			v[r*dim+i] = mid[c*dim+i] + 0.5*float32(rng.NormFloat64())
		}
	}
	return vecindex.Vectors{Data: v[:n*dim], Dimension: dim}, vecindex.Vectors{Data: v[n*dim:], Dimension: dim}
}

func build(t testing.TB, src vecindex.Source, m vecindex.Metric) vecindex.Index {
	t.Helper()
	x, err := kind().Build(context.Background(), src, m, coder, vecindex.BuildOptions{Threads: 1, Seed: 5})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, x.Close()) })
	return x
}

func file(t testing.TB, x vecindex.Index) []byte {
	t.Helper()
	var b bytes.Buffer
	n, err := x.WriteTo(&b)
	require.NoError(t, err)
	require.EqualValues(t, b.Len(), n)
	return b.Bytes()
}

// recall holds each answer to the law of vecindex.Index and returns the share of
// the exact hits that came.
func recall(t testing.TB, x vecindex.Index, src vecindex.Source, m vecindex.Metric, queries vecindex.Vectors, q vecindex.Query) float64 {
	t.Helper()
	exact, err := vecindex.Flat(vec.Detect(), 1).Build(context.Background(), src, m, nil, vecindex.BuildOptions{})
	require.NoError(t, err)
	good, all := 0, 0
	for i := range queries.Rows() {
		q.Vector = queries.Data[i*queries.Dimension : (i+1)*queries.Dimension]
		got, err := x.Search(context.Background(), &q, nil)
		require.NoError(t, err)
		want, err := exact.Search(context.Background(), &q, nil)
		require.NoError(t, err)
		require.Len(t, got, len(want))
		seen := map[uint32]float32{}
		for j, h := range got {
			require.NotContains(t, seen, h.Row)
			seen[h.Row] = h.Score
			if w := int(h.Row / 64); w < len(q.Skip) {
				require.Zero(t, q.Skip[w]>>(h.Row%64)&1, "row %d is skipped", h.Row)
			}
			require.False(t, j > 0 && m.Better(h.Score, got[j-1].Score), "order")
		}
		for _, h := range want {
			if score, ok := seen[h.Row]; ok {
				require.Equal(t, h.Score, score)
				good++
			}
		}
		all += len(want)
	}
	return float64(good) / float64(max(all, 1))
}

func randomSkip(rng *rand.Rand, n int, share float64) []uint64 {
	skip := make([]uint64, (n+63)/64)
	for r := range n {
		if rng.Float64() >= share {
			skip[r/64] |= 1 << (r % 64)
		}
	}
	return skip
}

// TestRecall: the library's order of maps is random, so that the floors are far
// below what it mostly reaches.
func TestRecall(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	src, queries := clustered(rng, 3000, 40, 16, 20)
	for _, m := range metrics {
		x := build(t, src, m)
		back, err := kind().Open(mem.FromBytes(file(t, x)), src, m, nil)
		require.NoError(t, err)
		require.Equal(t, 3000, back.Rows())
		require.Equal(t, x.Bytes(), back.Bytes())
		floor := map[vecindex.Metric]float64{vecindex.L2: 0.8, vecindex.Cosine: 0.8}[m] // IP is no distance, the library no index for it
		for _, x := range []vecindex.Index{x, back} {
			q := vecindex.Query{K: 10, Allowed: -1, Params: vecindex.SearchParams{Ef: 100}}
			got := recall(t, x, src, m, queries, q)
			t.Logf("%v: recall %.3f", m, got)
			require.GreaterOrEqual(t, got, floor)
			q.Skip = randomSkip(rng, 3000, 0.6)
			require.GreaterOrEqual(t, recall(t, x, src, m, queries, q), floor-0.1)
			q.Skip = randomSkip(rng, 3000, 0.05)
			require.EqualValues(t, 1, recall(t, x, src, m, queries, q), "a scan")
		}
		require.NoError(t, back.Close())
	}
}

// TestSmall covers few rows, rows without a vector, and k beyond them.
func TestSmall(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 2))
	for _, n := range []int{0, 1, 2, 70, 600} {
		for _, m := range metrics {
			src, queries := clustered(rng, n, 4, 8, 3)
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
				x := build(t, src, m)
				back, err := kind().Open(mem.FromBytes(file(t, x)), src, m, nil)
				require.NoError(t, err)
				for _, q.K = range []int{1, 10, 1000} {
					recall(t, x, src, m, queries, q)
					recall(t, back, src, m, queries, q)
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
	src, queries := clustered(rng, 1500, 8, 8, 10)
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
	src, _ := clustered(rand.New(rand.NewPCG(4, 4)), 2000, 0, 8, 5)
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
	src, queries := clustered(rand.New(rand.NewPCG(5, 5)), 400, 5, 8, 5)
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
		b := file(t, x)
		require.Equal(t, want, string(b[:8]))
		back, err := k.Open(mem.FromBytes(b), src, vecindex.L2, coder)
		require.NoError(t, err)
		require.EqualValues(t, 1, recall(t, back, src, vecindex.L2, queries, vecindex.Query{K: 10, Allowed: -1}))
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
	src, _ := clustered(rand.New(rand.NewPCG(6, 6)), 60, 0, 8, 5)
	some := src
	some.Present = column.NewBitset(60)
	some.Present.SetRange(0, 30)
	b := file(t, build(t, src, vecindex.L2))
	open := func(b []byte, s vecindex.Source, m vecindex.Metric) error {
		f := mem.FromBytes(b)
		x, err := kind().Open(f, s, m, nil)
		if err == nil {
			require.NoError(t, x.Close())
		}
		require.False(t, f.TryPin(), "the pin is given back")
		return err
	}
	require.NoError(t, open(b, src, vecindex.L2))
	require.ErrorIs(t, open(b, src, vecindex.IP), vecindex.ErrBadFile)
	require.ErrorIs(t, open(b, some, vecindex.L2), vecindex.ErrBadFile)
	require.ErrorIs(t, open(b, vecindex.Vectors{Data: src.Data, Dimension: 4}, vecindex.L2), vecindex.ErrBadFile)
	for i := 0; i < len(b); i += 3 {
		c := bytes.Clone(b)
		c[i] ^= 1 << (i % 8)
		require.ErrorIs(t, open(c, src, vecindex.L2), vecindex.ErrBadFile, "byte %d", i)
		require.ErrorIs(t, open(b[:i], src, vecindex.L2), vecindex.ErrBadFile)
	}
}

// TestDocumentedFile reads the example of docs/formats/coderhnsw.md.
func TestDocumentedFile(t *testing.T) {
	text, err := os.ReadFile("../../../docs/formats/coderhnsw.md")
	require.NoError(t, err)
	_, dump, found := strings.Cut(string(text), "```hex\n")
	require.True(t, found)
	dump, _, _ = strings.Cut(dump, "```")
	var b []byte
	for line := range strings.Lines(dump) {
		_, digits, _ := strings.Cut(strings.TrimSpace(line), "  ")
		row, err := hex.DecodeString(strings.ReplaceAll(digits, " ", ""))
		require.NoError(t, err)
		b = append(b, row...)
	}
	src := vecindex.Vectors{Data: []float32{0, 0, 1, 0}, Dimension: 2}
	x, err := kind().Open(mem.FromBytes(b), src, vecindex.L2, nil)
	require.NoError(t, err)
	hits, err := x.Search(context.Background(), &vecindex.Query{Vector: []float32{0.9, 0}, K: 2, Allowed: -1}, nil)
	require.NoError(t, err)
	require.EqualValues(t, 1, hits[0].Row)
	require.NoError(t, x.Close())
	x = build(t, src, vecindex.L2)
	require.Len(t, file(t, x), len(b))
}

// FuzzOpen opens damaged files with a right checksum and searches what opens.
func FuzzOpen(f *testing.F) {
	const n, dim = 200, 4
	rng := rand.New(rand.NewPCG(7, 7))
	src, _ := clustered(rng, n, 0, dim, 5)
	x, err := kind().Build(context.Background(), src, vecindex.Cosine, vecindex.Params{"engine": "coder", "M": "3", "efConstruction": "9"}, vecindex.BuildOptions{Threads: 1})
	require.NoError(f, err)
	good := file(f, x)
	require.NoError(f, x.Close())
	for at := uint32(0); at < 120; at += 3 {
		f.Add(at, []byte{255, 255}, uint32(len(good)))
		f.Add(at, []byte{0, 1}, uint32(len(good)))
	}
	f.Add(uint32(0), []byte{}, uint32(len(good)))
	f.Add(uint32(0), []byte{}, uint32(len(good)/2))
	f.Fuzz(func(t *testing.T, at uint32, patch []byte, size uint32) {
		b := bytes.Clone(good[:min(int(size), len(good))])
		if int64(at) < int64(len(b)) {
			copy(b[at:], patch)
		}
		seal(b)
		x, err := kind().Open(mem.FromBytes(b), src, vecindex.Cosine, nil)
		if err != nil {
			require.ErrorIs(t, err, vecindex.ErrBadFile)
			return
		}
		for i, skip := range [][]uint64{nil, randomSkip(rng, n, 0.9)} {
			q := vecindex.Query{Vector: src.Data[i*dim : (i+1)*dim], K: 5, Skip: skip, Allowed: -1, Params: vecindex.SearchParams{Ef: 8}}
			hits, err := x.Search(context.Background(), &q, nil)
			require.NoError(t, err)
			require.Len(t, hits, 5)
		}
		require.NoError(t, x.Close())
	})
}
