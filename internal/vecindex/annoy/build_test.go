package annoy_test

import (
	"context"
	"encoding/json"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/redkite-db/redkite/internal/porttest/indextest"
	"github.com/redkite-db/redkite/internal/vec"
	"github.com/redkite-db/redkite/internal/vecindex"
	"github.com/redkite-db/redkite/internal/vecindex/annoy"
)

func TestBuildCanceled(t *testing.T) {
	src, _ := indextest.Clustered(rand.New(rand.NewPCG(1, 1)), 3000, 0, 8, 10)
	indextest.CancelReports(t, indextest.Cancellation{
		Kind: annoy.Kind(vec.Detect()), Source: src, Metric: vecindex.Cosine, Params: vecindex.Params{"n_trees": "3"},
	})
}

func TestBuildCanceledAnytime(t *testing.T) {
	src, _ := indextest.Clustered(rand.New(rand.NewPCG(1, 2)), 3000, 0, 8, 10)
	indextest.CancelAnytime(t, indextest.Cancellation{Kind: annoy.Kind(vec.Detect()), Source: src, Metric: vecindex.L2})
}

func TestBuildBudget(t *testing.T) {
	indextest.SlowUnderRace(t)
	src, _ := indextest.Clustered(rand.New(rand.NewPCG(2, 2)), 2000, 0, 8, 10)
	for _, m := range metrics {
		indextest.Budget(t, indextest.Cancellation{Kind: annoy.Kind(vec.Detect()), Source: src, Metric: m}, 1.25)
	}
}

func TestParams(t *testing.T) {
	check := func(value string) error {
		return annoy.Kind(vec.Detect()).Check(vecindex.Params{"n_trees": value, "anything": "nothing"}, 128, vecindex.L2)
	}
	require.NoError(t, annoy.Kind(vec.Detect()).Check(nil, 128, vecindex.L2))
	require.NoError(t, check("1"))
	require.NoError(t, check("1024"))
	const lead = "invalid index type: ANNOY with these parameters: "
	for value, want := range map[string]string{
		"0":    "Out of range in json: param 'n_trees' (0) should be in range [1, 1024]",
		"1025": "Out of range in json: param 'n_trees' (1025) should be in range [1, 1024]",
		"-1":   "Out of range in json: param 'n_trees' (-1) should be in range [1, 1024]",
		"16.0": "wrong data type in json, key: 'n_trees', value: '16.0'",
		"x":    "invalid integer value, key: 'n_trees', value: 'x'",
	} {
		var pe vecindex.ParamError
		err := check(value)
		require.ErrorAs(t, err, &pe)
		require.EqualError(t, err, lead+want)
	}
}

func TestSearchParams(t *testing.T) {
	for _, c := range []struct {
		p    map[string]any
		want int
		err  string
	}{
		{want: 0},
		{p: map[string]any{"search_k": -1}, want: 0},
		{p: map[string]any{"search_k": "100", "unknown": true}, want: 100},
		{p: map[string]any{"search_k": 10}, want: 10},
		{p: map[string]any{"search_k": 9}, err: "search_k(9) should be larger than k(10)"},
		{p: map[string]any{"search_k": 0}, err: "search_k(0) should be larger than k(10)"},
		{p: map[string]any{"search_k": -2}, err: "Out of range in json: param 'search_k' (-2) should be in range [-1, 2147483647]"},
		{p: map[string]any{"search_k": json.Number("100.0")}, err: "Type conflict in json: param 'search_k' (100.0) should be integer"},
		{p: map[string]any{"search_k": true}, err: "Type conflict in json: param 'search_k' (true) should be integer"},
	} {
		got, err := annoy.Kind(vec.Detect()).CheckSearch(c.p, 10)
		if c.err != "" {
			var pe vecindex.ParamError
			require.ErrorAs(t, err, &pe)
			require.EqualError(t, err, c.err)
			continue
		}
		require.NoError(t, err)
		require.Equal(t, vecindex.SearchParams{SearchK: c.want}, got)
	}
}

func BenchmarkBuild(b *testing.B) {
	const n, dim = 20_000, 64
	src, _ := indextest.Clustered(rand.New(rand.NewPCG(7, 7)), n, 0, dim, 50)
	for b.Loop() {
		x, err := annoy.Kind(vec.Detect()).Build(context.Background(), src, vecindex.L2, nil, vecindex.BuildOptions{Threads: 1})
		require.NoError(b, err)
		require.NoError(b, x.Close())
	}
	b.ReportMetric(float64(b.N)*n/b.Elapsed().Seconds(), "rows/s")
}
