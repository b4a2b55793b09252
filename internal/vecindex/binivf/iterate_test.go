package binivf_test

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
		Kernels: kern, Element: vecindex.Binary, Metrics: []vecindex.Metric{vecindex.Hamming, vecindex.Jaccard}, Exact: true, Recall: 1,
		Build: func(t *testing.T, src vecindex.Source, m vecindex.Metric) vecindex.Index {
			return build(t, kern, src, m, vecindex.Params{"nlist": "64"})
		},
	})
}
