package sparse

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/redkite-db/redkite/internal/mem"
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
			b := file(t, x)
			path := filepath.Join(t.TempDir(), "index")
			require.NoError(t, os.WriteFile(path, b, 0o600))
			mapped, err := mem.Open(path)
			require.NoError(t, err)
			shifted := append(make([]byte, 1, len(b)+1), b...)[1:] // no word is aligned
			for _, f := range []*mem.Map{mapped, mem.FromBytes(b), mem.FromBytes(shifted)} {
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
				require.True(t, bytes.Equal(b, file(t, back)))
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
	b := file(t, build(t, src, vecindex.BM25, defaultAlgorithm, vecindex.BuildOptions{}))
	refused := func(b []byte, src vecindex.Source, m vecindex.Metric, args ...any) {
		t.Helper()
		_, err := open(t, b, src, m)
		require.ErrorIs(t, err, vecindex.ErrBadFile, args...)
	}
	x, err := open(t, b, src, vecindex.BM25)
	require.NoError(t, err)
	require.NoError(t, x.Close())
	refused(b, src, vecindex.IP)
	other := src
	other.Data.Offsets = src.Data.Offsets[:200]
	refused(b, other, vecindex.BM25)
	nulls := h
	nulls.nulls = 0.1
	refused(b, nulls.random(rand.New(rand.NewPCG(2, 2))), vecindex.BM25)
	refused(append(b[:len(b):len(b)], 0), src, vecindex.BM25)
	newer := bytes.Clone(b)
	newer[8]++
	seal(newer)
	_, err = open(t, newer, src, vecindex.BM25)
	require.ErrorContains(t, err, "version 2, this build reads 1")
	for i := range b {
		c := bytes.Clone(b)
		c[i] ^= 1 << (i % 8)
		refused(c, src, vecindex.BM25, "byte %d", i)
		if i%16 == 0 {
			refused(b[:i], src, vecindex.BM25, "%d bytes", i)
		}
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
		good = append(good, file(f, x))
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
		b := bytes.Clone(good[i][:min(int(size), len(good[i]))])
		if int64(at) < int64(len(b)) {
			copy(b[at:], patch)
		}
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

// documented returns the bytes of the hex dump in a page of docs/formats: lines
// of "offset  bytes", where a line of "*" repeats zeros up to the next offset.
func documented(t *testing.T, page string) []byte {
	text, err := os.ReadFile("../../../docs/formats/" + page)
	require.NoError(t, err)
	_, dump, found := strings.Cut(string(text), "```hex\n")
	require.True(t, found)
	dump, _, found = strings.Cut(dump, "```")
	require.True(t, found)
	var b []byte
	for line := range strings.Lines(dump) {
		offset, digits, _ := strings.Cut(strings.TrimSpace(line), "  ")
		if offset == "*" {
			continue
		}
		at, err := hex.DecodeString(offset)
		require.NoError(t, err)
		b = append(b, make([]byte, int(at[0])<<8+int(at[1])-len(b))...)
		row, err := hex.DecodeString(strings.ReplaceAll(digits, " ", ""))
		require.NoError(t, err)
		b = append(b, row...)
	}
	return b
}

// dump writes bytes as a page has them.
func dump(b []byte) string {
	var out strings.Builder
	zeros := make([]byte, 16)
	for at := 0; at < len(b); at += 16 {
		row := b[at:min(at+16, len(b))]
		if at > 0 && at+16 < len(b) && bytes.Equal(row, zeros) {
			if !strings.HasSuffix(out.String(), "*\n") {
				out.WriteString("*\n")
			}
			continue
		}
		fmt.Fprintf(&out, "%04x ", at)
		for i := 0; i < len(row); i += 4 {
			fmt.Fprintf(&out, " %x", row[i:min(i+4, len(row))])
		}
		out.WriteString("\n")
	}
	return out.String()
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
	got, want := file(t, x), documented(t, "sparse.md")
	if !bytes.Equal(want, got) {
		t.Fatalf("the page has other bytes than\n%s", dump(got))
	}
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
