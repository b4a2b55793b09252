package hnsw_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/redkite-db/redkite/internal/mem"
	"github.com/redkite-db/redkite/internal/porttest/indextest"
	"github.com/redkite-db/redkite/internal/vec"
	"github.com/redkite-db/redkite/internal/vecindex"
	"github.com/redkite-db/redkite/internal/vecindex/hnsw"
)

// variants are the kinds with codes and what is asked of them: the number of
// their codes in a file, and recalls on clustered, with and without refine_k.
var variants = []struct {
	kind  string
	p     vecindex.Params
	codes uint32
	floor float64
	plain float64 // with the k best by codes alone compared
}{
	{"HNSW_SQ", vecindex.Params{}, 1, 0.97, 0.95},
	{"HNSW_SQ", vecindex.Params{"sq_type": "SQ4U"}, 2, 0.96, 0.7},
	{"HNSW_SQ", vecindex.Params{"sq_type": "SQ6"}, 3, 0.97, 0.9},
	{"HNSW_SQ", vecindex.Params{"sq_type": "FP16"}, 4, 0.97, 0.97},
	{"HNSW_SQ", vecindex.Params{"sq_type": "BF16"}, 5, 0.97, 0.95},
	{"HNSW_PQ", vecindex.Params{"m": "12"}, 6, 0.95, 0.65},
	{"HNSW_PQ", vecindex.Params{"m": "24", "nbits": "4"}, 6, 0.95, 0.65},
	{"HNSW_PRQ", vecindex.Params{"m": "6", "nrq": "3", "nbits": "7"}, 6, 0.95, 0.65},
	{"HNSW_PRQ", vecindex.Params{"m": "24", "nrq": "1", "nbits": "5"}, 6, 0.95, 0.65},
}

func kindNamed(t testing.TB, kern vec.Kernels, name string) vecindex.Kind {
	for _, k := range hnsw.Kinds(kern) {
		if k.Name == name {
			return k
		}
	}
	t.Fatalf("no kind %s", name)
	return vecindex.Kind{}
}

func buildKind(t testing.TB, kern vec.Kernels, name string, src vecindex.Source, m vecindex.Metric, p vecindex.Params) vecindex.Index {
	t.Helper()
	all := vecindex.Params{"M": "12", "efConstruction": "100"}
	for k, v := range p {
		all[k] = v
	}
	return indextest.Build(t, kindNamed(t, kern, name), src, m, all, vecindex.BuildOptions{Threads: 1, Seed: 4})
}

// TestKindRecall holds each kind with codes to floors, built and opened,
// with filters of all sorts, with refine_k and without.
func TestKindRecall(t *testing.T) {
	indextest.SlowUnderRace(t)
	const n, dim = 5000, 24
	rng := rand.New(rand.NewPCG(31, 1))
	src, queries := indextest.Clustered(rng, n, 60, dim, 40)
	for i, kern := range vec.All() {
		for _, m := range metrics {
			exact := indextest.Flat(t, kern, src, m)
			for _, c := range variants {
				if i > 0 && m != vecindex.Cosine {
					continue // enough for a slower kernel
				}
				t.Run(fmt.Sprintf("%v/%v/%s%v", kern, m, c.kind, c.p), func(t *testing.T) {
					x := buildKind(t, kern, c.kind, src, m, c.p)
					require.Equal(t, c.codes, codes(t, x))
					back, err := kindNamed(t, kern, c.kind).Open(mem.FromBytes(indextest.File(t, x)), src, m, nil)
					require.NoError(t, err)
					for name, x := range map[string]vecindex.Index{"built": x, "opened": back} {
						q := vecindex.Query{K: 10, Allowed: -1, Params: vecindex.SearchParams{Ef: 80}}
						got := indextest.Recall(t, x, exact, m, queries, q)
						require.GreaterOrEqual(t, got, c.floor, name)
						for _, share := range []float64{0.5, 0.05} {
							q.Skip = indextest.RandomSkip(rng, n, share)
							require.GreaterOrEqual(t, indextest.Recall(t, x, exact, m, queries, q), c.floor, "%s, filter %v", name, share)
						}
						q.Skip = nil
						q.Params.Candidates = 10
						few := indextest.Recall(t, x, exact, m, queries, q)
						require.GreaterOrEqual(t, few, c.plain, name)
						q.Params.Candidates = 50
						most := indextest.Recall(t, x, exact, m, queries, q)
						require.GreaterOrEqual(t, most, c.floor-0.02, name)
						require.GreaterOrEqual(t, most, few, name)
						t.Logf("%s: recall %.4f, %.4f of 10, %.4f of 50", name, got, few, most)
					}
					require.Equal(t, indextest.File(t, x), indextest.File(t, back))
					require.NoError(t, back.Close())
				})
			}
		}
	}
}

// TestKindSizes: codes of fewer bits take less memory.
func TestKindSizes(t *testing.T) {
	indextest.SlowUnderRace(t)
	rng := rand.New(rand.NewPCG(31, 2))
	src, _ := indextest.Clustered(rng, 4000, 0, 256, 10)
	for _, c := range []struct {
		kind string
		p    vecindex.Params
		want int64 // bytes of a row's codes
	}{
		{"HNSW_SQ", vecindex.Params{}, 256},
		{"HNSW_SQ", vecindex.Params{"sq_type": "sq6"}, 192},
		{"HNSW_SQ", vecindex.Params{"sq_type": "sq4u"}, 128},
		{"HNSW_SQ", vecindex.Params{"sq_type": "BF16"}, 512},
		{"HNSW_PQ", vecindex.Params{"nbits": "2"}, 32},
		{"HNSW_PRQ", vecindex.Params{"nbits": "2"}, 5},
	} {
		budget := mem.NewBudget(0)
		all := vecindex.Params{"M": "4", "efConstruction": "10"}
		for k, v := range c.p {
			all[k] = v
		}
		x, err := kindNamed(t, vec.Detect(), c.kind).Build(context.Background(), src, vecindex.L2, all, vecindex.BuildOptions{Threads: 2, Budget: budget})
		require.NoError(t, err)
		lists := int64(4 * (8 + 1 + 4)) // of a row: level 0, number, levels above
		require.InDelta(t, lists+c.want, float64(x.Bytes())/4000, 14, "%s %v", c.kind, c.p)
		require.InDelta(t, x.Bytes(), budget.Used(), 10_000)
		require.NoError(t, x.Close())
		require.Zero(t, budget.Used())
	}
}

// TestKindSmall: segments of any size answer right, with rows fewer than words,
// all equal, zero or without a vector.
func TestKindSmall(t *testing.T) {
	rng := rand.New(rand.NewPCG(31, 3))
	for _, c := range variants {
		for _, m := range metrics {
			for _, n := range []int{0, 1, 2, 17, 300} {
				src, queries := indextest.Clustered(rng, n, 5, 24, 3)
				equal := vecindex.Vectors{Data: bytesOfOne(n*24, 3), Dimension: 24}
				zero := vecindex.Vectors{Data: make([]float32, n*24), Dimension: 24}
				for _, src := range []vecindex.Vectors{src, equal, zero} {
					x := buildKind(t, vec.Detect(), c.kind, src, m, c.p)
					for _, k := range []int{1, 10, 500} {
						require.EqualValues(t, 1, indextest.Recall(t, x, indextest.Flat(t, vec.Detect(), src, m), m, queries, vecindex.Query{K: k, Allowed: -1}), "%s %v", c.kind, c.p)
					}
				}
				nulls := indextest.Without(rng, src, 0.4)
				x := buildKind(t, vec.Detect(), c.kind, nulls, m, c.p)
				q := vecindex.Query{K: 10, Allowed: -1, Skip: indextest.SkipOf(nulls, nil)}
				require.EqualValues(t, 1, indextest.Recall(t, x, indextest.Flat(t, vec.Detect(), src, m), m, queries, q))
				back, err := kindNamed(t, vec.Detect(), c.kind).Open(mem.FromBytes(indextest.File(t, x)), nulls, m, nil)
				require.NoError(t, err)
				require.EqualValues(t, 1, indextest.Recall(t, back, indextest.Flat(t, vec.Detect(), src, m), m, queries, q))
				require.NoError(t, back.Close())
			}
		}
	}
}

func bytesOfOne(n int, v float32) []float32 {
	x := make([]float32, n)
	fill(x, v)
	return x
}

// TestKindNulls: rows without a vector cost no recall.
func TestKindNulls(t *testing.T) {
	indextest.SlowUnderRace(t)
	const n, dim = 6000, 24
	rng := rand.New(rand.NewPCG(31, 4))
	full, queries := indextest.Clustered(rng, n, 40, dim, 30)
	src := indextest.Without(rng, full, 0.6)
	for _, c := range variants {
		for _, m := range metrics {
			x := buildKind(t, vec.Detect(), c.kind, src, m, c.p)
			for _, share := range []float64{1, 0.3} {
				q := vecindex.Query{K: 10, Allowed: -1, Params: vecindex.SearchParams{Ef: 80}, Skip: indextest.SkipOf(src, indextest.RandomSkip(rng, n, share))}
				require.GreaterOrEqual(t, indextest.Recall(t, x, indextest.Flat(t, vec.Detect(), full, m), m, queries, q), 0.95, "%s %v %v", c.kind, c.p, m)
			}
		}
	}
}

// TestKindExtremes: rows that no codes of the kind suit still make an index.
func TestKindExtremes(t *testing.T) {
	indextest.SlowUnderRace(t)
	const n, dim = 2000, 24
	for _, c := range variants {
		for _, by := range []float32{1e-25, 1e18, 1e33} {
			rng := rand.New(rand.NewPCG(31, 5))
			src, queries := indextest.Clustered(rng, n, 20, dim, 20)
			times(src.Data, by)
			times(queries.Data, by)
			m := vecindex.Cosine
			x := buildKind(t, vec.Detect(), c.kind, src, m, c.p)
			got := indextest.Recall(t, x, indextest.Flat(t, vec.Detect(), src, m), m, queries, vecindex.Query{K: 10, Allowed: -1, Params: vecindex.SearchParams{Ef: 60}})
			require.GreaterOrEqual(t, got, 0.9, "%s %v, %v", c.kind, c.p, by)
			// Squares overflow: no answer is right, but there is one.
			x = buildKind(t, vec.Detect(), c.kind, src, vecindex.L2, c.p)
			require.Len(t, indextest.Search(t, x, vecindex.Query{Vector: queries.Data[:dim], K: 10, Allowed: -1}), 10)
		}
	}
}

func TestKindParams(t *testing.T) {
	for _, c := range []struct {
		kind string
		p    vecindex.Params
		want string
	}{
		{"HNSW_SQ", vecindex.Params{}, ""},
		{"HNSW_SQ", vecindex.Params{"sq_type": "bF16", "refine": "true", "refine_type": "Sq4u"}, ""},
		{"HNSW_SQ", vecindex.Params{"sq_type": "SQ4"}, "invalid scalar quantizer type"},
		{"HNSW_SQ", vecindex.Params{"sq_type": "8"}, "invalid scalar quantizer type"},
		{"HNSW_SQ", vecindex.Params{"sq_type": ""}, "invalid scalar quantizer type"},
		{"HNSW_SQ", vecindex.Params{"refine": "perhaps"}, `Type conflict in json: param 'refine' ("perhaps") should be a boolean`},
		{"HNSW_SQ", vecindex.Params{"refine_type": "INT8"}, "invalid refine type : INT8, optional types are [sq4u, sq6, sq8, fp16, bf16, fp32, flat]"},
		{"HNSW_SQ", vecindex.Params{"M": "1"}, "Out of range in json: param 'M' (1) should be in range [2, 2048]"},
		{"HNSW_PQ", vecindex.Params{}, ""},
		{"HNSW_PQ", vecindex.Params{"m": "64", "nbits": "24", "refine_type": "FLAT"}, ""},
		{"HNSW_PQ", vecindex.Params{"m": "7"}, "The dimension of the vector (dim) should be a multiple of the number of subquantizers (m). Dimension: 64, m: 7"},
		{"HNSW_PQ", vecindex.Params{"m": "0"}, "Out of range in json: param 'm' (0) should be in range [1, 65536]"},
		{"HNSW_PQ", vecindex.Params{"nbits": "25"}, "Out of range in json: param 'nbits' (25) should be in range [1, 24]"},
		{"HNSW_PQ", vecindex.Params{"nrq": "99"}, ""},
		{"HNSW_PRQ", vecindex.Params{}, ""},
		{"HNSW_PRQ", vecindex.Params{"nrq": "17"}, "Out of range in json: param 'nrq' (17) should be in range [1, 16]"},
		{"HNSW_PRQ", vecindex.Params{"nrq": "4.0"}, "wrong data type in json, key: 'nrq', value: '4.0'"},
		{"HNSW_PRQ", vecindex.Params{"m": "256"}, "The dimension of the vector (dim) should be a multiple of the number of subquantizers (m). Dimension: 64, m: 256"},
		{"HNSW_PRQ", vecindex.Params{"refine_type": "x"}, "invalid refine type : x, optional types are [sq4u, sq6, sq8, fp16, bf16, fp32, flat]"},
	} {
		k := kindNamed(t, vec.Detect(), c.kind)
		err := k.Check(c.p, 64, vecindex.L2)
		if c.want == "" {
			require.NoError(t, err, "%s %v", c.kind, c.p)
			continue
		}
		var pe vecindex.ParamError
		require.ErrorAs(t, err, &pe)
		require.EqualError(t, err, c.want)
	}
}

func TestKindSearchParams(t *testing.T) {
	for _, c := range []struct {
		kind string
		p    map[string]any
		want vecindex.SearchParams
		err  string
	}{
		{"HNSW_SQ", nil, vecindex.SearchParams{Ef: 64}, ""},
		{"HNSW_SQ", map[string]any{"ef": 20, "refine_k": "2.55"}, vecindex.SearchParams{Ef: 20, Candidates: 25}, ""},
		{"HNSW_SQ", map[string]any{"ef": 5}, vecindex.SearchParams{}, "ef(5) should be larger than k(10)"},
		{"HNSW_PQ", map[string]any{"ef": 5}, vecindex.SearchParams{Ef: 5}, ""},
		{"HNSW_PRQ", map[string]any{"ef": 5, "refine_k": 1}, vecindex.SearchParams{Ef: 5, Candidates: 10}, ""},
		{"HNSW_PQ", map[string]any{"refine_k": 0.5}, vecindex.SearchParams{}, "Out of range in json: param 'refine_k' (0.5) should be in range [1.000000, 340282346638528859811704183484516925440.000000]"},
		{"HNSW_PQ", map[string]any{"refine_k": true}, vecindex.SearchParams{}, "Type conflict in json: param 'refine_k' (true) should be a number"},
		{"HNSW", map[string]any{"refine_k": 0}, vecindex.SearchParams{Ef: 64}, ""},
	} {
		got, err := kindNamed(t, vec.Detect(), c.kind).CheckSearch(c.p, 10)
		if c.err != "" {
			require.EqualError(t, err, c.err)
			continue
		}
		require.NoError(t, err)
		require.Equal(t, c.want, got)
	}
}

// TestKindSearchAllocates holds a search to no allocation once its memory is
// warm.
func TestKindSearchAllocates(t *testing.T) {
	indextest.SlowUnderRace(t)
	rng := rand.New(rand.NewPCG(31, 6))
	src, _ := indextest.Clustered(rng, 6000, 0, 24, 30)
	for _, c := range variants {
		for _, m := range metrics {
			x := buildKind(t, vec.Detect(), c.kind, src, m, c.p)
			q := &vecindex.Query{Vector: src.Data[:24], K: 10, Allowed: -1, Params: vecindex.SearchParams{Ef: 40}}
			out := make([]vecindex.Hit, 0, 10)
			allocs := testing.AllocsPerRun(50, func() {
				var err error
				if out, err = x.Search(context.Background(), q, out[:0]); err != nil || len(out) != 10 {
					t.Fatal(len(out), err)
				}
			})
			if allocs >= 1 {
				t.Errorf("%s %v %v: %v allocations a search", c.kind, c.p, m, allocs)
			}
		}
	}
}

// TestKindCanceled: a build that is canceled while it makes codes leaves
// nothing.
func TestKindCanceled(t *testing.T) {
	src, _ := indextest.Clustered(rand.New(rand.NewPCG(31, 7)), 3000, 0, 24, 10)
	for _, c := range variants {
		budget := mem.NewBudget(0)
		ctx, cancel := context.WithCancel(context.Background())
		_, err := kindNamed(t, vec.Detect(), c.kind).Build(ctx, src, vecindex.L2, c.p, vecindex.BuildOptions{
			Threads: 2, Budget: budget, Progress: func(done, total int) {
				if done == total {
					cancel() // the graph is complete
				}
			},
		})
		require.ErrorIs(t, err, context.Canceled)
		require.Zero(t, budget.Used())
		cancel()
	}
}

// FuzzOpenCodes opens damaged files of each kind with codes, whose checksums are
// right half of the time, and searches what opens.
func FuzzOpenCodes(f *testing.F) {
	const n, dim = 300, 24
	rng := rand.New(rand.NewPCG(31, 8))
	src, _ := indextest.Clustered(rng, n, 0, dim, 5)
	var good [][]byte
	for _, m := range metrics {
		for _, c := range variants {
			p := vecindex.Params{"M": "3", "efConstruction": "9"}
			for k, v := range c.p {
				p[k] = v
			}
			x, err := kindNamed(f, vec.Detect(), c.kind).Build(context.Background(), src, m, p, vecindex.BuildOptions{Threads: 1})
			require.NoError(f, err)
			good = append(good, indextest.File(f, x))
			require.NoError(f, x.Close())
		}
	}
	for i, b := range good {
		f.Add(uint8(i), uint32(0), []byte{}, uint32(len(b)), true)
		for at := uint32(208); at < 256; at += 4 {
			f.Add(uint8(i), at, []byte{255, 255, 255, 127}, uint32(len(b)), true)
			f.Add(uint8(i), at, []byte{1, 0, 0, 0}, uint32(len(b)), true)
			f.Add(uint8(i), at, []byte{6, 0, 0, 0}, uint32(len(b)), true)
		}
		f.Add(uint8(i), uint32(len(b)-200), []byte{0, 0, 192, 127}, uint32(len(b)), true)
	}
	f.Fuzz(func(t *testing.T, which uint8, at uint32, patch []byte, size uint32, sealed bool) {
		i := int(which) % len(good)
		m := metrics[i/len(variants)]
		b := indextest.Patched(good[i], at, patch, size)
		if sealed {
			seal(b)
		}
		x, err := kindNamed(t, vec.Detect(), variants[i%len(variants)].kind).Open(mem.FromBytes(b), src, m, nil)
		if err != nil {
			require.ErrorIs(t, err, vecindex.ErrBadFile)
			return
		}
		for j, skip := range [][]uint64{nil, indextest.RandomSkip(rng, n, 0.9), indextest.RandomSkip(rng, n, 0.5)} {
			q := vecindex.Query{Vector: src.Data[j*dim : (j+1)*dim], K: 5, Skip: skip, Allowed: -1, Params: vecindex.SearchParams{Ef: 5}}
			require.Len(t, indextest.Search(t, x, q), 5)
		}
		require.NoError(t, x.Close())
	})
}
