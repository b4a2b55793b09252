package diskann_test

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/redkite-db/redkite/internal/mem"
	"github.com/redkite-db/redkite/internal/vec"
	"github.com/redkite-db/redkite/internal/vecindex"
	"github.com/redkite-db/redkite/internal/vecindex/diskann"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var metrics = []vecindex.Metric{vecindex.L2, vecindex.IP, vecindex.Cosine}

// clustered returns n rows around centers, as embeddings of real things are,
// and some queries of the same kind.
func clustered(rng *rand.Rand, n, queries, dim, centers int) (rows, q vecindex.Vectors) {
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

// slowUnderRace skips tests of much arithmetic.
func slowUnderRace(t testing.TB) {
	if raceEnabled {
		t.Skip("arithmetic: too slow under the race detector")
	}
}

func build(t testing.TB, kern vec.Kernels, src vecindex.Source, m vecindex.Metric, p vecindex.Params, o vecindex.BuildOptions) vecindex.Index {
	t.Helper()
	o.Threads = max(o.Threads, 2)
	x, err := diskann.Kind(kern).Build(context.Background(), src, m, p, o)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, x.Close()) })
	return x
}

func file(t testing.TB, x vecindex.Index) []byte {
	t.Helper()
	var b bytes.Buffer
	n, err := x.WriteTo(&b)
	require.NoError(t, err)
	require.EqualValues(t, b.Len(), n)
	return b.Bytes()
}

// reopen writes an index to a file and opens that, mapped as a server does.
func reopen(t testing.TB, kern vec.Kernels, x vecindex.Index, src vecindex.Source, m vecindex.Metric, p vecindex.Params) vecindex.Index {
	t.Helper()
	path := filepath.Join(t.TempDir(), "index")
	require.NoError(t, os.WriteFile(path, file(t, x), 0o600))
	f, err := mem.Open(path)
	require.NoError(t, err)
	back, err := diskann.Kind(kern).Open(f, src, m, p)
	require.NoError(t, err)
	t.Cleanup(func() {
		require.NoError(t, back.Close())
		require.False(t, f.TryPin(), "the pin is given back")
	})
	return back
}

// flat returns the exact index.
func flat(t testing.TB, kern vec.Kernels, src vecindex.Source, m vecindex.Metric) vecindex.Index {
	t.Helper()
	x, err := vecindex.Flat(kern, 1).Build(context.Background(), src, m, nil, vecindex.BuildOptions{})
	require.NoError(t, err)
	return x
}

func search(t testing.TB, x vecindex.Index, q vecindex.Query) []vecindex.Hit {
	t.Helper()
	hits, err := x.Search(context.Background(), &q, nil)
	require.NoError(t, err)
	return hits
}

// recall compares an index with the exact answers to many queries: the share
// of hits that are as good as the worst exact one. It also holds each answer
// to the law of vecindex.Index: enough hits, ordered, no row twice, none that
// is skipped, exact scores.
func recall(t testing.TB, x, exact vecindex.Index, m vecindex.Metric, queries vecindex.Vectors, q vecindex.Query) float64 {
	t.Helper()
	good, all := 0, 0
	for i := range queries.Rows() {
		q.Vector = queries.Data[i*queries.Dimension : (i+1)*queries.Dimension]
		got, want := search(t, x, q), search(t, exact, q)
		require.Len(t, got, len(want))
		scores := map[uint32]float32{}
		for j, h := range got {
			scores[h.Row] = h.Score
			if w := int(h.Row / 64); w < len(q.Skip) && q.Skip[w]>>(h.Row%64)&1 != 0 {
				t.Fatalf("row %d is skipped", h.Row)
			}
			if j > 0 && m.Better(h.Score, got[j-1].Score) {
				t.Fatalf("hits %d and %d out of order", j-1, j)
			}
			if !m.Better(want[len(want)-1].Score, h.Score) {
				good++
			}
		}
		require.Len(t, scores, len(got), "a row is there twice")
		for _, h := range want {
			if score, ok := scores[h.Row]; ok && score != h.Score {
				t.Fatalf("row %d: score %v, exact %v", h.Row, score, h.Score)
			}
		}
		all += len(want)
	}
	if all == 0 {
		return 1
	}
	return float64(good) / float64(all)
}

// floors are the recalls that each set of build parameters has to reach, by list
// size. Codes of a twentieth of the vectors tell much less apart.
var floors = []struct {
	params vecindex.Params
	runs   []run
}{
	{nil, []run{{100, 8, 10, 0.98}, {40, 1, 10, 0.9}, {40, 64, 10, 0.9}, {200, 4, 100, 0.98}, {10, 2, 1, 0.8}}},
	{
		vecindex.Params{"max_degree": "24", "search_list_size": "60", "search_cache_budget_gb_ratio": "0"},
		[]run{{100, 8, 10, 0.98}, {40, 1, 10, 0.9}, {200, 4, 100, 0.98}},
	},
	{
		vecindex.Params{"pq_code_budget_gb_ratio": "0.05", "search_cache_budget_gb_ratio": "3"},
		[]run{{300, 8, 10, 0.97}, {120, 1, 10, 0.7}, {600, 4, 100, 0.97}},
	},
	{vecindex.Params{"pq_code_budget_gb_ratio": "0.25"}, []run{{100, 8, 10, 0.99}, {20, 8, 10, 0.9}}},
}

// run is one way to search.
type run struct {
	list, beam, k int
	floor         float64
}

func TestRecall(t *testing.T) {
	slowUnderRace(t)
	const n, dim = 12000, 24
	rng := rand.New(rand.NewPCG(1, 1))
	src, queries := clustered(rng, n, 60, dim, 40)
	copy(queries.Data, src.Data[:30*dim]) // half of them are rows
	for i, kern := range vec.All() {
		for _, m := range metrics {
			exact := flat(t, kern, src, m)
			for j, c := range floors {
				if i > 0 && (j > 0 || m != vecindex.Cosine) {
					break // one shape is enough for a slower kernel
				}
				built := build(t, kern, src, m, c.params, vecindex.BuildOptions{})
				back := reopen(t, kern, built, src, m, c.params)
				require.Equal(t, n, back.Rows())
				for _, r := range c.runs {
					t.Run(fmt.Sprintf("%v/%v/%v/list=%d", kern, m, c.params, r.list), func(t *testing.T) {
						q := vecindex.Query{K: r.k, Allowed: -1, Params: vecindex.SearchParams{List: r.list, Beam: r.beam}}
						got := recall(t, back, exact, m, queries, q)
						t.Logf("recall %.4f", got)
						require.GreaterOrEqual(t, got, r.floor)
						require.Equal(t, got, recall(t, built, exact, m, queries, q))
					})
				}
			}
		}
	}
}

// TestSmall covers the sizes at which graphs begin, and k beyond the rows.
func TestSmall(t *testing.T) {
	slowUnderRace(t)
	rng := rand.New(rand.NewPCG(2, 2))
	for _, n := range []int{0, 1, 2, 3, 17, 100, 400} {
		for _, m := range metrics {
			src, queries := clustered(rng, n, 5, 7, 3)
			x := build(t, vec.Detect(), src, m, nil, vecindex.BuildOptions{})
			for _, x := range []vecindex.Index{x, reopen(t, vec.Detect(), x, src, m, nil)} {
				for _, k := range []int{1, 10, 500} {
					require.EqualValues(t, 1, recall(t, x, flat(t, vec.Detect(), src, m), m, queries, vecindex.Query{K: k, Allowed: -1}))
				}
			}
		}
	}
}

// TestCopies: of rows that are all the same, and of few different ones, none is
// out of reach of a walk.
func TestCopies(t *testing.T) {
	slowUnderRace(t)
	const n, dim = 4000, 8
	for _, different := range []int{1, 3, 50} {
		src, _ := clustered(rand.New(rand.NewPCG(9, 9)), different, 0, dim, different)
		rows := vecindex.Vectors{Dimension: dim}
		for i := range n {
			rows.Data = append(rows.Data, src.Data[i%different*dim:][:dim]...)
		}
		for _, m := range metrics {
			x := build(t, vec.Detect(), rows, m, nil, vecindex.BuildOptions{})
			exact := flat(t, vec.Detect(), rows, m)
			got := recall(t, x, exact, m, src, vecindex.Query{K: 50, Allowed: -1, Params: vecindex.SearchParams{List: 60}})
			require.GreaterOrEqual(t, got, 0.98, "%v, %d", m, different)
		}
	}
}

// TestSameFile: one seed gives one file with one thread, another seed another.
func TestSameFile(t *testing.T) {
	src, _ := clustered(rand.New(rand.NewPCG(4, 4)), 1500, 0, 8, 10)
	var files []string
	for _, seed := range []uint64{7, 7, 8} {
		x, err := diskann.Kind(vec.Detect()).Build(context.Background(), src, vecindex.Cosine, nil, vecindex.BuildOptions{Threads: 1, Seed: seed})
		require.NoError(t, err)
		files = append(files, string(file(t, x)))
		require.NoError(t, x.Close())
	}
	require.True(t, files[0] == files[1])
	require.False(t, files[0] == files[2])
}
