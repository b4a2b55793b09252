package vec

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestStream holds streams against the kernels that prefetch nothing, bit by bit.
func TestStream(t *testing.T) {
	rng := rand.New(rand.NewPCG(51, 52))
	for _, k := range All() {
		for _, dim := range []int{1, 15, 64, 100, 128, 1030} {
			for _, n := range []int{0, 1, 3, 4, 64, 67} {
				t.Run(fmt.Sprintf("%v/%dx%d", k, n, dim), func(t *testing.T) {
					rows := make([]float32, (n+2)*dim)
					for i := range rows {
						rows[i] = float32(rng.NormFloat64())
					}
					m, q := Floats(dim, rows), FloatProbe(rows[:dim])
					half := make([]byte, 2*len(rows))
					EncodeFloat16(half, rows)
					packed := Packed(Float16s, dim, half)
					for _, by := range []Measure{MeasureL2, MeasureIP} {
						for _, m := range []Matrix{m, packed} {
							want, got := make([]float32, n), make([]float32, n)
							k.Rows(by, &q, &m, 2, want)
							k.Stream(by, &q, &m, 2, got)
							require.Equal(t, want, got)
						}
					}
					stride := CodeStride(dim)
					codes := make([]byte, (n+1)*stride)
					for i := range codes {
						codes[i] = byte(rng.Uint32())
					}
					want, got := make([]uint32, n), make([]uint32, n)
					k.L2CodeRows(codes[:stride], codes[stride:], want)
					k.L2CodeStream(codes[:stride], codes[stride:], got)
					require.Equal(t, want, got)
					k.IPCodeRows(codes[:stride], 7, codes[stride:], want)
					k.IPCodeStream(codes[:stride], 7, codes[stride:], got)
					require.Equal(t, want, got)
				})
			}
		}
	}
	m, q := Floats(4, make([]float32, 8)), FloatProbe(make([]float32, 4))
	require.Panics(t, func() { Portable().Stream(MeasureL2, &q, &m, 1, make([]float32, 2)) })
}
