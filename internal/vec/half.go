package vec

import (
	"encoding/binary"
	"math"
)

// Numbers of 16 bits: float16 (IEEE 754 binary16) and bfloat16, the upper half
// of a float32. In a row they are little-endian. To widen one loses nothing.

// Float16 returns the float16 nearest to x, of two the even one; false when x is
// finite and that is infinite. A NaN stays one.
func Float16(x float32) (uint16, bool) {
	const (
		infinite = 0xff << 23
		overflow = 0x477ff000 // 65520, half a step above the largest float16
		normal   = 0x38800000 // 2^-14, the least that is not subnormal
		bias     = 112 << 23  // the exponents' biases, 127 - 15
		step     = 126 << 23  // 0.5, whose step is that of subnormal float16, 2^-24
		quiet    = 0x7e00     // a NaN
		inf      = uint16(0x7c00)
	)
	u := math.Float32bits(x)
	sign := uint16(u>>16) & 0x8000
	u &= 1<<31 - 1
	switch {
	case u > infinite:
		return sign | quiet | uint16(u>>13)&0x1ff, true
	case u == infinite:
		return sign | inf, true
	case u >= overflow:
		return sign | inf, false
	case u < normal:
		sum := math.Float32frombits(u) + 0.5
		return sign | uint16(math.Float32bits(sum)-step), true
	default:
		return sign | uint16((u-bias+0xfff+u>>13&1)>>13), true
	}
}

// Float16Value returns the number that h stands for.
func Float16Value(h uint16) float32 {
	const inf = 0x7c00
	// The exponent's bias is made up for by a product, which is right for
	// subnormal numbers, too.
	u := math.Float32bits(math.Float32frombits(uint32(h&0x7fff)<<13) * 0x1p112)
	if h&inf == inf {
		u |= 0xff << 23
	}
	return math.Float32frombits(u | uint32(h&0x8000)<<16)
}

// BFloat16 returns the bfloat16 nearest to x, of two the even one; false when x
// is finite and that is infinite. A NaN stays one.
func BFloat16(x float32) (uint16, bool) {
	const infinite, quiet = 0xff << 23, 0x40
	u := math.Float32bits(x)
	if u&(1<<31-1) > infinite {
		return uint16(u>>16) | quiet, true
	}
	r := uint16((uint64(u) + 0x7fff + uint64(u>>16&1)) >> 16)
	return r, r&0x7f80 != 0x7f80 || u&infinite == infinite
}

// BFloat16Value returns the number that b stands for.
func BFloat16Value(b uint16) float32 { return math.Float32frombits(uint32(b) << 16) }

// EncodeFloat16 sets dst, two bytes an element, to the float16 of x, and returns
// the first element that overflows, or -1.
func EncodeFloat16(dst []byte, x []float32) int { return encodeHalf(dst, x, Float16) }

// EncodeBFloat16 sets dst, two bytes an element, to the bfloat16 of x, and
// returns the first element that overflows, or -1.
func EncodeBFloat16(dst []byte, x []float32) int { return encodeHalf(dst, x, BFloat16) }

func encodeHalf(dst []byte, x []float32, half func(float32) (uint16, bool)) int {
	dst = dst[:2*len(x)]
	bad := -1
	for i, v := range x {
		h, ok := half(v)
		if !ok && bad < 0 {
			bad = i
		}
		binary.LittleEndian.PutUint16(dst[2*i:], h)
	}
	return bad
}

// DecodeFloat16 sets dst to the float16 of row, two bytes an element.
func DecodeFloat16(dst []float32, row []byte) {
	row = row[:2*len(dst)]
	for len(dst) >= 4 && len(row) >= 8 {
		u := binary.LittleEndian.Uint64(row)
		dst[0], dst[1] = Float16Value(uint16(u)), Float16Value(uint16(u>>16))
		dst[2], dst[3] = Float16Value(uint16(u>>32)), Float16Value(uint16(u>>48))
		dst, row = dst[4:], row[8:]
	}
	for i := range dst {
		dst[i] = Float16Value(binary.LittleEndian.Uint16(row[2*i:]))
	}
}

// DecodeBFloat16 sets dst to the bfloat16 of row, two bytes an element.
func DecodeBFloat16(dst []float32, row []byte) {
	row = row[:2*len(dst)]
	for len(dst) >= 4 && len(row) >= 8 {
		u := binary.LittleEndian.Uint64(row)
		dst[0], dst[1] = BFloat16Value(uint16(u)), BFloat16Value(uint16(u>>16))
		dst[2], dst[3] = BFloat16Value(uint16(u>>32)), BFloat16Value(uint16(u>>48))
		dst, row = dst[4:], row[8:]
	}
	for i := range dst {
		dst[i] = BFloat16Value(binary.LittleEndian.Uint16(row[2*i:]))
	}
}

// halfPortable computes the distance of q and the elements of row from number
// from on, which it widens piece by piece.
func halfPortable(e Element, m Measure, q []float32, row []byte, from int) float32 {
	var buf [128]float32
	sum := float32(0)
	for from < len(q) {
		n := min(len(q)-from, len(buf))
		if e == Float16s {
			DecodeFloat16(buf[:n], row[2*from:])
		} else {
			DecodeBFloat16(buf[:n], row[2*from:])
		}
		if m == MeasureL2 {
			sum += l2RowPortable(q[from:from+n], buf[:n])
		} else {
			sum += ipRowPortable(q[from:from+n], buf[:n])
		}
		from += n
	}
	return sum
}

// halfRowsPortable sets out[i] to the distance of q and row ids[i], or row i
// without ids.
func halfRowsPortable(e Element, m Measure, q []float32, rows []byte, ids []uint32, out []float32) {
	for i := range out {
		out[i] = halfPortable(e, m, q, rowAt(rows, 2*len(q), ids, i), 0)
	}
}
