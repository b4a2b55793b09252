package diskann_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/redkite-db/redkite/internal/mem"
	"github.com/redkite-db/redkite/internal/vec"
	"github.com/redkite-db/redkite/internal/vecindex"
	"github.com/redkite-db/redkite/internal/vecindex/diskann"
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

// TestDocumentedFile builds the index of the example in docs/formats/diskann.md,
// finds its bytes there, and reads them.
func TestDocumentedFile(t *testing.T) {
	src := vecindex.Vectors{Data: []float32{0, 0, 1, 0, 2, 0, 3, 0}, Dimension: 2}
	x, err := diskann.Kind(vec.Detect()).Build(context.Background(), src, vecindex.L2, nil, vecindex.BuildOptions{Seed: 9, Threads: 1})
	require.NoError(t, err)
	got, want := file(t, x), documented(t, "diskann.md")
	require.NoError(t, x.Close())
	if !bytes.Equal(want, got) {
		t.Fatalf("the page has other bytes than\n%s", dump(got))
	}
	back, err := diskann.Kind(vec.Detect()).Open(mem.FromBytes(want), src, vecindex.L2, nil)
	require.NoError(t, err)
	hits := search(t, back, vecindex.Query{Vector: []float32{2.2, 0}, K: 1, Allowed: -1, Params: vecindex.SearchParams{List: 1}})
	require.EqualValues(t, 2, hits[0].Row)
	require.NoError(t, back.Close())
}

// dump writes bytes as the page has them.
func dump(b []byte) string {
	var s strings.Builder
	skipped := false
	for at := 0; at < len(b); at += 16 {
		row := b[at:min(at+16, len(b))]
		if at > 0 && at+16 < len(b) && len(bytes.Trim(row, "\x00")) == 0 && len(bytes.Trim(b[at-16:at], "\x00")) == 0 {
			if !skipped {
				s.WriteString("*\n")
			}
			skipped = true
			continue
		}
		skipped = false
		digits := hex.EncodeToString(row)
		s.WriteString(hex.EncodeToString([]byte{byte(at >> 8), byte(at)}) + " ")
		for i := 0; i < len(digits); i += 8 {
			s.WriteString(" " + digits[i:min(i+8, len(digits))])
		}
		s.WriteString("\n")
	}
	return s.String()
}
