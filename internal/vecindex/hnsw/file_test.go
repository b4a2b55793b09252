package hnsw_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"hash/crc32"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/redkite-db/redkite/internal/mem"
	"github.com/redkite-db/redkite/internal/vec"
	"github.com/redkite-db/redkite/internal/vecindex"
	"github.com/redkite-db/redkite/internal/vecindex/hnsw"
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
	for _, m := range metrics {
		x := build(t, vec.Detect(), src, m, vecindex.Params{"M": "6", "efConstruction": "30"}, vecindex.BuildOptions{})
		b := file(t, x)
		path := filepath.Join(t.TempDir(), "index")
		require.NoError(t, os.WriteFile(path, b, 0o600))
		mapped, err := mem.Open(path)
		require.NoError(t, err)
		shifted := append(make([]byte, 1, len(b)+1), b...)[1:] // no word is aligned
		for _, f := range []*mem.Map{mapped, mem.FromBytes(b), mem.FromBytes(shifted)} {
			back, err := hnsw.Kind(vec.Detect()).Open(f, src, m, nil)
			require.NoError(t, err)
			require.Equal(t, n, back.Rows())
			require.LessOrEqual(t, back.Bytes(), x.Bytes()) // IP needs less once it is built
			for i := range queries.Rows() {
				q := vecindex.Query{Vector: queries.Data[i*dim : (i+1)*dim], K: 10, Allowed: -1}
				require.Equal(t, search(t, x, q), search(t, back, q))
			}
			require.Equal(t, b, file(t, back))
			require.NoError(t, back.Close())
			require.False(t, f.TryPin(), "the pin is given back")
		}
	}
}

func TestFileOfOthers(t *testing.T) {
	src, _ := clustered(rand.New(rand.NewPCG(2, 2)), 100, 0, 12, 3)
	b := file(t, build(t, vec.Detect(), src, vecindex.IP, nil, vecindex.BuildOptions{}))
	open := func(b []byte, s vecindex.Source, m vecindex.Metric) error {
		f := mem.FromBytes(b)
		_, err := hnsw.Kind(vec.Detect()).Open(f, s, m, nil)
		if err != nil {
			require.False(t, f.TryPin(), "the pin is given back")
		}
		return err
	}
	require.NoError(t, open(b, src, vecindex.IP))
	require.ErrorIs(t, open(b, src, vecindex.Cosine), vecindex.ErrBadFile)
	require.ErrorIs(t, open(b, vecindex.Vectors{Data: src.Data, Dimension: 6}, vecindex.IP), vecindex.ErrBadFile)
	require.ErrorIs(t, open(b, vecindex.Vectors{Data: src.Data[12:], Dimension: 12}, vecindex.IP), vecindex.ErrBadFile)
	require.ErrorIs(t, open(append(b[:len(b):len(b)], 0), src, vecindex.IP), vecindex.ErrBadFile)
	newer := bytes.Clone(b)
	newer[8]++
	seal(newer)
	require.ErrorContains(t, open(newer, src, vecindex.IP), "version 2, this build reads 1")
	for i := range b {
		c := bytes.Clone(b)
		c[i] ^= 1 << (i % 8)
		require.ErrorIs(t, open(c, src, vecindex.IP), vecindex.ErrBadFile, "byte %d", i)
		if i%16 == 0 {
			require.ErrorIs(t, open(b[:i], src, vecindex.IP), vecindex.ErrBadFile)
		}
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
	src, _ := clustered(rng, n, 0, dim, 5)
	kind := hnsw.Kind(vec.Detect())
	x, err := kind.Build(context.Background(), src, vecindex.Cosine, vecindex.Params{"M": "3", "efConstruction": "9"}, vecindex.BuildOptions{Threads: 1})
	require.NoError(f, err)
	good := file(f, x)
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
		b := bytes.Clone(good[:min(int(size), len(good))])
		if int64(at) < int64(len(b)) {
			copy(b[at:], patch)
		}
		if sealed {
			seal(b)
		}
		x, err := kind.Open(mem.FromBytes(b), src, vecindex.Cosine, nil)
		if err != nil {
			require.ErrorIs(t, err, vecindex.ErrBadFile)
			return
		}
		for i, skip := range [][]uint64{nil, randomSkip(rng, n, 0.9), randomSkip(rng, n, 0.5)} {
			q := vecindex.Query{Vector: src.Data[i*dim : (i+1)*dim], K: 5, Skip: skip, Allowed: -1, Params: vecindex.SearchParams{Ef: 5}}
			require.Len(t, search(t, x, q), 5)
		}
		require.NoError(t, x.Close())
	})
}
