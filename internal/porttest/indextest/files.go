package indextest

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/redkite-db/redkite/internal/mem"
	"github.com/redkite-db/redkite/internal/vecindex"
)

// File returns the bytes that an index is written as.
func File(t testing.TB, x vecindex.Index) []byte {
	t.Helper()
	var b bytes.Buffer
	n, err := x.WriteTo(&b)
	require.NoError(t, err)
	require.EqualValues(t, b.Len(), n)
	return b.Bytes()
}

// mapped writes a file and maps it, as a server does.
func mapped(t testing.TB, b []byte) *mem.Map {
	t.Helper()
	path := filepath.Join(t.TempDir(), "index")
	require.NoError(t, os.WriteFile(path, b, 0o600))
	f, err := mem.Open(path)
	require.NoError(t, err)
	return f
}

// Maps returns a file in the ways in which one comes: mapped, in memory, and in
// memory where no word is aligned.
func Maps(t testing.TB, b []byte) []*mem.Map {
	t.Helper()
	shifted := append(make([]byte, 1, len(b)+1), b...)[1:]
	return []*mem.Map{mapped(t, b), mem.FromBytes(b), mem.FromBytes(shifted)}
}

// Reopen writes an index to a file and opens that, mapped, until the test ends.
func Reopen(t testing.TB, kind vecindex.Kind, x vecindex.Index, src vecindex.Source, m vecindex.Metric, p vecindex.Params) vecindex.Index {
	t.Helper()
	f := mapped(t, File(t, x))
	back, err := kind.Open(f, src, m, p)
	require.NoError(t, err)
	t.Cleanup(func() {
		require.NoError(t, back.Close())
		require.False(t, f.TryPin(), "the pin is given back")
	})
	return back
}

// TryOpen opens a file and closes what opens; either way the pin is given back.
func TryOpen(t testing.TB, kind vecindex.Kind, b []byte, src vecindex.Source, m vecindex.Metric) error {
	t.Helper()
	f := mem.FromBytes(b)
	x, err := kind.Open(f, src, m, nil)
	if err == nil {
		require.NoError(t, x.Close())
	}
	require.False(t, f.TryPin(), "the pin is given back")
	return err
}

// Damage checks that a file opens, and that no part of it does, nor the file with
// a byte behind it, with a bit that is another, or of a newer version. The version
// is byte 8; seal makes the checksums of a file right.
func Damage(t *testing.T, kind vecindex.Kind, b []byte, src vecindex.Source, m vecindex.Metric, seal func([]byte)) {
	t.Helper()
	require.NoError(t, TryOpen(t, kind, b, src, m))
	require.ErrorIs(t, TryOpen(t, kind, append(b[:len(b):len(b)], 0), src, m), vecindex.ErrBadFile)
	newer := bytes.Clone(b)
	newer[8]++
	seal(newer)
	require.ErrorContains(t, TryOpen(t, kind, newer, src, m), "version 2, this build reads 1")
	for i := range b {
		c := bytes.Clone(b)
		c[i] ^= 1 << (i % 8)
		require.ErrorIs(t, TryOpen(t, kind, c, src, m), vecindex.ErrBadFile, "byte %d", i)
		require.ErrorIs(t, TryOpen(t, kind, b[:i], src, m), vecindex.ErrBadFile, "%d bytes", i)
	}
}

// Patched returns the first size bytes of a file, in which patch stands at a place,
// if that is in them: what a fuzzer opens.
func Patched(file []byte, at uint32, patch []byte, size uint32) []byte {
	b := bytes.Clone(file[:min(int(size), len(file))])
	if int64(at) < int64(len(b)) {
		copy(b[at:], patch)
	}
	return b
}
