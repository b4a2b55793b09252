package hnsw_test

import (
	"testing"

	"github.com/redkite-db/redkite/internal/porttest/indextest"
	"github.com/redkite-db/redkite/internal/vec"
	"github.com/redkite-db/redkite/internal/vecindex"
)

// TestIteratesTyped is TestIterates over the other types of vectors.
func TestIteratesTyped(t *testing.T) {
	indextest.SlowUnderRace(t)
	kern := vec.All()[0]
	for e, c := range map[vecindex.Element]struct {
		metrics []vecindex.Metric
		large   int
	}{
		vecindex.Float16:  {metrics, 20_000},
		vecindex.BFloat16: {metrics, 20_000},
		vecindex.Int8:     {metrics, 100_000},
		vecindex.Binary:   {[]vecindex.Metric{vecindex.Hamming, vecindex.Jaccard}, 20_000},
	} {
		t.Run(e.String(), func(t *testing.T) {
			indextest.Run(t, indextest.Config{
				Kernels: kern, Element: e, Metrics: c.metrics, Recall: 0.85, Large: c.large,
				Params: vecindex.SearchParams{Ef: 200}, Wide: vecindex.SearchParams{Ef: 1 << 20},
				Build: func(t *testing.T, src vecindex.Source, m vecindex.Metric) vecindex.Index {
					return build(t, kern, src, m, vecindex.Params{"M": "12", "efConstruction": "80"}, vecindex.BuildOptions{Threads: 2})
				},
			})
		})
	}
}
