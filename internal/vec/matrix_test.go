package vec

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// allKernels are All, and those of a processor with VNNI that has none of
// VPOPCNTDQ, VBMI and VBMI2.
func allKernels() []Kernels {
	all := All()
	if k := all[0]; k.popcnt || k.vbmi || k.vbmi2 {
		k.popcnt, k.vbmi, k.vbmi2 = false, false, false
		all = append(all, k)
	}
	return all
}

var elements = []Element{Float32s, Float16s, BFloat16s, Int8s, Bits}

func (e Element) String() string {
	return [...]string{"f32", "f16", "bf16", "int8", "bits"}[e]
}

var measureNames = [...]string{"L2", "IP", "Hamming", "Jaccard", "Substructure", "Superstructure"}

// measuresOf returns what can be computed of e.
func measuresOf(e Element) []Measure {
	if e == Bits {
		return []Measure{MeasureHamming, MeasureJaccard, MeasureSubstructure, MeasureSuperstructure}
	}
	return []Measure{MeasureL2, MeasureIP}
}

// example is a query and rows of one type, and what they stand for.
type example struct {
	m     Matrix
	probe Probe
	q     []float64 // elements of the query
	rows  [][]float64
}

// newExample makes n rows of dim elements at odd addresses; place puts memory
// where the caller wants it. whole has small whole numbers, of which all sums of
// float32 are exact in any order.
func newExample(rng *rand.Rand, e Element, dim, n int, whole bool, place func([]byte) []byte) *example {
	x := &example{}
	kind := rng.IntN(6)
	element := func() float32 {
		switch {
		case whole:
			return float32(rng.IntN(41) - 20)
		case kind == 0: // large, and their squares' sums still finite
			return float32(rng.IntN(3)-1) * 65504
		case kind == 1: // around the least normal float16
			return float32(rng.NormFloat64()) * 1e-5
		default:
			return float32(rng.NormFloat64())
		}
	}
	packed := func() byte {
		switch kind {
		case 0:
			return 0x80
		case 1:
			return 0x7f
		case 2:
			return [2]byte{0x80, 0x7f}[rng.IntN(2)]
		case 3:
			return [2]byte{0, 0xff}[rng.IntN(2)]
		default:
			return byte(rng.Uint32())
		}
	}
	data := make([]byte, n*e.Size(dim))
	switch e {
	case Int8s, Bits:
		q := make([]byte, e.Size(dim))
		for i := range q {
			q[i] = packed()
		}
		for i := range data {
			data[i] = packed()
		}
		if e == Bits && n > 0 && kind < 5 { // rows that hold the query, and that it holds
			for i := range q {
				data[i] |= q[i]
				data[len(data)-1-i] &= q[len(q)-1-i]
			}
			if kind == 4 {
				clear(q)
				clear(data[:len(q)])
			}
		}
		q = place(q)
		if e == Int8s {
			x.probe = Int8Probe(q)
		} else {
			x.probe = BitsProbe(q)
		}
		x.q = values(e, q)
	default:
		q := make([]float32, dim)
		for i := range q {
			q[i] = element()
			x.q = append(x.q, float64(q[i]))
		}
		x.probe = FloatProbe(q)
		vectors := make([]float32, n*dim)
		for i := range vectors {
			vectors[i] = element()
		}
		switch e {
		case Float16s:
			EncodeFloat16(data, vectors)
		case BFloat16s:
			EncodeBFloat16(data, vectors)
		default:
			x.m = Floats(dim, vectors)
			for i := range n {
				var row []float64
				for _, v := range vectors[i*dim : (i+1)*dim] {
					row = append(row, float64(v))
				}
				x.rows = append(x.rows, row)
			}
			return x
		}
	}
	x.m = Packed(e, dim, place(data))
	for i := range n {
		x.rows = append(x.rows, values(e, data[i*e.Size(dim):(i+1)*e.Size(dim)]))
	}
	return x
}

// values are the elements of packed ones.
func values(e Element, b []byte) []float64 {
	var out []float64
	switch e {
	case Int8s:
		for _, v := range b {
			out = append(out, float64(int8(v)))
		}
	case Bits:
		for i := range 8 * len(b) {
			out = append(out, float64(b[i/8]>>(i%8)&1))
		}
	default:
		for ; len(b) > 0; b = b[2:] {
			h := binary.LittleEndian.Uint16(b)
			if e == Float16s {
				out = append(out, valueOfHalf(h, 5, 15))
			} else {
				out = append(out, valueOfHalf(h, 8, 127))
			}
		}
	}
	return out
}

// model computes a measure from its definition, and the sum of the absolute
// values of what is added up.
func model(by Measure, q, row []float64) (sum, abs float64) {
	var common, either, differ, missing, beyond float64
	for i, a := range q {
		b := row[i]
		switch by {
		case MeasureL2:
			sum += (a - b) * (a - b)
			abs = sum
		case MeasureIP:
			sum += a * b
			abs += math.Abs(a * b)
		default:
			common += min(a, b)
			either += max(a, b)
			differ += math.Abs(a - b)
			missing += a * (1 - b)
			beyond += b * (1 - a)
		}
	}
	match := func(n float64) float64 {
		if n == 0 {
			return 0
		}
		return math.Inf(1)
	}
	switch by {
	case MeasureHamming:
		return differ, 0
	case MeasureJaccard:
		if either == 0 {
			return 1, 0
		}
		return float64(1 - float32(common)/float32(either)), 0
	case MeasureSubstructure:
		return match(missing), 0
	case MeasureSuperstructure:
		return match(beyond), 0
	}
	return sum, abs
}

func shifted(rng *rand.Rand) func([]byte) []byte {
	return func(b []byte) []byte {
		off := rng.IntN(65)
		c := make([]byte, off+len(b))
		copy(c[off:], b)
		return c[off:]
	}
}

// TestMatrix compares every form of every kernel with the definition.
func TestMatrix(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 1))
	for _, k := range allKernels() {
		for _, e := range elements {
			for round := range 400 {
				dim := 1 + rng.IntN(130)
				if round%8 == 0 {
					dim = 1 + rng.IntN(2100)
				}
				if e == Bits {
					dim *= 8
				}
				n := rng.IntN(14)
				if round%9 == 0 {
					n = rng.IntN(90)
				}
				if e == Bits && round%9 < 2 {
					dim, n = 128, 16*rng.IntN(6)+rng.IntN(2)
				}
				x := newExample(rng, e, dim, n, round%2 == 0, shifted(rng))
				for _, by := range measuresOf(e) {
					x.check(t, rng, k, by, round%2 == 0)
				}
			}
		}
	}
}

func (x *example) check(t *testing.T, rng *rand.Rand, k Kernels, by Measure, whole bool) {
	t.Helper()
	n, e := x.m.Rows(), x.m.Element()
	what := fmt.Sprintf("%v %v %v dim %d", k, e, measureNames[by], x.m.Dim())
	const canary = 12345
	got := make([]float32, n+1)
	got[n] = canary
	k.Rows(by, &x.probe, &x.m, 0, got[:n])
	require.EqualValues(t, canary, got[n])
	for i, row := range x.rows {
		want, abs := model(by, x.q, row)
		if whole || e == Int8s || e == Bits {
			require.Equal(t, float32(want), got[i], "%s row %d", what, i)
		} else {
			require.InDelta(t, want, got[i], abs*1e-5, "%s row %d", what, i)
		}
	}
	if n == 0 {
		return
	}
	from := rng.IntN(n)
	part := make([]float32, rng.IntN(n-from+1))
	k.Rows(by, &x.probe, &x.m, from, part)
	require.Equal(t, got[from:from+len(part)], part, what)
	ids := make([]uint32, rng.IntN(150))
	byID := make([]float32, len(ids)+1)
	byID[len(ids)] = canary
	for i := range ids {
		ids[i] = uint32(rng.IntN(n))
	}
	k.IDs(by, &x.probe, &x.m, ids, byID, rng.IntN(3)*256)
	require.EqualValues(t, canary, byID[len(ids)])
	for i, id := range ids {
		require.Equal(t, got[id], byID[i], "%s id %d", what, id)
	}
}

// TestMatrixProbe: a row as a query.
func TestMatrixProbe(t *testing.T) {
	rng := rand.New(rand.NewPCG(22, 1))
	for _, k := range allKernels() {
		for _, e := range elements {
			x := newExample(rng, e, 72, 9, true, shifted(rng))
			room := make([]float32, 72)
			for _, by := range measuresOf(e) {
				for i := range x.rows {
					p := x.m.Probe(i, room)
					got := make([]float32, 9)
					k.Rows(by, &p, &x.m, 0, got)
					for j, row := range x.rows {
						want, _ := model(by, x.rows[i], row)
						require.Equal(t, float32(want), got[j], "%v %v %s", k, e, measureNames[by])
					}
				}
			}
		}
	}
}

// TestMatrixInt8Extremes: the largest sums there are.
func TestMatrixInt8Extremes(t *testing.T) {
	low, high := make([]byte, MaxInt8Dim), make([]byte, MaxInt8Dim)
	for i := range low {
		low[i], high[i] = 0x80, 0x7f
	}
	for _, k := range allKernels() {
		m, p, out := Packed(Int8s, MaxInt8Dim, high), Int8Probe(low), make([]float32, 1)
		k.Rows(MeasureL2, &p, &m, 0, out)
		require.Equal(t, float32(255*255*MaxInt8Dim), out[0])
		k.Rows(MeasureIP, &p, &m, 0, out)
		require.Equal(t, float32(-128*127*MaxInt8Dim), out[0])
		m = Packed(Int8s, MaxInt8Dim, low)
		k.Rows(MeasureIP, &p, &m, 0, out)
		require.Equal(t, float32(128*128*MaxInt8Dim), out[0])
	}
	ones := make([]byte, MaxBitsBytes)
	for i := range ones {
		ones[i] = 0xff
	}
	for _, k := range allKernels() {
		m, p, out := Packed(Bits, 8*MaxBitsBytes, ones), BitsProbe(make([]byte, MaxBitsBytes)), make([]float32, 1)
		k.Rows(MeasureHamming, &p, &m, 0, out)
		require.EqualValues(t, 8*MaxBitsBytes, out[0])
	}
}

// TestMatrixHalfExtremes: float16 overflows nothing, and what is not finite
// stays so.
func TestMatrixHalfExtremes(t *testing.T) {
	for _, k := range allKernels() {
		for dim := 1; dim < 70; dim++ {
			row, q, out := make([]byte, 2*dim), make([]float32, dim), make([]float32, 1)
			p := FloatProbe(q)
			for i := range q {
				binary.LittleEndian.PutUint16(row[2*i:], 0x7bff) // 65504
				q[i] = -65504
			}
			m := Packed(Float16s, dim, row)
			k.Rows(MeasureL2, &p, &m, 0, out)
			require.InEpsilon(t, float64(dim)*131008*131008, out[0], 1e-6)
			binary.LittleEndian.PutUint16(row[2*dim-2:], 0x7c00)
			k.Rows(MeasureIP, &p, &m, 0, out)
			require.True(t, math.IsInf(float64(out[0]), -1))
			clear(row)
			binary.LittleEndian.PutUint16(row[2*dim-2:], 1) // the least
			k.Rows(MeasureIP, &p, &m, 0, out)
			require.Equal(t, float32(-65504*0x1p-24), out[0])
			m = Packed(BFloat16s, dim, row)
			q[dim-1] = 0x1p126
			k.Rows(MeasureIP, &p, &m, 0, out)
			require.Equal(t, float32(0x1p126*0x1p-133), out[0])
		}
	}
}

func TestMatrixPanicsInBounds(t *testing.T) {
	for _, k := range All() {
		for _, e := range elements {
			x := newExample(rand.New(rand.NewPCG(23, 1)), e, 16, 4, false, func(b []byte) []byte { return b })
			by := measuresOf(e)[0]
			out := make([]float32, 5)
			require.Panics(t, func() { k.Rows(by, &x.probe, &x.m, 0, out) })
			require.Panics(t, func() { k.Rows(by, &x.probe, &x.m, 5, out[:0]) })
			require.Panics(t, func() { k.Rows(by, &x.probe, &x.m, -1, out[:1]) })
			require.Panics(t, func() { k.IDs(by, &x.probe, &x.m, []uint32{0, 4}, out, 0) })
			require.Panics(t, func() { k.IDs(by, &x.probe, &x.m, make([]uint32, 6), out, 0) })
			wrong := MeasureHamming
			if e == Bits {
				wrong = MeasureL2
			}
			require.Panics(t, func() { k.Rows(wrong, &x.probe, &x.m, 0, out[:1]) })
			p := Probe{floats: make([]float32, 3), bytes: make([]byte, 1)}
			require.Panics(t, func() { k.Rows(by, &p, &x.m, 0, out[:1]) })
		}
	}
	require.Panics(t, func() { Packed(Int8s, MaxInt8Dim+1, nil) })
	require.Panics(t, func() { Packed(Bits, 12, nil) })
	require.Panics(t, func() { Packed(Float32s, 12, nil) })
	require.Panics(t, func() { Floats(0, nil) })
}

func TestMatrixAllocatesNothing(t *testing.T) {
	for _, k := range All() {
		for _, e := range elements {
			x := newExample(rand.New(rand.NewPCG(24, 1)), e, 104, 70, false, func(b []byte) []byte { return b })
			ids, out := make([]uint32, 66), make([]float32, 70)
			for _, by := range measuresOf(e) {
				require.Zero(t, testing.AllocsPerRun(10, func() {
					k.Rows(by, &x.probe, &x.m, 0, out)
					k.IDs(by, &x.probe, &x.m, ids, out, 0)
				}), "%v %v", k, e)
			}
		}
	}
}

// BenchmarkMatrix times 64 adjacent rows a call, in the cache.
func BenchmarkMatrix(b *testing.B) {
	const n = 64
	for _, k := range All() {
		for _, e := range elements {
			for _, by := range measuresOf(e) {
				for _, dim := range []int{128, 384, 768, 1536} {
					x := newExample(rand.New(rand.NewPCG(25, 1)), e, dim, n, true, func(b []byte) []byte { return b })
					out := make([]float32, n)
					b.Run(fmt.Sprintf("%v/%v/%s/%d", k, e, measureNames[by], dim), func(b *testing.B) {
						b.ReportAllocs()
						for b.Loop() {
							k.Rows(by, &x.probe, &x.m, 0, out)
						}
						b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/row")
					})
				}
			}
		}
	}
}
