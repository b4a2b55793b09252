//go:build arm64 && !purego && !race

package vec

import (
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/cpu"
)

// TestAllOfARM64: the other tests run for what All returns, which must not be
// less than there is.
func TestAllOfARM64(t *testing.T) {
	want := []string{"neon", "portable"}
	if cpu.ARM64.HasASIMDDP {
		want = append([]string{"neondot"}, want...)
	}
	var got []string
	for _, k := range All() {
		got = append(got, k.String())
	}
	require.Equal(t, want, got)
	k, ok := NEON()
	require.True(t, ok)
	require.Equal(t, "neon", k.String())
	k, ok = NEONDot()
	require.Equal(t, cpu.ARM64.HasASIMDDP, ok)
	require.Equal(t, "neondot", k.String())
}
