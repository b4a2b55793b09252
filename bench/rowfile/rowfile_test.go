package rowfile_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/redkite-db/redkite/bench/rowfile"
)

func TestOpen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "rows.f32")
	require.NoError(t, os.WriteFile(path, []byte{0, 0, 128, 63, 0, 0, 0, 64, 0, 0, 64, 64, 0, 0, 128, 64}, 0o600))
	f, err := rowfile.Open(path, 2)
	require.NoError(t, err)
	require.Equal(t, []float32{1, 2, 3, 4}, f.Data)
	require.Equal(t, 2, f.Rows())
	require.Equal(t, []float32{1, 2}, f.First(1).Data)
	require.Equal(t, 2, f.First(3).Rows())
	require.NoError(t, f.Close())
	for _, dim := range []int{0, 3} {
		_, err = rowfile.Open(path, dim)
		require.ErrorContains(t, err, "rows.f32: 16 bytes are not rows of")
	}
	require.NoError(t, os.WriteFile(path, nil, 0o600))
	_, err = rowfile.Open(path, 2)
	require.ErrorContains(t, err, "rows.f32")
}
