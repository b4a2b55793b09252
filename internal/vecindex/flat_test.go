package vecindex_test

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"math"
	"math/bits"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/redkite-db/redkite/internal/mem"
	"github.com/redkite-db/redkite/internal/vec"
	"github.com/redkite-db/redkite/internal/vecindex"
)

var metrics = []vecindex.Metric{vecindex.L2, vecindex.IP, vecindex.Cosine}

// randomRows returns n rows of small integers, so that sums are exact in any
// order and ties are common, with some zero rows.
func randomRows(rng *rand.Rand, n, dim int) []float32 {
	v := make([]float32, n*dim)
	for i := range v {
		v[i] = float32(rng.IntN(7) - 3)
	}
	for r := 0; r < n; r += 97 {
		clear(v[r*dim : (r+1)*dim])
	}
	return v
}

// exact is the answer computed in the plainest way.
func exact(m vecindex.Metric, rows, q []float32, k int, passes func(row int) bool) []vecindex.Hit {
	dim := len(q)
	var hits []vecindex.Hit
	for r := 0; r < len(rows)/dim; r++ {
		if !passes(r) {
			continue
		}
		var l2, ip, qq, xx float64
		for i, x := range rows[r*dim : (r+1)*dim] {
			a, b := float64(q[i]), float64(x)
			l2 += (a - b) * (a - b)
			ip += a * b
			qq += a * a
			xx += b * b
		}
		score := l2
		switch m {
		case vecindex.IP:
			score = ip
		case vecindex.Cosine:
			score = 0
			if qq > 0 && xx > 0 {
				score = ip / math.Sqrt(qq*xx)
			}
		}
		hits = append(hits, vecindex.Hit{Row: uint32(r), Score: float32(score)})
	}
	slices.SortStableFunc(hits, func(a, b vecindex.Hit) int {
		if m.IsSimilarity() {
			return cmp.Compare(b.Score, a.Score)
		}
		return cmp.Compare(a.Score, b.Score)
	})
	return hits[:min(k, len(hits))]
}

func TestFlatExact(t *testing.T) {
	ctx := context.Background()
	rng := rand.New(rand.NewPCG(1, 2))
	for _, kern := range vec.All() {
		for _, m := range metrics {
			for _, shape := range []struct{ rows, dim, threads int }{{0, 4, 1}, {1, 3, 1}, {300, 5, 2}, {1000, 33, 1}, {5000, 128, 3}} {
				t.Run(fmt.Sprintf("%v/%v/%dx%d", kern, m, shape.rows, shape.dim), func(t *testing.T) {
					rows := randomRows(rng, shape.rows, shape.dim)
					x, err := vecindex.Flat(kern, shape.threads).Build(ctx,
						vecindex.Vectors{Data: rows, Dimension: shape.dim}, m, nil, vecindex.BuildOptions{Threads: 1})
					require.NoError(t, err)
					for _, selectivity := range []float64{0, 0.01, 0.3, 0.9, 1} {
						for _, k := range []int{1, 10, 400} {
							checkFlat(t, rng, x, m, rows, shape.dim, k, selectivity)
						}
					}
				})
			}
		}
	}
}

func checkFlat(t *testing.T, rng *rand.Rand, x vecindex.Index, m vecindex.Metric, rows []float32, dim, k int, selectivity float64) {
	t.Helper()
	n := len(rows) / dim
	skip := make([]uint64, (n+63)/64)
	for r := range n {
		if rng.Float64() >= selectivity {
			skip[r/64] |= 1 << (r % 64)
		}
	}
	if len(skip) > 1 {
		skip = skip[:len(skip)-1] // rows beyond the words pass
	}
	limit := 0
	if n > 2 && rng.IntN(2) == 0 {
		limit = 1 + rng.IntN(n)
	}
	passes := func(r int) bool {
		return (limit == 0 || r < limit) && (r/64 >= len(skip) || skip[r/64]>>(r%64)&1 == 0)
	}
	q := randomRows(rng, 2, dim)[dim:]
	query := &vecindex.Query{Vector: q, K: k, Skip: skip, Allowed: -1, Limit: limit}
	got, err := x.Search(context.Background(), query, nil)
	require.NoError(t, err)
	want := exact(m, rows, q, k, passes)
	require.Len(t, got, len(want))
	for i := range want {
		if m == vecindex.Cosine { // ties may fall either way by the last bit
			require.InDelta(t, want[i].Score, got[i].Score, 1e-6)
			require.True(t, passes(int(got[i].Row)))
			continue
		}
		require.Equal(t, want[i], got[i], "hit %d of %d", i, len(want))
	}
}

func TestFlatRefuses(t *testing.T) {
	src := vecindex.Vectors{Data: make([]float32, 40), Dimension: 4}
	x, err := vecindex.Flat(vec.Detect(), 1).Build(context.Background(), src, vecindex.L2, nil, vecindex.BuildOptions{})
	require.NoError(t, err)
	_, err = x.Search(context.Background(), &vecindex.Query{Vector: make([]float32, 3), K: 1}, nil)
	require.ErrorContains(t, err, "expected vector size(4), actual(3)")
	_, err = x.Search(context.Background(), &vecindex.Query{Vector: make([]float32, 4)}, nil)
	require.ErrorContains(t, err, "topk 0")
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err = x.Search(ctx, &vecindex.Query{Vector: make([]float32, 4), K: 1}, nil)
	require.ErrorIs(t, err, context.Canceled)
}

func TestFlatFile(t *testing.T) {
	kind := vecindex.Flat(vec.Detect(), 1)
	src := vecindex.Vectors{Data: make([]float32, 40), Dimension: 4}
	x, err := kind.Build(context.Background(), src, vecindex.IP, nil, vecindex.BuildOptions{})
	require.NoError(t, err)
	var file bytes.Buffer
	n, err := x.WriteTo(&file)
	require.NoError(t, err)
	require.EqualValues(t, file.Len(), n)

	back, err := kind.Open(mem.FromBytes(file.Bytes()), src, vecindex.IP, nil)
	require.NoError(t, err)
	require.Equal(t, 10, back.Rows())
	_, err = kind.Open(mem.FromBytes(file.Bytes()), src, vecindex.L2, nil)
	require.ErrorIs(t, err, vecindex.ErrBadFile)
	for i := range file.Bytes() {
		b := bytes.Clone(file.Bytes())
		b[i] ^= 1 << (i % 8)
		_, err = kind.Open(mem.FromBytes(b), src, vecindex.IP, nil)
		require.ErrorIs(t, err, vecindex.ErrBadFile)
		_, err = kind.Open(mem.FromBytes(b[:i]), src, vecindex.IP, nil)
		require.ErrorIs(t, err, vecindex.ErrBadFile)
	}
}

func TestKeyOrder(t *testing.T) {
	inf := float32(math.Inf(1))
	nan := float32(math.NaN())
	ordered := []float32{-inf, -3, -1e-40, 0, 1e-40, 2, math.MaxFloat32, inf, nan}
	for i, d := range ordered {
		key := vecindex.Key(d, 7)
		require.EqualValues(t, 7, vecindex.KeyRow(key))
		require.True(t, math.Float32bits(d) == math.Float32bits(vecindex.KeyDist(key)) || d != d)
		if i > 0 {
			require.Greater(t, key, vecindex.Key(ordered[i-1], math.MaxUint32))
		}
	}
	require.Equal(t, vecindex.Key(vecindex.Metric.Distance(vecindex.IP, 0), 1), vecindex.Key(0, 1))
	minusNaN := math.Float32frombits(math.Float32bits(nan) | 1<<31)
	require.EqualValues(t, uint32(math.MaxUint32), vecindex.Key(minusNaN, 0)>>32)
}

func TestTopK(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	var top vecindex.TopK
	for range 200 {
		n, k := rng.IntN(300), rng.IntN(40)
		top.Reset(k)
		keys := make([]uint64, n)
		for i := range keys {
			keys[i] = vecindex.Key(float32(rng.IntN(50)), uint32(i))
			top.Offer(keys[i])
		}
		slices.Sort(keys)
		want := vecindex.AppendHits(vecindex.L2, keys[:min(k, n)], nil)
		require.Equal(t, want, top.Hits(vecindex.L2, nil))
	}
}

func BenchmarkFlat(b *testing.B) {
	const rows, dim = 100_000, 128
	rng := rand.New(rand.NewPCG(5, 6))
	src := vecindex.Vectors{Data: randomRows(rng, rows, dim), Dimension: dim}
	skip := make([]uint64, rows/64+1)
	for i := range skip {
		skip[i] = rng.Uint64() | rng.Uint64() | rng.Uint64()
	}
	allowed := 0
	for _, w := range skip {
		allowed += bits.OnesCount64(^w)
	}
	for _, m := range metrics {
		for _, threads := range []int{1, 2} {
			x, err := vecindex.Flat(vec.Detect(), threads).Build(context.Background(), src, m, nil, vecindex.BuildOptions{})
			require.NoError(b, err)
			for name, q := range map[string]*vecindex.Query{
				"all":    {Vector: src.Data[:dim], K: 10},
				"eighth": {Vector: src.Data[:dim], K: 10, Skip: skip, Allowed: allowed},
			} {
				b.Run(fmt.Sprintf("%v/threads=%d/%s", m, threads, name), func(b *testing.B) {
					b.ReportAllocs()
					var hits []vecindex.Hit
					for b.Loop() {
						if hits, err = x.Search(context.Background(), q, hits[:0]); err != nil {
							b.Fatal(err)
						}
					}
				})
			}
		}
	}
}
