package hnsw

import (
	"context"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/redkite-db/redkite/internal/mem"
	"github.com/redkite-db/redkite/internal/porttest/indextest"
	"github.com/redkite-db/redkite/internal/vec"
	"github.com/redkite-db/redkite/internal/vecindex"
)

var fillParams = vecindex.Params{"M": "8", "efConstruction": "40"}

// levelZero builds an index and returns its lists of level 0.
func levelZero(t *testing.T, s vecindex.Source, m vecindex.Metric, threads int) [][]uint32 {
	x, err := Kind(vec.Detect()).Build(t.Context(), s, m, fillParams, vecindex.BuildOptions{Threads: threads, Seed: 5})
	require.NoError(t, err)
	defer func() { require.NoError(t, x.Close()) }()
	return listsOf(&x.(*live).graph)
}

func listsOf(g *graph) [][]uint32 {
	v, lists := g.view.Load(), [][]uint32{}
	for row := range v.rows {
		lists = append(lists, slices.Clone(g.list(v, uint32(row), 0)))
	}
	return lists
}

// split returns the rows of a list that were chosen and those that fill it, and
// requires that the row's own number is between them and at the end alone, and no
// other row twice.
func split(t *testing.T, list []uint32, row int) (chosen, fillers []uint32) {
	t.Helper()
	own := slices.Index(list, uint32(row))
	if own < 0 {
		own = len(list)
	} else {
		fillers = list[own+1:]
	}
	if end := slices.Index(fillers, uint32(row)); end >= 0 {
		for _, id := range fillers[end:] {
			require.EqualValues(t, row, id)
		}
		fillers = fillers[:end]
	}
	chosen = list[:own]
	all := slices.Concat(chosen, fillers)
	slices.Sort(all)
	require.Len(t, slices.Compact(slices.Clone(all)), len(all), "row %d: %d", row, list)
	return chosen, fillers
}

// TestFilled: lists are full of rows that neighbours lead to, the nearest first,
// by each metric and of each kind of rows.
func TestFilled(t *testing.T) {
	const n, dim = 3000, 16
	src, _ := indextest.Clustered(rand.New(rand.NewPCG(71, 1)), n, 0, dim, 20)
	bits := make([]byte, n*dim)
	for i, e := range src.Data {
		bits[i] = byte(int(e * 16))
	}
	for _, c := range []struct {
		name   string
		s      vecindex.Source
		metric vecindex.Metric
	}{
		{"L2", src, vecindex.L2},
		{"IP", src, vecindex.IP},
		{"COSINE", src, vecindex.Cosine},
		{"bytes", vecindex.Packed{Data: vec.Packed(vec.Int8s, dim, bits)}, vecindex.L2},
		{"bits", vecindex.Packed{Data: vec.Packed(vec.Bits, 8*dim, bits)}, vecindex.Hamming},
	} {
		t.Run(c.name, func(t *testing.T) {
			lists := levelZero(t, c.s, c.metric, 2)
			free := 0
			for row, list := range lists {
				chosen, fillers := split(t, list, row)
				require.NotEmpty(t, chosen)
				var near []uint32
				for _, id := range chosen {
					of, _ := split(t, lists[id], int(id))
					near = append(near, of...)
				}
				for _, id := range fillers {
					require.Contains(t, near, id, "row %d", row)
				}
				if left := len(list) - len(chosen) - 1 - len(fillers); left > 0 {
					free += left
				}
			}
			require.Less(t, free, n/10, "places that are free")
		})
	}
}

// TestFilledAlike: how lists are filled depends on what was chosen, not on the
// goroutines.
func TestFilledAlike(t *testing.T) {
	const n, dim = 2000, 16
	src, _ := indextest.Clustered(rand.New(rand.NewPCG(72, 1)), n, 0, dim, 20)
	x, err := Kind(vec.Detect()).Build(t.Context(), src, vecindex.L2, fillParams, vecindex.BuildOptions{Threads: 1, Seed: 5})
	require.NoError(t, err)
	defer func() { require.NoError(t, x.Close()) }()
	g := &x.(*live).graph
	want, v := listsOf(g), g.view.Load()
	for row, list := range want {
		chosen, _ := split(t, list, row)
		store(g.list(v, uint32(row), 0), chosen, uint32(row))
	}
	require.NotEqual(t, want, listsOf(g))
	require.NoError(t, x.(*live).fillLists(t.Context(), n, 4))
	require.Equal(t, want, listsOf(g))
	require.NoError(t, x.(*live).fillLists(t.Context(), n, 3), "again")
	require.Equal(t, want, listsOf(g))

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, x.(*live).fillLists(ctx, n, 2), context.Canceled)
}

// TestCopiesDoNotFill: no list is filled with copies of its row, of which enough
// were chosen.
func TestCopiesDoNotFill(t *testing.T) {
	const n, dim, distinct = 1200, 8, 6
	src := vecindex.Vectors{Dimension: dim, Data: make([]float32, n*dim)}
	for row := range n {
		src.Data[row*dim] = float32(row % distinct)
	}
	for row, list := range levelZero(t, src, vecindex.L2, 2) {
		_, fillers := split(t, list, row)
		for _, id := range fillers {
			require.NotEqual(t, row%distinct, int(id)%distinct, "row %d: %d", row, list)
		}
	}
}

// TestExtendedFilled: an extension that loses nothing takes over what was chosen
// and fills lists anew.
func TestExtendedFilled(t *testing.T) {
	const n, dim = 2000, 16
	rng := rand.New(rand.NewPCG(73, 1))
	src, _ := indextest.Clustered(rng, n, 0, dim, 20)
	kind := Kind(vec.Detect())
	x, err := kind.Build(t.Context(), src, vecindex.L2, fillParams, vecindex.BuildOptions{Threads: 1})
	require.NoError(t, err)
	want := listsOf(&x.(*live).graph)
	file := indextest.File(t, x)
	require.NoError(t, x.Close())
	from := make([]int32, n)
	for row := range from {
		from[row] = int32(row)
	}
	y, err := kind.Extend(t.Context(), vecindex.Earlier{File: mem.FromBytes(file), Rows: src, Map: from}, src, vecindex.L2, fillParams,
		vecindex.BuildOptions{Threads: 2})
	require.NoError(t, err)
	defer func() { require.NoError(t, y.Close()) }()
	require.Equal(t, want, listsOf(&y.(*live).graph))
}

// TestGrowingNotFilled: lists of a growing index have nothing behind what was
// chosen.
func TestGrowingNotFilled(t *testing.T) {
	const n, dim = 1000, 16
	src, _ := indextest.Clustered(rand.New(rand.NewPCG(74, 1)), n, 0, dim, 20)
	x, err := Kind(vec.Detect()).Live(dim, vecindex.L2, fillParams, vecindex.LiveOptions{MaxRows: n})
	require.NoError(t, err)
	defer func() { require.NoError(t, x.Close()) }()
	require.NoError(t, x.Extend(t.Context(), src, 2))
	for row, list := range listsOf(&x.(*live).graph) {
		_, fillers := split(t, list, row)
		require.Empty(t, fillers)
	}
}
