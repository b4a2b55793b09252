package scalarindex

import (
	"bytes"
	"encoding/hex"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/redkite-db/redkite/internal/mem"
)

// documented returns the bytes of the hex dump in a page of docs/formats:
// lines of "offset  bytes", where a line of "*" repeats zeros up to the next
// offset.
func documented(t *testing.T, page string) []byte {
	text, err := os.ReadFile("../../docs/formats/" + page)
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

// TestDocumentedFile builds the index of the example in
// docs/formats/scalarindex.md, finds its bytes there, and reads them.
func TestDocumentedFile(t *testing.T) {
	b := NewBuilder(stringSpec, 4)
	for row, words := range [][]string{{"red", "kite"}, {}, {"kite"}, {"red", "red"}} {
		for _, w := range words {
			b.AddString([]byte(w), row)
		}
	}
	x, err := b.Finish()
	require.NoError(t, err)
	got := file(t, x)
	want := documented(t, "scalarindex.md")
	if !bytes.Equal(want, got) {
		t.Fatalf("the page has other bytes than\n%s", hex.Dump(got))
	}
	back, err := Open(mem.FromBytes(want), stringSpec, 4)
	require.NoError(t, err)
	require.Equal(t, []int{0, 2}, rowsOf(back, back.Prefix([]byte("ki"))))
	require.Equal(t, []int{0, 3}, rowsOf(back, back.Prefix([]byte("red"))))
}
