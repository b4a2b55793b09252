package vec

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestColumns(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 3))
	for _, dim := range []int{0, 1, 2, 3, 8, 33} {
		for _, n := range []int{0, 1, 2, 8, 15, 16, 17, 32, 100, 256} {
			p, cols := make([]float32, dim), make([]float32, dim*n)
			for i := range p {
				p[i] = float32(rng.IntN(20) - 10) // whole numbers: no rounding, many equal distances
			}
			for i := range cols {
				cols[i] = float32(rng.IntN(20) - 10)
			}
			wantIP, wantAt, least := make([]float32, n), 0, float32(math.Inf(1))
			for j := range n {
				sum := float32(0)
				for i, v := range p {
					c := cols[i*n+j]
					wantIP[j] += v * c
					sum += (v - c) * (v - c)
				}
				if sum < least {
					wantAt, least = j, sum
				}
			}
			for _, k := range All() {
				require.Equal(t, wantAt, k.NearestColumn(p, cols, n), "%v, %d of %d", k, n, dim)
				got := make([]float32, n)
				k.IPColumns(p, cols, got)
				require.Equal(t, wantIP, got, "%v, %d of %d", k, n, dim)
			}
		}
	}
	nan := make([]float32, 3*40)
	for i := range nan {
		nan[i] = float32(math.NaN())
	}
	for _, k := range All() {
		require.Zero(t, k.NearestColumn([]float32{1, 2, 3}, nan, 40))
		nan[37], nan[40+37], nan[80+37] = 1, 1, 1
		require.Equal(t, 37, k.NearestColumn([]float32{1, 2, 3}, nan, 40))
		nan[37] = float32(math.NaN())
		require.Panics(t, func() { k.NearestColumn([]float32{1, 2}, make([]float32, 63), 32) })
		require.Panics(t, func() { k.IPColumns([]float32{1, 2}, make([]float32, 63), make([]float32, 32)) })
	}
}

// TestColumnsRandom compares the kernels with the portable ones for random
// lengths and alignments. Some distances are no number or infinite.
func TestColumnsRandom(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	const canary = 12345
	for range 400 {
		dim, n := 1+rng.IntN(20), 1+rng.IntN(150)
		cols := make([]float32, dim*n)
		for i := range cols {
			cols[i] = float32(rng.IntN(9) - 4)
		}
		for range rng.IntN(3) * n {
			cols[rng.IntN(len(cols))] = []float32{float32(math.NaN()), float32(math.Inf(1)), float32(math.Inf(-1))}[rng.IntN(3)]
		}
		p := make([]float32, dim)
		for i := range p {
			p[i] = float32(rng.IntN(9) - 4)
		}
		p, cols = rowsAt(p, rng.IntN(16)), rowsAt(cols, rng.IntN(16))
		near, want := Portable().NearestColumn(p, cols, n), make([]float32, n)
		Portable().IPColumns(p, cols, want)
		for _, k := range All() {
			require.Equal(t, near, k.NearestColumn(p, cols, n), "%v, %d of %d", k, n, dim)
			got := make([]float32, n+1)
			got[n] = canary
			k.IPColumns(p, cols, got[:n])
			for j, v := range want {
				requireSame(t, v, got[j])
			}
			require.EqualValues(t, canary, got[n])
		}
	}
}

// requireSame takes any two that are no number for equal.
func requireSame(t *testing.T, want, got float32) {
	t.Helper()
	if !math.IsNaN(float64(want)) || !math.IsNaN(float64(got)) {
		require.Equal(t, want, got)
	}
}

func BenchmarkColumns(b *testing.B) {
	for _, k := range All() {
		for _, dim := range []int{2, 8, 32, 128} {
			p, cols, out := make([]float32, dim), make([]float32, 256*dim), make([]float32, 256)
			b.Run(fmt.Sprintf("%v/nearest/%d", k, dim), func(b *testing.B) {
				for b.Loop() {
					k.NearestColumn(p, cols, 256)
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/256, "ns/vector")
			})
			b.Run(fmt.Sprintf("%v/ip/%d", k, dim), func(b *testing.B) {
				for b.Loop() {
					k.IPColumns(p, cols, out)
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/256, "ns/vector")
			})
			b.Run(fmt.Sprintf("%v/rows/%d", k, dim), func(b *testing.B) {
				for b.Loop() {
					k.L2Rows(p, cols, out)
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/256, "ns/vector")
			})
		}
	}
}
