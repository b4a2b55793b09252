package ivf_test

import (
	"context"
	"encoding/json"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/redkite-db/redkite/internal/porttest/indextest"
	"github.com/redkite-db/redkite/internal/vec"
	"github.com/redkite-db/redkite/internal/vecindex"
)

func TestBuildCanceled(t *testing.T) {
	src, _ := indextest.Clustered(rand.New(rand.NewPCG(1, 1)), 2000, 0, 8, 10)
	for _, name := range names {
		indextest.CancelReports(t, indextest.Cancellation{
			Kind: kindOf(t, vec.Detect(), name), Source: src, Metric: vecindex.Cosine, Params: needed(name, 8, "nlist", "8"),
		})
	}
}

func TestBuildBudget(t *testing.T) {
	indextest.SlowUnderRace(t)
	src, _ := indextest.Clustered(rand.New(rand.NewPCG(2, 2)), 2000, 0, 8, 10)
	for _, name := range names {
		for _, m := range metrics {
			indextest.Budget(t, indextest.Cancellation{
				Kind: kindOf(t, vec.Detect(), name), Source: src, Metric: m, Params: needed(name, 8),
			}, 1)
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
	src, _ := indextest.Clustered(rand.New(rand.NewPCG(7, 7)), n, 0, dim, 50)
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
