package vecindex_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/redkite-db/redkite/internal/porttest/indextest"
	"github.com/redkite-db/redkite/internal/vec"
	"github.com/redkite-db/redkite/internal/vecindex"
)

func TestFlatIterates(t *testing.T) {
	kern := vec.All()[0]
	indextest.Run(t, indextest.Config{
		Kernels: kern, Exact: true, Recall: 1,
		Build: func(t *testing.T, src vecindex.Source, m vecindex.Metric) vecindex.Index {
			x, err := vecindex.Flat(kern, 2).Build(t.Context(), src, m, nil, vecindex.BuildOptions{})
			require.NoError(t, err)
			return x
		},
	})
}
