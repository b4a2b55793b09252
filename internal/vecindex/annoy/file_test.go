package annoy_test

import (
	"bytes"
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
	"github.com/redkite-db/redkite/internal/vecindex/annoy"
)

func TestFile(t *testing.T) {
	const n, dim = 3001, 12
	rng := rand.New(rand.NewPCG(1, 1))
	src, queries := clustered(rng, n, 30, dim, 10)
	for _, m := range metrics {
		x := build(t, vec.Detect(), src, m, vecindex.Params{"n_trees": "5"}, vecindex.BuildOptions{})
		b := file(t, x)
		path := filepath.Join(t.TempDir(), "index")
		require.NoError(t, os.WriteFile(path, b, 0o600))
		mapped, err := mem.Open(path)
		require.NoError(t, err)
		shifted := append(make([]byte, 1, len(b)+1), b...)[1:] // no word is aligned
		for _, f := range []*mem.Map{mapped, mem.FromBytes(b), mem.FromBytes(shifted)} {
			back, err := annoy.Kind(vec.Detect()).Open(f, src, m, nil)
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

func TestFileOfOthers(t *testing.T) {
	src, _ := clustered(rand.New(rand.NewPCG(2, 2)), 100, 0, 12, 3)
	b := file(t, build(t, vec.Detect(), src, vecindex.L2, vecindex.Params{"n_trees": "2"}, vecindex.BuildOptions{}))
	open := func(b []byte, s vecindex.Source, m vecindex.Metric) error {
		f := mem.FromBytes(b)
		x, err := annoy.Kind(vec.Detect()).Open(f, s, m, nil)
		if err != nil {
			require.False(t, f.TryPin(), "the pin is given back")
			return err
		}
		return x.Close()
	}
	require.NoError(t, open(b, src, vecindex.L2))
	require.ErrorIs(t, open(b, src, vecindex.Cosine), vecindex.ErrBadFile)
	require.ErrorIs(t, open(b, vecindex.Vectors{Data: src.Data, Dimension: 6}, vecindex.L2), vecindex.ErrBadFile)
	require.ErrorIs(t, open(b, vecindex.Vectors{Data: src.Data[12:], Dimension: 12}, vecindex.L2), vecindex.ErrBadFile)
	require.ErrorIs(t, open(append(b[:len(b):len(b)], 0), src, vecindex.L2), vecindex.ErrBadFile)
	newer := bytes.Clone(b)
	newer[8]++
	seal(newer)
	require.ErrorContains(t, open(newer, src, vecindex.L2), "version 2, this build reads 1")
	for i := range b {
		c := bytes.Clone(b)
		c[i] ^= 1 << (i % 8)
		require.ErrorIs(t, open(c, src, vecindex.L2), vecindex.ErrBadFile, "byte %d", i)
		if i%16 == 0 {
			require.ErrorIs(t, open(b[:i], src, vecindex.L2), vecindex.ErrBadFile)
		}
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
	src, _ := clustered(rng, n, 0, dim, 5)
	skip := randomSkip(rng, n, 0.5)
	good := file(f, build(f, vec.Detect(), src, vecindex.L2, vecindex.Params{"n_trees": "2"}, vecindex.BuildOptions{}))
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
		b := bytes.Clone(good[:min(int(size), len(good))])
		if int64(at) < int64(len(b)) {
			copy(b[at:], patch)
		}
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
			require.Len(t, search(t, x, q), 10)
		}
		require.NoError(t, x.Close())
	})
}
