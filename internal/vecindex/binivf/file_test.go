package binivf_test

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"hash/crc32"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/redkite-db/redkite/internal/mem"
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
	b := file(t, x)
	open := func(b []byte, s vecindex.Source, m vecindex.Metric) error {
		f := mem.FromBytes(b)
		x, err := kind.Open(f, s, m, nil)
		if err != nil {
			require.False(t, f.TryPin(), "the pin is given back")
			return err
		}
		return x.Close()
	}
	back, err := kind.Open(mem.FromBytes(b), src, vecindex.Jaccard, nil)
	require.NoError(t, err)
	require.Equal(t, b, file(t, back))
	for i := range queries.Rows() {
		q := vecindex.Query{Bytes: row(queries, i), K: 7, Allowed: -1, Params: vecindex.SearchParams{NProbe: 2}}
		require.Equal(t, search(t, x, q), search(t, back, q))
	}
	require.NoError(t, back.Close())
	require.ErrorIs(t, open(b, src, vecindex.Hamming), vecindex.ErrBadFile)
	require.ErrorIs(t, open(b, src, vecindex.L2), vecindex.ErrBadFile)
	require.ErrorIs(t, open(b, vecindex.Packed{Data: src.Data.Head(499)}, vecindex.Jaccard), vecindex.ErrBadFile)
	require.ErrorIs(t, open(b, vecindex.Packed{Data: vec.Packed(vec.Int8s, 4, src.Data.Bytes())}, vecindex.Jaccard), vecindex.ErrBadFile)
	require.ErrorIs(t, open(append(b[:len(b):len(b)], 0), src, vecindex.Jaccard), vecindex.ErrBadFile)
	newer := bytes.Clone(b)
	newer[8]++
	seal(newer)
	require.ErrorContains(t, open(newer, src, vecindex.Jaccard), "version 2, this build reads 1")
	for i := range b {
		c := bytes.Clone(b)
		c[i] ^= 1 << (i % 8)
		require.ErrorIs(t, open(c, src, vecindex.Jaccard), vecindex.ErrBadFile, "byte %d", i)
		require.ErrorIs(t, open(b[:i], src, vecindex.Jaccard), vecindex.ErrBadFile)
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
	good := file(f, build(f, vec.Detect(), src, vecindex.Hamming, vecindex.Params{"nlist": "7"}))
	size := uint32(len(good))
	for at := uint32(0); at < size; at += 4 {
		f.Add(at, []byte{255, 255, 255, 255}, size, true)
		f.Add(at, []byte{1, 0}, size, at%8 == 0)
	}
	f.Add(uint32(0), []byte{}, size, true)
	f.Fuzz(func(t *testing.T, at uint32, patch []byte, size uint32, sealed bool) {
		b := bytes.Clone(good[:min(int(size), len(good))])
		if int64(at) < int64(len(b)) {
			copy(b[at:], patch)
		}
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
			require.Len(t, search(t, x, q), 10)
		}
		require.NoError(t, x.Close())
	})
}

// documented returns the bytes of the hex dump in a page of docs/formats.
func documented(t *testing.T, page string) []byte {
	text, err := os.ReadFile("../../../docs/formats/" + page)
	require.NoError(t, err)
	_, dump, found := strings.Cut(string(text), "```hex\n")
	require.True(t, found)
	dump, _, found = strings.Cut(dump, "```")
	require.True(t, found)
	var b []byte
	for line := range strings.Lines(dump) {
		_, digits, _ := strings.Cut(strings.TrimSpace(line), "  ")
		row, err := hex.DecodeString(strings.ReplaceAll(digits, " ", ""))
		require.NoError(t, err)
		b = append(b, row...)
	}
	return b
}

// TestDocumentedFile builds the index of the example in docs/formats/binivf.md,
// finds its bytes there, and reads them.
func TestDocumentedFile(t *testing.T) {
	data := append(bytes.Repeat([]byte{0x07}, 39), bytes.Repeat([]byte{0xf0}, 39)...)
	src := vecindex.Packed{Data: vec.Packed(vec.Bits, 8, data)}
	got := file(t, build(t, vec.Detect(), src, vecindex.Hamming, vecindex.Params{"nlist": "2"}))
	want := documented(t, "binivf.md")
	if !bytes.Equal(want, got) {
		t.Fatalf("the page has other bytes than\n%s", hex.Dump(got))
	}
	back, err := binivf.Kind(vec.Detect()).Open(mem.FromBytes(want), src, vecindex.Hamming, nil)
	require.NoError(t, err)
	hits := search(t, back, vecindex.Query{Bytes: []byte{0xf8}, K: 2, Allowed: -1})
	require.Equal(t, []vecindex.Hit{{Row: 39, Score: 1}, {Row: 40, Score: 1}}, hits)
	require.NoError(t, back.Close())
}
