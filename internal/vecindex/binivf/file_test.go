package binivf_test

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/redkite-db/redkite/internal/mem"
	"github.com/redkite-db/redkite/internal/porttest/doctest"
	"github.com/redkite-db/redkite/internal/porttest/indextest"
	"github.com/redkite-db/redkite/internal/vec"
	"github.com/redkite-db/redkite/internal/vecindex"
	"github.com/redkite-db/redkite/internal/vecindex/binivf"
)

const headerSize = 64

func TestFile(t *testing.T) {
	kern := vec.Detect()
	kind := binivf.Kind(kern)
	src, queries := clustered(rand.New(rand.NewPCG(2, 3)), 500, 5, 32, 9)
	x := build(t, kern, src, vecindex.Jaccard, vecindex.Params{"nlist": "10"})
	b := indextest.File(t, x)
	back, err := kind.Open(mem.FromBytes(b), src, vecindex.Jaccard, nil)
	require.NoError(t, err)
	require.Equal(t, b, indextest.File(t, back))
	for i := range queries.Rows() {
		q := vecindex.Query{Bytes: row(queries, i), K: 7, Allowed: -1, Params: vecindex.SearchParams{NProbe: 2}}
		require.Equal(t, indextest.Search(t, x, q), indextest.Search(t, back, q))
	}
	require.NoError(t, back.Close())
	indextest.Damage(t, kind, b, src, vecindex.Jaccard, seal)
	for _, m := range []vecindex.Metric{vecindex.Hamming, vecindex.L2} {
		require.ErrorIs(t, indextest.TryOpen(t, kind, b, src, m), vecindex.ErrBadFile)
	}
	for _, other := range []vecindex.Packed{{Data: src.Data.Head(499)}, {Data: vec.Packed(vec.Int8s, 4, src.Data.Bytes())}} {
		require.ErrorIs(t, indextest.TryOpen(t, kind, b, other, vecindex.Jaccard), vecindex.ErrBadFile)
	}
}

// seal makes the checksums of a file right.
func seal(b []byte) {
	if len(b) < headerSize {
		return
	}
	table := crc32.MakeTable(crc32.Castagnoli)
	binary.LittleEndian.PutUint32(b[56:], crc32.Checksum(b[headerSize:], table))
	binary.LittleEndian.PutUint32(b[60:], crc32.Checksum(b[:60], table))
}

// FuzzOpen opens damaged files, whose checksums are right half of the time, and
// searches what opens.
func FuzzOpen(f *testing.F) {
	src, _ := clustered(rand.New(rand.NewPCG(3, 3)), 300, 0, 16, 5)
	kind := binivf.Kind(vec.Detect())
	good := indextest.File(f, build(f, vec.Detect(), src, vecindex.Hamming, vecindex.Params{"nlist": "7"}))
	size := uint32(len(good))
	for at := uint32(0); at < size; at += 4 {
		f.Add(at, []byte{255, 255, 255, 255}, size, true)
		f.Add(at, []byte{1, 0}, size, at%8 == 0)
	}
	f.Add(uint32(0), []byte{}, size, true)
	f.Fuzz(func(t *testing.T, at uint32, patch []byte, size uint32, sealed bool) {
		b := indextest.Patched(good, at, patch, size)
		if sealed {
			seal(b)
		}
		x, err := kind.Open(mem.FromBytes(b), src, vecindex.Hamming, nil)
		if err != nil {
			require.ErrorIs(t, err, vecindex.ErrBadFile)
			return
		}
		for r := range 5 {
			q := vecindex.Query{Bytes: row(src, r), K: 10, Allowed: -1, Params: vecindex.SearchParams{NProbe: 1 + r}}
			require.Len(t, indextest.Search(t, x, q), 10)
		}
		require.NoError(t, x.Close())
	})
}

// TestDocumentedFile builds the index of the example in docs/formats/binivf.md,
// finds its bytes there, and reads them.
func TestDocumentedFile(t *testing.T) {
	data := append(bytes.Repeat([]byte{0x07}, 39), bytes.Repeat([]byte{0xf0}, 39)...)
	src := vecindex.Packed{Data: vec.Packed(vec.Bits, 8, data)}
	x := build(t, vec.Detect(), src, vecindex.Hamming, vecindex.Params{"nlist": "2"})
	want := doctest.Check(t, "binivf.md", "", indextest.File(t, x))
	back, err := binivf.Kind(vec.Detect()).Open(mem.FromBytes(want), src, vecindex.Hamming, nil)
	require.NoError(t, err)
	hits := indextest.Search(t, back, vecindex.Query{Bytes: []byte{0xf8}, K: 2, Allowed: -1})
	require.Equal(t, []vecindex.Hit{{Row: 39, Score: 1}, {Row: 40, Score: 1}}, hits)
	require.NoError(t, back.Close())
}
