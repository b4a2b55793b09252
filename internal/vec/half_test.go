package vec

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// valueOfHalf computes a number of 16 bits from its definition.
func valueOfHalf(h uint16, exponentBits, bias int) float64 {
	mantissaBits := 15 - exponentBits
	sign := 1 - 2*float64(h>>15)
	exponent := int(h>>mantissaBits) & (1<<exponentBits - 1)
	mantissa := float64(int(h) & (1<<mantissaBits - 1))
	switch exponent {
	case 0:
		return sign * math.Ldexp(mantissa, 1-bias-mantissaBits)
	case 1<<exponentBits - 1:
		if mantissa != 0 {
			return math.NaN()
		}
		return math.Inf(int(sign))
	default:
		return sign * math.Ldexp(mantissa+float64(int(1)<<mantissaBits), exponent-bias-mantissaBits)
	}
}

// halves are the two types of 16 bits.
var halves = map[string]struct {
	elem               Element
	half               func(float32) (uint16, bool)
	value              func(uint16) float32
	exponentBits, bias int
}{
	"float16":  {Float16s, Float16, Float16Value, 5, 15},
	"bfloat16": {BFloat16s, BFloat16, BFloat16Value, 8, 127},
}

// TestHalvesAll checks each of the 65,536 values, and the rounding at, and just
// beside, the middle between it and the next one.
func TestHalvesAll(t *testing.T) {
	for name, f := range halves {
		t.Run(name, func(t *testing.T) {
			for i := range 1 << 16 {
				h := uint16(i)
				want, got := valueOfHalf(h, f.exponentBits, f.bias), f.value(h)
				if math.IsNaN(want) {
					require.True(t, got != got, "%#x", h)
					back, ok := f.half(got)
					require.True(t, ok)
					require.True(t, math.IsNaN(valueOfHalf(back, f.exponentBits, f.bias)), "%#x", h)
					continue
				}
				require.Equal(t, math.Float64bits(want), math.Float64bits(float64(got)), "%#x", h)
				back, ok := f.half(got)
				require.True(t, ok, "%#x", h)
				require.Equal(t, h, back)
				next := valueOfHalf(h+1, f.exponentBits, f.bias)
				if math.IsInf(want, 0) || math.IsNaN(next) {
					continue
				}
				finite := !math.IsInf(next, 0)
				if !finite { // what would come next, had it room
					next = 2*want - valueOfHalf(h-1, f.exponentBits, f.bias)
				}
				checkMiddle(t, f.half, h, want, next, finite)
			}
		})
	}
}

// checkMiddle checks what is between h and the next number away from zero: the
// middle goes to the even one, and is an overflow if that is not finite.
func checkMiddle(t *testing.T, half func(float32) (uint16, bool), h uint16, value, next float64, finite bool) {
	t.Helper()
	middle := float32((value + next) / 2)
	if float64(middle) != (value+next)/2 {
		return // between two float32 there is nothing
	}
	even := h + h&1
	got, ok := half(middle)
	require.Equal(t, even, got, "the middle above %#x", h)
	require.Equal(t, finite || even == h, ok, "the middle above %#x", h)
	below, ok := half(math.Nextafter32(middle, float32(value)))
	require.True(t, ok)
	require.Equal(t, h, below)
	above, _ := half(math.Nextafter32(middle, float32(next)))
	require.Equal(t, h+1, above)
}

func TestHalfOverflow(t *testing.T) {
	inf := float32(math.Inf(1))
	for _, c := range []struct {
		half func(float32) (uint16, bool)
		x    float32
		want uint16
		ok   bool
	}{
		{Float16, 65504, 0x7bff, true},
		{Float16, 65519.996, 0x7bff, true},
		{Float16, 65520, 0x7c00, false},
		{Float16, -65520, 0xfc00, false},
		{Float16, math.MaxFloat32, 0x7c00, false},
		{Float16, inf, 0x7c00, true},
		{Float16, -inf, 0xfc00, true},
		{Float16, 0x1p-25, 0, true},
		{Float16, 0x1.8p-25, 1, true},
		{Float16, 1e-45, 0, true},
		{BFloat16, math.MaxFloat32, 0x7f80, false},
		{BFloat16, -math.MaxFloat32, 0xff80, false},
		{BFloat16, inf, 0x7f80, true},
		{BFloat16, -inf, 0xff80, true},
		{BFloat16, 0x1.fep127, 0x7f7f, true},
	} {
		got, ok := c.half(c.x)
		require.Equal(t, c.want, got, "%v", c.x)
		require.Equal(t, c.ok, ok, "%v", c.x)
	}
	dst := make([]byte, 6)
	require.Equal(t, 1, EncodeFloat16(dst, []float32{1, 1e6, -1e6}))
	require.Equal(t, -1, EncodeBFloat16(dst, []float32{1, 1e6, -1e6}))
	x := make([]float32, 3)
	DecodeBFloat16(x, dst)
	require.Equal(t, []float32{1, 999424, -999424}, x)
}

// FuzzHalf: rounding goes to one of the two neighbours, the nearer one.
func FuzzHalf(f *testing.F) {
	rng := rand.New(rand.NewPCG(21, 1))
	for range 50 {
		f.Add(rng.Uint32())
	}
	f.Fuzz(func(t *testing.T, u uint32) {
		x := math.Float32frombits(u)
		if x != x {
			return
		}
		for name, half := range halves {
			h, ok := half.half(x)
			if math.IsInf(float64(half.value(h)), 0) {
				require.Equal(t, math.IsInf(float64(x), 0), ok, "%s %v", name, x)
				continue
			}
			require.True(t, ok)
			off := math.Abs(float64(x) - float64(half.value(h)))
			for _, other := range []uint16{h - 1, h + 1} {
				if d := math.Abs(float64(x) - float64(half.value(other))); d == d && (d < off || d == off && h&1 == 1 && off > 0) {
					t.Fatalf("%s: %v became %#x, %#x is nearer", name, x, h, other)
				}
			}
		}
	})
}
