package vec

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestSums compares all kernels with plain loops, at all densities and at the
// largest numbers.
func TestSums(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for _, n := range []int{0, 64, 128, 4096, 1 << 16} {
		for _, share := range []float64{0, 0.001, 0.1, 1} {
			codes := make([]byte, n)
			for i := range codes {
				if rng.Float64() < share {
					codes[i] = byte(rng.IntN(256))
				}
			}
			for _, factor := range []uint16{1, 255, 256, 12345, 65535} {
				for _, k := range All() {
					var got, want Sums
					for i := range got {
						got[i] = uint16(rng.Uint32())
						want[i] = got[i]
						if i < n && codes[i] > 0 {
							want[i] += uint16(int(codes[i])*int(factor)/256 + 1)
						}
					}
					k.AddDense(&got, codes, factor)
					require.Equal(t, want, got, "%v, %d", k, n)
					least := uint16(1 + rng.IntN(65535))
					if factor == 1 {
						least = 65535
					}
					var places, values []uint16
					for i, s := range want[:n] {
						if s >= least {
							places, values = append(places, uint16(i)), append(values, s)
						}
						want[i] = 0
					}
					at, sums := make([]uint16, n), make([]uint16, n)
					found := k.TakeSums(&got, n, least, at, sums)
					require.Equal(t, places, append([]uint16(nil), at[:found]...), "%v, %d", k, n)
					require.Equal(t, values, append([]uint16(nil), sums[:found]...), "%v, %d", k, n)
					require.Equal(t, want, got, "%v, %d", k, n)
				}
			}
			for _, cut := range []int{0, 1, 63} {
				some := codes[:max(n-cut, 0)]
				for _, least := range []byte{0, 1, 127, 128, 255} {
					var places []uint16
					for i, c := range some {
						if c >= least {
							places = append(places, uint16(i))
						}
					}
					for _, k := range All() {
						out := make([]uint16, n)
						require.Equal(t, places, append([]uint16(nil), out[:k.CodesFrom(some, least, out)]...), "%v, %d", k, n)
					}
				}
			}
		}
	}
	var sums Sums
	require.Panics(t, func() { Detect().AddDense(&sums, make([]byte, 63), 1) })
	require.Panics(t, func() { Detect().AddDense(&sums, make([]byte, 1<<16+64), 1) })
	require.Panics(t, func() { Detect().TakeSums(&sums, 64, 1, make([]uint16, 64), make([]uint16, 63)) })
	require.Panics(t, func() { Detect().TakeSums(&sums, 64, 0, make([]uint16, 64), make([]uint16, 64)) })
	require.Panics(t, func() { Detect().CodesFrom(make([]byte, 64), 1, make([]uint16, 63)) })
}

func TestAddCodes(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 2))
	var table [256]uint16
	for c := range table {
		table[c] = Scale(byte(c), 12345)
	}
	var got, want Sums
	ids, codes := make([]uint16, 1000), make([]byte, 1000)
	for i := range ids {
		ids[i], codes[i] = uint16(rng.Uint32()), byte(rng.Uint32())
		want[ids[i]] += Scale(codes[i], 12345)
	}
	AddCodes(&got, ids, codes, &table)
	require.Equal(t, want, got)
}

func BenchmarkSums(b *testing.B) {
	const n = 4096
	var sums Sums
	codes, out, values := make([]byte, n), make([]uint16, n), make([]uint16, n)
	for _, k := range All() {
		b.Run("dense/"+k.String(), func(b *testing.B) {
			for b.Loop() {
				k.AddDense(&sums, codes, 77)
			}
		})
		b.Run("take/"+k.String(), func(b *testing.B) {
			clear(sums[:])
			for b.Loop() {
				k.TakeSums(&sums, n, 9, out, values)
			}
		})
		b.Run("codes/"+k.String(), func(b *testing.B) {
			for b.Loop() {
				k.CodesFrom(codes, 9, out)
			}
		})
	}
	b.Run("add", func(b *testing.B) {
		var table [256]uint16
		ids := make([]uint16, n)
		for i := range ids {
			ids[i] = uint16(i * 7 % n)
		}
		for b.Loop() {
			AddCodes(&sums, ids, codes, &table)
		}
	})
}
