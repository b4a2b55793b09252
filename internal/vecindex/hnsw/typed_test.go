package hnsw_test

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/redkite-db/redkite/internal/column"
	"github.com/redkite-db/redkite/internal/mem"
	"github.com/redkite-db/redkite/internal/porttest/indextest"
	"github.com/redkite-db/redkite/internal/vec"
	"github.com/redkite-db/redkite/internal/vecindex"
	"github.com/redkite-db/redkite/internal/vecindex/hnsw"
)

// typed are the types of vectors that are not of float32.
var typed = []vec.Element{vec.Float16s, vec.BFloat16s, vec.Int8s, vec.Bits}

func typedMetrics(e vec.Element) []vecindex.Metric {
	if e == vec.Bits {
		return []vecindex.Metric{vecindex.Hamming, vecindex.Jaccard}
	}
	return metrics
}

// packed makes rows of a type: int8 in steps of a sixteenth, bits of signs.
func packed(e vec.Element, rows vecindex.Vectors) vecindex.Packed {
	data := make([]byte, e.Size(rows.Dimension)*rows.Rows())
	switch e {
	case vec.Float16s:
		vec.EncodeFloat16(data, rows.Data)
	case vec.BFloat16s:
		vec.EncodeBFloat16(data, rows.Data)
	case vec.Int8s:
		for i, v := range rows.Data {
			data[i] = byte(int8(min(max(16*v, -128), 127)))
		}
	default:
		for i, v := range rows.Data {
			if v > 0 {
				data[i/8] |= 1 << (i % 8)
			}
		}
	}
	return vecindex.Packed{Data: vec.Packed(e, rows.Dimension, data), Present: rows.Present}
}

// typedRecall is recall of queries, each a row of a type.
func typedRecall(t testing.TB, x, exact vecindex.Index, m vecindex.Metric, queries vecindex.Packed, q vecindex.Query) float64 {
	t.Helper()
	good, all := 0, 0
	for i := range queries.Rows() {
		if e := queries.Data.Element(); e == vec.Float16s || e == vec.BFloat16s {
			q.Vector = queries.Data.Floats(i, make([]float32, queries.Dim()))
		} else {
			q.Bytes = queries.Data.Bytes()[i*queries.Data.RowSize():][:queries.Data.RowSize()]
		}
		near, hits := indextest.Law(t, x, exact, m, q)
		good, all = good+near, all+hits
	}
	return float64(good) / float64(max(all, 1))
}

// someRows makes about a third of the rows ones without a vector, and returns a
// filter that skips these and, of the others, all but a share.
func someRows(rng *rand.Rand, rows *vecindex.Vectors, share float64) []uint64 {
	n := rows.Rows()
	rows.Present = column.NewBitset(n)
	skip := make([]uint64, (n+63)/64)
	for r := range n {
		if rng.IntN(3) > 0 {
			rows.Present.Set(r)
			if rng.Float64() < share {
				continue
			}
		}
		skip[r/64] |= 1 << (r % 64)
	}
	return skip
}

func TestTypedRecall(t *testing.T) {
	indextest.SlowUnderRace(t)
	const n, dim = 3000, 64
	kern := vec.Detect()
	params := map[string][]vecindex.Params{
		"HNSW":     {{"M": "16", "efConstruction": "100"}},
		"HNSW_SQ":  {{"M": "16", "efConstruction": "100", "sq_type": "SQ4U"}, {"M": "16", "efConstruction": "100", "sq_type": "BF16"}},
		"HNSW_PRQ": {{"M": "16", "efConstruction": "100", "m": "16"}},
	}
	for _, kind := range hnsw.Kinds(kern) {
		for _, p := range params[kind.Name] {
			for _, e := range typed {
				if e == vec.Bits && kind.Name != "HNSW" {
					continue
				}
				for _, m := range typedMetrics(e) {
					t.Run(fmt.Sprintf("%v/%s/%d/%v", kind.Name, p["sq_type"], e, m), func(t *testing.T) {
						rng := rand.New(rand.NewPCG(uint64(e), uint64(m)))
						rows, near := indextest.Clustered(rng, n, 30, dim, 40)
						skip := someRows(rng, &rows, 0.3)
						nulls := rows.Present.Clone()
						nulls.Not()
						src, queries := packed(e, rows), packed(e, near)
						x, err := kind.Build(context.Background(), src, m, p, vecindex.BuildOptions{Threads: 1})
						require.NoError(t, err)
						exact := indextest.Flat(t, kern, src, m)
						for _, s := range [][]uint64{nulls.Words(), skip} {
							got := typedRecall(t, x, exact, m, queries, vecindex.Query{K: 10, Skip: s, Allowed: -1, Params: vecindex.SearchParams{Ef: 64}})
							t.Logf("recall %.4f", got)
							require.GreaterOrEqual(t, got, 0.95)
						}
						reopened(t, kind, x, src, exact, m, queries, nulls.Words())
						require.NoError(t, x.Close())
					})
				}
			}
		}
	}
}

// reopened checks that an index in a file answers as the one that was built, and
// belongs to rows of its type alone.
func reopened(t *testing.T, kind vecindex.Kind, x vecindex.Index, src vecindex.Packed, exact vecindex.Index, m vecindex.Metric, queries vecindex.Packed, skip []uint64) {
	t.Helper()
	b := indextest.File(t, x)
	back, err := kind.Open(mem.FromBytes(b), src, m, nil)
	require.NoError(t, err)
	q := vecindex.Query{K: 10, Skip: skip, Allowed: -1, Params: vecindex.SearchParams{Ef: 64}}
	require.Equal(t, typedRecall(t, x, exact, m, queries, q), typedRecall(t, back, exact, m, queries, q))
	require.NoError(t, back.Close())
	for _, e := range typed {
		if e == src.Data.Element() {
			continue
		}
		other := vecindex.Packed{Data: vec.Packed(e, src.Dim(), make([]byte, e.Size(src.Dim())*src.Rows())), Present: src.Present}
		_, err := kind.Open(mem.FromBytes(b), other, m, nil)
		require.ErrorIs(t, err, vecindex.ErrBadFile)
	}
	_, err = kind.Open(mem.FromBytes(b), vecindex.Vectors{Data: make([]float32, src.Rows()*src.Dim()), Dimension: src.Dim(), Present: src.Present}, m, nil)
	require.ErrorIs(t, err, vecindex.ErrBadFile)
}

// TestTypedLive grows graphs of vectors of all types and drains an iterator.
func TestTypedLive(t *testing.T) {
	indextest.SlowUnderRace(t)
	const n, dim = 1500, 32
	kern := vec.Detect()
	for _, e := range typed {
		for _, m := range typedMetrics(e) {
			t.Run(fmt.Sprintf("%d/%v", e, m), func(t *testing.T) {
				rows, near := indextest.Clustered(rand.New(rand.NewPCG(9, uint64(e))), n, 20, dim, 20)
				src, queries := packed(e, rows), packed(e, near)
				x, err := hnsw.Kind(kern).Live(dim, m, vecindex.Params{"M": "12"}, vecindex.LiveOptions{MaxRows: n, Element: vecindex.ElementOf(&src.Data)})
				require.NoError(t, err)
				for _, to := range []int{100, 101, n} {
					require.NoError(t, x.Extend(context.Background(), vecindex.Packed{Data: src.Data.Head(to)}, 1))
				}
				exact := indextest.Flat(t, kern, src, m)
				got := typedRecall(t, x, exact, m, queries, vecindex.Query{K: 10, Allowed: -1, Params: vecindex.SearchParams{Ef: 64}})
				require.GreaterOrEqual(t, got, 0.95)
				q := vecindex.Query{K: 10, Allowed: -1, Vector: near.Data[:dim], Bytes: queries.Data.Bytes()[:queries.Data.RowSize()]}
				all := q
				all.K = n
				it, err := x.Iterate(t.Context(), &q)
				require.NoError(t, err)
				hits, err := it.Next(t.Context(), n+1, nil)
				require.NoError(t, err)
				vecindex.Sort(m, hits)
				require.Equal(t, indextest.Search(t, exact, all), hits)
				it.Close()
				require.NoError(t, x.Close())
			})
		}
	}
}

func TestTypedRefuses(t *testing.T) {
	kern := vec.Detect()
	bits := vecindex.Packed{Data: vec.Packed(vec.Bits, 32, make([]byte, 40))}
	half := vecindex.Packed{Data: vec.Packed(vec.Float16s, 32, make([]byte, 640))}
	for _, kind := range hnsw.Kinds(kern) {
		for _, m := range []vecindex.Metric{vecindex.L2, vecindex.Substructure, vecindex.BM25} {
			_, err := kind.Build(t.Context(), bits, m, nil, vecindex.BuildOptions{Threads: 1})
			require.Error(t, err, "%s by %v", kind.Name, m)
		}
		_, err := kind.Build(t.Context(), half, vecindex.Hamming, nil, vecindex.BuildOptions{Threads: 1})
		require.Error(t, err)
		require.Error(t, kind.Check(vecindex.Params{}, 32, vecindex.Superstructure))
		live, err := kind.Live(32, vecindex.L2, nil, vecindex.LiveOptions{MaxRows: 10, Element: vecindex.Float16})
		require.NoError(t, err)
		require.Error(t, live.Extend(t.Context(), vecindex.Vectors{Data: make([]float32, 320), Dimension: 32}, 1))
		require.NoError(t, live.Extend(t.Context(), half, 1))
		require.NoError(t, live.Close())
	}
	pq := hnsw.Kinds(kern)[2]
	_, err := pq.Build(t.Context(), bits, vecindex.Hamming, nil, vecindex.BuildOptions{Threads: 1})
	require.Error(t, err)
}

// TestTypedIterates lets iterators walk graphs of all types before they compare
// what is left.
func TestTypedIterates(t *testing.T) {
	indextest.SlowUnderRace(t)
	const n, dim = 12_000, 32 // more than vecindex.FewRows
	kern := vec.Detect()
	for _, e := range typed {
		for _, m := range typedMetrics(e) {
			t.Run(fmt.Sprintf("%d/%v", e, m), func(t *testing.T) {
				rng := rand.New(rand.NewPCG(10, uint64(e)))
				rows, near := indextest.Clustered(rng, n, 5, dim, 50)
				src, queries := packed(e, rows), packed(e, near)
				x := build(t, kern, src, m, vecindex.Params{"M": "16", "efConstruction": "80"}, vecindex.BuildOptions{})
				exact := indextest.Flat(t, kern, src, m)
				good := 0
				for i := range queries.Rows() {
					q := vecindex.Query{K: 10, Allowed: -1, Vector: near.Data[i*dim:][:dim], Bytes: queries.Data.Bytes()[i*queries.Data.RowSize():][:queries.Data.RowSize()]}
					if i%2 == 1 {
						q.Skip = indextest.RandomSkip(rng, n, 0.8)
					}
					all := q
					all.K = n
					want := indextest.Search(t, exact, all)
					it, err := x.Iterate(t.Context(), &q)
					require.NoError(t, err)
					hits, err := it.Next(t.Context(), 20, nil)
					require.NoError(t, err)
					for _, h := range hits {
						if !m.Better(want[19].Score, h.Score) {
							good++
						}
					}
					for before := -1; before < len(hits); {
						before = len(hits)
						hits, err = it.Next(t.Context(), 1+rng.IntN(3000), hits)
						require.NoError(t, err)
					}
					it.Close()
					vecindex.Sort(m, hits)
					require.Equal(t, want, hits)
				}
				require.GreaterOrEqual(t, good, 18*queries.Rows(), "of the first 20")
			})
		}
	}
}

// FuzzOpenTyped opens damaged files of graphs of bits and of float16, whose
// checksums are right half of the time, and searches what opens.
func FuzzOpenTyped(f *testing.F) {
	const n, dim = 200, 16
	rows, _ := indextest.Clustered(rand.New(rand.NewPCG(11, 1)), n, 0, dim, 6)
	kern := vec.Detect()
	sources := []vecindex.Packed{packed(vec.Bits, rows), packed(vec.Float16s, rows)}
	of := []vecindex.Metric{vecindex.Jaccard, vecindex.Cosine}
	var good [][]byte
	for i, src := range sources {
		good = append(good, indextest.File(f, build(f, kern, src, of[i], vecindex.Params{"M": "4", "efConstruction": "20"}, vecindex.BuildOptions{})))
		for at := uint32(0); at < uint32(len(good[i])); at += 4 + at/256*64 {
			f.Add(uint8(i), at, []byte{255, 255, 255, 255}, true)
			f.Add(uint8(i), at, []byte{1, 0, 0, 0}, true)
		}
	}
	f.Fuzz(func(t *testing.T, which uint8, at uint32, patch []byte, sealed bool) {
		i := int(which) % len(good)
		b := bytes.Clone(good[i])
		if int64(at) < int64(len(b)) {
			copy(b[at:], patch)
		}
		if sealed {
			seal(b)
		}
		x, err := hnsw.Kind(kern).Open(mem.FromBytes(b), sources[i], of[i], nil)
		if err != nil {
			require.ErrorIs(t, err, vecindex.ErrBadFile)
			return
		}
		for r := range 5 {
			q := vecindex.Query{Vector: rows.Data[r*dim:][:dim], Bytes: sources[0].Data.Bytes()[2*r:][:2], K: 10, Allowed: -1}
			require.Len(t, indextest.Search(t, x, q), 10)
		}
		require.NoError(t, x.Close())
	})
}
