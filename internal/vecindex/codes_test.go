package vecindex_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/redkite-db/redkite/internal/column"
	"github.com/redkite-db/redkite/internal/porttest/indextest"
	"github.com/redkite-db/redkite/internal/vec"
	"github.com/redkite-db/redkite/internal/vecindex"
)

// adversaries make rows that codes find hard, in one way or another.
var adversaries = map[string]func(rng *rand.Rand, row []float32, r int){
	"normal": func(rng *rand.Rand, row []float32, _ int) {
		for i := range row {
			row[i] = float32(rng.NormFloat64())
		}
	},
	"whole numbers": func(rng *rand.Rand, row []float32, _ int) {
		for i := range row {
			row[i] = float32(rng.IntN(256))
		}
	},
	"one constant": func(_ *rand.Rand, row []float32, _ int) {
		for i := range row {
			row[i] = 0.1
		}
	},
	"duplicates of few": func(rng *rand.Rand, row []float32, _ int) {
		rng = rand.New(rand.NewPCG(7, uint64(rng.IntN(5))))
		for i := range row {
			row[i] = float32(rng.NormFloat64())
		}
	},
	"near each other": func(rng *rand.Rand, row []float32, _ int) {
		for i := range row {
			row[i] = 1000 + float32(rng.IntN(3))*1e-4
		}
	},
	"zeros of both signs": func(rng *rand.Rand, row []float32, r int) {
		for i := range row {
			row[i] = float32(math.Copysign(float64(rng.IntN(2)*(r%3)), float64(rng.IntN(2))-0.5))
		}
	},
	"denormals": func(rng *rand.Rand, row []float32, _ int) {
		for i := range row {
			row[i] = math.Float32frombits(rng.Uint32N(1<<12) | rng.Uint32N(2)<<31)
		}
	},
	"lengths of all sizes": func(rng *rand.Rand, row []float32, _ int) {
		scale := math.Pow(10, 80*rng.Float64()-43)
		for i := range row {
			row[i] = float32(max(min(scale*rng.NormFloat64(), math.MaxFloat32), -math.MaxFloat32))
		}
	},
	"outliers": func(rng *rand.Rand, row []float32, r int) {
		for i := range row {
			row[i] = float32(rng.NormFloat64())
		}
		if r%100 == 50 {
			row[rng.IntN(len(row))] = float32(math.Pow(10, float64(rng.IntN(38))))
		}
	},
	"descending distance": func(rng *rand.Rand, row []float32, r int) {
		for i := range row {
			row[i] = 1e-3*float32(rng.NormFloat64()) + 100/float32(r+1)
		}
	},
	// Codes lose nothing, and distances from what is far are above 2^24 and nearly equal:
	// float32 does not tell them apart.
	"alike": func(rng *rand.Rand, row []float32, _ int) {
		for i := range row {
			row[i] = float32(i % 2 * 255)
			if i%16 == 0 && i < 256 {
				row[i] = float32(120 + rng.IntN(15))
			}
		}
	},
	"half of the elements huge": func(rng *rand.Rand, row []float32, _ int) {
		for i := range row {
			row[i] = float32(rng.NormFloat64())
			if i%2 == 0 {
				row[i] *= 1e14
			}
		}
	},
}

// TestCodesAreExact holds searches, ranges and iterators by codes against the plain
// scan, bit by bit.
func TestCodesAreExact(t *testing.T) {
	for name, fill := range adversaries {
		for _, m := range metrics {
			t.Run(fmt.Sprintf("%s/%v", name, m), func(t *testing.T) {
				seed := rand.Uint64()
				t.Logf("seed %d", seed)
				rng := rand.New(rand.NewPCG(seed, 1))
				for _, kern := range vec.All() {
					exactByCodes(t, rng, kern, m, fill)
				}
			})
		}
	}
}

func exactByCodes(t *testing.T, rng *rand.Rand, kern vec.Kernels, m vecindex.Metric, fill func(*rand.Rand, []float32, int)) {
	t.Helper()
	dim := []int{1, 3, 16, 64, 100, 128, 200, 1024, 16_000}[rng.IntN(9)]
	n := min([]int{1, 63, 500, 5000, 20_000}[rng.IntN(5)], 2_000_000/dim)
	src := vecindex.Vectors{Data: make([]float32, n*dim), Dimension: dim}
	for r := range n {
		fill(rng, src.Data[r*dim:(r+1)*dim], r)
	}
	var nulls column.Bitset
	if rng.IntN(2) == 0 {
		nulls, src.Present = column.NewBitset(n), column.NewBitset(n)
		for r := range n {
			if rng.IntN(7) == 0 {
				nulls.Set(r)
				src.Data[r*dim] = float32(math.NaN())
			} else {
				src.Present.Set(r)
			}
		}
	}
	build := func(kind vecindex.Kind) vecindex.Index {
		x, err := kind.Build(t.Context(), src, m, nil, vecindex.BuildOptions{Threads: 1 + rng.IntN(3)})
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, x.Close()) })
		return x
	}
	plain := build(vecindex.Plain(kern, 1))
	kind := vecindex.Flat(kern, 1+rng.IntN(3))
	coded := build(kind)
	if rng.IntN(2) == 0 {
		coded = indextest.Reopen(t, kind, coded, src, m, nil)
	}
	for range 6 {
		q := vecindex.Query{Vector: make([]float32, dim), K: 1 + rng.IntN(30), Allowed: -1, Skip: nulls.Words()}
		queryFor(rng, &q, src, fill)
		if share := rng.Float64() * 1.2; share < 1 {
			q.Skip = append([]uint64(nil), q.Skip...)
			for r := range n {
				if rng.Float64() > share*share && r/64 < len(q.Skip) {
					q.Skip[r/64] |= 1 << (r % 64)
				}
			}
		}
		if rng.IntN(4) == 0 {
			q.Limit = 1 + rng.IntN(n)
		}
		want, got := indextest.Search(t, plain, q), indextest.Search(t, coded, q)
		requireSame(t, want, got)
		if len(want) > 0 {
			a, b := m.Distance(want[rng.IntN(len(want))].Score), m.Distance(want[rng.IntN(len(want))].Score)
			q.Range = &vecindex.Range{Low: min(a, b), High: max(a, b)}
			if rng.IntN(3) == 0 {
				q.Range.High = float32(math.Inf(1))
			}
			requireSame(t, indextest.Search(t, plain, q), indextest.Search(t, coded, q))
			q.Range = nil
		}
		sameIterators(t, rng, plain, coded, &q)
	}
}

// queryFor makes a query like a row, a row, or one that is nothing like a row.
func queryFor(rng *rand.Rand, q *vecindex.Query, src vecindex.Vectors, fill func(*rand.Rand, []float32, int)) {
	switch rng.IntN(8) {
	case 0:
		row := rng.IntN(src.Rows())
		if src.Present.IsZero() || src.Present.Get(row) {
			copy(q.Vector, src.Data[row*src.Dimension:])
		}
	case 1:
		for i := range q.Vector {
			q.Vector[i] = float32(rng.NormFloat64() * math.Pow(10, float64(rng.IntN(70)-35)))
		}
	case 2: // zero
	case 3, 4: // far from rows of bytes
		fill(rng, q.Vector, rng.IntN(src.Rows()))
		for i := range q.Vector {
			q.Vector[i] = 255 - q.Vector[i]
		}
	default:
		fill(rng, q.Vector, rng.IntN(src.Rows()))
	}
}

func sameIterators(t *testing.T, rng *rand.Rand, plain, coded vecindex.Index, q *vecindex.Query) {
	t.Helper()
	a, err := plain.Iterate(t.Context(), q)
	require.NoError(t, err)
	defer a.Close()
	b, err := coded.Iterate(t.Context(), q)
	require.NoError(t, err)
	defer b.Close()
	for range 5 {
		n := 1 + rng.IntN(2000)
		want, err := a.Next(t.Context(), n, nil)
		require.NoError(t, err)
		got, err := b.Next(t.Context(), n, nil)
		require.NoError(t, err)
		requireSame(t, want, got)
	}
}

// requireSame compares hits bit by bit; a NaN is one.
func requireSame(t *testing.T, want, got []vecindex.Hit) {
	t.Helper()
	require.Len(t, got, len(want))
	for i, w := range want {
		require.Equal(t, w.Row, got[i].Row, "hit %d", i)
		require.Equal(t, math.Float32bits(w.Score), math.Float32bits(got[i].Score), "hit %d, row %d: %v, %v", i, w.Row, w.Score, got[i].Score)
	}
}
