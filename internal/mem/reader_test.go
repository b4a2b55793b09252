package mem

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestReader reads maps of a file, of one that is removed or replaced since,
// and of memory: always what was mapped.
func TestReader(t *testing.T) {
	want := make([]byte, 10_000)
	for i := range want {
		want[i] = byte(i * 7)
	}
	for name, change := range map[string]func(path string) error{
		"there": func(string) error { return nil },
		"gone":  os.Remove,
		"replaced": func(path string) error {
			if err := os.Rename(path, path+".old"); err != nil {
				return err
			}
			return os.WriteFile(path, make([]byte, len(want)), 0o600)
		},
		"memory": nil,
	} {
		t.Run(name, func(t *testing.T) {
			m := FromBytes(want)
			if change != nil {
				path := filepath.Join(t.TempDir(), "f")
				require.NoError(t, os.WriteFile(path, want, 0o600))
				var err error
				m, err = Open(path)
				require.NoError(t, err)
				if err := change(path); err != nil {
					t.Skipf("this system keeps mapped files: %v", err)
				}
			}
			r := m.Reader()
			r.Random()
			require.EqualValues(t, len(want), r.Size())
			for _, c := range []struct{ off, n int }{{0, 10_000}, {4097, 4096}, {9999, 1}, {10_000, 0}} {
				b := make([]byte, c.n)
				n, err := r.ReadAt(b, int64(c.off))
				require.NoError(t, err)
				require.Equal(t, want[c.off:c.off+n], b)
				clear(b)
				if r.TryReadAt(b, int64(c.off)) {
					require.Equal(t, want[c.off:c.off+n], b)
				}
			}
			b := make([]byte, 10)
			_, err := r.ReadAt(b, 9995)
			require.Error(t, err)
			_, err = r.ReadAt(b, -1)
			require.Error(t, err)
			_, err = r.ReadAt(b, 10_001)
			require.Error(t, err)
			require.False(t, r.TryReadAt(b, 9995))
			require.NoError(t, r.Close())
			require.NoError(t, m.Unpin())
		})
	}
}

// TestReaderAllocates holds reads to no allocation.
func TestReaderAllocates(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	require.NoError(t, os.WriteFile(path, make([]byte, 1<<16), 0o600))
	m, err := Open(path)
	require.NoError(t, err)
	r, b := m.Reader(), make([]byte, 4096)
	require.Zero(t, testing.AllocsPerRun(100, func() {
		if !r.TryReadAt(b, 8192) {
			_, err = r.ReadAt(b, 8192)
		}
	}))
	require.NoError(t, err)
	require.NoError(t, r.Close())
	require.NoError(t, m.Unpin())
}
