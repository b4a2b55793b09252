package ivf_test

import (
	"bytes"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/redkite-db/redkite/internal/mem"
	"github.com/redkite-db/redkite/internal/vec"
	"github.com/redkite-db/redkite/internal/vecindex"
)

func file(t testing.TB, x vecindex.Index) []byte {
	t.Helper()
	var b bytes.Buffer
	n, err := x.WriteTo(&b)
	require.NoError(t, err)
	require.EqualValues(t, b.Len(), n)
	return b.Bytes()
}

func TestFile(t *testing.T) {
	const n, dim = 3001, 12
	rng := rand.New(rand.NewPCG(1, 1))
	src, queries := clustered(rng, n, 30, dim, 10)
	for _, name := range names {
		kind := kindOf(t, vec.Detect(), name)
		for _, m := range metrics {
			x := build(t, kind, src, m, needed(name, dim), vecindex.BuildOptions{})
			b := file(t, x)
			path := filepath.Join(t.TempDir(), "index")
			require.NoError(t, os.WriteFile(path, b, 0o600))
			mapped, err := mem.Open(path)
			require.NoError(t, err)
			shifted := append(make([]byte, 1, len(b)+1), b...)[1:] // no word is aligned
			for _, f := range []*mem.Map{mapped, mem.FromBytes(b), mem.FromBytes(shifted)} {
				back, err := kind.Open(f, src, m, nil)
				require.NoError(t, err)
				require.Equal(t, n, back.Rows())
				require.Equal(t, back.Bytes(), x.Bytes())
				for i := range queries.Rows() {
					q := vecindex.Query{Vector: queries.Data[i*dim : (i+1)*dim], K: 10, Allowed: -1}
					require.Equal(t, search(t, x, q), search(t, back, q))
				}
				require.True(t, bytes.Equal(b, file(t, back)))
				require.NoError(t, back.Close())
				require.False(t, f.TryPin(), "the pin is given back")
			}
		}
	}
}
