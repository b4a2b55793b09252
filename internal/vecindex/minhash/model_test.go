package minhash_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/redkite-db/redkite/internal/mem"
	"github.com/redkite-db/redkite/internal/porttest/indextest"
	"github.com/redkite-db/redkite/internal/vecindex"
	"github.com/redkite-db/redkite/internal/vecindex/minhash"
)

// TestModel compares searches of built and opened indexes, in every mode and
// behind filters of every kind, with all rows compared by the definition.
func TestModel(t *testing.T) {
	for i, h := range []shape{
		{rows: 1, elements: 4, width: 1, values: 2},
		{rows: 63, elements: 8, width: 1, values: 4, copies: 0.3},
		{rows: 900, elements: 16, width: 1, values: 256, copies: 0.5, nulls: 0.3},
		{rows: 3000, elements: 16, width: 4, values: 6, copies: 0.5},
		{rows: 3000, elements: 12, width: 4, values: 1 << 30, copies: 0.9, nulls: 0.1},
		{rows: 2000, elements: 10, width: 8, values: 3, copies: 0.2},
		{rows: 500, elements: 8, width: 3, values: 20, copies: 0.8},
		{rows: 500, elements: 4, width: 2, values: 1, copies: 0}, // all rows are the same
		{rows: 300, elements: 5, width: 32, values: 5, nulls: 1},
	} {
		for _, bands := range []int{0, 1, 3, 4, 1000} {
			t.Run(fmt.Sprintf("%d/%d", i, bands), func(t *testing.T) {
				rng := rand.New(rand.NewPCG(uint64(i), uint64(bands)))
				src := h.random(rng)
				p := vecindex.Params{"mh_lsh_band": fmt.Sprint(bands), "mh_element_bit_width": fmt.Sprint(8 * h.width)}
				x := build(t, src, p, vecindex.BuildOptions{Threads: 1 + i%4})
				back, err := minhash.Kind().Open(mem.FromBytes(indextest.File(t, x)), src, vecindex.MHJaccard, nil)
				require.NoError(t, err)
				defer func() { require.NoError(t, back.Close()) }()
				m := model{src, h, min(max(bands, 1), h.elements)}
				for range 60 {
					m.compare(t, rng, x, back)
				}
			})
		}
	}
}

// compare asks one random query.
func (m model) compare(t *testing.T, rng *rand.Rand, x, back vecindex.Index) {
	t.Helper()
	h := m.shape
	q := vecindex.Query{Bytes: make([]byte, h.elements*h.width), K: 1 + rng.IntN(20), Allowed: -1}
	copy(q.Bytes, m.src.Data[rng.IntN(h.rows)*len(q.Bytes):])
	for range rng.IntN(h.elements) {
		h.draw(rng, q.Bytes[rng.IntN(h.elements)*h.width:][:h.width])
	}
	if rng.IntN(4) == 0 {
		q.K = h.rows + 10
	}
	if rng.IntN(4) > 0 || h.nulls > 0 {
		q.Skip = skip(rng, m.src, []float64{0, 0.05, 0.5, 1}[rng.IntN(4)])
	}
	if rng.IntN(4) == 0 {
		q.Limit = 1 + rng.IntN(h.rows)
	}
	q.Params.MinHash.Jaccard = rng.IntN(2) == 0
	if rng.IntN(2) == 0 {
		q.Params.Candidates = q.K + rng.IntN(100)
	}
	want := m.candidates(&q)
	got, err := x.Search(context.Background(), &q, nil)
	require.NoError(t, err)
	again, err := back.Search(context.Background(), &q, []vecindex.Hit{{Row: 77}})
	require.NoError(t, err)
	require.Equal(t, append([]vecindex.Hit{}, got...), again[1:], "opened")
	seen := q.K
	if q.Params.MinHash.Jaccard {
		if seen = max(q.K, q.Params.Candidates); q.Params.Candidates == 0 {
			seen = max(q.K, 1024)
		}
	}
	if len(want) <= seen { // then there is nothing to choose
		require.Equal(t, append([]vecindex.Hit(nil), want[:min(q.K, len(want))]...), got)
		return
	}
	require.Len(t, got, q.K)
	scores := map[uint32]float32{}
	for _, hit := range want {
		scores[hit.Row] = hit.Score
	}
	for i, hit := range got {
		score, found := scores[hit.Row]
		require.True(t, found, "row %d", hit.Row)
		require.Equal(t, score, hit.Score)
		require.LessOrEqual(t, hit.Score, want[i].Score)
		delete(scores, hit.Row)
	}
	sorted := append([]vecindex.Hit(nil), got...)
	vecindex.Sort(vecindex.MHJaccard, sorted)
	require.Equal(t, sorted, got)
}

// TestRefused: what there is no answer to is an error in Milvus's words.
func TestRefused(t *testing.T) {
	src := shape{rows: 10, elements: 4, width: 4, values: 9}.random(rand.New(rand.NewPCG(1, 1)))
	x := build(t, src, vecindex.Params{"mh_element_bit_width": "32"}, vecindex.BuildOptions{})
	good := vecindex.Query{Bytes: src.Data[:16], K: 1, Allowed: -1}
	everything := vecindex.Everything()
	var pe vecindex.ParamError
	q := good
	q.Range = &everything
	_, err := x.Search(context.Background(), &q, nil)
	require.ErrorAs(t, err, &pe)
	require.EqualError(t, err, "minhash not support range search.")
	_, err = x.Iterate(context.Background(), &good)
	require.ErrorAs(t, err, &pe)
	require.EqualError(t, err, "minhash does not support iterator.")
	q = good
	q.Bytes = src.Data[:15]
	_, err = x.Search(context.Background(), &q, nil)
	require.EqualError(t, err, "vector dimension mismatch, expected vector size(128), actual(120)")
	q = good
	q.K = 0
	_, err = x.Search(context.Background(), &q, nil)
	require.EqualError(t, err, "topk 0 is not positive")
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err = x.Search(ctx, &good, nil)
	require.ErrorIs(t, err, context.Canceled)
	_, err = minhash.Kind().Build(context.Background(), vecindex.Vectors{Dimension: 8}, vecindex.MHJaccard, nil, vecindex.BuildOptions{})
	require.EqualError(t, err, "MINHASH_LSH: vectors of FLOAT_VECTOR")
	f := mem.FromBytes(nil)
	_, err = minhash.Kind().Open(f, vecindex.Vectors{Dimension: 8}, vecindex.MHJaccard, nil)
	require.EqualError(t, err, "MINHASH_LSH: vectors of FLOAT_VECTOR")
	require.False(t, f.TryPin(), "the pin is given back")
}

// TestSearchAllocates: a search has its memory from the pool.
func TestSearchAllocates(t *testing.T) {
	indextest.SlowUnderRace(t) // it empties pools at random
	src := shape{rows: 5000, elements: 16, width: 4, values: 1 << 20, copies: 0.8}.random(rand.New(rand.NewPCG(2, 2)))
	x := build(t, src, vecindex.Params{"mh_element_bit_width": "32", "mh_lsh_band": "4"}, vecindex.BuildOptions{})
	var out []vecindex.Hit
	for _, jaccard := range []bool{false, true} {
		q := vecindex.Query{Bytes: src.Data[:64], K: 10, Allowed: -1}
		q.Params.MinHash.Jaccard = jaccard
		require.Less(t, testing.AllocsPerRun(200, func() {
			var err error
			if out, err = x.Search(context.Background(), &q, out[:0]); err != nil {
				t.Fatal(err)
			}
		}), 1.0)
		require.NotEmpty(t, out)
	}
}
