package vecindex_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/redkite-db/redkite/internal/mem"
	"github.com/redkite-db/redkite/internal/porttest/indextest"
	"github.com/redkite-db/redkite/internal/vec"
	"github.com/redkite-db/redkite/internal/vecindex"
)

// FuzzFlatOpen opens files of FLAT that are none, and searches what opens.
func FuzzFlatOpen(f *testing.F) {
	src := vecindex.Vectors{Data: []float32{1, 0, 0, 1, 2, 2}, Dimension: 2}
	good := indextest.File(f, indextest.Flat(f, vec.Detect(), src, vecindex.L2))
	f.Add(good)
	for i := range good {
		b := append([]byte(nil), good...)
		b[i] ^= 1
		f.Add(b)
		f.Add(good[:i])
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		x, err := vecindex.Flat(vec.Detect(), 1).Open(mem.FromBytes(b), src, vecindex.L2, nil)
		if err != nil {
			require.ErrorIs(t, err, vecindex.ErrBadFile)
			return
		}
		require.Equal(t, good, b)
		require.Len(t, indextest.Search(t, x, vecindex.Query{Vector: []float32{1, 1}, K: 3, Allowed: -1}), 3)
		require.NoError(t, x.Close())
	})
}
