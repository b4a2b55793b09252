package scalarindex

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/redkite-db/redkite/internal/mem"
	"github.com/redkite-db/redkite/internal/porttest/doctest"
)

// TestDocumentedFile builds the index of the example in
// docs/formats/scalarindex.md, finds its bytes there, and reads them.
func TestDocumentedFile(t *testing.T) {
	b := NewBuilder(stringSpec, 4)
	for row, words := range [][]string{{"red", "kite"}, {}, {"kite"}, {"red", "red"}} {
		for _, w := range words {
			b.AddString([]byte(w), row)
		}
	}
	x, err := b.Finish()
	require.NoError(t, err)
	want := doctest.Check(t, "scalarindex.md", "", file(t, x))
	back, err := Open(mem.FromBytes(want), stringSpec, 4)
	require.NoError(t, err)
	require.Equal(t, []int{0, 2}, rowsOf(back, back.Prefix([]byte("ki"))))
	require.Equal(t, []int{0, 3}, rowsOf(back, back.Prefix([]byte("red"))))
}
