package ivf_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/redkite-db/redkite/internal/porttest/indextest"
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

func build(t testing.TB, kind vecindex.Kind, src vecindex.Source, m vecindex.Metric, p vecindex.Params, o vecindex.BuildOptions) vecindex.Index {
	t.Helper()
	o.Threads = max(o.Threads, 2)
	return indextest.Build(t, kind, src, m, p, o)
}

func TestRecall(t *testing.T) {
	indextest.SlowUnderRace(t)
	const n, dim = 12000, 24
	rng := rand.New(rand.NewPCG(1, 1))
	src, queries := indextest.Clustered(rng, n, 60, dim, 40)
	copy(queries.Data, src.Data[:30*dim]) // half of them are rows
	for i, kern := range vec.All() {
		for _, name := range names {
			for _, m := range metrics {
				exact := indextest.Flat(t, kern, src, m)
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
						got := indextest.Recall(t, x, exact, m, queries, vecindex.Query{K: c.k, Allowed: -1, Params: vecindex.SearchParams{NProbe: c.probe}})
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
	indextest.SlowUnderRace(t)
	rng := rand.New(rand.NewPCG(2, 2))
	for _, name := range names {
		for _, n := range []int{0, 1, 2, 3, 17, 100, 400} {
			for _, m := range metrics {
				src, queries := indextest.Clustered(rng, n, 5, 7, 3)
				x := build(t, kindOf(t, vec.Detect(), name), src, m, needed(name, 7, "nlist", "64", "m", "7"), vecindex.BuildOptions{})
				for _, k := range []int{1, 10, 500} {
					got := indextest.Recall(t, x, indextest.Flat(t, vec.Detect(), src, m), m, queries, vecindex.Query{K: k, Allowed: -1, Params: vecindex.SearchParams{NProbe: 3}})
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
	src, _ := indextest.Clustered(rand.New(rand.NewPCG(4, 4)), 1500, 0, 8, 10)
	for _, name := range names {
		var files []string
		for i, seed := range []uint64{7, 7, 8} {
			x, err := kindOf(t, vec.Detect(), name).Build(context.Background(), src, vecindex.Cosine, needed(name, 8), vecindex.BuildOptions{Threads: 1 + i, Seed: seed})
			require.NoError(t, err)
			files = append(files, string(indextest.File(t, x)))
			require.NoError(t, x.Close())
		}
		require.True(t, files[0] == files[1], name)
		require.False(t, files[0] == files[2], name)
	}
}
