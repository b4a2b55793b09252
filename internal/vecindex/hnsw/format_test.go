package hnsw_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/redkite-db/redkite/internal/mem"
	"github.com/redkite-db/redkite/internal/porttest/doctest"
	"github.com/redkite-db/redkite/internal/porttest/indextest"
	"github.com/redkite-db/redkite/internal/vec"
	"github.com/redkite-db/redkite/internal/vecindex"
	"github.com/redkite-db/redkite/internal/vecindex/hnsw"
)

// TestDocumentedFile builds the index of the example in docs/formats/hnsw.md,
// finds its bytes there, and reads them.
func TestDocumentedFile(t *testing.T) {
	src := vecindex.Vectors{Data: []float32{0, 0, 1, 0, 2, 0, 3, 0, 4, 0, 5, 0}, Dimension: 2}
	x := build(t, vec.Detect(), src, vecindex.L2, vecindex.Params{"M": "2", "efConstruction": "4"}, vecindex.BuildOptions{Seed: 9})
	want := doctest.Check(t, "hnsw.md", "", indextest.File(t, x))
	back, err := hnsw.Kind(vec.Detect()).Open(mem.FromBytes(want), src, vecindex.L2, nil)
	require.NoError(t, err)
	hits := indextest.Search(t, back, vecindex.Query{Vector: []float32{2.2, 0}, K: 2, Allowed: -1})
	require.EqualValues(t, 2, hits[0].Row)
	require.EqualValues(t, 3, hits[1].Row)
	require.NoError(t, back.Close())
}
