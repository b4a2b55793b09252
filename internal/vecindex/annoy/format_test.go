package annoy_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/redkite-db/redkite/internal/mem"
	"github.com/redkite-db/redkite/internal/porttest/doctest"
	"github.com/redkite-db/redkite/internal/porttest/indextest"
	"github.com/redkite-db/redkite/internal/vec"
	"github.com/redkite-db/redkite/internal/vecindex"
	"github.com/redkite-db/redkite/internal/vecindex/annoy"
)

// TestDocumentedFile builds the index of the example in docs/formats/annoy.md,
// finds its bytes there, and reads them.
func TestDocumentedFile(t *testing.T) {
	src := vecindex.Vectors{Dimension: 1}
	for i := range 70 {
		src.Data = append(src.Data, float32(i))
	}
	x, err := annoy.Kind(vec.Detect()).Build(context.Background(), src, vecindex.L2, vecindex.Params{"n_trees": "1"}, vecindex.BuildOptions{Seed: 9, Threads: 1})
	require.NoError(t, err)
	want := doctest.Check(t, "annoy.md", "", indextest.File(t, x))
	require.NoError(t, x.Close())
	back, err := annoy.Kind(vec.Detect()).Open(mem.FromBytes(want), src, vecindex.L2, nil)
	require.NoError(t, err)
	hits := indextest.Search(t, back, vecindex.Query{Vector: []float32{2.2}, K: 1, Allowed: -1, Params: vecindex.SearchParams{SearchK: 1}})
	require.EqualValues(t, 2, hits[0].Row)
	require.NoError(t, back.Close())
}
