package sparse

import (
	"bytes"
	"context"
	"encoding/binary"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/redkite-db/redkite/internal/mem"
	"github.com/redkite-db/redkite/internal/porttest/doctest"
	"github.com/redkite-db/redkite/internal/porttest/indextest"
	"github.com/redkite-db/redkite/internal/vec"
	"github.com/redkite-db/redkite/internal/vecindex"
)

func open(t testing.TB, b []byte, src vecindex.Source, m vecindex.Metric) (vecindex.Index, error) {
	t.Helper()
	f := mem.FromBytes(b)
	x, err := Kinds(vec.Detect())[0].Open(f, src, m, nil)
	if err != nil {
		require.False(t, f.TryPin(), "the pin is given back")
	}
	return x, err
}

func TestFile(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for name, h := range shapes() {
		src := h.random(rng)
		for i, m := range []vecindex.Metric{vecindex.IP, vecindex.BM25} {
			x, err := newEnv(vec.Detect(), uint(6+6*i)).build(context.Background(), src, m, buildParams(m, "SINDI"), vecindex.BuildOptions{})
			require.NoError(t, err)
			b := indextest.File(t, x)
			for _, f := range indextest.Maps(t, b) {
				back, err := Kinds(vec.Detect())[1].Open(f, src, m, nil)
				require.NoError(t, err, name)
				require.Equal(t, src.Rows(), back.Rows())
				require.Equal(t, x.Bytes(), back.Bytes())
				for range 20 {
					q := randomQuery(rng, h, src, m)
					want, err := x.Search(context.Background(), &q, nil)
					require.NoError(t, err)
					got, err := back.Search(context.Background(), &q, nil)
					require.NoError(t, err)
					require.Equal(t, want, got)
				}
				require.True(t, bytes.Equal(b, indextest.File(t, back)))
				require.NoError(t, back.Close())
				require.False(t, f.TryPin(), "the pin is given back")
			}
			require.NoError(t, x.Close())
		}
	}
}

func TestBadFile(t *testing.T) {
	h := shape{rows: 200, dims: 20, terms: 6, counts: true}
	src := h.random(rand.New(rand.NewPCG(2, 2)))
	b := indextest.File(t, build(t, src, vecindex.BM25, defaultAlgorithm, vecindex.BuildOptions{}))
	kind := Kinds(vec.Detect())[0]
	indextest.Damage(t, kind, b, src, vecindex.BM25, seal)
	require.ErrorIs(t, indextest.TryOpen(t, kind, b, src, vecindex.IP), vecindex.ErrBadFile)
	other := src
	other.Data.Offsets = src.Data.Offsets[:200]
	nulls := h
	nulls.nulls = 0.1
	for _, src := range []vecindex.SparseVectors{other, nulls.random(rand.New(rand.NewPCG(2, 2)))} {
		require.ErrorIs(t, indextest.TryOpen(t, kind, b, src, vecindex.BM25), vecindex.ErrBadFile)
	}
}

// seal makes the checksums of a file right, as far as there are sections.
func seal(b []byte) {
	if len(b) < headerSize {
		return
	}
	for at := atSections; at < atSections+sections*sectionEntry; at += sectionEntry {
		off, n := binary.LittleEndian.Uint64(b[at:]), binary.LittleEndian.Uint64(b[at+8:])
		if off <= uint64(len(b)) && n <= uint64(len(b))-off {
			binary.LittleEndian.PutUint32(b[at+16:], checksum(b[off:off+n]))
		}
	}
	binary.LittleEndian.PutUint32(b[atChecksum:], checksum(b[:atChecksum]))
}

// FuzzOpen opens damaged files, whose checksums are right half of the time, and
// searches what opens.
func FuzzOpen(f *testing.F) {
	h := shape{rows: 300, dims: 40, terms: 8, counts: true}
	rng := rand.New(rand.NewPCG(3, 3))
	src := h.random(rng)
	skip := randomSkip(rng, src, 0.5)
	metrics := []vecindex.Metric{vecindex.IP, vecindex.BM25}
	var good [][]byte
	for i, m := range metrics {
		x, err := newEnv(vec.Detect(), 6).build(context.Background(), src, m, buildParams(m, "SINDI"), vecindex.BuildOptions{})
		require.NoError(f, err)
		good = append(good, indextest.File(f, x))
		size := uint32(len(good[i]))
		for at := uint32(0); at < headerSize; at += 4 {
			f.Add(uint8(i), at, []byte{255, 255, 255, 255}, size, true)
			f.Add(uint8(i), at, []byte{1, 0, 0, 0}, size, true)
		}
		for at := uint32(headerSize); at < size; at += 60 {
			f.Add(uint8(i), at, []byte{255, 255, 255, 255}, size, true)
			f.Add(uint8(i), at, []byte{7}, at+500, at%120 == 24)
		}
	}
	f.Fuzz(func(t *testing.T, which uint8, at uint32, patch []byte, size uint32, sealed bool) {
		i := int(which) % len(metrics)
		b := indextest.Patched(good[i], at, patch, size)
		if sealed {
			seal(b)
		}
		x, err := open(t, b, src, metrics[i])
		if err != nil {
			require.ErrorIs(t, err, vecindex.ErrBadFile)
			return
		}
		rng := rand.New(rand.NewPCG(4, 4))
		for r := range 10 {
			q := vecindex.Query{Sparse: h.vector(rng, 2+r), K: 1 + 30*(r%3), Allowed: -1}
			q.Params.Sparse.BM25.AvgDL = float64(1 + r)
			if r%2 == 1 {
				q.Skip = skip
			}
			hits, err := x.Search(context.Background(), &q, nil)
			require.NoError(t, err)
			require.LessOrEqual(t, len(hits), q.K)
			for _, hit := range hits {
				require.Less(t, int(hit.Row), src.Rows())
			}
		}
		require.NoError(t, x.Close())
	})
}

// TestDocumentedFile builds the index of the example in docs/formats/sparse.md,
// finds its bytes there, and reads them.
func TestDocumentedFile(t *testing.T) {
	// 20 rows have dimension 7 once, and row 3 has dimension 1000 twice.
	src := vecindex.SparseVectors{Data: vecindex.SparseRows{Offsets: []uint64{0}}}
	for r := range 20 {
		src.Data.Dims, src.Data.Values = append(src.Data.Dims, 7), append(src.Data.Values, 1)
		if r == 3 {
			src.Data.Dims, src.Data.Values = append(src.Data.Dims, 1000), append(src.Data.Values, 2)
		}
		src.Data.Offsets = append(src.Data.Offsets, uint64(len(src.Data.Dims)))
	}
	x, err := newEnv(vec.Detect(), 6).build(context.Background(), src, vecindex.BM25, buildParams(vecindex.BM25, "SINDI"), vecindex.BuildOptions{})
	require.NoError(t, err)
	want := doctest.Check(t, "sparse.md", "", indextest.File(t, x))
	back, err := open(t, want, src, vecindex.BM25)
	require.NoError(t, err)
	q := vecindex.Query{K: 2, Allowed: -1, Sparse: vecindex.SparseVector{Dims: []uint32{7, 1000}, Values: []float32{1, 1}}}
	q.Params.Sparse.BM25.AvgDL = 8
	hits, err := back.Search(context.Background(), &q, nil)
	require.NoError(t, err)
	require.EqualValues(t, 3, hits[0].Row)
	require.EqualValues(t, 0, hits[1].Row)
	require.NoError(t, back.Close())
}
