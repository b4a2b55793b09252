package vec

import (
	"encoding/binary"
	"math"
	"slices"
)

// Coder is a scalar quantiser: it makes codes of one byte an element, of equal
// steps between bounds that all elements share. Codes for L2 are bytes without
// a sign, whose distances are those of the vectors but for a factor; codes for
// IP have 128 for 0, so that an element and its negative are equally exact.
type Coder struct {
	Min   float32 // the element of code 0
	Scale float32 // codes a unit
}

// The bounds are those of a sample, as an element that is clipped is far off,
// unless the few outliers beyond the share inner make them wider than that share
// needs by more than the factor reach: they would cost all others their
// precision.
const (
	inner = 0.9998
	reach = 2
)

// TrainL2 returns a coder for L2 that suits the elements of sample, which it
// sorts. Whole numbers that fit are coded without loss. It reports false when
// no finite scale does.
func TrainL2(sample []float32) (Coder, bool) {
	slices.Sort(sample)
	if len(sample) == 0 {
		return Coder{Scale: 1}, true
	}
	low, high := sample[0], sample[len(sample)-1]
	whole := low == float32(math.Trunc(float64(low))) && high-low <= 255
	for i := 0; whole && i < len(sample); i++ {
		whole = sample[i] == float32(math.Trunc(float64(sample[i])))
	}
	if whole {
		if low >= 0 && high <= 255 {
			low = 0
		}
		return Coder{Min: low, Scale: 1}, math.Abs(float64(low)) < 1<<23
	}
	last := len(sample) - 1
	outside := int(float64(last) * (1 - inner) / 2)
	if most := sample[last-outside] - sample[outside]; most > 0 && high-low > reach*most {
		low, high = sample[outside], sample[last-outside]
	}
	c := Coder{Min: low, Scale: 255 / (high - low)}
	return c, c.Usable()
}

// TrainIP returns a coder for IP that suits the elements of sample, which it
// sorts by magnitude. It reports false when no finite scale does.
func TrainIP(sample []float32) (Coder, bool) {
	for i, x := range sample {
		sample[i] = float32(math.Abs(float64(x)))
	}
	slices.Sort(sample)
	high := float32(0)
	if last := len(sample) - 1; last >= 0 {
		high = sample[last]
		if most := sample[last-int(float64(last)*(1-inner))]; most > 0 && high > reach*most {
			high = most
		}
	}
	if high == 0 {
		high = 127
	}
	c := Coder{Min: -128 * (high / 127), Scale: 127 / high}
	return c, c.Usable()
}

// Usable reports whether arithmetic with c's numbers is that of finite ones, as
// it is with those of every coder that was trained.
func (c Coder) Usable() bool {
	return c.Scale >= 1e-30 && c.Scale <= 1e30 && math.Abs(float64(c.Min)) <= 1e30
}

// EncodeL2 sets dst, a row of codes, to those of x for L2.
func (c Coder) EncodeL2(dst []byte, x []float32) { c.encode(dst, x, 0) }

// EncodeIP sets dst, a row of codes, to those of x for IP.
func (c Coder) EncodeIP(dst []byte, x []float32) { c.encode(dst, x, 1) }

func (c Coder) encode(dst []byte, x []float32, low float32) {
	for i, v := range x {
		dst[i] = byte(min(max((v-c.Min)*c.Scale, low), 255) + 0.5)
	}
	clear(dst[len(x):])
}

// EncodeQuery sets dst, a row of bytes with a sign, to x in the steps that are
// finest for it, and returns how many of them are a unit: the order of inner
// products does not depend on the scale of a query. One whose elements all but
// vanish is taken for zero.
func EncodeQuery(dst []byte, x []float32) float32 {
	const sign, least = 1 << 31, 1e-36
	bits := uint32(0) // of the largest magnitude: numbers without a sign order like their bits
	for _, v := range x {
		bits = max(bits, math.Float32bits(v)&^sign)
	}
	scale := float32(0)
	if high := math.Float32frombits(bits); high >= least {
		scale = 127 / high
	}
	dst = dst[:max(len(dst), len(x))]
	for i, v := range x {
		// Added to 1.5 * 2^23 a number is rounded to a whole one, whose lowest
		// byte is that of the sum.
		dst[i] = byte(math.Float32bits(float32(v*scale) + 3<<22))
	}
	clear(dst[len(x):])
	return scale
}

// SignCodes sets dst to the row of codes for IP as bytes with a sign, which can
// stand for a query in IPCodeIDs; zeros behind the codes do not count for the
// inner product with any row that has zeros there, as all have.
func SignCodes(dst, row []byte) {
	const signs = 0x8080808080808080
	for len(dst) >= 8 && len(row) >= 8 {
		binary.LittleEndian.PutUint64(dst, binary.LittleEndian.Uint64(row)^signs)
		dst, row = dst[8:], row[8:]
	}
}
