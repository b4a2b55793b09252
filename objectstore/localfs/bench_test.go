package localfs

import (
	"bytes"
	"io"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/redkite-db/redkite/internal/mem"
	"github.com/redkite-db/redkite/internal/vfs"
)

// BenchmarkGetRange reads an object of 64 MiB in pieces of 256 KiB.
func BenchmarkGetRange(b *testing.B) {
	s, err := Open(vfs.OS(), b.TempDir(), mem.Open)
	require.NoError(b, err)
	const size = 64 << 20
	require.NoError(b, s.Put(b.Context(), "k", bytes.NewReader(make([]byte, size)), size))
	buf := make([]byte, 256<<10)
	b.SetBytes(size)
	b.ReportAllocs()
	for b.Loop() {
		r, err := s.GetRange(b.Context(), "k", 0, -1)
		require.NoError(b, err)
		for err == nil {
			_, err = r.Read(buf)
		}
		require.ErrorIs(b, err, io.EOF)
		require.NoError(b, r.Close())
	}
}

// BenchmarkPut stores objects of 4 KiB, each in a folder of its own.
func BenchmarkPut(b *testing.B) {
	s, err := Open(vfs.OS(), b.TempDir(), mem.Open)
	require.NoError(b, err)
	data := make([]byte, 4096)
	n := 0
	b.ReportAllocs()
	for b.Loop() {
		n++
		require.NoError(b, s.PutNew(b.Context(), "a/b/"+string(rune('a'+n%26))+"/"+string(rune(0x4e00+n)), data))
	}
}
