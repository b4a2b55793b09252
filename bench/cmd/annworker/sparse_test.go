package main

import (
	"encoding/binary"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// writeSparse writes rows of pairs of a dimension and a value.
func writeSparse(t *testing.T, path string, rows ...[]float64) {
	t.Helper()
	le := binary.LittleEndian
	var offsets, dims, values []byte
	n := 0
	offsets = le.AppendUint64(offsets, 0)
	for _, row := range rows {
		for i := 0; i < len(row); i += 2 {
			dims = le.AppendUint32(dims, uint32(row[i]))
			values = le.AppendUint32(values, math.Float32bits(float32(row[i+1])))
			n++
		}
		offsets = le.AppendUint64(offsets, uint64(n))
	}
	b := le.AppendUint64(le.AppendUint64(nil, uint64(len(rows))), uint64(n))
	b = append(append(append(b, offsets...), dims...), values...)
	require.NoError(t, os.WriteFile(path, b, 0o600))
}

func TestSparse(t *testing.T) {
	dir := t.TempDir()
	base, query, answers := filepath.Join(dir, "base"), filepath.Join(dir, "query"), filepath.Join(dir, "answers")
	writeSparse(t, base, []float64{1, 1}, nil, []float64{1, 1, 7, 2}, []float64{7, 3})
	writeSparse(t, query, []float64{7, 1}, []float64{1, 2, 7, 1})
	bm25 := map[string]any{"bm25_k1": 1.2, "bm25_b": 0.75, "bm25_avgdl": 2}
	replies := exchange(t, "redkite-sparse-wand",
		map[string]any{"op": "load", "base": base, "query": query, "metric": "BM25"},
		map[string]any{"op": "build", "params": bm25, "threads": 2},
		map[string]any{"op": "dump", "search": map[string]any{"bm25_avgdl": 2}, "path": answers, "k": 3})
	for _, r := range replies {
		require.Empty(t, r.Error)
	}
	require.Equal(t, 4, replies[0].Rows)
	require.Equal(t, 2, replies[0].Queries)
	require.Equal(t, []int32{3, 2, -1, 2, 0, 3}, readIDs(t, answers))

	refused := exchange(t, "redkite-hnsw",
		map[string]any{"op": "load", "base": base, "query": query, "metric": "BM25"},
		map[string]any{"op": "build", "params": map[string]any{}, "threads": 1})
	require.Contains(t, refused[1].Error, "HNSW is not for such vectors")
}

func TestSparseFile(t *testing.T) {
	dir := t.TempDir()
	good := filepath.Join(dir, "good")
	writeSparse(t, good, []float64{1, 1, 7, 2}, []float64{7, 3})
	b, err := os.ReadFile(good)
	require.NoError(t, err)
	bad := filepath.Join(dir, "bad")
	for at, want := range map[int]string{0: "2 rows", 24: "begins at", 44: "dimension", 59: "not finite"} {
		c := append([]byte(nil), b...)
		switch at {
		case 0:
			c = append(c, make([]byte, 8)...)
		case 59:
			c[at], c[at-1] = 0x7f, 0xc0
		default:
			c[at] = 0
			c[at+4] = 9
		}
		require.NoError(t, os.WriteFile(bad, c, 0o600))
		_, err := readSparse(bad)
		require.ErrorContains(t, err, want)
	}
}
