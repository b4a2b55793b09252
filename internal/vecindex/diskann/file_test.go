package diskann_test

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
	"github.com/redkite-db/redkite/internal/vecindex/diskann"
)

// TestFile: an opened index answers as the built one does, from a file or from
// memory, whatever the size of its cache, and is written as the same bytes.
func TestFile(t *testing.T) {
	indextest.SlowUnderRace(t)
	for _, c := range []struct {
		n, dim int
		params vecindex.Params
	}{{3001, 12, nil}, {900, 1000, nil}, {2000, 30, vecindex.Params{"max_degree": "12", "pq_code_budget_gb_ratio": "0.06"}}} {
		rng := rand.New(rand.NewPCG(1, 1))
		src, queries := indextest.Clustered(rng, c.n, 20, c.dim, 10)
		for _, m := range metrics {
			x := build(t, vec.Detect(), src, m, c.params, vecindex.BuildOptions{})
			b := indextest.File(t, x)
			for _, cache := range []string{"0", "0.3", "100"} {
				for _, f := range indextest.Maps(t, b) {
					back, err := diskann.Kind(vec.Detect()).Open(f, src, m, vecindex.Params{"search_cache_budget_gb_ratio": cache})
					require.NoError(t, err)
					require.Equal(t, c.n, back.Rows())
					for i := range queries.Rows() {
						q := vecindex.Query{Vector: queries.Data[i*c.dim:][:c.dim], K: 10, Allowed: -1, Params: vecindex.SearchParams{List: 30}}
						require.Equal(t, indextest.Search(t, x, q), indextest.Search(t, back, q))
					}
					require.Equal(t, cache == "100", back.(interface{ Reads() int64 }).Reads() == 0)
					require.True(t, bytes.Equal(b, indextest.File(t, back)))
					require.NoError(t, back.Close())
					require.False(t, f.TryPin(), "the pin is given back")
				}
			}
		}
	}
}

// TestBounded: what an opened index holds is codes and little more, within the
// budgets.
func TestBounded(t *testing.T) {
	indextest.SlowUnderRace(t)
	const n, dim = 20000, 64
	src, _ := indextest.Clustered(rand.New(rand.NewPCG(7, 7)), n, 0, dim, 10)
	p := vecindex.Params{"pq_code_budget_gb_ratio": "0.1", "search_cache_budget_gb_ratio": "0.05", "search_list_size": "30"}
	x := reopen(t, vec.Detect(), build(t, vec.Detect(), src, vecindex.L2, p, vecindex.BuildOptions{}), src, vecindex.L2, p)
	const raw = 4 * n * dim
	const book = 4 * 256 * 66 // 22 codes of 3 elements
	require.LessOrEqual(t, x.Bytes(), int64(raw/10+raw/20+4*n+book))
	require.GreaterOrEqual(t, x.Bytes(), int64(raw/12+raw/24))
}

func TestFileOfOthers(t *testing.T) {
	kind := diskann.Kind(vec.Detect())
	src, _ := indextest.Clustered(rand.New(rand.NewPCG(2, 2)), 100, 0, 12, 3)
	b := indextest.File(t, build(t, vec.Detect(), src, vecindex.L2, vecindex.Params{"max_degree": "8"}, vecindex.BuildOptions{}))
	indextest.Damage(t, kind, b, src, vecindex.L2, seal)
	require.ErrorIs(t, indextest.TryOpen(t, kind, b, src, vecindex.Cosine), vecindex.ErrBadFile)
	for _, other := range []vecindex.Vectors{{Data: src.Data, Dimension: 6}, {Data: src.Data[12:], Dimension: 12}} {
		require.ErrorIs(t, indextest.TryOpen(t, kind, b, other, vecindex.L2), vecindex.ErrBadFile)
	}
}

// seal makes the checksums of a file right, if there is room for what its header
// says.
func seal(b []byte) {
	if len(b) < 128 {
		return
	}
	table := crc32.MakeTable(crc32.Castagnoli)
	word := func(at int) int { return int(binary.LittleEndian.Uint32(b[at:])) }
	nodes, m := word(40)-word(32), max(word(24), 1)
	sub := (word(16) + m - 1) / m
	ends := []int{128, 4 * nodes, 4 * sub * m << (word(28) & 15), nodes * m}
	for i := 1; i < len(ends); i++ {
		ends[i] += ends[i-1]
	}
	from := append(ends[:3:3], (ends[3]+4095)/4096*4096)
	to := append(ends[1:4:4], len(b))
	for i := range from {
		if 0 <= from[i] && from[i] <= to[i] && to[i] <= len(b) {
			binary.LittleEndian.PutUint32(b[48+4*i:], crc32.Checksum(b[from[i]:to[i]], table))
		}
	}
	binary.LittleEndian.PutUint32(b[124:], crc32.Checksum(b[:124], table))
}

// FuzzOpen opens damaged files, whose checksums are right half of the time, and
// searches what opens.
func FuzzOpen(f *testing.F) {
	const n, dim = 600, 4
	rng := rand.New(rand.NewPCG(3, 3))
	src, _ := indextest.Clustered(rng, n, 0, dim, 5)
	skip := indextest.RandomSkip(rng, n, 0.5)
	good := indextest.File(f, build(f, vec.Detect(), src, vecindex.L2, vecindex.Params{"max_degree": "8"}, vecindex.BuildOptions{}))
	size := uint32(len(good))
	f.Add(uint32(0), []byte{}, size, true)
	for at := uint32(0); at < 128; at += 4 {
		f.Add(at, []byte{255, 255, 255, 255}, size, true)
		f.Add(at, []byte{1, 0, 0, 0}, size, true)
	}
	for at := uint32(128); at < size; at += 300 {
		f.Add(at, []byte{255, 255, 255, 255}, size, true)
		f.Add(at, []byte{7}, at+500, at%600 == 20)
	}
	f.Fuzz(func(t *testing.T, at uint32, patch []byte, size uint32, sealed bool) {
		b := indextest.Patched(good, at, patch, size)
		if sealed {
			seal(b)
		}
		x, err := diskann.Kind(vec.Detect()).Open(mem.FromBytes(b), src, vecindex.L2, nil)
		if err != nil {
			require.ErrorIs(t, err, vecindex.ErrBadFile)
			return
		}
		for r := range 10 {
			q := vecindex.Query{Vector: src.Data[r*dim:][:dim], K: 10, Allowed: -1, Params: vecindex.SearchParams{List: 10 + r}}
			if r%2 == 1 {
				q.Skip, q.Params.ScanFrom = skip, float64(r%4)
			}
			require.Len(t, indextest.Search(t, x, q), 10)
		}
		require.NoError(t, x.Close())
	})
}

// TestChangedSince: a file that changes behind an open index breaks no search.
func TestChangedSince(t *testing.T) {
	const n, dim = 3000, 8
	rng := rand.New(rand.NewPCG(4, 4))
	src, _ := indextest.Clustered(rng, n, 0, dim, 5)
	b := indextest.File(t, build(t, vec.Detect(), src, vecindex.L2, nil, vecindex.BuildOptions{}))
	x, err := diskann.Kind(vec.Detect()).Open(mem.FromBytes(b), src, vecindex.L2, vecindex.Params{"search_cache_budget_gb_ratio": "0"})
	require.NoError(t, err)
	for i := len(b) / 4; i < len(b); i++ {
		b[i] = byte(rng.Uint32())
	}
	for r := range 100 {
		require.Len(t, indextest.Search(t, x, vecindex.Query{Vector: src.Data[r*dim:][:dim], K: 10, Allowed: -1}), 10)
	}
	require.NoError(t, x.Close())
}
