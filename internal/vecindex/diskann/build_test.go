package diskann_test

import (
	"context"
	"encoding/json"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/redkite-db/redkite/internal/porttest/indextest"
	"github.com/redkite-db/redkite/internal/vec"
	"github.com/redkite-db/redkite/internal/vecindex"
	"github.com/redkite-db/redkite/internal/vecindex/diskann"
)

func TestBuildCanceled(t *testing.T) {
	n := 3000
	if indextest.Race {
		n = 1000
	}
	src, _ := indextest.Clustered(rand.New(rand.NewPCG(1, 1)), n, 0, 8, 10)
	indextest.CancelReports(t, indextest.Cancellation{
		Kind: diskann.Kind(vec.Detect()), Source: src, Metric: vecindex.Cosine,
		Params: vecindex.Params{"max_degree": "12", "search_list_size": "16"},
	})
}

func TestBuildCanceledAnytime(t *testing.T) {
	src, _ := indextest.Clustered(rand.New(rand.NewPCG(1, 2)), 3000, 0, 8, 10)
	indextest.CancelAnytime(t, indextest.Cancellation{Kind: diskann.Kind(vec.Detect()), Source: src, Metric: vecindex.L2})
}

func TestBuildBudget(t *testing.T) {
	indextest.SlowUnderRace(t)
	src, _ := indextest.Clustered(rand.New(rand.NewPCG(2, 2)), 2000, 0, 8, 10)
	for _, m := range metrics {
		indextest.Budget(t, indextest.Cancellation{Kind: diskann.Kind(vec.Detect()), Source: src, Metric: m}, 1)
	}
}

// TestParams: as in Milvus, no build parameter is wrong.
func TestParams(t *testing.T) {
	indextest.SlowUnderRace(t)
	src, _ := indextest.Clustered(rand.New(rand.NewPCG(3, 3)), 300, 0, 8, 3)
	for _, key := range []string{"max_degree", "search_list_size", "pq_code_budget_gb_ratio", "search_cache_budget_gb_ratio", "pq_code_budget_gb", "search_cache_budget_gb"} {
		for _, value := range []string{"-1", "0", "1", "100.0", "1e300", "NaN", "Inf", "True", "null", ""} {
			p := vecindex.Params{key: value}
			require.NoError(t, diskann.Kind(vec.Detect()).Check(p, 8, vecindex.L2))
			x := reopen(t, vec.Detect(), build(t, vec.Detect(), src, vecindex.L2, p, vecindex.BuildOptions{}), src, vecindex.L2, p)
			require.Len(t, indextest.Search(t, x, vecindex.Query{Vector: src.Data[:8], K: 3, Allowed: -1, Params: vecindex.SearchParams{List: 4}}), 3, "%v", p)
		}
	}
}

func TestSearchParams(t *testing.T) {
	const low = "should be in range"
	for _, c := range []struct {
		p    map[string]any
		k    int
		want vecindex.SearchParams
		err  string
	}{
		{k: 10, want: vecindex.SearchParams{List: 100, Beam: 8}},
		{k: 200, want: vecindex.SearchParams{List: 200, Beam: 8}},
		{p: map[string]any{"search_list": json.Number("30"), "unknown": true}, k: 10, want: vecindex.SearchParams{List: 30, Beam: 8}},
		{p: map[string]any{"search_list_size": "100", "search_list": 5}, k: 10, want: vecindex.SearchParams{List: 100, Beam: 8}},
		{p: map[string]any{"search_list": 10, "beamwidth": 128, "filter_threshold": 0.5}, k: 10, want: vecindex.SearchParams{List: 10, Beam: 128, ScanFrom: 0.5}},
		{p: map[string]any{"filter_threshold": -1}, k: 10, want: vecindex.SearchParams{List: 100, Beam: 8}},
		{p: map[string]any{"filter_threshold": 0}, k: 10, want: vecindex.SearchParams{List: 100, Beam: 8, ScanFrom: 1e-9}},
		{p: map[string]any{"beam_width_ratio": json.Number("-0.1")}, k: 10, want: vecindex.SearchParams{List: 100, Beam: 8}},
		{p: map[string]any{"search_list_size": 1}, k: 10, err: "search_list_size(1) should be larger than k(10)"},
		{p: map[string]any{"search_list": 1}, k: 10, err: "search_list_size(1) should be larger than k(10)"},
		{p: map[string]any{"search_list_size": -1}, k: 10, err: "Out of range in json: param 'search_list_size' (-1) " + low + " [1, 2147483647]"},
		{p: map[string]any{"search_list_size": json.Number("100.0")}, k: 10, err: "Type conflict in json: param 'search_list_size' (100.0) should be integer"},
		{p: map[string]any{"search_list_size": true}, k: 10, err: "Type conflict in json: param 'search_list_size' (true) should be integer"},
		{p: map[string]any{"search_list_size": nil}, k: 10, err: "Type conflict in json: param 'search_list_size' (null) should be integer"},
		{p: map[string]any{"beamwidth": 129}, k: 10, err: "Out of range in json: param 'beamwidth' (129) " + low + " [1, 128]"},
		{p: map[string]any{"search_list": 20, "beamwidth": 0}, k: 10, err: "Out of range in json: param 'beamwidth' (0) " + low + " [1, 128]"},
		{p: map[string]any{"filter_threshold": 1.5}, k: 10, err: "Out of range in json: param 'filter_threshold' (1.5) " + low + " [-1.000000, 1.000000]"},
	} {
		got, err := diskann.Kind(vec.Detect()).CheckSearch(c.p, c.k)
		if c.err != "" {
			var pe vecindex.ParamError
			require.ErrorAs(t, err, &pe)
			require.EqualError(t, err, c.err)
			continue
		}
		require.NoError(t, err)
		require.Equal(t, c.want, got, "%v", c.p)
	}
}

func BenchmarkBuild(b *testing.B) {
	const n, dim = 20_000, 64
	src, _ := indextest.Clustered(rand.New(rand.NewPCG(7, 7)), n, 0, dim, 50)
	for b.Loop() {
		x, err := diskann.Kind(vec.Detect()).Build(context.Background(), src, vecindex.L2, nil, vecindex.BuildOptions{Threads: 1})
		require.NoError(b, err)
		require.NoError(b, x.Close())
	}
	b.ReportMetric(float64(b.N)*n/b.Elapsed().Seconds(), "rows/s")
}
