package hnsw_test

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/redkite-db/redkite/internal/porttest/indextest"
	"github.com/redkite-db/redkite/internal/vec"
	"github.com/redkite-db/redkite/internal/vecindex"
)

// TestQueriesOutOfRange: codes hold no elements beyond those of the rows, but
// queries have such.
func TestQueriesOutOfRange(t *testing.T) {
	indextest.SlowUnderRace(t)
	const n, dim = 12_000, 24
	kern := vec.Detect()
	for name, p := range map[string]vecindex.Params{"HNSW": {}, "HNSW_SQ": {"sq_type": "SQ4U"}} {
		p["M"], p["efConstruction"] = "12", "80"
		src, queries := indextest.Clustered(rand.New(rand.NewPCG(14, 1)), n, 100, dim, 30)
		x := indextest.Build(t, kindNamed(t, kern, name), src, vecindex.L2, p, vecindex.BuildOptions{Threads: 2})
		flat := indextest.Flat(t, kern, src, vecindex.L2)
		low, high := src.Data[0], src.Data[0]
		for _, e := range src.Data {
			low, high = min(low, e), max(high, e)
		}
		// The farther away, the less a graph of near rows knows the way; vectors have
		// the same floors.
		for by, floor := range map[float32]float64{0.02: 0.97, 0.1: 0.97, 0.5: 0.94, 1: 0.94, 20: 0.87} {
			moved := vecindex.Vectors{Data: append([]float32{}, queries.Data...), Dimension: dim}
			for q := range moved.Rows() {
				at := &moved.Data[q*dim+q%dim]
				if *at = high + by*(high-low); q%2 == 0 {
					*at = low - by*(high-low)
				}
			}
			for way, q := range map[string]vecindex.Query{
				"all": {}, "half": {Skip: indextest.RandomSkip(rand.New(rand.NewPCG(14, 2)), n, 0.5)}, "most": {Skip: indextest.RandomSkip(rand.New(rand.NewPCG(14, 3)), n, 0.98)},
			} {
				q.K, q.Allowed, q.Params.Ef = 10, -1, 200
				got := indextest.Recall(t, x, flat, vecindex.L2, moved, q)
				t.Logf("%s, %v ranges beyond, %s: recall %.3f", name, by, way, got)
				require.GreaterOrEqual(t, got, floor, "%s, %v ranges beyond, %s", name, by, way)
			}
		}
	}
}
