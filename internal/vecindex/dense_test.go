package vecindex_test

import (
	"bytes"
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

// elements are the types of vectors that are not of float32.
var elements = map[vecindex.Element]vec.Element{
	vecindex.Float16: vec.Float16s, vecindex.BFloat16: vec.BFloat16s, vecindex.Int8: vec.Int8s, vecindex.Binary: vec.Bits,
}

// metricsOf returns the metrics of an element.
func metricsOf(e vecindex.Element) []vecindex.Metric {
	if e == vecindex.Binary {
		return []vecindex.Metric{vecindex.Hamming, vecindex.Jaccard, vecindex.Substructure, vecindex.Superstructure}
	}
	return metrics
}

// pack makes rows of whole numbers ones of an element; of bits an element is set
// if its number is above 1.
func pack(e vecindex.Element, dim int, rows []float32) vec.Matrix {
	data := make([]byte, elements[e].Size(dim)*(len(rows)/dim))
	switch e {
	case vecindex.Float16:
		vec.EncodeFloat16(data, rows)
	case vecindex.BFloat16:
		vec.EncodeBFloat16(data, rows)
	case vecindex.Int8:
		for i, v := range rows {
			data[i] = byte(int8(v))
		}
	default:
		for i, v := range rows {
			if v > 1 {
				data[i/8] |= 1 << (i % 8)
			}
		}
	}
	return vec.Packed(elements[e], dim, data)
}

// queryOf returns a query for rows of an element.
func queryOf(e vecindex.Element, q []float32) vecindex.Query {
	if e == vecindex.Int8 || e == vecindex.Binary {
		m := pack(e, len(q), q)
		return vecindex.Query{Bytes: m.Bytes()}
	}
	return vecindex.Query{Vector: q}
}

// exactBits is the answer for binary rows computed in the plainest way.
func exactBits(m vecindex.Metric, rows vec.Matrix, q []byte, k int, passes func(row int) bool) []vecindex.Hit {
	var hits []vecindex.Hit
	for r := range rows.Rows() {
		differ, common, either, missing, extra := 0, 0, 0, 0, 0
		for i, b := range rows.Bytes()[r*len(q) : (r+1)*len(q)] {
			differ += bits.OnesCount8(b ^ q[i])
			common += bits.OnesCount8(b & q[i])
			either += bits.OnesCount8(b | q[i])
			missing += bits.OnesCount8(q[i] &^ b)
			extra += bits.OnesCount8(b &^ q[i])
		}
		h := vecindex.Hit{Row: uint32(r)}
		switch {
		case !passes(r) || m == vecindex.Substructure && missing > 0 || m == vecindex.Superstructure && extra > 0:
			continue
		case m == vecindex.Hamming:
			h.Score = float32(differ)
		case m == vecindex.Jaccard:
			if h.Score = 1; either > 0 {
				h.Score = 1 - float32(common)/float32(either)
			}
		}
		hits = append(hits, h)
	}
	slices.SortStableFunc(hits, func(a, b vecindex.Hit) int {
		switch {
		case a.Score < b.Score:
			return -1
		case a.Score > b.Score:
			return 1
		}
		return 0
	})
	return hits[:min(k, len(hits))]
}

// exactFlat returns FLAT or BIN_FLAT over rows.
func exactFlat(t testing.TB, kern vec.Kernels, src vecindex.Source, m vecindex.Metric, threads int) vecindex.Index {
	t.Helper()
	kind := vecindex.Flat(kern, threads)
	if vecindex.Binary == kindElement(src) {
		kind = vecindex.BinFlat(kern, threads)
	}
	x, err := kind.Build(context.Background(), src, m, nil, vecindex.BuildOptions{})
	require.NoError(t, err)
	return x
}

func kindElement(src vecindex.Source) vecindex.Element {
	m := src.Matrix()
	return vecindex.ElementOf(&m)
}

func TestFlatOfTypes(t *testing.T) {
	rng := rand.New(rand.NewPCG(21, 22))
	for _, kern := range vec.All() {
		for e := range elements {
			for _, m := range metricsOf(e) {
				for _, shape := range []struct{ rows, dim, threads int }{{0, 8, 1}, {1, 8, 1}, {300, 24, 1}, {1000, 128, 2}, {4000, 520, 3}} {
					t.Run(fmt.Sprintf("%v/%v/%v/%dx%d", kern, e, m, shape.rows, shape.dim), func(t *testing.T) {
						rows := randomRows(rng, shape.rows, shape.dim)
						src := vecindex.Packed{Data: pack(e, shape.dim, rows)}
						x := exactFlat(t, kern, src, m, shape.threads)
						for _, share := range []float64{0, 0.01, 0.4, 1} {
							checkTyped(t, rng, x, src, rows, m, 1+rng.IntN(50), share)
						}
					})
				}
			}
		}
	}
}

// checkTyped compares a search and an iterator with the plainest answer.
func checkTyped(t *testing.T, rng *rand.Rand, x vecindex.Index, src vecindex.Packed, rows []float32, m vecindex.Metric, k int, share float64) {
	t.Helper()
	e, n, dim := kindElement(src), src.Rows(), src.Dim()
	skip := make([]uint64, (n+63)/64)
	for r := range n {
		if rng.Float64() >= share {
			skip[r/64] |= 1 << (r % 64)
		}
	}
	passes := func(r int) bool { return skip[r/64]>>(r%64)&1 == 0 }
	from := randomRows(rng, 2, dim)[dim:]
	if n > 0 && rng.IntN(3) == 0 {
		from = rows[rng.IntN(n)*dim:][:dim] // of matches there are otherwise none
	}
	q := queryOf(e, from)
	q.K, q.Skip, q.Allowed = k, skip, -1
	want := exact(m, rows, from, n, passes)
	if e == vecindex.Binary {
		want = exactBits(m, src.Data, q.Bytes, n, passes)
	}
	got, err := x.Search(t.Context(), &q, nil)
	require.NoError(t, err)
	it, err := x.Iterate(t.Context(), &q)
	require.NoError(t, err)
	defer it.Close()
	all, err := it.Next(t.Context(), n+1, nil)
	require.NoError(t, err)
	require.Len(t, all, len(want))
	require.True(t, slices.Equal(all[:min(k, len(all))], got), "iterator %v, search %v", all, got)
	if m != vecindex.Cosine {
		require.True(t, slices.Equal(want, all), "want %v, got %v", want, all)
		return
	}
	for i, h := range all { // ties may fall either way by the last bit
		require.InDelta(t, want[i].Score, h.Score, 1e-6)
		require.True(t, passes(int(h.Row)))
	}
}

func TestFlatOfTypesRefuses(t *testing.T) {
	kern := vec.Detect()
	for e := range elements {
		src := vecindex.Packed{Data: pack(e, 16, make([]float32, 160))}
		for _, m := range []vecindex.Metric{vecindex.L2, vecindex.Cosine, vecindex.Hamming, vecindex.Substructure, vecindex.BM25} {
			x, err := vecindex.Flat(kern, 1).Build(t.Context(), src, m, nil, vecindex.BuildOptions{})
			if !m.Measures(e) {
				require.Error(t, err, "%v of %v", m, e)
				require.Nil(t, x)
				continue
			}
			require.NoError(t, err)
			for _, q := range []vecindex.Query{
				{K: 1}, {Vector: make([]float32, 15), K: 1}, {Bytes: make([]byte, 1), K: 1}, {Bytes: make([]byte, 17), K: 1},
				queryOf(e, make([]float32, 16)),
			} {
				_, err = x.Search(t.Context(), &q, nil)
				require.Error(t, err, "%v", q)
				_, err = x.Iterate(t.Context(), &q)
				require.Error(t, err, "%v", q)
			}
			q := queryOf(e, make([]float32, 16))
			q.K, q.Range = 1, &vecindex.Range{High: float32(math.Inf(1))}
			_, err = x.Search(t.Context(), &q, nil)
			require.Equal(t, m.IsMatch(), err != nil)
		}
	}
	require.NotContains(t, vecindex.Flat(kern, 1).Types, vecindex.Int8)
	kind := vecindex.BinFlat(kern, 1)
	require.Equal(t, []vecindex.Element{vecindex.Binary}, kind.Types)
	require.NoError(t, kind.Check(nil, 8, vecindex.Superstructure))
	require.EqualError(t, kind.Check(nil, 8, vecindex.L2), "metric type L2 not found or not supported, supported: [HAMMING JACCARD SUBSTRUCTURE SUPERSTRUCTURE]")
}

// TestFlatRangeOfBits holds ranges of whole numbers to their bounds.
func TestFlatRangeOfBits(t *testing.T) {
	src := vecindex.Packed{Data: vec.Packed(vec.Bits, 8, []byte{0, 1, 3, 7, 15, 31})}
	x := exactFlat(t, vec.Detect(), src, vecindex.Hamming, 1)
	q := vecindex.Query{Bytes: []byte{0}, K: 9, Range: &vecindex.Range{Low: 2, High: 4}}
	hits, err := x.Search(t.Context(), &q, nil)
	require.NoError(t, err)
	require.Equal(t, []vecindex.Hit{{Row: 2, Score: 2}, {Row: 3, Score: 3}}, hits)
	x = exactFlat(t, vec.Detect(), src, vecindex.Jaccard, 1)
	hits, err = x.Search(t.Context(), &vecindex.Query{Bytes: []byte{0}, K: 2}, nil)
	require.NoError(t, err)
	require.Equal(t, []vecindex.Hit{{Row: 0, Score: 1}, {Row: 1, Score: 1}}, hits, "two empty sets, too")
}

func TestFlatFileOfTypes(t *testing.T) {
	kern := vec.Detect()
	data := make([]byte, 64)
	half := vecindex.Packed{Data: vec.Packed(vec.Float16s, 8, data)}
	brain := vecindex.Packed{Data: vec.Packed(vec.BFloat16s, 8, data)}
	kind := vecindex.Flat(kern, 1)
	x, err := kind.Build(t.Context(), half, vecindex.IP, nil, vecindex.BuildOptions{})
	require.NoError(t, err)
	var file bytes.Buffer
	_, err = x.WriteTo(&file)
	require.NoError(t, err)
	_, err = kind.Open(mem.FromBytes(file.Bytes()), half, vecindex.IP, nil)
	require.NoError(t, err)
	_, err = kind.Open(mem.FromBytes(file.Bytes()), brain, vecindex.IP, nil)
	require.ErrorIs(t, err, vecindex.ErrBadFile)
}
