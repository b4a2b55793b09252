package ivf_test

import (
	"context"
	"math/rand/v2"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/redkite-db/redkite/internal/vec"
	"github.com/redkite-db/redkite/internal/vecindex"
)

// asked counts how often a search looks whether it is to end, which it does for
// each list.
type asked struct {
	context.Context
	times int
}

func (a *asked) Err() error {
	a.times++
	return nil
}

// TestElsewhereEnds: where few rows pass, and none near the query, lists are read
// until those that follow bring nothing, not all of them.
func TestElsewhereEnds(t *testing.T) {
	const n, dim, lists = 60_000, 4, 500
	rng := rand.New(rand.NewPCG(52, 1))
	rows := vecindex.Vectors{Data: make([]float32, n*dim), Dimension: dim}
	for i := range rows.Data {
		rows.Data[i] = rng.Float32()
	}
	far := func(row int) bool { return rows.Data[row*dim] > 0.25 }
	skip := make([]uint64, (n+63)/64)
	allowed := n
	for row := range n {
		if !far(row) || rng.IntN(10) > 0 {
			skip[row/64] |= 1 << (row % 64)
			allowed--
		}
	}
	for _, name := range []string{"IVF_FLAT", "IVF_SQ8", "IVF_PQ", "IVF_RABITQ"} {
		x := build(t, kindOf(t, vec.Detect(), name), rows, vecindex.L2, needed(name, dim, "nlist", strconv.Itoa(lists)), vecindex.BuildOptions{})
		q := vecindex.Query{
			Vector: []float32{0.05, 0.5, 0.5, 0.5}, K: 5, Skip: skip, Allowed: allowed, Params: vecindex.SearchParams{NProbe: 6},
		}
		ctx := &asked{Context: t.Context()}
		hits, err := x.Search(ctx, &q, nil)
		require.NoError(t, err)
		require.Len(t, hits, 5)
		require.Less(t, ctx.times, lists/2, name)
		require.NoError(t, x.Close())
	}
}
