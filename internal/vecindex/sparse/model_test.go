package sparse

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/redkite-db/redkite/internal/column"
	"github.com/redkite-db/redkite/internal/vec"
	"github.com/redkite-db/redkite/internal/vecindex"
)

// shape says what random rows are like.
type shape struct {
	rows, dims int
	terms      int     // of a row, at most
	negative   float64 // share of values below 0
	nulls      float64 // share of rows without a vector
	counts     bool    // values are small whole numbers
	wide       bool    // dimensions are hashes, values of all sizes
	copies     bool    // rows repeat
}

// random makes rows whose dimensions are as rare as words are.
func (h shape) random(rng *rand.Rand) vecindex.SparseVectors {
	src := vecindex.SparseVectors{Data: vecindex.SparseRows{Offsets: []uint64{0}}}
	if h.nulls > 0 {
		src.Present = column.NewBitset(h.rows)
	}
	d := &src.Data
	for r := range h.rows {
		switch {
		case h.nulls > 0 && rng.Float64() < h.nulls:
		case h.copies && r > 10 && rng.IntN(3) > 0:
			from := rng.IntN(r)
			d.Dims = append(d.Dims, d.Dims[d.Offsets[from]:d.Offsets[from+1]]...)
			d.Values = append(d.Values, d.Values[d.Offsets[from]:d.Offsets[from+1]]...)
		default:
			v := h.vector(rng, rng.IntN(h.terms+1))
			d.Dims, d.Values = append(d.Dims, v.Dims...), append(d.Values, v.Values...)
		}
		if !src.Present.IsZero() && uint64(len(d.Dims)) > d.Offsets[r] {
			src.Present.Set(r)
		}
		d.Offsets = append(d.Offsets, uint64(len(d.Dims)))
	}
	return src
}

// vector makes a vector of at most n terms.
func (h shape) vector(rng *rand.Rand, n int) vecindex.SparseVector {
	var v vecindex.SparseVector
	for range n {
		u := rng.Float64()
		d := uint32(float64(h.dims) * u * u * u)
		if h.wide {
			d *= 2654435761
		}
		v.Dims = append(v.Dims, d)
	}
	slices.Sort(v.Dims)
	v.Dims = slices.Compact(v.Dims)
	for range v.Dims {
		w := float32(rng.ExpFloat64())
		switch {
		case h.counts:
			w = float32(1 + rng.IntN(4)*rng.IntN(2))
		case h.wide:
			w *= float32(math.Pow(10, float64(rng.IntN(12)-6)))
		}
		if rng.Float64() < h.negative {
			w = -w
		}
		v.Values = append(v.Values, w)
	}
	return v
}

// brute is the definition of the answer.
func brute(src vecindex.SparseVectors, m vecindex.Metric, q *vecindex.Query, k1, b float64) []vecindex.Hit {
	p := q.Params.Sparse
	sizes := make([]float32, 0, len(q.Sparse.Values))
	for _, w := range q.Sparse.Values {
		sizes = append(sizes, max(w, -w))
	}
	slices.Sort(sizes)
	weights := map[uint32]float32{}
	for i, d := range q.Sparse.Dims {
		if w := q.Sparse.Values[i]; max(w, -w) >= sizes[int(p.DropRatio*float64(len(sizes)))] {
			weights[d] = w
		}
	}
	var hits []vecindex.Hit
	limit := src.Rows()
	if q.Limit > 0 {
		limit = min(limit, q.Limit)
	}
	for r := range limit {
		if w := r / 64; w < len(q.Skip) && q.Skip[w]>>(r%64)&1 != 0 {
			continue
		}
		from, to := src.Data.Offsets[r], src.Data.Offsets[r+1]
		length := float32(0)
		for _, v := range src.Data.Values[from:to] {
			length += max(v, 0)
		}
		k := float32(k1*(1-b)) + float32(float32(k1*b/max(p.BM25.AvgDL, 1))*length)
		sum := float32(0)
		for i := from; i < to; i++ {
			w, v := weights[src.Data.Dims[i]], src.Data.Values[i]
			switch {
			case w == 0:
			case m == vecindex.IP:
				sum += float32(w * v)
			case v > 0:
				sum += float32(w * float32(float32(v*float32(k1+1))/float32(v+k)))
			}
		}
		if sum > 0 {
			hits = append(hits, vecindex.Hit{Row: uint32(r), Score: sum})
		}
	}
	slices.SortStableFunc(hits, func(a, b vecindex.Hit) int {
		switch {
		case a.Score > b.Score:
			return -1
		case a.Score < b.Score:
			return 1
		}
		return 0
	})
	return hits[:min(len(hits), q.K)]
}

func buildParams(m vecindex.Metric, algo string) vecindex.Params {
	p := vecindex.Params{"inverted_index_algo": algo}
	if m == vecindex.BM25 {
		p["bm25_k1"], p["bm25_b"], p["bm25_avgdl"] = "1.2", "0.75", "8"
	}
	return p
}

// randomSkip skips each row with that probability, and those without a vector.
func randomSkip(rng *rand.Rand, src vecindex.SparseVectors, share float64) []uint64 {
	n := src.Rows()
	if share == 0 && src.Present.IsZero() {
		return nil
	}
	skip := make([]uint64, (n+63)/64)
	for r := range n {
		if rng.Float64() < share || !src.Present.IsZero() && !src.Present.Get(r) {
			skip[r/64] |= 1 << (r % 64)
		}
	}
	return skip
}

func shapes() map[string]shape {
	return map[string]shape{
		"words":    {rows: 3000, dims: 400, terms: 20, counts: true},
		"rare":     {rows: 6000, dims: 20000, terms: 12, counts: true},
		"copies":   {rows: 2000, dims: 200, terms: 10, counts: true, copies: true},
		"hashes":   {rows: 1500, dims: 1000, terms: 30, wide: true},
		"nullable": {rows: 1000, dims: 100, terms: 12, nulls: 0.3},
		"signed":   {rows: 1000, dims: 60, terms: 12, negative: 0.4},
		"few":      {rows: 70, dims: 10, terms: 4, nulls: 0.1, negative: 0.1, counts: true},
		"none":     {rows: 0, dims: 10, terms: 4},
	}
}

// TestModel compares answers with those of the definition, bit by bit.
func TestModel(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	queries := 60
	if testing.Short() {
		queries = 10
	}
	for name, h := range shapes() {
		for i, algo := range algorithms() {
			for _, m := range []vecindex.Metric{vecindex.IP, vecindex.BM25} {
				t.Run(fmt.Sprintf("%s/%s/%v", name, algo, m), func(t *testing.T) {
					rng := rand.New(rand.NewPCG(seed, uint64(i)))
					src := h.random(rng)
					kern := vec.All()[i%len(vec.All())]
					e := newEnv(kern, []uint{6, 7, 9, 12, 16, 8}[i])
					x, err := e.build(context.Background(), src, m, buildParams(m, algo), vecindex.BuildOptions{Threads: 1 + i%3})
					require.NoError(t, err)
					for range queries {
						q := randomQuery(rng, h, src, m)
						k1, b := 1.2, 0.75
						if p := q.Params.Sparse.BM25; p.K1 != nil {
							if !x.free {
								q.Params.Sparse.BM25.K1 = nil
							} else {
								k1 = *p.K1
							}
						}
						got, err := x.Search(context.Background(), &q, nil)
						require.NoError(t, err)
						require.Equal(t, brute(src, m, &q, k1, b), got, "%+v", q)
						checkIterator(t, rng, x, &q, func(all *vecindex.Query) []vecindex.Hit { return brute(src, m, all, k1, b) })
					}
					require.NoError(t, x.Close())
				})
			}
		}
	}
}

// checkIterator goes through all hits of a query in batches of any size, and
// through those between two of them.
func checkIterator(t *testing.T, rng *rand.Rand, x *index, q *vecindex.Query, find func(*vecindex.Query) []vecindex.Hit) {
	all := *q
	all.K = max(x.Rows(), 1)
	want := find(&all)
	for range 2 {
		it, err := x.Iterate(context.Background(), &all)
		require.NoError(t, err)
		var got []vecindex.Hit
		for {
			n := 1 + rng.IntN(700)
			before := len(got)
			got, err = it.Next(context.Background(), n, got)
			require.NoError(t, err)
			if len(got)-before < n {
				break
			}
		}
		it.Close()
		require.Equal(t, len(want), len(got))
		for i := range want {
			require.Equal(t, want[i], got[i])
		}
		if len(want) < 3 {
			return
		}
		from, to := 0-want[len(want)/3].Score, 0-want[2*len(want)/3].Score
		all.Range = &vecindex.Range{Low: from, High: to}
		want = slices.DeleteFunc(want, func(h vecindex.Hit) bool { return 0-h.Score < from || 0-h.Score >= to })
		got, err = x.Search(context.Background(), &all, nil)
		require.NoError(t, err)
		require.Equal(t, len(want), len(got))
	}
}

func randomQuery(rng *rand.Rand, h shape, src vecindex.SparseVectors, m vecindex.Metric) vecindex.Query {
	q := vecindex.Query{K: []int{1, 3, 10, 100, 5000}[rng.IntN(5)], Allowed: -1, Sparse: h.vector(rng, rng.IntN(14))}
	if rng.IntN(20) == 0 {
		q.Sparse = h.vector(rng, 600)
	}
	if rng.IntN(2) == 0 { // words that are rare weigh more, and all that are frequent come
		v := vecindex.SparseVector{Dims: []uint32{0, 1, 2, 3}, Values: []float32{0.5, 0.75, 1, 0.25}}
		for i, d := range q.Sparse.Dims {
			if d > 3 {
				v.Dims = append(v.Dims, d)
				v.Values = append(v.Values, q.Sparse.Values[i]*float32(math.Log(2+float64(d))))
			}
		}
		q.Sparse = v
	}
	q.Skip = randomSkip(rng, src, []float64{0, 0, 0.1, 0.5, 0.99, 1}[rng.IntN(6)])
	if rng.IntN(4) == 0 {
		q.Limit = 1 + rng.IntN(src.Rows()+10)
	}
	if rng.IntN(3) == 0 {
		q.Params.Sparse.DropRatio = rng.Float64()
	}
	if m == vecindex.BM25 {
		q.Params.Sparse.BM25.AvgDL = []float64{1, 7, 8, 9, 100}[rng.IntN(5)]
		if rng.IntN(3) == 0 {
			k1 := 3 * rng.Float64()
			q.Params.Sparse.BM25.K1 = &k1
		}
	}
	return q
}
