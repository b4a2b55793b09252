package vecindex_test

import (
	"testing"

	"github.com/redkite-db/redkite/internal/porttest/indextest"
	"github.com/redkite-db/redkite/internal/vec"
	"github.com/redkite-db/redkite/internal/vecindex"
)

// TestFlatIteratesTyped is TestFlatIterates over the other types of vectors.
func TestFlatIteratesTyped(t *testing.T) {
	indextest.SlowUnderRace(t)
	kern := vec.All()[0]
	for e := range elements {
		t.Run(e.String(), func(t *testing.T) {
			indextest.Run(t, indextest.Config{
				Kernels: kern, Element: e, Metrics: metricsOf(e), Exact: true, Recall: 1,
				Build: func(t *testing.T, src vecindex.Source, m vecindex.Metric) vecindex.Index {
					return exactFlat(t, kern, src, m, 2)
				},
			})
		})
	}
}
