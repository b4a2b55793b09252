package ivf_test

import (
	"testing"

	"github.com/redkite-db/redkite/internal/porttest/indextest"
	"github.com/redkite-db/redkite/internal/vec"
	"github.com/redkite-db/redkite/internal/vecindex"
)

func TestIterates(t *testing.T) {
	indextest.SlowUnderRace(t)
	kern := vec.All()[0]
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			indextest.Run(t, indextest.Config{
				Kernels: kern, Recall: 0.9,
				Params: vecindex.SearchParams{NProbe: 12}, Wide: vecindex.SearchParams{NProbe: 1 << 16},
				Build: func(t *testing.T, src vecindex.Source, m vecindex.Metric) vecindex.Index {
					return build(t, kindOf(t, kern, name), src, m, needed(name, src.Dim(), "nlist", "100"), vecindex.BuildOptions{})
				},
			})
		})
	}
}
