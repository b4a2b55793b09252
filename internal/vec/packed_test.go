package vec

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

var packings = []Packing{Packed4, Packed6}

// TestPack: a row holds for each element the code nearest to its byte.
func TestPack(t *testing.T) {
	rng := rand.New(rand.NewPCG(21, 1))
	for _, p := range packings {
		for range 200 {
			dim := 1 + rng.IntN(700)
			codes := make([]byte, CodeStride(dim))
			for i := range dim {
				codes[i] = byte(rng.IntN(256))
			}
			row := bytesOf(rng, p.Stride(dim)) // what is there is overwritten
			p.Pack(row, codes)
			for i := range p.QueryLen(dim) {
				want := 0.0
				if i < dim {
					want = float64(codes[i])
				}
				got := float64(p.get(row, i) * p.Step())
				require.LessOrEqual(t, math.Abs(got-want), float64(p.Step()/2)+1)
				if i >= dim {
					require.Zero(t, got)
				}
			}
		}
		for b := range 256 {
			require.Less(t, p.Round(byte(b)), byte(1<<p))
		}
	}
}

// TestPackedExact compares every kernel of packed codes with plain 64-bit sums,
// for all shapes and alignments that a loop can treat apart, and for extreme
// bytes.
func TestPackedExact(t *testing.T) {
	rng := rand.New(rand.NewPCG(21, 2))
	for _, k := range All() {
		for _, p := range packings {
			for range 700 {
				dim, n := PackedUnit*(1+rng.IntN(9)), 1+rng.IntN(13)
				if rng.IntN(100) == 0 {
					dim = MaxCodeDim
				}
				stride := p.Stride(dim)
				q, rows, base := bytesOf(rng, dim), bytesOf(rng, n*stride), rng.Uint32()
				l2, ip := make([]uint32, n), make([]uint32, n)
				for r := range n {
					var s, d int64
					for i, v := range q {
						x := int64(p.get(rows[r*stride:(r+1)*stride], i) * p.Step())
						s += (int64(v) - x) * (int64(v) - x)
						d += int64(int8(v)) * x
					}
					l2[r], ip[r] = uint32(s), base-uint32(d)
				}
				const canary = 12345
				ids := make([]uint32, rng.IntN(20))
				out := make([]uint32, len(ids)+1)
				out[len(ids)] = canary
				for i := range ids {
					ids[i] = uint32(rng.IntN(n))
				}
				warm := rng.IntN(3) * 64
				k.L2PackedIDs(p, q, SquareSum(q), rows, ids, out, warm)
				for i, id := range ids {
					require.Equal(t, l2[id], out[i], "%v L2 %d bits dim %d row %d", k, p, dim, i)
				}
				k.IPPackedIDs(p, q, base, rows, ids, out, warm)
				for i, id := range ids {
					require.Equal(t, ip[id], out[i], "%v IP %d bits dim %d row %d", k, p, dim, i)
				}
				require.EqualValues(t, canary, out[len(ids)])
			}
		}
	}
}

func TestPackedPanicsInBounds(t *testing.T) {
	for _, k := range All() {
		for _, p := range packings {
			q, rows, out := make([]byte, 128), make([]byte, 4*p.Stride(128)-1), make([]uint32, 4)
			require.Panics(t, func() { k.L2PackedIDs(p, q, 0, rows, []uint32{0, 3}, out, 0) })
			require.Panics(t, func() { k.IPPackedIDs(p, q, 0, rows, []uint32{math.MaxUint32}, out, 0) })
			require.Panics(t, func() { k.IPPackedIDs(p, q[:64], 0, rows, []uint32{0}, out, 0) })
			require.Panics(t, func() { k.IPPackedIDs(5, q, 0, rows, []uint32{0}, out, 0) })
			require.Panics(t, func() { k.L2PackedIDs(p, q, 0, rows, []uint32{0, 1, 2, 0, 1}, out, 0) })
			require.NotPanics(t, func() { k.L2PackedIDs(p, q, 0, rows, []uint32{0, 1, 2, 0}, out, 0) })
		}
	}
}

func BenchmarkPackedIDs(b *testing.B) {
	const n = 32
	for _, k := range All() {
		for _, p := range packings {
			for _, dim := range []int{128, 384, 768} {
				q, rows, out := make([]byte, p.QueryLen(dim)), make([]byte, n*p.Stride(dim)), make([]uint32, n)
				ids := make([]uint32, n)
				for i := range ids {
					ids[i] = uint32(i * 7 % n)
				}
				for name, fn := range map[string]func(){
					"L2": func() { k.L2PackedIDs(p, q, 0, rows, ids, out, dim) },
					"IP": func() { k.IPPackedIDs(p, q, 0, rows, ids, out, dim) },
				} {
					b.Run(fmt.Sprintf("%v/%s/%d/%d", k, name, p, dim), func(b *testing.B) {
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
}
