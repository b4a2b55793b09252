package minhash_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"hash/crc32"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/redkite-db/redkite/internal/mem"
	"github.com/redkite-db/redkite/internal/porttest/doctest"
	"github.com/redkite-db/redkite/internal/porttest/indextest"
	"github.com/redkite-db/redkite/internal/vecindex"
	"github.com/redkite-db/redkite/internal/vecindex/minhash"
)

func TestFile(t *testing.T) {
	h := shape{rows: 3001, elements: 9, width: 4, values: 100, copies: 0.7, nulls: 0.1}
	rng := rand.New(rand.NewPCG(1, 1))
	src := h.random(rng)
	x := build(t, src, vecindex.Params{"mh_lsh_band": "3", "mh_element_bit_width": "32"}, vecindex.BuildOptions{})
	b := indextest.File(t, x)
	for _, f := range indextest.Maps(t, b) {
		back, err := minhash.Kind().Open(f, src, vecindex.MHJaccard, nil)
		require.NoError(t, err)
		require.Equal(t, h.rows, back.Rows())
		require.Equal(t, x.Bytes(), back.Bytes())
		for range 50 {
			model{src, h, 3}.compare(t, rng, x, back)
		}
		require.True(t, bytes.Equal(b, indextest.File(t, back)))
		require.NoError(t, back.Close())
		require.False(t, f.TryPin(), "the pin is given back")
	}
}

func TestFileOfOthers(t *testing.T) {
	src := shape{rows: 90, elements: 8, width: 2, values: 100, copies: 0.7}.random(rand.New(rand.NewPCG(2, 2)))
	b := indextest.File(t, build(t, src, vecindex.Params{"mh_lsh_band": "2", "mh_element_bit_width": "16"}, vecindex.BuildOptions{}))
	indextest.Damage(t, minhash.Kind(), b, src, vecindex.MHJaccard, seal)
	require.ErrorIs(t, indextest.TryOpen(t, minhash.Kind(), b, src, vecindex.L2), vecindex.ErrBadFile)
	for _, other := range []bitVectors{{Data: src.Data, Dimension: 64}, {Data: src.Data[16:], Dimension: 128}} {
		require.ErrorIs(t, indextest.TryOpen(t, minhash.Kind(), b, other, vecindex.MHJaccard), vecindex.ErrBadFile)
	}
}

// seal makes the checksums of a file of tables of one size right.
func seal(b []byte) {
	if len(b) < 64 {
		return
	}
	table := crc32.MakeTable(crc32.Castagnoli)
	le := binary.LittleEndian
	if bands := int(le.Uint32(b[24:])); bands > 0 && bands <= 16 && len(b) > 128 {
		size := (len(b) - 128) / bands
		for i := range bands {
			le.PutUint32(b[64+4*i:], crc32.Checksum(b[128+i*size:][:size], table))
		}
		le.PutUint32(b[40:], crc32.Checksum(b[64:64+4*bands], table))
	}
	le.PutUint32(b[60:], crc32.Checksum(b[:60], table))
}

// FuzzOpen opens damaged files, whose checksums are right half of the time, and
// searches what opens.
func FuzzOpen(f *testing.F) {
	h := shape{rows: 200, elements: 8, width: 1, values: 6, copies: 0.5}
	src := h.random(rand.New(rand.NewPCG(3, 3)))
	skips := skip(rand.New(rand.NewPCG(4, 4)), src, 0.5)
	x := build(f, src, vecindex.Params{"mh_lsh_band": "3"}, vecindex.BuildOptions{})
	good := indextest.File(f, x)
	size := uint32(len(good))
	f.Add(uint32(0), []byte{}, size, true)
	for at := uint32(0); at < 64; at += 4 {
		f.Add(at, []byte{255, 255, 255, 255}, size, true)
		f.Add(at, []byte{1, 0, 0, 0}, size, true)
	}
	for at := uint32(64); at < size; at += 44 {
		f.Add(at, []byte{255, 255, 255, 255}, size, true)
		f.Add(at, []byte{7}, at+500, at%88 == 20)
	}
	f.Fuzz(func(t *testing.T, at uint32, patch []byte, size uint32, sealed bool) {
		b := indextest.Patched(good, at, patch, size)
		if sealed {
			seal(b)
		}
		x, err := minhash.Kind().Open(mem.FromBytes(b), src, vecindex.MHJaccard, nil)
		if err != nil {
			require.ErrorIs(t, err, vecindex.ErrBadFile)
			return
		}
		for r := range 20 {
			q := vecindex.Query{Bytes: src.Data[r*8:][:8], K: 10, Allowed: -1}
			q.Params.MinHash.Jaccard = r%4 < 2
			if r%2 == 1 {
				q.Skip = skips
			}
			hits, err := x.Search(context.Background(), &q, nil)
			require.NoError(t, err)
			for _, hit := range hits {
				require.Less(t, int(hit.Row), h.rows)
			}
		}
		require.NoError(t, x.Close())
	})
}

// TestDocumentedFile builds the index of the example in docs/formats/minhash.md,
// finds its bytes there, and reads them.
func TestDocumentedFile(t *testing.T) {
	src := bitVectors{Dimension: 32}
	for i := range byte(20) {
		src.Data = append(src.Data, i, i/2, 7, i%3)
	}
	x := build(t, src, vecindex.Params{"mh_lsh_band": "2"}, vecindex.BuildOptions{})
	want := doctest.Check(t, "minhash.md", "", indextest.File(t, x))
	back, err := minhash.Kind().Open(mem.FromBytes(want), src, vecindex.MHJaccard, nil)
	require.NoError(t, err)
	q := vecindex.Query{Bytes: []byte{5, 2, 0, 0}, K: 3, Allowed: -1}
	q.Params.MinHash.Jaccard = true
	hits, err := back.Search(context.Background(), &q, nil)
	require.NoError(t, err)
	require.Equal(t, []vecindex.Hit{{Row: 5, Score: 0.5}}, hits)
	require.NoError(t, back.Close())
}
