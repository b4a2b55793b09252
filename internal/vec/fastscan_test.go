package vec

import (
	"fmt"
	"math"
	"math/bits"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestByteSums compares all kernels with plain sums, at odd addresses and with
// extreme bytes.
func TestByteSums(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 1))
	const canary = 12345
	for range 300 {
		m, n := rng.IntN(40), rng.IntN(6)
		tables, blocks := bytesOf(rng, ByteTable*m), bytesOf(rng, ByteRows*m*n)
		want := make([]uint16, ByteRows*n)
		for i := range want {
			for j := range m {
				want[i] += uint16(tables[ByteTable*j+int(blocks[(i/ByteRows*m+j)*ByteRows+i%ByteRows])])
			}
		}
		for _, k := range allKernels() {
			got := make([]uint16, len(want)+1)
			got[len(want)] = canary
			k.ByteSums(tables, blocks, got[:len(want)])
			require.Equal(t, want, got[:len(want)], "%v, %d codes, %d blocks", k, m, n)
			require.EqualValues(t, canary, got[len(want)])
		}
	}
	require.Panics(t, func() { Detect().ByteSums(make([]byte, 256), make([]byte, 63), make([]uint16, 64)) })
	require.Panics(t, func() { Detect().ByteSums(make([]byte, 256), make([]byte, 64), make([]uint16, 32)) })
	require.Panics(t, func() { Detect().ByteSums(make([]byte, 128), make([]byte, 64), make([]uint16, 64)) })
}

// TestRoundTables checks that sums of bytes are sums of floats, as far as bytes
// can tell them apart, and that no sum overflows.
func TestRoundTables(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 2))
	for range 300 {
		size, n := 16*(1+rng.IntN(16)), 1+rng.IntN(400)
		tables, room := make([]float32, size*n), make([]float32, 2*n)
		scale := float32(math.Exp(20 * (rng.Float64() - 0.5)))
		for i := range tables {
			tables[i] = scale * float32(rng.NormFloat64())
		}
		if n%7 == 0 {
			clear(tables)
		}
		for _, k := range allKernels() {
			bytes := make([]byte, len(tables)+1)
			bytes[len(tables)] = 77
			base, unit := k.RoundTables(tables, size, room, bytes)
			require.EqualValues(t, 77, bytes[len(tables)], "%v", k)
			for range 20 {
				sum, whole := 0.0, 0
				for j := range n {
					i := j*size + rng.IntN(size)
					sum, whole = sum+float64(tables[i]), whole+int(bytes[i])
				}
				require.LessOrEqual(t, whole, math.MaxUint16)
				require.InDelta(t, sum, float64(base)+float64(unit)*float64(whole), float64(n)*(0.51*float64(unit)+1e-5*float64(scale)), "%v", k)
			}
		}
	}
	base, unit := Detect().RoundTables(nil, 16, nil, nil)
	require.Zero(t, base+unit)
	require.Panics(t, func() { Detect().RoundTables(make([]float32, 24), 24, make([]float32, 2), make([]byte, 24)) })
	require.Panics(t, func() { Detect().RoundTables(make([]float32, 32), 16, make([]float32, 4), make([]byte, 31)) })
	require.Panics(t, func() { Detect().RoundTables(make([]float32, 32), 16, make([]float32, 3), make([]byte, 32)) })
}

// TestEstimates compares all kernels with arithmetic in 64 bits, for all numbers
// of rows.
func TestEstimates(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 3))
	for n := range EstimateRows + 1 {
		for _, scaled := range []bool{false, true} {
			e := Estimate{Base: rng.Float32() - 0.5, Low: 10 * (rng.Float32() - 0.5), Unit: rng.Float32() / 1000}
			sums, bias, scale := make([]uint16, n), make([]float32, n), []float32(nil)
			want := make([]float64, n)
			if scaled {
				scale = make([]float32, n)
			}
			for i := range n {
				sums[i], bias[i] = uint16(rng.IntN(1<<16)), float32(rng.NormFloat64())
				want[i] = float64(e.Low) + float64(e.Unit)*float64(sums[i])
				if scaled {
					scale[i] = -2 * rng.Float32()
					want[i] *= float64(scale[i])
				}
				want[i] += float64(e.Base) + float64(bias[i])
			}
			for _, k := range allKernels() {
				dist := make([]float32, n+1)
				dist[n] = 77
				limit := float32(rng.NormFloat64() * 20)
				near := k.Estimates(&e, sums, bias, scale, limit, dist[:n])
				require.EqualValues(t, 77, dist[n], "%v", k)
				for i, d := range dist[:n] {
					require.InDelta(t, want[i], d, 1e-4)
					require.Equal(t, !(d > limit), near>>i&1 == 1, "%v row %d of %d", k, i, n)
				}
				if n < EstimateRows {
					require.Zero(t, near>>n)
				}
				nan := make([]float32, n)
				for i := range nan {
					nan[i] = float32(math.NaN())
				}
				require.Equal(t, n, bits.OnesCount64(k.Estimates(&e, sums, nan, scale, limit, dist[:n])), "no number is above")
			}
		}
	}
	require.Panics(t, func() {
		Detect().Estimates(&Estimate{}, make([]uint16, 65), make([]float32, 65), nil, 0, make([]float32, 65))
	})
	require.Panics(t, func() {
		Detect().Estimates(&Estimate{}, make([]uint16, 3), make([]float32, 3), make([]float32, 2), 0, make([]float32, 3))
	})
}

func BenchmarkFastScan(b *testing.B) {
	for _, k := range allKernels() {
		for _, m := range []int{32, 96} {
			tables, blocks, sums := make([]byte, ByteTable*m), make([]byte, 2*ByteRows*m), make([]uint16, 2*ByteRows)
			per := func(b *testing.B) {
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(sums)), "ns/row")
			}
			b.Run(fmt.Sprintf("%v/bytes/%d", k, m), func(b *testing.B) {
				for b.Loop() {
					k.ByteSums(tables, blocks, sums)
				}
				per(b)
			})
			b.Run(fmt.Sprintf("%v/nibbles/%d", k, 2*m), func(b *testing.B) {
				for b.Loop() {
					k.Nibbles(tables[:32*m], blocks, sums)
				}
				per(b)
			})
		}
	}
}
