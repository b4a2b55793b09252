// Package doctest reads the examples in the pages of docs/formats, so that tests
// hold a format's code and its page to each other.
package doctest

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Read returns the bytes of an example, the first block of hex of that name in a
// page of docs/formats; name is "" where the page has but one. It has lines of
// "offset  bytes", where a line of "*" repeats zeros up to the next offset.
func Read(t testing.TB, page, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root(t), "docs", "formats", page))
	require.NoError(t, err)
	_, example, found := strings.Cut(string(text), strings.TrimSpace("```hex "+name)+"\n")
	require.True(t, found, "%s has no example %q", page, name)
	example, _, found = strings.Cut(example, "```")
	require.True(t, found, "%s: the example %q does not end", page, name)
	var b []byte
	for line := range strings.Lines(example) {
		offset, digits, _ := strings.Cut(strings.TrimSpace(line), "  ")
		if offset == "*" {
			continue
		}
		at, err := strconv.ParseUint(offset, 16, 24)
		require.NoError(t, err)
		require.GreaterOrEqual(t, int(at), len(b), "%s: offset %s", page, offset)
		b = append(b, make([]byte, int(at)-len(b))...)
		row, err := hex.DecodeString(strings.ReplaceAll(digits, " ", ""))
		require.NoError(t, err)
		b = append(b, row...)
	}
	return b
}

// Check checks that an example, found as by Read, has just the bytes that a test
// has got, which it prints otherwise as the page has to have them, and returns the
// page's.
func Check(t testing.TB, page, name string, got []byte) []byte {
	t.Helper()
	want := Read(t, page, name)
	if !bytes.Equal(want, got) {
		t.Fatalf("%s has other bytes than\n%s", page, dump(got))
	}
	return want
}

// root returns the folder of the module; a test runs in that of its package.
func root(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	require.NoError(t, err)
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		above := filepath.Dir(dir)
		require.NotEqual(t, dir, above, "no go.mod above the test")
		dir = above
	}
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
