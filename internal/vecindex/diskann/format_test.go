package diskann_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/redkite-db/redkite/internal/mem"
	"github.com/redkite-db/redkite/internal/porttest/doctest"
	"github.com/redkite-db/redkite/internal/porttest/indextest"
	"github.com/redkite-db/redkite/internal/vec"
	"github.com/redkite-db/redkite/internal/vecindex"
	"github.com/redkite-db/redkite/internal/vecindex/diskann"
)

// TestDocumentedFile builds the index of the example in docs/formats/diskann.md,
// finds its bytes there, and reads them.
func TestDocumentedFile(t *testing.T) {
	src := vecindex.Vectors{Data: []float32{0, 0, 1, 0, 2, 0, 3, 0}, Dimension: 2}
	x, err := diskann.Kind(vec.Detect()).Build(context.Background(), src, vecindex.L2, nil, vecindex.BuildOptions{Seed: 9, Threads: 1})
	require.NoError(t, err)
	want := doctest.Check(t, "diskann.md", "", indextest.File(t, x))
	require.NoError(t, x.Close())
	back, err := diskann.Kind(vec.Detect()).Open(mem.FromBytes(want), src, vecindex.L2, nil)
	require.NoError(t, err)
	hits := indextest.Search(t, back, vecindex.Query{Vector: []float32{2.2, 0}, K: 1, Allowed: -1, Params: vecindex.SearchParams{List: 1}})
	require.EqualValues(t, 2, hits[0].Row)
	require.NoError(t, back.Close())
}
