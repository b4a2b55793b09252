package vec

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// words makes n words, of which each bit is set with probability share, and runs
// of words all set or all clear.
func words(rng *rand.Rand, n int, share float64) []uint64 {
	w := make([]uint64, n)
	for i := range w {
		switch rng.IntN(8) {
		case 0:
			w[i] = math.MaxUint64
		case 1:
		default:
			for b := range 64 {
				if rng.Float64() < share {
					w[i] |= 1 << b
				}
			}
		}
	}
	return w
}

// TestClearBits takes the clear bits of random words in blocks of random size.
func TestClearBits(t *testing.T) {
	rng := rand.New(rand.NewPCG(31, 1))
	for _, k := range allKernels() {
		for range 1500 {
			all := words(rng, rng.IntN(100), []float64{0, 0.01, 0.5, 0.9, 0.999, 1}[rng.IntN(6)])
			first := rng.Uint32N(1 << 20)
			var want, got []uint32
			for i := range uint32(64 * len(all)) {
				if all[i/64]>>(i%64)&1 == 0 {
					want = append(want, first+i)
				}
			}
			for at := 0; at < len(all); {
				out := make([]uint32, ClearBitsRoom+rng.IntN(300))
				n, done := k.ClearBits(all[at:], first+uint32(64*at), out)
				require.Positive(t, done, "%v", k)
				if at += done; at < len(all) {
					require.Greater(t, n, len(out)-ClearBitsRoom, "there was room for another word")
				}
				got = append(got, out[:n]...)
			}
			require.Equal(t, want, got, "%v", k)
		}
		n, done := k.ClearBits(make([]uint64, 1), 0, make([]uint32, ClearBitsRoom-1))
		require.Zero(t, n+done)
	}
}

func TestAtMost(t *testing.T) {
	rng := rand.New(rand.NewPCG(31, 2))
	for _, k := range allKernels() {
		for range 1500 {
			n := rng.IntN(80)
			ids, dist := make([]uint32, n), make([]uint32, n)
			bound := []uint32{0, 5, math.MaxUint32}[rng.IntN(3)]
			var wantIDs, wantDist []uint32
			for i := range ids {
				if ids[i], dist[i] = rng.Uint32(), rng.Uint32N(10); rng.IntN(9) == 0 {
					dist[i] = math.MaxUint32
				}
				if dist[i] <= bound {
					wantIDs, wantDist = append(wantIDs, ids[i]), append(wantDist, dist[i])
				}
			}
			outIDs, outDist := make([]uint32, n), make([]uint32, n)
			if rng.IntN(2) == 0 {
				outIDs, outDist = ids, dist
			}
			m := k.AtMost(ids, dist, bound, outIDs, outDist)
			require.Equal(t, wantIDs, append([]uint32(nil), outIDs[:m]...), "%v", k)
			require.Equal(t, wantDist, append([]uint32(nil), outDist[:m]...), "%v", k)
		}
		require.Panics(t, func() { k.AtMost(make([]uint32, 2), make([]uint32, 1), 0, make([]uint32, 2), make([]uint32, 2)) })
		require.Panics(t, func() { k.AtMost(make([]uint32, 2), make([]uint32, 2), 0, make([]uint32, 2), make([]uint32, 1)) })
	}
}

func TestMaxID(t *testing.T) {
	rng := rand.New(rand.NewPCG(31, 3))
	for _, k := range allKernels() {
		for n := 1; n < 150; n++ {
			ids := make([]uint32, n)
			for i := range ids {
				ids[i] = rng.Uint32()
			}
			require.Equal(t, slices.Max(ids), k.maxID(ids), "%v", k)
			ids[rng.IntN(n)] = math.MaxUint32
			require.Equal(t, uint32(math.MaxUint32), k.maxID(ids), "%v", k)
		}
	}
}
