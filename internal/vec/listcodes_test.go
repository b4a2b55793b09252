package vec

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestIPBytes compares all kernels with sums of 64 bits, at lengths with and
// without tails and at the largest sums.
func TestIPBytes(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for _, dim := range []int{0, 16, 32, 48, 64, 80, 128, 208, 1536, 4096} {
		for _, n := range []int{0, 1, 2, 5, 33} {
			q, rows := make([]int16, dim), make([]byte, dim*n)
			for i := range q {
				q[i] = int16(rng.IntN(4001) - 2000)
			}
			if dim == 128 {
				for i := range q {
					q[i] = 32767
				}
			}
			for i := range rows {
				rows[i] = byte(rng.IntN(256))
				if n == 5 {
					rows[i] = 255
				}
			}
			want := make([]int32, n)
			for i := range want {
				s := int64(0)
				for j, v := range q {
					s += int64(v) * int64(rows[i*dim+j])
				}
				want[i] = int32(s)
				require.EqualValues(t, s, want[i])
			}
			for _, k := range All() {
				got := make([]int32, n)
				k.IPBytes(q, rows, got)
				require.Equal(t, want, got, "%v, %d x %d", k, n, dim)
			}
		}
	}
	require.Panics(t, func() { Detect().IPBytes(make([]int16, 16), make([]byte, 31), make([]int32, 2)) })
	require.Panics(t, func() { Detect().IPBytes(make([]int16, 8), make([]byte, 31), make([]int32, 2)) })
}

// TestListCodesRandom compares the kernels with the portable ones for random
// lengths, alignments and bytes, all of which may be extreme.
func TestListCodesRandom(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	const canary = 12345
	for range 1000 {
		dim, n, off := BytesUnit*(1+rng.IntN(30)), 1+rng.IntN(9), rng.IntN(16)
		most := min(math.MaxInt16, math.MaxInt32/255/dim)
		q := make([]int16, off+dim)[off:]
		extreme := rng.IntN(3) == 0
		for i := range q {
			q[i] = int16(rng.IntN(2*most+1) - most)
			if extreme {
				q[i] = int16(most * (1 - 2*rng.IntN(2)))
			}
		}
		rows := bytesOf(rng, dim*n)
		want, got := make([]int32, n), make([]int32, n+1)
		Portable().IPBytes(q, rows, want)
		tables, blocks := bytesOf(rng, 2*dim), bytesOf(rng, NibbleRows*dim/16*n)
		sums, gotSums := make([]uint16, NibbleRows*n), make([]uint16, NibbleRows*n+1)
		Portable().Nibbles(tables, blocks, sums)
		for _, k := range All() {
			got[n], gotSums[len(sums)] = canary, canary
			k.IPBytes(q, rows, got[:n])
			require.Equal(t, want, got[:n], "%v IPBytes, %d x %d", k, n, dim)
			k.Nibbles(tables, blocks, gotSums[:len(sums)])
			require.Equal(t, sums, gotSums[:len(sums)], "%v Nibbles, %d pairs, %d blocks", k, dim/16, n)
			require.EqualValues(t, canary, got[n])
			require.EqualValues(t, canary, gotSums[len(sums)])
		}
	}
}

func TestNibbles(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 2))
	for _, pairs := range []int{0, 1, 2, 3, 16, 128, 300} {
		for _, blocks := range []int{0, 1, 2, 5} {
			tables, codes := make([]byte, 32*pairs), make([]byte, NibbleRows*pairs*blocks)
			for _, b := range [][]byte{tables, codes} {
				for i := range b {
					b[i] = byte(rng.IntN(256))
				}
			}
			want := make([]uint16, NibbleRows*blocks)
			for i := range want {
				for p := range pairs {
					c := codes[(i/NibbleRows*pairs+p)*NibbleRows+i%NibbleRows]
					want[i] += uint16(tables[32*p+int(c&15)]) + uint16(tables[32*p+16+int(c>>4)])
				}
			}
			for _, k := range All() {
				got := make([]uint16, len(want))
				k.Nibbles(tables, codes, got)
				require.Equal(t, want, got, "%v, %d pairs", k, pairs)
			}
		}
	}
	require.Panics(t, func() { Detect().Nibbles(make([]byte, 32), make([]byte, 31), make([]uint16, 32)) })
	require.Panics(t, func() { Detect().Nibbles(make([]byte, 32), make([]byte, 32), make([]uint16, 16)) })
}

func BenchmarkListCodes(b *testing.B) {
	for _, k := range All() {
		for _, dim := range []int{128, 768} {
			q, rows, out := make([]int16, dim), make([]byte, 64*dim), make([]int32, 64)
			b.Run(fmt.Sprintf("%v/bytes/%d", k, dim), func(b *testing.B) {
				for b.Loop() {
					k.IPBytes(q, rows, out)
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/64, "ns/row")
			})
			tables, sums := make([]byte, 4*dim), make([]uint16, 64)
			b.Run(fmt.Sprintf("%v/bits/%d", k, dim), func(b *testing.B) {
				for b.Loop() {
					k.Nibbles(tables, rows[:len(tables)/32*64], sums)
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/64, "ns/row")
			})
		}
	}
}
