package ivf_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/redkite-db/redkite/internal/mem"
	"github.com/redkite-db/redkite/internal/porttest/doctest"
	"github.com/redkite-db/redkite/internal/porttest/indextest"
	"github.com/redkite-db/redkite/internal/vec"
	"github.com/redkite-db/redkite/internal/vecindex"
)

// TestDocumentedFile builds the index of the example in docs/formats/ivf.md,
// finds its bytes there, and reads them.
func TestDocumentedFile(t *testing.T) {
	src := vecindex.Vectors{Data: []float32{0, 0, 1, 0, 2, 0, 3, 0, 4, 0, 5, 0}, Dimension: 2}
	kind := kindOf(t, vec.Detect(), "IVF_SQ8")
	x := build(t, kind, src, vecindex.L2, vecindex.Params{"nlist": "4"}, vecindex.BuildOptions{Seed: 9})
	want := doctest.Check(t, "ivf.md", "", indextest.File(t, x))
	back, err := kind.Open(mem.FromBytes(want), src, vecindex.L2, nil)
	require.NoError(t, err)
	hits := indextest.Search(t, back, vecindex.Query{Vector: []float32{2.2, 0}, K: 2, Allowed: -1})
	require.EqualValues(t, 2, hits[0].Row)
	require.EqualValues(t, 3, hits[1].Row)
	require.NoError(t, back.Close())
}
