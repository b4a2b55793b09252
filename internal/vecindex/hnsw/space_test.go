package hnsw_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/redkite-db/redkite/internal/mem"
	"github.com/redkite-db/redkite/internal/porttest/indextest"
	"github.com/redkite-db/redkite/internal/vec"
	"github.com/redkite-db/redkite/internal/vecindex"
	"github.com/redkite-db/redkite/internal/vecindex/hnsw"
)

// atCodes is where the header says whether there are codes, and how they were
// made.
const atCodes = 208

func codes(t testing.TB, x vecindex.Index) uint32 {
	return binary.LittleEndian.Uint32(indextest.File(t, x)[atCodes:])
}

// TestCodesWhereTheyServe: a graph is one of codes where these tell the rows
// apart, and one of vectors where they do not; either finds what there is.
func TestCodesWhereTheyServe(t *testing.T) {
	indextest.SlowUnderRace(t)
	const n, dim = 3000, 20
	for name, c := range map[string]struct {
		metrics []vecindex.Metric
		want    uint32
		change  func(rng *rand.Rand, x []float32)
	}{
		"plain":    {metrics, 1, func(*rand.Rand, []float32) {}},
		"tiny":     {metrics, 1, func(_ *rand.Rand, x []float32) { times(x, 1e-20) }},
		"large":    {metrics, 1, func(_ *rand.Rand, x []float32) { times(x, 1e12) }},
		"constant": {metrics, 1, func(_ *rand.Rand, x []float32) { fill(x, 3) }},
		"zero":     {metrics, 1, func(_ *rand.Rand, x []float32) { fill(x, 0) }},
		"huge":     {metrics[:1], 0, func(_ *rand.Rand, x []float32) { times(x, 1e33) }},
		// Islands of rows that differ by less than a step of the codes.
		"islands": {[]vecindex.Metric{vecindex.L2, vecindex.Cosine}, 0, func(rng *rand.Rand, x []float32) {
			for r := range len(x) / dim {
				island := rng.IntN(10)
				for i := range dim {
					x[r*dim+i] = x[r*dim+i]/3000 + float32((island*7+i*island)%11) - 5
				}
			}
		}},
		// A few enormous elements do not spoil the codes of all others.
		"outliers": {metrics[:1], 1, func(rng *rand.Rand, x []float32) {
			for range 3 {
				x[rng.IntN(len(x))] *= 1e6
			}
		}},
	} {
		for _, m := range c.metrics {
			t.Run(fmt.Sprintf("%s/%v", name, m), func(t *testing.T) {
				rng := rand.New(rand.NewPCG(12, 1))
				src, _ := indextest.Clustered(rng, n, 0, dim, 30)
				c.change(rng, src.Data)
				queries := vecindex.Vectors{Data: near(src.Data[:60*dim], rng), Dimension: dim}
				x := build(t, vec.Detect(), src, m, vecindex.Params{"M": "12", "efConstruction": "100"}, vecindex.BuildOptions{})
				require.Equal(t, c.want, codes(t, x))
				for _, k := range []int{1, 10, 100} {
					got := indextest.Recall(t, x, indextest.Flat(t, vec.Detect(), src, m), m, queries, vecindex.Query{K: k, Allowed: -1, Params: vecindex.SearchParams{Ef: k + 60}})
					require.GreaterOrEqual(t, got, 0.95, "k %d", k)
				}
			})
		}
	}
}

func times(x []float32, by float32) {
	for i := range x {
		x[i] *= by
	}
}

func fill(x []float32, with float32) {
	for i := range x {
		x[i] = with
	}
}

// near returns rows a little off those of x.
func near(x []float32, rng *rand.Rand) []float32 {
	q := append([]float32(nil), x...)
	for i := range q {
		q[i] *= 1 + 1e-4*float32(rng.NormFloat64())
	}
	return q
}

// TestKernelsAgree: codes are whole numbers, so that every machine builds the
// same graph on them.
func TestKernelsAgree(t *testing.T) {
	indextest.SlowUnderRace(t)
	rng := rand.New(rand.NewPCG(12, 2))
	src, _ := indextest.Clustered(rng, 700, 0, 24, 10)
	for i := range src.Data {
		src.Data[i] = float32(math.Round(float64(src.Data[i]) * 20))
	}
	var want []byte
	for _, kern := range vec.All() {
		got := indextest.File(t, build(t, kern, src, vecindex.L2, vecindex.Params{"M": "8", "efConstruction": "40"}, vecindex.BuildOptions{}))
		if want == nil {
			want = got
		}
		require.True(t, bytes.Equal(want, got), "%v", kern)
	}
}

// TestBadCodes: a header whose numbers no coder has is a bad file.
func TestBadCodes(t *testing.T) {
	src, _ := indextest.Clustered(rand.New(rand.NewPCG(12, 3)), 100, 0, 12, 3)
	b := indextest.File(t, build(t, vec.Detect(), src, vecindex.IP, nil, vecindex.BuildOptions{}))
	require.EqualValues(t, 1, b[atCodes])
	for _, c := range []struct {
		at   int
		word uint32
	}{
		{atCodes, 0}, {atCodes, 99},
		{atCodes + 4, math.Float32bits(float32(math.NaN()))}, {atCodes + 4, math.Float32bits(1e35)},
		{atCodes + 8, 0}, {atCodes + 8, math.Float32bits(-1)}, {atCodes + 8, math.Float32bits(float32(math.Inf(1)))},
	} {
		bad := bytes.Clone(b)
		binary.LittleEndian.PutUint32(bad[c.at:], c.word)
		seal(bad)
		_, err := hnsw.Kind(vec.Detect()).Open(mem.FromBytes(bad), src, vecindex.IP, nil)
		require.ErrorIs(t, err, vecindex.ErrBadFile)
		require.NotContains(t, err.Error(), "checksum")
	}
}
