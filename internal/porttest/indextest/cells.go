package indextest

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/redkite-db/redkite/internal/vec"
	"github.com/redkite-db/redkite/internal/vecindex"
)

// Floor is parameters of a kind and the least share of 10 hits that are as good
// as those of FLAT, by one metric or by any.
type Floor struct {
	Element vecindex.Element // 0: any
	Metric  vecindex.Metric  // 0: any
	Build   vecindex.Params
	Search  map[string]any // as a client gives them
	Recall  float64
}

// RunFloors holds a kind to its floors: for each element of its Types, and each
// metric that the element has and the kind's Check accepts, there is at least one,
// and each one is kept by an index that was built, and read from its file, without
// a filter and behind one that lets a third of the rows pass.
func RunFloors(t *testing.T, kern vec.Kernels, kind vecindex.Kind, floors []Floor) {
	const n, queries, dim = 4000, 40, 32
	require.NotEmpty(t, kind.Types)
	for _, e := range kind.Types {
		cells := 0
		for _, m := range MetricsOf(e) {
			if kind.Check(floors[0].Build, dim, m) != nil {
				continue
			}
			cells++
			rng := rand.New(rand.NewPCG(uint64(e), uint64(m)))
			rows, near := Clustered(rng, n, queries, dim, 30)
			src, held := Typed(e, rows), 0
			exact := Flat(t, kern, src, m)
			for _, f := range floors {
				if f.Element != 0 && f.Element != e || f.Metric != 0 && f.Metric != m {
					continue
				}
				held++
				t.Run(fmt.Sprintf("%v/%v/%v/%v", e, m, f.Build, f.Search), func(t *testing.T) {
					f.hold(t, kind, src, exact, m, near, RandomSkip(rng, n, 0.33))
				})
			}
			require.Positive(t, held, "%s of %v by %v has no floor", kind.Name, e, m)
		}
		require.Positive(t, cells, "%s takes %v by no metric", kind.Name, e)
	}
}

func (f Floor) hold(t *testing.T, kind vecindex.Kind, src vecindex.Source, exact vecindex.Index, m vecindex.Metric, near vecindex.Vectors, skip []uint64) {
	t.Helper()
	rows := src.Matrix()
	e := vecindex.ElementOf(&rows)
	x := Build(t, kind, src, m, f.Build, vecindex.BuildOptions{Threads: 1, Seed: 1}) // one: every run sees the same graph
	back := Reopen(t, kind, x, src, m, f.Build)
	params, err := kind.CheckSearch(f.Search, 10)
	require.NoError(t, err)
	for _, filter := range [][]uint64{nil, skip} {
		good, all := 0, 0
		for i := range near.Rows() {
			q := QueryOf(e, near.Data[i*near.Dimension:][:near.Dimension])
			q.K, q.Params, q.Skip, q.Allowed = 10, params, filter, -1
			g, hits := Law(t, x, exact, m, q)
			good, all = good+g, all+hits
			require.Equal(t, Search(t, x, q), Search(t, back, q), "read from its file")
		}
		if all == 0 && m.IsMatch() {
			continue // no row matches
		}
		got := float64(good) / float64(all)
		t.Logf("recall %.4f", got)
		require.GreaterOrEqual(t, got, f.Recall)
	}
}
