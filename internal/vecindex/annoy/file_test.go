package annoy_test

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/redkite-db/redkite/internal/mem"
	"github.com/redkite-db/redkite/internal/porttest/indextest"
	"github.com/redkite-db/redkite/internal/vec"
	"github.com/redkite-db/redkite/internal/vecindex"
	"github.com/redkite-db/redkite/internal/vecindex/annoy"
)

func TestFile(t *testing.T) {
	const n, dim = 3001, 12
	rng := rand.New(rand.NewPCG(1, 1))
	src, queries := indextest.Clustered(rng, n, 30, dim, 10)
	for _, m := range metrics {
		x := build(t, vec.Detect(), src, m, vecindex.Params{"n_trees": "5"}, vecindex.BuildOptions{})
		b := indextest.File(t, x)
		for _, f := range indextest.Maps(t, b) {
			back, err := annoy.Kind(vec.Detect()).Open(f, src, m, nil)
			require.NoError(t, err)
			require.Equal(t, n, back.Rows())
			require.Equal(t, back.Bytes(), x.Bytes())
			for i := range queries.Rows() {
				q := vecindex.Query{Vector: queries.Data[i*dim : (i+1)*dim], K: 10, Allowed: -1}
				require.Equal(t, indextest.Search(t, x, q), indextest.Search(t, back, q))
			}
			require.True(t, bytes.Equal(b, indextest.File(t, back)))
			require.NoError(t, back.Close())
			require.False(t, f.TryPin(), "the pin is given back")
		}
	}
}

func TestFileOfOthers(t *testing.T) {
	kind := annoy.Kind(vec.Detect())
	src, _ := indextest.Clustered(rand.New(rand.NewPCG(2, 2)), 100, 0, 12, 3)
	b := indextest.File(t, build(t, vec.Detect(), src, vecindex.L2, vecindex.Params{"n_trees": "2"}, vecindex.BuildOptions{}))
	indextest.Damage(t, kind, b, src, vecindex.L2, seal)
	require.ErrorIs(t, indextest.TryOpen(t, kind, b, src, vecindex.Cosine), vecindex.ErrBadFile)
	for _, other := range []vecindex.Vectors{{Data: src.Data, Dimension: 6}, {Data: src.Data[12:], Dimension: 12}} {
		require.ErrorIs(t, indextest.TryOpen(t, kind, b, other, vecindex.L2), vecindex.ErrBadFile)
	}
}

// seal makes the checksums of a file right.
func seal(b []byte) {
	if len(b) < 64 {
		return
	}
	table := crc32.MakeTable(crc32.Castagnoli)
	binary.LittleEndian.PutUint32(b[40:], crc32.Checksum(b[64:], table))
	binary.LittleEndian.PutUint32(b[60:], crc32.Checksum(b[:60], table))
}

// FuzzOpen opens damaged files, whose checksums are right half of the time, and
// searches what opens.
func FuzzOpen(f *testing.F) {
	const n, dim = 600, 4
	rng := rand.New(rand.NewPCG(3, 3))
	src, _ := indextest.Clustered(rng, n, 0, dim, 5)
	skip := indextest.RandomSkip(rng, n, 0.5)
	good := indextest.File(f, build(f, vec.Detect(), src, vecindex.L2, vecindex.Params{"n_trees": "2"}, vecindex.BuildOptions{}))
	size := uint32(len(good))
	f.Add(uint32(0), []byte{}, size, true)
	for at := uint32(0); at < 64; at += 4 {
		f.Add(at, []byte{255, 255, 255, 255}, size, true)
		f.Add(at, []byte{1, 0, 0, 0}, size, true)
	}
	for at := uint32(64); at < size; at += 60 {
		f.Add(at, []byte{255, 255, 255, 255}, size, true)
		f.Add(at, []byte{7}, at+500, at%600 == 20)
	}
	f.Fuzz(func(t *testing.T, at uint32, patch []byte, size uint32, sealed bool) {
		b := indextest.Patched(good, at, patch, size)
		if sealed {
			seal(b)
		}
		x, err := annoy.Kind(vec.Detect()).Open(mem.FromBytes(b), src, vecindex.L2, nil)
		if err != nil {
			require.ErrorIs(t, err, vecindex.ErrBadFile)
			return
		}
		for r := range 10 {
			q := vecindex.Query{Vector: src.Data[r*dim:][:dim], K: 10, Allowed: -1, Params: vecindex.SearchParams{SearchK: 10 + r}}
			if r%2 == 1 {
				q.Skip = skip
			}
			require.Len(t, indextest.Search(t, x, q), 10)
		}
		require.NoError(t, x.Close())
	})
}
