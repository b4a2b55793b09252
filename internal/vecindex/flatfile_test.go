package vecindex_test

import (
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
)

// flatFile returns the file of FLAT over rows of whole numbers.
func flatFile(t testing.TB, rng *rand.Rand, n, dim int, m vecindex.Metric) ([]byte, vecindex.Vectors) {
	t.Helper()
	src := vecindex.Vectors{Data: randomRows(rng, n, dim), Dimension: dim}
	x, err := vecindex.Flat(vec.Detect(), 1).Build(t.Context(), src, m, nil, vecindex.BuildOptions{Threads: 1})
	require.NoError(t, err)
	defer func() { require.NoError(t, x.Close()) }()
	return indextest.File(t, x), src
}

// sealFlat makes the checksums of a file right.
func sealFlat(b []byte) {
	if len(b) < 64 {
		return
	}
	table := crc32.MakeTable(crc32.Castagnoli)
	binary.LittleEndian.PutUint32(b[44:], crc32.Checksum(b[64:], table))
	binary.LittleEndian.PutUint32(b[60:], crc32.Checksum(b[:60], table))
}

// TestDocumentedFlatFile builds the index of the example in docs/formats/flat.md,
// finds its bytes there, and reads them.
func TestDocumentedFlatFile(t *testing.T) {
	src := vecindex.Vectors{Data: []float32{3, 0, 0, 4, 0, 0}, Dimension: 2}
	kind := vecindex.Flat(vec.Detect(), 1)
	x, err := kind.Build(t.Context(), src, vecindex.Cosine, nil, vecindex.BuildOptions{Threads: 1})
	require.NoError(t, err)
	want := doctest.Check(t, "flat.md", "", indextest.File(t, x))
	require.NoError(t, x.Close())
	for _, f := range indextest.Maps(t, want) {
		back, err := kind.Open(f, src, vecindex.Cosine, nil)
		require.NoError(t, err)
		require.EqualValues(t, len(want)-64, back.Bytes())
		hits := indextest.Search(t, back, vecindex.Query{Vector: []float32{0, 2}, K: 3, Allowed: -1})
		require.Equal(t, []vecindex.Hit{{Row: 1, Score: 1}, {Row: 0}, {Row: 2}}, hits)
		require.NoError(t, back.Close())
		require.False(t, f.TryPin(), "the pin is given back")
	}
}

func TestDamagedFlatFiles(t *testing.T) {
	rng := rand.New(rand.NewPCG(31, 32))
	kind := vecindex.Flat(vec.Detect(), 1)
	for _, m := range metrics {
		b, src := flatFile(t, rng, 5, 3, m)
		indextest.Damage(t, kind, b, src, m, sealFlat)
		plain, err := vecindex.Plain(vec.Detect(), 1).Build(t.Context(), src, m, nil, vecindex.BuildOptions{})
		require.NoError(t, err)
		indextest.Damage(t, kind, indextest.File(t, plain), src, m, sealFlat)
		for name, at := range map[string]int{"codes": 32, "scale": 40, "zeros": 48, "radius": 64 + 64*5 + 3, "block": 64 + 64*5 + 64 + 3, "padding": 64 + 64*5 + 63} {
			c := append([]byte(nil), b...)
			c[at] ^= 0xff
			if sealFlat(c); name == "scale" {
				copy(c[at:], []byte{0, 0, 128, 127})
				sealFlat(c)
			}
			require.ErrorIs(t, indextest.TryOpen(t, kind, c, src, m), vecindex.ErrBadFile, name)
		}
		require.ErrorIs(t, indextest.TryOpen(t, kind, b, vecindex.Vectors{Data: src.Data[3:], Dimension: 3}, m), vecindex.ErrBadFile)
		require.ErrorIs(t, indextest.TryOpen(t, kind, b, src, m%3+1), vecindex.ErrBadFile)
	}
}

// FuzzOpenFlat opens damaged files, whose checksums are right half of the time, and
// searches what opens.
func FuzzOpenFlat(f *testing.F) {
	const n, dim = 300, 6
	rng := rand.New(rand.NewPCG(33, 34))
	files, sources := map[vecindex.Metric][]byte{}, map[vecindex.Metric]vecindex.Vectors{}
	for _, m := range metrics {
		files[m], sources[m] = flatFile(f, rng, n, dim, m)
		size := uint32(len(files[m]))
		f.Add(uint8(m), uint32(0), []byte{}, size, true)
		for at := uint32(0); at < 64; at += 4 {
			f.Add(uint8(m), at, []byte{255, 255, 255, 255}, size, true)
			f.Add(uint8(m), at, []byte{1, 0, 0, 0}, size, at%8 == 0)
		}
		for at := uint32(64 + 64*n); at < size; at += 100 {
			f.Add(uint8(m), at, []byte{0, 0, 128, 127, 0, 0, 0, 0}, size, true)
			f.Add(uint8(m), at, []byte{7}, at+500, true)
		}
	}
	skip := indextest.RandomSkip(rng, n, 0.5)
	f.Fuzz(func(t *testing.T, which uint8, at uint32, patch []byte, size uint32, sealed bool) {
		m := metrics[int(which)%len(metrics)]
		b, src := indextest.Patched(files[m], at, patch, size), sources[m]
		if sealed {
			sealFlat(b)
		}
		x, err := vecindex.Flat(vec.Detect(), 1).Open(mem.FromBytes(b), src, m, nil)
		if err != nil {
			require.ErrorIs(t, err, vecindex.ErrBadFile)
			return
		}
		for r := range 10 {
			q := vecindex.Query{Vector: src.Data[r*dim:][:dim], K: 10, Allowed: -1}
			if r%2 == 1 {
				q.Skip = skip
			}
			require.Len(t, indextest.Search(t, x, q), 10)
		}
		require.NoError(t, x.Close())
	})
}
