package annoy_test

import (
	"testing"

	"github.com/redkite-db/redkite/internal/porttest/indextest"
	"github.com/redkite-db/redkite/internal/vec"
	"github.com/redkite-db/redkite/internal/vecindex"
)

func TestIterates(t *testing.T) {
	indextest.SlowUnderRace(t)
	kern := vec.All()[0]
	indextest.Run(t, indextest.Config{
		Kernels: kern, Recall: 0.85,
		Params: vecindex.SearchParams{SearchK: 600}, Wide: vecindex.SearchParams{SearchK: 1 << 20},
		Build: func(t *testing.T, src vecindex.Source, m vecindex.Metric) vecindex.Index {
			return build(t, kern, src, m, vecindex.Params{"n_trees": "8"}, vecindex.BuildOptions{Threads: 2})
		},
	})
}
