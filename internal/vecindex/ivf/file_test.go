package ivf_test

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
)

func TestFile(t *testing.T) {
	const n, dim = 3001, 12
	rng := rand.New(rand.NewPCG(1, 1))
	src, queries := indextest.Clustered(rng, n, 30, dim, 10)
	for _, name := range names {
		kind := kindOf(t, vec.Detect(), name)
		for _, m := range metrics {
			x := build(t, kind, src, m, needed(name, dim), vecindex.BuildOptions{})
			b := indextest.File(t, x)
			for _, f := range indextest.Maps(t, b) {
				back, err := kind.Open(f, src, m, nil)
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
}

func TestFileOfOthers(t *testing.T) {
	src, _ := indextest.Clustered(rand.New(rand.NewPCG(2, 2)), 100, 0, 12, 3)
	for _, name := range names {
		kind := kindOf(t, vec.Detect(), name)
		b := indextest.File(t, build(t, kind, src, vecindex.L2, needed(name, 12), vecindex.BuildOptions{}))
		indextest.Damage(t, kind, b, src, vecindex.L2, seal)
		require.ErrorIs(t, indextest.TryOpen(t, kind, b, src, vecindex.Cosine), vecindex.ErrBadFile)
		for _, rows := range []vecindex.Vectors{{Data: src.Data, Dimension: 6}, {Data: src.Data[12:], Dimension: 12}} {
			require.ErrorIs(t, indextest.TryOpen(t, kind, b, rows, vecindex.L2), vecindex.ErrBadFile)
		}
		for _, other := range names {
			if other != name {
				require.ErrorIs(t, indextest.TryOpen(t, kindOf(t, vec.Detect(), other), b, src, vecindex.L2), vecindex.ErrBadFile)
			}
		}
	}
}

// seal makes the checksums of a file right, as far as there are sections.
func seal(b []byte) {
	if len(b) < 320 {
		return
	}
	table := crc32.MakeTable(crc32.Castagnoli)
	for at := 64; at < 64+10*24; at += 24 {
		off, n := binary.LittleEndian.Uint64(b[at:]), binary.LittleEndian.Uint64(b[at+8:])
		if off <= uint64(len(b)) && n <= uint64(len(b))-off {
			binary.LittleEndian.PutUint32(b[at+16:], crc32.Checksum(b[off:off+n], table))
		}
	}
	binary.LittleEndian.PutUint32(b[316:], crc32.Checksum(b[:316], table))
}

// FuzzOpen opens damaged files, whose checksums are right half of the time, and
// searches what opens.
func FuzzOpen(f *testing.F) {
	const n, dim = 300, 4
	rng := rand.New(rand.NewPCG(3, 3))
	few, _ := indextest.Clustered(rng, n, 0, dim, 5)
	many, _ := indextest.Clustered(rng, 2600, 0, dim, 5) // rows for so many lists that their centers have codes
	skip := indextest.RandomSkip(rng, n, 0.9)
	kinds := append([]string{"IVF_FLAT"}, names...)
	rowsOf := func(i int) vecindex.Vectors {
		if i == 0 {
			return many
		}
		return few
	}
	var good [][]byte
	for i, name := range kinds {
		x := build(f, kindOf(f, vec.Detect(), name), rowsOf(i), vecindex.L2, needed(name, dim), vecindex.BuildOptions{})
		good = append(good, indextest.File(f, x))
		size := uint32(len(good[i]))
		f.Add(uint8(i), uint32(0), []byte{}, size, true)
		for at := uint32(0); at < 320; at += 4 {
			f.Add(uint8(i), at, []byte{255, 255, 255, 255}, size, true)
			f.Add(uint8(i), at, []byte{1, 0, 0, 0}, size, true)
		}
		for at := uint32(320); at < size; at += max(300, size/40) {
			f.Add(uint8(i), at, []byte{255, 255, 255, 255}, size, true)
			f.Add(uint8(i), at, []byte{7}, at+500, at%600 == 20)
		}
	}
	f.Fuzz(func(t *testing.T, which uint8, at uint32, patch []byte, size uint32, sealed bool) {
		i := int(which) % len(kinds)
		src := rowsOf(i)
		b := indextest.Patched(good[i], at, patch, size)
		if sealed {
			seal(b)
		}
		x, err := kindOf(t, vec.Detect(), kinds[i]).Open(mem.FromBytes(b), src, vecindex.L2, nil)
		if err != nil {
			require.ErrorIs(t, err, vecindex.ErrBadFile)
			return
		}
		for r := range 10 {
			q := vecindex.Query{Vector: src.Data[r*dim:][:dim], K: 10, Allowed: -1, Params: vecindex.SearchParams{NProbe: 1 + r}}
			if r%2 == 1 {
				q.Skip = skip
			}
			require.Len(t, indextest.Search(t, x, q), 10)
		}
		require.NoError(t, x.Close())
	})
}
