package hnsw_test

import (
	"context"
	"encoding/binary"
	"hash/crc32"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/redkite-db/redkite/internal/mem"
	"github.com/redkite-db/redkite/internal/porttest/indextest"
	"github.com/redkite-db/redkite/internal/vec"
	"github.com/redkite-db/redkite/internal/vecindex"
	"github.com/redkite-db/redkite/internal/vecindex/hnsw"
)

func TestFile(t *testing.T) {
	const n, dim = 3001, 12
	rng := rand.New(rand.NewPCG(1, 1))
	src, queries := indextest.Clustered(rng, n, 30, dim, 10)
	for _, m := range metrics {
		x := build(t, vec.Detect(), src, m, vecindex.Params{"M": "6", "efConstruction": "30"}, vecindex.BuildOptions{})
		b := indextest.File(t, x)
		for _, f := range indextest.Maps(t, b) {
			back, err := hnsw.Kind(vec.Detect()).Open(f, src, m, nil)
			require.NoError(t, err)
			require.Equal(t, n, back.Rows())
			require.LessOrEqual(t, back.Bytes(), x.Bytes()) // IP needs less once it is built
			for i := range queries.Rows() {
				q := vecindex.Query{Vector: queries.Data[i*dim : (i+1)*dim], K: 10, Allowed: -1}
				require.Equal(t, indextest.Search(t, x, q), indextest.Search(t, back, q))
			}
			require.Equal(t, b, indextest.File(t, back))
			require.NoError(t, back.Close())
			require.False(t, f.TryPin(), "the pin is given back")
		}
	}
}

func TestFileOfOthers(t *testing.T) {
	kind := hnsw.Kind(vec.Detect())
	src, _ := indextest.Clustered(rand.New(rand.NewPCG(2, 2)), 100, 0, 12, 3)
	b := indextest.File(t, build(t, vec.Detect(), src, vecindex.IP, nil, vecindex.BuildOptions{}))
	indextest.Damage(t, kind, b, src, vecindex.IP, seal)
	require.ErrorIs(t, indextest.TryOpen(t, kind, b, src, vecindex.Cosine), vecindex.ErrBadFile)
	for _, other := range []vecindex.Vectors{{Data: src.Data, Dimension: 6}, {Data: src.Data[12:], Dimension: 12}} {
		require.ErrorIs(t, indextest.TryOpen(t, kind, b, other, vecindex.IP), vecindex.ErrBadFile)
	}
}

// seal makes the checksums of a file right, as far as there are sections.
func seal(b []byte) {
	if len(b) < 256 {
		return
	}
	table := crc32.MakeTable(crc32.Castagnoli)
	for at := 64; at < 64+6*24; at += 24 {
		off, n := binary.LittleEndian.Uint64(b[at:]), binary.LittleEndian.Uint64(b[at+8:])
		if off <= uint64(len(b)) && n <= uint64(len(b))-off {
			binary.LittleEndian.PutUint32(b[at+16:], crc32.Checksum(b[off:off+n], table))
		}
	}
	binary.LittleEndian.PutUint32(b[252:], crc32.Checksum(b[:252], table))
}

// FuzzOpen opens damaged files, whose checksums are right half of the time, and
// searches what opens.
func FuzzOpen(f *testing.F) {
	const n, dim = 300, 3
	rng := rand.New(rand.NewPCG(3, 3))
	src, _ := indextest.Clustered(rng, n, 0, dim, 5)
	kind := hnsw.Kind(vec.Detect())
	x, err := kind.Build(context.Background(), src, vecindex.Cosine, vecindex.Params{"M": "3", "efConstruction": "9"}, vecindex.BuildOptions{Threads: 1})
	require.NoError(f, err)
	good := indextest.File(f, x)
	require.NoError(f, x.Close())
	f.Add(uint32(0), []byte{}, uint32(len(good)), true)
	for at := uint32(0); at < 256; at += 4 {
		f.Add(at, []byte{255, 255, 255, 255}, uint32(len(good)), true)
		f.Add(at, []byte{1, 0, 0, 0}, uint32(len(good)), true)
	}
	for at := uint32(256); at < uint32(len(good)); at += 1000 {
		f.Add(at, []byte{255, 255, 255, 255}, uint32(len(good)), true)
		f.Add(at, []byte{7}, at+500, at%2000 == 0)
	}
	f.Fuzz(func(t *testing.T, at uint32, patch []byte, size uint32, sealed bool) {
		b := indextest.Patched(good, at, patch, size)
		if sealed {
			seal(b)
		}
		x, err := kind.Open(mem.FromBytes(b), src, vecindex.Cosine, nil)
		if err != nil {
			require.ErrorIs(t, err, vecindex.ErrBadFile)
			return
		}
		for i, skip := range [][]uint64{nil, indextest.RandomSkip(rng, n, 0.9), indextest.RandomSkip(rng, n, 0.5)} {
			q := vecindex.Query{Vector: src.Data[i*dim : (i+1)*dim], K: 5, Skip: skip, Allowed: -1, Params: vecindex.SearchParams{Ef: 5}}
			require.Len(t, indextest.Search(t, x, q), 5)
		}
		require.NoError(t, x.Close())
	})
}
