package ivf_test

import (
	"bytes"
	"encoding/hex"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/redkite-db/redkite/internal/mem"
	"github.com/redkite-db/redkite/internal/vec"
	"github.com/redkite-db/redkite/internal/vecindex"
)

// documented returns the bytes of the hex dump in a page of docs/formats:
// lines of "offset  bytes", where a line of "*" repeats zeros up to the next
// offset.
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

// TestDocumentedFile builds the index of the example in docs/formats/ivf.md,
// finds its bytes there, and reads them.
func TestDocumentedFile(t *testing.T) {
	src := vecindex.Vectors{Data: []float32{0, 0, 1, 0, 2, 0, 3, 0, 4, 0, 5, 0}, Dimension: 2}
	kind := kindOf(t, vec.Detect(), "IVF_SQ8")
	got := file(t, build(t, kind, src, vecindex.L2, vecindex.Params{"nlist": "4"}, vecindex.BuildOptions{Seed: 9}))
	want := documented(t, "ivf.md")
	if !bytes.Equal(want, got) {
		t.Fatalf("the page has other bytes than\n%s", hex.Dump(got))
	}
	back, err := kind.Open(mem.FromBytes(want), src, vecindex.L2, nil)
	require.NoError(t, err)
	hits := search(t, back, vecindex.Query{Vector: []float32{2.2, 0}, K: 2, Allowed: -1})
	require.EqualValues(t, 2, hits[0].Row)
	require.EqualValues(t, 3, hits[1].Row)
	require.NoError(t, back.Close())
}
