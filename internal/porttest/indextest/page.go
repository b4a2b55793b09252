package indextest

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Document returns the bytes of the hex dump in a page of docs/formats: lines of
// "offset  bytes", where a line of "*" repeats zeros up to the next offset. The
// test's package lies three folders below the module.
func Document(t testing.TB, page string) []byte {
	t.Helper()
	text, err := os.ReadFile("../../../docs/formats/" + page)
	if errors.Is(err, os.ErrNotExist) {
		text, err = os.ReadFile("../../docs/formats/" + page)
	}
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

// Documented checks that a page of docs/formats has just the bytes that a test
// has got, which it prints otherwise as the page has to have them, and returns the
// page's.
func Documented(t testing.TB, page string, got []byte) []byte {
	t.Helper()
	want := Document(t, page)
	if !bytes.Equal(want, got) {
		t.Fatalf("%s has other bytes than\n%s", page, dump(got))
	}
	return want
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
