package vec

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// bytesOf returns n bytes at an odd address, random or all extreme.
func bytesOf(rng *rand.Rand, n int) []byte {
	off := rng.IntN(64)
	b := make([]byte, off+n)[off:]
	kind := rng.IntN(5)
	for i := range b {
		switch kind {
		case 0:
			b[i] = 0
		case 1:
			b[i] = 255
		case 2:
			b[i] = 128
		case 3:
			b[i] = byte(255 * rng.IntN(2))
		default:
			b[i] = byte(rng.IntN(256))
		}
	}
	return b
}

// TestCodesExact compares every kernel of codes with plain 64-bit sums, for all
// shapes and alignments that a loop can treat apart and for extreme bytes.
func TestCodesExact(t *testing.T) {
	rng := rand.New(rand.NewPCG(11, 1))
	for _, k := range All() {
		for range 1500 {
			stride, n := CodeAlign*(1+rng.IntN(20)), rng.IntN(14)
			if rng.IntN(100) == 0 {
				stride = MaxCodeDim
			}
			q, rows, base := bytesOf(rng, stride), bytesOf(rng, n*stride), rng.Uint32()
			l2, ip := make([]uint32, n), make([]uint32, n)
			for r := range n {
				var s, p int64
				for i, x := range rows[r*stride : (r+1)*stride] {
					s += (int64(q[i]) - int64(x)) * (int64(q[i]) - int64(x))
					p += int64(int8(q[i])) * int64(x)
				}
				require.Less(t, s, int64(math.MaxUint32))
				require.Less(t, max(p, -p), int64(math.MaxInt32))
				l2[r], ip[r] = uint32(s), base-uint32(p)
			}
			const canary = 12345
			out := make([]uint32, n+1)
			out[n] = canary
			k.L2CodeRows(q, rows, out[:n])
			require.Equal(t, l2, out[:n], "%v L2CodeRows stride %d", k, stride)
			k.IPCodeRows(q, base, rows, out[:n])
			require.Equal(t, ip, out[:n], "%v IPCodeRows stride %d", k, stride)
			require.EqualValues(t, canary, out[n])
			if n == 0 {
				continue
			}
			ids := make([]uint32, rng.IntN(20))
			got := make([]uint32, len(ids)+1)
			got[len(ids)] = canary
			for i := range ids {
				ids[i] = uint32(rng.IntN(n))
			}
			warm := rng.IntN(3) * 256
			k.L2CodeIDs(q, rows, ids, got, warm)
			for i, id := range ids {
				require.Equal(t, l2[id], got[i], "%v L2CodeIDs stride %d", k, stride)
			}
			k.IPCodeIDs(q, base, rows, ids, got, warm)
			for i, id := range ids {
				require.Equal(t, ip[id], got[i], "%v IPCodeIDs stride %d", k, stride)
			}
			require.EqualValues(t, canary, got[len(ids)])
		}
	}
}

func TestCodesPanicInBounds(t *testing.T) {
	for _, k := range All() {
		q, rows, out := make([]byte, 64), make([]byte, 4*64-1), make([]uint32, 4)
		require.Panics(t, func() { k.L2CodeRows(q, rows, out) })
		require.Panics(t, func() { k.IPCodeRows(q, 0, rows, out) })
		require.Panics(t, func() { k.L2CodeIDs(q, rows, []uint32{0, 3}, out, 0) })
		require.Panics(t, func() { k.IPCodeIDs(q, 0, rows, []uint32{math.MaxUint32}, out, 0) })
		require.Panics(t, func() { k.L2CodeIDs(q, rows, []uint32{0, 1, 2, 0, 1}, out, 0) })
		require.Panics(t, func() { k.L2CodeRows(q[:63], rows, out[:1]) })
		require.Panics(t, func() { k.L2CodeRows(nil, rows, out[:1]) })
		require.Panics(t, func() { k.L2CodeRows(make([]byte, MaxCodeDim+64), make([]byte, MaxCodeDim+64), out[:1]) })
	}
}

// TestCoder checks the error of codes within the bounds, and the clamp beyond.
func TestCoder(t *testing.T) {
	rng := rand.New(rand.NewPCG(11, 2))
	for range 200 {
		scale, shift := float32(math.Pow(10, float64(rng.IntN(12)-6))), float32(rng.NormFloat64())
		x := make([]float32, 1+rng.IntN(3000))
		for i := range x {
			x[i] = (float32(rng.NormFloat64()) + shift) * scale
		}
		dst := make([]byte, CodeStride(len(x)))
		for i := range dst {
			dst[i] = 7
		}
		check := func(c Coder, ok bool, low byte) {
			require.True(t, ok)
			outside := 0
			for i, b := range dst[:len(x)] {
				if b == 255 || b == low {
					outside++
					continue
				}
				require.InDelta(t, x[i], float32(b)/c.Scale+c.Min, 0.51/float64(c.Scale))
			}
			require.LessOrEqual(t, outside, 4+len(x)/1000)
			for _, b := range dst[len(x):] {
				require.Zero(t, b)
			}
		}
		c, ok := TrainL2(append([]float32(nil), x...))
		c.EncodeL2(dst, x)
		check(c, ok, 0)
		c, ok = TrainIP(append([]float32(nil), x...))
		c.EncodeIP(dst, x)
		check(c, ok, 1)
		zero := make([]float32, len(x))
		c.EncodeIP(dst, zero)
		for _, b := range dst[:len(x)] {
			require.EqualValues(t, 128, b)
		}
	}
}

// TestCoderLossless: whole numbers of a range that fits keep their distances.
func TestCoderLossless(t *testing.T) {
	for _, low := range []float32{0, 1, -128, -255, 7000} {
		high := low + 255
		if low == 1 {
			high = 200
		}
		c, ok := TrainL2([]float32{high, low, low + 3})
		require.True(t, ok)
		require.EqualValues(t, 1, c.Scale)
		dst := make([]byte, 64)
		c.EncodeL2(dst, []float32{low, low + 1, high})
		require.EqualValues(t, 1, dst[1]-dst[0])
		require.EqualValues(t, high-low, float32(dst[2])-float32(dst[0]))
	}
	for _, sample := range [][]float32{nil, {0, 0}, {5, 5, 5}} {
		_, ok := TrainL2(sample)
		require.True(t, ok)
		_, ok = TrainIP(sample)
		require.True(t, ok)
	}
	for _, sample := range [][]float32{{0, 1e-40}, {-math.MaxFloat32, math.MaxFloat32}, {1e35, 2e35}, {1 << 30, 1<<30 + 100}} {
		_, ok := TrainL2(sample)
		require.False(t, ok, "%v", sample)
	}
	_, ok := TrainIP([]float32{1e-40, 0})
	require.False(t, ok)
}

func TestEncodeQuery(t *testing.T) {
	dst := make([]byte, 64)
	EncodeQuery(dst, []float32{0, 1, -2, 0.5})
	require.Equal(t, []byte{0, 64, 0x81, 32}, dst[:4])
	EncodeQuery(dst, make([]float32, 3))
	require.Equal(t, make([]byte, 64), dst)
	EncodeQuery(dst, []float32{math.MaxFloat32, -math.MaxFloat32, 1e-40})
	require.Equal(t, []byte{127, 0x81, 0}, dst[:3])
	require.Zero(t, EncodeQuery(dst, []float32{1e-45, 0}))
	require.Equal(t, []byte{0, 0}, dst[:2])
	row := make([]byte, 64)
	for i := range row {
		row[i] = byte(i * 5)
	}
	SignCodes(dst, row)
	for i, b := range row {
		require.EqualValues(t, int(b)-128, int8(dst[i]))
	}
}

func BenchmarkCodeIDs(b *testing.B) {
	const n = 32
	for _, k := range All() {
		for _, dim := range []int{128, 384, 768} {
			q, rows, out := make([]byte, CodeStride(dim)), make([]byte, n*CodeStride(dim)), make([]uint32, n)
			ids := make([]uint32, n)
			for i := range ids {
				ids[i] = uint32(i * 7 % n)
			}
			for name, fn := range map[string]func(){
				"L2": func() { k.L2CodeIDs(q, rows, ids, out, dim) },
				"IP": func() { k.IPCodeIDs(q, 0, rows, ids, out, dim) },
			} {
				b.Run(fmt.Sprintf("%v/%s/%d", k, name, dim), func(b *testing.B) {
					b.ReportAllocs()
					for b.Loop() {
						fn()
					}
					b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/row")
				})
			}
		}
	}
}
