package ivf_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/redkite-db/redkite/internal/vec"
	"github.com/redkite-db/redkite/internal/vecindex"
	"github.com/redkite-db/redkite/internal/vecindex/ivf"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var metrics = []vecindex.Metric{vecindex.L2, vecindex.IP, vecindex.Cosine}

// names are the kinds of the family.
var names = []string{"IVF_FLAT", "IVF_SQ8", "IVF_PQ", "IVF_RABITQ", "SCANN", "IVF_RABITQ_FASTSCAN"}

// kindOf returns a kind of the family by its name.
func kindOf(t testing.TB, kern vec.Kernels, name string) vecindex.Kind {
	t.Helper()
	for _, k := range ivf.Kinds(kern) {
		if k.Name == name {
			return k
		}
	}
	t.Fatalf("no kind %s", name)
	return vecindex.Kind{}
}

// needed returns parameters that a kind cannot do without, and more.
func needed(name string, dim int, more ...string) vecindex.Params {
	p := vecindex.Params{}
	if name == "IVF_PQ" {
		p["m"] = fmt.Sprint(dim / 2)
	}
	if name == "SCANN" && dim%2 == 1 {
		p["sub_dim"] = "1"
	}
	for i := 0; i < len(more); i += 2 {
		p[more[i]] = more[i+1]
	}
	return p
}

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

// slowUnderRace skips tests of much arithmetic and one goroutine.
func slowUnderRace(t testing.TB) {
	if raceEnabled {
		t.Skip("arithmetic of one goroutine: too slow under the race detector")
	}
}

func build(t testing.TB, kind vecindex.Kind, src vecindex.Source, m vecindex.Metric, p vecindex.Params, o vecindex.BuildOptions) vecindex.Index {
	t.Helper()
	o.Threads = max(o.Threads, 2)
	x, err := kind.Build(context.Background(), src, m, p, o)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, x.Close()) })
	return x
}

// flat returns the exact index, whose scores are those of a list with the same
// kernels.
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

func TestRecall(t *testing.T) {
	slowUnderRace(t)
	const n, dim = 12000, 24
	rng := rand.New(rand.NewPCG(1, 1))
	src, queries := clustered(rng, n, 60, dim, 40)
	copy(queries.Data, src.Data[:30*dim]) // half of them are rows
	for i, kern := range vec.All() {
		for _, name := range names {
			for _, m := range metrics {
				exact := flat(t, kern, src, m)
				for j, c := range []struct {
					lists, probe, k int
					floor           float64
				}{{128, 16, 10, 0.97}, {32, 8, 10, 0.97}, {300, 300, 100, 0.999}, {128, 1, 1, 0.5}} {
					if i > 0 && (j > 0 || m != vecindex.Cosine) {
						break // one shape is enough for a slower kernel
					}
					t.Run(fmt.Sprintf("%v/%s/%v/nlist=%d/nprobe=%d", kern, name, m, c.lists, c.probe), func(t *testing.T) {
						x := build(t, kindOf(t, kern, name), src, m, needed(name, dim, "nlist", fmt.Sprint(c.lists)), vecindex.BuildOptions{})
						require.Equal(t, n, x.Rows())
						got := recall(t, x, exact, m, queries, vecindex.Query{K: c.k, Allowed: -1, Params: vecindex.SearchParams{NProbe: c.probe}})
						t.Logf("recall %.4f", got)
						require.GreaterOrEqual(t, got, c.floor)
					})
				}
			}
		}
	}
}

// TestSmall covers the sizes at which lists begin, and k beyond the rows.
func TestSmall(t *testing.T) {
	slowUnderRace(t)
	rng := rand.New(rand.NewPCG(2, 2))
	for _, name := range names {
		for _, n := range []int{0, 1, 2, 3, 17, 100, 400} {
			for _, m := range metrics {
				src, queries := clustered(rng, n, 5, 7, 3)
				x := build(t, kindOf(t, vec.Detect(), name), src, m, needed(name, 7, "nlist", "64", "m", "7"), vecindex.BuildOptions{})
				for _, k := range []int{1, 10, 500} {
					got := recall(t, x, flat(t, vec.Detect(), src, m), m, queries, vecindex.Query{K: k, Allowed: -1, Params: vecindex.SearchParams{NProbe: 3}})
					if n < 100 {
						require.EqualValues(t, 1, got)
					}
				}
			}
		}
	}
}

// TestSameFile: one seed gives one file, whatever the number of threads,
// another seed another.
func TestSameFile(t *testing.T) {
	src, _ := clustered(rand.New(rand.NewPCG(4, 4)), 1500, 0, 8, 10)
	for _, name := range names {
		var files []string
		for i, seed := range []uint64{7, 7, 8} {
			x, err := kindOf(t, vec.Detect(), name).Build(context.Background(), src, vecindex.Cosine, needed(name, 8), vecindex.BuildOptions{Threads: 1 + i, Seed: seed})
			require.NoError(t, err)
			files = append(files, string(file(t, x)))
			require.NoError(t, x.Close())
		}
		require.True(t, files[0] == files[1], name)
		require.False(t, files[0] == files[2], name)
	}
}
