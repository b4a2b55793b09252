package sparse

import (
	"bytes"
	"context"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/redkite-db/redkite/internal/mem"
	"github.com/redkite-db/redkite/internal/porttest/indextest"
	"github.com/redkite-db/redkite/internal/vec"
	"github.com/redkite-db/redkite/internal/vecindex"
)

// build makes an index by the port.
func build(t testing.TB, src vecindex.Source, m vecindex.Metric, algo string, o vecindex.BuildOptions) vecindex.Index {
	t.Helper()
	x, err := Kinds(vec.Detect())[0].Build(context.Background(), src, m, buildParams(m, algo), o)
	require.NoError(t, err)
	return x
}

func TestKinds(t *testing.T) {
	names := []string{}
	for _, k := range Kinds(vec.Detect()) {
		names = append(names, k.Name)
		require.Equal(t, []vecindex.Element{vecindex.SparseFloat32}, k.Types)
		require.Nil(t, k.Live)
		_, err := k.Build(context.Background(), vecindex.Vectors{Dimension: 1}, vecindex.IP, nil, vecindex.BuildOptions{})
		require.ErrorContains(t, err, k.Name+": vecindex.Vectors has no sparse vectors")
		f := mem.FromBytes(nil)
		_, err = k.Open(f, vecindex.Vectors{Dimension: 1}, vecindex.IP, nil)
		require.ErrorContains(t, err, k.Name+": vecindex.Vectors has no sparse vectors")
		require.False(t, f.TryPin(), "the pin is given back")
	}
	require.Equal(t, []string{"SPARSE_INVERTED_INDEX", "SPARSE_WAND"}, names)
}

// TestBuildIsDeterministic: the file is the same whatever the threads.
func TestBuildIsDeterministic(t *testing.T) {
	src := shape{rows: 20000, dims: 300, terms: 10, nulls: 0.1, negative: 0.1}.random(rand.New(rand.NewPCG(1, 1)))
	for _, m := range []vecindex.Metric{vecindex.IP, vecindex.BM25} {
		one := build(t, src, m, defaultAlgorithm, vecindex.BuildOptions{Threads: 1})
		four := build(t, src, m, defaultAlgorithm, vecindex.BuildOptions{Threads: 4})
		require.True(t, bytes.Equal(indextest.File(t, one), indextest.File(t, four)))
		require.NoError(t, one.Close())
		require.NoError(t, four.Close())
	}
}

func TestBuildCanceled(t *testing.T) {
	build := func(ctx context.Context, s vecindex.Source, m vecindex.Metric, p vecindex.Params, o vecindex.BuildOptions) (vecindex.Index, error) {
		x, err := newEnv(vec.Detect(), 7).build(ctx, s.(vecindex.SparseSource), m, p, o)
		if err != nil {
			return nil, err
		}
		return x, nil
	}
	indextest.CancelReports(t, indextest.Cancellation{
		Kind:   vecindex.Kind{Build: build},
		Source: shape{rows: 1500, dims: 300, terms: 10}.random(rand.New(rand.NewPCG(2, 2))),
		Metric: vecindex.BM25, Params: buildParams(vecindex.BM25, defaultAlgorithm),
	})
}

func TestBuildBudget(t *testing.T) {
	src := shape{rows: 9000, dims: 300, terms: 10, counts: true}.random(rand.New(rand.NewPCG(3, 3)))
	for _, m := range []vecindex.Metric{vecindex.IP, vecindex.BM25} {
		for i, algo := range []string{defaultAlgorithm, "SINDI"} {
			indextest.Budget(t, indextest.Cancellation{
				Kind: Kinds(vec.Detect())[i], Source: src, Metric: m, Params: buildParams(m, algo),
			}, 1)
		}
	}
}

// TestSearchCanceled: the error is ctx's, whichever way is taken.
func TestSearchCanceled(t *testing.T) {
	src := shape{rows: 3000, dims: 300, terms: 10}.random(rand.New(rand.NewPCG(4, 4)))
	x := build(t, src, vecindex.IP, defaultAlgorithm, vecindex.BuildOptions{})
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	skip := make([]uint64, 50)
	for i := range skip {
		skip[i] = ^uint64(1)
	}
	for _, s := range [][]uint64{nil, skip} {
		q := vecindex.Query{K: 3, Allowed: -1, Skip: s, Sparse: vecindex.SparseVector{Dims: []uint32{1, 2}, Values: []float32{1, 1}}}
		_, err := x.Search(ctx, &q, nil)
		require.ErrorIs(t, err, context.Canceled)
	}
	require.NoError(t, x.Close())
}

// TestBadQuery: a query of a wrong shape is an error.
func TestBadQuery(t *testing.T) {
	src := shape{rows: 100, dims: 30, terms: 10}.random(rand.New(rand.NewPCG(5, 5)))
	x := build(t, src, vecindex.IP, defaultAlgorithm, vecindex.BuildOptions{})
	nan := float32(0)
	nan /= nan
	for want, q := range map[string]vecindex.Query{
		"topk 0 is not positive":                     {},
		"sparse vector of 2 dimensions and 1 values": {K: 1, Sparse: vecindex.SparseVector{Dims: []uint32{1, 2}, Values: []float32{1}}},
		"sparse vector: dimension 2 after 2":         {K: 1, Sparse: vecindex.SparseVector{Dims: []uint32{2, 2}, Values: []float32{1, 1}}},
		"sparse vector: value NaN of dimension 7":    {K: 1, Sparse: vecindex.SparseVector{Dims: []uint32{7}, Values: []float32{nan}}},
	} {
		_, err := x.Search(context.Background(), &q, nil)
		require.EqualError(t, err, want)
	}
	require.NoError(t, x.Close())
}

// TestExtremes: worths so large or small that bounds do not serve.
func TestExtremes(t *testing.T) {
	rng := rand.New(rand.NewPCG(6, 6))
	for _, factor := range []float32{1e-44, 1e-38, 1e-25, 1e25, 1e38} {
		src := shape{rows: 500, dims: 30, terms: 10}.random(rng)
		for i := range src.Data.Values {
			if rng.IntN(3) > 0 {
				src.Data.Values[i] = min(src.Data.Values[i], 3) * factor
			}
		}
		x := build(t, src, vecindex.IP, defaultAlgorithm, vecindex.BuildOptions{})
		for range 50 {
			q := randomQuery(rng, shape{dims: 30}, src, vecindex.IP)
			got, err := x.Search(context.Background(), &q, nil)
			require.NoError(t, err)
			require.Equal(t, brute(src, vecindex.IP, &q, 0, 0), got)
		}
		require.NoError(t, x.Close())
	}
}

// TestApproximate: a smaller bound may lose hits, but invents none.
func TestApproximate(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 7))
	h := shape{rows: 20000, dims: 300, terms: 20}
	src := h.random(rng)
	x := build(t, src, vecindex.IP, defaultAlgorithm, vecindex.BuildOptions{})
	found, wanted := 0, 0
	for range 50 {
		q := vecindex.Query{K: 10, Allowed: -1, Sparse: h.vector(rng, 10)}
		all := q
		all.K = src.Rows()
		scores := map[uint32]float32{}
		for _, hit := range brute(src, vecindex.IP, &all, 0, 0) {
			scores[hit.Row] = hit.Score
		}
		best := brute(src, vecindex.IP, &q, 0, 0)
		q.Params.Sparse.MaxScore = 0.8
		got, err := x.Search(context.Background(), &q, nil)
		require.NoError(t, err)
		require.Len(t, got, len(best))
		for i, hit := range got {
			require.Equal(t, scores[hit.Row], hit.Score)
			require.LessOrEqual(t, hit.Score, best[i].Score)
			if hit.Score >= best[len(best)-1].Score {
				found++
			}
		}
		wanted += len(best)
	}
	t.Logf("%d of %d hits", found, wanted)
	require.Greater(t, found, wanted*8/10)
	require.NoError(t, x.Close())
}
