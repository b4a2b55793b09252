package indextest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/redkite-db/redkite/internal/column"
	"github.com/redkite-db/redkite/internal/mem"
	"github.com/redkite-db/redkite/internal/vec"
	"github.com/redkite-db/redkite/internal/vecindex"
)

// Compaction is the rows of an earlier index, those of one that is made of it, and
// where the former are among the latter.
type Compaction struct {
	Earlier, Result vecindex.Vectors
	From            []int32
}

// Compact puts each row into the earlier index with probability had, and all but
// those of the earlier one that are gone into the result, in another order.
func Compact(rng *rand.Rand, src vecindex.Vectors, had float64, gone func(row int) bool) Compaction {
	var c Compaction
	c.Earlier.Dimension, c.Result.Dimension = src.Dimension, src.Dimension
	place := make([]int32, src.Rows()) // in the earlier index, or -1
	var earlier, result []int
	for row := range place {
		if place[row] = -1; rng.Float64() < had {
			place[row] = int32(len(earlier))
			earlier = append(earlier, row)
		}
	}
	c.From = make([]int32, len(earlier))
	for _, row := range rng.Perm(src.Rows()) {
		switch at := place[row]; {
		case at >= 0 && gone(row):
			c.From[at] = vecindex.Gone
		case at >= 0:
			c.From[at] = int32(len(result))
			fallthrough
		default:
			result = append(result, row)
		}
	}
	take(&c.Earlier, src, earlier)
	take(&c.Result, src, result)
	return c
}

// take copies rows.
func take(dst *vecindex.Vectors, src vecindex.Vectors, rows []int) {
	if !src.Present.IsZero() {
		dst.Present = column.NewBitset(len(rows))
	}
	for i, row := range rows {
		dst.Data = append(dst.Data, src.Data[row*src.Dimension:(row+1)*src.Dimension]...)
		if !src.Present.IsZero() && src.Present.Get(row) {
			dst.Present.Set(i)
		}
	}
}

// Extension says how the extensions of a kind are checked.
type Extension struct {
	Kernels vec.Kernels
	Kind    vecindex.Kind
	Metrics []vecindex.Metric
	Params  vecindex.Params
	Search  func(m vecindex.Metric) vecindex.SearchParams // with 10 hits
	Rows    int                                           // some thousand
}

// lessRecall is how much less an extended index may find than one that was built.
const lessRecall = 0.005

// Extended returns the kind whose builds are extensions of an index over the
// earlier rows of a compaction to its result.
func Extended(t testing.TB, kind vecindex.Kind, c Compaction, m vecindex.Metric, p vecindex.Params) vecindex.Kind {
	t.Helper()
	x, err := kind.Build(context.Background(), c.Earlier, m, p, vecindex.BuildOptions{Threads: 1, Seed: 11})
	require.NoError(t, err)
	file := File(t, x)
	require.NoError(t, x.Close())
	extended := kind
	extended.Build = func(ctx context.Context, s vecindex.Source, m vecindex.Metric, p vecindex.Params, o vecindex.BuildOptions) (vecindex.Index, error) {
		f := mem.FromBytes(file)
		x, err := kind.Extend(ctx, vecindex.Earlier{File: f, Rows: c.Earlier, Map: c.From}, s, m, p, o)
		if f.TryPin() {
			t.Error("the pin is not given back")
		}
		return x, err
	}
	return extended
}

// RunExtend checks that an index that was extended is one that was built: its
// recall, that one thread makes one file of it, that it opens again, and that it
// can be extended in turn.
func RunExtend(t *testing.T, e Extension) {
	const dim = 16
	for _, m := range e.Metrics {
		rng := rand.New(rand.NewPCG(51, 1))
		src, queries := Clustered(rng, e.Rows, 300, dim, 30)
		near := Search(t, Flat(t, e.Kernels, src, m), vecindex.Query{Vector: queries.Data[:dim], K: e.Rows / 5, Allowed: -1})
		region := map[int]bool{}
		for _, h := range near {
			region[int(h.Row)] = true
		}
		share := func(p float64) func(int) bool { return func(int) bool { return rng.Float64() < p } }
		for _, c := range []struct {
			name string
			had  float64
			gone func(row int) bool
			null float64
		}{
			{"no row deleted", 0.75, share(0), 0},
			{"few rows had", 0.3, share(0.02), 0},
			{"one in ten deleted", 0.75, share(0.1), 0},
			{"many deleted, none added", 1, share(0.4), 0},
			{"a region deleted", 0.9, func(row int) bool { return region[row] }, 0},
			{"rows without a vector", 0.75, share(0.1), 0.2},
		} {
			t.Run(fmt.Sprintf("%v/%s", m, c.name), func(t *testing.T) {
				SlowUnderRace(t)
				rows := src
				if c.null > 0 {
					rows = Without(rng, src, c.null)
				}
				e.compare(t, Compact(rng, rows, c.had, c.gone), m, queries)
			})
		}
	}
}

func (e Extension) compare(t *testing.T, c Compaction, m vecindex.Metric, queries vecindex.Vectors) {
	t.Helper()
	options := vecindex.BuildOptions{Threads: 1, Seed: 12}
	built := Build(t, e.Kind, c.Result, m, e.Params, options)
	extend := Extended(t, e.Kind, c, m, e.Params)
	x := Build(t, extend, c.Result, m, e.Params, options)
	require.Equal(t, c.Result.Rows(), x.Rows())
	file := File(t, x)
	require.Equal(t, file, File(t, Build(t, extend, c.Result, m, e.Params, options)), "one thread makes one file")

	exact := Flat(t, e.Kernels, c.Result, m)
	q := vecindex.Query{K: 10, Allowed: -1, Params: e.Search(m), Skip: SkipOf(c.Result, nil)}
	want := Recall(t, built, exact, m, queries, q)
	options.Threads = 3
	for name, x := range map[string]vecindex.Index{
		"extended":             x,
		"with threads":         Build(t, extend, c.Result, m, e.Params, options),
		"opened":               Reopen(t, e.Kind, x, c.Result, m, e.Params),
		"extended in its turn": e.again(t, x, c.Result, m),
	} {
		got := Recall(t, x, exact, m, queries, q)
		t.Logf("%s: recall %.4f, built %.4f", name, got, want)
		require.GreaterOrEqual(t, got, want-lessRecall, name)
	}
}

// again extends an index to the rows that it has.
func (e Extension) again(t *testing.T, x vecindex.Index, src vecindex.Vectors, m vecindex.Metric) vecindex.Index {
	t.Helper()
	from := make([]int32, src.Rows())
	for row := range from {
		from[row] = int32(row)
	}
	again, err := e.Kind.Extend(t.Context(), vecindex.Earlier{File: mem.FromBytes(File(t, x)), Rows: src, Map: from}, src, m, e.Params, vecindex.BuildOptions{Threads: 1})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, again.Close()) })
	return again
}
