package vec

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestLeast compares Least with sorting, for random keys of few and of many
// values.
func TestLeast(t *testing.T) {
	rng := rand.New(rand.NewPCG(41, 1))
	for range 3000 {
		keys := make([]uint64, rng.IntN(400))
		values := []uint64{1, 3, 50, math.MaxUint64}[rng.IntN(4)]
		for i := range keys {
			keys[i] = rng.Uint64N(values) << rng.IntN(2)
		}
		least := rng.IntN(len(keys) + 1)
		most := least + rng.IntN(len(keys)-least+1)*rng.IntN(2)
		want := append([]uint64{}, keys...)
		slices.Sort(want)
		for _, k := range allKernels() {
			got := slices.Clone(keys)
			n := k.Least(got, least, most, make([]uint64, len(keys)))
			require.True(t, least <= n && n <= most, "%v, %d, want %d to %d", k, n, least, most)
			slices.Sort(got[:n])
			slices.Sort(got[n:])
			require.Equal(t, want, got, "%v, %d of %d", k, n, len(keys))
		}
	}
	require.Panics(t, func() { Detect().Least(make([]uint64, 3), 4, 4, make([]uint64, 4)) })
	require.Panics(t, func() { Detect().Least(make([]uint64, 3), 2, 2, make([]uint64, 2)) })
	require.Panics(t, func() { Detect().Least(make([]uint64, 3), 2, 1, make([]uint64, 3)) })
}

// TestListKeys compares all kernels with arithmetic in 64 bits.
func TestListKeys(t *testing.T) {
	rng := rand.New(rand.NewPCG(41, 2))
	for n := range 100 {
		dist, spread := make([]uint32, n), make([]float32, n)
		for i := range n {
			dist[i], spread[i] = uint32(int32(rng.NormFloat64()*1e6)), rng.Float32()*500
		}
		r := Reach{Flat: float32(rng.NormFloat64() * 1000), Square: rng.Float32(), Root: -rng.Float32()}
		for _, k := range allKernels() {
			keys := make([]uint64, n+1)
			keys[n] = 7
			k.ListKeys(&r, dist, spread, keys[:n])
			require.EqualValues(t, 7, keys[n])
			for i, key := range keys[:n] {
				require.EqualValues(t, i, uint32(key), "%v", k)
				b := uint32(key >> 32)
				if b>>31 == 1 {
					b ^= 1 << 31
				} else {
					b = ^b
				}
				d, s := float64(int32(dist[i])), float64(spread[i])
				want := d + s*(float64(r.Flat)+float64(r.Square)*s+float64(r.Root)*math.Sqrt(max(d, 0)))
				require.InDelta(t, want, float64(math.Float32frombits(b)), 1e-5*(math.Abs(d)+s*(math.Abs(float64(r.Flat))+s+math.Sqrt(math.Abs(d)))), "%v", k)
			}
		}
	}
}
