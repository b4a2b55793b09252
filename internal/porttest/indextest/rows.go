package indextest

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/redkite-db/redkite/internal/column"
	"github.com/redkite-db/redkite/internal/vecindex"
)

// Clustered returns n rows around centers, as embeddings of real things are,
// and some queries of the same kind.
func Clustered(rng *rand.Rand, n, queries, dim, centers int) (rows, q vecindex.Vectors) {
	mid := make([]float32, centers*dim)
	for i := range mid {
		mid[i] = float32(rng.NormFloat64())
	}
	v := make([]float32, (n+queries)*dim)
	for r := range n + queries {
		c := rng.IntN(centers)
		for i := range dim {
			v[r*dim+i] = mid[c*dim+i] + 0.5*float32(rng.NormFloat64())
		}
	}
	return vecindex.Vectors{Data: v[:n*dim], Dimension: dim}, vecindex.Vectors{Data: v[n*dim:], Dimension: dim}
}

// Without takes the vectors of rows away, each with probability share: in their
// place lies what no kernel must ever see.
func Without(rng *rand.Rand, src vecindex.Vectors, share float64) vecindex.Vectors {
	out := vecindex.Vectors{Data: append([]float32(nil), src.Data...), Dimension: src.Dimension}
	out.Present = column.NewBitset(src.Rows())
	for r := range src.Rows() {
		if rng.Float64() >= share {
			out.Present.Set(r)
			continue
		}
		for i := range src.Dimension {
			out.Data[r*src.Dimension+i] = float32(math.NaN())
		}
	}
	return out
}

// RandomSkip lets each of n rows pass with probability share.
func RandomSkip(rng *rand.Rand, n int, share float64) []uint64 {
	skip := make([]uint64, (n+63)/64)
	for r := range n {
		if rng.Float64() >= share {
			skip[r/64] |= 1 << (r % 64)
		}
	}
	return skip
}

// SkipOf is what a query over src has to skip: rows without a vector, and those
// of more.
func SkipOf(src vecindex.Vectors, more []uint64) []uint64 {
	if src.Present.IsZero() {
		return more
	}
	skip := src.Present.Clone()
	skip.Not()
	for i, w := range more {
		skip.Words()[i] |= w
	}
	return skip.Words()
}

// SlowUnderRace skips a test of much arithmetic when the race detector watches.
func SlowUnderRace(t testing.TB) {
	if Race {
		t.Skip("arithmetic: too slow under the race detector")
	}
}
