package vec

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestHalfNotFinite: an element of 16 bits, or of their query, that is infinite or no
// number tells on its row as it does in plain Go, wherever it is, and on no other.
// Subnormal numbers are numbers.
func TestHalfNotFinite(t *testing.T) {
	rng := rand.New(rand.NewPCG(32, 1))
	special := map[Element][]uint16{
		Float16s:  {0x7c00, 0xfc00, 0x7e00, 0x7c01, 0xfe00}, // infinite; no number, quiet and signalling
		BFloat16s: {0x7f80, 0xff80, 0x7fc0, 0x7f81, 0xffc0},
	}
	for _, k := range allKernels() {
		for _, e := range []Element{Float16s, BFloat16s} {
			for dim := 1; dim <= 600; dim++ {
				if dim > 140 {
					dim += rng.IntN(60)
				}
				checkHalfNotFinite(t, rng, k, e, dim, special[e])
			}
		}
	}
}

func checkHalfNotFinite(t *testing.T, rng *rand.Rand, k Kernels, e Element, dim int, special []uint16) {
	t.Helper()
	const n = 9
	q, rows := make([]float32, dim), make([]byte, n*2*dim)
	for i := range q {
		q[i] = float32(rng.IntN(9) - 4)
	}
	if rng.IntN(4) == 0 {
		q[rng.IntN(dim)] = []float32{float32(math.NaN()), float32(math.Inf(1)), float32(math.Inf(-1))}[rng.IntN(3)]
	}
	for range rng.IntN(6) {
		binary.LittleEndian.PutUint16(rows[2*rng.IntN(n*dim):], special[rng.IntN(len(special))])
	}
	m, p := Packed(e, dim, rows), FloatProbe(q)
	ids := make([]uint32, n)
	for i := range ids {
		ids[i] = uint32(n - 1 - i)
	}
	want, got, byID := make([]float32, n), make([]float32, n), make([]float32, n)
	for _, by := range measuresOf(e) {
		Portable().Rows(by, &p, &m, 0, want)
		k.Rows(by, &p, &m, 0, got)
		k.IDs(by, &p, &m, ids, byID, 0)
		for i := range n {
			requireSame(t, want[i], got[i])
			requireSame(t, want[i], byID[n-1-i])
		}
	}
	// One number, the least but for its sign, times a power of two: exact.
	clear(rows)
	clear(q)
	at := rng.IntN(dim)
	q[at] = 0x1p100
	binary.LittleEndian.PutUint16(rows[2*at:], 0x8001)
	k.Rows(MeasureIP, &p, &m, 0, got)
	least := map[Element]float32{Float16s: -0x1p-24, BFloat16s: -0x1p-133}[e]
	require.Equal(t, least*0x1p100, got[0], "%v %v dim %d", k, e, dim)
}

// TestSubnormalFloats: float32 that are subnormal are numbers, too.
func TestSubnormalFloats(t *testing.T) {
	for _, k := range allKernels() {
		for dim := 1; dim <= 140; dim++ {
			q, rows, out := make([]float32, dim), make([]float32, 5*dim), make([]float32, 5)
			q[dim-1] = 0x1p120
			for i := range 5 {
				rows[i*dim+dim-1] = 0x1p-149
			}
			k.IPRows(q, rows, out)
			for _, x := range out {
				require.Equal(t, float32(0x1p-29), x, "%v dim %d", k, dim)
			}
			q[dim-1] = 0
			k.L2Rows(q, rows, out) // the square is nothing
			require.Equal(t, make([]float32, 5), out)
			for i := range 5 {
				rows[i*dim+dim-1] = 0x1p-70 // that of this is subnormal
			}
			k.L2Rows(q, rows, out)
			require.EqualValues(t, 0x1p-140, out[4], "%v dim %d", k, dim)
		}
	}
}

// TestProbeOfAnotherType: a query of as many elements, of a type that the rows are not
// of, is a bug of the caller and panics, whatever the kernels.
func TestProbeOfAnotherType(t *testing.T) {
	const dim = 32
	floats, bytes := make([]float32, dim), make([]byte, dim)
	for _, k := range allKernels() {
		for _, c := range []struct {
			m     Matrix
			probe Probe
			by    Measure
		}{
			{Packed(Int8s, dim, make([]byte, 4*dim)), FloatProbe(floats), MeasureIP},
			{Packed(Bits, 8*dim, make([]byte, 4*dim)), FloatProbe(make([]float32, 8*dim)), MeasureHamming},
			{Packed(Bits, 8*dim, make([]byte, 4*dim)), FloatProbe(make([]float32, 8*dim)), MeasureSubstructure},
			{Packed(Float16s, dim/2, make([]byte, 4*dim)), Int8Probe(bytes), MeasureL2},
			{Packed(BFloat16s, dim/2, make([]byte, 4*dim)), Int8Probe(bytes), MeasureIP},
			{Floats(dim/4, make([]float32, dim)), Int8Probe(bytes), MeasureL2},
		} {
			require.Panics(t, func() { k.Rows(c.by, &c.probe, &c.m, 0, make([]float32, 2)) }, "%v %v", k, c.m.Element())
			require.Panics(t, func() { k.IDs(c.by, &c.probe, &c.m, []uint32{1, 0}, make([]float32, 2), 0) }, "%v %v", k, c.m.Element())
		}
	}
}
