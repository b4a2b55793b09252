package ivf_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/redkite-db/redkite/internal/column"
	"github.com/redkite-db/redkite/internal/mem"
	"github.com/redkite-db/redkite/internal/vec"
	"github.com/redkite-db/redkite/internal/vecindex"
)

// TestBuildCanceled cancels at every report: nothing stays behind.
func TestBuildCanceled(t *testing.T) {
	const n = 2000
	src, _ := clustered(rand.New(rand.NewPCG(1, 1)), n, 0, 8, 10)
	for _, name := range names {
		kind := kindOf(t, vec.Detect(), name)
		for at := 0; ; at++ {
			budget := mem.NewBudget(0)
			ctx, cancel := context.WithCancel(context.Background())
			reports, last := 0, 0
			x, err := kind.Build(ctx, src, vecindex.Cosine, needed(name, 8, "nlist", "8"), vecindex.BuildOptions{
				Threads: 3, Budget: budget,
				Progress: func(done, total int) {
					require.Equal(t, n, total)
					require.GreaterOrEqual(t, done, last)
					require.LessOrEqual(t, done, total)
					if last = done; reports == at {
						cancel()
					}
					reports++
				},
			})
			cancel()
			if err == nil {
				require.Less(t, reports, at+1)
				require.Equal(t, n, last)
				require.NoError(t, x.Close())
				require.Zero(t, budget.Used())
				break
			}
			require.ErrorIs(t, err, context.Canceled)
			require.Zero(t, budget.Used())
		}
	}
}

// TestBuildBudget: memory counts, and too little of it is an error.
func TestBuildBudget(t *testing.T) {
	slowUnderRace(t)
	src, _ := clustered(rand.New(rand.NewPCG(2, 2)), 2000, 0, 8, 10)
	for _, name := range names {
		kind := kindOf(t, vec.Detect(), name)
		for _, m := range metrics {
			budget := mem.NewBudget(0)
			x, err := kind.Build(context.Background(), src, m, needed(name, 8), vecindex.BuildOptions{Threads: 1, Budget: budget})
			require.NoError(t, err)
			require.Equal(t, budget.Used(), x.Bytes())
			require.NoError(t, x.Close())
			for short := int64(100); ; short *= 2 {
				budget := mem.NewBudget(short)
				x, err := kind.Build(context.Background(), src, m, needed(name, 8), vecindex.BuildOptions{Threads: 2, Budget: budget})
				if err == nil {
					require.NoError(t, x.Close())
					break
				}
				var be *mem.BudgetError
				require.ErrorAs(t, err, &be)
				require.Zero(t, budget.Used())
			}
		}
	}
}

// without takes the vectors of rows away, each with probability share: in their
// place lies what no kernel must ever see.
func without(rng *rand.Rand, src vecindex.Vectors, share float64) vecindex.Vectors {
	out := vecindex.Vectors{Data: append([]float32(nil), src.Data...), Dimension: src.Dimension}
	out.Present = column.NewBitset(src.Rows())
	for r := range src.Rows() {
		if rng.Float64() >= share {
			out.Present.Set(r)
			continue
		}
		for i := range src.Dimension {
			out.Data[r*src.Dimension+i] = float32(math.NaN())
		}
	}
	return out
}

// skipOf is what a query over src has to skip: rows without a vector, and those
// of more.
func skipOf(src vecindex.Vectors, more []uint64) []uint64 {
	skip := src.Present.Clone()
	skip.Not()
	for i, w := range more {
		skip.Words()[i] |= w
	}
	return skip.Words()
}

// TestNullRecall: rows without a vector cost no recall, whatever their share,
// in an index that was built or opened, with a filter and without.
func TestNullRecall(t *testing.T) {
	slowUnderRace(t)
	const n, dim = 6000, 16
	for _, name := range names {
		kind := kindOf(t, vec.Detect(), name)
		for _, m := range metrics {
			for _, share := range []float64{0.5, 0.9} {
				t.Run(fmt.Sprintf("%s/%v/%v", name, m, share), func(t *testing.T) {
					rng := rand.New(rand.NewPCG(8, uint64(100*share)))
					full, queries := clustered(rng, n, 60, dim, 30)
					src := without(rng, full, share)
					exact := flat(t, vec.Detect(), full, m)
					built := build(t, kind, src, m, needed(name, dim, "nlist", "32"), vecindex.BuildOptions{})
					back, err := kind.Open(mem.FromBytes(file(t, built)), src, m, nil)
					require.NoError(t, err)
					for what, x := range map[string]vecindex.Index{"built": built, "opened": back} {
						for _, pass := range []float64{1, 0.3, 0.01} {
							q := vecindex.Query{K: 10, Params: vecindex.SearchParams{NProbe: 8}, Allowed: -1}
							q.Skip = skipOf(src, randomSkip(rng, n, pass))
							require.GreaterOrEqual(t, recall(t, x, exact, m, queries, q), 0.95, "%s, filter %v", what, pass)
						}
					}
					require.NoError(t, back.Close())
				})
			}
		}
	}
}

// TestNullAll: an index over rows none of which has a vector is an index.
func TestNullAll(t *testing.T) {
	const n, dim = 700, 8
	rng := rand.New(rand.NewPCG(10, 10))
	full, _ := clustered(rng, n, 0, dim, 3)
	none := without(rng, full, 1)
	for _, name := range names {
		kind := kindOf(t, vec.Detect(), name)
		for _, m := range metrics {
			x := build(t, kind, none, m, needed(name, dim), vecindex.BuildOptions{})
			require.Equal(t, n, x.Rows())
			q := vecindex.Query{Vector: full.Data[:dim], K: 5, Allowed: -1, Skip: skipOf(none, nil)}
			require.Empty(t, search(t, x, q))
			back, err := kind.Open(mem.FromBytes(file(t, x)), none, m, nil)
			require.NoError(t, err)
			require.Empty(t, search(t, back, q))
			require.NoError(t, back.Close())
		}
	}
}

func TestParams(t *testing.T) {
	check := func(name string, kv ...string) error {
		p := vecindex.Params{}
		for i := 0; i < len(kv); i += 2 {
			p[kv[i]] = kv[i+1]
		}
		return kindOf(t, vec.Detect(), name).Check(p, 128, vecindex.L2)
	}
	for _, name := range names {
		require.NoError(t, check(name, "nlist", "65536", "m", "16", "anything", "nothing"))
	}
	require.NoError(t, check("IVF_RABITQ", "refine", "true", "refine_type", "SQ8"))
	require.NoError(t, check("IVF_RABITQ", "refine", "false", "refine_type", "flat", "rbq_bits", "1"))
	require.NoError(t, check("IVF_RABITQ_FASTSCAN", "refine", "true", "refine_type", "FP32"))
	require.NoError(t, check("IVF_SQ8", "sq_type", "SQ4"))
	require.NoError(t, check("SCANN", "with_raw_data", "false", "sub_dim", "8"))
	for _, c := range []struct {
		name, key, value, want string
	}{
		{"IVF_FLAT", "nlist", "0", "Out of range in json: param 'nlist' (0) should be in range [1, 65536]"},
		{"IVF_SQ8", "nlist", "65537", "Out of range in json: param 'nlist' (65537) should be in range [1, 65536]"},
		{"IVF_FLAT", "nlist", "16.0", "wrong data type in json, key: 'nlist', value: '16.0'"},
		{"IVF_SQ8", "sq_type", "SQ5", "invalid sq_type : SQ5, optional types are [sq4, sq6, sq8]"},
		{"IVF_PQ", "m", "100", "The dimension of a vector (dim) should be a multiple of the number of subquantizers (m). Dimension: 128, m: 100"},
		{"IVF_PQ", "m", "0", "Out of range in json: param 'm' (0) should be in range [1, 65536]"},
		{"IVF_PQ", "nlist", "4", "param 'm' not exist in json"},
		{"IVF_RABITQ", "refine", "maybe", `Type conflict in json: param 'refine' ("maybe") should be a boolean`},
		{"IVF_RABITQ", "refine_type", "INVALID", "invalid refine type : INVALID, optional types are [sq6, sq8, fp16, bf16, fp32, flat]"},
		{"IVF_RABITQ", "refine_type", " SQ8 ", "invalid refine type :  SQ8 , optional types are [sq6, sq8, fp16, bf16, fp32, flat]"},
		{"IVF_RABITQ", "rbq_bits", "10", "Out of range in json: param 'rbq_bits' (10) should be in range [1, 9]"},
		{"IVF_RABITQ", "rbq_bits", "2", "rbq_bits 2 of IVF_RABITQ is not supported by this version, only 1 is"},
		{"IVF_RABITQ_FASTSCAN", "refine_type", "SQ8", "invalid refine type : SQ8, optional types are [fp32, flat]"},
		{"SCANN", "sub_dim", "3", "The dimension of a vector (dim) should be a multiple of sub_dim. Dimension: 128, sub_dim: 3"},
		{"SCANN", "with_raw_data", "5", `Type conflict in json: param 'with_raw_data' ("5") should be a boolean`},
	} {
		var pe vecindex.ParamError
		err := check(c.name, c.key, c.value)
		require.ErrorAs(t, err, &pe)
		require.EqualError(t, err, c.want)
	}
	require.EqualError(t, check("IVF_PQ", "m", "16", "nbits", "25"), "Out of range in json: param 'nbits' (25) should be in range [1, 24]")
	require.EqualError(t, check("IVF_PQ", "m", "16", "nbits", "12"), "nbits 12 of IVF_PQ is not supported by this version, the largest is 8")
}

func TestSearchParams(t *testing.T) {
	for _, c := range []struct {
		name string
		p    map[string]any
		k    int
		want vecindex.SearchParams
		err  string
	}{
		{name: "IVF_FLAT", k: 10, want: vecindex.SearchParams{NProbe: 8}},
		{name: "IVF_FLAT", p: map[string]any{"nprobe": "32", "unknown": true}, k: 10, want: vecindex.SearchParams{NProbe: 32}},
		{name: "IVF_FLAT", p: map[string]any{"nprobe": 0}, k: 10, err: "Out of range in json: param 'nprobe' (0) should be in range [1, 65536]"},
		{name: "IVF_PQ", p: map[string]any{"nprobe": 1.5}, k: 10, err: "Type conflict in json: param 'nprobe' (1.5) should be integer"},
		{name: "IVF_SQ8", p: map[string]any{"refine_k": 2.57}, k: 10, want: vecindex.SearchParams{NProbe: 8, Candidates: 25}},
		{name: "IVF_RABITQ", p: map[string]any{"refine_k": 1}, k: 10, want: vecindex.SearchParams{NProbe: 8, Candidates: 10}},
		{name: "IVF_RABITQ", p: map[string]any{"refine_k": 1e38}, k: 10, want: vecindex.SearchParams{NProbe: 8, Candidates: vecindex.MaxInt}},
		{name: "IVF_RABITQ", p: map[string]any{"refine_k": "3"}, k: 10, want: vecindex.SearchParams{NProbe: 8, Candidates: 30}},
		{name: "IVF_RABITQ", p: map[string]any{"refine_k": 0.5}, k: 10, err: "Out of range in json: param 'refine_k' (0.5) should be in range [1.000000, 340282346638528859811704183484516925440.000000]"},
		{name: "IVF_RABITQ", p: map[string]any{"refine_k": float64(-1)}, k: 10, err: "Out of range in json: param 'refine_k' (-1.0) should be in range [1.000000, 340282346638528859811704183484516925440.000000]"},
		{name: "IVF_RABITQ", p: map[string]any{"refine_k": json.Number("-1.0")}, k: 10, err: "Out of range in json: param 'refine_k' (-1.0) should be in range [1.000000, 340282346638528859811704183484516925440.000000]"},
		{name: "IVF_RABITQ", p: map[string]any{"refine_k": nil}, k: 10, err: "Type conflict in json: param 'refine_k' (null) should be a number"},
		{name: "IVF_RABITQ", p: map[string]any{"refine_k": true}, k: 10, err: "Type conflict in json: param 'refine_k' (true) should be a number"},
		{name: "IVF_RABITQ", p: map[string]any{"refine_k": "x"}, k: 10, err: "invalid float value, key: 'refine_k', value: 'x'"},
		{name: "IVF_RABITQ", p: map[string]any{"rbq_bits_query": 9}, k: 10, err: "Out of range in json: param 'rbq_bits_query' (9) should be in range [0, 8]"},
		{name: "IVF_RABITQ_FASTSCAN", p: map[string]any{"rbq_bits_query": 0, "refine_k": 3}, k: 10, want: vecindex.SearchParams{NProbe: 8, Candidates: 30}},
		{name: "IVF_RABITQ_FASTSCAN", p: map[string]any{"rbq_bits_query": 8}, k: 10, err: "Out of range in json: param 'rbq_bits_query' (8) should be in range [0, 0]"},
		{name: "SCANN", p: map[string]any{"reorder_k": 100}, k: 10, want: vecindex.SearchParams{NProbe: 8, Candidates: 100}},
		{name: "SCANN", p: map[string]any{"reorder_k": 10}, k: 10, want: vecindex.SearchParams{NProbe: 8, Candidates: 10}},
		{name: "SCANN", p: map[string]any{"reorder_k": 5}, k: 10, err: "reorder_k(5) should be larger than k(10)"},
	} {
		got, err := kindOf(t, vec.Detect(), c.name).CheckSearch(c.p, c.k)
		if c.err != "" {
			var pe vecindex.ParamError
			require.ErrorAs(t, err, &pe)
			require.EqualError(t, err, c.err)
			continue
		}
		require.NoError(t, err)
		require.Equal(t, c.want, got)
	}
}

func BenchmarkBuild(b *testing.B) {
	const n, dim = 20_000, 64
	src, _ := clustered(rand.New(rand.NewPCG(7, 7)), n, 0, dim, 50)
	for _, name := range names {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				x, err := kindOf(b, vec.Detect(), name).Build(context.Background(), src, vecindex.L2, needed(name, dim), vecindex.BuildOptions{Threads: 1})
				require.NoError(b, err)
				require.NoError(b, x.Close())
			}
			b.ReportMetric(float64(b.N)*n/b.Elapsed().Seconds(), "rows/s")
		})
	}
}
