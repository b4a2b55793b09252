//go:build !windows

package coderhnsw_test

import (
	"testing"

	"github.com/redkite-db/redkite/internal/porttest/indextest"
	"github.com/redkite-db/redkite/internal/vec"
	"github.com/redkite-db/redkite/internal/vecindex"
)

func TestIterates(t *testing.T) {
	indextest.SlowUnderRace(t)
	small := vecindex.Params{"engine": "coder", "M": "4", "efConstruction": "8"}
	indextest.Run(t, indextest.Config{
		Kernels: vec.Detect(), Exact: true, Recall: 1, Large: 2_000,
		Build: func(t *testing.T, src vecindex.Source, m vecindex.Metric) vecindex.Index {
			return indextest.Build(t, kind(), src, m, small, vecindex.BuildOptions{Threads: 1, Seed: 5})
		},
	})
}
