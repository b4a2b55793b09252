package diskann_test

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
	"github.com/redkite-db/redkite/internal/vecindex/diskann"
)

// TestFile: an opened index answers as the built one does, from a file or from
// memory, whatever the size of its cache, and is written as the same bytes.
func TestFile(t *testing.T) {
	slowUnderRace(t)
	for _, c := range []struct {
		n, dim int
		params vecindex.Params
	}{{3001, 12, nil}, {900, 1000, nil}, {2000, 30, vecindex.Params{"max_degree": "12", "pq_code_budget_gb_ratio": "0.06"}}} {
		rng := rand.New(rand.NewPCG(1, 1))
		src, queries := clustered(rng, c.n, 20, c.dim, 10)
		for _, m := range metrics {
			x := build(t, vec.Detect(), src, m, c.params, vecindex.BuildOptions{})
			b := file(t, x)
			path := filepath.Join(t.TempDir(), "index")
			require.NoError(t, os.WriteFile(path, b, 0o600))
			for _, cache := range []string{"0", "0.3", "100"} {
				mapped, err := mem.Open(path)
				require.NoError(t, err)
				for _, f := range []*mem.Map{mapped, mem.FromBytes(b)} {
					back, err := diskann.Kind(vec.Detect()).Open(f, src, m, vecindex.Params{"search_cache_budget_gb_ratio": cache})
					require.NoError(t, err)
					require.Equal(t, c.n, back.Rows())
					for i := range queries.Rows() {
						q := vecindex.Query{Vector: queries.Data[i*c.dim:][:c.dim], K: 10, Allowed: -1, Params: vecindex.SearchParams{List: 30}}
						require.Equal(t, search(t, x, q), search(t, back, q))
					}
					require.Equal(t, cache == "100", back.(interface{ Reads() int64 }).Reads() == 0)
					require.True(t, bytes.Equal(b, file(t, back)))
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
	slowUnderRace(t)
	const n, dim = 20000, 64
	src, _ := clustered(rand.New(rand.NewPCG(7, 7)), n, 0, dim, 10)
	p := vecindex.Params{"pq_code_budget_gb_ratio": "0.1", "search_cache_budget_gb_ratio": "0.05", "search_list_size": "30"}
	x := reopen(t, vec.Detect(), build(t, vec.Detect(), src, vecindex.L2, p, vecindex.BuildOptions{}), src, vecindex.L2, p)
	const raw = 4 * n * dim
	const book = 4 * 256 * 66 // 22 codes of 3 elements
	require.LessOrEqual(t, x.Bytes(), int64(raw/10+raw/20+4*n+book))
	require.GreaterOrEqual(t, x.Bytes(), int64(raw/12+raw/24))
}

func TestFileOfOthers(t *testing.T) {
	src, _ := clustered(rand.New(rand.NewPCG(2, 2)), 100, 0, 12, 3)
	b := file(t, build(t, vec.Detect(), src, vecindex.L2, vecindex.Params{"max_degree": "8"}, vecindex.BuildOptions{}))
	open := func(b []byte, s vecindex.Source, m vecindex.Metric) error {
		f := mem.FromBytes(b)
		x, err := diskann.Kind(vec.Detect()).Open(f, s, m, nil)
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
	src, _ := clustered(rng, n, 0, dim, 5)
	skip := randomSkip(rng, n, 0.5)
	good := file(f, build(f, vec.Detect(), src, vecindex.L2, vecindex.Params{"max_degree": "8"}, vecindex.BuildOptions{}))
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
		b := bytes.Clone(good[:min(int(size), len(good))])
		if int64(at) < int64(len(b)) {
			copy(b[at:], patch)
		}
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
			require.Len(t, search(t, x, q), 10)
		}
		require.NoError(t, x.Close())
	})
}

// TestChangedSince: a file that changes behind an open index breaks no search.
func TestChangedSince(t *testing.T) {
	const n, dim = 3000, 8
	rng := rand.New(rand.NewPCG(4, 4))
	src, _ := clustered(rng, n, 0, dim, 5)
	b := file(t, build(t, vec.Detect(), src, vecindex.L2, nil, vecindex.BuildOptions{}))
	x, err := diskann.Kind(vec.Detect()).Open(mem.FromBytes(b), src, vecindex.L2, vecindex.Params{"search_cache_budget_gb_ratio": "0"})
	require.NoError(t, err)
	for i := len(b) / 4; i < len(b); i++ {
		b[i] = byte(rng.Uint32())
	}
	for r := range 100 {
		require.Len(t, search(t, x, vecindex.Query{Vector: src.Data[r*dim:][:dim], K: 10, Allowed: -1}), 10)
	}
	require.NoError(t, x.Close())
}
